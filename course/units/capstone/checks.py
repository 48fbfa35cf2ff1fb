"""The tasks of the unit ``capstone``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.capstone import cases, wrong

MOVED = Task(
    id="capstone/moved",
    points=2,
    signature="moved(mask, down, right)",
    goal="The mask with its hole moved by whole pixels; what comes in from outside is known.",
    cases=cases.moves,
    corners=cases.MOVES,
    oracle=cases.each_place,
    tolerance=EXACT,
    returns=(Output("the moved mask", "mask"),),
    positional=3,
    misconceptions=[
        Misconception("wraps", "What leaves your picture on one side comes in again on the other. A hole there was never asked for.", wrong.WRAPS),
        Misconception("hole_outside", "Outside of the picture nothing was cut out. What comes in is known: 1.", wrong.HOLE_OUTSIDE),
        Misconception("repeats", "You repeat the outermost row or column. A hole at the edge then grows; what comes in is known.", wrong.REPEATS),
        Misconception("swapped", "`down` counts rows, `right` counts columns. Which axis of the mask is which?", wrong.SWAPPED),
        Misconception("backwards", "With `down=1` the hole must be one row *lower*. Yours went the other way.", wrong.BACKWARDS),
    ],
    hints=(
        "Draw a mask of 2 x 3 with one hole on paper and move it down by one. Which row of the result is which row of the mask?",
        "The place (y, x) of the result comes from the place (y - down, x - right) of the mask, if there is one; else it is 1.",
        "Put the mask into the middle of a sheet of ones that is three times as large in both directions, and cut out a window that is moved the other way.",
    ),
    tested="masks up to 4 x 4, moved by up to five places in each direction, also out of the picture",
    forbids=("each_place",),
)

JOIN = Task(
    id="capstone/join",
    points=3,
    signature="join(left, right, overlap)",
    goal="Two tiles as one picture, mixed linearly where they overlap, from code with three bugs.",
    kind="find the bug",
    cases=cases.tiles,
    corners=cases.TILES,
    oracle=cases.by_columns,
    tolerance=Tolerance("a mean of two numbers: a few roundings of the larger", scale=cases.largest),
    returns=(Output("the joined picture"),),
    positional=3,
    misconceptions=[
        Misconception("side_by_side", "Your picture is too wide: the columns in which the tiles overlap are in it twice.", wrong.SIDE_BY_SIDE),
        Misconception("summed", "Two tiles that say the same must come out as they are. The two weights of a column have to add up to 1.", wrong.SUMMED),
        Misconception("reversed", "At the left end of the overlap the *left* tile should count most. Which one does in yours?", wrong.REVERSED),
        Misconception("half", "Half and half everywhere: then there is a step at each end of the overlap. Let the weights change from column to column.", wrong.HALF),
        Misconception("hard", "In the overlap you take one tile alone. That is a seam; mix them.", wrong.HARD),
        Misconception("to_the_ends", "With three columns the right one has the weights 1/4, 2/4, 3/4. Which has yours? None of them should be 0 or 1.", wrong.TO_THE_ENDS),
    ],
    hints=(
        "Take black (0) and white (8), three columns of overlap. What should the three columns be?",
        "In column k = 1 ... overlap of the overlap, the right tile has the weight k / (overlap + 1), the left one the rest.",
        "`torch.cat` of three pieces along the last axis: the left tile without its last columns, the mixture, the right tile without its first. With overlap 0, `left[:, :, :-0]` is empty: count from the front.",
    ),
    tested="up to two channels and two rows, tiles up to six columns wide, overlaps of 0 to 4",
    forbids=("inpaintlib.tiling", "inpaint_large"),
)

CHOOSE = Task(
    id="capstone/choose",
    points=3,
    signature="choose(errors)",
    goal="The method with the smallest mean error on every second place, and its mean error on the others.",
    kind="experiment",
    cases=cases.tables,
    corners=cases.TABLES,
    oracle=cases.by_lists,
    tolerance=Tolerance("a mean of numbers: a few roundings of the largest", scale=lambda errors: float(errors.abs().max()) + 1.0),
    returns=(Output("method", "number"), Output("error", "number")),
    positional=1,
    misconceptions=[
        Misconception("same_places", "The places that chose must not judge as well: there the chosen method was lucky.", wrong.SAME_PLACES),
        Misconception("all_choose", "You report from the right places, but they have helped to choose as well.", wrong.ALL_CHOOSE),
        Misconception("halves_swapped", "The places 0, 2, 4, ... choose; in Python, counting begins at 0.", wrong.HALVES_SWAPPED),
        Misconception("blocks", "Every second place chooses, not the first half of them.", wrong.BLOCKS),
        Misconception("largest", "These are errors. Is a large one good?", wrong.LARGEST),
        Misconception("luckiest", "You choose the method with the smallest *single* error. Take its mean over the places.", wrong.LUCKIEST),
    ],
    hints=(
        "Take the table `[[5, 1, 5, 1], [2, 6, 2, 6]]`. Which method is chosen, and what is reported? Two numbers, both of them from the second row.",
        "`errors[:, 0::2]` are the places that choose, `errors[:, 1::2]` those that judge.",
        "A mean over the places for each method, `argmin` over the methods, and then the mean of that one row over the other places.",
    ),
    tested="two to four methods at two to nine places",
)

REPORT = OpenTask(
    id="capstone/report",
    question="Remove something from a photograph at full size, choose among at least three methods, and defend the choice in a report that others can check.",
    rubric=[
        (1, "Task: whose photograph it is, who agreed, what shall vanish and what the result is for."),
        (1, "The hole is shown, covers the object without a rim, and spares what shall stay."),
        (2, "At least three candidates at full size, one of which learned nothing, with their settings; each could be repeated from what is written."),
        (3, "Measured at substitute holes in the same photograph, the true hole left unknown; chosen and judged on different places; paired differences with intervals."),
        (1, "Says what is seen at full size: rim, seams, texture; at best blind."),
        (1, "The conclusion is as sure as the intervals are, and names what could turn it round."),
        (1, "Original and mask are kept, the result is labelled."),
    ],
    hints=(
        "Begin with the mask: a rim of the object that is left known spoils every method.",
        "`moved` gives you places; take those that lose no pixel and touch the true hole nowhere. While you fill them, the true hole is unknown too.",
        "`choose` wants a table (methods, places). For the report, take the paired differences to the chosen one over the judging places, with `evaluation.mean_interval`.",
    ),
)

TASKS = [MOVED, JOIN, CHOOSE, REPORT]
