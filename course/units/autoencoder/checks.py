"""The tasks of the unit ``autoencoder``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.autoencoder import cases, wrong

CONV_PARAMETERS = Task(
    id="autoencoder/conv_parameters",
    points=1,
    signature="conv_parameters(cin, cout, kernel, bias=True)",
    goal="How many parameters a convolution has.",
    cases=cases.convolutions,
    corners=cases.CONVOLUTIONS,
    oracle=cases.counted_conv,
    tolerance=EXACT,
    returns=(Output("the number of parameters", "number"),),
    positional=3,
    misconceptions=[
        Misconception("no_bias", "Weights alone. With a bias, how many more numbers are there?", wrong.NO_BIAS),
        Misconception("always_bias", "What does your function do with `bias=False`?", wrong.ALWAYS_BIAS),
        Misconception("bias_wrong", "The bias is added to each *output* channel. How many biases does that make?", wrong.BIAS_WRONG),
        Misconception("not_square", "A kernel of 3 x 3 has how many places?", wrong.NOT_SQUARE),
        Misconception("one_channel", "Each output channel has a kernel that reaches through *all* input channels. Which factor is missing?", wrong.ONE_CHANNEL),
    ],
    hints=(
        "Count the numbers that are needed to compute one output channel. Then there are `cout` of those.",
        "One output channel: `cin` kernels of `kernel * kernel` numbers, and one bias.",
        "`cout * (cin * kernel**2 + 1)` with a bias, one less in the bracket without.",
    ),
    tested="1 to 64 channels, kernels from 1 to 7, with and without bias",
)

UNET_PARAMETERS = Task(
    id="autoencoder/unet_parameters",
    points=3,
    signature="unet_parameters(width, depth)",
    goal="How many parameters the U-Net of the lesson has, for any width and depth.",
    cases=cases.networks,
    corners=cases.NETWORKS,
    oracle=cases.counted_unet,
    tolerance=EXACT,
    returns=(Output("the number of parameters", "number"),),
    positional=2,
    misconceptions=[
        Misconception("skips_forgotten", "After a concatenation the first convolution of a decoder stage sees the channels of *both* parts.", wrong.SKIPS_FORGOTTEN),
        Misconception("no_bias", "Every convolution has biases, the transposed ones too.", wrong.UNET_NO_BIAS),
        Misconception("up_kernel", "Between two decoder stages lies a transposed convolution of 2 x 2. Is it in your sum, and with how many weights?", wrong.UP_KERNEL),
        Misconception("single_convolutions", "Each stage is a *double* convolution. Where is the second one, from `cout` to `cout`?", wrong.SINGLE),
        Misconception("head_forgotten", "The last layer makes three colours from `width` channels, with a kernel of 3 x 3.", wrong.HEAD_FORGOTTEN),
        Misconception("one_level_more", "`depth` is the number of resolutions: depth 5 has four poolings. Yours has one more.", wrong.ONE_LEVEL_MORE),
    ],
    hints=(
        "Print `models.summary(models.create('vanilla_unet', depth=2))` and explain each of its rows.",
        "Encoder: `depth` double convolutions, with width, 2 width, 4 width, ... channels. Decoder: `depth - 1` times a transposed convolution 2 x 2 that "
        "halves the channels, then a double convolution that sees twice its output's channels. Then the head.",
        "With `c = conv_parameters`: a stage of the encoder is `c(cin, cout, 3) + c(cout, cout, 3)`, one of the decoder "
        "`c(2 * cout, cout, 2) + c(2 * cout, cout, 3) + c(cout, cout, 3)`, the head `c(width, 3, 3)`.",
    ),
    tested="widths from 1 to 40, depths from 2 to 5",
    forbids=("inpaintlib.models",),
)

ADAM_STEP = Task(
    id="autoencoder/adam_step",
    points=3,
    signature="adam_step(weight, gradient, m, v, t, lr)",
    goal="One step of Adam, from code with three bugs.",
    kind="find the bug",
    cases=cases.steps,
    corners=cases.STEPS,
    oracle=cases.torch_adam,
    tolerance=Tolerance("a step is a quotient of means: a few roundings of the numbers that went in", scale=cases.adam_scale),
    returns=(Output("weight"), Output("m"), Output("v")),
    positional=6,
    misconceptions=[
        Misconception(
            "not_corrected",
            "Both means start at 0, so after the first step they are far too small: by the factors 1 - 0.9**t and 1 - 0.999**t. What makes up for that?",
            wrong.NOT_CORRECTED,
        ),
        Misconception("no_root", "`v` is a mean of *squares*. What must be taken of it before you divide, so that the units fit?", wrong.NO_ROOT),
        Misconception("not_squared", "`v` is the running mean of the squared derivatives. Yours is of something else.", wrong.NOT_SQUARED),
        Misconception("uphill", "Your step goes the way in which the loss grows.", wrong.UPHILL),
        Misconception("count_off", "`t` counts the steps from 1, this one included. Which power stands in your correction?", wrong.COUNT_OFF),
        Misconception("betas", "The mean of the derivatives keeps 0.9 of its past, the mean of their squares 0.999.", wrong.SWAPPED_BETAS),
        Misconception("wrong_state", "The weight is right, the means that you hand back are not: the next step needs the new ones, uncorrected.", wrong.WRONG_STATE),
    ],
    hints=(
        "Take the first example by hand: from m = v = 0 a derivative of 2 must move the weight by exactly the learning rate. So must one of -0.01.",
        "Three lines are wrong: how `v` is updated, what becomes of the two means before they are used, and what the step is divided by.",
        "`v = 0.999 * v + 0.001 * gradient**2`; then `m / (1 - 0.9**t)` and `v / (1 - 0.999**t)`; then divide by the *root* of the second, plus 1e-8.",
    ),
    tested="vectors of up to 4 numbers, first and later steps, derivatives of 0",
    forbids=("torch.optim",),
)

BEST_EPOCH = Task(
    id="autoencoder/best_epoch",
    points=3,
    signature="best_epoch(losses, patience)",
    goal="When to stop, and which weights to keep.",
    kind="experiment",
    cases=cases.curves,
    corners=cases.CURVES,
    oracle=cases.patient,
    tolerance=EXACT,
    returns=(Output("the best epoch", "number"), Output("the epoch of the stop", "number")),
    positional=2,
    misconceptions=[
        Misconception("sees_the_future", "You looked at epochs after the end: training was stopped before they happened.", wrong.SEES_THE_FUTURE),
        Misconception("impatient", "One bad epoch is no reason to stop. What does your function do with `patience`?", wrong.IMPATIENT),
        Misconception("off_by_one", "With patience 2, training ends after the second epoch in a row that brought nothing new. Count on the first example.", wrong.OFF_BY_ONE),
        Misconception("last_weights", "The weights to keep are those of the *best* epoch so far, not those at the stop.", wrong.LAST_WEIGHTS),
        Misconception("swapped", "Two numbers are asked for: first the best epoch, then the one at which training ends.", wrong.SWAPPED),
        Misconception("counts_rises", "Each epoch is compared with the *best* so far, not with the one before it: a curve that falls a little after a high rise is no better.", wrong.COUNTS_RISES),
    ],
    hints=(
        "Walk along the first example with a finger: at each epoch, what is the best so far, and how many epochs ago was it?",
        "Keep two numbers: the best epoch so far and the present one. When does their difference reach `patience`?",
        "For each epoch: if its loss is below that of `best`, `best = epoch`; otherwise, if `epoch - best == patience`, stop here.",
    ),
    tested="curves of 1 to 8 epochs without equal values, patience from 1 to 4",
)

SMALL_AND_GOOD = OpenTask(
    id="autoencoder/small_and_good",
    question="Train the best network you can with at most 200,000 parameters and one minute, to fill lines, and defend every choice with a measurement.",
    rubric=[
        (1, "The network keeps to the limits of size and time (both printed), and is measured on test images, composited, with its interval."),
        (1, "At least three things were varied, one at a time, on validation images, and the measurements are shown in one table or figure."),
        (1, "It is compared with a filling that needs no training, on the same images and masks."),
        (1, "What did not help is reported as well, and the test set was used once, at the end."),
    ],
    hints=(
        "Start from `models.create('vanilla_unet', depth=3, width=16)`; what do width, depth, learning rate and loss change?",
        "Keep the last 500 training images aside for choosing. `train.fit(..., minutes=0.5)` plans the learning rate to fit.",
        "Give the network the mask as well; or let it predict what must be *added* to a classical filling.",
    ),
)

TASKS = [CONV_PARAMETERS, UNET_PARAMETERS, ADAM_STEP, BEST_EPOCH, SMALL_AND_GOOD]
