"""The tasks of the unit ``losses``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import Tolerance
from course.units.losses import cases, wrong

LIBRARY = ("inpaintlib.losses", "losses.gram", "losses.total_variation", "losses.style", "liu_total")

BEST_ANSWER = Task(
    id="losses/best_answer",
    points=2,
    signature="best_answer(truths, squared=True)",
    goal="The one answer that costs least, against many truths.",
    kind="predict",
    cases=cases.crowds,
    corners=cases.CROWDS,
    oracle=cases.searched,
    tolerance=Tolerance("a mean: a few roundings of the result"),
    misconceptions=[
        Misconception("always_mean", "Your answer is the mean, whatever the error. Try the five truths 0, 4, 0, 1, 0: what does 1 cost with the absolute error, and what does 0?", wrong.ANSWER_MEAN),
        Misconception("always_median", "Your answer is the median, whatever the error. Take the derivative of the squared error: where is it 0?", wrong.ANSWER_MEDIAN),
        Misconception("swapped", "One error wants the mean, the other the median. You have them the wrong way round.", wrong.ANSWER_SWAPPED),
        Misconception("all_pixels", "Each pixel has an answer of its own; you mix all pixels of all truths.", wrong.ANSWER_ALL_PIXELS),
        Misconception("midrange", "Halfway between the extremes keeps the *largest* error small. Asked is the mean error.", wrong.ANSWER_MIDRANGE),
        Misconception("unsorted", "You take the truth in the middle of the list. The median is the middle of the *sorted* values.", wrong.ANSWER_UNSORTED),
        Misconception("most_frequent", "The most frequent value is not asked for: a value may come often and lie far from all others.", wrong.ANSWER_MODE),
    ],
    hints=(
        "Take one pixel, and write the cost of an answer a as a sum over the truths. Which a makes it smallest?",
        "Squared: the derivative is 2 K (a - mean). Absolute: moving a to the right gets dearer by one for each truth on its left, and cheaper by one for each on its right.",
        "`truths.mean(0)`, and `truths.median(0).values`.",
    ),
    tested="1, 3, 5 and 7 truths of 1 to 3 pixels, both errors",
    forbids=LIBRARY,
)

GRAM = Task(
    id="losses/gram",
    points=2,
    signature="gram(maps)",
    goal="The Gram matrix of the feature maps of each picture.",
    cases=cases.feature_maps,
    corners=cases.MAPS,
    oracle=cases.paired,
    tolerance=Tolerance("sums of products in any order: a few roundings of the magnitudes", scale=cases.paired_scale),
    misconceptions=[
        Misconception("not_divided", "Your sums grow with the size of the maps. What are they divided by?", wrong.GRAM_NOT_DIVIDED),
        Misconception("inverse", "You multiply by C H W: a slip that stands in print, too. Should a larger map weigh more?", wrong.GRAM_INVERSE),
        Misconception("places_only", "You divide by the number of places. In this course, as in the paper, the number of channels counts as well.", wrong.GRAM_PLACES),
        Misconception("batch_counted", "Your result gets smaller when more pictures are in the batch. Each picture stands for itself.", wrong.GRAM_BATCH),
        Misconception("channels_squared", "The 1 / C^2 belongs to the style *loss*, which compares two of these matrices. What belongs to the matrix?", wrong.GRAM_SQUARE),
        Misconception("centred", "You subtract the mean of each map first. That is a covariance: it does not see how strong a feature is altogether.", wrong.GRAM_CENTRED),
        Misconception(
            "laid_out_anew",
            "Your rows are no maps: `reshape` from (B, C, H, W) to (B, H * W, C) does not move the channels to the end, it cuts the numbers anew.",
            wrong.GRAM_LAID_OUT,
        ),
        Misconception("cosines", "Your diagonal is all ones: you bring each map to length 1. How strong a feature is belongs to the texture.", wrong.GRAM_LENGTHS),
    ],
    hints=(
        "For one picture: lay each map out as a row. Which product of this table with itself has all inner products of rows?",
        "`maps.flatten(2)` is (B, C, H * W). The transpose of its last two dimensions, a matrix product, and one division.",
        "`flat @ flat.transpose(1, 2) / (c * h * w)`.",
    ),
    tested="batches of 1 and 2, 1 to 3 maps of up to 3 x 3, numbers of both signs",
    forbids=LIBRARY,
)

VARIATION = Task(
    id="losses/variation",
    points=4,
    signature="variation(prediction, target, mask)",
    goal="Total variation of the composited picture on the dilated hole.",
    kind="find the bug",
    cases=cases.fillings,
    corners=cases.VARIATIONS,
    oracle=cases.walked,
    tolerance=Tolerance("a sum of differences: a few roundings of the values that are subtracted", scale=cases.walked_scale),
    returns=(Output("the total variation", "number"),),
    positional=3,
    misconceptions=[
        Misconception("not_composited", "What the network says of *known* pixels must not count: they come from the target.", wrong.VARIATION_RAW),
        Misconception("not_dilated", "A hole filled smoothly in a wrong colour costs too little in your function, or nothing. Which neighbours outside of the hole must it look at, too?", wrong.VARIATION_NOT_GROWN),
        Misconception("one_end", "You count pairs of which only one end lies in the region. Look at the rim: how far does your function reach out?", wrong.VARIATION_ONE_END),
        Misconception("divided_by_other", "By how many values do you divide? The paper divides by those of the *whole* picture, colours and batch included.", wrong.VARIATION_OVER),
        Misconception("whole_picture", "You add up where nothing is to be filled. Only the hole and its rim count.", wrong.VARIATION_EVERYTHING),
        Misconception("cross", "Your hole grows to the left and right, up and down, but not over its corners. A diagonal step counts as one.", wrong.VARIATION_CROSS),
        Misconception("squared", "The differences are taken absolutely. Yours are squared: large steps, which are edges, get too dear.", wrong.VARIATION_SQUARED),
        Misconception("wraps", "You compare the first pixel of a row with the last one: `roll` goes round the border.", wrong.VARIATION_WRAPS),
    ],
    hints=(
        "Compare each line of `found` with the text: which picture, which region, which pairs, divided by what?",
        "Composite with `torch.where`; dilate with `F.max_pool2d(1 - mask, 3, stride=1, padding=1)`; multiply each difference by the region at *both* of its ends.",
        "`region[..., 1:] * region[..., :-1]` for pairs side by side, `region[..., 1:, :] * region[..., :-1, :]` for pairs on top of each other; divide by `prediction.numel()`.",
    ),
    tested="batches of 1 and 2, 1 and 2 colours, pictures up to 5 x 5, holes at the border too",
    forbids=LIBRARY,
)

NORMALISE = Task(
    id="losses/normalise",
    points=3,
    signature="normalise(x, gain, shift, mean, variance, frozen=False)",
    goal="Batch normalisation, in training and frozen.",
    cases=cases.batches,
    corners=cases.NORMS,
    oracle=cases.torch_norm,
    tolerance=Tolerance("differences divided by a spread: roundings of the numbers that are subtracted, made larger by the division", scale=cases.norm_scale),
    returns=(Output("y"), Output("mean"), Output("variance")),
    example=cases.NORM_SHOWN,
    positional=5,
    misconceptions=[
        Misconception(
            "batch_when_frozen",
            "Frozen, your layer still looks at the batch. A picture's answer must then not depend on its neighbours: which mean and variance does a frozen layer use?",
            wrong.NORM_BATCH_WHEN_FROZEN,
        ),
        Misconception("still_follows", "Frozen, your running statistics still move. The weights rest, and the network changes all the same.", wrong.NORM_STILL_FOLLOWS),
        Misconception("never_follows", "Not frozen, the running statistics must move a tenth of the way towards the batch. Yours stay.", wrong.NORM_NEVER_FOLLOWS),
        Misconception("running_in_training", "Not frozen, x is normalised by the statistics of *this batch*. You use the running ones.", wrong.NORM_RUNNING_IN_TRAINING),
        Misconception("wrong_variance", "There are two variances: for y the mean squared distance, for the running one the unbiased one (n - 1). Which is where?", wrong.NORM_UNBIASED),
        Misconception("wrong_values", "One mean and one variance for each channel, over batch *and* places. Over what do you take yours?", wrong.NORM_BATCH_ONLY),
        Misconception("wrong_root", "Divide by the root of (variance + 1e-5): the small number stands under the root.", wrong.NORM_ROOT),
        Misconception("other_momentum", "Nine tenths of the old, one tenth of the new. Yours is the other way round.", wrong.NORM_MOMENTUM),
        Misconception("affine", "Gain and shift: first times the gain, then plus the shift, frozen or not.", wrong.NORM_AFFINE),
    ],
    hints=(
        "Two questions, answered apart: which statistics make y, and what becomes of the running ones?",
        "Not frozen: `x.mean((0, 2, 3))` and `x.var((0, 2, 3), unbiased=False)` for y; 0.9 of the old and 0.1 of the new, the variance times n / (n - 1), for the running ones. "
        "Frozen: y from `mean` and `variance`, and both are returned as they came.",
        "For y: `(x - centre[:, None, None]) / torch.sqrt(spread + 1e-5)[:, None, None] * gain[:, None, None] + shift[:, None, None]`.",
    ),
    tested="batches of 1 and 2, up to 3 channels, running and frozen, a variance as small as 1e-4",
    forbids=("BatchNorm2d", "batch_norm", "native_batch_norm", *LIBRARY),
)

OWN_LOSS = OpenTask(
    id="losses/own_loss",
    question="Fine-tune with a loss of your own making, and show what it buys and what it costs.",
    rubric=[
        (1, "The loss is written down as a formula or in code, and the report says what it is meant to make the network do, before the result."),
        (1, "It is compared with the pixels alone on the same pictures, holes and steps, by PSNR over the hole and by a network that trained nothing; fillings are shown."),
        (1, "Two mixtures at least were run with two seeds, and differences are compared with those between seeds."),
        (1, "The conclusion says what was bought and what was paid, and names one thing that could turn it round."),
    ],
    hints=(
        "Start from `losses.liu_total(..., weights=...)` and change one weight, or add one term of your own with `losses.weighted_sum`.",
        "A term of your own: your `variation`, your `gram` on part of the picture, differences of neighbours compared with those of the truth.",
        "Print each term once before you train: a term whose gradient is a thousand times smaller than the others does nothing.",
    ),
)

TASKS = [BEST_ANSWER, GRAM, VARIATION, NORMALISE, OWN_LOSS]
