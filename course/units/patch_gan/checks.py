"""The tasks of the unit ``patch_gan``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.patch_gan import cases, wrong

LIBRARY = ("inpaintlib.losses", "hinge_critic", "hinge_generator")

HINGE = Task(
    id="patch_gan/hinge",
    points=2,
    signature="hinge(real, fake)",
    goal="The hinge loss of both players.",
    cases=cases.verdicts,
    corners=cases.VERDICTS,
    oracle=cases.hinged,
    tolerance=Tolerance("means of scores: a few roundings of their magnitudes", scale=cases.hinged_scale),
    returns=(Output("critic's loss", "number"), Output("generator's loss", "number")),
    positional=2,
    misconceptions=[
        Misconception("mean_first", "One patch with 4 must not pay for another with -2. Which comes first, the hinge or the mean?", wrong.HINGE_MEAN_FIRST),
        Misconception("signs", "A real score of 2 is right by a margin and costs nothing. What does it cost with you?", wrong.HINGE_SIGNS),
        Misconception("not_cut", "Your critic's loss can be negative. What stops at 0?", wrong.HINGE_NOT_CUT),
        Misconception("no_margin", "A critic that knows nothing, all scores 0, has the loss 2. Yours is content with being on the right side of 0.", wrong.HINGE_NO_MARGIN),
        Misconception("summed", "Your loss grows with the number of scores. It is a mean.", wrong.HINGE_SUMMED),
        Misconception("joined", "Two means, one of the real scores and one of the filled ones, and their *sum*. A critic that knows nothing has the loss 2.", wrong.HINGE_JOINED),
        Misconception(
            "generator_hinged", "The hinge is the critic's. The generator's loss is minus the mean score: it never has enough.", wrong.HINGE_GENERATOR_HINGED
        ),
        Misconception("generator_sign", "The generator *minimises* its loss and wants high scores. Which sign does that make?", wrong.HINGE_GENERATOR_SIGN),
    ],
    hints=(
        "Three means: one of real scores, two of filled ones. Do the first example by hand.",
        "For the critic: how far is each real score below 1, and each filled one above -1? What is right by that margin costs 0.",
        "`F.relu(1 - real).mean() + F.relu(1 + fake).mean()`, and `-fake.mean()`.",
    ),
    tested="up to 3 pictures of each kind, one patch or several, scores within and beyond the margin",
    forbids=LIBRARY,
)

NORMALISED = Task(
    id="patch_gan/normalised",
    points=3,
    signature="normalised(weight, u, rounds)",
    goal="A convolution's weights divided by their spectral norm, by power iteration.",
    cases=cases.tables,
    corners=cases.TABLES,
    oracle=cases.rounds_of,
    tolerance=Tolerance("sums of products and quotients of lengths: a few roundings, of which the cases let none grow"),
    returns=(Output("weight"), Output("u")),
    positional=3,
    misconceptions=[
        Misconception("frobenius", "You divide by the root of the sum of all squares. That is larger than the largest stretch.", wrong.NORM_FROBENIUS),
        Misconception("largest_entry", "You divide by the largest weight. A matrix can stretch more than its largest number says.", wrong.NORM_LARGEST),
        Misconception("scrambled", "One row for each *output* channel: weight[0], laid out flat, is the first row. What is yours?", wrong.NORM_SCRAMBLED),
        Misconception("squared", "You divide by the square of the stretch. Has v length 1 when W is applied to it?", wrong.NORM_SQUARED),
        Misconception("stale", "sigma is u' W v with the *new* u, the one that was just computed from v.", wrong.NORM_STALE),
        Misconception("old_u", "The u that you hand back is the one that came in. The next step is to go on from the new one.", wrong.NORM_OLD_U),
        Misconception("rounds_ignored", "You make one round. What does your function do with `rounds`?", wrong.NORM_ROUNDS),
        Misconception("one_off", "Count the rounds: you make one too many.", wrong.NORM_ONE_OFF),
    ],
    hints=(
        "First a matrix with one row for each output channel; then `rounds` times v from u, and u from v; then the stretch.",
        "`W = weight.flatten(1)`. In each round: v = W'u, divided by its length; u = Wv, divided by its length. At the end sigma = u'Wv.",
        "`v = F.normalize(W.T @ u, dim=0)`, `u = F.normalize(W @ v, dim=0)`, and `weight / (u @ W @ v), u`.",
    ),
    tested="1 to 3 output channels, kernels of 1 x 1 and 2 x 2, 1 to 3 rounds",
    forbids=("spectral_norm", "svdvals", "svd", "matrix_norm"),
)

GRADIENT_PENALTY = Task(
    id="patch_gan/gradient_penalty",
    points=4,
    signature="gradient_penalty(weight, real, fake, share)",
    goal="The gradient penalty of WGAN-GP and what it teaches the critic, from code with three bugs.",
    kind="find the bug",
    cases=cases.slopes,
    corners=cases.SLOPES,
    oracle=cases.held,
    tolerance=Tolerance("lengths of slopes, which are sums of products: roundings of these", scale=cases.held_scale),
    returns=(Output("penalty", "number"), Output("gradient by the weights")),
    positional=4,
    misconceptions=[
        Misconception(
            "part_of_picture",
            "Your norm runs over a part of a picture only, over its channels pixel by pixel perhaps. A picture is one point, its slope one vector: which dimensions belong to it?",
            wrong.PENALTY_PART,
        ),
        Misconception("whole_batch", "Your norm joins the slopes of several pictures. Each picture has its own.", wrong.PENALTY_BATCH),
        Misconception("mean_of_scores", "Your slopes are too small by the number of pictures: you differentiate the *mean* of their scores.", wrong.PENALTY_MEAN),
        Misconception("one_share", "All pictures go the same part of the way. Each has its own share.", wrong.PENALTY_ONE_SHARE),
        Misconception("swapped_ends", "At a share of 0 you stand on the filled picture. It is to be the real one.", wrong.PENALTY_SWAPPED),
        Misconception("at_one_end", "You measure the slope at the real, or at the filled pictures. It is to be held *between* them.", wrong.PENALTY_END),
        Misconception("squared_norm", "You compare the *square* of the length with 1. What is missing?", wrong.PENALTY_SQUARE),
        Misconception("zero_centred", "Your penalty wants a slope of 0. It is to be 1.", wrong.PENALTY_ZERO),
        Misconception("one_sided", "A slope below 1 costs nothing with you. Here both sides count.", wrong.PENALTY_ABOVE),
        Misconception("summed", "Your penalty grows with the number of pictures. It is a mean.", wrong.PENALTY_SUM),
        Misconception(
            "no_graph",
            "The penalty is right, but no way leads from it to the critic's weights. The slope is itself a result of them: what must `autograd.grad` be told to keep?",
            wrong.PENALTY_DEAF,
            explains=wrong.no_graph,
        ),
    ],
    hints=(
        "Go through the formula from the inside: the point between, the slope there, its length, the distance from 1. Three of these lines are wrong.",
        "Each picture has its own share, its own slope (of its own score, not of a mean), and its own length, over all of its numbers.",
        "`share[:, None, None, None]`; `rate(...).sum()`; `slope.flatten(1).norm(dim=1)`.",
    ),
    tested="1 to 3 pictures of up to 2 channels and 2 x 2 pixels, shares from 0 to 1",
    forbids=("inpaintlib.losses",),
)

SEES_HOLE = Task(
    id="patch_gan/sees_hole",
    points=3,
    signature="sees_hole(mask, layers)",
    goal="Which scores of a patch critic see the hole at all.",
    kind="experiment",
    cases=cases.maps,
    corners=cases.MAPS,
    oracle=cases.looked,
    tolerance=EXACT,
    returns=(Output("the map", "mask"),),
    positional=2,
    misconceptions=[
        Misconception("inverted", "In a mask 1 is known and 0 is hole. Which of them does your map look for?", wrong.SEES_INVERTED),
        Misconception("wholly_hole", "One missing pixel in its window is enough for a score to see the hole.", wrong.SEES_ALL),
        Misconception("one_layer", "What does your function do with `layers`?", wrong.SEES_ONE_LAYER),
        Misconception("own_block", "Your windows lie side by side. Those of a critic overlap: one score sees more than the block that it stands on.", wrong.SEES_BLOCK),
        Misconception(
            "from_corner", "Your windows begin at the place of their score. With a padding of 2 they reach to the left and upwards as well.", wrong.SEES_CORNER
        ),
        Misconception("three", "The kernels are 5 x 5.", wrong.SEES_THREE),
        Misconception("one_kernel", "Your windows are 5 pixels wide after every number of layers. The field grows.", wrong.SEES_FIVE),
        Misconception("linear", "In the second layer, neighbours are 2 pixels of the picture apart. How far does a kernel of 5 reach there?", wrong.SEES_LINEAR),
    ],
    hints=(
        "A single layer first: score i sees the pixels 2i - 2 to 2i + 2, as far as they are inside of the picture.",
        "Let the hole itself go through the layers: whatever is not 0 at the end has seen it. Or work out field, step and start.",
        "`seen = F.max_pool2d(seen, 5, stride=2, padding=2)`, once for each layer, starting from `(1 - mask)[None, None]`.",
    ),
    tested="masks of 1 x 1 to 20 x 20 and some larger ones, 1 to 3 layers, with and without a hole",
)

HINGE_OR_WGAN = OpenTask(
    id="patch_gan/hinge_or_wgan",
    question="On free-form holes: a jury with the hinge loss, or WGAN-GP? Train both from the same start, and say what can be said.",
    rubric=[
        (1, "Both games start from the same trained network and go the same number of steps; what else was held equal is named, the time of a step included."),
        (1, "A third network goes on without an adversary, and all three are compared on test images with at least two measures, one of them not a pixel error."),
        (1, "There are at least two seeds of each, and differences between games are compared with those between seeds."),
        (1, "The conclusion says no more than the figures do, and names a setting that could turn it round."),
    ],
    hints=(
        "Train a start for as long as you can afford, copy it three times, and go on with each copy. `fit` and `fit_adversarial` have different defaults: name the same `schedule` and `optimizer` for both.",
        "`train.fit_adversarial(..., adversarial='wgan_gp')` takes several critics: `{'global': ..., 'local': ...}`.",
        "`metrics.perceptual(prediction, target, features=features.load('measure'))` gives one distance an image, smaller is better.",
    ),
)

TASKS = [HINGE, NORMALISED, GRADIENT_PENALTY, SEES_HOLE, HINGE_OR_WGAN]
