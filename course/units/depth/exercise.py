# %% [markdown]
# {{ head }}

# %% [markdown]
# You write the interval behind every error bar, mend a comparison that finds differences everywhere, tell two error bars apart, catch a copied column, and run a study of your own. `look` draws an example, `check` tries your function on
# some forty inputs and shows the smallest one that fails, `hint("depth/interval", 2)` says more. `inpaintlib.evaluation` (`mean_interval`) and SciPy hold the answers to the first three tasks: you may not call them, it earns no points.

# %%
import math
from collections import Counter

import torch
from scipy.special import stdtrit

import inpaintlib
from course.checks import check, hint, look, predict, score
from inpaintlib import data, losses, masks, metrics, models, viz

# %% [markdown]
# ## 1. Half an interval (1 point)
#
# From $n$ values with mean $\bar x$ and standard deviation $s$ (the one that divides by $n - 1$), the confidence interval is
#
# $$ \bar x \pm t\,\frac{s}{\sqrt n}. $$
#
# Return the mean, and what stands behind the $\pm$. The factor $t$ is given.

# %%
predict("depth/exercise_divide")

# %% name="interval"
def interval(values, t):
    """(mean, half of the confidence interval).

    values: (n,), n at least 2; t: Student's factor for n values.
    """
    # solution:
    return values.mean(), t * values.std() / math.sqrt(len(values))
    # end of solution


# %% tags=["expected"]
look("depth/interval", interval)

# %%
check("depth/interval", interval)

# %%
hint("depth/interval", 1)

# %% [markdown]
# ## 2. Find the bugs: which network is better? (3 points)
#
# Two networks were measured **on the same images**: `one[i]` and `other[i]` are their errors on image `i`. Wanted are the mean of `one` minus `other`, half of its confidence interval, and whether it is decided: 1 where the interval leaves out 0, on whichever side, otherwise 0.
#
# This version was found in a notebook. It has **three bugs**.

# %%
def found(one, other, t):
    """Whether two networks differ."""
    difference = (one - other).abs()
    half = t * (one.std() + other.std()) / len(one) ** 0.5
    decided = difference.mean() > half
    return difference.mean(), half, float(decided)


# %% [markdown]
# Give it something of which you know the answer. Below, the second network is better by exactly 1 on every image: nothing could be more certain. And then the first is.

# %%
a = torch.tensor([5.0, 9.0, 2.0, 7.0])
for name, b in {"second better": a - 1, "first better": a + 1}.items():
    mean, half, decided = found(a, b, t=3.18)
    print(f"{name}: difference {mean:+.2f} ± {half:.2f}, decided: {decided:.0f}")

# %% name="compare_pairs"
def compare_pairs(one, other, t):
    """(mean of one - other, half of its confidence interval, 1.0 if that leaves out 0 and else 0.0).

    one, other: (n,), errors on the same n images; t: Student's factor for n values.
    """
    # solution:
    mean, half = interval(one - other, t)
    return mean, half, float(abs(mean) > half)
    # end of solution


# %% tags=["expected"]
look("depth/compare_pairs", compare_pairs)

# %%
check("depth/compare_pairs", compare_pairs)

# %% [markdown]
# ## 3. Experiment: two bars (3 points)
#
# `errors[s, i]` is the error on image `i` of the network that was trained with seed `s`. Return the mean of all, half of the interval **over images** (what would other images give? average over the seeds first) and half of the interval **over seeds**
# (what would other trainings give? average over the images first).

# %%
predict("depth/exercise_pot")

# %% name="two_bars"
def two_bars(errors, t_images, t_seeds):
    """(mean, half of the interval over images, half of the interval over seeds).

    errors: (S, N), at least 2 of each; t_images, t_seeds: Student's factors for N and for S values.
    """
    # solution:
    return errors.mean(), interval(errors.mean(0), t_images)[1], interval(errors.mean(1), t_seeds)[1]
    # end of solution


# %% tags=["expected"]
look("depth/two_bars", two_bars)

# %% [markdown]
# For the rest of this notebook: pictures, a short training, and Student's factor.

# %%
pictures = data.load_images("auto", split="train", limit=2000)
test = data.load_images("auto", split="test", limit=200).float()


def train(depth, seed, family=masks.lines, seen=200, width=6):
    """A small U-Net after `seen` pictures with holes of that family."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    network = models.create("vanilla_unet", depth=depth, width=width)
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for _ in range(seen // 8):
        image = pictures.float(torch.randint(len(pictures), (8,), generator=chance))
        mask = family(8, 32, generator=chance).float()
        loss = losses.l1(network(image, mask), image, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def student(n):
    """Student's factor for n values."""
    return float(stdtrit(n - 1, 0.975))


# %% [markdown]
# Once the check passes: three small networks, and the two bars when they are measured on more and more images. Which bar do you expect to shrink?

# %% tags=["experiment"]
result = check("depth/two_bars", two_bars)
if result.passed:
    holes = masks.benchmark("lines")[:200].float()
    trained = [train(3, seed) for seed in range(3)]
    with torch.no_grad():
        errors = torch.stack([metrics.mae(net(test * holes, holes), test) for net in trained])
    print("images   mean MAE   over images   over seeds")
    for n in (5, 20, 80, 200):
        mean, over_images, over_seeds = two_bars(errors[:, :n], student(n), student(3))
        print(f"{n:6d}   {mean:8.4f}   ± {over_images:9.4f}   ± {over_seeds:8.4f}")

# %% [markdown]
# *How this was computed: raw MAE of three trainings of one network that differ in their seed alone, on the first images of the test set; half of 95 % confidence intervals.*
#
# ## 4. Two columns of a table (2 points)
#
# Two columns of a printed table, as lists of numbers with `digits` digits after the point. Which difference, `other` minus `one`, stands in the most rows, and in how many? (There is always one that is more frequent than all others.)

# %% name="repeated"
def repeated(one, other, digits):
    """(the most frequent difference, the number of rows in which it stands).

    one, other: lists of numbers, printed with that many digits after the point.
    """
    # solution:
    differences = Counter(round(b - a, digits) for a, b in zip(one, other, strict=True))
    return differences.most_common(1)[0]
    # end of solution


# %% tags=["expected"]
look("depth/repeated", repeated)

# %% [markdown]
# Once the check passes: a made-up table of three networks. One pair of its columns is no measurement.

# %% tags=["experiment"]
result = check("depth/repeated", repeated)
columns = {
    "A": [0.513, 0.602, 0.587, 0.449, 0.634, 0.571, 0.498, 0.556, 0.530, 0.611],
    "B": [0.541, 0.619, 0.622, 0.463, 0.655, 0.604, 0.509, 0.588, 0.549, 0.628],
    "C": [0.611, 0.689, 0.692, 0.533, 0.725, 0.674, 0.599, 0.658, 0.619, 0.698],
}
if result.passed:
    for one, other in (("A", "B"), ("A", "C"), ("B", "C")):
        difference, rows = repeated(columns[one], columns[other], 3)
        print(f"{other} minus {one}: {difference:+.3f} in {int(rows)} of {len(columns[one])} rows")

# %% [markdown]
# ## 5. Open: a study that a stranger believes (4 points)
#
# On thin lines depth hardly mattered. **Does it where holes are large?** Or take another question: does the width matter more than the depth, does a learning rate chosen for each depth change the picture? Run a small study. A reader marks this task; the table says what counts.

# %%
check("depth/own_study")

# %% [markdown] tags=["student"]
# *What I vary, what I hold equal, and what I expect (before running):*
#
# *What I found, over images and over seeds, and what I conclude:*

# %% name="own_study" tags=["student"]
boxes = masks.benchmark("boxes")[:200].float()
network = train(3, seed=0, family=masks.boxes)  # the function of task 3

# %% [markdown] tags=["solution"]
# One answer of many. **Varied**: the number of resolutions, 2 or 4. **Equal**: pictures, their order and holes for the same seed, learning rate, batch size, width, number of steps, test images and masks. **Expected, before running**: holes here are up to 16 pixels wide. At depth 2 a pixel sees 10 to each side, which just reaches the rim;
# so depth 4 should be better in the hole, if so short a training lets it.

# %% tags=["solution"]
boxes = masks.benchmark("boxes")[:200].float()
seen = {"quick": 200, "full": 10_000}[inpaintlib.profile()]


def in_hole(depth, seed):
    """Error of each test image, hole alone, raw and composited alike."""
    network = train(depth, seed, masks.boxes, seen)
    with torch.no_grad():
        y = network(test * boxes, boxes)
    return metrics.mae(y, test, mask=boxes, region="hole")


seeds = (0, 1, 2)
errors = {depth: torch.stack([in_hole(depth, seed) for seed in seeds]) for depth in (2, 4)}
print("depth   MAE in the hole   over images   over seeds")
for depth, table in errors.items():
    mean, over_images, over_seeds = two_bars(table, student(200), student(len(seeds)))
    print(f"{depth:5d}   {mean:15.4f}   ± {over_images:9.4f}   ± {over_seeds:8.4f}")
difference = errors[4] - errors[2]  # (seeds, images)
for name, values in {"over images": difference.mean(0), "over seeds": difference.mean(1)}.items():
    mean, half, decided = compare_pairs(values, torch.zeros_like(values), student(len(values)))
    print(f"depth 4 minus depth 2, {name}: {mean:+.4f} ± {half:.4f}, {'decided' if decided else 'undecided'}")

# %% [markdown] tags=["solution"]
# *How this was computed: three trainings of each depth; mean absolute error in the hole over 200 test images under the frozen box masks; half of 95 % confidence intervals, the differences paired by image and seed.*

# %% tags=["solution"]
figure, axes = viz.figure(6, 2.8)
for seed, marker in zip(seeds, ("o", "s", "^"), strict=True):
    pair = [errors[depth][seed].mean().item() for depth in (2, 4)]
    axes[0, 0].plot((2, 4), pair, marker=marker, label=f"seed {seed}")
axes[0, 0].set(xlabel="depth (resolutions)", ylabel="MAE in the hole\n(of a range of 1)", xticks=(2, 4))
axes[0, 0].margins(x=0.3)
axes[0, 0].legend(fontsize=9)
viz.show(
    figure,
    alt="Three lines, one for each seed, each from the error of depth 2 to that of depth 4.",
    caption="Each line is one seed: the same pictures and holes for both depths.",
)

# %% [markdown] tags=["solution"]
# **Conclusion.** The last two lines of the table say it, and the one that counts is that over seeds: where it says *undecided*, these trainings do not tell which depth is better for boxes, even if the images alone seem to. A line in the figure that rises while others fall says the same. It holds for this budget: a few hundred pictures, the first
# moments of a training. To decide, I would train a hundred times longer first, since a deep network needs time to use its depth, and only then add seeds; how many follows from $(2 s / d)^2$ with the deviation and the mean of the three differences.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("depth")

# %% [markdown]
# To start a task afresh, run `python -m course reset depth/two_bars` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
