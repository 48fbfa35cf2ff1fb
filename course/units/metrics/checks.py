"""The tasks of the unit ``metrics``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import Tolerance
from course.units.metrics import cases, wrong

LIBRARY = ("inpaintlib.metrics", "inpaintlib.evaluation")

HOLE_MSE = Task(
    id="metrics/hole_mse",
    points=2,
    signature="hole_mse(prediction, target, mask)",
    goal="The mean squared error over the hole of each image.",
    cases=cases.fillings,
    corners=cases.FILLINGS,
    oracle=cases.library_mse,
    tolerance=Tolerance("a mean of squared differences: a few roundings of the squared values", scale=cases.mse_scale),
    positional=3,
    misconceptions=[
        Misconception("one_number", "Two images, two errors. Yours mixes the images of a batch: over which dimensions do you add up?", wrong.ONE_NUMBER),
        Misconception("whole_image", "Over how many pixels do you average? Known pixels are no part of the hole, neither above nor below the fraction.", wrong.WHOLE_IMAGE),
        Misconception(
            "channels_forgotten",
            "Your error is too large by the number of channels. The mask has one channel, the image more: how many numbers lie under the hole?",
            wrong.CHANNELS_FORGOTTEN,
        ),
        Misconception("known_region", "1 = known, 0 = hole. Over which of the two do you average?", wrong.KNOWN_REGION),
        Misconception("not_squared", "An error of 2 counts 4 here. Yours counts it 2, or -2.", wrong.NOT_SQUARED),
        Misconception("not_divided", "That is the sum of the squared errors. A mean divides it by how many there are.", wrong.NOT_DIVIDED),
    ],
    hints=(
        "Take the first example by hand: which squared differences lie under the hole, and how many are they?",
        "`hole = 1 - mask` picks them: add up `hole * (prediction - target) ** 2` over the dimensions 1, 2 and 3. What must the sum be divided by?",
        "Divide by `hole.sum((1, 2, 3)) * channels`: one mask stands for all channels.",
    ),
    tested="batches of 1 and 2, 1 to 3 channels, any holes up to all of the image",
    forbids=LIBRARY,
)

PSNR = Task(
    id="metrics/psnr",
    points=2,
    signature="psnr(prediction, target, data_range)",
    goal="The peak signal-to-noise ratio of each image.",
    cases=cases.pairs,
    corners=cases.PAIRS,
    oracle=cases.library_psnr,
    tolerance=Tolerance("a logarithm: a relative error of the squared error becomes an absolute one in dB", scale=cases.psnr_scale),
    positional=3,
    misconceptions=[
        Misconception("peak_fixed", "What does your function do with `data_range`? These images have another range than the one you assume.", wrong.PEAK_FIXED),
        Misconception("peak_of_image", "The range is what values *could* be, not the largest that happens to be in a picture. It is given to you.", wrong.PEAK_OF_IMAGE),
        Misconception("range_not_squared", "The error is squared; the range above the fraction is not, in yours. Look at the units.", wrong.RANGE_NOT_SQUARED),
        Misconception("natural_log", "Decibels need the logarithm to base 10. Which one do you take?", wrong.NATURAL),
        Misconception("twenty", "20 times the logarithm belongs to a ratio of amplitudes. Under your logarithm stands a ratio of squares.", wrong.TWENTY),
        Misconception("upside_down", "A smaller error must give more decibels. Which is above in your fraction?", wrong.UPSIDE_DOWN),
        Misconception("batch_first", "Each image has its own PSNR. You average over the batch: the result depends on which images came together.", wrong.BATCH_FIRST),
    ],
    hints=(
        "An error of a tenth of the range, everywhere, is 20 dB. Is that what you get?",
        "First the mean squared error of each image, over dimensions 1, 2 and 3; then 10 times the logarithm of range squared by error.",
        "`mse = ((prediction - target) ** 2).mean((1, 2, 3))`, then `10 * torch.log10(data_range ** 2 / mse)`.",
    ),
    tested="batches of 1 to 3, ranges 1, 2, 10 and 255; never equal images",
    forbids=LIBRARY,
)

SSIM_WINDOW = Task(
    id="metrics/ssim_window",
    points=3,
    signature="ssim_window(x, y, data_range)",
    goal="The structural similarity of one window, from code with three bugs.",
    kind="find the bug",
    cases=cases.windows,
    corners=cases.WINDOWS,
    oracle=cases.window_ssim,
    tolerance=Tolerance("variances are differences of squares: in a flat window their rounding is seen", scale=cases.ssim_scale),
    returns=(Output("the similarity", "number"),),
    positional=3,
    misconceptions=[
        Misconception("constants_not_squared", "Look at the two constants: 0.01 times the range, and then? Against a flat window they decide.", wrong.CONSTANTS_NOT_SQUARED),
        Misconception("deviations", "Below the fraction stand *variances*. `std` is their root.", wrong.DEVIATIONS),
        Misconception("not_centred", "A covariance says whether two windows vary together *about their means*. Is yours 0 against a flat window?", wrong.NOT_CENTRED),
        Misconception("range_ignored", "What happens to your constants if the range is not 1? And if a window is black?", wrong.RANGE_IGNORED),
        Misconception("no_brightness", "A window that was only lifted scores 1 in yours. One of the two factors is missing.", wrong.NO_BRIGHTNESS),
        Misconception(
            "sample_variance",
            "All three, both variances and the covariance, are to be divided by the number of pixels n; yours divides by n - 1 (torch's default for `var`).",
            wrong.SAMPLE_VARIANCE,
        ),
    ],
    hints=(
        "Try windows whose answer you know: equal ones give 1; a flat one against any other has a covariance of 0; black against black gives 1.",
        "Three lines are wrong: that of the constants, that of the spreads, that of the covariance. Compare each with the formula of the lesson.",
        "`c1, c2 = (0.01 * L) ** 2, (0.03 * L) ** 2`; `x.var(correction=0)`; `((x - x.mean()) * (y - y.mean())).mean()`.",
    ),
    tested="windows from 2x2 to 4x4, ranges 1, 10 and 20, flat and black ones too",
    forbids=LIBRARY,
)

PRECISION_RECALL = Task(
    id="metrics/precision_recall",
    points=3,
    signature="precision_recall(probability, mask, threshold)",
    goal="Precision and recall of a detector of holes.",
    kind="experiment",
    cases=cases.detections,
    corners=cases.DETECTIONS,
    oracle=cases.library_precision_recall,
    tolerance=Tolerance("quotients of whole numbers, rounded once"),
    returns=(Output("precision", "number"), Output("recall", "number")),
    positional=3,
    misconceptions=[
        Misconception("swapped", "Of what is called a hole, the share that is: precision. Of what is a hole, the share that was found: recall. Which of yours is which?", wrong.SWAPPED),
        Misconception("polarity", "The detector's probability is that of a *hole*, and in the mask a hole is 0. What do you compare with what?", wrong.POLARITY),
        Misconception("at_threshold", "A pixel counts as called only *above* the threshold. What happens in yours exactly at it?", wrong.AT_THRESHOLD),
        Misconception("not_thresholded", "A pixel is called a hole or it is not. Your sums add up probabilities.", wrong.NOT_THRESHOLDED),
        Misconception("nothing_is_zero", "Where nothing is called, nothing was called falsely; where there is no hole, none was missed. The task says what such ratios are.", wrong.NOTHING_IS_ZERO),
        Misconception("division_by_zero", "Here nothing is called a hole, or there is none, and you divide by that number. The task says what the ratio is then.", explains=wrong.divides_by_zero),
        Misconception("accuracy", "That is the share of all pixels that were judged right. Known pixels that nobody suspected count in neither precision nor recall.", wrong.ACCURACY),
    ],
    hints=(
        "Draw the first example: which pixels are called a hole, which are, and which are both?",
        "`called = probability > threshold`, `hole = mask == 0`, `both = called & hole`; the three sums are all you need.",
        "precision = both / called, recall = both / hole; each is 1 if what it would be divided by is 0.",
    ),
    tested="maps from 1x1 to 4x4, several thresholds, nothing called, no hole",
    forbids=LIBRARY,
)

DISAGREE = OpenTask(
    id="metrics/disagree",
    question="Make two fillings of one hole of which PSNR prefers the one and you (or another measure) the other. Show them, measure them, explain.",
    rubric=[
        (1, "Both fillings leave the known pixels alone, and one figure shows hole, fillings and original, labelled."),
        (1, "At least two measures are printed for both, with region (the hole, where the measure has one), range and unit named; it is said which filling each prefers, and which you do."),
        (1, "Why the one measure prefers what the eye does not is explained from its formula."),
        (1, "It is said for which use which of the two fillings would be right, and which measure one should then report."),
    ],
    hints=(
        "Squared errors like caution. What is the most cautious filling of a hole in a texture?",
        "Fill a hole in fur, or in the tissue of the photograph `immunohistochemistry`, once smoothly (`baselines.biharmonic`), once by copying (`baselines.nearest_patch`).",
        "`metrics.perceptual(..., features=features.load('measure'))` sees textures; `metrics.psnr(..., region='hole')` sees pixels.",
    ),
)

TASKS = [HOLE_MSE, PSNR, SSIM_WINDOW, PRECISION_RECALL, DISAGREE]
