# %% [markdown]
# {{ head }}

# %% [markdown]
# Six tasks: measure a hole, draw one, mend a leak, let colours flow, find a match, and beat a baseline. `look` draws an example, `check` tries your function on some
# forty inputs and shows the smallest one that fails, `hint("masks_and_baselines/line_mask", 2)` says more. Everywhere **1 = known, 0 = hole**.
#
# The library holds answers to some of this: where a task says so you may not call it. PyTorch and NumPy you may.

# %%
import torch
import torch.nn.functional as F

from course.checks import check, hint, look, predict, score
from inpaintlib import baselines, data, evaluation, masks, viz

# %% [markdown]
# ## 1. How large is the hole? (1 point)
#
# A batch of masks `(B, 1, H, W)`, as floats or as bytes (`torch.uint8`). For each of them: the share of hole pixels, from 0 to 1. Return a tensor `(B,)`. You may not call `inpaintlib.masks`.

# %%
predict("masks_and_baselines/exercise_ratio_of_batch")

# %% name="hole_ratio"
def hole_ratio(mask):
    """The share of hole pixels in each mask of a batch: (B,), from 0 to 1.

    mask: (B, 1, H, W), 1 = known, 0 = hole.
    """
    # solution:
    return (mask == 0).float().flatten(1).mean(1)
    # end of solution


# %% tags=["expected"]
look("masks_and_baselines/hole_ratio", hole_ratio)

# %%
check("masks_and_baselines/hole_ratio", hole_ratio)

# %%
hint("masks_and_baselines/hole_ratio", 1)

# %% [markdown]
# ## 2. Draw a scratch (3 points)
#
# In the lesson the line ran through the whole picture. Now it has two ends: pixels `start` and `end`, as `(row, column)`. A pixel is in the hole if its distance to the *piece of line
# between them* is at most `thickness / 2`. Beyond an end the nearest point of the piece is that end itself, so scratches have round ends; and if start and end are the same pixel, there is a dot.
#
# Return the mask `(H, W)` for `size = (H, W)`. You may not call `inpaintlib.masks`, OpenCV (`cv2`) or `ImageDraw`.

# %%
predict("masks_and_baselines/exercise_three_four_five")

# %% name="line_mask"
def line_mask(size, start, end, thickness=1):
    """A mask (H, W) with a straight scratch from start to end: 1 = known, 0 = hole.

    size: (H, W); start, end: (row, column), whole numbers inside the picture; thickness: 1, 3, 5, ... pixels.
    """
    # solution:
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    (y0, x0), dy, dx = start, end[0] - start[0], end[1] - start[1]
    # How far along the line the nearest point lies, from 0 (start) to 1 (end):
    t = ((y - y0) * dy + (x - x0) * dx) / max(dy**2 + dx**2, 1)
    t = t.clamp(0, 1)
    distance = torch.hypot(y - (y0 + t * dy), x - (x0 + t * dx))
    return (distance > thickness / 2).float()
    # end of solution


# %% tags=["expected"]
look("masks_and_baselines/line_mask", line_mask)

# %%
check("masks_and_baselines/line_mask", line_mask)

# %% [markdown]
# ## 3. Find the bugs: a stencil and a leak (2 points)
#
# Somebody painted what is to be removed, **white on black**, and saved the stencil as JPEG: its white is 250 here and 255 there, its black up to 4, and there is grey at the rim. The function below should turn the
# picture (bytes, `(C, H, W)`) and the stencil (bytes, `(H, W)`) into what an inpainter takes: the damaged picture, floats from 0 to 1 with **zeros in the hole**, and the mask `(1, H, W)`, 1 = known, 0 = hole. Brighter than 127
# is white. There are **three bugs** in it. Two of them come from a course project whose pictures looked as they should. You may not call `inpaintlib.masks.from_image`.

# %%
def found(image, painted):
    """A picture and a stencil, white = remove: the damaged picture (C, H, W) and the mask (1, H, W)."""
    hole = painted > 0
    stencil = torch.where(hole, 1, 255).to(torch.uint8)
    damaged = (image & stencil) / 255
    mask = painted / 255
    return damaged, mask[None]


# %%
strip = torch.tensor([[[200, 201, 255, 0, 1, 128]]], dtype=torch.uint8)
white_on_black = torch.tensor([[4, 250, 255, 135, 0, 120]], dtype=torch.uint8)
damaged, mask = found(strip, white_on_black)
print("picture        ", strip[0, 0].tolist())
print("stencil        ", white_on_black[0].tolist())
print("damaged, x 255 ", [round(255 * value) for value in damaged[0, 0].tolist()])
print("mask           ", [round(value, 2) for value in mask[0, 0].tolist()])

# %% [markdown]
# Pixels 2, 3 and 4 are to be removed, the others kept. Which numbers in the last two lines are wrong, and why?

# %% name="prepare"
def prepare(image, painted):
    """A picture and a stencil become what an inpainter takes.

    image: bytes (C, H, W); painted: bytes (H, W), brighter than 127 = remove.
    Returns damaged (C, H, W), floats in [0, 1], 0 in the hole; and the mask (1, H, W), 1 = known, 0 = hole.
    """
    # solution:
    mask = (painted <= 127).float()[None]
    damaged = image / 255 * mask
    return damaged, mask
    # end of solution


# %% tags=["expected"]
look("masks_and_baselines/prepare", prepare)

# %%
check("masks_and_baselines/prepare", prepare)

# %% [markdown]
# ## 4. Let the colours flow (3 points)
#
# Diffusion, as in the lesson, but for any hole, also one that touches the border. The image and the mask are `(H, W)`.
#
# - Hole pixels begin with the **mean of the known pixels**. What lies under the hole must not matter.
# - In each step every hole pixel becomes the mean of its neighbours above, below, left and right, **those that lie in the picture**: four of them, at the border three, in a corner two.
# - All hole pixels change **at the same time**. Known pixels stay as they are.

# %%
predict("masks_and_baselines/exercise_first_step")

# %% name="diffuse"
def diffuse(image, mask, steps):
    """The picture (H, W) after so many steps of diffusion in its hole.

    image: (H, W); mask: (H, W), 1 = known, 0 = hole; steps: 0 or more.
    """
    # solution:
    def neighbours(picture):
        padded = F.pad(picture, (1, 1, 1, 1))  # zeros around
        return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]

    there = neighbours(torch.ones_like(image))  # how many neighbours lie in the picture
    x = torch.where(mask > 0, image, image[mask > 0].mean())
    for _ in range(steps):
        x = torch.where(mask > 0, image, neighbours(x) / there)
    return x
    # end of solution


# %% tags=["expected"]
look("masks_and_baselines/diffuse", diffuse)

# %% [markdown]
# Once the check passes, your function becomes an inpainter and fills a photograph.

# %% tags=["experiment"]
result = check("masks_and_baselines/diffuse", diffuse)
if result.passed:
    photo = F.interpolate(data.load_photo("astronaut"), size=48, mode="area")  # (1, 3, 48, 48)
    mask = torch.ones(48, 48)
    mask[14:26, 0:16] = 0  # at the left border
    stages = {}
    for steps in (0, 10, 300):
        filled = torch.stack([diffuse(channel, mask, steps) for channel in photo[0]])
        stages[f"{steps} steps"] = filled
    viz.show(
        viz.image_row({**stages, "original": photo[0]}, width=7),
        alt="A portrait with a box missing at its left border: first one colour, after 10 steps blurred "
        "at its rim, after 300 steps smooth. The flag that was there is gone.",
        caption="Your diffusion, for each colour by itself.",
    )

# %% [markdown]
# ## 5. Predict: what will be copied? (3 points)
#
# The heart of every copying method. Pixel `(row, column)` is unknown. Around it lies a window of `size x size`; what is known of it is compared with the window around every other pixel. Find the pixel that
# should be copied:
#
# - Only windows that lie **wholly in the picture** and are **known throughout** can lend.
# - Two windows are compared by the **sum of squared differences over the pixels that are known in the first**. What lies outside the picture is unknown.
# - The smallest sum wins; of equals the **first in reading order** (row by row, left to right).
#
# Return the row and the column of that window's *middle*. You may not call `inpaintlib.baselines`. Before you write anything, do one by eye:

# %%
predict("masks_and_baselines/exercise_which_match")

# %% name="best_match"
def best_match(image, mask, row, column, size=3):
    """Row and column of the known pixel whose surroundings are most like those of pixel (row, column).

    image: (H, W); mask: (H, W), 1 = known, 0 = hole; size: side of the windows, odd.
    """
    # solution:
    r = size // 2
    padded, known = F.pad(image, (r, r, r, r)), F.pad(mask, (r, r, r, r))
    window = padded[row : row + size, column : column + size]
    weight = known[row : row + size, column : column + size]

    best, answer = float("inf"), None
    for i in range(r, image.shape[0] - r):
        for j in range(r, image.shape[1] - r):
            place = slice(i - r, i + r + 1), slice(j - r, j + r + 1)
            if mask[place].all():
                difference = ((image[place] - window) ** 2 * weight).sum()
                if difference < best:
                    best, answer = difference, (i, j)
    return answer
    # end of solution


# %% tags=["expected"]
look("masks_and_baselines/best_match", best_match)

# %%
check("masks_and_baselines/best_match", best_match)

# %% [markdown]
# ## 6. Open: beat a baseline (4 points)
#
# Make an inpainter of your own that learns nothing and is ahead of `biharmonic` **somewhere**: on a kind of hole, on a kind of picture. Choose where *before* you measure, and say why it should be ahead there. Then
# measure, and show where it is behind. A reader marks this task; the table says what counts. One table, one figure and ten sentences are enough.

# %%
check("masks_and_baselines/beat")

# %% [markdown] tags=["student"]
# *My idea, where it should help, and why:*
#
# *What the table says:*
#
# *Where it is behind, and why:*

# %% name="beat" tags=["student"]
def mine(image, mask):
    """(B, 3, H, W) and (B, 1, H, W) -> (B, 3, H, W)."""
    filled = baselines.navier_stokes(image, mask)  # begin with something
    return torch.where(mask > 0, image, filled)  # known pixels stay


pictures = data.load_images("auto", split="test", limit=40)
rivals = {"mean": baselines.mean_fill, "biharmonic": baselines.biharmonic, "mine": mine}
table = evaluation.compare(rivals, pictures, masks.benchmark("boxes")[:40], metrics=["psnr"])
gap = table.difference("mine", "biharmonic")
print(f"mine minus biharmonic, image by image: {gap.mean:+.2f} dB, give or take {gap.half:.2f}")
table

# %% [markdown] tags=["solution"]
# One answer of many.
#
# **The idea:** the mean of two fillings that go wrong in different ways. Biharmonic carries slopes on and shoots too far where the hole is wide; Navier-Stokes stays between the values of the rim and is too flat. Where one errs upwards
# and the other does not, their mean errs less. It uses the belief in smoothness twice. **Where it should help:** large blobs, half of the picture missing. On thin lines biharmonic hardly shoots over, and the mean can only spoil it. Chosen
# on *training* pictures, where it was ahead, and measured once, on test pictures.

# %% tags=["solution"]
def mine(image, mask):
    """The mean of biharmonic and Navier-Stokes: (B, 3, H, W) and (B, 1, H, W) -> (B, 3, H, W)."""
    filled = (baselines.biharmonic(image, mask) + baselines.navier_stokes(image, mask)) / 2
    return torch.where(mask > 0, image, filled)


pictures = data.load_images("auto", split="test", limit=100)
rivals = {"mean": baselines.mean_fill, "navier stokes": baselines.navier_stokes}
rivals |= {"biharmonic": baselines.biharmonic, "mine": mine}
holes = {kind: masks.benchmark(kind)[:100] for kind in ("irregular-50-60", "lines")}
tables = {}
for kind in holes:
    tables[kind] = evaluation.compare(rivals, pictures, holes[kind], metrics=["psnr"], buckets=(0, 1))
    gap = tables[kind].difference("mine", "biharmonic")
    print(f"{kind}: mine minus biharmonic {gap.mean:+.2f} dB, give or take {gap.half:.2f}")

image, hole = pictures.float(slice(0, 2)), holes["irregular-50-60"][:2].float()
noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
same = torch.equal(mine(image, hole), mine(torch.where(hole > 0, image, noise), hole))
print("the same result with noise under the hole:", same)
tables["irregular-50-60"]

# %% tags=["solution"]
tables["lines"]

# %% tags=["solution"]
reached = tables["irregular-50-60"].per_image
worst = int((reached["mine"]["psnr"] - reached["biharmonic"]["psnr"]).argmin())
image, hole = pictures.float([worst]), holes["irregular-50-60"][worst : worst + 1].float()
three = {name: rivals[name](image, hole)[0] for name in ("biharmonic", "navier stokes", "mine")}
viz.show(
    viz.image_row(
        {"hole": image[0], **three, "original": image[0]},
        masks=[hole, *[None] * 4],
        notes=["", *(f"{float(reached[name]['psnr'][worst]):.1f} dB" for name in three), ""],
        width=7.5,
    ),
    alt="A small picture of which more than half is missing, filled by three methods, and the original. "
    "Biharmonic is nearest to the original, Navier-Stokes further off, the mean of both in between.",
    caption="The large hole on which the mean of two methods is furthest behind biharmonic.",
)

# %% [markdown] tags=["solution"]
# **What the tables say:** the printed differences are taken image by image; where the interval does not hold 0 the order is hardly luck. On large blobs the mean of two is ahead, on lines it is behind, as
# foreseen. **Where it is behind even on blobs:** in the picture above Navier-Stokes spreads the dark of the boat over the water; biharmonic comes nearer to the colour of the water, and the mean keeps half of the dark. **What it is not:** better to look at. Both parts blur, and the
# mean of two blurs has no more texture than each. PSNR rewards hedging; for the eye a copying method would have to be tried, and judged by something else than PSNR.
#
# **A failure on the way:** the mean of *three*, nearest patch included, was ahead on boxes, clearly so, on a hundred training pictures. On test pictures nothing of it was left. Had the choice been made on the test pictures, nobody would have noticed.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("masks_and_baselines")

# %% [markdown]
# To start a task afresh, run `python -m course reset masks_and_baselines/line_mask` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
