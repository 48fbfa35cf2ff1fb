# %% [markdown]
# {{ head }}

# %% [markdown]
# In the lesson you looked through gates; now you build them, and pull kernels apart. `look` draws an example, `check` tries your function on many inputs
# and shows the smallest one that fails, `hint("gated_convolution/let_through", 2)` says more.
#
# `inpaintlib.layers` holds the answer: you may not call it, it earns no points. `F.conv2d` you may, unless a task says otherwise.

# %%
import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import check, hint, look, predict, score
from inpaintlib import data, masks, viz

# %% [markdown]
# ## 1. One gate (1 point)
#
# Both convolutions are done; what is left is to put their results together. `feature` and `gate` are the raw sums, before any activation. The activation of this layer is
# the **ELU** (`F.elu`).

# %%
predict("gated_convolution/exercise_mix")

# %% name="let_through"
def let_through(feature, gate):
    """The output of a gated layer from its two raw sums, of the same shape: the activation is ELU."""
    # solution:
    return F.elu(feature) * torch.sigmoid(gate)
    # end of solution


# %% tags=["expected"]
look("gated_convolution/let_through", let_through)

# %%
check("gated_convolution/let_through", let_through)

# %%
hint("gated_convolution/let_through", 1)

# %% [markdown]
# ## 2. Find the bugs: a gated layer (4 points)
#
# A whole layer: an image `(B, Cin, H, W)`, weights `(2 * Cout, Cin, k, k)` and a bias `(2 * Cout,)`, **the first half for the features, the second for the gates**, padding and dilation. It returns the output
# and the gate, both `(B, Cout, H', W')`. It runs, it trains, and it has **three bugs**.

# %%
def found(x, weight, bias, padding=0, dilation=1):
    """Gated convolution: y and the gate, both (B, Cout, H', W')."""
    both = F.conv2d(x, weight, padding=padding, dilation=dilation) + bias[:, None, None]
    feature, gate = both[:, 0::2], both[:, 1::2]
    gate = torch.sigmoid(gate).mean(1, keepdim=True).expand_as(feature)
    return F.elu(feature * gate), gate


# %% [markdown]
# Inputs whose answer you know find bugs. Here are three, each with what it *should* give.

# %%
def one_number(name, expected, weight, bias):
    y, _ = found(torch.ones(1, 1, 1, 1), torch.tensor(weight)[:, None, None, None], torch.tensor(bias))
    print(f"{name:44} expected {expected:6.3f}   found {y[0, 0].item():6.3f}")


half = [0.0, 0.0]
one_number("feature -3, gate half open: ELU(-3) / 2", -0.475, [-3.0, 0.0], half)
one_number("features 2 and 5, both gates wide open", 2.0, [2.0, 5.0, 50.0, 50.0], half + half)
one_number("features 2 and 2, first gate open, second shut", 2.0, [2.0, 2.0, 50.0, -50.0], half + half)

# %% [markdown]
# Write the layer without the bugs.

# %% name="gated_layer"
def gated_layer(x, weight, bias, padding=0, dilation=1):
    """Gated convolution with ELU: y and the gate, both (B, Cout, H', W').

    x: (B, Cin, H, W); weight: (2 * Cout, Cin, k, k), features first; bias: (2 * Cout,).
    """
    # solution:
    both = F.conv2d(x, weight, bias, padding=padding, dilation=dilation)
    feature, gate = both.chunk(2, dim=1)
    gate = torch.sigmoid(gate)
    return F.elu(feature) * gate, gate
    # end of solution


# %% tags=["expected"]
look("gated_convolution/gated_layer", gated_layer)

# %%
check("gated_convolution/gated_layer", gated_layer)

# %% [markdown]
# ## 3. Atrous convolution, from the formula (3 points)
#
# In one dimension, without `conv1d` or `conv2d`:
#
# $$ (F *_l k)(p) = \sum_{s + l\,t = p} F(s)\,k(t) $$
#
# `signal` has places $s = 0, 1, \dots, n - 1$, and outside of it $F$ is 0. `kernel` has an odd number of values, $t$ counts from its **middle**: for three values $t = -1, 0, 1$. Return the result for
# every $p$ from 0 to $n - 1$: as long as the signal.

# %% name="atrous"
def atrous(signal, kernel, rate=1):
    """The atrous convolution (n,) of a signal (n,) with a kernel (2 r + 1,); signal is 0 outside."""
    # solution:
    n, radius = len(signal), len(kernel) // 2
    result = torch.zeros(n)
    for p in range(n):
        for t in range(-radius, radius + 1):
            s = p - rate * t
            if 0 <= s < n:
                result[p] += signal[s] * kernel[t + radius]
    return result
    # end of solution


# %% tags=["expected"]
look("gated_convolution/atrous", atrous)

# %%
check("gated_convolution/atrous", atrous)

# %% [markdown]
# ## 4. Experiment: how many layers look into a hole? (2 points)
#
# A hole is `width` pixels wide, with known pixels on both sides. After how many layers (kernels `size` wide, stride 1) does **every** pixel of the hole see at least one known pixel? The dilations
# are 1, 2, 4, 8, ... if `doubled`, otherwise always 1. A width of 0 needs 0 layers. (Kernels are odd, so a layer reaches `dilation * (size // 2)` pixels farther to each side.)

# %%
predict("gated_convolution/exercise_middle")

# %% name="layers_needed"
def layers_needed(width, size=3, doubled=True):
    """How many layers until every pixel of a hole `width` wide sees a known pixel."""
    # solution:
    distance = (width + 1) // 2  # of the innermost pixel from the nearest known one
    layers, reach, dilation = 0, 0, 1
    while reach < distance:
        reach += dilation * (size // 2)
        dilation = 2 * dilation if doubled else 1
        layers += 1
    return layers
    # end of solution


# %% tags=["expected"]
look("gated_convolution/layers_needed", layers_needed)

# %% tags=["experiment"]
result = check("gated_convolution/layers_needed", layers_needed)
if result.passed:
    print("width of the hole   doubled   always 1")
    for width in (1, 5, 20, 64, 128, 256):
        print(f"{width:17d} {layers_needed(width):9d} {layers_needed(width, doubled=False):10d}")

# %% [markdown]
# To *see* one known pixel is the least; whether a layer can make anything of it is another matter.
#
# ## 5. Open: is it the gate, or is it the weights? (4 points)
#
# A gated layer has twice the weights of a plain one with as many channels. Train two small networks that fill holes, one gated, one plain, **with about equally many weights**, and compare them. The cell below holds one way to build both, and data.
# Report what you find. A reader marks this task; the table says what counts.

# %%
check("gated_convolution/fair")

# %% [markdown] tags=["student"]
# *What I compared, and what I held equal:*
#
# *What I found, how sure I am, and what would make me surer:*

# %%
class Layer(torch.nn.Module):
    """A layer of 3 x 3, gated or plain, with your gated_layer inside."""

    def __init__(self, cin, cout, dilation, gated):
        super().__init__()
        self.plain = torch.nn.Conv2d(cin, 2 * cout if gated else cout, 3)
        self.dilation, self.gated = dilation, gated

    def forward(self, x):
        weight, bias = self.plain.weight, self.plain.bias
        if self.gated:
            return gated_layer(x, weight, bias, padding=self.dilation, dilation=self.dilation)[0]
        return F.elu(F.conv2d(x, weight, bias, padding=self.dilation, dilation=self.dilation))


def network(width, gated, seed=0):
    """Damaged image and mask (4 channels) in, image out; dilations 1, 2, 4, 8, 1."""
    torch.manual_seed(seed)
    channels = [4] + [width] * 5
    steps = zip(channels[:-1], channels[1:], (1, 2, 4, 8, 1), strict=True)
    layers = [Layer(cin, cout, dilation, gated) for cin, cout, dilation in steps]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(width, 3, 3, padding=1))


def weights(net):
    return sum(p.numel() for p in net.parameters())


# %% name="fair" tags=["student"]
for gated in (True, False):
    print(f"width 16, gated={gated}: {weights(network(16, gated))} weights")  # not fair yet
pictures = data.load_images("auto", limit=2000)
test = data.load_images("auto", split="test", limit=100)

# %% [markdown] tags=["solution"]
# One answer of many.

# %% tags=["solution"]
pictures, test = data.load_images("auto", limit=2000), data.load_images("auto", split="test", limit=100)
steps = {"quick": 60, "full": 2000}[inpaintlib.profile()]
frozen = masks.benchmark("boxes")[:100].float()


def error(net, image, mask):
    """Mean absolute error in the hole."""
    off = (net(torch.cat([image * mask, mask], dim=1)) - image).abs()
    return (off * (1 - mask)).sum() / (3 * (1 - mask).sum())


def curve(width, gated, seed):
    net, chance = network(width, gated, seed), torch.Generator().manual_seed(seed)
    optimiser, errors = torch.optim.Adam(net.parameters(), lr=2e-3), []
    for step in range(steps + 1):
        if step % (steps // 6) == 0:
            with torch.no_grad():
                errors.append(error(net, test.float(), frozen).item())
        image = pictures.float(torch.randint(len(pictures), (8,), generator=chance))
        loss = error(net, image, masks.boxes(8, 32, generator=chance).float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return errors


rivals = {"gated": (14, True), "plain": (20, False)}
figure, axes = viz.figure(6.5, 3)
styles = ((viz.BLUE, "-"), (viz.VERMILLION, "--"))
for (name, (width, gated)), (colour, line) in zip(rivals.items(), styles, strict=True):
    runs = torch.tensor([curve(width, gated, seed) for seed in (0, 1)])
    for i, run in enumerate(runs):
        axes[0, 0].plot(run, line, color=colour, label=name if i == 0 else None)
    last = ", ".join(f"{value:.3f}" for value in runs[:, -1])
    print(f"{name}: {weights(network(width, gated))} weights, error in the hole at the end {last}")
axes[0, 0].set(xlabel="sixths of the training", ylabel="error in the hole (0 to 1)", ylim=(0, None))
axes[0, 0].legend()
viz.show(
    figure,
    alt="Error in the hole over the training: two runs of the gated network as solid lines, two of the "
    "plain one dashed; all fall.",
    caption="Equally many weights, the same pictures, the same holes, two seeds each.",
)

# %% [markdown] tags=["solution"]
# **Held equal:** the number of weights, nearly (the gated network has fewer channels for it), pictures, holes, order, learning rate, steps, dilations. **Not equal:** the number of channels, and with it the memory;
# and the best learning rate of the two need not be the same.
#
# **How sure:** look at the two runs of the same network. If the lines of one network lie as far apart as the two networks do, nothing is decided; in the stored run it is so. A short training says who learns *faster*, not who ends
# *better*. Surer: more seeds, longer training, a learning rate chosen for each network, and other kinds of holes.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("gated_convolution")

# %% [markdown]
# To start a task afresh, run `python -m course reset gated_convolution/gated_layer` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
