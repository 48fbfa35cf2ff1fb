# %% [markdown]
# {{ head }}

# %% [markdown]
# Now your own photograph. Three small functions first: a hole that moves and a choice that judges itself fairly, which your measurement needs, and tiles that meet. Then the report, which is most of the work: leave it two thirds of the time. If you would like to see your photograph first, begin with task 4; it leads to a first filling in four short cells.
#
# `look` draws an example, `check` tries your function and shows the smallest input that fails, `hint("capstone/moved", 2)` says more. Everywhere **1 = known, 0 = hole**.

# %%
import torch
import torch.nn.functional as F

from course.checks import check, hint, look, predict, score
from inpaintlib import baselines, data, evaluation, metrics, models, tiling, viz, widgets

# %% [markdown]
# ## 1. A hole that moves (2 points)
#
# Substitute holes have the shape of your hole and lie elsewhere. Move a mask (H, W) `down` rows and `right` columns; both may be negative. What leaves the picture is gone, and **what comes in from outside is known**.

# %%
predict("capstone/exercise_moved")


# %% name="moved"
def moved(mask, down, right):
    """The mask, its hole moved by whole pixels: (H, W)."""
    # solution:
    height, width = mask.shape
    padded = torch.ones(3 * height, 3 * width)
    padded[height : 2 * height, width : 2 * width] = mask
    down, right = max(-height, min(height, down)), max(-width, min(width, right))
    return padded[height - down : 2 * height - down, width - right : 2 * width - right].clone()
    # end of solution


# %% tags=["expected"]
look("capstone/moved", moved)

# %%
check("capstone/moved", moved)

# %%
hint("capstone/moved", 1)

# %% [markdown]
# ## 2. Find the bugs: two tiles meet (3 points)
#
# Two fillings, `left` (C, H, A) and `right` (C, H, B), overlap in `overlap` columns: the last of the one are the first of the other. Join them to one picture (C, H, A + B - overlap). Where they overlap, mix them with weights that change **linearly**: with 3 columns of overlap the right one has the weights
# 1/4, 2/4, 3/4, so that neither side starts with a jump. With no overlap they are only put side by side.
#
# The function below was found in a notebook. It has **three bugs**, and on most photographs the result looks nearly right. Write it anew, or mend a copy. You may not call `inpaintlib.tiling`.


# %%
def found(left, right, overlap):
    """Both tiles as one picture, as it was found: three bugs."""
    weight = torch.linspace(0, 1, overlap)
    mixed = weight * left[:, :, -overlap:] + (1 - weight) * right[:, :, :overlap]
    return torch.cat([left[:, :, :-overlap], mixed, right[:, :, overlap:]], dim=2)


# %%
look("capstone/join", found)

# %% [markdown]
# What should come out for a black tile and a white one? And what for two tiles that say the same?


# %% name="join"
def join(left, right, overlap):
    """Both tiles as one picture, mixed linearly where they overlap."""
    # solution:
    weight = torch.arange(1, overlap + 1) / (overlap + 1)  # of the right tile
    cut = left.shape[2] - overlap
    mixed = (1 - weight) * left[:, :, cut:] + weight * right[:, :, :overlap]
    return torch.cat([left[:, :, :cut], mixed, right[:, :, overlap:]], dim=2)
    # end of solution


# %% tags=["expected"]
look("capstone/join", join)

# %%
check("capstone/join", join)

# %%
hint("capstone/join", 1)

# %% [markdown]
# ## 3. Choose, and judge fairly (3 points)
#
# `errors` (methods, places) holds the error of each method at each substitute hole. The places 0, 2, 4, ... **choose**: the method with the smallest mean error over them, the first one if there are several. The places 1, 3, 5, ... **judge**: return the number of the chosen method, and its mean error over *these* places.


# %% name="choose"
def choose(errors):
    """(number of the chosen method, its mean error on the places that did not choose)."""
    # solution:
    best = int(errors[:, 0::2].mean(1).argmin())
    return best, errors[best, 1::2].mean()
    # end of solution


# %% tags=["expected"]
look("capstone/choose", choose)

# %%
check("capstone/choose", choose)

# %%
hint("capstone/choose", 1)

# %% [markdown]
# How much does it matter? Here are methods that are *equally good*, and the error that is reported for the chosen one, mean over many tries: by those who choose and judge on the same places, and by you. Which of the two is off, and why always to the same side?

# %% tags=["experiment"]
chance = torch.Generator().manual_seed(0)
same, apart = [], []
for _ in range(300):
    errors = 0.05 + 0.02 * torch.randn(6, 10, generator=chance)  # six methods, all of error 0.05
    try:
        apart.append(float(choose(errors)[1]))
    except NotImplementedError:
        break
    same.append(errors.mean(1).min().item())
if same:
    means = [sum(values) / len(values) for values in (same, apart)]
    print(f"the truth {0.05:.4f}; same places {means[0]:.4f}; judged apart {means[1]:.4f}")

# %% [markdown]
# ## 4. Your photograph, your report (10 points)
#
# Take a photograph of your own, at its full size. Remove something from it. Choose a method among at least three (one of which learned nothing), and **defend the choice with measurements**, so that somebody who does not believe you can check it.
#
# **You hand in this notebook, run from top to bottom:** your code, the pictures, the tables, and below them the report in seven parts, about two pages. A person reads it, by this table; the [lesson](unit:capstone) says for each part what is good and what is better than we asked.

# %%
check("capstone/report")

# %% [markdown]
# ### To begin: a photograph, a hole, a first filling
#
# Choose a photograph: something that lies by itself on an even ground is easy, something before a fence is hard, a person needs a consent. If you have none that you may use, take one of `data.photo_names()`.

# %%
upload = widgets.PhotoUpload()
upload

# %%
photo = data.load_photo("coffee") if upload.photo() is None else upload.photo()
print(tuple(photo.shape))

# %% [markdown] tags=["student"]
# Paint over what shall vanish, a little too much rather than too little; then run the cell below it, and you have your first filling.

# %% tags=["student", "experiment"]
scale = min(1, 1024 / max(photo.shape[2:]))  # the painter takes up to 1024 pixels a side
small = photo if scale == 1 else F.interpolate(photo, scale_factor=scale, mode="area")
painter = widgets.MaskPainter(small, {"fast marching": baselines.fast_marching}, brush=24)
painter

# %% tags=["student", "experiment"]
hole = F.interpolate(painter.mask.float(), size=photo.shape[2:], mode="nearest")  # (1, 1, H, W)
if not (hole == 0).any():
    print("nothing is painted yet: paint above, then run this cell again")
else:
    first = baselines.fast_marching(photo * hole, hole)
    viz.show(
        viz.image_row({"the hole": photo, "fast marching": first}, masks=[hole, None]),
        alt="The photograph with the hole that was painted, and the same, filled by fast marching.",
        caption="A first candidate: it learned nothing.",
    )

# %% [markdown] tags=["student"]
# ### From there
#
# 1. Keep the mask, so that the notebook gives the same again: `torch.save(hole, "hole.pt")`, and `torch.load` in place of the painter.
# 2. At least two more candidates; `tiling.inpaint_large` lets any inpainter work at full size.
# 3. Substitute holes by `moved`, at eight places at least; a table `errors` (methods, places), the true hole unknown while you fill; then `choose`.
# 4. Look at all fillings at full size with `widgets.CompareSlider`.
# 5. Write the report. Add cells wherever you want.

# %% name="report" tags=["student"]
# candidates, substitute holes, the table, the choice

# %% [markdown] tags=["student"]
# **1 Task.** ...
#
# **2 The hole.** ...
#
# **3 Candidates.** ...
#
# **4 Measurement.** ...
#
# **5 Eyes.** ...
#
# **6 Choice, and its limits.** ...
#
# **7 Honesty.** ...

# %% tags=["solution"]
photo = data.load_photo("coffee")
hole = torch.ones(photo.shape[2:])
hole[225:335, 320:412] = 0  # the bowl of the spoon
net = models.create("course_unet", pretrained=True)
candidates = {
    "fast marching": baselines.fast_marching,
    "biharmonic, tiles of 128": lambda x, m: tiling.inpaint_large(baselines.biharmonic, x, m, tile=128),
    "course U-Net, tiles of 64": lambda x, m: tiling.inpaint_large(
        net.inpaint, x, m, tile=64, multiple=net.size_multiple
    ),
}
shifts = [
    (0, -200),
    (20, -295),
    (-120, -250),
    (-100, 130),
    (50, 150),
    (-215, 130),
    (30, -100),
    (-210, -130),
]
errors = torch.zeros(len(candidates), len(shifts))
for i, (down, right) in enumerate(shifts):
    place = moved(hole, down, right)
    known = (place * hole)[None, None]
    asked = (1 - (1 - place) * hole)[None, None]
    for k, fill in enumerate(candidates.values()):
        errors[k, i] = metrics.mae(fill(photo * known, known), photo, mask=asked, region="hole")
chosen, reported = choose(errors)
name = list(candidates)[chosen]
print(f"chosen: {name}, MAE on the places that judge {reported:.4f}")
for k, each in enumerate(candidates):
    if k != chosen:
        gap = evaluation.mean_interval(errors[k, 1::2] - errors[chosen, 1::2])
        print(f"{each:26} MAE {errors[k, 1::2].mean():.4f}, more than the chosen one by {gap.text(4)}")
result = candidates[name](photo * hole, hole[None, None])
viz.show(
    viz.image_row(
        {"photograph": photo, "hole": photo, "filled": result}, masks=[None, hole[None, None], None]
    ),
    alt="A cup of coffee with a spoon on its saucer; the same with a hatched rectangle over the spoon's "
    "bowl; and filled, the bowl gone.",
    caption=f"The bowl of the spoon, removed by {name}.",
)

# %% [markdown] tags=["solution"]
# *How this was computed: mean absolute error over eight substitute holes of the same shape; every second one chose, the others judged; 95 % confidence intervals of paired differences.*
#
# **1 Task.** The photograph comes with scikit-image and may be changed; nobody is in it. The bowl of the spoon shall vanish, for an exercise. **2 The hole.** A rectangle around the bowl, drawn by its corners; its handle stays, which is a weakness. **3 Candidates.** Two that learned nothing and a network of the course, which learned from
# pictures of 32 x 32; tiles of the sizes named. **4 Measurement.** The table above; the true hole stayed unknown while the others were filled. **5 Eyes.** The filling is smooth; the gloss of the saucer is missing, and where the cup and the stem of the spoon meet the hole, grey streaks are drawn inwards. **6 Choice, and its limits.** The
# chosen one has the smallest error on the places that chose. A *negative* number in the last column says that another did better on the places that judged: the lead may have been luck. As long as the interval contains 0, the honest sentence is "no difference was shown, and I take the simplest". On wood, a method that copies texture could turn it round; it was not tried. **7 Honesty.** The result would be saved with the comment that a part was filled, with the original and the mask beside it.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date. The report is read by a person.

# %%
score("capstone")

# %% [markdown]
# To start a task afresh, run `python -m course reset capstone/join` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
