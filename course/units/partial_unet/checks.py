"""The tasks of the unit ``partial_unet``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import BeatTask, Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.partial_unet import cases, wrong

PARAMETERS = Task(
    id="partial_unet/parameters",
    points=2,
    signature="parameters(width)",
    goal="How many parameters the network of the table has, for any width of its first stage.",
    cases=cases.widths,
    corners=cases.WIDTHS,
    oracle=cases.counted,
    tolerance=EXACT,
    returns=(Output("the number of parameters", "number"),),
    positional=1,
    misconceptions=[
        Misconception("skips_forgotten", "The first layer of a decoder stage sees what comes from below *and* the feature beside it. How many channels is that?", wrong.SKIPS_FORGOTTEN),
        Misconception("no_bias", "Every convolution has a bias for each of its output channels.", wrong.NO_BIAS),
        Misconception("no_norm", "Eight stages end in batch norm. How many numbers does it learn for each channel?", wrong.NO_NORM),
        Misconception("norm_count", "Batch norm *learns* a scale and a shift for each channel. Its running mean and variance are counted along, not learned.", wrong.NORM_COUNT),
        Misconception("mask_kernels", "The kernels that count known places are ones, and stay ones. Are they parameters?", wrong.MASK_KERNELS),
        Misconception("no_squeeze", "Look at the last row of the decoder: how many channels does its last stage hand to the head?", wrong.NO_SQUEEZE),
        Misconception("head_forgotten", "After the last stage comes one more partial convolution, from 3 channels to 3.", wrong.HEAD_FORGOTTEN),
    ],
    hints=(
        "Print `models.summary(models.create('partial_unet', width=2))` and explain each of its rows.",
        "Down: four times a convolution from `cin` to `cout`, one from `cout` to `cout`, batch norm of `cout`. Up: four times a convolution from "
        "twice `cin` to `cin`, one from `cin` to `cout`, batch norm of `cout`. Then the head.",
        "With `w = width`: down `3, w, 2w, 4w, 8w`, up `8w, 4w, 2w, w, 3`; a convolution has `cout * (cin * 9 + 1)` parameters, a batch norm `2 * cout`, "
        "the head 84.",
    ),
    tested="widths from 1 to 40",
    forbids=("inpaintlib.models", "PartialUNet"),
)

MERGE = Task(
    id="partial_unet/merge",
    points=4,
    signature="merge(x, mask, skip, skip_mask, weight, bias)",
    goal="The first layer of a decoder stage: enlarge, lay beside the skip, convolve partially, with two masks.",
    cases=cases.joints,
    corners=cases.JOINTS,
    oracle=cases.library,
    tolerance=Tolerance("a sum of products times the factor: a few roundings of the magnitudes", scale=cases.library_scale),
    returns=(Output("y"), Output("new_mask", "mask")),
    positional=6,
    misconceptions=[
        Misconception(
            "by_kernel",
            "With no hole at all the factor must be 1. You divide by a count over all channels; what do you divide, 9 or as many as there are places?",
            wrong.BY_KERNEL,
        ),
        Misconception("unweighted", "A place of `x` counts once for each of *its* channels, one of the skip once for each of the skip's. Yours count alike.", wrong.UNWEIGHTED),
        Misconception("skip_mask_only", "What came up from below may be known where the skip has a hole. Which mask goes with the channels of `x`?", wrong.SKIP_MASK_ONLY),
        Misconception("up_mask_only", "What came up from below is known; the skip beside it may still have its hole. Which mask goes with the channels of `skip`?", wrong.UP_MASK_ONLY),
        Misconception("any_known", "You made one mask of two: known where either is. But where only one half is known, only its channels may be counted.", wrong.ANY_KNOWN),
        Misconception("all_known", "You made one mask of two: known where both are. That throws away what is known in one half alone.", wrong.ALL_KNOWN),
        Misconception("bias_in_holes", "Where nothing is known in either half the output is 0. Yours holds the bias there.", wrong.BIAS_IN_HOLES),
        Misconception("skip_first", "The weights expect the channels of `x` first, then those of the skip.", wrong.SKIP_FIRST),
        Misconception("not_masked", "What lies under a hole may be anything. Does it enter your sum?", wrong.NOT_MASKED),
    ],
    hints=(
        "Take the first example: one coarse pixel becomes four, all known; of the skip's four, three are known. How many of the places under each window are known, over both channels?",
        "Give every channel its own mask: `mask.expand_as(x)` and `skip_mask.expand_as(skip)`, concatenated like the values. Then it is the layer of the last exercise.",
        "`known` (B, C, H, W) as above; `count = F.conv2d(known, torch.ones(1, C, 3, 3), padding=1)`; factor `9 * C / count`; bias before the last `where`.",
    ),
    tested="up to 3 coarse channels and 2 of the skip, batches of 1 and 2, any holes in either",
    forbids=("inpaintlib.layers", "partial_conv2d", "PartialConv2d"),
)

FAIR_ERRORS = Task(
    id="partial_unet/fair_errors",
    points=3,
    signature="fair_errors(prediction, image, mask)",
    goal="The error of a network and that of the mean fill, from code with three bugs.",
    kind="find the bug",
    cases=cases.comparisons,
    corners=cases.COMPARISONS,
    oracle=cases.by_selection,
    tolerance=Tolerance("means of squares of numbers up to 1: a few roundings of those", scale=lambda prediction, image, mask: 1.0),
    returns=(Output("error of the network", "number"), Output("error of the mean fill", "number")),
    positional=3,
    misconceptions=[
        Misconception("wrong_range", "The target is in [0, 1]. In which range is your mean fill? An image of one colour is filled rightly by its mean.", wrong.WRONG_RANGE),
        Misconception("mean_with_holes", "Over which pixels do you take the mean? The holes are not black or grey, they are unknown.", wrong.MEAN_WITH_HOLES),
        Misconception("sees_the_hole", "Your mean fill knows pixels that were cut out. Only known ones may enter the mean.", wrong.SEES_THE_HOLE),
        Misconception("not_composited", "The mean fill keeps the known pixels; the network's picture, in yours, does not. Only like is compared with like.", wrong.NOT_COMPOSITED),
        Misconception("one_mean", "Red, green and blue have a mean each.", wrong.ONE_MEAN),
        Misconception("over_hole", "Both errors are asked over the *whole* image: divide by all its numbers.", wrong.OVER_HOLE),
    ],
    hints=(
        "Use inputs whose answer you know: an image of one colour with a hole. What must the mean fill's error be?",
        "Three things: the range in which the mean fill is made; the pixels over which the mean is taken; what stands in the known pixels of the network's picture.",
        "`target = (image + 1) / 2`; mean `(target * mask).sum((1, 2)) / mask.sum()`; both pictures are `target` where the mask is 1.",
    ),
    tested="images in [-1, 1] up to 3x3, any holes, also none; at least one pixel known",
)

LOWEST_MSE = Task(
    id="partial_unet/lowest_mse",
    points=2,
    signature="lowest_mse(target, low, high)",
    goal="The smallest mean squared error that an output in [low, high] can reach.",
    kind="experiment",
    cases=cases.ranges,
    corners=cases.RANGES,
    oracle=cases.clamped,
    tolerance=Tolerance("a mean of squares of numbers up to 4", scale=lambda target, low, high: 4.0),
    returns=(Output("the smallest error", "number"),),
    positional=3,
    misconceptions=[
        Misconception("below_only", "Values below the range cannot be reached. Nor can those above it.", wrong.BELOW_ONLY),
        Misconception("above_only", "Values above the range cannot be reached. Nor can those below it.", wrong.ABOVE_ONLY),
        Misconception("not_squared", "That is a mean of distances. A *squared* error is asked.", wrong.NOT_SQUARED),
        Misconception("outside_only", "You average over the values that are out of reach. Those within reach have an error of 0, and count.", wrong.OUTSIDE_ONLY),
        Misconception("not_divided", "That is the sum. A mean divides it by how many numbers there are.", wrong.NOT_DIVIDED),
        Misconception("stretched", "You moved the target into the range. But the target stays where it is; the output is what must come near.", wrong.STRETCHED),
    ],
    hints=(
        "For one number of the target: which number in [low, high] is nearest to it, and how far away is that?",
        "The best output is the target itself where it lies in the range, and the nearer end of the range elsewhere.",
        "`nearest = target.clamp(low, high)`, then the mean of `(target - nearest) ** 2`.",
    ),
    tested="up to nine numbers, some of them below the range and some above",
)

BEAT = BeatTask(
    id="partial_unet/beat",
    goal="A network of at most 5 MB that you trained fills thin lines better than a classical method does.",
    baseline="fast_marching",
    masks="lines",
    thresholds=((-3.0, 1), (0.0, 2), (0.75, 3), (1.5, 4)),
    hints=(
        "Is the network still learning when the time is up? Then it needs more time, or fewer weights: a narrow network does more steps in ten minutes than a wide one.",
        "Train on the holes that are asked, `masks.lines`, weight the loss in the hole (`6*hole_l1+valid_l1`), let the learning rate rise and fall (`one_cycle`), and "
        "keep an average of the weights (`ema`). Two images in a batch make noisy steps; a hundred do not.",
        "`course_unet` starts from a pyramid of means and learns only what is wrong with it: with `width=16, blocks=1` it needs one to two passes over CIFAR-10. `partial_unet` with "
        "`width=16` needs some more. Save with `inpaintlib.models.pretrained.save_pretrained(model, \"weights.safetensors\", card={})`.",
    ),
)

DEFEND = OpenTask(
    id="partial_unet/defend",
    question="Make two honest tables of the same two inpainters, of which one speaks for the first and one for the second; then write the comparison that you would publish.",
    rubric=[
        (1, "Two tables or figures, computed here, of the same two inpainters come to opposite verdicts, and no number in them is false."),
        (1, "It is named which choice (holes, region, raw or composited, measure, images) turned the verdict, with the other choices held fixed."),
        (1, "The comparison to publish has the simplest filling in it, intervals, and the same images and masks for all; it says raw or composited."),
        (1, "Its limits are stated: which data, which holes, how many seeds, what was not tried."),
    ],
    hints=(
        "Is there an inpainter that the network's raw picture loses to and its composited one beats? Try `baselines.navier_stokes` and `baselines.biharmonic`, on lines and on boxes.",
        "`evaluation.compare(..., masks.benchmark(kind)[:200])` for several kinds; `kind=\"raw\"` takes models themselves.",
        "`table.difference(one, other, metric)` says by how much, image by image, and how sure that is.",
    ),
)

TASKS = [PARAMETERS, MERGE, FAIR_ERRORS, LOWEST_MSE, BEAT, DEFEND]
