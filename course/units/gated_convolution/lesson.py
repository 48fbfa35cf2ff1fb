# %% [markdown]
# {{ head }}

# %% [markdown]
# ## What the mask forgets
#
# {{ minutes 5 }}
#
# [Partial convolution](unit:partial_convolution) hands a mask from layer to layer: known, or not. Below is a hole of 20 x 20 pixels, and what the mask says of it after some
# layers of 3 x 3. After the tenth it says: *everything is known*. The last picture shows what the mask has forgotten: how many layers ago something real was last seen.
#
# **The question of this lesson:** a pixel at the rim was worked out from real neighbours. The one in the middle was worked out from a filling of a filling of a filling. Would
# *you* trust both alike?

# %%
import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, evaluation, layers, masks, metrics, models, published, viz, widgets
from inpaintlib.layers import GatedConv2d, gated_conv2d, partial_conv2d

cat = F.avg_pool2d(data.load_photo("chelsea")[:, :, 20:276, 90:346], 4)  # (1, 3, 64, 64)
square = torch.ones(1, 1, 64, 64)
square[..., 22:42, 26:46] = 0  # 1 = known, 0 = hole
ones = torch.ones(1, 1, 3, 3)

m, age, row = square, torch.zeros_like(square), {"the hole": (cat * square)[0]}
for layer in range(1, 11):
    age += m == 0  # one more layer without news
    _, m = partial_conv2d(m, m, ones, padding=1)
    if layer in (1, 5, 10):
        row[f"mask after {layer}"] = m[0]
row["layers without news"] = 1 - age[0] / age.max()
viz.show(
    viz.image_row(row),
    alt="A cat with a black square between its eyes; three masks, white with a black square that shrinks and is gone after ten "
    "layers; and a white picture in which the place of the square gets darker towards its middle.",
    caption="Three times the mask of partial convolution, white = known. On the right, the darker a pixel, the more layers it had to wait.",
)

# %%
predict("gated_convolution/one_of_nine")

# %% [markdown]
# Partial convolution's rule is **hard** (known or not, nothing between), **the same for all channels**, and **decided by us** before any training. Each of the three can be wrong. A channel that looks for edges needs
# nearly all of its window; one that carries a mean colour is content with a single pixel.
#
# So let the layer decide. That is the whole idea.

# %% [markdown]
# ## From a rule to a gate
#
# {{ minutes 10 }}
#
# A **gated convolution** ([@yu2019freeform]) runs *two* convolutions over the same window. One computes a **feature**, as ever. The other computes a number that is squashed between
# 0 and 1, the **gate**, and multiplies the feature by it:
#
# $$ \text{feature} = W_f * x + b_f, \qquad \text{gate} = W_g * x + b_g, \qquad y = \varphi(\text{feature}) \odot \sigma(\text{gate}). $$
#
# $W_f * x$ is the convolution of $x$ with the weights $W_f$. $\varphi$ is an *activation*, the bent function that follows a sum, here the ELU ($z$ where $z > 0$, $e^z - 1$ below); $\sigma(z) = 1 / (1 + e^{-z})$ is the sigmoid; $\odot$ multiplies number by number. Side by side:
#
# | | partial convolution | gated convolution |
# |---|---|---|
# | the mask is | given, then updated by a rule | computed from the features, in each layer anew |
# | its values | 0 or 1 | anything between 0 and 1 |
# | for | all channels together | each channel by itself |
# | learned | no | yes, $W_g$ and $b_g$ |
# | in a window with holes | sum x places / known | whatever training finds |
#
# How open is a gate? Before you run the next cell:

# %%
predict("gated_convolution/gate_at_zero")

# %% tags=["compare"]
for z in (-6, -2, 0, 2, 6):
    print(f"W_g * x + b_g = {z:2d}   gate {torch.sigmoid(torch.tensor(float(z))):.3f}")

# %% [markdown]
# ### A line of print, tested
#
# The report of a course project sets both layers beside each other, and prints partial convolution as $x' = W^T(X \odot M) / \mathrm{sum}(M)$, without $\mathrm{sum}(\mathbf 1)$ and without the bias. Is that
# only a matter of taste? You know a test that needs one line: *a constant image must keep its value under a mean filter.*

# %% tags=["compare"]
flat, average = torch.full((1, 1, 9, 9), 0.8), torch.full((1, 1, 3, 3), 1 / 9)
spots = torch.ones(1, 1, 9, 9)
spots[..., 3:5, 3:6] = 0
y, _ = partial_conv2d(flat, spots, average)
count = F.conv2d(spots, ones)
in_print = F.conv2d(flat * spots, average) / count
print(f"partial convolution  {y.min():.3f} to {y.max():.3f}")
print(f"the printed formula  {in_print.min():.3f} to {in_print.max():.3f}")

# %% [markdown]
# Nine times too dark, with or without a hole: where nothing is missing, the printed layer is not the ordinary convolution but a ninth of it. With 3 x 3 windows throughout, a network could learn weights nine times as large and nobody would notice; with windows of several sizes,
# or with pretrained weights, it is another layer. And without a bias a window of zeros can answer nothing but zero. A formula in print is a claim. Test it.

# %% [markdown]
# ## Can a gate be a mask?
#
# {{ minutes 10 }}
#
# A gate can do anything that training finds. Can it also do what the old rule did? Here nothing is trained, we set its weights by hand. The layer gets two channels, the image and the mask. Its gate
# counts the known pixels of the window and compares: $\sigma(s \cdot (\text{count} - c))$, with a steepness $s$ and a threshold $c$.

# %%
def counting_gate(image, mask, steepness, threshold):
    """A gated layer whose feature is a mean filter and whose gate opens where a window has more known pixels than the threshold."""
    weight = torch.zeros(2, 2, 3, 3)  # (feature and gate, image and mask, 3, 3)
    weight[0, 0] = 1 / 9
    weight[1, 1] = steepness
    bias = torch.tensor([0.0, -steepness * threshold])
    return gated_conv2d(torch.cat([image * mask, mask], dim=1), weight, bias, padding=1)


grey = cat.mean(1, keepdim=True)
scratches = masks.strokes(1, 64, generator=torch.Generator().manual_seed(3)).float()
_, rule = partial_conv2d(grey, scratches, average, padding=1)
_, steep = counting_gate(grey, scratches, steepness=20, threshold=0.5)
_, gentle = counting_gate(grey, scratches, steepness=1, threshold=4.5)
viz.show(
    viz.image_row(
        {"mask": scratches[0], "partial's new mask": rule[0], "steep gate": steep[0], "gentle gate": gentle[0]},
        notes=["", "0 or 1", "0 or 1, nearly", f"{gentle.min():.2f} to {gentle.max():.2f}"],
    ),
    alt="Four pictures: thick black strokes on white; the same strokes, thinner, twice and alike; and the strokes with soft grey rims.",
    caption="The rule, and one gate in two settings: it can be the hard rule, or count how much it knows.",
)
print("largest difference between rule and steep gate:", f"{(rule - steep).abs().max():.5f}")

# %% [markdown]
# The hard rule is one point in the space of gates; training may go anywhere from there. One thing, though, a gate can *not* do:

# %%
predict("gated_convolution/can_it_rescale")

# %% [markdown]
# ## One convolution of twice the width
#
# {{ minutes 5 }}
#
# $W_f$ and $W_g$ read the same windows. So nobody runs two convolutions: **lay the kernels on top of each other, convolve once, split the result in the middle.**

# %%
predict("gated_convolution/how_many_weights")

# %% tags=["compare"]
torch.manual_seed(0)
x = torch.randn(2, 16, 32, 32)
layer = GatedConv2d(16, 24, kernel_size=3, padding=1)
w_f, w_g = layer.weight.chunk(2)  # the first half are the features
b_f, b_g = layer.bias.chunk(2)
two = F.elu(F.conv2d(x, w_f, b_f, padding=1)) * torch.sigmoid(F.conv2d(x, w_g, b_g, padding=1))
print("one convolution of twice the width gives the same:", torch.allclose(layer(x), two, atol=1e-5))
print("weights", tuple(layer.weight.shape), " output", tuple(layer(x).shape), " gate", tuple(layer.gate(x).shape))
plain = torch.nn.Conv2d(16, 24, kernel_size=3, padding=1)
print("parameters, gated:", sum(p.numel() for p in layer.parameters()), " plain:", sum(p.numel() for p in plain.parameters()))

# %% [markdown]
# Take note of it for every comparison you read: at the same number of channels, a gated network has twice the weights. If it wins, *what* has won?
#
# ### Its first weights
#
# Before any training all sums are near 0, and all gates near one half. One layer does not mind that half of its feature is lost. But the network further down has thirteen of them one behind the other, before anything comes in over a skip.

# %%
predict("gated_convolution/halved")

# %%
def left(stack, x):
    """How much the inputs still differ from each other behind each layer of a stack, as a share of what came in."""
    start, shares = x.std(0).mean(), []
    with torch.no_grad():
        for layer in stack:
            x = layer(x)
            shares.append((x.std(0).mean() / start).item())
    return shares


torch.manual_seed(0)
stacks = {name: [GatedConv2d(16, 16, 3, padding=1) for _ in range(12)] for name in ("nn.Conv2d", "GatedConv2d")}
for layer in stacks["nn.Conv2d"]:
    layer.weight.data = torch.nn.Conv2d(16, 32, 3).weight.data
x = torch.randn(64, 16, 16, 16)
print("first weights as in     layer 1   layer 4   layer 8   layer 12")
for name, stack in stacks.items():
    print(f"{name:20}", *(f"{left(stack, x)[n - 1]:10.1e}" for n in (1, 4, 8, 12)))

# %% [markdown]
# *How this was computed: 64 inputs of random numbers, the standard deviation over them, behind twelve fresh gated layers.* With the first weights of `nn.Conv2d` next to nothing of the input reaches the end of the path; all pictures look alike there, and a layer that gets nothing learns nothing. (You saw it happen to a
# [plain stack](unit:autoencoder); gates make it worse.) The cure is one line. A sum of $n$ terms is as large as each of its terms if the weights have the variance $1/n$ ([@lecun1998efficient]; `nn.Conv2d` takes a third of it). A gate that passes one half asks for numbers twice as large, that is four times the variance, $4/n$. So
# `GatedConv2d` draws the weights of its features; what is still lost is the ELU's share, and the gate's own moving about.
#
# ## The activation comes before the gate
#
# {{ minutes 5 }}
#
# $\varphi(\text{feature}) \odot \sigma(\text{gate})$, or $\varphi(\text{feature} \odot \sigma(\text{gate}))$? It looks like a trifle, and public code has it both ways. Open the gate slowly and watch what comes out.

# %%
predict("gated_convolution/order_matters")

# %%
gate = torch.linspace(0, 1, 101)
figure, axes = viz.figure(6.5, 2.8, columns=2)
for ax, (name, phi) in zip(axes[0], {"ELU": F.elu, "ReLU": F.relu}.items(), strict=True):
    for f, colour in ((2.0, viz.BLUE), (-3.0, viz.VERMILLION)):
        feature = torch.full_like(gate, f)
        ax.plot(gate, phi(feature) * gate, "-", color=colour, label=f"before, feature {f:.0f}")
        ax.plot(gate, phi(feature * gate), ":", color=colour, linewidth=3, label=f"after, feature {f:.0f}")
    ax.set(title=name, xlabel="gate", ylabel="output")
axes[0, 0].legend(fontsize=8)
viz.show(
    figure,
    alt="Two panels, output against gate. With ELU: for feature 2 both orders lie on one straight line; for feature minus 3 the "
    "solid line is straight and the dotted one bends below it. With ReLU solid and dotted lines coincide everywhere.",
    caption="Solid: activation before the gate. Dotted: after it.",
)

# %% [markdown]
# With the activation first, the gate is a pure volume control: half open is half as loud, for every feature. After it, an ELU bends what the gate has already scaled, and a gate of 0.5 lets more than half of a negative feature pass. With ReLU both are the same,
# because $\max(0, z \cdot g) = g \cdot \max(0, z)$ for every $g \ge 0$. **A test with ReLU cannot find this bug.**

# %% [markdown]
# ## Gates made visible
#
# {{ minutes 20 }}
#
# Gates are pictures: one for each channel, as large as the feature. Let us train a small network of them and look. It is `gated_unet`, the first stage of the network of the paper, in a version for images of 32 x 32 and with two skip connections added, from the [U-Net](unit:autoencoder): seventeen layers, all but the last one gated. It sees the damaged
# image, where the holes are, and a plane of ones. (The ones look idle. But padding puts zeros around them, so they tell a layer where the image ends.) Its training takes seconds, so do not expect beauty.

# %%
steps = {"quick": 250, "full": 4000}[inpaintlib.profile()]
pictures, test = data.load_images("auto", limit=4000), data.load_images("auto", split="test", limit=100)
print(pictures.source)


def holes(count, generator):
    """Half strokes, half boxes."""
    drawn = [family(count // 2, 32, generator=generator) for family in (masks.strokes, masks.boxes)]
    return torch.cat(drawn).float()


def error(net, image, mask):
    """Mean absolute error, the hole weighing as much as the whole image."""
    off = (net(image, mask) - image).abs()
    return off.mean() + (off * (1 - mask)).sum() / (3 * (1 - mask).sum())


torch.manual_seed(0)
chance = torch.Generator().manual_seed(0)
net = models.create("gated_unet", size=32, width=8)
untrained = models.create("gated_unet", size=32, width=8)
untrained.load_state_dict(net.state_dict())
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(steps):
    image = pictures.float(torch.randint(len(pictures), (16,), generator=chance))
    loss = error(net, image, holes(16, chance))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step % (steps // 5) == 0:
        print(f"step {step:4d}   error {loss.item():.3f}")

# %%
chosen, hole = test.float(slice(0, 5)), holes(6, torch.Generator().manual_seed(5))[[0, 1, 3, 4, 5]]
damaged = chosen * hole
viz.show(
    viz.image_grid(
        [*damaged, *net.inpaint(damaged, hole), *chosen],
        columns=5,
        row_titles=["damaged", "filled", "original"],
        masks=[*hole, *[None] * 10],
        width=6,
    ),
    alt="Five small test pictures with hatched orange holes; the same with the holes filled by smooth, fitting colours; the originals.",
    caption="Filled by the network that was trained in the cell above, for a few seconds.",
)
evaluation.compare(
    {"mean of the image": baselines.mean_fill, "biharmonic": baselines.biharmonic, "gated, some seconds": net.inpaint},
    test,
    masks.benchmark("boxes")[:100],
    metrics=["psnr", "psnr_hole"],
)

# %% [markdown]
# *How this was computed: 100 test images, the frozen box masks of the course, composited, mean over images with its 95 % confidence interval.* Now its gates. Collecting them takes a **hook** on every gated layer: a function that PyTorch calls whenever the layer
# has been run.

# %%
predict("gated_convolution/untrained_gates")

# %%
def gates(net, image, mask):
    """Name of each gated layer -> its gates (B, C, H', W')."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda layer, x, y, name=name: seen.update({name: layer.gate(x[0])}))
        for name, module in net.named_modules()
        if isinstance(module, GatedConv2d)
    ]
    with torch.no_grad():
        net(image, mask)
    for hook in hooks:
        hook.remove()
    return seen


one, its_hole = chosen[3:4], torch.ones(1, 1, 32, 32)
its_hole[..., 10:22, 9:21] = 0
before, after = gates(untrained, one, its_hole), gates(net, one, its_hole)
first = [*before["at_full"][0], *after["at_full"][0]]
viz.show(
    viz.image_grid(
        [one[0], *first[:8], one[0], *first[8:]],
        columns=9,
        row_titles=["untrained", "trained"],
        masks=[its_hole, *[None] * 8] * 2,
        width=7.5,
    ),
    alt="Two rows: a small picture with a square hole, and the eight gates of the first layer as grey pictures. Above, untrained, all are "
    "about the same grey, with weak traces of the picture. Below, trained, the place of the hole stands out far more, in some gates as the only part that is open; others show edges of the picture.",
    caption="The gates of the first layer, one for each channel. Black: shut. White: open.",
)

# %% [markdown]
# Nobody told the layer what a mask is for. Look at the lower row, channel by channel: which ones shut *inside the hole*? Which open *only there*? Which follow the picture instead of the hole? One number a channel sorts them: **its mean over known pixels minus its mean over the hole**.

# %%
def prefers_known(gate, mask):
    """Mean gate over known pixels minus mean gate over the hole, for each channel; the mask is brought to the gate's size."""
    mask = F.interpolate(mask, size=gate.shape[2:], mode="area").round()
    known, hole = (gate * mask).sum((0, 2, 3)) / mask.sum(), (gate * (1 - mask)).sum((0, 2, 3)) / (1 - mask).sum()
    return known - hole


print(f"{'layer':14} {'size':>5} {'channels':>9} {'untrained':>10} {'trained':>8}   (mean |known - hole|)")
for name, gate in after.items():
    differences = [prefers_known(g[name], its_hole).abs().mean().item() for g in (before, after)]
    print(f"{name:14} {gate.shape[-1]:5d} {gate.shape[1]:9d} {differences[0]:10.3f} {differences[1]:8.3f}")

# %% [markdown]
# *How this was computed: one test image, one hole; for each layer the mean over its channels.* Training has opened a difference between the hole and the rest. Look at the middle rows, too: after some seconds of training the deepest layers, at a quarter of the size, have hardly learned to tell the two apart. The short way over the skips has learned first. Whether the long one follows, we look up below, in a network that has
# been trained longer. Here are five layers, each with its channels in the order of that number. **Pick a channel, and see its gate between its feature and their product**; point at a pixel, in the hole and beside it,
# to see the two multiplied out. Then choose another layer.

# %%
show = ["at_full", "at_half.1", "merge_half", "to_full", "merge_full"]
widgets.GateExplorer(net, one, its_hole, layers=show, layer="to_full")

# %% [markdown]
# Some channels listen to what is known, others to the hole, and some to the picture. The last three layers stand at the *end* of the network. Behind each of them partial convolution's mask would be all ones, skips or not. Here the hole still shows in the gates, above all at the two ends of the row of channels, and its middle differs from its rim: the feature channels carried it along, over the skips as well. That is the answer to the question at the top: *this* layer may trust both pixels differently.
#
# ### Do the gates matter, or do they only look pretty?
#
# A picture of what a network computes proves nothing about what it *needs*. Test: replace every gate by its own mean over the image, a constant. The features stay as they are.

# %%
predict("gated_convolution/gates_frozen")

# %%
def with_constant_gates(net):
    """Every gate becomes its mean over the image; returns the hooks."""

    def freeze(layer, x, y):
        gate = layer.gate(x[0])
        return y / gate.clamp(min=1e-6) * gate.mean((2, 3), keepdim=True)

    return [m.register_forward_hook(freeze) for m in net.modules() if isinstance(m, GatedConv2d)]


some, frozen = test.float(), masks.benchmark("boxes")[:100].float()
with torch.no_grad():
    free = error(net, some, frozen)
    hooks = with_constant_gates(net)
    constant = error(net, some, frozen)
    for hook in hooks:
        hook.remove()
    untaught = error(untrained, some, frozen)
print(f"error with its gates {free:.3f}, with constant gates {constant:.3f}, untrained {untaught:.3f}")

# %% [markdown]
# *How this was computed: 100 test images, frozen box masks, the training's own error.* With constant gates the network loses a part of what it has learned, and keeps a part: compare the three numbers. (What this does *not* show: that a network trained *without* gates would be worse. For that one must train both, with equally many weights. You will, in the exercise.)

# %% [markdown]
# ### The gates of a longer training
#
# Those were gates of seconds. The course also ships this network, three times as wide and trained for minutes. What do *its* gates open for? Take three maps. The **hole**. Its **rim**: inside of the hole, the pixels that touch something known. And the **edges** of the photograph, away from the hole. The *correlation* of a gate
# with a map is 1 if it opens just where the map is bright, -1 if it shuts just there, and 0 if it takes no notice.

# %%
predict("gated_convolution/gates_follow")

# %%
shipped = models.create("gated_unet", pretrained=True).eval()
some, frozen = test.float(slice(0, 60)), masks.benchmark("boxes")[:60].float()
inside = 1 - frozen
rim = inside * F.max_pool2d(frozen, 3, 1, 1)
grey = F.pad(some.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
across, down = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2], grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
edges = (across.square() + down.square()).sqrt()
away = 1 - F.max_pool2d(inside, 5, 1, 2)
maps = {"hole": (inside, torch.ones_like(inside)), "rim": (rim, inside), "edges": (edges * away, away)}  # the map, and where it is asked


def follows(gate, wanted, where):
    """Correlation of each channel's gate (B, C, H, W) with a map (B, 1, H, W), over the pixels asked; (C,)."""
    count = where.sum()
    gate = (gate - (gate * where).sum((0, 2, 3), keepdim=True) / count) * where
    wanted = (wanted - (wanted * where).sum() / count) * where
    return (gate * wanted).sum((0, 2, 3)) / (gate.square().sum((0, 2, 3)) * wanted.square().sum()).sqrt().clamp(min=1e-9)


opened = gates(shipped, some, frozen)
pick, rows, notes = 3, [], []
for name in ("at_full", "merge_full"):
    for wanted, where in maps.values():
        r = follows(opened[name], wanted, where)
        best = r.abs().argmax()
        rows.append(opened[name][pick, best][None])
        notes.append(f"{r[best]:+.2f}")
viz.show(
    viz.image_grid(
        [*(wanted[pick] / wanted[pick].max() for wanted, _ in maps.values()), *rows],
        columns=3,
        column_titles=list(maps),
        row_titles=["map", "first layer", "last gates"],
        notes=["white: here", "", "", *notes],
        width=6,
    ),
    alt="Three columns: hole, rim, edges. Above, a white box, its outline, and the outlines of things in the photograph. Below, the gate of the first layer that follows each most: "
    "the box stands out clearly, its rim as well, of the outlines there is only a trace. In the last row, gates of the last gated layer, "
    "in which box and rim show too.",
    caption="Three maps of one picture, and for each the channel whose gate follows it most closely, up or down. Below: its correlation.",
)

# %% [markdown]
# *How this was computed: the shipped weights, 60 test images with frozen box masks; correlation over all of their pixels (hole), those of the hole (rim), those at least three pixels away from it (edges); the largest of all channels, by size.* The first layer knows where the hole is, and *how deep inside it* a pixel lies: there is the answer to the question at
# the top, learned, and in the very first layer. Of the photograph's edges the gates take far less notice; what is in the picture is the features' business.
#
# Now the middle layers, which seconds of training had left nearly blind. All that they work out reaches the output through one door, `to_half`, which doubles the size again. Suppose that you nail it shut: whatever comes out of it is replaced by zeros. **What does the network lose?**

# %%
predict("gated_convolution/long_way")

# %%
print(f"{'layer':14} {'size':>5} {'mean gate':>10} {'mean |known - hole|':>20}")
for name, gate in opened.items():
    print(f"{name:14} {gate.shape[-1]:5d} {gate.mean():10.3f} {prefers_known(gate, frozen).abs().mean():20.3f}")


def without(name):
    """The PSNR in the hole with that layer's output put to zero; with all of them for None."""
    hook = shipped.get_submodule(name).register_forward_hook(lambda layer, x, y: torch.zeros_like(y)) if name else None
    psnr = metrics.psnr(shipped.inpaint(some * frozen, frozen), some, data_range=1, mask=frozen, region="hole").mean()
    if hook:
        hook.remove()
    return psnr


print(f"\nPSNR in the hole: as it is {without(None):.2f} dB, without to_half {without('to_half'):.2f} dB, without to_full {without('to_full'):.2f} dB")
behind = sum(p.numel() for name, p in shipped.named_parameters() if name.startswith(("at_quarter", "to_half")))
print(f"behind that door: {behind / sum(p.numel() for p in shipped.parameters()):.0%} of all parameters")

# %% [markdown]
# *How this was computed: the shipped weights, 60 test images with frozen box masks, composited; means over channels, places and images.* Read the line `to_half`. Its gates stand open, less than most, but open; they even tell the hole from the rest. Something passes. **And cutting it off costs next to nothing**, while without `to_full`, where the skip of half the
# size comes in, the network is lost. Nearly all that fills these holes goes the short way. Nothing else has shown this: not the loss, not the pictures, not the number of parameters, and not the gates. A gate says what passes. Whether anybody needs it, you learn by taking it away.
#
# Why is the long way not needed? In pictures of 32 x 32 the short one sees far enough for most holes. It also learns first, because a derivative has fewer layers to come through, and what it has explained is no longer there to be learned by others. Which of the two is it, small pictures or short training? One would have to train on larger holes, or for longer, and cut again:
# `python -m inpaintlib.train gated_unet --help`. (In the network of the paper there is no short way, all has to come through the middle: see [contextual attention](unit:attention).) Look for yourself, at this door and three others:

# %%
widgets.GateExplorer(shipped, some[pick : pick + 1], frozen[pick : pick + 1], layers=["at_full", "to_half", "to_full", "merge_full"], layer="at_full")

# %% [markdown]
# ## Dilation: kernels with holes
#
# {{ minutes 10 }}
#
# A gate decides what to listen to. It cannot listen beyond the window. In the middle of a hole of 20 pixels, a window of 3 sees nothing but hole, whatever it learns. One remedy is to halve the image, and lose detail. The other is to pull the kernel apart: a dilated convolution, or **atrous convolution**
# (from the French *à trous*, with holes) takes every $l$-th pixel; $l$ is the dilation, also called the *rate*. On paper ([@yu2016multiscale]):
#
# $$ (F *_l k)(p) = \sum_{s + l\,t = p} F(s)\,k(t). $$
#
# Read it slowly: $*_l$ is the convolution with rate $l$, $s$ is a place in the signal, $t$ a place in the kernel, counted from its middle; all pairs count for which $s + l\,t$ is just $p$. So $s = p - l\,t$. By hand, with $F = 1, 4, 9, 16, \dots$ and $k(-1), k(0), k(1) = 1, 0, -1$:

# %%
predict("gated_convolution/atrous_by_hand")

# %% tags=["compare"]
signal = [1, 4, 9, 16, 25, 36, 49]  # F(0), F(1), ...
taps = {-1: 1, 0: 0, 1: -1}  # k(t)


def atrous(p, rate):
    """(F *_l k)(p), by the formula."""
    return sum(signal[p - rate * t] * k for t, k in taps.items())


for rate in (1, 2, 3):
    terms = " + ".join(f"{signal[3 - rate * t]}*({k})" for t, k in taps.items())
    print(f"rate {rate}:  (F * k)(3) = {terms} = {atrous(3, rate)}")

row = torch.tensor(signal, dtype=torch.float32)[None, None]
kernel = torch.tensor([1.0, 0.0, -1.0])[None, None]
print("conv1d, dilation 2:", F.conv1d(row, kernel, dilation=2)[0, 0].tolist())
print("the formula       :", [float(atrous(p, 2)) for p in (2, 3, 4)])

# %% [markdown]
# The opposite sign! The formula is a true convolution, $p$ *minus* $l\,t$; what libraries call so is a correlation, $p$ *plus* $l\,t$ ([convolution](unit:convolution) tells why). Learned weights do not care; a test with an asymmetric kernel does. In two dimensions, click through it:

# %%
grid = torch.arange(49.0).reshape(7, 7) % 10
widgets.ConvolutionStepper(grid, torch.tensor([[1.0, 0, -1]] * 3), dilation=2)

# %% [markdown]
# ### 3, 7, 15
#
# Three layers of 3 x 3, with dilations 1, 2 and 4. How much of the picture does one output pixel see after each?

# %%
predict("gated_convolution/fourth_layer")

# %% tags=["compare"]
print("layers   dilations        field   without   weights of a channel")
for n in range(1, 6):
    rates = [2**i for i in range(n)]
    doubled = layers.receptive_field([(3, 1, rate) for rate in rates])[-1]
    same = layers.receptive_field([(3, 1, 1)] * n)[-1]
    print(f"{n:6d}   {', '.join(map(str, rates)):15}  {doubled:5d}   {same:7d}   {9 * n:19d}")

# %% [markdown]
# The field grows **exponentially**, the number of weights **linearly**. Below is a hole of 20 x 20, and a pixel in its middle: in the input, blue is what it sees (greenish where it lies over the orange of the hole). Which stacks of layers find anything known for it? And how much of
# their wide field do the dilations 4, 4, 4 see at all? (That the widget tells the truth, [convolution](unit:convolution) has tested with derivatives.)

# %%
twenty = torch.ones(31, 31)
twenty[6:26, 5:25] = 0
rates = [(1, 2, 4), (1, 1, 1), (4, 4, 4), (1, 2, 4, 8)]
widgets.ReceptiveField({f"dilations {', '.join(map(str, r))}": [(3, 1, rate) for rate in r] for r in rates}, mask=twenty)

# %% [markdown]
# The dilations have to *grow*. Repeating a large one gives a wide field full of gaps, the **gridding** that you know. Our network halves the image twice and then dilates. What does its middle see?

# %%
size = net.options["size"]
quarter = [m.dilation for m in net.at_quarter]
stem = [(5, 1, 1), (3, 2, 1), (3, 1, 1)]
rest = [(3, 2 if i == 0 else 1, rate) for i, rate in enumerate(quarter)]
plain = [(3, stride, 1) for _, stride, _ in rest]
print("dilations at a quarter of the size:", quarter)
print("receptive field with dilation:", layers.receptive_field(stem + rest)[-1], " without:", layers.receptive_field(stem + plain)[-1])
big = [(3, stride, rate) for (_, stride, _), rate in zip(rest, [1, 1, 1, 2, 4, 8, 16, 1, 1], strict=True)]
print("the same layers as in the paper, for 256 x 256:", layers.receptive_field(stem + big)[-1])

# %% [markdown]
# Both fields of our own network are wider than its pictures of 32 x 32: here the halvings alone reach every pixel. In pictures of 256 x 256 they do not, and there the dilations decide.
#
# Each dilated layer of this network is a gated one: its gate is dilated with it, and can decide far afield whom to listen to (whether the rest of the network makes use of what it finds is another question, as the table above has shown). `GatedConv2d(..., dilation=4)` is all it takes.

# %% [markdown]
# ## What others report, and how to read it
#
# {{ minutes 5 }}
#
# A course project took the paper's network of two stages (a coarse filling, then a finer one; [contextual attention](unit:attention) has both), pretrained, and filled ImageNet pictures with it. For each family of masks it gives the figures of one picture, of a second one, and of the best case.

# %%
for key in ("images", "size", "iterations", "batch_size", "seconds"):
    print(f"{published.get(f's2.{key}').title:40} {published.get(f's2.{key}').text}")
print()
print(f"{'':24} {'PSNR':>9} {'SSIM':>7}")
for family in ("lines", "boxes"):
    for which in ("one", "two", "best"):
        psnr, ssim = (published.get(f"s2.{family}.{which}_{metric}") for metric in ("psnr", "ssim"))
        print(f"{family + ', ' + which:24} {psnr.text:>9} {ssim.text:>7}")

# %% [markdown]
# *How this was computed: it was not, by us. The figures are printed in the report (S2); 8-bit PSNR with a peak of 255, over the whole image.*

# %%
predict("gated_convolution/best_of_many")

# %% [markdown]
# Three sentences of that report deserve a test. *The lower the mask percentage, the lower PSNR and SSIM*: you have [plotted it](unit:masks_and_baselines), it is the other way round. *It can be trained without paired data*: every photograph with a hole knocked into it **is** a pair, with its target for free, and the reconstruction
# loss uses that pair at every step; what it can do without are *labels*. And third, *a batch size of 1 is always best*. What does the size of a batch change? The direction of a step. Let us compare the gradients of small batches with that of a large one.

# %%
predict("gated_convolution/batch_of_one")

# %%
def direction(count, generator):
    """The gradient of the error over that many random images, one long vector."""
    image = pictures.float(torch.randint(len(pictures), (count,), generator=generator))
    both = holes(2 * count, generator)
    mask = both[torch.randperm(2 * count, generator=generator)[:count]]
    net.zero_grad()
    error(net, image, mask).backward()
    return torch.cat([p.grad.flatten() for p in net.parameters()])


chance = torch.Generator().manual_seed(1)
true = direction(512, chance)
print("batch   cosine with the gradient of 512 images   lowest")
for batch, times in ((1, 64), (4, 32), (16, 16), (64, 6)):
    cosine = torch.stack([F.cosine_similarity(direction(batch, chance), true, dim=0) for _ in range(times)])
    print(f"{batch:5d}   {cosine.mean():38.2f} {cosine.min():8.2f}")

# %% [markdown]
# *How this was computed: the network trained above; for each size many random batches, fewer of the large ones. A cosine of 1 is the same direction, 0 a right angle.* The smaller the batch, the more of a step is noise; single batches can even point backwards. That noise need not be bad, and small steps are cheap; but a batch of 1 needs a smaller learning rate and uses no machine well, and
# batch normalisation, which takes its means over the batch, is left with a single picture. Which size is best depends on learning rate, hardware and network; *always* is wrong. (More on this in [how deep should it be?](unit:depth))

# %% [markdown]
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("gated_convolution/relu_test")

# %%
predict("gated_convolution/all_shut")

# %%
predict("gated_convolution/hole_of_thirty")

# %% [markdown]
# ## Common mistakes
#
# - **The activation after the gate**: invisible with ReLU, another layer with ELU.
# - **The halves swapped**: the activation lands on the gate's half, the sigmoid on the feature's. It trains, and pretrained weights give nonsense.
# - **One gate for all channels**: that is a soft mask again, but no longer a gate for each feature.
# - **Forgetting the sigmoid**: then two features are multiplied, and nothing is bounded.
# - **The same dilation again and again**: a wide field full of gaps.
# - **Comparing at equal channels**: the gated network has twice the weights.
# - **Reading a gate as a proof**: what it looks like says what is computed, not what is needed. Freeze it, or cut it off, and measure.
# - **Taking a layer that is there, and open, for one that is used**: take it away, and measure.
#
# ## Summary
#
# - A gate is a soft, learned mask, one for each channel and place; the hard rule of partial convolution is a special case of it, the rescaling is not.
# - Feature and gate are one convolution of twice the width; the activation comes before the gate.
# - Trained gates divide the labour between known pixels and hole, and know of the hole long after a hard mask has closed.
# - Dilations 1, 2, 4 see 3, 7, 15 pixels: the field doubles with each layer, the weights only add up.
#
# Next, write it yourself in the [exercise](exercise:gated_convolution). How a hole can borrow from *anywhere* in the image, however far, is the subject of [contextual attention](unit:attention).
#
# ## Sources
#
# - [@yu2019freeform]: the layer, and the network.
# - [@yu2016multiscale]: dilation.
# - [@lecun1998efficient]: first weights.
# - [@liu2018partial]: the rule that the gate replaces.
