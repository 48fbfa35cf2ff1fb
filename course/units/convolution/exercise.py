# %% [markdown]
# {{ head }}

# %% [markdown]
# Six tasks, from a line of arithmetic to a kernel of your own. In each you write one function in place of
# `raise NotImplementedError`. Two cells follow it:
#
# - `look(...)` draws one example: what goes in, what should come out, and what your function makes of it.
# - `check(...)` tries your function on some forty inputs. If one goes wrong, it shows the **smallest input that fails**, with what was
#   expected beside what you got, and asks you a question that may help. Ask for more with `hint("convolution/output_size", 2)`; there
#   are three hints to each task.
#
# What counts are the values. Loops or tensors, `float32` or `float64`, NumPy or PyTorch: all are fine, except for the few calls that a task
# rules out since they are its answer. A function may not change what it is given.

# %%
import torch
import torch.nn.functional as F

from course.checks import check, hint, look, predict, score
from inpaintlib import data, viz

# %% [markdown]
# ## 1. How large is the output? (1 point)
#
# An image of `size` pixels on a side, a kernel of `kernel`. How many places can the kernel take along that side? Write the formula, with
# stride, padding and dilation, and return a whole number.
#
# You may not call PyTorch's convolutions (`F.conv2d`, `nn.Conv2d`) here: they would only be asked for the shape of what they return, and that is how the check does it.

# %%
predict("convolution/exercise_left_over")

# %% name="output_size"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """The number of places along one side that a kernel can take.

    size: pixels of the image along that side; kernel: numbers of the kernel along it.
    """
    # solution:
    covered = dilation * (kernel - 1) + 1
    room = size + 2 * padding - covered
    return room // stride + 1
    # end of solution


# %% tags=["expected"]
look("convolution/output_size", output_size)

# %%
check("convolution/output_size", output_size)

# %% [markdown]
# Stuck? The first hint says where to look, the third nearly says it all.

# %%
hint("convolution/output_size", 1)

# %% [markdown]
# ## 2. The layer, by loops (3 points)
#
# Now the whole thing: what `nn.Conv2d` computes, but for the bias and the batch. The image is `(Cin, H, W)`, the kernel
# `(Cout, Cin, kh, kw)`, the output `(Cout, H', W')`. Every output number is **one** sum, over a window of all input channels.
#
# Write it with loops over the places of the output; `output_size` gives their number. You may not call `F.conv2d`, `unfold` or the like: they
# are the answer, and earn no points. You get all points if your function gives the right values for every stride, padding, dilation, number of channels, and for
# kernels that are not square.

# %% name="correlate"
def correlate(image, kernel, stride=1, padding=0, dilation=1):
    """Slide the kernel over the image, without turning it.

    image: (Cin, H, W); kernel: (Cout, Cin, kh, kw). Returns (Cout, H', W'). Zeros lie outside the image.
    """
    # solution:
    cout, cin, kh, kw = kernel.shape
    padded = torch.zeros(cin, image.shape[1] + 2 * padding, image.shape[2] + 2 * padding)
    padded[:, padding : padding + image.shape[1], padding : padding + image.shape[2]] = image
    rows = output_size(image.shape[1], kh, stride, padding, dilation)
    columns = output_size(image.shape[2], kw, stride, padding, dilation)
    height, width = dilation * (kh - 1) + 1, dilation * (kw - 1) + 1  # what a window covers

    output = torch.zeros(cout, rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, top : top + height : dilation, left : left + width : dilation]
            for o in range(cout):
                output[o, i, j] = (window * kernel[o]).sum()
    return output
    # end of solution


# %% tags=["expected"]
look("convolution/correlate", correlate)

# %%
check("convolution/correlate", correlate)

# %% [markdown]
# ## 3. Find the bug: a convolution that passed its test (2 points)
#
# The function below was found in a script. It should compute what mathematicians call a **full convolution**: the kernel is turned by 180
# degrees and laid on every place where it touches the image with at least one number, so that the output has `H + kh - 1` rows. Its author
# tested it with a kernel of ones, looked at the middle of the picture, and was content. There are two bugs in it.

# %%
def found(image, kernel):
    """Full convolution of an image (H, W) with a kernel (kh, kw)."""
    turned = torch.rot90(kernel)
    high, wide = kernel.shape
    padded = F.pad(image, (wide // 2, wide // 2, high // 2, high // 2))
    return F.conv2d(padded[None, None], turned[None, None])[0, 0]


impulse = torch.zeros(3, 3)
impulse[1, 1] = 1
count = torch.arange(1.0, 10).reshape(3, 3)
viz.show(
    viz.number_row({"image": impulse, "kernel": count, "result": found(impulse, count)}, signs=("*", "=")),
    alt="An image of zeros with a one in its middle; the kernel 1 to 9; and the result of the function: "
    "3 by 3 numbers, those of the kernel, but turned by a quarter.",
    caption="One bright pixel. A full convolution would give 5 x 5 numbers: the kernel as it is, in a frame "
    "of zeros.",
)

# %% [markdown]
# Write it without the bugs. You may start from a copy. SciPy holds the answer (`convolve2d`): you may not call it.

# %% name="convolve"
def convolve(image, kernel):
    """Full convolution of an image (H, W) with a kernel (kh, kw): (H + kh - 1, W + kw - 1)."""
    # solution:
    turned = kernel.flip(0, 1)
    high, wide = kernel.shape
    padded = F.pad(image, (wide - 1, wide - 1, high - 1, high - 1))
    return F.conv2d(padded[None, None], turned[None, None])[0, 0]
    # end of solution


# %% tags=["expected"]
look("convolution/convolve", convolve)

# %%
check("convolution/convolve", convolve)

# %% [markdown]
# ## 4. Predict: which pixels does it see? (2 points)
#
# A pixel in the middle of a hole can only be filled well if its receptive field reaches beyond the hole. The lesson computed how *wide*
# the field is. Here we want to know *where* it lies: the first and the last pixel of a row that output number `index` depends on.
#
# `layers` is a list of `(kernel, stride, padding, dilation)`, from the image to the output. A pooling of 2 x 2 is such a layer too:
# `(2, 2, 0, 1)`, since it looks at 2 pixels and moves on by 2. Pixels in the padding have numbers as well: the one just before pixel 0 is
# pixel -1.

# %%
predict("convolution/exercise_first_pixel")

# %%
predict("convolution/exercise_two_layers")

# %% name="seen"
def seen(layers, index):
    """The first and the last input pixel, as a pair of whole numbers, that output pixel ``index`` depends on.

    layers: [(kernel, stride, padding, dilation), ...], from the image to the output.
    """
    # solution:
    first = last = index
    for kernel, stride, padding, dilation in reversed(layers):
        first = first * stride - padding
        last = last * stride - padding + dilation * (kernel - 1)
    return first, last
    # end of solution


# %% tags=["expected"]
look("convolution/seen", seen)

# %%
check("convolution/seen", seen)

# %% [markdown]
# ## 5. A mean filter without a dark border (2 points)
#
# With zero padding a mean filter darkens the border of a picture: it counts zeros that are no pixels. Write one that does not: at each place
# it takes the mean of the pixels **that are there**. The window is `size` wide, an odd number, and centred; the output is as large as the
# image; `times` says how often the filter is applied, each time to the result of the time before.
#
# `avg_pool2d` has an option for this; you may not call it. Your own `correlate` you may.

# %%
predict("convolution/exercise_white_corner")

# %% name="mean_filter"
def mean_filter(image, size, times=1):
    """The mean over the pixels of the image (H, W) that lie under a window of size x size, repeated."""
    # solution:
    box = torch.ones(1, 1, size, size)
    # How many pixels lie under the window:
    there = correlate(torch.ones_like(image)[None], box, padding=size // 2)[0]
    for _ in range(times):
        image = correlate(image[None], box, padding=size // 2)[0] / there
    return image
    # end of solution


# %% tags=["expected"]
look("convolution/mean_filter", mean_filter)

# %% [markdown]
# Once the check passes, you see your filter on a photograph, beside the one with zero padding.

# %%
result = check("convolution/mean_filter", mean_filter)
if result.passed:
    coffee = F.interpolate(data.load_photo("coffee"), size=(60, 90), mode="area").mean(1)[0]  # (60, 90), grey
    zeros = coffee[None, None]
    for _ in range(3):
        zeros = F.avg_pool2d(zeros, 7, stride=1, padding=3)
    viz.show(
        viz.image_row({"photograph": coffee, "zeros count": zeros[0, 0], "yours": mean_filter(coffee, 7, 3)}),
        alt="A cup of coffee in grey; blurred with a dark frame around it; blurred as much, without a frame.",
        caption="A mean filter of 7 x 7, three times. Only the border differs.",
    )

# %% [markdown]
# ## 6. Open: a kernel of your own (4 points)
#
# Design a kernel that shows something which you choose: diagonal lines, single bright dots, a light from the left, anything. Show what it
# does and explain why. A reader marks this task; the table says what counts. Five sentences and two figures are enough.

# %%
check("convolution/design")

# %% [markdown] tags=["student"]
# *Your aim, in one sentence:*
#
# *Why these numbers:*
#
# *Where it fails:*

# %% name="design" tags=["student"]
my_kernel = torch.tensor(  # one number with a point makes all of them floats; F.conv2d takes no whole numbers
    [[0.0, 0, 0], [0, 0, 0], [0, 0, 0]]
)
photo = data.load_photo("astronaut").mean(1)  # (1, H, W), grey
answer = F.conv2d(photo[None], my_kernel[None, None])[0].clamp(0, 1)
viz.show(
    viz.image_row({"photograph": photo, "my kernel": answer}),
    alt="(what a reader who does not see the pictures should know)",
    caption="(one sentence)",
)

# %% [markdown] tags=["solution"]
# One answer of many.
#
# **Aim:** show thin bright lines that run from the top left to the bottom right, and nothing else.
#
# **Why these numbers:** 2 along that diagonal, -1 everywhere else. Their sum is 2 x 3 - 6 = 0, so an area of one colour becomes black. On a
# line along the diagonal the three pixels of the line count twice each, and what is beside it counts against them: 6 for a line of ones on
# zeros. In the middle of a line along the other diagonal lie one 2 and two -1: that is 0.
#
# **Where it fails:** an edge along the diagonal answers with 3, though it is no line, and beside a line along the other diagonal, where the
# window touches it with one corner only, it answers with 2. A line three pixels wide fills most of the window and answers weakly.

# %% tags=["solution"]
diagonal = torch.tensor([[2.0, -1, -1], [-1, 2, -1], [-1, -1, 2]])
line, cross, edge = torch.eye(5), torch.eye(5).flip(0), torch.ones(5, 5).tril()
answers = {"the kernel": diagonal}
for name, x in {"a line": line, "the other diagonal": cross, "an edge": edge}.items():
    answers[name] = F.conv2d(x[None, None], diagonal[None, None])[0, 0]
viz.show(
    viz.number_row(answers),
    alt="The kernel: 2 on the diagonal, minus 1 elsewhere. Its answer to a diagonal line is 6 along "
    "the line; to the other diagonal 0 along the line, 2 or minus 2 beside it; to an edge 3 along the edge.",
    caption="Small enough to check by hand: images of 5 x 5 zeros and ones, and what the kernel makes of "
    "them.",
)
photo = data.load_photo("astronaut").mean(1)[:, 100:356, 100:356]
found_lines = F.conv2d(photo[None], diagonal[None, None])[0].clamp(0, 1)
viz.show(
    viz.image_row({"photograph": photo, "diagonal lines": found_lines}),
    alt="A photograph of an astronaut in grey, and the same place almost black, with bright strokes where "
    "lines fall to the right.",
    caption="On a photograph: what falls to the right is brightest. Edges answer too, and there the kernel "
    "fails.",
)

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("convolution")

# %% [markdown]
# To start a task afresh, run `python -m course reset convolution/correlate` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
