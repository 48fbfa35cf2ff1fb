"""The tasks of the unit ``context_encoder``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from typing import Any

import numpy as np

from course.checks.task import Case, Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.context_encoder import cases, wrong

LIBRARY = ("inpaintlib.losses", "inpaintlib.train", "bce_critic", "bce_generator", "border_weighted", "fit_adversarial")


def _nan_where_sure(case: Case, got: Any, expected: Any) -> bool:
    """NaN or infinity where the scores are large."""
    sure = case.arguments["scores"].abs().flatten().numpy() > 80
    parts = got if isinstance(got, tuple) else ()
    if len(parts) != 2 or not sure.any():
        return False
    broken = [~np.isfinite(part) for part in parts]
    return any(b.any() for b in broken) and all(not b.any() or b.size == 1 or (b.shape == sure.shape and not b[~sure].any()) for b in broken)


SLOPES = Task(
    id="context_encoder/slopes",
    points=1,
    signature="slopes(scores)",
    goal="The slopes of both losses of a generator, means over a batch, by each score.",
    kind="predict",
    cases=cases.scores,
    corners=cases.SCORES,
    oracle=cases.derived,
    tolerance=Tolerance("a smooth function between 0 and 1: a few roundings of 1", scale=lambda scores: np.ones(scores.shape) / len(scores)),
    returns=(Output("slopes of mean(log(1 - D))"), Output("slopes of mean(-log D)")),
    misconceptions=[
        Misconception("summed", "Your slopes are those of a sum. What does a mean divide by, and so its slopes?", wrong.SLOPES_SUMMED),
        Misconception("swapped", "Both slopes are there, each in the other's place. Which one is flat for low scores?", wrong.SLOPES_SWAPPED),
        Misconception("sign", "A higher score lessens both losses. What sign has a slope that goes down?", wrong.SLOPES_SIGN),
        Misconception(
            "by_probability", "These are slopes by the probability D. Asked are those by the score: which factor does the chain rule add?", wrong.SLOPES_BY_PROBABILITY
        ),
        Misconception("the_losses", "That is how large the losses are, not how steep.", wrong.SLOPES_LOSSES),
        Misconception("the_same", "Both of your slopes are the same. Try a score of -3: one loss is flat there.", wrong.SLOPES_SAME),
        Misconception(
            "overflow", "For very large scores you get NaN or infinity. exp(200) is more than a float holds; torch.sigmoid knows how to go about it.", explains=_nan_where_sure
        ),
    ],
    hints=(
        "Write both losses with s alone: log(1 - D) = -softplus(s), -log D = softplus(-s). The slope of softplus is the sigmoid.",
        "The first is minus the sigmoid of s. For the second mind the inner derivative of -s.",
        "With `d = torch.sigmoid(scores)`: `-d / len(scores)` and `(d - 1) / len(scores)`.",
    ),
    tested="scores from -3 to 3, and of 200 either way",
    forbids=(*LIBRARY, "autograd", "backward"),
)

JOINT_LOSS = Task(
    id="context_encoder/joint_loss",
    points=3,
    signature="joint_loss(patch, truth, scores, band=4)",
    goal="Both weighted terms of the generator's loss.",
    kind="find the bug",
    cases=cases.patches,
    corners=cases.PATCHES,
    example=cases.PATCHES[0],
    oracle=cases.joint,
    tolerance=Tolerance("sums of squares of a few hundred numbers: roundings of the result"),
    returns=(Output("reconstruction", "number"), Output("adversarial", "number")),
    positional=3,
    misconceptions=[
        Misconception("corners_twice", "In the corners of the patch, rows and columns of the band meet. What is your weight there?", wrong.JOINT_CORNERS),
        Misconception("inverted", "Where do your errors weigh ten: in the band, or inside?", wrong.JOINT_INVERTED),
        Misconception("one_way", "The band runs along all four sides of the patch. Yours has two.", wrong.JOINT_ONE_WAY),
        Misconception("weight_squared", "Your weight is squared together with the error.", wrong.JOINT_SQUARED),
        Misconception("by_weights", "You divide by the sum of the weights. The task asks for the mean of the weighted errors.", wrong.JOINT_BY_WEIGHTS),
        Misconception("summed", "Your reconstruction is a sum over the patch, the batch or the colours. By how many numbers does mean() divide?", wrong.JOINT_SUMMED),
        Misconception("log_one_minus", "The adversarial term is log(1 - D), which is flat where the generator begins. Asked is -log D.", wrong.JOINT_GAME),
        Misconception("critics_side", "Your adversarial term grows, or falls below 0, when the filling is taken for real. Whose side is it on?", wrong.JOINT_CRITICS),
        Misconception("overflow", "For a score of 200 or -200 your adversarial term is no number any more. Which function takes the score itself?", explains=_nan_where_sure),
    ],
    hints=(
        "Look at each line of `found`: the weights in the corners, what comes behind `** 2`, and which of the two losses of the lesson it takes.",
        "Start with ten everywhere and write ones into the inside; `.mean()`; `F.softplus(-scores)`.",
        "`w = torch.full((rows, columns), 10.0)`, then `w[band : rows - band, band : columns - band] = 1`.",
    ),
    tested="patches of 2 to 16 pixels, bands from none to everything, scores up to 200",
    forbids=LIBRARY,
)

TRAIN_STEP = Task(
    id="context_encoder/train_step",
    points=4,
    signature="train_step(generator, critic, known, real, lr)",
    goal="One step of a GAN: the critic's move, then the generator's.",
    cases=cases.games,
    corners=cases.GAMES,
    oracle=cases.played,
    probe=cases.ask_step,
    given={"Generator": cases.Generator, "Critic": cases.Critic},
    tolerance=Tolerance("two steps in double precision: roundings of numbers around 1", scale=lambda **_: 1.0),
    returns=(Output("losses"), Output("critic"), Output("generator")),
    misconceptions=[
        Misconception(
            "not_cleared",
            "At the second step something of the first one is left: gradients are added up until they are cleared. Clear those of both players, each right before its own `backward`.",
            wrong.STEP_NOT_CLEARED,
        ),
        Misconception(
            "not_detached",
            "Gradients of the critic's loss have moved the generator. Which call cuts `filled` off from its maker, for the critic's move alone?",
            wrong.STEP_NOT_DETACHED,
        ),
        Misconception("labels_swapped", "Your critic learns that filled ones are real. A real one should get a score above 0.", wrong.STEP_SWAPPED),
        Misconception("saturating", "Your generator lessens log(1 - D). The task asks for -log D.", wrong.STEP_SATURATING),
        Misconception("old_scores", "Your generator listens to the critic as it was before its move. Ask the critic again.", wrong.STEP_STALE),
        Misconception("halved", "Your critic's loss is half of the sum. The task asks for the sum of both means.", wrong.STEP_HALF),
        Misconception("critic_helps", "In the generator's move your critic moves as well, to please it. Whose parameters does that optimiser hold?", wrong.STEP_HELPS),
    ],
    hints=(
        "The lesson has both moves line by line. Who moves first, who is cut off where, and what is cleared when?",
        "Critic: loss on real and on `filled.detach()`, `zero_grad`, `backward`, `step`. Generator: ask the critic again, about `filled` itself, and the same three calls with its own optimiser.",
        "`loss_critic = F.softplus(-critic(real)).mean() + F.softplus(critic(filled.detach())).mean()`, and after the critic's step `loss_generator = F.softplus(-critic(filled)).mean()`.",
    ),
    tested="two steps in a row with batches of 1 to 5, learning rates from 0.1 to 2",
    forbids=LIBRARY,
)

CRITIC_HAS_WON = Task(
    id="context_encoder/critic_has_won",
    points=2,
    signature="critic_has_won(real, filled, patience=3)",
    goal="The row at which a critic has won for a while.",
    kind="experiment",
    cases=cases.histories,
    corners=cases.HISTORIES,
    oracle=cases.searched,
    tolerance=EXACT,
    returns=(Output("the row", "number"),),
    positional=2,
    misconceptions=[
        Misconception("either", "One of the two accuracies is enough for you. A critic that calls everything real has not won.", wrong.WON_EITHER),
        Misconception("one_of_them", "Do you look at both accuracies?", wrong.WON_ONE_OF_THEM),
        Misconception("not_in_a_row", "You count good rows; they must come in a row. What happens to your count in a bad one?", wrong.WON_NOT_IN_A_ROW),
        Misconception("start", "You return where the row of good ones begins. Asked is the row that completes it.", wrong.WON_START),
        Misconception("counted_from_1", "Your rows are counted from 1.", wrong.WON_COUNTED),
        Misconception("patience_off", "Count the good rows that you wait for: is it `patience`, or one more, or one fewer?", wrong.WON_LATE),
        Misconception("only_perfect", "0.99 is the line, and 127 of 128 is above it.", wrong.WON_PERFECT),
        Misconception("mean", "A mean of both accuracies can be high with one of them below the line.", wrong.WON_MEAN),
    ],
    hints=(
        "Walk through the rows with a count: how many good ones in a row are there up to here?",
        "A row is good if the smaller accuracy is at least 0.99. Then the count goes up by one, else it is 0 again.",
        "`in_a_row = in_a_row + 1 if min(a, b) >= 0.99 else 0`, and `return row` when it equals `patience`.",
    ),
    tested="histories of 1 to 12 rows, patience 1 to 3",
    forbids=("CollapseWatch",),
)

CURE = OpenTask(
    id="context_encoder/cure",
    question="Change one setting so that the game of one pixel fails, say how you know, and cure it by another change.",
    rubric=[
        (1, "One setting is changed, the failure is called by its name, and numbers show it: both accuracies and the variety, not a loss alone."),
        (1, "Why this setting leads to this failure is explained by who moves how fast, or by what the critic sees."),
        (1, "The cure changes another setting while the first stays; failure and cure are drawn or printed side by side with the fair game."),
        (1, "There are at least two seeds of each, and the conclusion says no more than they show."),
    ],
    hints=(
        "The settings of `play` are the two learning rates, `betas`, and `batch_size`. Which of the two players does each make faster?",
        "The table of signs in the lesson says what to look at. Print the mean of the last few rows, for several seeds.",
        "Try `betas=(0.9, 0.999)`, a batch of 2, or a learning rate ten times as large for one player; then give the other one what it lacks.",
    ),
)

TASKS = [SLOPES, JOINT_LOSS, TRAIN_STEP, CRITIC_HAS_WON, CURE]
