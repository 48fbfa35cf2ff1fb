# %% [markdown]
# {{ head }}

# %% [markdown]
# ## A picture through a keyhole
#
# {{ minutes 5 }}
#
# A small picture is 32 x 32 pixels in three colours: 3,072 numbers. Suppose that you may send only a few of them to a friend, who has to rebuild the picture.
# **How few are enough to recognise it?** Below, each picture was squeezed through 8, 48 and 200 numbers.

# %%
import torch
import torch.nn.functional as F
from torch import nn

import inpaintlib
from course.checks import predict
from inpaintlib import data, losses, masks, metrics, models, published, train, viz
from inpaintlib.models.base import start_weights
from inpaintlib.models.vanilla_unet import VanillaUNet

torch.manual_seed(0)
pictures = data.load_images("auto", split="train", limit=3000)
unseen = data.load_images("auto", split="test", limit=200)
print(pictures.source)


def squeeze(known, new, numbers):
    """Rebuild pictures from a few numbers each: the directions in which the known ones differ most."""
    mean = known.flatten(1).mean(0)
    _, _, directions = torch.svd_lowrank(
        known.flatten(1) - mean, q=numbers, niter=2
    )  # (3072, numbers)
    code = (new.flatten(1) - mean) @ directions  # what is sent
    return (mean + code @ directions.T).reshape(new.shape).clamp(0, 1)


some = unseen.float([2, 4, 8, 12, 19])
rows = {f"{n} numbers": squeeze(pictures.float(), some, n) for n in (8, 48, 200)}
viz.show(
    viz.image_grid(
        [*some, *(x for row in rows.values() for x in row)],
        columns=5,
        row_titles=["original", *rows],
        width=7,
    ),
    alt="Five small pictures in four rows: the originals; coloured clouds from 8 numbers; blurred "
    "shapes from 48; soft but recognisable pictures from 200.",
    caption="The same pictures after a passage through 8, 48 and 200 numbers.",
)

# %% [markdown]
# That was linear algebra (principal components). It works because pictures are not arbitrary: neighbouring pixels are alike, skies are above. Whoever knows what pictures
# are like needs few numbers to say which one it is. **A network that learns to pass pictures through a narrow place has to learn what pictures are like. That knowledge is what fills a hole.** This lesson builds such a network from its
# smallest part.
#
# ## One neuron
#
# {{ minutes 5 }}
#
# A *neuron* multiplies its inputs by weights, adds them up, adds a bias, and sends the result through a bent function, here $\mathrm{ReLU}(z) = \max(0, z)$:
#
# $$ y = \mathrm{ReLU}(w_1 x_1 + w_2 x_2 + w_3 x_3 + b). $$

# %%
predict("autoencoder/one_neuron")

# %% tags=["compare"]
x = torch.tensor([1.0, 2.0, 3.0])
w = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)
b = torch.tensor(-2.5, requires_grad=True)
z = (w * x).sum() + b
print("before the ReLU:", z.item(), "   after:", torch.relu(z).item())

# %% [markdown]
# Why bend at all? (Elsewhere the bend is called an *activation function*, or a nonlinearity.) Because without it, layer upon layer of weighted sums is one weighted sum: nothing is gained by depth. Common bends:

# %%
z = torch.linspace(-4, 4, 161)
figure, axes = viz.figure(6.5, 2.4, 1, 3, sharex=True)
bends = {"ReLU": torch.relu(z), "leaky ReLU": F.leaky_relu(z, 0.2), "sigmoid": torch.sigmoid(z)}
for ax, (name, values) in zip(axes[0], bends.items(), strict=True):
    ax.plot(z, values)
    ax.set(title=name, xlabel="sum z")
axes[0, 0].set_ylabel("output")
viz.show(
    figure,
    alt="Three curves. ReLU is 0 up to zero and then rises with slope one; leaky ReLU falls slightly to "
    "the left; the sigmoid climbs in an S from 0 to 1.",
    caption="ReLU in the layers, sigmoid at the end, where a value between 0 and 1 is wanted.",
)
print("softmax of (1, 2, 3):", torch.softmax(torch.tensor([1.0, 2.0, 3.0]), 0))

# %% [markdown]
# A relative for choices: *softmax* turns several numbers into positive ones that add up to 1, as probabilities do. Classifiers end with it, and [attention](unit:attention) is built on it.
#
# ## How it learns
#
# {{ minutes 5 }}
#
# Show it an example, compare its answer with the right one by a number that is larger the worse it is, the *loss*, and ask of each weight: *if I raise you a little, does the loss grow or shrink?* That is the derivative; those of all weights together are the *gradient*. Then move every weight a small step downhill, as you did with [nine numbers of a kernel](unit:convolution).
# The chain rule gives all derivatives in one pass from the end to the start (*backpropagation*). Two neurons in a row, without biases, show how. Forwards: $z = w_1 x$, $a = \mathrm{ReLU}(z)$, $y = w_2 a$, and the loss is $L = (y - t)^2$.
# With $x = 2$, $w_1 = 1.5$, $w_2 = 0.5$ and the right answer $t = 1$ one gets $z = a = 3$ and $y = 1.5$. Now backwards, each line from one that is already there:
#
# | derivative of the loss with respect to | is | here |
# |---|---|---|
# | the answer $y$ | $2\,(y - t)$ | 1 |
# | the weight $w_2$ | that of $y$, times $a$ | 3 |
# | the output $a$ | that of $y$, times $w_2$ | 0.5 |
# | the sum $z$ | that of $a$, times the slope of the ReLU (1, as $z > 0$) | 0.5 |
# | the weight $w_1$ | that of $z$, times $x$ | 1 |
#
# Nothing is computed twice, however many layers there are. `loss.backward()` does just this. In the next cell `w.grad = None` throws away the old derivatives, which PyTorch would add to the new ones, and
# `torch.no_grad()` says that the step itself is not to be differentiated.

# %% tags=["compare"]
target = 2.0
for step in range(4):
    y = (w * x).sum() + b  # without the ReLU here: it would be flat at 0, see below
    loss = (y - target) ** 2
    w.grad = b.grad = None
    loss.backward()
    by_hand = 2 * (y - target) * x  # the chain rule
    same = torch.allclose(w.grad, by_hand.detach())
    print(
        f"step {step}: answer {y.item():7.4f}, loss {loss.item():8.4f}, derivative as by hand: {same}"
    )
    with torch.no_grad():
        w -= 0.02 * w.grad
        b -= 0.02 * b.grad

# %% [markdown]
# (With the ReLU this neuron would have stayed as it is: its sum was negative, there the ReLU is flat, and a flat place has no downhill. A neuron for which this is so on every picture is called dead.)
#
# ## Which way downhill? Optimisers on one small problem
#
# {{ minutes 10 }}
#
# With two weights we can watch. The loss is a long narrow valley, steep across and shallow along, as losses of networks often are. Each method starts at the same place, takes 60 steps, and has a step size
# that was chosen for it by hand.

# %%
predict("autoencoder/valley")


# %%
def valley(p):
    """Steep in p[1], shallow in p[0]; the minimum is at (0, 0)."""
    return 0.5 * (p[0] ** 2 + 30 * p[1] ** 2)


def walk(make, steps=60):
    p = nn.Parameter(torch.tensor([-4.0, 1.0]))
    optimizer, path = make([p]), [p.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        valley(p).backward()
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)


walks = {
    "gradient descent": walk(lambda p: torch.optim.SGD(p, lr=0.06)),
    "with momentum": walk(lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.85)),
    "Adagrad": walk(lambda p: torch.optim.Adagrad(p, lr=0.7)),
    "Adam": walk(lambda p: torch.optim.Adam(p, lr=0.25)),
}
figure, axes = viz.figure(6.8, 4.2, 2, 2, sharex=True, sharey=True)
u, v = torch.meshgrid(torch.linspace(-4.6, 1.8, 120), torch.linspace(-1.5, 1.5, 90), indexing="xy")
for ax, (name, path) in zip(axes.flat, walks.items(), strict=True):
    ax.contour(u, v, valley((u, v)), levels=[0.2, 1, 3, 8, 16, 28], colors=viz.GREY, linewidths=0.7)
    ax.plot(path[:, 0], path[:, 1], "-o", markersize=2.5, linewidth=1)
    ax.plot(0, 0, "x", color=viz.VERMILLION)
    ax.set_title(f"{name}: loss {valley(path[-1]):.4f}")
for ax in axes[1]:
    ax.set_xlabel("first weight")
for ax in axes[:, 0]:
    ax.set_ylabel("second weight")
viz.show(
    figure,
    alt="Four maps of a long valley with a path each. Gradient descent zigzags across and creeps along; "
    "momentum swings in wide curves towards the minimum; Adagrad drops to the bottom of the valley and "
    "follows it, slower and slower; Adam goes down in one wide curve, overshoots and circles about the minimum.",
    caption="The same valley, four ways down, and the loss after the last step. The cross is the minimum.",
)

# %% [markdown]
# - **Gradient descent**: one step size for all weights. Too small along the valley, nearly too large across.
# - **Momentum** keeps part of the last step, like a ball that rolls.
# - **Adagrad** divides each weight's step by the root of the sum of its squared derivatives so far: steep directions are slowed. The sum only grows, so its steps shrink for ever. (One reads that it is of second order. It is not:
#   it squares *first* derivatives.)
# - **Adam** does both, with running means in place of sums; at the end it circles.
#
# A small valley is no race: with another step size each of the four draws another path. The course uses Adam because one step size serves it for many networks, steep and shallow. The step size, or *learning rate*, matters more than all of that:

# %% tags=["compare"]
for lr in (0.01, 0.06, 0.07):
    path = walk(lambda p, lr=lr: torch.optim.SGD(p, lr=lr))
    print(
        f"gradient descent with learning rate {lr}: loss {valley(path[-1]).item():.3g} after 60 steps"
    )

# %% [markdown]
# Across the valley the derivative is 30 times the distance from the bottom. So with a learning rate above 2/30 a step lands farther away on the other side than it started, and the next one farther still.
#
# ## A batch at a time
#
# {{ minutes 5 }}
#
# A real loss is a mean over all images. To look at all of them before each step would be slow, so each step takes a few, a *batch*: its mean derivative points downhill *on average*. One pass over all images is an *epoch*, one step an *iteration*.

# %%
predict("autoencoder/iterations")

# %% tags=["compare"]
images, batch = published.get("s0.train_images").value, published.get("s4.batch_size").value
print(f"{images:,} images in batches of {batch}: {images // batch:,} iterations an epoch")

# %% [markdown]
# ## Why convolutions?
#
# {{ minutes 5 }}
#
# A layer of neurons in which each looks at *every* number of the picture is called fully connected. Compare it with a convolution, a neuron that looks at 3 x 3 pixels and is used again at each place. (The pictures
# below are moved in a circle: what leaves on one side comes in on the other, so that nothing is lost at the border.)

# %% tags=["compare"]
dense = nn.Linear(3072, 3072)
conv = nn.Conv2d(3, 32, 3, padding=1)
for name, layer in {
    "fully connected, 3,072 to 3,072": dense,
    "convolution, 3 to 32 channels": conv,
}.items():
    print(f"{name:32} {sum(p.numel() for p in layer.parameters()):>10,} parameters")

circular = nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular")
x = some[:1]
with torch.no_grad():
    moved_then_layer = circular(x.roll(5, 3))
    layer_then_moved = circular(x).roll(5, 3)
    dense_moved = dense(x.roll(5, 3).flatten(1)).reshape(x.shape)
    moved_dense = dense(x.flatten(1)).reshape(x.shape).roll(5, 3)
print(
    "convolution: moving the picture moves the answer:",
    torch.allclose(moved_then_layer, layer_then_moved, atol=1e-6),
)
print("fully connected, the same:", torch.allclose(dense_moved, moved_dense, atol=1e-6))

# %% [markdown]
# | | fully connected | convolutional |
# |---|---|---|
# | sees | every pixel | a window; with depth, more and more |
# | weights | one for each pair of input and output | one small kernel, shared by all places |
# | a cat moved by five pixels | is a new thing to learn | gives the same answer, five pixels on |
# | picture of another size | impossible | no difference |
#
# ## A convolutional autoencoder
#
# {{ minutes 20 }}
#
# *Encoder*: convolutions with stride 2 make the picture smaller and its channels more. *Decoder*: the way back. In the middle is the *bottleneck*; what stands there is called the *code*, or a point in *latent space*. Nobody labels anything: the right answer is the input itself.
#
# The way back needs a layer that makes pictures *larger*: `nn.ConvTranspose2d`. Each pixel of the small picture lays the kernel, times its own value, onto the large one, with stride 2 always two pixels farther on; where
# kernels overlap, they are added. `nn.Sequential` runs layers one after the other.
#
# | way of learning | right answers come from | example |
# |---|---|---|
# | supervised | people who label | "this is a frog" |
# | unsupervised, and self-supervised | the data themselves | autoencoder; **inpainting: hide pixels, ask for them back** |
# | reinforcement | rewards after acting | a game |
#
# Before anything is learned, the weights are drawn by chance. How large should they be? Send a picture through a stack of ten fresh layers and watch how much of it is left:


# %%
def spread_through(layers):
    """How much the pictures differ from each other after each layer."""
    x, spreads = some - 0.5, []
    with torch.no_grad():
        for layer in layers:
            x = torch.relu(layer(x))
            spreads.append(x.std(0).mean().item())
    return spreads


torch.manual_seed(0)
stack = nn.ModuleList(nn.Conv2d(3 if i == 0 else 32, 32, 3, padding=1) for i in range(10))
faded = spread_through(stack)
start_weights(stack)  # Glorot and Bengio's rule: wide enough that the signal goes on
kept = spread_through(stack)
figure, axes = viz.figure(6.5, 2.5)
axes[0, 0].plot(range(1, 11), kept, "-o", label="Glorot's rule")
axes[0, 0].plot(range(1, 11), faded, "--s", label="torch's default")
axes[0, 0].set(xlabel="layer", ylabel="difference of pictures", yscale="log")
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two falling curves over ten layers on a logarithmic axis. With torch's default weights the "
    "differences between pictures fall much faster than with Glorot's rule.",
    caption="Small first weights, and after a few layers all pictures look alike to the network.",
)

# %% [markdown]
# A network in which every picture arrives as the same grey has little to learn from until its weights have grown. Glorot and Bengio's rule ([@glorot2010understanding]) draws each weight evenly between $-r$ and $r$ with
# $r = \sqrt{6 / (n_\mathrm{in} + n_\mathrm{out})}$, where a neuron has $n_\mathrm{in}$ inputs and each input goes to $n_\mathrm{out}$ neurons: the more terms in a sum, the smaller each. (Its curve falls as well, if less: the rule does not count what the ReLU cuts off. He and his colleagues ([@he2015delving]) double the variance for that.)
#
# Here is an autoencoder, and the whole training loop.


# %%
def autoencoder(code_channels):
    return nn.Sequential(
        nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.ReLU(),  # (B, 24, 16, 16)
        nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.ReLU(),  # (B, 48, 8, 8)
        nn.Conv2d(48, code_channels, 3, stride=2, padding=1),  # the code, (B, code_channels, 4, 4)
        nn.ConvTranspose2d(code_channels, 48, 4, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(48, 24, 4, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(24, 3, 4, stride=2, padding=1), nn.Sigmoid(),
    )  # fmt: skip


def learn(network, steps=400, batch_size=32, lr=4e-3):
    """The loop: look at a batch, compare, differentiate, move."""
    start_weights(network)
    chance = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for _ in range(steps):
        chosen = torch.randint(len(pictures), (batch_size,), generator=chance)
        x = pictures.float(chosen)
        loss = (network(x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


torch.manual_seed(0)
steps = 3000 if inpaintlib.profile() == "full" else 250
networks = {f"{16 * c} numbers": learn(autoencoder(c), steps) for c in (3, 12)}
with torch.no_grad():
    rebuilt = {name: network(some) for name, network in networks.items()}
viz.show(
    viz.image_grid(
        [*some, *(x for row in rebuilt.values() for x in row)],
        columns=5,
        row_titles=["original", *rebuilt],
        width=7,
    ),
    alt="Five small pictures, and below them two rows of blurred versions: from 48 numbers "
    "clouds, from 192 numbers recognisable shapes.",
    caption="What comes out of the bottleneck, after a few seconds of training, for pictures that it never saw.",
)

# %% [markdown]
# They are blurred, for three reasons. The training was short, so the network does not use its code well yet. The code has no room for every whisker. And where the network is in doubt, a squared error rewards the mean of all possibilities. The last two will be with us to the end of the course.
#
# Has the network done better than the linear algebra from the top of the page? Let us be fair and ask, with as many numbers each:

# %%
with torch.no_grad():
    x = unseen.float()
    for name, network in networks.items():
        linear = squeeze(pictures.float(), x, int(name.split()[0]))
        pair = [metrics.psnr(y, x, data_range=1).mean().item() for y in (linear, network(x))]
        print(f"{name}: linear {pair[0]:.2f} dB, network {pair[1]:.2f} dB")

# %% [markdown]
# *How this was computed: 200 test images, mean of their PSNRs.* Linear algebra finds at once the best that straight lines can do; a network has to walk there, and is not bound to straight lines. Which of the two is ahead after so short a walk? (`INPAINTLIB_PROFILE=full` walks several times as far.)
# Ask for the simple rival always, and say so where it wins.
#
#
# What *is* in a code? Go from one code to another in small steps, and decode on the way:

# %%
encoder, decoder = networks["192 numbers"][:5], networks["192 numbers"][5:]
with torch.no_grad():
    start, end = encoder(some[:1]), encoder(some[2:3])
    between = [decoder(start + (end - start) * t)[0] for t in torch.linspace(0, 1, 6)]
viz.show(
    viz.image_row(between, [f"{t:.1f}" for t in torch.linspace(0, 1, 6)], width=7),
    alt="Six small pictures in a row: the first slowly dissolves into the last.",
    caption="A straight line in latent space: large shapes dissolve into each other; nothing new is invented.",
)

# %%
predict("autoencoder/wide_code")

# %% [markdown]
# ## Round the bottleneck: skip connections
#
# {{ minutes 10 }}
#
# For inpainting the bottleneck is a strange guest: most pixels are *known*, and it forgets their details. The **U-Net** keeps it for what it is good at, an overview, and lets details pass beside it: what the encoder saw at each resolution is handed to the decoder at the same resolution
# (a *skip connection*, by concatenation of channels). With three resolutions:
#
#     32 x 32   image > double ----------- skip ----------> double > head > picture
#                          | pool                              ^ up
#     16 x 16              +-> double ---- skip ----> double --+
#                                 | pool                ^ up
#      8 x 8                      +-----> double -------+
#
# `double` is two convolutions of 3 x 3, each with its ReLU, `pool` a max pooling, `up` a transposed convolution, and `head` a last convolution to three colours. The code below uses these names. (Its `ema` asks for a running mean of the weights, which is calmer than the weights themselves.) Let us see what a skip is worth. Two networks, the same layers, the same pictures with lines cut out, the same number of steps; one has its skips cut.


# %%
class WithoutSkips(VanillaUNet):
    """The same U-Net; what comes over the skips is replaced by zeros."""

    def forward(self, image, mask):
        x = image * mask
        for level, double in enumerate(self.encoder):
            x = double(F.max_pool2d(x, 2) if level else x)
        for up, double in zip(self.up, self.decoder, strict=True):
            x = up(x)
            x = double(torch.cat([torch.zeros_like(x), x], dim=1))
        return torch.sigmoid(self.head(x))


test_images = unseen.float()
test_masks = masks.benchmark("lines")[:200].float()
epochs = 30 if inpaintlib.profile() == "full" else 0.5
scores = {}
for name, make in {"with skips": VanillaUNet, "without": WithoutSkips}.items():
    torch.manual_seed(0)
    network = make(depth=3, width=16)
    train.fit(
        network,
        pictures,
        masks.lines,
        losses.l1,
        epochs=epochs,
        lr=4e-3,
        batch_size=8,
        ema=0.99,
        progress=False,
    )
    filled = network.inpaint(test_images, test_masks)
    with torch.no_grad():
        raw = network(test_images * test_masks, test_masks)
    scores[name] = raw[:5], filled[:5]
    print(
        f"{name:11} raw {metrics.psnr(raw, test_images, data_range=1).mean():.2f} dB, "
        f"composited {metrics.psnr(filled, test_images, data_range=1).mean():.2f} dB"
    )
cells = [*(test_images * test_masks)[:5], *scores["without"][0], *scores["with skips"][0]]
viz.show(
    viz.image_grid(cells, columns=5, row_titles=["damaged", "without", "with skips"], width=7),
    alt="Five small damaged pictures; their raw predictions without skip connections, blurred beyond "
    "recognition; with skip connections, sharp, with faint traces of the lines.",
    caption="Raw predictions after the same short training.",
)

# %% [markdown]
# *How this was computed: 200 test images, frozen line masks, mean over images.* Raw, the details that came over the skips are worth several decibels. Composited, far less: most of those details belong to known pixels, which compositing puts back
# anyway. Both are true, and which one matters depends on what you do with the picture.
#
# ## Seven million numbers, counted
#
# {{ minutes 5 }}
#
# Two of the projects behind this course used a U-Net with five resolutions. A convolution from $C$ to $C'$ channels with a $k\times k$ kernel has $C'(C k^2 + 1)$ *parameters*, weights and biases together: every output channel has a weight for each
# input channel and place, and a bias. For transposed convolutions the formula is the same; here their kernels are 2 x 2.

# %%
predict("autoencoder/count_one")

# %% tags=["compare"]
unet = models.create("vanilla_unet")
table = models.summary(unet)
print(table)
print()
print("published:", published.get("s1.vanilla.parameters").text)

# %%
by_side = {}
for row in table.rows:
    by_side[row.shape[-1]] = by_side.get(row.shape[-1], 0) + row.parameters
figure, axes = viz.figure(6.5, 2.3)
axes[0, 0].barh([f"{side} x {side}" for side in by_side], [n / 1e6 for n in by_side.values()])
axes[0, 0].set(xlabel="parameters (millions)", ylabel="resolution")
viz.show(
    figure,
    alt="Five bars, one for each resolution. That at 2 by 2 pixels is the longest, 4 by 4 follows; the "
    "one at full resolution is hardly visible.",
    caption="Most parameters sit where the picture has two by two and four by four pixels.",
)

# %% [markdown]
# Most of the network's parameters look at pictures of a few pixels. Whether they are worth it is the question of [depth](unit:depth).
#
# ## Over-fitting
#
# {{ minutes 10 }}
#
# How well a network does on the pictures it was trained on says little. Here one learns to fill lines in **16** pictures, again and again. In each round we also look at pictures that it never sees.

# %%
few = data.ImageSet(
    pictures.images[:16], pictures.labels[:16], pictures.classes, "16 training images"
)
torch.manual_seed(0)
memory = models.create("vanilla_unet", depth=3, width=16)
fixed = masks.lines(
    16, 32, generator=torch.Generator().manual_seed(5)
).float()  # even the masks stay the same
x, held_out, held_masks = few.float(), test_images[:64], test_masks[:64]
optimizer = torch.optim.Adam(memory.parameters(), lr=2e-3)
at, seen_loss, unseen_loss = [], [], []
for step in range(121):
    if step % 15 == 0:
        with torch.no_grad():
            y, m = memory(held_out * held_masks, held_masks), 1 - held_masks
            unseen_loss.append(((y - held_out).abs() * m).sum().item() / (3 * m.sum().item()))
    y = memory(x * fixed, fixed)
    loss = ((y - x).abs() * (1 - fixed)).sum() / (3 * (1 - fixed).sum())  # mean error in the hole
    if step % 15 == 0:
        at.append(step)
        seen_loss.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
predict("autoencoder/two_curves")

# %%
figure, axes = viz.figure(6.5, 2.8)
axes[0, 0].plot(at, seen_loss, "-o", markersize=3, label="the 16 it learns from")
axes[0, 0].plot(at, unseen_loss, "--s", markersize=3, label="others")
axes[0, 0].set(xlabel="training step", ylabel="error in the hole (0 to 1)", ylim=(0, None))
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two curves over 120 steps. The error on the sixteen training pictures keeps falling; on other "
    "pictures it falls at first, then stays high and rises a little.",
    caption="Learning by heart. From where the curves part, the network learns these 16, and no more about pictures.",
)

# %% [markdown]
# That is over-fitting: an autoencoder, too, can memorise. What helps, in the order in which to try it:
#
# - **more and other data**: more pictures, mirrored ones, *a fresh mask every time* (`train.fit` does both);
# - **stop in time**: keep some pictures aside (*validation*), and keep the weights that did best on them. A third set, the *test set*, for the final figure, is never looked at while choosing;
# - **make it harder to memorise**: a smaller network, a penalty on large weights (*weight decay*), or *dropout*, which silences random neurons in training so that none can rely on another.
#
# ## The loop that the course uses
#
# {{ minutes 5 }}
#
# `train.fit` is the loop from above with what one misses after an hour of training: it can be interrupted and resumed to the bit, keeps a log, watches held-out pictures, and names the cause when a loss becomes NaN ("not a number",
# what comes of 0 / 0 or of numbers that grew beyond all bounds).

# %%
torch.manual_seed(0)
small = models.create("vanilla_unet", depth=3, width=16)
watch = train.Evaluate(unseen, masks.lines, every=0.25)
history = train.fit(
    small,
    pictures,
    masks.lines,
    losses.hole_l1,
    epochs=1,
    batch_size=16,
    callbacks=[watch],
    log_every=5,
    progress=False,
)
viz.show(
    viz.curves(history),
    alt="The loss falls steeply at first and then slowly; on pictures held out the PSNR rises and "
    "the mean absolute error falls, both raw and composited.",
    caption="One pass over the pictures: the loss, and PSNR and MAE on pictures held out. The loss asks for the hole "
    "alone, so the raw picture stays poor.",
)

# %% [markdown]
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("autoencoder/check_skips")

# %%
predict("autoencoder/check_rate")

# %%
predict("autoencoder/check_validation")

# %% [markdown]
# ## Common mistakes
#
# - **Forgetting `zero_grad`**: derivatives of all batches so far add up.
# - **Judging on training pictures.** One project showed fillings of pictures that its network had trained on; they looked splendid.
# - **Choosing by the test set**: whoever looks at it to choose has no test set any more.
# - **A target in [-1, 1] and a sigmoid at the end**: half of the range can never be reached.
# - **Counting parameters of a concatenation wrongly**: the layer after it sees the channels of both.
#
# ## Summary
#
# - A neuron is a weighted sum and a bend; a network is many of them, and learns by going downhill on the mean error of a batch.
# - Convolutions share their weights between places. That is why they need few and do not care where a cat sits.
# - An autoencoder's bottleneck forces it to learn what pictures are like; skip connections let details pass beside it.
# - What counts is the error on pictures never trained on.
#
# Build and count for yourself in the [exercise](exercise:autoencoder).
#
# ## Sources
#
# - [@rumelhart1986learning].
# - [@glorot2010understanding].
# - [@he2015delving].
# - [@ronneberger2015unet].
# - [@duchi2011adaptive].
# - [@kingma2015adam].
# - [@srivastava2014dropout].
