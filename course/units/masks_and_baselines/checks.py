"""The tasks of the unit ``masks_and_baselines``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.masks_and_baselines import cases, wrong

HOLE_RATIO = Task(
    id="masks_and_baselines/hole_ratio",
    points=1,
    signature="hole_ratio(mask)",
    goal="The share of hole pixels in each mask of a batch.",
    cases=cases.batches,
    corners=cases.BATCHES,
    oracle=cases.ratios,
    tolerance=Tolerance("a quotient of two whole numbers, rounded once"),
    misconceptions=[
        Misconception("polarity", "1 = known, 0 = hole. Which of the two is your share?", wrong.RATIO_OF_KNOWN),
        Misconception("counts", "You have counted pixels. A ratio is a share of all pixels, between 0 and 1.", wrong.RATIO_COUNTS),
        Misconception("over_batch", "Every mask has a ratio of its own. Over which dimensions do you count, and by how many pixels do you divide?", wrong.RATIO_OF_BATCH),
        Misconception("by_known", "What is left when a quarter is missing? You divide by that; divide by all pixels.", wrong.RATIO_BY_KNOWN),
        Misconception("by_row", "A mask has rows and columns, and need not be square. How many pixels are that together?", wrong.RATIO_BY_ROW),
        Misconception(
            "eight_bits",
            "Your sum is too small by multiples of 256 when the mask is made of bytes: it is kept in eight bits. What could you convert first?",
            wrong.RATIO_WRAPS,
        ),
    ],
    hints=(
        "Take one mask of 4 x 4 in which the upper left quarter is 0, and work it out by hand. Then put a second mask behind it.",
        "`mask == 0` says for each pixel whether it is hole. A share is the mean of ones and zeros, over all dimensions but the first.",
        "`(mask == 0).float()`, flattened from dimension 1 on, then `.mean(1)`.",
    ),
    tested="batches of 1 to 3, square and not, floats and bytes, up to 600 pixels",
    forbids=("inpaintlib.masks",),
)

LINE_MASK = Task(
    id="masks_and_baselines/line_mask",
    points=3,
    signature="line_mask(size, start, end, thickness=1)",
    goal="A mask with a straight scratch from one pixel to another.",
    cases=cases.segments,
    corners=cases.SEGMENTS,
    oracle=cases.drawn_line,
    tolerance=EXACT,
    returns=(Output("the mask", "mask"),),
    positional=3,
    misconceptions=[
        Misconception("polarity", "1 = known, 0 = hole. What is your line made of, and what everything else?", wrong.LINE_POLARITY),
        Misconception("endless", "Your line runs on beyond its ends. What is the nearest point of the line to a pixel that lies past an end?", wrong.LINE_ENDLESS),
        Misconception("thickness", "A line 3 pixels thick reaches 1.5 pixels to each side of its middle. How far does yours reach?", wrong.LINE_THICKNESS),
        Misconception("rows_and_columns", "Points and sizes are (row, column) here. In which order do you read them?", wrong.LINE_SWAPPED),
        Misconception("bounding_box", "You fill the whole rectangle between start and end. How far is each of its pixels from the line?", wrong.LINE_BOX),
        Misconception(
            "square_brush",
            "You take the larger of two distances, in rows and in columns: that draws with a square brush. How far is a pixel that lies 1 down "
            "and 1 to the right?",
            explains=wrong.square_brush,
        ),
        Misconception(
            "no_dot",
            "Start and end may be the same pixel: the line is a dot then, as wide as it is thick. What do you divide by in this case?",
            explains=wrong.no_dot,
        ),
    ],
    hints=(
        "Take one pixel and drop a perpendicular onto the line. Where does it land? And if it lands before the start or after the end?",
        "How far along the line it lands, as a share `t` of its length: `((y - y0) * dy + (x - x0) * dx) / (dy**2 + dx**2)`. Below 0 the nearest "
        "point is the start, above 1 the end.",
        "With `t` clamped to 0 ... 1 the nearest point is `(y0 + t * dy, x0 + t * dx)`. Hole where the distance to it is at most "
        "`thickness / 2`. For a dot divide by `max(dy**2 + dx**2, 1)`.",
    ),
    tested="pictures from 1x1 to 24x32, square and not, lines in all directions and dots, 1, 3 and 5 pixels thick",
    forbids=("inpaintlib.masks", "cv2", "ImageDraw"),
)

PREPARE = Task(
    id="masks_and_baselines/prepare",
    points=2,
    signature="prepare(image, painted)",
    goal="A picture and a painted stencil become what an inpainter takes: three bugs to mend.",
    kind="find the bug",
    cases=cases.scans,
    corners=cases.SCANS,
    oracle=cases.prepared,
    tolerance=Tolerance("one division by 255, rounded once; in the hole nothing is rounded, and a lowest bit is no rounding", scale=cases.known_part),
    returns=(Output("damaged"), Output("mask", "mask")),
    positional=2,
    misconceptions=[
        Misconception("lowest_bit", "Look at the hole: some of its values are 1/255. Which bit of the original is that, and how did it get through?", wrong.LEAKS),
        Misconception("wraps_around", "255 times 255 does not fit into eight bits. Turn the numbers into floats before you multiply.", wrong.WRAPS),
        Misconception(
            "grey_mask", "A mask is 0 or 1. Yours has values in between: what did JPEG do to the stencil, and what decides whether a pixel is hole?",
            explains=wrong.grey_mask,
        ),
        Misconception("polarity", "White is hole here, and in a mask 0 is hole. Which pixels have you kept, and which are 1 in your mask?", wrong.POLARITY),
        Misconception("not_black", "What lies in the hole must be 0: nobody may see the original there.", wrong.NOT_BLACK),
        Misconception("threshold", "A painted white may be 250 and a black 4. Where is the line between them?", wrong.THRESHOLD),
        Misconception("not_scaled", "Pictures in this course are floats from 0 to 1. From where to where do yours go?", wrong.UNSCALED),
    ],
    hints=(
        "Print the values in the hole of `damaged`, and the values of the mask. Which values may occur, and which do?",
        "Three places: what `image & 1` leaves over; which brightness counts as white; what the mask is made of.",
        "Decide once, `hole = painted > 127`. Then `mask = (~hole).float()[None]` and `damaged = image / 255 * mask`.",
    ),
    tested="pictures up to 3x4, one and three colours, stencils as clean as drawn and as grey as JPEG leaves them, nothing and everything to remove",
    forbids=("from_image",),
)

DIFFUSE = Task(
    id="masks_and_baselines/diffuse",
    points=3,
    signature="diffuse(image, mask, steps)",
    goal="Some steps of diffusion in a hole, up to the border of the picture.",
    cases=cases.heats,
    corners=cases.HEATS,
    oracle=cases.diffused,
    tolerance=Tolerance("means of means, in any precision: a few roundings of the largest pixel"),
    positional=2,
    misconceptions=[
        Misconception("known_changed", "Known pixels have changed. Only the hole is filled: put the known ones back after every step.", wrong.CHANGED),
        Misconception(
            "reads_its_own_output",
            "Some of your means hold pixels that this very step has replaced. All hole pixels change at the same time: read the old picture, write a new one.",
            wrong.IN_PLACE,
        ),
        Misconception("wraps_around", "Your picture is a ring: the left neighbour of the first column is the last. (`torch.roll` does that.)", wrong.WRAPS_AROUND),
        Misconception("hole_read", "What lay under the hole has come into your result. Nobody knows these values.", wrong.HOLE_READ),
        Misconception("mean_of_damaged", "You start from a mean that counts the hole as black. Divide by the number of known pixels.", wrong.MEAN_OF_DAMAGED),
        Misconception("other_start", "Which value does the hole begin with? The task wants the mean of the known pixels.", wrong.WRONG_START),
        Misconception("black_border", "At the border a pixel has fewer than four neighbours. You count the missing ones as black.", wrong.BLACK_BORDER),
        Misconception("border_repeated", "At the border you repeat the pixel itself in place of the missing neighbour. Count only neighbours that are there.", wrong.REPEATED_BORDER),
        Misconception("counts_itself", "Is a pixel its own neighbour?", wrong.ITSELF),
        Misconception("diagonals", "Four neighbours: above, below, left and right. You have eight.", wrong.DIAGONALS),
        Misconception(
            "only_known",
            "You leave hole pixels out of the means. From the first step on they have a value and count like any other neighbour.",
            wrong.ONLY_KNOWN,
        ),
    ],
    hints=(
        "Begin with one row of four pixels, the two in the middle missing, and one step. What are the two neighbours of each?",
        "Pad with zeros and add up four shifted pictures; do the same with a picture of ones. The quotient is the mean of the neighbours that are there.",
        "Before the loop `x = torch.where(mask > 0, image, image[mask > 0].mean())`. In it: the sum of the four neighbours, divided by their number, "
        "and `x = torch.where(mask > 0, image, mean)`.",
    ),
    tested="pictures from one row to 6x7, holes anywhere, also at the border and in corners, 0 to 20 steps",
)

BEST_MATCH = Task(
    id="masks_and_baselines/best_match",
    points=3,
    signature="best_match(image, mask, row, column, size=3)",
    goal="The known pixel whose surroundings are most like those of a hole pixel.",
    kind="predict",
    cases=cases.puzzles,
    corners=cases.PUZZLES,
    sketch=cases.candidates,
    oracle=cases.matched,
    tolerance=EXACT,
    returns=(Output("row", "number"), Output("column", "number")),
    positional=4,
    misconceptions=[
        Misconception("unknown_compared", "Some pixels of the window are unknown. You compare them too, with a value that nobody knows.", wrong.UNKNOWN_COMPARED),
        Misconception("holes_lent", "You copy from a window that has holes itself. Only windows that are known throughout can lend.", wrong.HOLES_LENT),
        Misconception("signed", "Differences of opposite sign cancel in your sum. What keeps them from it?", wrong.SIGNED),
        Misconception("products", "A product is large where both windows are bright, alike or not. What is small where they are alike?", wrong.PRODUCTS),
        Misconception("least_alike", "You have found the window that differs most.", wrong.LARGEST),
        Misconception("nearest_place", "You have found the window that lies nearest. Asked is the one that looks most alike, wherever it lies.", wrong.NEAREST_PLACE),
        Misconception("corner", "Is that the middle of the window, or its corner? Asked is the pixel in its middle, counted in the picture without any padding.", wrong.CORNER),
        Misconception("swapped", "First the row, then the column.", wrong.SWAPPED),
        Misconception("last_of_equals", "Several windows fit equally well. The first of them counts, in reading order.", wrong.LAST_OF_EQUALS),
    ],
    hints=(
        "Write the two windows of the example side by side and cross out what is unknown in the first. What is left to compare?",
        "Two loops over the middles of all windows that lie in the picture. Skip those with a hole. Keep the smallest sum of squared differences, "
        "taken where the window of (row, column) is known.",
        "Pad image and mask by `size // 2` with zeros: then `padded[row : row + size, column : column + size]` is the window around (row, column), and "
        "what lies outside the picture counts as unknown. Replace the best only where the new sum is *smaller*.",
    ),
    tested="pictures up to 9x10, windows of 3 and 5, holes at the border and of several pixels, windows that fit equally well",
    forbids=("inpaintlib.baselines",),
)

BEAT = OpenTask(
    id="masks_and_baselines/beat",
    question="Beat a baseline: make an inpainter that learns nothing and is ahead of biharmonic on some kind of hole or picture. Show where, by how much, "
    "and where it is behind.",
    rubric=[
        (1, "The idea is said in two sentences beforehand: which belief about pictures it uses, and for which holes or pictures it should help."),
        (1, "It is an inpainter: known pixels stay, and a test shows that pixels under the hole do not matter."),
        (1, "A table of `evaluation.compare` has it beside biharmonic and the mean, on the same pictures and holes, with at least 30 of them; the difference "
            "between the two is given with its interval, and the pictures were not chosen after the result was seen."),
        (1, "A case where it is behind is shown as a picture and explained."),
    ],
    hints=(
        "Look at the two tables of the lesson: which method is ahead where? Could one look at the mask, or at the picture, and then choose?",
        "Three starting points: another method for each depth of the hole; copy first and smooth the seam afterwards; the mean of two methods.",
        "The mean of two fillings whose errors differ is often nearer than both. Why? And what does it look like?",
    ),
)  # fmt: skip

TASKS = [HOLE_RATIO, LINE_MASK, PREPARE, DIFFUSE, BEST_MATCH, BEAT]
