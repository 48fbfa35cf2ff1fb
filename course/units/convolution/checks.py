"""The tasks of the unit ``convolution``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.convolution import cases, wrong

ROUNDING = "a sum of products, in any order and any precision: a few roundings of the sum of their magnitudes, and no more"

OUTPUT_SIZE = Task(
    id="convolution/output_size",
    points=1,
    signature="output_size(size, kernel, stride=1, padding=0, dilation=1)",
    goal="The side of a convolution's output.",
    cases=cases.sizes,
    corners=cases.SIZES,
    example=cases.Case({"size": 7, "kernel": 3, "stride": 2, "padding": 1}),
    sketch=cases.windows,
    oracle=cases.measured_size,
    tolerance=EXACT,
    returns=(Output("the size", "number"),),
    positional=2,
    misconceptions=[
        Misconception(
            "first_place_forgotten",
            "You count the steps that the window can make. How many places is that, if it cannot move at all?",
            wrong.SIZE_WITHOUT_FIRST_PLACE,
        ),
        Misconception(
            "not_rounded_down", "What if the last step would lead over the edge: does half a step count?", wrong.SIZE_NOT_ROUNDED_DOWN
        ),
        Misconception(
            "rounded",
            "`round` goes up as often as down. If the last step would lead over the edge by half a step, is it taken?",
            wrong.SIZE_ROUNDED,
        ),
        Misconception(
            "plain_formula",
            "That is right for a kernel that moves by 1, without padding and dilation. Take these three one at a time: which does your "
            "formula not use yet?",
            wrong.SIZE_PLAIN,
            covers=("stride_ignored", "padding_once", "dilation_width", "first_place_forgotten", "not_rounded_down", "rounded"),
        ),
        Misconception("padding_once", "On how many sides of the image does padding lie?", wrong.SIZE_PADDING_ONCE),
        Misconception(
            "dilation_width",
            "How many pixels does a kernel of 3 with dilation 2 cover? Draw it: the gaps lie between its numbers only.",
            wrong.SIZE_DILATION,
        ),
        Misconception("stride_ignored", "With stride 2 the window skips every other place. Where does your formula say so?", wrong.SIZE_STRIDE),
    ],
    hints=(
        "Draw the padded image as a row of boxes, lay the kernel at its left end, and count the places that it can take.",
        "The kernel covers `dilation * (kernel - 1) + 1` boxes. How many boxes are left to move over, and how long is a step?",
        "Room to move: `size + 2 * padding - dilation * (kernel - 1) - 1`. Whole steps: that `// stride`. Places: one more than steps.",
    ),
    tested="kernels of 1 to 5, strides up to 4, padding up to 3, dilation up to 3",
    forbids=("conv1d", "conv2d", "Conv1d", "Conv2d"),
)

CORRELATE = Task(
    id="convolution/correlate",
    points=3,
    signature="correlate(image, kernel, stride=1, padding=0, dilation=1)",
    goal="A convolution layer without its bias, by loops.",
    cases=cases.correlations,
    corners=cases.CORRELATIONS,
    example=cases.EVERY_OPTION,
    oracle=cases.torch_correlate,
    tolerance=Tolerance(ROUNDING, scale=cases.correlate_scale),
    positional=2,
    misconceptions=[
        Misconception(
            "kernel_flipped",
            "You turn the kernel by 180 degrees before it slides. That is the mathematician's convolution; the layer of a network does not.",
            wrong.FLIPPED,
        ),
        Misconception("padding_forgotten", "What does your function do with `padding`? Zeros belong around the image first.", wrong.UNPADDED),
        Misconception("padding_one_side", "On which sides does your padding lie? It belongs above, below, left and right.", wrong.ONE_SIDE),
        Misconception(
            "stride_on_kernel",
            "Stride says how far the window moves from place to place. In yours it moves the kernel's numbers apart: that is dilation.",
            wrong.STRIDE_ON_KERNEL,
        ),
        Misconception("stride_ignored", "By how many pixels does your window move for `stride=2`?", wrong.STRIDE_IGNORED),
        Misconception("dilation_ignored", "With `dilation=2`, which pixels of the image lie under a kernel of 3?", wrong.DILATION_IGNORED),
        Misconception("last_place_missing", "Does your window reach the last row and the last column? Compare with `output_size`.", wrong.LAST_MISSING),
        Misconception(
            "mean_not_sum",
            "Every output number is a sum of products. Yours is their mean: too small by the number of products in a window.",
            wrong.MEAN_NOT_SUM,
        ),
        Misconception("channels_averaged", "Over the input channels a layer sums; yours takes the mean.", wrong.CHANNELS_AVERAGED),
        Misconception("channels_not_summed", "One output channel is one sum over all input channels. Where are yours added up?", wrong.NOT_SUMMED),
    ],
    hints=(
        "Work out one wrong number by hand: which pixels lie under the kernel, and which products do you add?",
        "Pad first, and use only the padded image from there on. Row `i` of the output starts at row `i * stride` of the padded image.",
        "The window at (i, j) is `padded[:, top : top + height : dilation, left : left + width : dilation]`, with `top = i * stride` and "
        "`height = dilation * (kh - 1) + 1`. Its product with `kernel[o]`, summed, is `output[o, i, j]`.",
    ),
    tested="1 to 3 channels, kernels up to 3x3 (not only square ones), strides up to 3, padding up to 2, dilation up to 2",
    forbids=("conv1d", "conv2d", "conv3d", "Conv1d", "Conv2d", "Conv3d", "unfold", "convolve"),
)

CONVOLVE = Task(
    id="convolution/convolve",
    points=2,
    signature="convolve(image, kernel)",
    goal="The convolution of mathematics, at every place where kernel and image touch.",
    kind="find the bug",
    cases=cases.planes,
    corners=cases.PLANES,
    oracle=cases.full_convolution,
    tolerance=Tolerance(ROUNDING, scale=cases.convolve_scale),
    positional=2,
    misconceptions=[
        Misconception(
            "quarter_turn",
            "Give it one bright pixel and the kernel 1 ... 9. What comes out should be the kernel as it is. By what angle is yours turned?",
            wrong.QUARTER_TURN,
        ),
        Misconception("not_turned", "This is correlation. The kernel must be turned by 180 degrees before it slides.", wrong.NOT_TURNED),
        Misconception("one_axis", "Turning by 180 degrees swaps left and right, and also top and bottom. Yours does one of the two.", wrong.ONE_AXIS),
        Misconception(
            "too_little_padding",
            "The corner of the kernel should just touch the corner of the image. How many zeros on each side does a kernel of 3 need for that?",
            wrong.TOO_LITTLE_PADDING,
        ),
        Misconception(
            "padding_swapped",
            "`F.pad` takes the last dimension first: (left, right, top, bottom). Which side of the kernel belongs to which pair?",
            wrong.PADDING_SWAPPED,
        ),
    ],
    hints=(
        "Try it on one bright pixel with the kernel 1 ... 9. A convolution gives back the kernel as it is, in a field of zeros.",
        "There are two bugs: one in how the kernel is turned, one in the number of zeros around the image.",
        "`kernel.flip(0, 1)` turns by 180 degrees; the padding is the kernel's side minus 1, for rows and for columns.",
    ),
    tested="images up to 5x5, kernels up to 3x3, square and not",
    forbids=("scipy", "convolve2d"),
)

SEEN = Task(
    id="convolution/seen",
    points=2,
    signature="seen(layers, index)",
    goal="The first and the last pixel that one output pixel depends on.",
    kind="predict",
    cases=cases.stacks,
    corners=cases.STACKS,
    example=cases.STACKS[4],
    sketch=cases.seen_row,
    oracle=cases.seen_pixels,
    tolerance=EXACT,
    returns=(Output("first", "number"), Output("last", "number")),
    positional=2,
    misconceptions=[
        Misconception(
            "wrong_order",
            "You start at an output pixel and walk back to the image: which layer do you meet first, the first or the last of the list?",
            wrong.SEEN_FORWARDS,
        ),
        Misconception(
            "padding",
            "Padded zeros stand before pixel 0. With padding 1, on which pixel of the image does the first window start?",
            wrong.SEEN_WITHOUT_PADDING,
        ),
        Misconception("stride_ignored", "With stride 2, on which pixel does the window of output 5 start?", wrong.SEEN_WITHOUT_STRIDE),
        Misconception("dilation_ignored", "How far apart are the first and the last pixel under a kernel of 3 with dilation 4?", wrong.SEEN_WITHOUT_DILATION),
        Misconception(
            "centred",
            "You lay the field with its middle on the index. Where it lies is decided by stride and padding: on which pixel does the window of "
            "output 0 start, and on which that of output 1?",
            wrong.SEEN_CENTRED,
        ),
        Misconception(
            "clamped",
            "You stop at pixel 0. Here the pixels of the padding have numbers too, negative ones: the task asks for those.",
            wrong.SEEN_CLAMPED,
        ),
        Misconception("one_too_far", "Is your last pixel still seen, or is it the first one that is not?", wrong.SEEN_ONE_TOO_FAR),
    ],
    hints=(
        "Take one layer only. On which pixel does the window of output `index` start, and on which does it end?",
        "One layer back, a first pixel becomes `first * stride - padding`. What does a last pixel become?",
        "For each layer, from the last to the first: `first = first * s - p` and `last = last * s - p + d * (k - 1)`, starting at `index`.",
    ),
    tested="up to 4 layers with kernels up to 4, strides up to 3, padding up to 2, dilation up to 3",
)

MEAN_FILTER = Task(
    id="convolution/mean_filter",
    points=2,
    signature="mean_filter(image, size, times=1)",
    goal="A mean filter without a dark border, applied several times.",
    cases=cases.filters,
    corners=cases.FILTERS,
    example=cases.FILTERS[1],
    oracle=cases.pooled_mean,
    tolerance=Tolerance("means of means in any precision: a few roundings of the largest pixel"),
    positional=2,
    misconceptions=[
        Misconception(
            "dark_border",
            "Look at the white image: its corner comes out grey. How many of the pixels under the window are there at all?",
            wrong.DARK_BORDER,
        ),
        Misconception(
            "negative_start",
            "For the first row, where does your window start? `image[-1:2]` counts from the end, so it is empty or another window. Begin at "
            "`max(0, i - r)`.",
            wrong.NEGATIVE_START,
        ),
        Misconception("sum_not_mean", "A mean of pixels is never brighter than the brightest of them. Is yours?", wrong.SUM_NOT_MEAN),
        Misconception("border_repeated", "You repeat the border pixels outwards, so they count more than once. Count only pixels that are there.", wrong.BORDER_REPEATED),
        Misconception("shrinks", "The output should be as large as the image. What about the places where the window hangs over the edge?", wrong.SHRINKS),
        Misconception("only_once", "What does your function do with `times`?", wrong.ONLY_ONCE),
        Misconception(
            "reads_its_own_output",
            "Some of your windows hold pixels that you have already replaced. Read from the old image, write to a new one.",
            wrong.READS_ITS_OWN_OUTPUT,
        ),
    ],
    hints=(
        "Begin with a white image: every mean of white pixels is white, in the corners too.",
        "Sum the pixels under the window, with zeros outside; then divide by the number of pixels of the image under it, not by `size * size`.",
        "That number is the same sum over an image of ones. So: `correlate(image, ones) / correlate(ones_like_image, ones)`, with padding "
        "`size // 2`; and the result is the image of the next round.",
    ),
    tested="windows of 1, 3 and 5, images from one pixel to 6x5, up to three times",
    forbids=("avg_pool2d", "AvgPool2d", "uniform_filter", "blur"),
)

DESIGN = OpenTask(
    id="convolution/design",
    question="Design a kernel that shows something which you choose, and explain why it does.",
    rubric=[
        (1, "The aim is said in one sentence, before the kernel, so that one could fail at it."),
        (1, "The kernel does what the aim says, shown on a photograph and on a small example that one can check by hand."),
        (1, "The numbers are explained: their sum, their signs, their symmetry, and what the output is on an area of one colour."),
        (1, "A place where it fails is shown, and said why."),
    ],
    hints=(
        "Which pixels should pull the result up, and which down? What should an area of one colour give?",
        "A sum of 0 gives 0 on an even area; a sum of 1 keeps its brightness. Opposite signs on two sides make an edge visible.",
        "Try diagonal edges, single bright dots, lines one pixel wide, or a shadow to the bottom right. Then look for a photograph on which it fails.",
    ),
)

TASKS = [OUTPUT_SIZE, CORRELATE, CONVOLVE, SEEN, MEAN_FILTER, DESIGN]
