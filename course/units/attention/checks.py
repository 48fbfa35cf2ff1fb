"""The tasks of the unit ``attention``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.attention import cases, wrong

LIBRARY = ("inpaintlib.layers", "attention_weights", "contextual_attention", "ContextualAttention")

LIKENESS = Task(
    id="attention/likeness",
    points=2,
    signature="likeness(queries, keys)",
    goal="The cosine of each query with each key.",
    cases=cases.vectors,
    corners=cases.VECTORS,
    oracle=cases.cosines,
    tolerance=Tolerance("a sum of products over two lengths: a few roundings of 1", scale=lambda queries, keys: 1.0),
    positional=2,
    misconceptions=[
        Misconception("no_norm", "Your numbers grow with the length of the vectors. What is a product of two vectors divided by to become a cosine?", wrong.LIKENESS_NO_NORM),
        Misconception("one_norm", "You divide by the length of one of the two. A vector and its double must be alike whichever of them is doubled.", wrong.LIKENESS_ONE_NORM),
        Misconception("squared", "You divide by the sum of squares. The length is its square root.", wrong.LIKENESS_SQUARED),
        Misconception("axis", "Over what do you take the length? One *vector* has a length; yours is taken over all vectors, feature by feature.", wrong.LIKENESS_AXIS),
        Misconception("zero_is_nan", "A vector of zeros has the length 0, and 0 / 0 is not a number. Its cosines are to be 0.", wrong.LIKENESS_NAN),
        Misconception("absolute", "A vector and its opposite are as unlike as can be: their cosine is -1.", wrong.LIKENESS_ABSOLUTE),
        Misconception("transposed", "A row belongs to a query, a column to a key. Yours are the other way round.", wrong.LIKENESS_TRANSPOSED),
    ],
    hints=(
        "Divide each vector by its length; one product of matrices then gives all cosines at once.",
        "`queries.norm(dim=1, keepdim=True)` are the lengths; `clamp(min=1e-12)` keeps zeros from becoming NaN.",
        "`(queries / length_of_queries) @ (keys / length_of_keys).T`, both lengths clamped.",
    ),
    tested="one to four vectors of one to five features, vectors of zeros, opposite ones",
    forbids=(*LIBRARY, "cosine_similarity"),
)

SOFTMAX = Task(
    id="attention/softmax_over_known",
    points=3,
    signature="softmax_over_known(score, known, scale=10.0)",
    goal="Weights over the known patches, each sample with its own mask.",
    kind="find the bug",
    cases=cases.scores,
    corners=cases.SCORES,
    oracle=cases.weighed,
    tolerance=Tolerance("weights up to 1, whose exponents carry a few roundings of scale * score", scale=lambda score, known, scale=10.0: 1 + scale),
    positional=2,
    misconceptions=[
        Misconception("wrong_axis", "Your weights add up to 1 over the places that ask. They are to add up to 1 over the patches that are asked, the last axis.", wrong.SOFTMAX_AXIS),
        Misconception("one_mask", "The first sample is right. Which mask does the second one get?", wrong.SOFTMAX_SHARED),
        Misconception("leak", "Weight is left on hole patches. What does the softmax make of a score of 0?", wrong.SOFTMAX_LEAK),
        Misconception(
            "struck_out", "Nothing lies on the holes, but what is left adds up to less than 1. The holes must be out *before* the sum under the fraction.", wrong.SOFTMAX_STRUCK
        ),
        Misconception("unmasked", "Hole patches take part as if they were known. Where does your function look at `known`?", wrong.SOFTMAX_UNMASKED),
        Misconception("nan_row", "Where a sample has no known patch at all, you divide 0 by 0. All its weights are to be 0.", wrong.SOFTMAX_NAN),
        Misconception("scale_ignored", "The scale changes nothing in your weights. Where does it belong?", wrong.SOFTMAX_SCALE),
    ],
    hints=(
        "Try each line of `found` with an input whose answer you know: what becomes of a score times 0, over which axis do the weights add up, whose mask is `known[:1]`?",
        "`masked_fill` with minus infinity for what is not known, softmax over the last axis; then look at a sample of which nothing is known.",
        "`logits = (scale * score).masked_fill(known[:, None] == 0, -torch.inf)`, `weight = torch.softmax(logits, dim=-1)`, and `torch.where` with `known.any(1)` for the empty rows.",
    ),
    tested="one and two samples, up to three places and five patches, samples of which nothing is known, scales 1 to 10",
    forbids=LIBRARY,
)

ATTEND = Task(
    id="attention/attend",
    points=5,
    signature="attend(image, known, scale=10.0)",
    goal="Fill each hole pixel with a weighted mean of the known pixels whose surroundings are alike.",
    cases=cases.damaged,
    corners=cases.ATTEND,
    oracle=cases.looked,
    tolerance=Tolerance("a mean of pixels, its weights with exponents up to the scale: a few roundings of scale times the largest pixel", scale=cases.looked_scale),
    positional=2,
    misconceptions=[
        Misconception("known_changed", "You change known pixels too. Only the hole is to be filled.", wrong.ATTEND_EVERYWHERE),
        Misconception(
            "middle_known", "You copy from patches whose middle is known, though other pixels of them lie in the hole. A patch may be used if none of its pixels is missing.", wrong.ATTEND_MIDDLE
        ),
        Misconception("no_mask", "Patches in the hole take part, the place itself among them. Which patches may be used?", wrong.ATTEND_ALL),
        Misconception("leak", "Your weights add up to less than 1: unusable patches are still in the sum under the fraction.", wrong.ATTEND_LEAK),
        Misconception("no_norm", "A bright patch wins against one that is alike. Divide the product by both lengths.", wrong.ATTEND_NO_NORM),
        Misconception("single_pixels", "You compare single pixels. The nine pixels around a place describe it.", wrong.ATTEND_PIXELS),
        Misconception("inside_only", "You leave out the places at the border. Their patches may be used too: outside the image there are zeros, and nothing is missing there.", wrong.ATTEND_INSIDE),
        Misconception("border_repeated", "What stands outside the image? Zeros, not its last row or column once more.", wrong.ATTEND_REPEATED),
        Misconception("scale_ignored", "The scale changes nothing in your filling. Where does it belong?", wrong.ATTEND_SCALE),
        Misconception("nothing_usable", "If no patch can be used, the guess is to stay as it is.", wrong.ATTEND_NOTHING),
        Misconception("best_only", "You take the pixel of the best patch alone. The task asks for a mean of all usable ones, weighted by the softmax.", (), wrong.takes_the_best),
    ],
    hints=(
        "Three steps for each hole pixel: the cosine of its patch with that of every usable place, a softmax over those, the weighted mean of their pixels. A helper that cuts out the patch around a place is worth writing first.",
        "Pad the image with zeros by one pixel: `F.pad(image, (1, 1, 1, 1))[:, r : r + 3, c : c + 3]` is the patch around row r, column c. Pad `known` with ones, and a patch is usable if all nine are 1.",
        "Collect `scores` and `pixels` in two lists over all usable places; then `weights = torch.softmax(scale * torch.stack(scores), 0)` and `(weights[:, None] * torch.stack(pixels)).sum(0)`.",
    ),
    tested="one and two channels, 3 x 3 to 6 x 8 pixels, holes in corners, no hole, nothing usable, scales 1 to 10",
    forbids=(*LIBRARY, "cosine_similarity"),
)

STEPS = Task(
    id="attention/steps_to",
    points=2,
    signature="steps_to(weights, columns)",
    goal="From each place, how far down and to the right the patch lies that has most of its weight.",
    kind="experiment",
    cases=cases.tables,
    corners=cases.TABLES,
    oracle=cases.compass,
    tolerance=EXACT,
    returns=(Output("steps"),),
    positional=2,
    misconceptions=[
        Misconception("wrong_axis", "Row i of the weights belongs to the place i that looks. You search the columns.", wrong.STEPS_AXIS),
        Misconception("by_rows", "The patch number j is row j // columns, column j % columns. By what do you divide?", wrong.STEPS_ROWS),
        Misconception("absolute", "You say where the patch lies in the picture. Asked is how far it is from the place that looks.", wrong.STEPS_ABSOLUTE),
        Misconception("backwards", "Your steps lead from the patch to the place. A patch below is a positive number of rows down.", wrong.STEPS_SIGN),
        Misconception("swapped", "First the rows down, then the columns to the right. Yours come in the other order.", wrong.STEPS_SWAPPED),
        Misconception("looks_nowhere", "A place all of whose weights are 0 looks nowhere: 0 and 0. (`argmax` of zeros is 0, the patch at the top left.)", wrong.STEPS_NOWHERE),
    ],
    hints=(
        "`argmax` over the last axis gives the number of the best patch; turn numbers into rows and columns, and subtract those of the place.",
        "`best // columns` and `best % columns` for the patches; `torch.arange(len(weights))` in place of `best` for the places.",
        "Stack `best // columns - own // columns` and `best % columns - own % columns`, multiply by `weights.sum(1) > 0`, and reshape to (2, rows, columns).",
    ),
    tested="grids of 1 to 4 rows and columns, places without any weight, rows and columns alone",
    forbids=LIBRARY,
)

WHERE = OpenTask(
    id="attention/where_it_helps",
    question="Find a hole that attention fills better than a smooth filling, and one where it loses. Explain both with a map of where the hole looks.",
    rubric=[
        (1, "Two holes in real photographs, one for each outcome, with the error of both methods over the hole, measured in the same way."),
        (1, "For each hole a picture of where its places look (colours or arrows), and it is read correctly: pieces or confetti, near or far."),
        (1, "The explanation names what the picture has or lacks (repetition, direction, surroundings that tell places apart), not only the result."),
        (1, "One thing is varied (patch, scale, a second look, the guess), the prediction is written down before, and the conclusion says no more than the figures do."),
    ],
    hints=(
        "What does a picture need so that the right answer stands elsewhere in it? Look for tiles, rungs, windows, stripes; then for a face.",
        "Larger patches see more of the surroundings of a small hole: try `size=7` or 9. For a second look, put the first filling in as the guess.",
        "`filled, weight = fill(picture, mask, guess)`, then `steps_to(weight, columns)` and `viz.attention_field` of a crop around the hole.",
    ),
)

TASKS = [LIKENESS, SOFTMAX, ATTEND, STEPS, WHERE]
