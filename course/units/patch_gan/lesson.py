# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Find the false places
#
# {{ minutes 5 }}
#
# Three places of this photograph are not real: they were cut out and filled by a method that only spreads colours from the rim. **Find them**, before you read on. Where did you look? Probably not at the picture as a whole: you went over it, patch by patch.

# %%
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, layers, losses, masks, models, published, train, viz
from inpaintlib.models.critics import crop_at_hole
from inpaintlib.reproduce.results import in_words, stored

cat = F.interpolate(data.load_photo("chelsea")[..., 75:375], (192, 192), mode="area")
places = torch.ones(1, 1, 192, 192)  # 1 = known, 0 = hole
for row, column in ((30, 120), (100, 40), (140, 110)):
    places[..., row : row + 24, column : column + 26] = 0
forged = baselines.biharmonic(cat * places, places)
viz.show(
    viz.image_row([forged[0]], width=4.5),
    alt="The face of a cat. Above its right eye, on its left cheek and beside its nose the fur is smooth and blurred.",
    caption="Three patches of this cat were never photographed.",
)

# %% [markdown]
# The [Context Encoder](unit:context_encoder) had an adversary that looked at a picture and said **one number** for all of it: real, or filled. For a hole in the middle that is enough. Now the holes are free-form: anywhere, of any shape, several at once. One number cannot say
# *which* of three places is false, and a generator that is told only "false" has to guess.
#
# This lesson gives the generator a jury: an adversary that judges **patch by patch**. It needs three things: a network with many answers, a loss that lets good answers rest, and a hold on how steep the adversary may get. There are two schools for the last one, and both are in this lesson:
# **SN-PatchGAN with the hinge loss**, and **WGAN-GP**. Each has one half of the lesson, with a place to stop between them. (As before, an adversary whose answer is a raw score, higher = more real, is called a *critic*.)
#
# ## A jury instead of a judge
#
# {{ minutes 10 }}
#
# Take a critic of convolutions only, and leave out the last layer that would melt everything into one number. What remains is a map of scores. Each score sees its own part of the picture: a *patch critic*. The one of Yu et al. ([@yu2019freeform]) is made of convolutions of 5 x 5 with stride 2, followed by leaky ReLUs. The
# mask is laid beside the picture as a fourth channel, and each convolution has its *spectral norm* held at 1 (below). Hence **SN-PatchGAN**.

# %%
predict("patch_gan/field_of_three")

# %% tags=["compare"]
print("layers   one score sees   scores of a picture of 256   of 32")
for n in range(1, 7):
    field = layers.receptive_field([(5, 2, 1)] * n)[-1]
    large, small = (f"{side >> n} x {side >> n}" for side in (256, 32))
    print(f"{n:6d}   {field:14d}   {large:>26}   {small if n <= 3 else '-':>7}")

jury = models.critic("sn_patch", size=256)
scores = jury(torch.rand(1, 3, 256, 256), torch.ones(1, 1, 256, 256))
weights = models.summary(jury, size=256).total
print(f"the critic of the paper, 256 x 256: {tuple(scores.shape[1:])} scores, {weights:,} weights")

# %% [markdown]
# Two surprises. The paper's critic has six layers, and each of its scores sees nearly *all* of the picture. "Patch" is a matter of where a score has its middle, and of how its weights fall off from there. And a score is not one number a place but one for each of 256 channels: a jury with 256 different eyes at each place. (With so many
# layers at 32 x 32 a single place would be left, so ours has three.)
#
# ### Why not look at the hole alone?
#
# An older answer ([@iizuka2017globally], taken over by [@yu2018generative]) was a pair: a *global critic* for the whole picture, and a *local critic* for a window cut out around the hole. Its window is half as wide as the picture, centred on the box around the hole. Watch what becomes of it when holes are free-form:

# %%
predict("patch_gan/local_window")

# %%
chance = torch.Generator().manual_seed(4)
families = {"boxes": masks.boxes, "strokes": masks.strokes, "lines": masks.lines}
places_of = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
where = torch.stack(places_of)[None]  # (1, 2, 32, 32): row and column of each pixel
row, notes = {}, []
for name, family in families.items():
    m = family(200, 32, generator=chance).float()
    inside = (1 - crop_at_hole(m, m, 16)).sum((1, 2, 3)) / (1 - m).sum((1, 2, 3))
    top, left = crop_at_hole(where.expand(200, -1, -1, -1), m, 16)[0, :, 0, 0].int().tolist()
    shown = 0.5 + 0.5 * m[0, 0]
    shown[top : top + 16, left : left + 16] = m[0, 0, top : top + 16, left : left + 16] * 0.8
    row[name] = shown
    notes.append(f"{inside.mean():.0%} inside")
viz.show(
    viz.image_row(row, notes=notes, width=6.5),
    alt="Three small masks with a darker square, the window, in each. The box lies inside its square; strokes and lines reach far out of it.",
    caption="The window of the local critic (darker square), and the share of the hole that lies inside it, mean over 200 masks.",
)

# %% [markdown]
# Black is what the window holds of the hole, grey what lies outside of it: that the local critic never sees. For boxes the pair works. A patch critic has no window to place: wherever the hole is, some scores look at it.
#
# ## The hinge loss: who is right may rest
#
# {{ minutes 5 }}
#
# A critic gives real patches scores $D(x)$ and filled ones scores $D(G)$. The *hinge loss* ([@lim2017geometric]) asks for $+1$ and $-1$, **and not for more**:
#
# $$ L_D = \mathbb E\,[\max(0,\, 1 - D(x))] + \mathbb E\,[\max(0,\, 1 + D(G))], \qquad L_G = -\,\mathbb E\,[D(G)]. $$
#
# ($\mathbb E$ is the mean over all scores of all pictures.) By hand, with two real scores 2 and 0.5 and two filled ones $-1$ and 0:

# %%
predict("patch_gan/hinge_by_hand")

# %% tags=["compare"]
real, filled = torch.tensor([2.0, 0.5], requires_grad=True), torch.tensor([-1.0, 0.0], requires_grad=True)
of_real, of_filled = F.relu(1 - real), F.relu(1 + filled)
loss = of_real.mean() + of_filled.mean()
loss.backward()
print("real    2.0, 0.5:", of_real.tolist(), " mean", of_real.mean().item())
print("filled -1.0, 0.0:", of_filled.tolist(), " mean", of_filled.mean().item())
print("critic's loss:", loss.item(), "  the library says", losses.hinge_critic(real, filled).item())
print("pull on each score:", (0 - real.grad).tolist(), (0 - filled.grad).tolist())
print("generator's loss:", losses.hinge_generator(filled).item())

# %% [markdown]
# Look at the pull: the real score of 2 and the filled one of $-1$ are right by a margin, and nobody pulls at them. The critic spends its weights on the patches that it cannot tell yet. Beside it the loss of the Context Encoder's adversary, the cross entropy:

# %%
score = torch.linspace(-3, 3, 121)
figure, axes = viz.figure(6.8, 2.8, 1, 2, sharey=True)
for ax, title, hinge, entropy in (
    (axes[0, 0], "real patch", F.relu(1 - score), F.softplus(-score)),
    (axes[0, 1], "filled patch", F.relu(1 + score), F.softplus(score)),
):
    ax.plot(score, hinge, label="hinge")
    ax.plot(score, entropy, label="cross entropy")
    ax.set(title=title, xlabel="score")
axes[0, 0].set_ylabel("critic's loss")
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two panels, mirror images. For a real patch the hinge falls in a straight line to 0 at a score of 1 and stays 0; the cross entropy bends and never quite reaches 0.",
    caption="The hinge is done at a margin of 1. Cross entropy always wants a little more.",
)

# %% [markdown]
# One trap is peculiar to juries. A picture has many scores. Must one take the mean *before* the hinge, or after?

# %%
predict("patch_gan/mean_first")

# %% tags=["compare"]
patches = torch.tensor([4.0, -2.0])  # two patches of one real picture: one looks very real, the other false
print("mean of the hinges (right):", F.relu(1 - patches).mean().item())
print("hinge of the mean (wrong): ", F.relu(1 - patches.mean()).item())

# %% [markdown]
# With the mean first, one splendid patch pays for a bad one, and the jury is a judge again.
#
# ## A map of scores
#
# {{ minutes 10 }}
#
# Let us teach a small jury (three layers, as for 32 x 32) to tell photographs from their forgeries. To make it hard, **it is not told where the holes are**: its mask is all ones. It has to look.

# %%
steps = {"quick": 300, "full": 3000}[inpaintlib.profile()]
torch.manual_seed(0)
chance = torch.Generator().manual_seed(0)
crops = data.load_images("photos")  # 32 x 32 crops of the embedded photographs; the cat is not among them
x = crops.float(torch.randperm(len(crops), generator=chance)[:400])
holes = masks.boxes(400, 32, generator=chance, side=(10, 18)).float()
fakes = baselines.biharmonic(x * holes, holes)
blind = torch.ones(16, 1, 32, 32)  # tells the critic nothing

jury = models.critic("sn_patch", size=32, width=24)
optimiser = torch.optim.Adam(jury.parameters(), lr=4e-3, betas=(0.5, 0.999))
for _ in range(steps):
    chosen = torch.randint(320, (16,), generator=chance)  # the last 80 are kept aside
    loss = losses.hinge_critic(jury(x[chosen], blind), jury(fakes[chosen], blind))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
jury.eval()
with torch.no_grad():
    one = torch.ones(80, 1, 32, 32)
    on_real, on_fake = (jury(p[320:], one).mean((1, 2, 3)) for p in (x, fakes))
print(f"critic's loss at the end {loss.item():.3f} (2: it knows nothing)")
print(f"real picture above its own forgery in {(on_real > on_fake).float().mean():.0%} of 80 pairs that it never saw")
print(f"mean score of real {on_real.mean():+.3f}, of filled {on_fake.mean():+.3f}; from picture to picture it varies by {on_real.std():.3f}")

# %% [markdown]
# *How this was computed: crops of the embedded photographs, boxes filled by the biharmonic equation, a few hundred steps.* Now the cat. The network has convolutions only, so it takes a picture of 192 x 192 as well and answers with 24 x 24 places. Which picture will show the three patches: the map of scores, or the *change* of the map?

# %%
predict("patch_gan/which_map")

# %%
with torch.no_grad():
    all_known = torch.ones_like(places)
    of_cat, of_forged = (jury(p, all_known).mean(1)[0] for p in (cat, forged))  # (24, 24): mean over the channels
change = of_forged - of_cat
low, high = of_forged.min(), of_forged.max()
viz.show(
    viz.image_row(
        {
            "forged": forged[0],
            "its scores": (of_forged - low) / (high - low),
            "minus the original's": 0.5 + 0.5 * change / change.abs().max(),
        },
        notes=["", "dark: looks false", "dark: fell by the filling"],
        width=8.5,
    ),
    alt="The forged cat; a map of its scores, in which light and dark follow fur, eyes and background; and the difference of the two maps: "
    "even grey with three dark spots, just where the patches were filled.",
    caption="A jury of 24 x 24, mean over its channels.",
)

# %% [markdown]
# The map by itself says more about cats than about forgeries: some textures look "real" to this critic, some do not, filled or not. **A score means nothing by itself.** Only against the original's do three spots appear, right at the three places. (The real SN-PatchGAN is told the mask, which takes some of that away.) Keep this in mind for later:
# when we ask whether a critic is right, we compare real with filled, and draw the line between the two means.
#
# For the generator that is good news. Its gradient asks only *which change of which pixel would raise the scores*, and a score that sees no pixel of the hole is silent: no change can touch it.

# %% [markdown]
# ## Steeper is not wiser
#
# {{ minutes 15 }}
#
# There is a cheap way to please the hinge. Suppose that a critic tells real from filled, but weakly: scores of $+0.1$ and $-0.1$. It multiplies its last weights by ten. Has it learned anything?

# %%
predict("patch_gan/times_ten")

# %% tags=["compare"]
for factor in (1, 5, 10):
    weak = torch.full((4,), 0.1) * factor
    print(f"scores +-{0.1 * factor:.1f}: critic's loss {losses.hinge_critic(weak, -weak).item():.2f}")

# %% [markdown]
# The loss is gone, the knowledge is the same. Worse, such a critic is ten times as **steep**: a tiny change of a pixel changes the score much, and the generator is thrown about. An adversary is a teacher only while it answers in proportion. So its steepness must be held.
#
# How steep can a layer be? A layer $y = W v$ turns a vector into another one; its steepness is how many times longer it can make one. That is the *spectral norm* $\sigma(W)$. (A matrix makes an ellipse of a circle; the lengths of its half axes are the *singular values* of the matrix, and this is the largest.) Dividing by it ([@miyato2018spectral]),
#
# $$ W_{SN} = W / \sigma(W), $$
#
# gives a layer that makes nothing longer; leaky ReLUs do not either; nor does a whole chain of both. But how does one get $\sigma$ cheaply, at each step anew? By hand, on a small matrix:

# %%
predict("patch_gan/largest_stretch")

# %% tags=["compare"]
W = torch.tensor([[3.0, 0.0], [4.0, 5.0]])
u = torch.tensor([1.0, 0.0])
print("step   v = W'u / |W'u|    u = Wv / |Wv|      sigma = u'Wv")
for step in range(1, 6):
    v = W.T @ u
    v = v / v.norm()
    u = W @ v
    u = u / u.norm()
    print(f"{step:4d}   ({v[0]:.4f}, {v[1]:.4f})   ({u[0]:.4f}, {u[1]:.4f})   {u @ W @ v:.5f}")
print("singular values:", [f"{s:.5f}" for s in torch.linalg.svdvals(W).tolist()], "  square root of 45:", f"{45**0.5:.5f}")
sigma = u @ W @ v
print("norm of W / sigma:", f"{torch.linalg.matrix_norm(W / sigma, 2):.4f}", "  root of the sum of squares:", f"{W.norm():.4f}")

# %% [markdown]
# That is a *power iteration*: send a vector through $W^\top$ and $W$ again and again, and bring it back to length 1 in between. At each round the part along the direction that is stretched most grows in comparison. Here the squares of the singular values are 45 and 5, so the part along the other direction shrinks to a ninth of its share in each round, and the error of sigma, which depends on its square, faster still. (In the table $W'$ and $u'$ are $W$ and $u$ transposed.) In pictures:

# %%
angle = torch.linspace(0, 2 * torch.pi, 200)
circle = torch.stack([angle.cos(), angle.sin()])
figure, axes = viz.figure(6.8, 3.3, 1, 2)
for ax, points, title in ((axes[0, 0], circle, "vectors of length 1"), (axes[0, 1], W @ circle, "what W makes of them")):
    ax.plot(*points, linestyle="-")
    ax.set(title=title, aspect="equal", xlabel="first coordinate")
axes[0, 0].set_ylabel("second coordinate")
u = torch.tensor([1.0, 0.0])
for step, (colour, line) in enumerate([(viz.VERMILLION, ":"), (viz.GREEN, "--"), (viz.PURPLE, "-")]):
    v = F.normalize(W.T @ u, dim=0)
    u = F.normalize(W @ v, dim=0)
    for ax, tip in ((axes[0, 0], v), (axes[0, 1], W @ v)):
        ax.plot([0, tip[0]], [0, tip[1]], color=colour, linestyle=line, marker="o", label=f"round {step + 1}")
axes[0, 0].legend(loc="lower left", fontsize=9)
viz.show(
    figure,
    alt="A circle with three radii that turn quickly towards one direction; and the ellipse that W makes of the circle, with the three images, the last one along its long axis.",
    caption="Within three rounds the vector lies along the direction that is stretched most; its image is the long half axis of the ellipse.",
)

# %% [markdown]
# In training the weights move little from step to step, so `spectral_norm` of PyTorch keeps its $u$ and does **one** round each time the layer is run in training, and none in `eval()`: the estimate follows the weights. It costs next to nothing.
#
# ### A convolution is not its table of weights
#
# The weights of a convolution are a table of four dimensions $(C_{out}, C_{in}, k, k)$. Everybody lays them out as a matrix with one row for each output channel, and takes the spectral norm of *that*. Take a kernel of 3 x 3 whose nine weights are 1/3. Its only row has the length 1. Are the pictures it makes no longer than those it gets?

# %%
predict("patch_gan/thirds")

# %%
def stretch(weight, size, stride=1, padding=0, rounds=60):
    """How many times longer a convolution makes a picture at most: power iteration on pictures."""
    x = torch.rand(1, weight.shape[1], size, size)
    for _ in range(rounds):
        y = F.conv2d(x / x.norm(), weight, stride=stride, padding=padding)
        x = F.conv_transpose2d(y, weight, stride=stride, padding=padding, output_padding=stride - 1)
    return y.norm().item()


thirds = torch.full((1, 1, 3, 3), 1 / 3)
as_matrix = torch.linalg.matrix_norm(thirds.flatten(1), 2)
print(f"nine thirds:          as a matrix {as_matrix:.2f}, on pictures {stretch(thirds, 32, padding=1):.2f}")
convolutions = [m for m in jury.modules() if isinstance(m, nn.Conv2d)]
for number, (conv, size) in enumerate(zip(convolutions, (32, 16, 8), strict=True), 1):
    weight = conv.weight.detach()
    as_matrix = torch.linalg.matrix_norm(weight.flatten(1), 2)
    print(f"layer {number} of our jury:  as a matrix {as_matrix:.2f}, on pictures {stretch(weight, size, 2, 2):.2f}")

# %% [markdown]
# *How this was computed: 60 rounds of power iteration, with the convolution and its transpose in place of the matrix.* (Where a layer's table is not exactly at 1, its one round a step lags a little behind the training.) A flat picture meets all nine weights with the same sign, at every place at once. So holding the table's norm at 1 does not hold the layer's at 1. But it does hold it below a bound. Each window comes out no longer than it went in, and a pixel lies in at most nine windows (with a kernel of 3 x 3 as with ours of 5 x 5 and stride 2). So all answers together are at most $\sqrt 9 = 3$ times as long as the picture, whatever the training does. That is what the method needs. But do not say that
# such a critic "has slope 1": it need not even come near.
#
# ## Half-way: what is known so far
#
# A good place to stop. The first school is complete; to begin again with, here it is in five sentences:
#
# - A critic of convolutions only gives **a score for each place**, so it needs no window around the hole.
# - The **hinge** asks for $+1$ on real and $-1$ on filled patches, *before* any mean is taken; who is right by that margin is left alone.
# - A score by itself says little. What the generator hears is how the score would *change* with each pixel.
# - A critic that gets steeper looks better and teaches worse, so its **slope must be held**.
# - **Spectral norm** divides each layer's table of weights by its largest stretch, found by one round of power iteration at each step.
#
# Open is whether a lid on the slope is the best hold, which is where the other school begins; then how such a game is played, and whether it is worth it. When you come back, click on this text and choose *Run > Run All Above Selected Cell*: the second half goes on
# with the forgeries and the functions from above.
#
# ## The other school: a slope of one, everywhere
#
# {{ minutes 10 }}
#
# *WGAN* ([@arjovsky2017wasserstein]) starts from another question: *how far apart are two heaps?* Real scores in one heap, filled in the other: how much earth must be carried how far? Take real pictures at the places 1 and 3 of a line, filled ones at 0 and 1. Carry 0 to 1 and 1 to 3: three steps with two grains, a distance of 1.5. There is a second
# way to find it: let a critic $D$ with **slope at most 1** have as large a gap between the means as it can.

# %%
predict("patch_gan/slope_ten")

# %% tags=["compare"]
real_at, filled_at = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
for slope in (1, 2, 10):
    loss = losses.wgan_critic(slope * real_at, slope * filled_at)
    print(f"critic D(x) = {slope} x: gap of the means {-loss:.1f}, loss {loss:.1f}")

# %% [markdown]
# With slope 1 the gap *is* the distance; without a limit it is whatever one likes. The critic's loss is minus the gap, plus a **gradient penalty** (the *GP* of *WGAN-GP*, [@gulrajani2017improved]) that holds the slope where it matters, on the way from a filled picture to a real one:
#
# $$ L_D = \mathbb E[D(G)] - \mathbb E[D(x)] + \lambda\,\mathbb E\big[(\lVert \nabla_{\hat x} D(\hat x)\rVert_2 - 1)^2\big], \qquad \hat x = x + t\,(G - x),\quad t \text{ drawn from } [0, 1] \text{ for each picture}. $$
#
# Here $\lambda$ is the penalty's weight (10, as in the paper), $\hat x$ a mixture of a real and a filled picture, and $\nabla_{\hat x} D(\hat x)$ lists the slopes of its score, one for each number of the picture.
#
# All three losses on the simplest pictures there are, single numbers: real ones near 2, filled ones near $-2$. What does each critic look like after training? What matters is its **slope at the filled ones**: that is all the generator will ever hear.

# %%
def line_critic(hold):
    """From one number to a score; hold: wrapped around each layer."""
    first, second, last = (hold(nn.Linear(*sizes)) for sizes in ((1, 32), (32, 32), (32, 1)))
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)


def teach(game, steps):
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    critic = line_critic(spectral_norm if game == "hinge" else nn.Identity())
    optimiser = torch.optim.Adam(critic.parameters(), lr=5e-3, betas=(0.5, 0.999))
    for _ in range(steps):
        real, fake = (middle + 0.4 * torch.randn(64, 1, generator=chance) for middle in (2, -2))
        if game == "hinge":
            loss = losses.hinge_critic(critic(real), critic(fake))
        elif game == "cross entropy":
            loss = losses.bce_critic(critic(real), critic(fake))
        else:
            between = torch.lerp(fake, real, torch.rand(64, 1, generator=chance)).requires_grad_()
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            loss = losses.wgan_critic(critic(real), critic(fake)) + 10 * (slope.norm(dim=1) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return critic.eval()


games = ("cross entropy", "hinge", "WGAN-GP")
line = torch.linspace(-4, 4, 161)[:, None]
figure, axes = viz.figure(7.2, 2.7, 1, 3)
print(f"{'':14} {'slope at the filled ones after 60 steps':>40} {'300 steps':>10}")
for ax, game in zip(axes[0], games, strict=True):
    slopes = []
    for steps in (60, 300):
        critic = teach(game, steps)
        at = torch.tensor([[-2.0]], requires_grad=True)
        (slope,) = torch.autograd.grad(critic(at).sum(), at)
        slopes.append(slope.item())
    print(f"{game:14} {slopes[0]:40.2f} {slopes[1]:10.2f}")
    with torch.no_grad():
        ax.plot(line, critic(line))
    ax.plot([2, 2.3, 1.7], [0, 0, 0], "^", color=viz.GREEN, label="real")
    ax.plot([-2, -2.3, -1.7], [0, 0, 0], "s", color=viz.VERMILLION, label="filled")
    ax.set(title=game, xlabel="picture (one number)")
axes[0, 0].set_ylabel("score")
axes[0, 0].legend(loc="upper left", fontsize=9)
viz.show(
    figure,
    alt="Three rising curves of score against a number. Cross entropy rises by about forty from left to right; the hinge with spectral norm rises gently from about minus one and a half to one and a half; WGAN-GP is nearly a straight line of slope one.",
    caption="Three critics of the same two heaps. Mind the scales of the vertical axes.",
)

# %% [markdown]
# *How this was computed: a critic with two hidden layers of 32 for each, the same numbers, the same optimiser.* The unheld critic gets steeper the longer it trains, and with it the generator's steps. The spectral norm is a **lid**: below it anything may happen. The penalty is a **target**: it pulls the slope *to* 1, from above and from below. Why not exactly to 1? The means are 4 apart, so a slope of $s$ earns a gap of $4 s$, and the sum $-4 s + 10 (s - 1)^2$ is least at $s = 1.2$. The two terms make a bargain, and a larger $\lambda$ brings it nearer to 1.

# %% [markdown]
# ## Whose norm?
#
# {{ minutes 10 }}
#
# $\lVert \nabla D\rVert$ looks innocent. For a batch of pictures the gradient has four dimensions, $(B, C, H, W)$. **Which of them go into the norm?** A small batch: two pictures of two channels with two pixels each, and these slopes:

# %%
slope = torch.tensor([[[[0.6, 0.0]], [[0.8, 0.0]]], [[[0.5, 0.5]], [[0.5, 0.5]]]])  # (B, C, H, W) = (2, 2, 1, 2)
for i, one_slope in enumerate(slope):
    print(f"picture {i + 1}:", [round(s, 1) for s in one_slope.flatten().tolist()])

# %%
predict("patch_gan/whose_norm")

# %% tags=["compare"]
norms = {
    "each picture over all of its numbers": slope.flatten(1).norm(dim=1),
    "the whole batch at once": slope.norm(),
    "each pixel over its channels": slope.norm(dim=1),
}
for name, norm in norms.items():
    print(f"{name:38} norms {[round(n, 3) for n in norm.flatten().tolist()]}, penalty {(norm - 1).square().mean():.3f}")

# %% [markdown]
# Only the first is meant: a picture is one point, and its slope one vector. The other two stand in public code: one toolbox calls `norm(2, dim=1)` on the four-dimensional gradient, which is the norm over the *channels*, pixel by pixel. All three run, and all three go down in training. What do they hold? Here are three critics of pictures, trained with one of them each, in
# batches of 8. Then we measure what counts: the slope of single pictures.

# %%
predict("patch_gan/batch_of_eight")

# %%
WHOSE = {
    "each picture": lambda slope: slope.flatten(1).norm(dim=1),
    "the whole batch": lambda slope: slope.norm(),
    "each pixel": lambda slope: slope.norm(dim=1),
}


def slope_of(critic, at, **options):
    """The gradient of each score by its own picture, (B, C, H, W)."""
    at = at.detach().requires_grad_()
    return torch.autograd.grad(critic(at).sum(), at, **options)[0]


def penalised(whose, steps):
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    critic = models.critic("global", size=32, width=8)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
    for _ in range(steps):
        chosen = torch.randint(320, (8,), generator=chance)
        share = torch.rand(8, 1, 1, 1, generator=chance)
        slope = slope_of(critic, torch.lerp(x[chosen], fakes[chosen], share), create_graph=True)
        penalty = (WHOSE[whose](slope) - 1).square().mean()
        loss = losses.wgan_critic(critic(x[chosen]), critic(fakes[chosen])) + 10 * penalty
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return critic


halfway = (x[320:] + fakes[320:]) / 2
print(f"{'norm taken of':18} slope of a single picture")
for whose in WHOSE:
    norm = slope_of(penalised(whose, steps=100), halfway).flatten(1).norm(dim=1)
    print(f"{whose:18} {norm.mean():8.2f}   (from {norm.min():.2f} to {norm.max():.2f})")
print(f"for comparison: 1 / square root of 8 = {8**-0.5:.2f}, square root of 32 x 32 = {1024**0.5:.0f}")

# %% [markdown]
# *How this was computed: three small global critics, 100 steps each on the forgeries from above, slopes at 80 points halfway between pictures that were kept aside.* With the norm of the batch, eight pictures share a length of 1: each gets far less, and how much depends on the batch size, which nobody would suspect. With the norm of a pixel, the critic is *asked* to have a slope
# of 1 at every single pixel, together the root of their number: a wall instead of a slope. Nothing crashes. One learns little, the other is back at the unheld critic.
#
# Three more mistakes of that kind:
#
# - **The mean instead of the sum.** `grad(critic(x).mean(), x)` divides each picture's slope by the batch size. The sum is right: pictures do not meet inside of the critic, so each gets its own gradient.
# - **No `create_graph=True`.** Then the slope is a mere number, and the penalty teaches the critic nothing.
# - **Batch norm in the critic.** There pictures *do* meet, and "the slope of one picture" no longer exists. `fit_adversarial` refuses it:

# %% tags=["compare"]
pair = torch.rand(2, 3, 32, 32)
try:
    small, with_norm = models.create("gated_unet", size=32, width=4), models.critic("context", size=32, width=4)
    train.fit_adversarial(small, pair, masks.boxes, losses.l1, with_norm, adversarial="wgan_gp", epochs=1, batch_size=2)
except ValueError as error:
    print(error)

# %% [markdown]
# And one refinement, for inpainting: real and filled picture agree outside of the hole, so only the slope *in the hole* matters. Yu et al. multiply the gradient by the mask before the norm: `losses.gradient_penalty(..., hole_only=True)`.
#
# ## Two players, one optimiser setting
#
# {{ minutes 5 }}
#
# The smallest game that there is: one player moves $a$ to make the product $a\,b$ small, the other moves $b$ to make it large. Both stand still only at $(0, 0)$. Each uses Adam. We know its $\beta_1$, the share of the old direction that is kept: usually 0.9.

# %%
predict("patch_gan/momentum")

# %%
def play(beta, steps=150):
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    of_a, of_b = (torch.optim.Adam([p], lr=0.1, betas=(float(beta), 0.999)) for p in (a, b))
    path = [(1.0, 0.5)]
    for _ in range(steps):
        for optimiser, loss in ((of_b, lambda: -a.detach() * b), (of_a, lambda: a * b.detach())):
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()
        path.append((a.item(), b.item()))
    return torch.tensor(path)


figure, axes = viz.figure(7.2, 2.9, 1, 3, sharex=True, sharey=True)
for ax, beta in zip(axes[0], (0.9, 0.5, 0.0), strict=True):
    path = play(beta)
    ax.plot(*path.T, linewidth=1.2)
    ax.plot(*path[0], "o", color=viz.GREEN)
    ax.plot(0, 0, "x", color=viz.VERMILLION)
    ax.set(title=f"beta1 = {beta}", xlabel="a", aspect="equal")
    print(f"beta1 = {beta}: distance from the rest point at the start {path[0].norm():.2f}, after 150 steps {path[-1].norm():.2f}")
axes[0, 0].set_ylabel("b")
viz.show(
    figure,
    alt="Three paths around a cross. With beta one 0.9 the path spirals far outwards, with 0.5 a little, with 0 it circles without moving away.",
    caption="The same game, the same start (dot). The cross is where both would rest.",
)

# %% [markdown]
# Momentum is trust in the old direction, and in a game the other player has moved since. A $\beta_1$ of 0.5 only slows the flight: less momentum helps, and promises nothing. That is why adversarial training uses a $\beta_1$ of 0.5 or 0. What else is set differently:
#
# | | cross entropy, Context Encoder | hinge, SN-PatchGAN | WGAN-GP |
# |---|---|---|---|
# | what holds the slope | nothing | spectral norm of each layer | gradient penalty, weight 10 |
# | batch norm in the critic | yes | no need | forbidden |
# | steps of the critic for one of the generator | 1 | 1 | 5 in [@gulrajani2017improved], whose $\beta_1$ is 0; 1 in many an inpainter |
# | cost of a critic's step | 1 | 1 | about twice: a gradient of a gradient |
# | the critic's loss means | 1.386 = 2 log 2: knows nothing | 2: knows nothing | minus a distance: falls while it works |
# | learning rates | critic slower, or the network smaller | often the critic *faster* than the generator | equal |
#
# *How this was computed: it was not; these are settings of the sources named, and of the loss functions themselves.* And what did the course project behind this lesson use? It took a finished model and tested it; its report prints these settings of the model:

# %%
for key in ("iterations", "batch_size", "size", "box", "adversarial_weight", "gradient_penalty"):
    figure_of = published.get(f"s2.{key}")
    print(f"{figure_of.title:44} {figure_of.text}   {figure_of.note or ''}")

# %% [markdown]
# *How this was computed: it was not, by us; printed in the report (S2).* Read it twice. The chapter on losses explains the **hinge** with spectral normalisation; the table of settings has a **gradient penalty**, which only WGAN-GP needs. Both cannot describe the same training. Which of the two was measured? From the report one cannot know; the code that was run would tell.
# When you write a report, print the settings *from* the run.
#
# ## The game, played
#
# {{ minutes 5 }}
#
# Now everything together: a small network of [gated convolutions](unit:gated_convolution), boxes, a jury. First it learns by reconstruction alone; then the same network goes on, once alone and once against the jury. `fit_adversarial` is the loop that you know from the Context Encoder, with another game.

# %%
first, more = {"quick": (0.5, 0.25), "full": (12, 6)}[inpaintlib.profile()]  # passes over the pictures
pictures, test = data.load_images("auto", limit=4000), data.load_images("auto", split="test", limit=100)
print(pictures.source)
reconstruct = losses.parse("hole_l1+0.2*valid_l1")
plan = {"batch_size": 16, "ema": 0.98, "progress": False, "log_every": 5}
plan |= {"schedule": "constant", "optimizer": "adam_dcgan"}  # Adam with beta1 = 0.5, for all three alike
torch.manual_seed(0)
start = models.create("gated_unet", size=32, width=8)
train.fit(start, pictures, masks.boxes, reconstruct, epochs=first, lr=3e-3, **plan)


def copy_of(net):
    twin = models.create("gated_unet", **net.options)
    twin.load_state_dict(net.state_dict())
    return twin


alone, against = copy_of(start), copy_of(start)
train.fit(alone, pictures, masks.boxes, reconstruct, epochs=more, lr=2e-3, **plan)
torch.manual_seed(0)
history = train.fit_adversarial(
    against, pictures, masks.boxes, reconstruct, models.critic("sn_patch", size=32, width=16),
    adversarial="hinge", adversarial_weight=0.2, critic_lr=4e-3, lr=2e-3, epochs=more, **plan,
)  # fmt: skip

# %%
predict("patch_gan/loss_of_two")

# %%
viz.show(
    viz.curves(history, ["critic", "accuracy_real", "accuracy_fake"]),
    alt="Above, the loss of the critic, which starts near 2 and falls by a few hundredths. Below, the shares of "
    "real and of filled pictures that it judges rightly: both waver around a half, mostly one above and one below.",
    caption="The critic's loss, and how often it is right; the line is drawn between the two means.",
)

# %%
chosen, hole = test.float(slice(0, 6)), masks.benchmark("boxes")[:6].float()
filled = {"before": start, "alone": alone, "with jury": against}
viz.show(
    viz.image_grid(
        [*(chosen * hole), *(p for net in filled.values() for p in net.inpaint(chosen * hole, hole)), *chosen],
        columns=6,
        row_titles=["damaged", *filled, "original"],
        masks=[*hole, *[None] * 24],
        width=7,
    ),
    alt="Six small pictures in five rows: with hatched orange holes; filled before, after going on alone, and after going on against the jury, all three blurred and much alike; and the originals.",
    caption="A few seconds of training each. Can you see a difference?",
)

# %% [markdown]
# Honestly: hardly. Seconds suffice to see the game *run*: the critic's loss begins to leave 2, its two shares of right answers add up to a little more than a coin's, and nothing collapses. They do not suffice to say what an adversary is *good for*. For that one trains longer, with several seeds, and measures.
#
# ## What longer runs say
#
# {{ minutes 10 }}
#
# First, decide what you would look at.

# %%
predict("patch_gan/which_measure")

# %% [markdown]
# The study behind this lesson trains gated networks on free-form holes and on boxes: by reconstruction alone, against a hinge jury, and against WGAN-GP with its global and local critic; each with a small weight of the adversary. A last pair, on boxes ("patch gan"), has a jury whose word counts more. For each comparison it writes down the mean difference, its interval over the images, and the difference
# of each seed. We say "higher" or "lower" only if the interval leaves out 0 **and all seeds agree**.

# %%
def brief(name):
    """The name of a comparison, shorter."""
    for long, short in {
        "the same against SN-PatchGAN": "heavier jury", "gated on boxes": "alone", "gated, ": "", "gated": "alone"
    }.items():  # fmt: skip
        name = name.replace(long, short)
    return name


study = stored("s2")
rows = []
if study is None:
    print("Not measured yet in this copy of the course. It takes a while: python -m inpaintlib.reproduce s2 --budget small")
else:
    print(f"{study['seeds']} seeds of each, {study['test_images']} test images; budget: {study['budget']}")
    for table, differences in study["results"].items():
        kind, _, measure = table.partition(", ")
        if measure in ("PSNR", "perceptual"):
            rows += [(kind, measure, name, d) for name, d in differences.items() if "hinge" in name or "GAN" in name]
    print(f"\n{'holes':10} {'measured by':11} {'':24} {'difference':>17}   {'seed by seed':24} it is")
    for kind, measure, name, d in sorted(rows, key=lambda r: r[1]):
        seeds = ", ".join(f"{s:+.3f}" for s in d["seeds"])
        print(f"{kind:10} {measure:11} {brief(name):24} {d['mean']:+8.3f} ± {d['half']:6.3f}   {seeds:24} {in_words(d)}")

# %% [markdown]
# *How this was computed: `python -m inpaintlib.reproduce s2`; means over its test images, composited, PSNR in dB, perceptual distance on a feature network that no training has seen (smaller is better), ± half a 95 % confidence interval over images. All of it, with what each network reached, is in `docs/results/s2.md`.*

# %%
if rows:
    figure, axes = viz.figure(7.4, 3.6, 1, 2, sharey=True)
    labels = list(dict.fromkeys((kind, name) for kind, _, name, _ in rows))
    panels = {"PSNR": "PSNR (dB)\n(right is better)", "perceptual": "perceptual distance\n(left is better)"}
    for ax, (measure, unit) in zip(axes[0], panels.items(), strict=True):
        for i, label in enumerate(labels):
            for kind, m, name, d in rows:
                if (kind, name) == label and m == measure:
                    ax.errorbar(d["mean"], i, xerr=d["half"], fmt="o", color=viz.BLUE, capsize=4)
                    ax.plot(d["seeds"], [i + 0.25] * len(d["seeds"]), "x", color=viz.VERMILLION)
        ax.axvline(0, color=viz.INK, linewidth=1, linestyle=":")
        ax.set_xlabel(unit)
    texts = [f"{kind}: {brief(name)}" for kind, name in labels]
    axes[0, 0].set_yticks(range(len(labels)), texts, fontsize=9)
    viz.show(
        figure,
        alt="Two panels, PSNR and perceptual distance. One line for each comparison: a dot with an interval, and a cross for each seed, around a dotted line at 0; what each says stands in the table above.",
        caption="Dots: mean difference with its interval over images. Crosses: the seeds. Dotted: no difference.",
    )

# %%
if rows:
    for measure, better in (("PSNR", "higher"), ("perceptual", "lower")):
        told = [(kind, name, in_words(d)) for kind, m, name, d in rows if m == measure and not brief(name).endswith("WGAN-GP")]
        helped = [f"{kind}: {brief(name)}" for kind, name, word in told if word == better]
        hurt = [f"{kind}: {brief(name)}" for kind, name, word in told if word not in (better, "not to be told")]
        rest = len(told) - len(helped) - len(hurt)
        print(f"{measure}, {len(told)} comparisons: better in {len(helped)}, worse in {len(hurt)}, not to be told in {rest}")
        for words, cases in (("better", helped), ("worse", hurt)):
            print("".join(f"   {words}: {case}\n" for case in cases), end="")
    rival = [(kind, measure, in_words(d)) for kind, measure, name, d in rows if brief(name) == "hinge minus WGAN-GP"]
    print("Hinge against WGAN-GP:", "; ".join(f"{kind}, {measure}: {word}" for kind, measure, word in rival))

# %% [markdown]
# Read it with four thoughts in mind.
#
# - **Compare the sizes.** The crosses of one comparison can lie as far apart as two comparisons do. Seeds that share a sign say that there is something; how *much* it is, three of them hardly tell.
# - **The heavier jury shows the classic exchange**: nearer to photographs in what features see, farther from the one true picture in PSNR. Texture that is plausible and not exactly the true one costs squared error.
# - **Where an adversary with a small weight gains in PSNR too, be surprised, and look for the reason.** These networks are narrow and briefly trained, far from their best reconstruction, and a second opinion may help them on their way there. That is a guess. The test would be to train longer, and to see whether the gain stays. (`--budget full` does.)
# - **The winner depends on who trains it.** Hinge and WGAN-GP came with weights of different sizes, since their scores have different sizes; nobody knows whether they had the same say. A fair comparison gives both the same effort of tuning, says so, and repeats with other seeds. You will try in the [exercise](exercise:patch_gan).

# %% [markdown]
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("patch_gan/check_margin")

# %%
predict("patch_gan/check_silent")

# %%
predict("patch_gan/check_lid")

# %% [markdown]
# ## Common mistakes
#
# - **The mean before the hinge**: one splendid patch pays for a bad one.
# - **A hinge for the generator too**, $\max(0, 1 - D(G))$: it stops learning as soon as it pleases by a margin. Its loss is $-D(G)$.
# - **Not detaching the filled picture** in the critic's step: the generator is trained to please and to displease at once.
# - **The penalty's norm over the batch, or over one dimension**: per picture, over all of its numbers.
# - **`mean()` where the gradient needs `sum()`**: slopes are too small by the batch size.
# - **Batch norm with a gradient penalty.**
# - **Reading a score as a probability**, or the critic's loss as quality: both players move.
# - **Comparing two games at settings that were tuned for one of them**, or at different defaults: `fit` and `fit_adversarial` differ in schedule and optimiser unless you name them.
#
# ## Summary
#
# - A patch critic has a score for each place (and channel); it needs no window around the hole, so it suits free-form holes.
# - The hinge lets patches rest that are right by a margin; its critic's loss is 2 when it knows nothing.
# - Spectral norm is a lid on the slope, found by one round of power iteration a step; for convolutions it holds the table's norm at 1, and the layer's only below a bound.
# - WGAN-GP sets the slope to 1 between real and filled pictures; the norm is one picture's, over all of its numbers.
# - In a game, less momentum. And what an adversary is worth is measured by more than PSNR, over several seeds.
#
# Everything in this course so far meets in the [showdown](unit:showdown).
#
# ## Sources
#
# - [@yu2019freeform]: SN-PatchGAN.
# - [@iizuka2017globally]: the global and the local critic.
# - [@yu2018generative]: the same pair, with the distance and the penalty below.
# - [@isola2017image]: where the name PatchGAN comes from.
# - [@lim2017geometric]: the hinge.
# - [@miyato2018spectral]: the spectral norm.
# - [@arjovsky2017wasserstein]: the distance.
# - [@gulrajani2017improved]: the penalty.
