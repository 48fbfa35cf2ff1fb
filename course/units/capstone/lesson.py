# %% [markdown]
# {{ head }}

# %% [markdown]
# ## A spoon in the way
#
# So far the holes were ours and the pictures small, and under every hole lay the truth. Now it gets serious: a photograph at its full size, an object that shall go, and **nobody who knows what was behind it**. You choose a method, and you have to
# defend your choice before somebody who was not there.
#
# This lesson does it once, with a photograph that comes with the course: hole, candidates, measurement, choice, report. The [exercise](exercise:capstone) is your own photograph and your report; what is handed in and how it is read stands [below](#The-report).

# %%
import io
import itertools
import time

import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, evaluation, masks, metrics, models, tiling, viz, widgets

upload = widgets.PhotoUpload()
upload  # press the button, choose a file, then run the next cell; without one you work with ours

# %%
photo = upload.photo()
own = photo is not None
photo = photo if own else data.load_photo("coffee")
height, width = photo.shape[2:]
print(
    "your own photograph" if own else "the photograph coffee, which comes with scikit-image",
    f"{width} x {height} pixels",
)

# %% [markdown]
# **Before you go on, three questions** (you know them from [welcome](unit:welcome)): Whose photograph is it? Who is in it, and do they agree? What will the result be taken for? The answers belong in the report.
#
# ## The hole
#
# Paint over the spoon, or over what shall vanish from your own photograph. Paint **a little too much rather than too little**: a rim of the object that is left known is a clue that every inpainter takes up, and it paints the object's shadow or its colour back in. But do not paint over things that shall stay.


# %%
def thick_line(points, radius, size):
    """A mask (1, 1, H, W) whose hole is a line through points (x, y), with round ends."""
    y, x = torch.meshgrid(*(torch.arange(n).float() for n in size), indexing="ij")
    here, distance = torch.stack([x, y], -1), torch.full(size, float("inf"))
    for a, b in itertools.pairwise(points):
        a, b = torch.tensor(a).float(), torch.tensor(b).float()
        along = ((here - a) @ (b - a) / (b - a).dot(b - a)).clamp(0, 1)
        distance = torch.minimum(distance, (here - a - along[..., None] * (b - a)).norm(dim=-1))
    return (distance > radius).float()[None, None]


handle = thick_line([(413, 72), (405, 150), (384, 235)], 15, (height, width))
bowl = thick_line([(362, 272), (372, 290)], 50, (height, width))
spoon = torch.minimum(handle, bowl)  # 1 = known, 0 = hole
quick_ones = {"fast marching": baselines.fast_marching, "Navier-Stokes": baselines.navier_stokes}
scale = min(1, 1024 / max(height, width))  # a very large photograph is painted in a smaller copy
small = photo if scale == 1 else F.interpolate(photo, scale_factor=scale, mode="area")
painter = widgets.MaskPainter(small, quick_ones, mask=torch.ones_like(small[:, :1]) if own else spoon, brush=24)
painter

# %%
hole = F.interpolate(painter.mask.float(), size=(height, width), mode="nearest")
if not (hole == 0).any():
    raise ValueError("nothing is painted yet: paint in the picture above, then run this cell again")
print(
    f"the hole: {int((hole == 0).sum()):,} pixels, {100 * float(masks.hole_ratio(hole)):.1f} % of the photograph"
)

# %% [markdown]
# The painter writes figures under the fillings, as it did in [welcome](unit:welcome). Do not lean on them here: what *are* they compared with? We come back to that.
#
# ## Large photographs, small networks
#
# The networks of this course learned from pictures of 32 x 32. Their layers *take* any size. Should one simply give them all of it?

# %%
predict("capstone/whole_or_tiles")

# %%
net = models.create("course_unet", pretrained=True)
ys, xs = (hole[0, 0] == 0).nonzero(as_tuple=True)
window = []  # rows and columns around the hole
for at, size in ((ys, height), (xs, width)):
    side = min(int(at.max() - at.min()) + 80, size) // net.size_multiple * net.size_multiple
    first = min(max(0, int(at.min() + at.max() - side) // 2), size - side)
    window.append(slice(first, first + side))
if all(part.stop - part.start <= 400 for part in window):
    at_once = net.inpaint((photo * hole)[..., *window], hole[..., *window])
    viz.show(
        viz.image_row({"filled at once": at_once}, width=2.2),
        alt="The part of the photograph around the hole, filled: soft where the hole "
        "is narrow, and one even, pale brown where it is wide, like a plaster on the dark saucer.",
        caption="The course's network, given the hole and its surroundings in one piece.",
        max_bytes=60_000,
    )
else:
    print("your hole is large: this picture would take long, and we pass it over")

# %% [markdown]
# Where the hole is narrow, the filling takes up what is beside it. The wide part of our spoon becomes one even colour, and not the saucer's: such depth was in no picture that the network learned from.
#
# `tiling.inpaint_large` cuts the surroundings of the hole into overlapping **tiles**, fills each, and mixes them where they overlap. What lies too deep in the hole for a tile is filled in a copy of half the size first (or a quarter, ...), so that each tile knows something. Whatever fills holes can be put inside:

# %%
def in_tiles(fill, tile, **options):
    """An inpainter for large photographs."""
    return lambda image, mask: tiling.inpaint_large(fill, image, mask, tile=tile, **options)


candidates = {
    "fast marching": baselines.fast_marching,
    "Navier-Stokes": baselines.navier_stokes,
    "biharmonic, tiles of 128": in_tiles(baselines.biharmonic, 128),
    "course U-Net, tiles of 64": in_tiles(net.inpaint, 64, multiple=net.size_multiple),
}
filled = {}
for name, fill in candidates.items():
    began = time.process_time()
    filled[name] = fill(photo * hole, hole)
    print(f"{name:26} {time.process_time() - began:6.2f} s")

# %% [markdown]
# *How this was computed: one filling each, time of this process, on whatever machine ran it.* Now look, before you measure. Drag the divider; look at the rim of the cup, at the edge of the saucer, at the grain of the wood.

# %%
widgets.CompareSlider(
    {"photograph": photo, **filled}, left="photograph", right="Navier-Stokes", mask=hole
)

# %%
closer = {name: x[..., *window] for name, x in {"the hole": photo, **filled}.items()}
viz.show(
    viz.image_row(closer, masks=[hole[..., *window], *[None] * len(filled)], width=6.5),
    alt="The part of the photograph around a hatched hole in the shape of the spoon, and four fillings: the spoon "
    "is gone in all of them; two leave streaks on the saucer, two a soft cloud, and the rim of the cup is "
    "smeared where the hole touches it.",
    caption="No spoon any more. But which one would you hand in?",
)

# %% [markdown]
# ### What a seam is
#
# Tiles have a price. Where two of them meet, two fillings meet that knew nothing of each other. Here are tiles without any overlap, beside those of above:

# %%
seams = {
    "no overlap": in_tiles(net.inpaint, 64, multiple=net.size_multiple, overlap=0)(
        photo * hole, hole
    ),
    "a quarter overlaps": filled["course U-Net, tiles of 64"],
}
top, left = max(0, int(ys.max()) - 120), max(0, int(xs.min()) - 20)
corner = (..., slice(top, top + 150), slice(left, left + 150))
apart = (seams["no overlap"] - seams["a quarter overlaps"]).abs().mean(1)
viz.show(
    viz.image_row(
        {
            **{name: x[corner] for name, x in seams.items()},
            "their difference x 5": (5 * apart).clamp(0, 1)[corner],
        }
    ),
    alt="Three pieces of the photograph: the filling without overlap has straight steps in it, the one "
    "with overlap has none; the difference shows the steps as straight edges.",
    caption="Straight lines that nobody painted: seams.",
)

# %% [markdown]
# ## How good is it, when nobody knows the truth?

# %%
predict("capstone/psnr_of_the_spoon")

# %% [markdown]
# So let us ask a question that *can* be answered: how well does each method fill **a hole of the same shape, in the same photograph, where we know what is there**? Move the hole somewhere else, over known pixels; fill; compare. This is called a *substitute hole*. Do it at many places, since some are easy (the saucer) and some are hard (its edge).


# %%
def moved(mask, down, right):
    """The hole, moved; what comes from outside is known. (You write your own in the exercise.)"""
    height, width = mask.shape[2:]
    out = torch.ones_like(mask)
    ys, xs = (mask[0, 0] == 0).nonzero(as_tuple=True)
    ys, xs = ys + down, xs + right
    inside = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    out[0, 0, ys[inside], xs[inside]] = 0
    return out


def substitutes(mask, count, generator):
    """Holes of the same shape that fit into the picture beside the hole itself; about half are mirrored."""
    found, size = [], (mask == 0).sum()
    for _ in range(4000):
        flipped = mask.flip(3) if torch.rand(1, generator=generator) < 0.5 else mask
        down, right = (int(torch.randint(-n, n, (1,), generator=generator)) for n in mask.shape[2:])
        other = moved(flipped, down, right)
        if (other == 0).sum() == size and not ((other == 0) & (mask == 0)).any():
            found.append(other)
        if len(found) == count:
            break
    return found


count = {"quick": 8, "full": 40}[inpaintlib.profile()]
places = substitutes(hole, count, torch.Generator().manual_seed(1))
viz.show(
    viz.image_row({f"place {k}": photo for k in range(1, 5)}, masks=places[:4]),
    alt="The photograph four times, each with a hatched hole in the shape of the spoon at another "
    "place.",
    caption="Four of the substitute holes. Under these, the truth is known.",
)

# %% [markdown]
# One thing must not be forgotten: while a substitute hole is filled, the *true* hole is unknown as well, or the spoon would help to fill it.

# %%
errors = {name: [] for name in candidates}
for place in places:
    known = place * hole
    for name, fill in candidates.items():
        result = fill(photo * known, known)
        asked = 1 - (1 - place) * hole  # the error counts in the substitute hole only
        errors[name].append(metrics.mae(result, photo, mask=asked, region="hole").item())
errors = {name: torch.tensor(values) for name, values in errors.items()}
for name, values in errors.items():
    print(f"{name:26} MAE {evaluation.mean_interval(values).text(4)}")

# %% [markdown]
# *How this was computed: mean absolute error over each substitute hole (0 to 1), mean over the places with its 95 % confidence interval.* You know from [the showdown](unit:showdown) how to read this: the places differ more than the methods, so look at the **paired differences**. And there is a trap: whoever tries four methods and reports
# the error of the best one *on the places by which it was chosen* reports luck as well.

# %%
predict("capstone/choose_and_report")

# %%
halves = slice(0, None, 2), slice(1, None, 2)
best = min(errors, key=lambda name: errors[name][halves[0]].mean())
print(f"chosen on every second place: {best}, MAE there {errors[best][halves[0]].mean():.4f}")
print(
    f"reported from the other half:  MAE {evaluation.mean_interval(errors[best][halves[1]]).text(4)}"
)
for name in errors:
    if name != best:
        gap = evaluation.mean_interval(errors[name][halves[1]] - errors[best][halves[1]])
        verdict = "worse" if gap.low > 0 else "better" if gap.high < 0 else "no difference shown"
        print(f"   {name:26} minus the chosen one: {gap.text(4)}, {verdict}")

# %% [markdown]
# *How this was computed: one half of the places chooses, the other half judges; paired differences over the places.* Is its error much larger here than at the places that chose? Look at the others before you call it luck: half of so few places can simply be the harder half, for every method. That is why the differences are paired. Is one of them clearly negative? Then the other half does not confirm the choice, and it was luck at the places that chose. With few places little is certain. That is a finding too: say so, or take more places (`count` above).
#
# What do substitute holes *not* say? They lie on wood as often as on the saucer, while your object lies where it lies. If it matters, choose the places near the object. And they ask for closeness to a truth; **you** want a picture in which nobody looks for a spoon. So the last judge is an eye, at best one that does not know which is which:
# cut pieces with substitute holes out of the photograph and out of its filling, put them into `widgets.RealOrFake`, as [the showdown](unit:showdown) did, and let a friend answer.

# %% [markdown]
# ## Keep what you did
#
# A filled photograph travels on. Save the **original, the mask and the result**, and write into the file what it is.

# %%
from PIL import Image
from PIL.PngImagePlugin import PngInfo

label = PngInfo()
label.add_text(
    "Comment",
    f"A part of this photograph was filled by {best} (inpaintlib). It is no record of what was there.",
)
file = io.BytesIO()
pixels = (filled[best][0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
Image.fromarray(pixels).save(
    file, format="png", pnginfo=label
)  # Path("result.png") in place of file, to keep it
print("the file says:", Image.open(file).text["Comment"])

# %% [markdown]
# ## The report
#
# **What you hand in** is one notebook: that of the [exercise](exercise:capstone), run from top to bottom. It holds your code, the pictures of the hole and of the fillings, the tables, and a report of about two pages, so that somebody else can check it. (`python -m course check-submission capstone` says beforehand whether
# its three functions count. For the report your stored outputs are what a reader sees, since your photograph stays with you: save the notebook with them.)
#
# The report has seven parts:
#
# 1. **Task.** The photograph (whose? who agreed?), what shall vanish, what the result is for.
# 2. **The hole.** How it was made, its size; a picture of it.
# 3. **Candidates.** At least three, one of which learned nothing. Why these? With tile, overlap, version.
# 4. **Measurement.** Substitute holes: how many, where, which measure; what chose, and what judged. A table with intervals and paired differences.
# 5. **Eyes.** What you see in the fillings, at full size; a blind test if you made one, with its interval.
# 6. **Choice, and its limits.** Which one, why, for which kinds of holes you would choose differently, what could turn the choice round.
# 7. **Honesty.** How the result is labelled, and where original and mask are kept.
#
# A reader gives up to ten points for it, part by part:
#
# | part | points | not yet | good | better than we asked |
# |---|---|---|---|---|
# | task | 1 | whose photograph it is stays open | whose it is, who agreed, what the result is for | says whom it could harm |
# | the hole | 1 | parts of the object are left, or the mask is not shown | clean, shown | two masks compared |
# | candidates | 2 | only networks, or only one | three or more, a simple one among them, each repeatable | a method of your own |
# | measurement | 3 | compared with the photograph *with* the object | substitute holes, paired, chosen and judged apart | places near the object, seeds |
# | eyes | 1 | "looks good" | rim, seams and texture, seen at full size | a blind test with its interval |
# | choice | 1 | "the best" | as sure as the intervals are | says what would refute it |
# | honesty | 1 | silent | label, original and mask kept | the label travels in the file |
#
# ## Check yourself

# %%
predict("capstone/rim_left_over")

# %%
predict("capstone/two_halves")

# %% [markdown]
# ## Common mistakes
#
# - **Comparing with the photograph**: under the hole it shows the object. The better the object is removed, the worse the figure.
# - **A mask that is too tight**, or one that eats the things beside it.
# - **Leaving the object known** while a substitute hole is filled.
# - **Choosing and judging on the same places.**
# - **A network far outside of what it learned**: other sizes, other holes, other pictures. Measure, do not hope.
# - **Looking at it small.** Seams and smears are seen at full size.
#
# ## Summary
#
# - Any inpainter fills large photographs by tiles that overlap; deep holes are filled from a coarse copy inwards.
# - Under a removed object there is no truth. Substitute holes, of the same shape in the same photograph, can be measured.
# - Choose on one half of the places, judge on the other; report paired differences with their intervals, and what you see.
# - Keep original and mask, and label the result.
#
# ## Sources
#
# - [@criminisi2004region]: removing objects, before networks.
# - [@barnes2009patchmatch]: the same, in large photographs and fast.
# - [@efron1993introduction]: why the places that choose must not judge.
