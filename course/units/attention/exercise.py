# %% [markdown]
# {{ head }}

# %% [markdown]
# In the lesson holes looked for what fits; now you write the eyes. `look` draws an example, `check` tries your function on many inputs
# and shows the smallest one that fails, `hint("attention/likeness", 2)` says more.
#
# `inpaintlib.layers` holds the answer: you may not call it, it earns no points.

# %%
import torch
import torch.nn.functional as F

from course.checks import check, hint, look, predict, score
from inpaintlib import baselines, data, metrics, viz

# %% [markdown]
# ## 1. How alike? (2 points)
#
# `queries` are `n` vectors, `keys` are `m` vectors, one in each row, all with as many features. Return the cosine of each query with each key, `(n, m)`. A vector of zeros
# is like nothing: its cosines are 0. You may not call `F.cosine_similarity`.


# %% name="likeness"
def likeness(queries, keys):
    """The cosines (n, m) of queries (n, C) with keys (m, C); 0 for vectors of zeros."""
    # solution:
    ours = queries.norm(dim=1, keepdim=True).clamp(min=1e-12)  # (n, 1)
    theirs = keys.norm(dim=1, keepdim=True).clamp(min=1e-12)  # (m, 1)
    return (queries / ours) @ (keys / theirs).T
    # end of solution


# %% tags=["expected"]
look("attention/likeness", likeness)

# %%
check("attention/likeness", likeness)

# %%
hint("attention/likeness", 1)

# %% [markdown]
# ## 2. Find the bugs: a softmax that leaks (3 points)
#
# From scores to weights, for a batch. `score` is `(B, n, m)`: in each sample `n` places ask `m` patches. `known` is `(B, m)`, 1 for a patch that may be copied from, 0 for one in the
# hole, **another one for each sample**. The weights of a place add up to 1 over the known patches; others get exactly 0. Where nothing is known, all weights are 0.
#
# The function below runs and gives positive numbers. It has **three bugs, and a fourth one waits behind them**.

# %%
predict("attention/exercise_axis")


# %%
def found(score, known, scale=10.0):
    """Weights (B, n, m) from scores (B, n, m) and what is known (B, m)."""
    logits = scale * score * known[:1, None]
    return torch.softmax(logits, dim=1)


# %% [markdown]
# Inputs whose answer you know find bugs. Three of them, each with what it *should* give.


# %%
def total(name, expected, score, known):
    weight = found(torch.tensor(score), torch.tensor(known), scale=1.0)
    print(
        f"{name:52} expected {expected:.2f}   found {(weight[-1, 0] * torch.tensor(known)[-1]).sum():.2f}"
    )


total("one place, two patches: all weight is on known ones", 1.0, [[[1.0, 0.5]]], [[1.0, 1.0]])
total("one place, one known patch, one in the hole", 1.0, [[[1.0, 2.0]]], [[1.0, 0.0]])
total(
    "the second sample knows its second patch only",
    1.0,
    [[[1.0, 2.0]], [[1.0, 2.0]]],
    [[1.0, 0.0], [0.0, 1.0]],
)

# %% [markdown]
# The last two agree, and yet nothing is right. With a single place that asks, a softmax over the *places* is always 1: one bug hides the others. Mend it first, in a copy, and run them again.
#
# Write it without the bugs.


# %% name="softmax_over_known"
def softmax_over_known(score, known, scale=10.0):
    """Weights (B, n, m): softmax of scale * score where known (B, m) is 1; 0 if there are none."""
    # solution:
    usable = (known > 0)[:, None]  # (B, 1, m)
    weight = torch.softmax((scale * score).masked_fill(~usable, -torch.inf), dim=-1)
    return torch.where(usable.any(-1, keepdim=True), weight, torch.zeros_like(weight))
    # end of solution


# %% tags=["expected"]
look("attention/softmax_over_known", softmax_over_known)

# %%
check("attention/softmax_over_known", softmax_over_known)

# %% [markdown]
# ## 3. Contextual attention, by loops (5 points)
#
# The whole layer for one picture, slowly and plainly. `image` is `(C, H, W)` with a guess in its holes, `known` is `(H, W)`. For **each hole pixel**:
#
# 1. the *patch* around a place are its 3 x 3 pixels in all channels; outside the image there are zeros;
# 2. a place is *usable* if no pixel of its patch lies in a hole (outside the image nothing is missing);
# 3. compare the patch of the hole pixel with those of all usable places, by their cosine;
# 4. a softmax of `scale` times these cosines gives the weights;
# 5. the hole pixel becomes the weighted mean of the usable places' *middle* pixels.
#
# Known pixels stay. If no place is usable, the guess stays. Your own `likeness` you may call, `F.cosine_similarity` not.


# %% name="attend"
def attend(image, known, scale=10.0):
    """Fill the holes of an image (C, H, W) by attention with patches of 3 x 3; known (H, W), 1 = known."""
    # solution:
    _, rows, columns = image.shape
    wide = F.pad(image, (1, 1, 1, 1))  # zeros outside
    around = F.pad(known, (1, 1, 1, 1), value=1)  # where nothing is missing

    def patch(r, c):
        return wide[:, r : r + 3, c : c + 3].flatten()

    places = [(r, c) for r in range(rows) for c in range(columns)]
    usable = [(r, c) for r, c in places if (around[r : r + 3, c : c + 3] == 1).all()]
    filled = image.clone()
    if not usable:
        return filled
    keys = torch.stack([patch(r, c) for r, c in usable])
    pixels = torch.stack([image[:, r, c] for r, c in usable])
    for r, c in places:
        if known[r, c] == 0:
            weights = torch.softmax(scale * likeness(patch(r, c)[None], keys)[0], dim=0)
            filled[:, r, c] = weights @ pixels
    return filled
    # end of solution


# %% tags=["expected"]
look("attention/attend", attend)

# %%
check("attention/attend", attend)

# %% [markdown]
# ## 4. Experiment: from weights to a coloured map (2 points)
#
# `weights` is `(N, N)`: row `i` holds how much the place `i` looks at each of the `N` places of the same grid, which is `columns` wide and counted row by row. For each place: **how many rows down and how many columns to the right** is the place
# that it looks at most? Return `(2, rows, columns)`, first the rows. A place whose weights are all 0 looks nowhere: 0 and 0.

# %%
predict("attention/exercise_steps")


# %% name="steps_to"
def steps_to(weights, columns):
    """From each place to the most attended one: (2, rows, columns), rows down and columns to the right."""
    # solution:
    best, own = weights.argmax(dim=1), torch.arange(len(weights))
    down = best // columns - own // columns
    right = best % columns - own % columns
    steps = torch.stack([down, right]) * (weights.sum(dim=1) > 0)
    return steps.view(2, -1, columns)
    # end of solution


# %% tags=["expected"]
look("attention/steps_to", steps_to)

# %%
check("attention/steps_to", steps_to)

# %% [markdown]
# With the first two tasks this makes a layer that fills a photograph, all places at once. `fill` takes patches of any odd size; the more of the surroundings they hold, the less a guess in the middle counts.
# Below, a flag with a hole at its edge, and where its places look. **Before you run it:** where in the picture is there something to copy from? Which colours do you expect in the map?


# %%
def fill(picture, mask, guess, size=7, scale=50.0, columns=48):
    """Attention on pixels: the filled picture (1, 3, H, W) and the weights (H * W, H * W)."""
    mean = (picture * mask).sum((2, 3), keepdim=True) / mask.sum()
    start = picture * mask + guess * (1 - mask)
    patches = F.unfold(start - mean, size, padding=size // 2)[0].T  # (H * W, 3 * size * size)
    usable = (F.unfold(1 - mask, size, padding=size // 2)[0] == 0).all(0)
    hole = mask.flatten() == 0
    weights = torch.zeros(len(patches), len(patches))
    weights[hole] = softmax_over_known(
        likeness(patches[hole], patches)[None], usable[None].float(), scale
    )[0]
    filled = start.clone()
    filled[..., mask[0, 0] == 0] = (weights[hole] @ picture[0].flatten(1).T).T
    return filled, weights


def error(filled, picture, mask):
    return 255 * metrics.mae(filled, picture, mask=mask, region="hole").item()


# %% name="map" tags=["experiment"]
result = check("attention/steps_to", steps_to)
if result.passed and check("attention/likeness", likeness).passed:
    flag = data.load_photo("astronaut")[..., :128, :128]
    picture = F.interpolate(flag, size=(48, 48), mode="area")
    mask = torch.ones(1, 1, 48, 48)
    mask[..., 14:21, 15:22] = 0
    smooth = baselines.biharmonic(picture, mask)
    filled, weights = fill(picture, mask, smooth)
    field, cut = steps_to(weights, 48), (slice(None), slice(10, 26), slice(11, 27))
    viz.show(
        viz.image_row(
            {"smooth": smooth[0], "attention": filled[0], "original": picture[0]},
            masks=[None, None, mask[0]],
            notes=[f"off by {error(y, picture, mask):.1f}" for y in (smooth, filled)] + [""],
            width=6.5,
        ),
        alt="A blue flag with white stars three times: its edge with a smooth blot, with a sharp edge "
        "filled in by attention, and with the hole marked.",
        caption="The mean error over the hole, in steps of 8-bit grey.",
    )
    viz.show(
        viz.attention_field(
            field[cut].long(), image=picture[0][cut], mask=mask[0][cut], marks="arrows", width=6.5
        ),
        alt=viz.attention_alt(field[cut].long()),
        caption="Where each place of the hole looks.",
    )

# %% [markdown]
# ## 5. Open: where does it help? (4 points)
#
# Find a hole in a real photograph that attention fills better than a smooth filling, and one where it loses. Explain both with a map. Then change one thing (the size of the patches, the scale, the guess, or a second look that takes the
# first filling for a guess): say **before** you run it what you expect. A reader marks this task; the table says what counts.

# %%
check("attention/where_it_helps")

# %% [markdown] tags=["student"]
# *Where it wins, and why; where it loses, and why:*
#
# *What I changed, what I expected, what came out:*

# %% name="where_it_helps" tags=["student"]
cup = data.load_photo("coffee")[..., :384, 100:484]
picture = F.interpolate(cup, size=(48, 48), mode="area")
mask = torch.ones(1, 1, 48, 48)
mask[..., 20:27, 20:27] = 0  # your hole
viz.show(
    viz.image_row({"your picture": picture[0]}, masks=[mask[0]], width=3),
    alt="A cup of coffee from above with a small square hole in the middle.",
    caption="A place to start from.",
)

# %% [markdown] tags=["solution"]
# One answer of many.


# %% tags=["solution"]
def place(name, top, left, row, column):
    crop = data.load_photo(name)[..., top : top + 128, left : left + 128]
    picture = F.interpolate(crop, size=(48, 48), mode="area")
    mask = torch.ones(1, 1, 48, 48)
    mask[..., row : row + 7, column : column + 7] = 0
    return picture, mask


for name, (picture, mask) in {
    "bench": place("motorcycle", 60, 60, 14, 13),
    "cat's eye": place("chelsea", 60, 130, 23, 14),
}.items():
    smooth = baselines.biharmonic(picture, mask)
    fillings = {"smooth": smooth}
    for size in (3, 7, 11):
        fillings[f"patches of {size}"], weights = fill(picture, mask, smooth, size=size)
    fillings["second look"], weights = fill(picture, mask, fillings["patches of 7"])
    viz.show(
        viz.image_row(
            {key: y[0] for key, y in fillings.items()} | {"original": picture[0]},
            masks=[None] * 5 + [mask[0]],
            notes=[f"off by {error(y, picture, mask):.1f}" for y in fillings.values()] + [""],
        ),
        alt=f"The picture {name} six times: a smooth filling, attention with patches of 3, 7 and 11,"
        " a second look, the original with its hole marked.",
        caption=f"{name}: the mean error over the hole, in steps of 8-bit grey.",
    )
    rows, columns = (mask[0, 0] == 0).nonzero().T
    r, c = max(0, rows.min().item() - 4), max(0, columns.min().item() - 4)
    cut = (slice(None), slice(r, r + 15), slice(c, c + 15))
    field = steps_to(weights, 48)[cut]
    viz.show(
        viz.attention_field(field, image=picture[0][cut], mask=mask[0][cut], marks="arrows", width=6.5),
        alt=viz.attention_alt(field),
        caption=f"{name}, second look: where the hole looks.",
    )

# %% [markdown] tags=["solution"]
# **Wins:** the bench has straight edges and posts, and what the hole cuts goes on outside of it: other places along the same edge have the same surroundings, and the map has pieces of one colour that look along it. **Loses:** the eye is there once. No other place looks like the inside of it: the map falls into more and smaller pieces than that of the bench, and what is
# pasted is skin and fur from outside of the eye. The smooth filling is vague there, and nearer.
#
# **Varied:** the size of the patches. *Expected:* 3 is too small, since in the middle of the hole such a patch holds nothing but the guess, and smooth resembles smooth; 11 sees more, but fewer places are usable. *Came out:* the errors stand under the pictures; larger patches need not be better, and whether a second look helps depends on how much of the first one fits. With two pictures
# and one hole each this says what *can* happen, not what happens on average; for that one needs many pictures, and an interval.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("attention")

# %% [markdown]
# To start a task afresh, run `python -m course reset attention/attend` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
