# %% [markdown]
# {{ head }}

# %% [markdown]
# ## One operation, three pictures
#
# Below is a photograph, and beside it three pictures made from it. Each of the three was made by the same small operation: take the
# nine pixels around a place, multiply them by nine numbers, add up. Only the nine numbers differ.
#
# **Which nine numbers keep the rim of the eye and drop everything that is smooth?** Guess now; at the end of this lesson you will be asked again. By then
# you will have seen why this one operation is the brick from which every network of the course is built.

# %%
import torch
import torch.nn.functional as F

from course.checks import predict
from inpaintlib import data, example, layers, viz, widgets

torch.manual_seed(0)
photo = data.load_photo("chelsea")[:, :, 20:276, 90:346]  # a cat, (1, 3, 256, 256)
eye = F.avg_pool2d(photo, 2)[:, :, 17:81, :64].mean(dim=1, keepdim=True)  # in grey, (1, 1, 64, 64)
pictures = {"photograph": eye[0]}
for name, nine_numbers in example.kernels.items():
    picture = F.conv2d(eye, nine_numbers[None, None])[0]
    pictures[name] = picture.abs().clamp(0, 1)
viz.show(
    viz.image_row(pictures),
    alt="A grey photograph of a cat's eye, and three versions of it: one blurred, one sharpened, one black "
    "but for thin bright lines where the photograph has edges.",
    caption="One photograph and three pictures made from it, each by nine multiplications and a sum at "
    "every pixel.",
)

# %% [markdown]
# ## One window by hand
#
# We start where everything can be checked on paper: an image of 5 x 5 numbers and a **kernel** of 3 x 3.
#
# The numbers are kept in PyTorch **tensors**. A tensor is what NumPy calls an array: `image[:3, :3]` is a piece of it, `a * b` multiplies number by number,
# `.sum()` adds up, `.item()` takes the number out of a tensor that holds only one, `image[None]` puts a new axis of length 1 in front, and
# `torch.zeros`, `torch.ones`, `torch.full` make new ones. Two things set it apart, and you will meet both: it can live on a GPU, and it can be differentiated.

# %%
image, kernel = example.image, example.kernel
viz.show(
    viz.number_row({"image": image, "kernel": kernel}),
    alt="A grid of 5 by 5 whole numbers between 2 and 8, and a kernel of 3 by 3: a column of ones, a "
    "column of zeros, a column of minus ones.",
    caption="The worked example of this course. You will meet it again, with holes in it.",
)

# %% [markdown]
# Lay the kernel on the top left corner of the image. It covers a **window** of nine pixels. Multiply each pixel with the number of the
# kernel that lies on it, and add up the nine products.

# %%
predict("convolution/first_window")

# %% tags=["compare"]
window = image[:3, :3]
print(window * kernel)
print("sum:", (window * kernel).sum().item())

# %% [markdown]
# The kernel answers one question at each place: *how much brighter is the left than the right?* It is positive where the image gets darker
# from left to right, negative where it gets brighter, and 0 where both sides are equal. It is an **edge detector** for vertical edges.
#
# Now let the window slide. Step through all nine places with the buttons, or click into the widget and use the arrow keys.

# %%
widgets.ConvolutionStepper(image, kernel, simple=True)

# %% [markdown]
# ## The same in code
#
# What you did by hand are two loops over the places of the output, and one line in the middle.

# %% tags=["compare"]
def correlate(image, kernel):
    """Slide the kernel over the image; one sum of products at each place."""
    k = kernel.shape[0]
    rows, columns = image.shape[0] - k + 1, image.shape[1] - k + 1
    output = torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            output[i, j] = (image[i : i + k, j : j + k] * kernel).sum()
    return output


print(correlate(image, kernel))

# %% [markdown]
# PyTorch has this operation as `F.conv2d`. It works on many images at once, a **batch**, and each image has **channels**: three for the colours red, green, blue. So an image
# is `(B, C, H, W)`: batch, channels, height, width. The numbers of the kernels are called **weights**. A kernel has a slice of 3 x 3 weights for each channel that comes in, and the sum
# runs over all slices: **a sum over channels, not one result for each**. With several kernels there are several channels out: the weights are `(Cout, Cin, k, k)`: channels out, channels in, and the two sides of the kernel. Often
# a number is added to each channel at the end, its **bias**. One such convolution, with its weights and biases, is a **layer** of a network.

# %% tags=["compare"]
y = F.conv2d(image[None, None], kernel[None, None])  # (1, 1, 3, 3)
print(y[0, 0])
print("equal to the loops:", torch.equal(y[0, 0], correlate(image, kernel)))

# %% [markdown]
# Two loops in Python are slow, and you never write them again: `F.conv2d` does the same in optimised code, for thousands of images at a
# time. But most of what this course calls a layer is this loop, with the line in the middle changed.

# %% [markdown]
# ## Correlation or convolution?
#
# There is a small quarrel about names. In mathematics a *convolution* turns the kernel by 180 degrees before it slides. What we did, and
# what every deep-learning library does under the name `conv2d`, is strictly a *cross-correlation*.
#
# A single bright pixel shows the difference at once. Send the kernel 1 ... 9 over an image that is 0 but for a single 1:

# %%
predict("convolution/impulse")

# %% tags=["compare"]
impulse = torch.zeros(5, 5)
impulse[2, 2] = 1
count = torch.arange(1.0, 10).reshape(3, 3)
print("correlation (what F.conv2d does):\n", correlate(impulse, count))
print("convolution (the kernel turned first):\n", correlate(impulse, count.flip(0, 1)))

# %% [markdown]
# For a network it does not matter: it *learns* its kernels (further down you watch one being learned), and a turned kernel is learned as easily as another. It matters when you
# compare with `scipy.signal.convolve2d`, or copy a kernel from a book on signal processing. We say *convolution*, as everybody does, and
# mean the sliding without turning.

# %% [markdown]
# ## Padding: what happens at the border
#
# Our 5 x 5 image gave a 3 x 3 output: the window fits in only three times. A network of many layers would lose a rim in each.

# %%
predict("convolution/ten_layers")

# %% tags=["compare"]
x = torch.rand(1, 1, 32, 32)
for _ in range(10):
    x = F.conv2d(x, torch.rand(1, 1, 3, 3))
print(tuple(x.shape))

# %% [markdown]
# The usual remedy is **padding**: put a rim of zeros around the image, one pixel wide for a 3 x 3 kernel. The size stays ("same" padding).
# But zero is not nothing: zero is *black*. The kernel cannot know that these pixels were invented. Watch a blur of 9 x 9 meet its border,
# on a picture that is white everywhere:

# %%
blur = torch.full((1, 1, 9, 9), 1 / 81)
white = torch.ones(1, 1, 48, 48)
once = F.conv2d(white, blur, padding=4)
five = white
for _ in range(5):
    five = F.conv2d(five, blur, padding=4)
viz.show(
    viz.image_row({"white": white[0], "blurred once": once[0], "blurred five times": five[0]}),
    alt="A white square; the same square blurred with zero padding, its border grey; after five blurs "
    "a broad dark frame has grown inwards.",
    caption="A mean of white pixels should be white. With zero padding the border darkens, and the "
    "darkness creeps inwards with each layer.",
)
print(f"the corner of a white picture, blurred once: {once[0, 0, 0, 0]:.3f}")

# %% [markdown]
# Keep this picture in mind. A pixel outside the image and a pixel inside a hole have the same problem: *nobody knows its value, and 0 is a
# bad guess*. [Partial convolution](unit:partial_convolution) solves both with one idea.

# %% [markdown]
# ## Stride, dilation, and the size of the output
#
# Two more numbers describe how a kernel slides:
#
# - **stride** $s$: by how many pixels the window moves. Stride 2 halves the image, and is how networks look at it from further away.
# - **dilation** $d$: the distance between the pixels that the kernel takes. A 3 x 3 kernel with dilation 2 covers 5 x 5 and still has
#   nine numbers.
#
# With padding $p$ and a kernel of size $k$, an image of side $n$ gives an output of side
#
# $$ \left\lfloor \frac{n + 2p - d\,(k-1) - 1}{s} \right\rfloor + 1 . $$
#
# Read it from the inside: $d\,(k-1)+1$ is the width that the kernel covers; what is left of the padded image is the room in which it can
# move; it moves in steps of $s$; and the first place counts too.
#
# Change the three numbers in the widget and watch the output's size.

# %%
widgets.ConvolutionStepper(image, kernel, stride=2, padding=1)

# %%
predict("convolution/stride_two")

# %%
predict("convolution/last_row")

# %% [markdown]
# The library has the formula as `output_size` (in the exercise you write it yourself). Does it agree with what `F.conv2d` does?

# %% tags=["compare"]
print("  n  k  s  p  d   formula  F.conv2d")
for n, k, s, p, d in [
    (5, 3, 1, 0, 1),
    (5, 3, 2, 1, 1),
    (32, 3, 1, 1, 1),
    (32, 3, 2, 1, 1),
    (32, 5, 1, 2, 1),
    (32, 3, 1, 2, 2),
    (32, 7, 2, 3, 1),
]:
    x, weight = torch.zeros(1, 1, n, n), torch.zeros(1, 1, k, k)
    measured = F.conv2d(x, weight, stride=s, padding=p, dilation=d).shape[-1]
    formula = layers.output_size(n, k, stride=s, padding=p, dilation=d)
    assert measured == formula
    print(f"{n:3d}{k:3d}{s:3d}{p:3d}{d:3d} {formula:9d} {measured:9d}")

# %% [markdown]
# ## Pooling: a summary without weights
#
# A convolution with stride 2 is one way to halve an image. The older way has nothing to learn: cut the image into squares of 2 x 2 and keep
# one number of each, the largest (**max pooling**), the mean (**average pooling**) or the sum (**sum pooling**).

# %% tags=["compare"]
corner = image[:4, :4]
print(corner)
print("max:\n", F.max_pool2d(corner[None, None], 2)[0, 0])
print("average:\n", F.avg_pool2d(corner[None, None], 2)[0, 0])
print("sum:\n", F.avg_pool2d(corner[None, None], 2, divisor_override=1)[0, 0])

# %% [markdown]
# Average pooling is itself a convolution: all four weights 1/4, stride 2. Max pooling is not, because a maximum is no sum. It keeps the
# strongest answer of a kernel wherever it occurred, and forgets where exactly. That helps to tell a cat from a dog. For *inpainting* the
# exact place matters, which is one reason for the skip connections that you will meet in [autoencoders](unit:autoencoder).
#
# Sum pooling has a hidden talent: over a mask of zeros and ones it *counts the known pixels* in each window.

# %% [markdown]
# ## The receptive field: how far a pixel sees
#
# One 3 x 3 layer sees 3 x 3 pixels. A second one sees 3 x 3 outputs of the first, which together saw 5 x 5 pixels. The region of the input
# on which one output pixel depends is its **receptive field**. For a hole this is a hard limit: *a pixel in the middle of a hole that is
# larger than the receptive field sees nothing but hole*.
#
# Start from 1, one pixel. Each layer adds $(k-1)\,d$ times the product of all strides before it: behind a stride of 2, a step of one place is a step of two
# pixels of the input. Three layers of 3 x 3 with stride 2 give 1, then $1 + 2 = 3$, then $3 + 2 \cdot 2 = 7$, then $7 + 2 \cdot 4 = 15$. Pooling counts as a layer with $k = 2$
# and stride 2.

# %%
predict("convolution/dilations")

# %% tags=["compare"]
field = layers.receptive_field  # takes (kernel size, stride, dilation) of each layer
print("dilations 1, 1, 1:", field([(3, 1, 1), (3, 1, 1), (3, 1, 1)]))
print("dilations 1, 2, 4:", field([(3, 1, 1), (3, 1, 2), (3, 1, 4)]))
print("strides   2, 2, 2:", field([(3, 2, 1), (3, 2, 1), (3, 2, 1)]))
conv, pool = (3, 1, 1), (2, 2, 1)
print("conv, pool, conv, pool, conv:", field([conv, pool, conv, pool, conv]))

# %% [markdown]
# Where do these pixels lie? **Point at any cell of any layer**, or go there with Tab and the arrow keys: in all layers before it, blue is what it sees. Then choose the dilations 2, 2, 2 and 4, 4, 4.
# Which pixels are never seen? And what does a pixel at the border see?

# %%
threes = {f"dilations {a}, {b}, {c}": [(3, 1, a), (3, 1, b), (3, 1, c)] for a, b, c in [(1, 2, 4), (1, 1, 1), (2, 2, 2), (4, 4, 4)]}
pooled = (2, 2, 1, "max pooling")
widgets.ReceptiveField(threes | {"strides 2, 2, 2": [(3, 2, 1)] * 3, "conv, pool, conv, pool, conv": [conv, pooled, conv, pooled, conv]})

# %% [markdown]
# Do not trust a formula that you can test. A pixel *matters* to the output exactly if the output changes when the pixel does: if the
# derivative of the output with respect to that pixel is not 0. PyTorch computes derivatives for us: mark a tensor with `requires_grad=True`, compute something from it,
# call `.backward()` on the result, and find the derivatives in `.grad`. The formula gives the square in which such pixels lie; the next cell counts them.

# %% tags=["compare"]
def what_it_sees(dilations, size=31):
    """In how many ways the output's centre depends on each input pixel, through 3 x 3 layers of ones."""
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    y = x
    for d in dilations:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), padding=d, dilation=d)
    y[0, 0, size // 2, size // 2].backward()
    return x.grad[0, 0]


for dilations in ([1, 1, 1], [1, 2, 4], [2, 2, 2], [4, 4, 4]):
    width = field([(3, 1, d) for d in dilations])[-1]
    seen = int((what_it_sees(dilations) > 0).sum())
    print(f"dilations {dilations}: {width:2d} x {width:2d} = {width**2:3d} pixels in the field, {seen:3d} of them seen")

# %% [markdown]
# Two things to see. The dilations 1, 2, 4 reach every pixel of a large field, though not all equally often: the darker a cell of the widget, the more ways lead to it. Repeating the *same* dilation 2 or 4 leaves gaps: the
# pixels between the dots are never looked at, however many layers follow. This is known as the *gridding* artefact.

# %% [markdown]
# ## A kernel that nobody wrote down
#
# So far somebody chose the nine numbers. In a network nobody does: they are found from examples. Here is the smallest case. You get two pictures, a photograph and what some kernel has made of it, and you are *not* told the kernel. Can you find it?
#
# Begin with nine zeros, and compare their picture with the one that is wanted: the mean of the squared differences is the **error**. Now ask of each of the nine numbers: *if you were a little larger, would the error grow or shrink, and how fast?* That is a derivative, and
# you have just seen PyTorch compute derivatives. The nine of them together are the **gradient** of the error. Change each number a little *against* its derivative, and the error gets smaller. Do it again.

# %%
predict("convolution/learned_kernel")

# %%
hidden = kernel[None, None]  # left minus right, (1, 1, 3, 3); used to make the wanted picture, and for nothing else


def learn(picture, steps, rate=0.3):
    """Nine numbers from a pair of pictures: the error and the numbers before the first step, and after each."""
    wanted = F.conv2d(picture, hidden)
    nine = torch.zeros(1, 1, 3, 3, requires_grad=True)
    errors, seen = [], []
    for _ in range(steps + 1):
        error = (F.conv2d(picture, nine) - wanted).square().mean()
        errors.append(error.item())
        seen.append(nine[0, 0].detach().clone())  # a copy of the numbers alone
        error.backward()  # nine derivatives, one for each number
        with torch.no_grad():  # the step itself is not to be differentiated
            nine -= rate * nine.grad
        nine.grad = None  # or PyTorch would add the next ones to these
    return errors, seen


errors, seen = learn(eye, steps=1000)
moments = (0, 10, 100, 1000)
viz.show(
    viz.number_row({f"step {i}": (100 * seen[i]).round() / 100 for i in moments}),
    alt="Four tables of three by three numbers. Step 0: zeros. Step 10: small positive numbers on the left, small negative ones on the right. "
    "Step 100: the same, several times as large. Step 1000: nearly 1 in the left column, 0 in the middle, minus 1 on the right.",
    caption="Nine numbers, found from a photograph of an eye and the picture of its edges.",
)
print("error:", ",   ".join(f"step {i}: {errors[i]:.5f}" for i in moments))

# %% [markdown]
# Nobody told it about edges, and nobody told it "left minus right". It is what is left when the error is gone. The two sides get their signs within a few steps; how a column shares its weight among its three numbers, and how large they are, takes many times as long.
#
# Does any picture teach as well as any other? Three teachers, with 200 steps each: a white wall, the eye, and dots of random grey.

# %%
predict("convolution/which_teaches")

# %%
teachers = {"white wall": torch.ones_like(eye), "eye": eye, "random dots": torch.rand_like(eye)}
viz.show(
    viz.image_row({name: picture[0] for name, picture in teachers.items()}, width=4.5),
    alt="A white square, the grey photograph of the cat's eye, and a square of random grey dots.",
    caption="Which of them teaches nine numbers best?",
)
print(f"{'learned from':13} {'error at first':>15} {'after 200 steps':>16}   farthest of the nine numbers off by")
for name, picture in teachers.items():
    errors, seen = learn(picture, steps=200)
    print(f"{name:13} {errors[0]:15.5f} {errors[-1]:16.5f}   {(seen[-1] - kernel).abs().max():.3f}")

# %% [markdown]
# *How this was computed: gradient descent on nine numbers from zero, the same step size for all; the error is the mean squared difference of the two pictures.* Two things to take along.
#
# - **An error of 0 says that the answers are right on these pictures. It does not say that the numbers are right.** On a white wall left minus right is 0 everywhere; nine zeros answer that without a mistake, and there is nothing to learn.
# - **What the examples do not show apart, training cannot tell apart.** In a photograph neighbouring pixels are alike, so a weight that sits one place off costs little, and is found out slowly. In random dots each pixel differs from its neighbours, and each number is soon on its own.
#
# A network is trained in just this way, with many more numbers, in many layers. That needs more care with the steps, and you will take it in [from a neuron to a U-Net](unit:autoencoder). In both worlds the kernels are found and not written; all that this lesson says of strides, borders and fields holds for them as well.

# %% [markdown]
# ## A mean filter meets a hole
#
# Last experiment. The simplest way to fill a hole that one could think of: replace each pixel by the mean of its neighbours, again and
# again, until the hole has closed. We knock a hole into the cat, make it black, and blur with 5 x 5 ones.

# %%
cat = F.avg_pool2d(photo, 4)  # a quarter of the size, (1, 3, 64, 64)
mask = torch.ones(1, 1, 64, 64)
mask[..., 25:35, 37:50] = 0  # 1 = known, 0 = hole
damaged = cat * mask

mean = torch.full((3, 1, 5, 5), 1 / 25)  # groups=3 below: a kernel for each colour by itself
stages, x = {"hole": damaged[0]}, damaged
for step in range(1, 21):
    x = F.conv2d(x, mean, padding=2, groups=3)
    if step in (1, 5, 20):
        stages[f"{step} times"] = x[0]

# %%
predict("convolution/twenty_means")

# %%
viz.show(
    viz.image_row(stages),
    alt="The cat with a black rectangle between its eyes; after one, five and twenty mean filters the "
    "rectangle becomes a dark cloud that spreads, "
    "while the whole picture blurs and its border darkens.",
    caption="A mean filter of 5 x 5, applied again and again to a picture with a hole.",
)
hole = mask[0, 0] == 0
near = (F.max_pool2d(1 - mask, 17, 1, 8)[0, 0] > 0) & ~hole  # known pixels at most 8 away from it
for name, place in {"in the hole": hole, "around it": near}.items():
    print(f"brightness {name:11}  {cat[:, :, place].mean():.2f} originally, {x[:, :, place].mean():.2f} now")

# %% [markdown]
# The convolution did what it was told. It was told nothing about the hole. What should the line in the middle of the loop be, so that only
# known pixels count? Try to write it down before you open [partial convolution](unit:partial_convolution).

# %% [markdown]
# ## Check yourself

# %%
predict("convolution/which_nine")

# %%
predict("convolution/weights_of_a_channel")

# %%
predict("convolution/double_the_field")

# %%
predict("convolution/whose_is_wrong")

# %% [markdown]
# ## Common mistakes
#
# - **Off by one in the output size**: forgetting the first place, the `+ 1`.
# - **Averaging over channels**: a convolution *sums* over its input channels.
# - **Padding on one side only**: padding 1 adds a row above *and* below, a column left *and* right.
# - **Stride on the kernel**: stride moves the window; dilation spreads the kernel.
# - **Taking zero for "nothing"**: a padded zero and a hole filled with zero are black pixels to the kernel.
#
# ## Summary
#
# - A convolution is a sum of products over a window that slides; the kernel says what it looks for.
# - Deep learning does not turn the kernel: strictly, it correlates.
# - Kernel, stride, padding and dilation fix the size of the output; write the formula once and test it.
# - Stacked layers see further: with dilations 1, 2, 4 the field is 3, 7, 15 wide.
# - A kernel need not be written: follow the derivatives of an error, and examples will teach it, as well as they can.
# - A convolution cannot tell a hole from a dark pixel. Much of the course is about that sentence.
#
# Now do the [exercise](exercise:convolution), where you write the loops yourself, and find the bug in somebody else's.
#
# ## Sources
#
# - [@dumoulin2016guide]: stride, padding and dilation in pictures.
# - [@yu2016multiscale]: fields that grow exponentially.
# - [@araujo2019computing].
# - The worked example comes from one of the five course projects that this course grew out of.
