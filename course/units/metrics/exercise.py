# %% [markdown]
# {{ head }}

# %% [markdown]
# You write the measures that the rest of the course relies on, and one detector's report. `look` draws an example, `check` tries your function on
# some forty inputs and shows the smallest one that fails, `hint("metrics/hole_mse", 2)` says more. Everywhere **1 = known, 0 = hole**, and a measure gives **one value
# for each image** of a batch.
#
# `inpaintlib.metrics` and `inpaintlib.evaluation` hold the answers: you may not call them in tasks 1 to 4, it earns no points.

# %%
import torch

from course.checks import check, hint, look, predict, score
from inpaintlib import baselines, data, features, masks, metrics, models, viz

# %% [markdown]
# ## 1. The error over the hole (2 points)
#
# Images `(B, C, H, W)`, one mask for each `(B, 1, H, W)`. The mean of the squared differences over the hole pixels and their channels. Every image has a hole.

# %%
predict("metrics/exercise_channels")


# %% name="hole_mse"
def hole_mse(prediction, target, mask):
    """Mean squared error over the hole, (B,).

    prediction, target: (B, C, H, W); mask: (B, 1, H, W), 1 = known, 0 = hole.
    """
    # solution:
    hole = 1 - mask
    squared = hole * (prediction - target) ** 2  # the mask's one channel serves all channels
    return squared.sum((1, 2, 3)) / (hole.sum((1, 2, 3)) * prediction.shape[1])
    # end of solution


# %% tags=["expected"]
look("metrics/hole_mse", hole_mse)

# %%
check("metrics/hole_mse", hole_mse)

# %%
hint("metrics/hole_mse", 1)

# %% [markdown]
# ## 2. Decibels (2 points)
#
# PSNR over the whole image, in dB, for whatever range the data have. You need not care for equal images.


# %% name="psnr"
def psnr(prediction, target, data_range):
    """Peak signal-to-noise ratio in dB, (B,).

    prediction, target: (B, C, H, W); data_range: largest minus smallest possible value, one number.
    """
    # solution:
    mse = ((prediction - target) ** 2).mean((1, 2, 3))
    return 10 * torch.log10(data_range**2 / mse)
    # end of solution


# %% tags=["expected"]
look("metrics/psnr", psnr)

# %%
check("metrics/psnr", psnr)

# %% [markdown]
# ## 3. Find the bugs: one window of SSIM (3 points)
#
# Here is the structural similarity of a single window, all pixels of equal weight, from a notebook that somebody shared. It gives 1 for a chequerboard and itself, and it has **three bugs**.


# %%
def found(x, y, data_range):
    """Structural similarity of two windows (H, W)."""
    c1, c2 = 0.01 * data_range, 0.03 * data_range
    spread_x, spread_y = x.std(correction=0), y.std(correction=0)
    together = (x * y).mean()
    brightness = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
    return brightness * (2 * together + c2) / (spread_x + spread_y + c2)


# %% [markdown]
# Three inputs whose answers are known. Look before you change anything.

# %%
checker = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
flat = torch.full((2, 2), 0.5)
print(f"equal windows                expected 1.000   found {found(checker, checker, 1):.3f}")
print(f"a window and its negative    expected -0.996  found {found(checker, 1 - checker, 1):.3f}")
print(f"a window and a flat one      expected 0.004   found {found(checker, flat, 1):.3f}")

# %% [markdown]
# Write it without the bugs. Variances and covariance are means over the pixels: divide by their number $n$, not by $n - 1$.


# %% name="ssim_window"
def ssim_window(x, y, data_range):
    """Structural similarity of two windows (H, W), one number; k1 = 0.01, k2 = 0.03."""
    # solution:
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = x.mean(), y.mean()
    variance_x, variance_y = x.var(correction=0), y.var(correction=0)
    covariance = ((x - mean_x) * (y - mean_y)).mean()
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return brightness * (2 * covariance + c2) / (variance_x + variance_y + c2)
    # end of solution


# %% tags=["expected"]
look("metrics/ssim_window", ssim_window)

# %%
check("metrics/ssim_window", ssim_window)

# %% [markdown]
# ## 4. Experiment: how sure must a detector be? (3 points)
#
# A detector gives each pixel a probability that it was painted in. A pixel is *called* a hole if its probability is **above** the threshold. Write precision and
# recall for one picture. A ratio of nothing to nothing is 1: who calls nothing has called nothing falsely; where there is no hole, none was missed.

# %%
predict("metrics/exercise_threshold")


# %% name="precision_recall"
def precision_recall(probability, mask, threshold):
    """(precision, recall), two numbers.

    probability: (H, W), that a pixel is a hole; mask: (H, W), 1 = known, 0 = hole; threshold: one number.
    """
    # solution:
    called, hole = probability > threshold, mask == 0
    both = (called & hole).sum()
    precision = both / called.sum() if called.any() else 1.0
    recall = both / hole.sum() if hole.any() else 1.0
    return precision, recall
    # end of solution


# %% tags=["expected"]
look("metrics/precision_recall", precision_recall)

# %% [markdown]
# Once the check passes, the course's detector looks at a hundred retouched pictures, and its threshold is turned from bold to cautious.

# %% tags=["experiment"]
result = check("metrics/precision_recall", precision_recall)
if result.passed:
    pictures = data.load_images("auto", split="test", limit=100).float()
    holes = masks.benchmark("boxes")[:100].float()
    retouched = models.create("partial_unet", pretrained=True).inpaint(pictures, holes)
    with torch.no_grad():
        probability = models.detector(pretrained=True)(retouched)
    print("threshold   precision   recall")
    for threshold in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
        both = [
            precision_recall(p[0], m[0], threshold) for p, m in zip(probability, holes, strict=True)
        ]
        precision, recall = (sum(float(pair[i]) for pair in both) / len(both) for i in (0, 1))
        print(f"{threshold:9.2f} {precision:11.3f} {recall:8.3f}")

# %% [markdown]
# There is no threshold at which both are best: whoever uses a detector must say which error is worse. Which threshold would you choose for a newspaper, which for an archive that wants to look at every suspect by hand?
#
# ## 5. Open: two measures that disagree (4 points)
#
# Make two fillings of one hole of which PSNR prefers the one, and you, or another measure, the other. A reader marks this task; the table says what
# counts. In this task you may use all of `inpaintlib`.

# %%
check("metrics/disagree")

# %% [markdown] tags=["student"]
# *What PSNR prefers, and why (look at its formula):*
#
# *For which use the one is right, and for which the other; what should be reported:*

# %% name="disagree" tags=["student"]
photo = data.load_photo("chelsea")[:, :, 100:164, 190:254]  # (1, 3, 64, 64)
mask = torch.ones(1, 1, 64, 64)
mask[..., 22:42, 22:42] = 0
viz.show(
    viz.image_row({"photograph": photo[0], "with a hole": photo[0]}, masks=[None, mask[0]]),
    alt="(what a reader who does not see the pictures should know)",
    caption="(one sentence)",
)

# %% [markdown] tags=["solution"]
# One answer of many.

# %% tags=["solution"]
tissue = data.load_photo("immunohistochemistry")  # cells under a microscope
photo = tissue[:, :, 172:236, 367:431]  # (1, 3, 64, 64)
mask = torch.ones(1, 1, 64, 64)
mask[..., 22:42, 22:42] = 0
fillings = {
    "smooth": baselines.biharmonic(photo, mask),
    "copied": baselines.nearest_patch(photo, mask),
}
judge = features.load("measure")
print("          PSNR over the hole    SSIM over the hole    perceptual distance")
notes = [""]
for name, y in fillings.items():
    decibels = metrics.psnr(y, photo, data_range=1, mask=mask, region="hole").item()
    similarity = metrics.ssim(y, photo, data_range=1, mask=mask, region="hole").item()
    distance = metrics.perceptual(y, photo, features=judge).item()
    print(f"{name:8} {decibels:15.2f} dB {similarity:21.3f} {distance:22.3f}")
    notes.append(f"{decibels:.1f} dB")
pictures = {"with a hole": photo[0], **{k: y[0] for k, y in fillings.items()}, "original": photo[0]}
viz.show(
    viz.image_row(pictures, masks=[mask[0], None, None, None], notes=[*notes, ""]),
    alt="Stained tissue with a square hole; the hole filled by a smooth surface; filled with copied "
    "cells; the original.",
    caption="The smooth filling has the higher PSNR. Nobody would choose it.",
)

# %% [markdown] tags=["solution"]
# *How this was computed: one photograph with one square hole, PSNR and SSIM over the hole, the perceptual distance over the picture.*
#
# **PSNR, and SSIM with it, prefer the smooth filling.** Where the cells lie cannot be known. If a filling puts a dark cell where the truth has a bright gap, and a gap where the truth has the cell, it pays twice: for its own
# cell, and for the true one that it missed. A colour in between pays less everywhere; the value that minimises a *mean* of squares is the mean. So squared error rewards whoever dares nothing.
#
# **The eye, and the network that compares features, prefer the copied one**, since it is made of cells. **Use:** to restore a picture for print, the copied filling; to estimate
# a missing measurement (a grey value at this place), the smooth one, which is nearer to the truth on the mean. One should report both a pixel measure and a perceptual one, over the hole, and show the picture.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("metrics")

# %% [markdown]
# To start a task afresh, run `python -m course reset metrics/hole_mse` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
