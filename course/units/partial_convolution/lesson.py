# %% [markdown]
# {{ head }}

# %% [markdown]
# ## The dark cloud again
#
# At the end of [convolution](unit:convolution), a mean filter met a hole. It averaged the black of the hole into the picture, and what came
# out was a dark cloud. Here is that hole again. In both pictures on the right, a mean filter was applied six times and the known pixels were put back each time;
# *one line* differs between them.
#
# **Which line?** A hint: in the last picture, the hole has not been filled with black, grey or any other colour beforehand.

# %%
from fractions import Fraction

import torch
import torch.nn.functional as F

from course.checks import predict
from inpaintlib import baselines, data, evaluation, example, layers, masks, models, viz, widgets
from inpaintlib.layers import PartialConv2d, partial_conv2d

torch.manual_seed(0)
photo = data.load_photo("chelsea")[:, :, 20:276, 90:346]  # a cat, (1, 3, 256, 256)
cat = F.avg_pool2d(photo, 4)  # (1, 3, 64, 64)
mask = torch.ones(1, 1, 64, 64)
mask[..., 20:40, 33:53] = 0  # 1 = known, 0 = hole
mean = torch.zeros(3, 3, 5, 5)
mean[range(3), range(3)] = 1 / 25  # each colour is averaged with itself alone

plain = partial = cat * mask
known = mask
for _ in range(6):
    plain = F.conv2d(plain, mean, padding=2)
    partial, known = partial_conv2d(partial, known, mean, padding=2)
    plain, partial = (torch.where(mask > 0, cat, x) for x in (plain, partial))  # put the known pixels back
viz.show(
    viz.image_row({"the hole": (cat * mask)[0], "convolution": plain[0], "one line changed": partial[0]}),
    alt="The cat with a black square between its eyes; the square with a dark smear in it that is "
    "blackest in its middle; and the square closed with colours of the fur around it, smooth but without any darkness.",
    caption="The same hole, the same mean filter, six times. On the right it knew which pixels were real.",
)

# %% [markdown]
# ## A window with holes in it
#
# Back to the worked example of [convolution](unit:convolution), now with four holes. Everything in this lesson follows from one decision: **what is the sum over a window
# when some of its pixels are unknown?**

# %%
image, kernel, holes = example.image, example.kernel, example.mask
viz.show(
    viz.number_row(
        {"image with holes": image, "kernel": kernel, "mask": holes}, masks={"image with holes": holes}
    ),
    alt="The 5 by 5 image of the worked example with four cells hatched in orange and marked with a "
    "question mark; the edge kernel; and the mask, "
    "1 where a pixel is known, 0 at the four holes.",
    caption="1 = known, 0 = hole. The course uses this polarity everywhere; some papers and many files "
    "use the opposite one.",
)

# %% [markdown]
# To leave unknown pixels out of the sum, multiply the image by the mask. But then a window with holes adds up fewer products than a window
# without, and its sum comes out too small. **Partial convolution** makes up for it: **it multiplies by 9 and divides by the number of known
# pixels.** In other words: it takes the mean of the known *products*, and acts as if the unknown places had contributed that mean too.
#
# (That is not the same as filling the holes with the mean of the known pixels and convolving as usual; the cell after the question shows both numbers.)

# %%
predict("partial_convolution/first_window")

# %% tags=["compare"]
window, window_known = image[:3, :3], holes[:3, :3]
plain_sum = (window * window_known * kernel).sum()
print("known pixels:", int(window_known.sum()))
print("sum over the known ones:", plain_sum.item())
print("rescaled:", (plain_sum * 9 / window_known.sum()).item())

mean_of_known = (window * window_known).sum() / window_known.sum()
filled_window = torch.where(window_known > 0, window, mean_of_known)
print(f"for comparison, holes filled with the mean of the known pixels: {(filled_window * kernel).sum():.2f}")

# %% [markdown]
# Step through all nine windows. Orange, hatched cells are holes; the factor stands in the sum. **Click a pixel of the image** to open or close
# a hole (or move to it with Tab and the arrow keys, and press Space), and watch the factor change. Can you make a window whose answer is 0
# because nothing in it is known?

# %%
widgets.PartialConvolutionStepper(image, kernel, holes)

# %% [markdown]
# ## The formula
#
# With image $X$, mask $M$, weights $W$ and bias $b$ (the number that a layer adds to each of its sums), for each window
#
# $$ x' = \begin{cases} W^T (X \odot M)\,\dfrac{\mathrm{sum}(\mathbf 1)}{\mathrm{sum}(M)} + b & \text{if } \mathrm{sum}(M) > 0\\[2mm] 0 & \text{otherwise,} \end{cases}
# \qquad
# m' = \begin{cases} 1 & \text{if } \mathrm{sum}(M) > 0\\ 0 & \text{otherwise.} \end{cases} $$
#
# Here $x'$ is what comes out for that window, and $m'$ whether it counts as known. $X \odot M$ multiplies number by number, $W^T(\cdot)$ is the sum of products with the weights, $\mathrm{sum}(\mathbf 1)$ is the number of places in the window, 9 for a 3 x 3 kernel; $\mathrm{sum}(M)$ counts the known ones. The second
# equation makes a new mask: wherever at least one pixel was known, the output is known. Note where the bias stands: it is added *after* the
# rescaling, and only where something is known.
#
# Let us do the whole table exactly, with fractions, and check the library against it. On one printed slide with this example there stands 18 in the
# centre. Is that right?

# %% tags=["compare"]
def by_hand(image, mask, kernel):
    """Partial convolution in exact fractions, window by window."""
    table = []
    for i in range(3):
        row = []
        for j in range(3):
            places = [(u, v) for u in range(3) for v in range(3) if mask[i + u, j + v] == 1]
            total = sum(int(image[i + u, j + v]) * int(kernel[u, v]) for u, v in places)
            row.append(Fraction(total * 9, len(places)))
        table.append(row)
    return table


exact = by_hand(image, holes, kernel)
for row in exact:
    print("".join(f"{value!s:>7}" for value in row), "    ", "".join(f"{float(value):9.3f}" for value in row))

y, new_mask = partial_conv2d(image[None, None], holes[None, None], kernel[None, None])
expected = torch.tensor([[float(value) for value in row] for row in exact])
print("the library agrees:", torch.allclose(y[0, 0], expected))

# %% [markdown]
# It is 9/5 = 1.8; a decimal point got lost in print. That happens to everybody, which is why this course computes every figure that it shows.
#
# Does partial convolution recover what the complete image would have given? We know the complete image, so we can look.

# %% tags=["compare"]
complete = F.conv2d(image[None, None], kernel[None, None])[0, 0]
print("complete image:\n", complete)
print("error of partial convolution:\n", (expected - complete).abs())

smooth = torch.full((3, 3), 1 / 9)  # a mean filter instead of the edge detector
complete = F.conv2d(image[None, None], smooth[None, None])[0, 0]
y = partial_conv2d(image[None, None], holes[None, None], smooth[None, None])[0][0, 0]
print("error with a mean filter:\n", (y - complete).abs())

# %% [markdown]
# With this edge detector the errors are as large as the values. No wonder: its numbers add up to 0, so everything hangs on *which* pixels are missing, and what
# is not there cannot be guessed from a mean. With a mean filter, whose numbers are all alike, the errors are small. Rescaling repairs the *size* of a sum; it does not
# know the missing pixels. A network has to live with that, and learns weights for which it is good enough.

# %% [markdown]
# ## Why rescale? One test tells
#
# Here is a test so simple that it is easy to overlook. Take an image that is 0.8 everywhere. Knock holes into it. Apply a mean filter. The
# mean of pixels that are all 0.8 is 0.8, *however many of them are known*. So a right answer is 0.8 everywhere.

# %%
predict("partial_convolution/without_rescaling")

# %%
flat = torch.full((1, 1, 24, 24), 0.8)
spots = torch.ones(1, 1, 24, 24)
spots[..., 5:10, 5:9], spots[..., 13:19, 12:20] = 0, 0
average = torch.full((1, 1, 3, 3), 1 / 9)

forgotten = F.conv2d(flat * spots, average, padding=1)
rescaled, after = partial_conv2d(flat, spots, average, padding=1)
lowest = [0.8, forgotten[after > 0].min(), rescaled[after > 0].min()]
viz.show(
    viz.image_row(
        {"0.8 with holes": (flat * spots)[0], "not rescaled": forgotten[0], "partial": rescaled[0]},
        notes=[f"known: {value:.2f} and up" for value in lowest],
    ),
    alt="A light grey square with two black rectangles; without rescaling the rectangles and the "
    "border of the square turn into dark gradients; "
    "with partial convolution everything is even grey, and only the inner part of the rectangles "
    "is still black.",
    caption="A constant image must keep its value. Without the rescaling it does not, near holes and at "
    "the border of the image.",
)

# %% [markdown]
# Look at the *border* of the pictures as well. Places outside the image are unknown too, and partial convolution treats them so: **padding
# counts as hole**. The border of the right picture is even, where zero padding darkened it. The cure for holes cured the border on the way.
# (Liu et al. gave this use of the layer a paper of its own: [@liu2018padding].)

# %% [markdown]
# ## The mask after each layer
#
# A window with one known pixel gives a known output. So with each layer of 3 x 3, the known region grows by one pixel in every direction,
# and the hole shrinks from its rim.

# %%
predict("partial_convolution/square_hole")

# %%
hole = torch.ones(24, 24)
hole[7:17, 7:17] = 0
widgets.MaskPropagation(hole, layers=[(3, 1, 1)] * 6)

# %% [markdown]
# **Step through the layers, then click a pixel to see why it counts as known**: its window is framed in the mask before, and the known pixels of the first mask that it goes back to are blue. How many are they
# for the last pixel to close? Then click *into the hole* of the first mask: what does a single known pixel in its middle change?

# %% [markdown]
# The paper ([@liu2018partial]) claims: *with enough partial convolutions, any mask that has one known pixel becomes all ones.*
# True? Let us find out *when exactly*. The worst case is one known pixel in a corner: it has to reach the opposite corner, 31 pixels away.
# (The library counts the layers for us; in the exercise you will.)

# %% tags=["compare"]
for name, (row, column) in {"corner": (0, 0), "centre": (16, 16)}.items():
    one = torch.zeros(1, 1, 32, 32)
    one[..., row, column] = 1
    print(f"one known pixel in the {name}: {layers.layers_until_full(one)} layers of 3 x 3,", end=" ")
    print(f"{layers.layers_until_full(one, kernel=7)} of 7 x 7")
print("no known pixel at all:", layers.layers_until_full(torch.zeros(1, 1, 32, 32)))

# %% [markdown]
# So the claim holds, with a number: count the steps from the innermost pixel of the hole to the nearest known one (a diagonal step counts as one), divide by
# (k - 1) / 2, and round up. And it needs one known pixel: no layer makes something out of nothing.
#
# A network need not be that deep. It halves the image again and again, and in a picture of 2 x 2 pixels every pixel is the neighbour of every other. Does the
# partial U-Net of this course fill *every* mask of 32 x 32 with a single known pixel? We try all 1,024 of them. And in a picture of 48 x 48, half as large again?

# %% tags=["compare"]
for side in (32, 48):
    single = torch.eye(side**2).reshape(-1, 1, side, side)  # mask number i knows pixel i only
    after = models.mask_trace(models.create("partial_unet", width=1), single)  # layer -> mask
    full = after["head"].flatten(1).all(dim=1)
    smallest = min(mask.shape[-1] for mask in after.values())
    print(f"{side} x {side}, {smallest} x {smallest} at its smallest: {int(full.sum())} of {len(full)} masks are full after the last layer")

# %% [markdown]
# In 2 x 2 pixels one step reaches everything; in 3 x 3 it does not, and the layers on the way up are too few for the rest. "Enough layers" is a condition on
# the network *and* on the size of the picture: ours was made for 32 x 32.

# %% [markdown]
# ## The mean filter, again and again
#
# A picture that explains partial convolution better than its formula. Top: a 5 x 5 mean filter with ordinary convolution. Bottom: the
# same with partial convolution. Both filter the *whole* picture here, known pixels too, so both blur. Look at the hole and at the border.

# %%
def repeat(x, m, times, partial):
    """The picture after some of the mean filters; x (1, 3, H, W), m its mask."""
    pictures = []
    for step in range(1, max(times) + 1):
        if partial:
            x, m = partial_conv2d(x, m, mean, padding=2)
        else:
            x = F.conv2d(x, mean, padding=2)
        if step in times:
            pictures.append(x[0].clamp(0, 1))
    return pictures


scratches = masks.strokes(1, 64, generator=torch.Generator().manual_seed(3)).float()
times, damaged = (1, 3, 6), cat * scratches
above = [damaged[0], *repeat(damaged, scratches, times, partial=False)]
below = [damaged[0], *repeat(damaged, scratches, times, partial=True)]
viz.show(
    viz.image_grid(
        [*above, *below],
        columns=4,
        column_titles=["damaged", *(f"{t} x" for t in times)],
        row_titles=["convolution", "partial"],
    ),
    alt="Two rows of four pictures of the cat with thick black scratches. In the upper row the "
    "scratches blur into dark bands and the border of the "
    "picture darkens; in the lower row the scratches close from their rim without any darkness, "
    "and the border keeps its colour.",
    caption="A mean filter of 5 x 5, one, three and six times. Above: the invalid signal bleeds into the "
    "picture. Below: the holes shrink until none is left.",
)

# %% [markdown]
# ## An inpainter in seven lines
#
# Filling only the hole and keeping what is known makes this a method of inpainting. In this course **an inpainter is any function
# `(image, mask) -> image`** that leaves known pixels alone. Here is one made of the layer alone, which has learned nothing.

# %%
def mean_filter_inpaint(image, mask):
    """Fill the hole from its rim inwards, each pixel with the mean of its known neighbours."""
    weight = torch.zeros(3, 3, 3, 3)
    weight[range(3), range(3)] = 1 / 9
    x, known = image * mask, mask.float()
    while not bool(known.all()):
        filtered, grown = partial_conv2d(x, known, weight, padding=1)
        x, known = torch.where(known > 0, x, filtered), grown
    return x


pictures = data.load_images("auto", split="test", limit=200)
print(pictures.source)
table = evaluation.compare(
    {
        "mean of the image": baselines.mean_fill,
        "mean filter, partial": mean_filter_inpaint,
        "Navier-Stokes": baselines.navier_stokes,
        "biharmonic": baselines.biharmonic,
        "partial U-Net": models.create("partial_unet", pretrained=True).inpaint,
    },
    pictures,
    masks.benchmark("lines")[:200],
    metrics=["psnr", "psnr_hole"],
)
table

# %% [markdown]
# (PSNR says in decibels how close the result comes to the original; higher is better.) The seven lines beat the mean of the image by far. The last row is a network of partial
# convolutions, seventeen of them one after the other: the same layer, with *learned* weights instead of 1/9. On thin lines it plays in one league with the biharmonic method, which learned
# nothing. How the network is built and trained, and where learning wins clearly, is the subject of [the partial U-Net](unit:partial_unet).

# %%
net, smoothest = "partial U-Net", "biharmonic"
gap = table.difference(net, smoothest, "psnr")
print(f"{net} minus {smoothest}, image by image: {gap.mean:+.2f} dB, give or take {gap.half:.2f}")

# %%
predict("partial_convolution/overlapping_intervals")

# %%
image4 = pictures.float(slice(0, 4))
hole4 = masks.benchmark("lines")[:4].float()
unet = models.create("partial_unet", pretrained=True)
methods = {"mean filter": mean_filter_inpaint, "partial U-Net": unet.inpaint}
cells = [*(image4 * hole4)]
for method in methods.values():
    cells += [*method(image4, hole4)]
cells += [*image4]
marked = [*hole4, *[None] * (len(cells) - 4)]
viz.show(
    viz.image_grid(cells, columns=4, row_titles=["damaged", *methods, "original"], masks=marked),
    alt="Four small test images in four rows: with hatched orange lines across them, filled by the mean "
    "filter, filled by the partial U-Net, and the originals.",
    caption="Test images that no network has seen in training.",
)

# %% [markdown]
# ## The layer, with channels
#
# In a network the image has many channels, and **all of them share one mask**: a pixel is known or it is not. So $\mathrm{sum}(M)$ over a window is
# the number of channels times a count over a *one-channel* mask, and the number of channels cancels. Only where a network
# lays two pictures with different histories on top of each other, as extra channels (a *concatenation*; U-Nets do it), do two masks meet: then the counts are added, each times its
# number of channels. No mask with many channels is ever needed.

# %% tags=["compare"]
layer = PartialConv2d(32, 64, kernel_size=3, padding=1)
print("weights:", sum(p.numel() for p in layer.parameters()), "= 64 x (32 x 9 + 1)")
features, known = torch.rand(8, 32, 16, 16), masks.lines(8, 16)
y, new_mask = layer(features, known)
print("features", tuple(features.shape), "->", tuple(y.shape))
print("mask    ", tuple(known.shape), "->", tuple(new_mask.shape))

upper, lower = masks.lines(8, 16), torch.ones(8, 1, 16, 16)
both = PartialConv2d(32 + 16, 64, kernel_size=3, padding=1)
y, new_mask = both(torch.rand(8, 48, 16, 16), [(upper, 32), (lower, 16)])
print("after a concatenation:", tuple(y.shape), "one mask for each half, none with 48 channels")

# %% [markdown]
# ## Bugs of the wild
#
# Partial convolution is a dozen lines, and most public versions of it have a bug. None of them crashes. Here are four, all found in code that
# people have trained with.
#
# | | the line | seen in |
# |---|---|---|
# | A | the factor is k x k, but the mask is summed over all input channels | a Keras version, and a course project that follows it |
# | B | the sum is divided by the known places, and not multiplied by all places | a popular PyTorch version |
# | C | the bias is added everywhere, inside holes too | the same Keras version |
# | D | the factor is k x k / (sum + 1e-8), in half precision | a reference implementation |

# %%
predict("partial_convolution/four_bugs")

# %%
flat = torch.full((1, 4, 24, 24), 0.5)  # four channels, all 0.5
weight = torch.full((1, 4, 3, 3), 1 / 36)  # the mean over all four channels
mean4, after = partial_conv2d(flat, spots, weight, padding=1)  # 0.5 where anything is known
bias = 0.4
answers = {
    "right": (mean4 + bias) * after,
    "A": (mean4 / 4 + bias) * after,  # divided by the number of channels
    "B": (mean4 / 36 + bias) * after,  # not multiplied by the 4 x 3 x 3 places
    "C": mean4 + bias,
}
viz.show(
    viz.image_row(
        {name: y[0] for name, y in answers.items()},
        notes=[f"{y.min():.2f} to {y.max():.2f}" for y in answers.values()],
    ),
    alt="Four squares. The right one is 0.9 with black where nothing is known. A is much darker "
    "throughout, B darker still. "
    "C is right outside, but grey instead of black inside the hole.",
    caption="A constant image of 0.5 and a bias of 0.4: where something is known 0.9 must come out, "
    "elsewhere 0.",
)

# %% [markdown]
# The one-line test from above, *a constant image must keep its value*, finds A and B at once. To see C you must look *inside* the hole. And D? Its 1e-8, an
# *epsilon*, is there so that nobody divides by zero. But with numbers of 16 bits 0.00000001 is too small to exist:

# %% tags=["compare"]
nothing_known = torch.tensor(0.0, dtype=torch.float16)
factor = 9 / (nothing_known + 1e-8)
print("1e-8 in half precision is", torch.tensor(1e-8, dtype=torch.float16).item())
print("factor where nothing is known:", factor.item(), "  times a sum of 0:", (factor * 0).item())

# %% [markdown]
# One such NaN in one window of one image is enough: the loss becomes NaN, with it the gradients, and with the next step the weights of the network. The remedy is not a larger epsilon: a count
# is a whole number, so clamp it at 1 and no epsilon is needed.
#
# Such bugs have consequences. A comparison of a partial U-Net with a plain one, made with a layer that had A, C and one bug more (the kernels of ones that only *count* known pixels were trained as if they were weights), found that
# *plain convolution is better*. It may be. But that comparison could not tell, and [the partial U-Net](unit:partial_unet) repeats it without the bugs.

# %% [markdown]
# ## Check yourself

# %%
predict("partial_convolution/bias_last")

# %%
predict("partial_convolution/where_they_differ")

# %%
predict("partial_convolution/sixty_four_times")

# %% [markdown]
# ## Common mistakes
#
# - **Not rescaling**, or rescaling the bias too.
# - **Dividing by zero** where nothing in the window is known.
# - **Forgetting to update the mask**: then the hole never closes, and every layer starts from the same rim.
# - **Counting padding as known**: the border darkens as with any other convolution.
# - **Keeping the mask in the module** between two calls: the second call may silently use the mask of the first.
# - **The opposite polarity**: a mask with 1 = hole gives a picture of what should have been removed.
#
# ## Summary
#
# - Partial convolution sums over known pixels and rescales by places / known; where nothing is known it answers 0.
# - The mask is updated: known if anything in the window was. Enough layers close any hole that has one known pixel.
# - Padding counts as hole, so borders stay bright.
# - A constant image must keep its value: one line of test, and it finds most bugs.
#
# Next, write it yourself in the [exercise](exercise:partial_convolution).
#
# ## Sources
#
# - [@liu2018partial].
# - [@liu2018padding].
# - [@bertalmio2001navier]: the baseline in the table.
