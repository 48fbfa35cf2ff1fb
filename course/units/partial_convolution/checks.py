"""The tasks of the unit ``partial_convolution``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.partial_convolution import cases, wrong

ROUNDING = "a sum of products times the factor, in any order and any precision: a few roundings of the magnitudes, and no more"
LIBRARY = ("inpaintlib.layers", "partial_conv2d", "PartialConv2d")

WINDOW_FACTOR = Task(
    id="partial_convolution/window_factor",
    points=1,
    signature="window_factor(mask)",
    goal="What a window's sum is multiplied by to make up for its holes.",
    cases=cases.windows,
    corners=cases.WINDOWS,
    oracle=cases.factor,
    tolerance=Tolerance("a quotient of two whole numbers, rounded once"),
    returns=(Output("the factor", "number"),),
    misconceptions=[
        Misconception("inverted", "The more holes, the less is added up. Should the factor then be below 1 or above it?", wrong.FACTOR_INVERTED),
        Misconception("places_forgotten", "For a window without holes nothing must be made up for. Which factor is that, and which is yours?", wrong.FACTOR_WITHOUT_PLACES),
        Misconception("counts_holes", "1 = known, 0 = hole. Which of the two do you count?", wrong.FACTOR_COUNTS_HOLES),
        Misconception(
            "division_by_zero",
            "In this window nothing is known, and you divide by that number. Decide first whether anything is known. "
            "(A tiny number added below does not help: it turns the infinity into millions.)",
            explains=wrong.factor_divides_by_zero,
        ),
        Misconception("one_in_holes", "A window of which nothing is known has nothing to scale up. The task gives it another value than yours.", wrong.FACTOR_ONE_IN_HOLES),
        Misconception("assumes_square", "How many places has this window? It need not be square, nor 3 x 3.", wrong.FACTOR_SQUARE),
    ],
    hints=(
        "If two thirds of the window are known, what must the sum be multiplied by to stand for the whole window?",
        "Places in the window by known places. `mask.numel()` is the one, `mask.sum()` the other.",
        "`mask.numel() / known` if `known > 0`, otherwise 0.",
    ),
    tested="windows from 1x1 to 4x4, square and not, with any holes",
    forbids=LIBRARY,
)

ONE_CHANNEL = Task(
    id="partial_convolution/one_channel",
    points=3,
    signature="one_channel(image, mask, kernel, bias=0.0)",
    goal="Partial convolution of one channel.",
    cases=cases.holes,
    corners=cases.HOLES,
    oracle=cases.layer,
    tolerance=Tolerance(ROUNDING, scale=cases.layer_scale),
    positional=3,
    misconceptions=[
        Misconception(
            "not_rescaled",
            "What you got is the sum over the known pixels, as it is. What makes up for the missing ones?",
            wrong.NOT_RESCALED,
        ),
        Misconception("inverted", "Your factor makes sums with holes smaller still. Which way round is it?", wrong.INVERTED),
        Misconception("places_forgotten", "You divide by the known places. Without a hole the layer must be an ordinary convolution. Is yours?", wrong.WITHOUT_PLACES),
        Misconception("holes_read", "The value under a hole has changed your result. Nobody knows that value: what must it be multiplied by?", wrong.HOLES_READ),
        Misconception(
            "holes_filled_with_mean",
            "You fill the holes with a mean and convolve what you have made up. The layer invents nothing: holes are left out of the sum, and "
            "the sum over the others is scaled up.",
            wrong.HOLES_FILLED,
        ),
        Misconception(
            "division_by_zero",
            "Where the whole window is hole you divide by 0. What should stand there? Note that `0 * inf` is NaN.",
            explains=wrong.layer_divides_by_zero,
        ),
        Misconception("bias_in_holes", "Where nothing is known the output is 0, without the bias. Yours lets the bias into the hole.", wrong.BIAS_IN_HOLES),
        Misconception("bias_rescaled", "The factor makes up for missing pixels. Is the bias one of them?", wrong.BIAS_RESCALED),
        Misconception("bias_forgotten", "What does your function do with `bias`?", wrong.BIAS_FORGOTTEN),
    ],
    hints=(
        "Work out one wrong window by hand: add up the known products, count the known pixels, multiply by places / known, add the bias.",
        "Three images help, all of the output's size: the sum over `image * mask`, the number of known pixels, and where that is above 0.",
        "`y = (image * mask, correlated with the kernel) * places / known.clamp(min=1) + bias`, and then 0 wherever `known == 0`.",
    ),
    tested="images up to 6x5, kernels up to 3x3, any holes up to all of it, with and without a bias",
    forbids=LIBRARY,
)

UPDATE_MASK = Task(
    id="partial_convolution/update_mask",
    points=2,
    signature="update_mask(mask, size, stride=1, padding=0)",
    goal="What is known after the layer.",
    cases=cases.mask_updates,
    corners=cases.MASK_UPDATES,
    example=cases.MASK_UPDATES[3],
    oracle=cases.new_mask,
    tolerance=EXACT,
    returns=(Output("the new mask", "mask"),),
    positional=2,
    misconceptions=[
        Misconception("not_updated", "That is the old mask. After the layer more is known than before: which places?", wrong.MASK_KEPT),
        Misconception("all_must_be_known", "Your hole does not shrink. How many known pixels must a window have, so that its result is known?", wrong.MASK_ERODED),
        Misconception(
            "padding_known", "At the border you count pixels that are not there. Outside of the image nothing is known.", wrong.MASK_PADDING_KNOWN
        ),
        Misconception("counts", "You have counted the known pixels. A mask only says whether there is one.", wrong.MASK_COUNTS),
        Misconception("polarity", "1 = known, 0 = hole, in the new mask as in the old one.", wrong.MASK_POLARITY),
    ],
    hints=(
        "Lay the window on the mask. One known pixel under it is enough.",
        "Count the known pixels under each window, zeros outside the image; then ask whether the count is above 0. (A maximum does it too.)",
        "Sum of `mask` under each window: a convolution with ones, with this stride and padding. Then `(count > 0).float()`.",
    ),
    tested="windows of 1 to 3, stride 1 and 2, padding up to 2, holes at the border and all over",
    forbids=LIBRARY,
)

PARTIAL_LAYER = Task(
    id="partial_convolution/partial_layer",
    points=4,
    signature="partial_layer(image, mask, weight, bias, stride=1, padding=0)",
    goal="A layer found on the web, mended: it has three bugs.",
    kind="find the bug",
    cases=cases.batches,
    corners=cases.BATCHES,
    oracle=cases.library,
    tolerance=Tolerance(ROUNDING, scale=cases.library_scale),
    returns=(Output("y"), Output("new_mask", "mask")),
    positional=4,
    misconceptions=[
        Misconception(
            "scaled_by_channels",
            "Your result is too small by the number of input channels. Over how many places do you count what is known, and over how many what "
            "there is?",
            wrong.LAYER_CHANNELS,
        ),
        Misconception("not_rescaled", "Without a hole the layer must be an ordinary convolution, and with one its sums must be scaled up. Look at your factor.", wrong.LAYER_NOT_RESCALED),
        Misconception("padding_known", "At the border, padded zeros count as known pixels in yours. They are holes.", wrong.LAYER_PADDING_KNOWN),
        Misconception("bias_in_holes", "Where nothing is known the output is 0. Yours holds the bias there.", wrong.LAYER_BIAS_IN_HOLES),
        Misconception("bias_rescaled", "The factor makes up for missing pixels. Is the bias one of them?", wrong.LAYER_BIAS_RESCALED),
        Misconception("division_by_zero", "Where the whole window is hole you divide by 0. What should stand there?", explains=wrong.layer_divides_by_zero),
        Misconception("mask_not_updated", "Places that this layer has filled are holes in your new mask. Is it still the old one?", explains=wrong.mask_stays_behind),
        Misconception("mask_counts", "The new mask is 1 or 0; yours is a count. The next layer would take it for weights.", wrong.LAYER_MASK_COUNTS),
    ],
    hints=(
        "Take one thing at a time: no hole and three channels; no hole and a border; a hole and a bias. Which of them goes wrong?",
        "Look at three places: what the number of known places is compared with; which value the mask is padded with; where the bias is added.",
        "Count known places in one channel and compare with `k * k`; pad the mask with 0 like the image; add the bias before the last `where`, "
        "not after it.",
    ),
    tested="batches of 1 and 2, up to 3 channels in and 2 out, kernels up to 3x3, stride 1 and 2, padding up to 2, any holes",
    forbids=LIBRARY,
)

LAYERS_UNTIL_FULL = Task(
    id="partial_convolution/layers_until_full",
    points=2,
    signature="layers_until_full(mask, size=3)",
    goal="How many layers fill a hole.",
    kind="experiment",
    cases=cases.hole_maps,
    corners=cases.HOLE_MAPS,
    oracle=cases.counted_layers,
    tolerance=EXACT,
    returns=(Output("the number of layers", "number"),),
    misconceptions=[
        Misconception(
            "never_ends",
            "Nothing is known here, so no layer ever will fill it. How do you notice that before, or in, your loop? The task says what to return.",
            explains=wrong.never_ends,
        ),
        Misconception("off_by_one", "How many layers does a mask without a hole need? Count from there.", wrong.LAYERS_OFF_BY_ONE),
        Misconception("from_outside", "Your hole fills from beyond the border too. Outside of the image nothing is known.", wrong.LAYERS_FROM_OUTSIDE),
        Misconception("size_ignored", "A larger window reaches farther in each layer. What does your function do with `size`?", wrong.LAYERS_SIZE_IGNORED),
        Misconception("area", "The number of pixels in a hole says little about its depth: a line of a hundred pixels closes in one layer.", wrong.LAYERS_AREA),
    ],
    hints=(
        "Apply `update_mask` again and again, and count. When do you stop?",
        "Use padding `size // 2`, so that the mask keeps its size. Stop when it is 1 everywhere, and think of a mask that never will be.",
        "First: no known pixel, return -1. Then: `while not mask.all()`: update the mask, count one more.",
    ),
    tested="masks from 1x1 to 9x9, windows of 3 and 5, holes at the border, nothing known",
    forbids=LIBRARY,
)

COMPARE = OpenTask(
    id="partial_convolution/compare",
    question="Fill the holes of a photograph of your choice with repeated mean filters, plain and partial. Report what you see.",
    rubric=[
        (1, "One figure shows the hole, some steps of the plain filter and the same steps of the partial one, labelled."),
        (1, "What happens in the hole, at the border of the picture and far away from both is described for each, and the reason given."),
        (1, "A number is measured (an error in the hole by step, or steps until it is full), drawn, and its unit named."),
        (1, "One hole is shown for which the partial mean filter does badly, and what would be needed there is said."),
    ],
    hints=(
        "Take one small photograph, one hole, and compare after 1, 5 and 20 steps.",
        "With the kernel `mean` of the cell above the partial layer is a mean over known pixels, colour by colour. Known pixels should stay as "
        "they are: composite after each step.",
        "Try a hole that lies across an edge, or one in a texture. A mean knows no edges: what would a filling have to look at?",
    ),
)

TASKS = [WINDOW_FACTOR, ONE_CHANNEL, UPDATE_MASK, PARTIAL_LAYER, LAYERS_UNTIL_FULL, COMPARE]
