# %% [markdown]
# {{ head }}

# %% [markdown]
# In the lesson you used the layer; now you write it, from the factor of a single window to the layer with channels, stride and padding.
# `look` draws an example, `check` tries your function on some forty inputs and shows the smallest one that fails,
# `hint("partial_convolution/one_channel", 2)` says more. Everywhere **1 = known, 0 = hole**.
#
# `inpaintlib.layers` holds the answer to all of this: you may not call it, it earns no points. `F.conv2d` you may.

# %%
import torch
import torch.nn.functional as F

from course.checks import check, hint, look, predict, score
from inpaintlib import data, viz

# %% [markdown]
# ## 1. The factor of one window (1 point)
#
# A window of the mask, of any size. By what must the sum over its known pixels be multiplied, to stand for the whole window? Where nothing is
# known, the factor is 0: such a window has nothing to say.

# %%
predict("partial_convolution/exercise_factor")

# %% name="window_factor"
def window_factor(mask):
    """Places in the window divided by known places, one number; 0 if none is known.

    mask: (kh, kw), 1 = known, 0 = hole.
    """
    # solution:
    known = mask.sum()
    if known == 0:
        return 0.0
    return mask.numel() / known
    # end of solution


# %% tags=["expected"]
look("partial_convolution/window_factor", window_factor)

# %%
check("partial_convolution/window_factor", window_factor)

# %%
hint("partial_convolution/window_factor", 1)

# %% [markdown]
# ## 2. Partial convolution of one channel (3 points)
#
# Now every window of an image, stride 1, no padding. For each: add up the products of the known pixels, multiply by the factor, add the bias.
# Where a window holds nothing known, the output is 0, and the bias is not added either.
#
# Right values count, for any hole, with and without a bias. What lies *under* a hole must not matter: it may be anything.

# %% name="one_channel"
def one_channel(image, mask, kernel, bias=0.0):
    """One channel, stride 1, no padding: (H - kh + 1, W - kw + 1).

    image, mask: (H, W), 1 = known, 0 = hole; kernel: (kh, kw); bias: one number.
    """
    # solution:
    def slide(x, weights):
        return F.conv2d(x[None, None], weights[None, None])[0, 0]

    total = slide(image * mask, kernel)
    known = slide(mask, torch.ones_like(kernel))
    # The clamp: no division by 0, where the last line decides anyway.
    y = total * kernel.numel() / known.clamp(min=1) + bias
    return torch.where(known > 0, y, torch.zeros_like(y))
    # end of solution


# %% tags=["expected"]
look("partial_convolution/one_channel", one_channel)

# %%
check("partial_convolution/one_channel", one_channel)

# %% [markdown]
# ## 3. What is known afterwards (2 points)
#
# The layer hands a new mask to the next one: a place is known if its window held at least one known pixel. Pixels outside the image are
# holes, so padding never makes anything known.

# %%
predict("partial_convolution/exercise_border_hole")

# %% name="update_mask"
def update_mask(mask, size, stride=1, padding=0):
    """The mask after a layer with a kernel of size x size: (H', W'), 1 = known, 0 = hole."""
    # solution:
    ones = torch.ones(1, 1, size, size)
    count = F.conv2d(mask[None, None], ones, stride=stride, padding=padding)[0, 0]
    return (count > 0).float()
    # end of solution


# %% tags=["expected"]
look("partial_convolution/update_mask", update_mask)

# %%
check("partial_convolution/update_mask", update_mask)

# %% [markdown]
# ## 4. Find the bugs: a layer from the web (4 points)
#
# Here is a whole layer: a batch of images `(B, Cin, H, W)`, one mask for each `(B, 1, H, W)`, weights `(Cout, Cin, k, k)`, a bias
# `(Cout,)`, stride and padding. It returns the output and the new mask. It runs, it trains, and it has **three bugs**, each of which can be
# met in public code and in a course project whose comparison of networks was decided by them.

# %%
def found(image, mask, weight, bias, stride=1, padding=0):
    """Partial convolution: y (B, Cout, H', W') and the new mask (B, 1, H', W')."""
    k, channels = weight.shape[-1], image.shape[1]
    mask = mask.expand(-1, channels, -1, -1)
    image, mask = F.pad(image * mask, [padding] * 4), F.pad(mask, [padding] * 4, value=1.0)
    known = F.conv2d(mask, torch.ones(1, channels, k, k), stride=stride)
    y = F.conv2d(image, weight, stride=stride) * k**2 / known.clamp(min=1)
    y = torch.where(known > 0, y, torch.zeros_like(y)) + bias[:, None, None]
    return y, (known > 0).float()


# %% [markdown]
# A good way to look for a bug is an input whose answer you know. Three such inputs, with what they *should* give: look at each pair of numbers
# before you change anything.

# %%
def one_number(name, expected, **options):
    y, _ = found(**options)
    print(f"{name:36} expected {expected:4.1f}   found {y.flatten()[0].item():4.1f}")


three = torch.ones(1, 3, 3, 3)
one = torch.ones(1, 1, 3, 3)
none, five = torch.zeros(1), torch.full((1,), 5.0)
one_number("no hole, three channels of ones", 27.0, image=three, mask=one, weight=three, bias=none)
one_number("no hole, a corner with padding 1", 9.0, image=one, mask=one, weight=one, bias=none, padding=1)
one_number("nothing known, a bias of 5", 0.0, image=one, mask=0 * one, weight=one, bias=five)

# %% [markdown]
# Write the layer without the bugs. The check tells them apart: it names the one that explains your answer.

# %% name="partial_layer"
def partial_layer(image, mask, weight, bias, stride=1, padding=0):
    """Partial convolution: y (B, Cout, H', W') and the new mask (B, 1, H', W').

    image: (B, Cin, H, W); mask: (B, 1, H, W), 1 = known, 0 = hole; weight: (Cout, Cin, k, k); bias: (Cout,).
    """
    # solution:
    k = weight.shape[-1]
    # One channel is enough, (B, 1, H', W'):
    known = F.conv2d(mask, torch.ones(1, 1, k, k), stride=stride, padding=padding)
    y = F.conv2d(image * mask, weight, stride=stride, padding=padding) * k**2 / known.clamp(min=1)
    y = torch.where(known > 0, y + bias[:, None, None], torch.zeros_like(y))
    return y, (known > 0).float()
    # end of solution


# %% tags=["expected"]
look("partial_convolution/partial_layer", partial_layer)

# %%
check("partial_convolution/partial_layer", partial_layer)

# %% [markdown]
# ## 5. Experiment: how many layers fill a hole? (2 points)
#
# A course project claims: *with enough partial convolutions, any mask with one known pixel becomes all ones*. Write the function that counts
# how many layers it takes, with stride 1 and padding `size // 2`, so that the mask keeps its size: 0 if there is no hole, and **-1 if it never
# happens**. Your `update_mask` does the work.

# %%
predict("partial_convolution/exercise_line_or_square")

# %% name="layers_until_full"
def layers_until_full(mask, size=3):
    """After how many layers with a kernel of size x size the mask (H, W) is 1 everywhere; -1 if never."""
    # solution:
    if not mask.any():
        return -1
    layers = 0
    while not mask.all():
        mask = update_mask(mask, size, padding=size // 2)
        layers += 1
    return layers
    # end of solution


# %% tags=["expected"]
look("partial_convolution/layers_until_full", layers_until_full)

# %% [markdown]
# Once the check passes, the claim is put to the test: holes of growing width in a picture of 32 x 32.

# %% tags=["experiment"]
result = check("partial_convolution/layers_until_full", layers_until_full)
if result.passed:
    print("width of the hole   layers of 3x3   of 5x5")
    for width in (1, 2, 4, 8, 16, 24, 31):
        mask = torch.ones(32, 32)
        mask[:width, :width] = 0  # in a corner: only two sides help
        print(f"{width:17d} {layers_until_full(mask):15d} {layers_until_full(mask, 5):8d}")
    lonely = torch.zeros(32, 32)
    lonely[0, 0] = 1
    print("one known pixel, in a corner:", layers_until_full(lonely), "layers")
    print("none at all:", layers_until_full(torch.zeros(32, 32)))

# %% [markdown]
# So the claim holds. But look at the last line but one: that many layers for one pixel, and at the end all pixels say what the one has said. *Known*
# means only that a number is there.
#
# ## 6. Open: two mean filters and a hole (4 points)
#
# Choose a photograph and a hole. Fill it with a mean filter again and again: once the plain one, once with your `partial_layer`, keeping the
# known pixels as they are after each step. The kernel `mean` is given below: three colours in, three out, each the mean of **its own** colour
# over 5 x 5 pixels. (Ones / 25 everywhere would add the colours up.) Report what you see. A reader marks this task; the table says what
# counts. One figure, one curve and ten sentences are enough.

# %%
check("partial_convolution/compare")

# %% [markdown] tags=["student"]
# *What happens in the hole, at the border, far away, and why:*
#
# *A hole for which the partial filter does badly, and what would help:*

# %% name="compare" tags=["student"]
photo = F.interpolate(data.load_photo("astronaut"), size=(64, 64), mode="area")
mask = torch.ones(1, 1, 64, 64)
mask[..., 10:30, 20:40] = 0
mean = torch.zeros(3, 3, 5, 5)  # (colours out, colours in, 5, 5)
mean[range(3), range(3)] = 1 / 25  # only from each colour to itself
viz.show(
    viz.image_row({"photograph": photo[0], "with a hole": photo[0]}, masks=[None, mask[0]]),
    alt="(what a reader who does not see the pictures should know)",
    caption="(one sentence)",
)

# %% [markdown] tags=["solution"]
# One answer of many.

# %% tags=["solution"]
photo = F.interpolate(data.load_photo("astronaut"), size=(64, 64), mode="area")  # (1, 3, 64, 64)
mask = torch.ones(1, 1, 64, 64)
mask[..., 8:28, 22:42] = 0  # the face, and some of the wall beside it
mean = torch.zeros(3, 3, 5, 5)
mean[range(3), range(3)] = 1 / 25  # each colour by itself


def error(x):
    """Root of the mean squared error inside the hole, in [0, 1]."""
    return (((x - photo) ** 2 * (1 - mask)).sum() / (3 * (1 - mask).sum())).sqrt().item()


plain, partial, known = photo * mask, photo * mask, mask
pictures, errors = {"the hole": partial[0]}, {"plain": [error(plain)], "partial": [error(partial)]}
for step in range(1, 41):
    plain = F.conv2d(plain, mean, padding=2)
    filled, known = partial_layer(partial, known, mean, torch.zeros(3), padding=2)
    partial = torch.where(mask > 0, photo, filled)
    errors["plain"].append(error(plain))
    errors["partial"].append(error(partial))
    if step in (1, 5, 40):
        pictures |= {f"plain, {step}": plain[0], f"partial, {step}": partial[0]}
viz.show(
    viz.image_grid([*pictures.values(), photo[0]], columns=4, titles=[*pictures, "original"]),
    alt="A portrait with a black square over the face. The plain filter blurs everything and darkens the "
    "border, the square stays a dark cloud. The partial filter closes the square from its rim within five "
    "steps; the rest is untouched.",
    caption="The same mean filter 1, 5 and 40 times, plain and partial.",
)
figure, axes = viz.figure(6.5, 2.8)
for (name, values), style in zip(errors.items(), ("--", "-"), strict=True):
    axes[0, 0].plot(values, style, label=name)
axes[0, 0].set(xlabel="steps", ylabel="error in the hole (0 to 1)", ylim=(0, None))
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two curves over 40 steps. The error of the plain filter falls slowly and stays high; that of the "
    "partial filter drops within five steps and stays.",
    caption="Root mean squared error inside the hole.",
)
last = {name: values[-1] for name, values in errors.items()}
print(f"error in the hole after 40 steps: plain {last['plain']:.3f}, partial {last['partial']:.3f}")

# %% [markdown] tags=["solution"]
# **In the hole** the plain filter averages black with colour: a dark cloud, which gets brighter only as fast as colour diffuses in from outside.
# The partial filter counts known pixels only, so its first ring has the colour of the rim at once, the next ring the colour of the first, and
# after five steps (20 pixels, two from each side in each step) nothing is unknown. **At the border** the plain filter averages in the black
# outside; the partial one counts it as hole. **Far away** the plain filter blurs everything, since it does not know what is worth keeping;
# the partial result is composited, so it is as it was.
#
# **Where it does badly:** this hole covers the whole face and some of the wall beside it. The filling is a smooth mixture of hair, collar and background: the
# outline of the head is gone, and with it the face. A mean knows neither edges nor faces. For the outline it would have to look along it, as Navier-Stokes does;
# for the face it must have seen other faces, and that is what a network is trained for.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("partial_convolution")

# %% [markdown]
# To start a task afresh, run `python -m course reset partial_convolution/one_channel` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
