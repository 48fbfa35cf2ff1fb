"""The tasks of the unit ``depth``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import Tolerance
from course.units.depth import cases, wrong

LIBRARY = ("mean_interval", "inpaintlib.evaluation", "scipy")

INTERVAL = Task(
    id="depth/interval",
    points=1,
    signature="interval(values, t)",
    goal="A mean, and half of its confidence interval.",
    cases=cases.samples,
    corners=cases.SAMPLES,
    oracle=cases.standard,
    tolerance=Tolerance("sums and a root: a few roundings of the values, times the factor", scale=cases.interval_scale),
    returns=(Output("the mean", "number"), Output("half the interval", "number")),
    positional=2,
    misconceptions=[
        Misconception("no_root", "Your interval does not get shorter with more values. By what is the deviation divided?", wrong.NO_ROOT),
        Misconception("over_n", "You divide by the number of values. Four times as many values make an interval half as long, not a quarter.", wrong.OVER_N),
        Misconception(
            "population",
            "Your deviation divides by n. The deviations are taken from the mean of these very values and come out too small; what makes up for that?",
            wrong.POPULATION,
        ),
        Misconception("variance", "You use the variance. Its unit is that of the values, squared.", wrong.VARIANCE),
        Misconception("whole_width", "That is the whole width, from the lower end to the upper one.", wrong.WHOLE_WIDTH),
        Misconception("no_factor", "That is the standard error. What does your function do with `t`?", wrong.NO_FACTOR),
    ],
    hints=(
        "Mean, deviation, number of values: three numbers, and `t`. The formula stands above.",
        "`values.std()` divides by n - 1, which is what the formula means.",
        "`values.mean(), t * values.std() / len(values) ** 0.5`.",
    ),
    tested="2 to 50 values, some of them all alike",
    forbids=LIBRARY,
)

COMPARE_PAIRS = Task(
    id="depth/compare_pairs",
    points=3,
    signature="compare_pairs(one, other, t)",
    goal="Whether one network is better than another on the same images, from code with three bugs.",
    kind="find the bug",
    cases=cases.pairs,
    corners=cases.PAIRS,
    oracle=cases.paired,
    tolerance=Tolerance("sums and a root: a few roundings of the values, times the factor", scale=cases.paired_scale),
    returns=(Output("the mean difference", "number"), Output("half the interval", "number"), Output("decided", "number")),
    positional=3,
    misconceptions=[
        Misconception(
            "absolute",
            "Your mean difference is never negative: 2 better on one image and 2 worse on the next are not 2 on the mean. Where did the signs go?",
            wrong.ABSOLUTE,
        ),
        Misconception(
            "unpaired",
            "Your interval treats the two lists as measured on different images. Of which list of numbers do you need the deviation?",
            wrong.UNPAIRED,
        ),
        Misconception("one_sided", "A network can also be clearly *worse*. For which sign of the mean do you say decided?", wrong.ONE_SIDED),
        Misconception("sign", "Your difference has the wrong sign: asked for is `one` minus `other`.", wrong.SIGN),
        Misconception("inverted", "You answer 1 where 0 lies inside the interval. That is when nothing is decided.", wrong.INVERTED),
        Misconception("no_root", "Your interval does not get shorter with more images. By what is the deviation divided?", wrong.PAIRS_NO_ROOT),
        Misconception("population", "Your deviation divides by n. Which number belongs there when the mean was taken of the same values?", wrong.PAIRS_POPULATION),
    ],
    hints=(
        "Take the first example by hand: four differences, their mean, their deviation. Which of them does `found` compute?",
        "Three lines are wrong: what is averaged, whose deviation is taken, and when it is decided.",
        "`d = one - other`; half as in task 1, of `d`; decided where `abs(d.mean()) > half`.",
    ),
    tested="2 to 40 images; one better, the other better, neither",
    forbids=LIBRARY,
)

TWO_BARS = Task(
    id="depth/two_bars",
    points=3,
    signature="two_bars(errors, t_images, t_seeds)",
    goal="The two error bars of several trainings, over images and over seeds.",
    kind="experiment",
    cases=cases.tables,
    corners=cases.TABLES,
    oracle=cases.both,
    tolerance=Tolerance("sums and a root: a few roundings of the values, times the factor", scale=cases.both_scale),
    returns=(Output("the mean", "number"), Output("half over images", "number"), Output("half over seeds", "number")),
    positional=3,
    misconceptions=[
        Misconception(
            "pot",
            "You threw all errors into one pot. Those of one training share its luck: they are not that many independent values. What is averaged first?",
            wrong.POT,
        ),
        Misconception(
            "swapped",
            "The bars stand in each other's place, or along the wrong axis. For the bar over images, what is averaged away first, and how many values are left?",
            wrong.SWAPPED,
        ),
        Misconception("first_only", "You look at the first training only, or at the first image only.", wrong.FIRST_ONLY),
        Misconception(
            "mean_of_bars",
            "You made a bar for each row or column and averaged the bars. Averaged first are the *errors*; then there is one bar.",
            wrong.MEAN_OF_BARS,
        ),
        Misconception("no_root", "Your bars do not get shorter with more values. By what is the deviation divided?", wrong.BARS_NO_ROOT),
        Misconception("population", "Your deviations divide by n. With three seeds that makes quite a difference.", wrong.BARS_POPULATION),
    ],
    hints=(
        "The rows are seeds, the columns images. How many values must the bar over seeds be made of?",
        "Over images: average over the seeds first, `errors.mean(0)`. Over seeds: average over the images first, `errors.mean(1)`.",
        "`interval(errors.mean(0), t_images)[1]` and `interval(errors.mean(1), t_seeds)[1]`.",
    ),
    tested="2 to 4 seeds, 2 to 20 images; seeds that agree, images that agree",
    forbids=LIBRARY,
)

REPEATED = Task(
    id="depth/repeated",
    points=2,
    signature="repeated(one, other, digits)",
    goal="The most frequent difference of two printed columns, and in how many rows it stands.",
    cases=cases.printed,
    corners=cases.PRINTED,
    oracle=cases.shifts,
    tolerance=Tolerance("a difference of printed numbers; a wrong last digit is larger than any rounding"),
    returns=(Output("the difference", "number"), Output("rows", "number")),
    positional=3,
    misconceptions=[
        Misconception(
            "unrounded",
            "For a computer 0.563 - 0.513 and 0.652 - 0.602 are not the same number. What must be done before differences are compared?",
            wrong.UNROUNDED,
        ),
        Misconception("sign", "Asked for is `other` minus `one`.", wrong.REPEATED_SIGN),
        Misconception("absolute", "0.05 more and 0.05 less are two different differences.", wrong.REPEATED_ABSOLUTE),
        Misconception("truncated", "You cut digits off: 0.04999999 becomes 0.049. Round instead.", wrong.TRUNCATED),
        Misconception("digits_ignored", "You always round to the same number of digits. What does your function do with `digits`?", wrong.DIGITS_IGNORED),
        Misconception("distinct", "That is how many *different* differences there are. In how many rows stands the most frequent one?", wrong.DISTINCT),
        Misconception("share", "That is a share. Asked for is the number of rows.", wrong.SHARE),
    ],
    hints=(
        "Write down the differences of the first example, row by row. Which one is the most frequent?",
        "Round each difference to `digits` digits, then count. `collections.Counter` counts, its `most_common(1)` finds.",
        "`Counter(round(b - a, digits) for a, b in zip(one, other)).most_common(1)[0]`.",
    ),
    tested="2 to 7 rows with 2 to 4 digits, differences of either sign",
)

OWN_STUDY = OpenTask(
    id="depth/own_study",
    question="Does depth help where holes are large? (Or: does another setting matter, one that you choose?) Run a small study and report it so that a stranger could believe it.",
    rubric=[
        (1, "What was varied is defined, what was held equal is named, and an expectation was written down before the result."),
        (1, "There are at least three trainings of each kind, measured on the same test images under the same masks, raw or composited said."),
        (1, "Differences are taken in pairs, and a bar over seeds is shown beside that over images, each named for what it is."),
        (1, "The conclusion says no more than the bars do, names the budget, and says what it would take to decide."),
    ],
    hints=(
        "Two kinds of network, three seeds each, are six trainings of some seconds. Choose the budget so that you can wait for it.",
        "Keep the errors as a tensor (kinds, seeds, images); then `compare_pairs` and `two_bars` do the rest.",
        "Boxes instead of lines: `masks.boxes` to train, `masks.benchmark('boxes')` to measure, the error in the hole.",
    ),
)

TASKS = [INTERVAL, COMPARE_PAIRS, TWO_BARS, REPEATED, OWN_STUDY]
