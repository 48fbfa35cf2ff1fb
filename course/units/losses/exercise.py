# %% [markdown]
# {{ head }}

# %% [markdown]
# In the lesson you saw what the terms of a loss make a network do; now you write them. `look` draws an example, `check` tries your function on many inputs
# and shows the smallest one that fails, `hint("losses/best_answer", 2)` says more; every task has three hints. The tasks get harder: the first two are a line or two, the last is open.
#
# `inpaintlib.losses` holds the answers: you may not call it, it earns no points.

# %%
import functools

import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import check, hint, look, predict, score
from inpaintlib import data, features, losses, masks, metrics, models, train, viz

# %% [markdown]
# ## 1. Predict: one answer for many truths (2 points)
#
# `truths` are K pictures that all fit the same surrounding, stacked: `(K, ...)`, where the dots stand for any shape of a picture; K is odd. A network that cannot know which of them it has before it can only give one answer to all. Which one will training lead it to, with the squared error, and which
# with the absolute error? Say it first, then write it, pixel by pixel.

# %%
predict("losses/exercise_best")

# %% name="best_answer"
def best_answer(truths, squared=True):
    """The picture (...) with the smallest mean squared (or absolute) error to all truths (K, ...), K odd."""
    # solution:
    return truths.mean(0) if squared else truths.median(0).values
    # end of solution


# %% tags=["expected"]
look("losses/best_answer", best_answer)

# %%
check("losses/best_answer", best_answer)

# %%
hint("losses/best_answer", 1)

# %% [markdown]
# ## 2. The Gram matrix (2 points)
#
# $$ G_{ij} = \frac{1}{C\,H\,W} \sum_{\text{places } p} \phi_i(p)\,\phi_j(p) $$
#
# where $\phi_i$ is map number $i$ of C, and $p$ runs over its H x W places;
# for each picture of a batch by itself: from feature maps `(B, C, H, W)` to `(B, C, C)`.

# %% name="gram"
def gram(maps):
    """Which features occur together: maps (B, C, H, W) -> (B, C, C)."""
    # solution:
    _, c, h, w = maps.shape
    flat = maps.flatten(2)  # (B, C, H * W)
    return flat @ flat.transpose(1, 2) / (c * h * w)
    # end of solution


# %% tags=["expected"]
look("losses/gram", gram)

# %%
check("losses/gram", gram)

# %% [markdown]
# ## 3. Find the bugs: total variation on the dilated hole (4 points)
#
# The term of Liu et al. takes the **composited** picture, known pixels from `target` and the hole from `prediction`. It adds up the absolute differences of all neighbours, left and right, above and below, of which **both** lie in the hole **dilated by one pixel** (diagonal steps count as one). The sum is divided by the number of
# values of the whole picture (batch, colours and places).
#
# The following code runs and gives plausible numbers. It has **four bugs**. Find them before you look back at the lesson, and write the function without them.

# %%
def found(prediction, target, mask):
    """Total variation of a filling, a number."""
    region = 1 - mask
    across = (prediction[..., 1:] - prediction[..., :-1]).abs() * region[..., 1:]
    down = (prediction[..., 1:, :] - prediction[..., :-1, :]).abs() * region[..., 1:, :]
    return (across.sum() + down.sum()) / region.sum()


# %% [markdown]
# An input of which you know the answer finds a bug. A wall of 0.8 with a hole of one pixel in its middle, which is filled with 0.2, has four differences of 0.6, and 25 values. And a prediction that is right in the hole and wild outside must cost nothing.

# %%
wall, spot = torch.full((1, 1, 5, 5), 0.8), torch.ones(1, 1, 5, 5)
spot[..., 2, 2] = 0
wild = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0))
wild[..., 2, 2] = 0.8
known = {"wrong colour": (torch.full_like(wall, 0.2), 4 * 0.6 / 25), "right, wild outside": (wild, 0.0)}
for name, (prediction, expected) in known.items():
    print(f"{name:20} expected {expected:.3f}   found {found(prediction, wall, spot):.3f}")

# %% name="variation"
def variation(prediction, target, mask):
    """Total variation of the composited picture on the dilated hole, a number; mask: 1 = known."""
    # solution:
    filled = torch.where(mask > 0, target, prediction)
    region = F.max_pool2d(1 - mask, 3, stride=1, padding=1)
    across = (filled[..., 1:] - filled[..., :-1]).abs() * region[..., 1:] * region[..., :-1]
    down = (filled[..., 1:, :] - filled[..., :-1, :]).abs() * region[..., 1:, :] * region[..., :-1, :]
    return (across.sum() + down.sum()) / filled.numel()
    # end of solution


# %% tags=["expected"]
look("losses/variation", variation)

# %%
check("losses/variation", variation)

# %% [markdown]
# ## 4. Batch normalisation, running and frozen (3 points)
#
# One layer with two behaviours. `x` is `(B, C, H, W)`; `gain`, `shift`, `mean` and `variance` are `(C,)`, the last two being the running statistics.
#
# - **Not frozen:** each channel is normalised with the mean and the variance of *this batch* (over batch and places), the variance being the mean squared distance from the mean. The running statistics move towards those of the batch, `0.9 * old + 0.1 * new`; for them, the new variance is the *unbiased* one (divided by the number of values
#   minus 1). So does PyTorch.
# - **Frozen:** normalised with the *running* statistics, which stay as they are.
#
# In both cases $y = \text{gain} \cdot (x - \mu) / \sqrt{\sigma^2 + 10^{-5}} + \text{shift}$. Return `y` and both running statistics as they are afterwards. You may not call `F.batch_norm` or `nn.BatchNorm2d`.

# %%
predict("losses/exercise_frozen")

# %% name="normalise"
def normalise(x, gain, shift, mean, variance, frozen=False):
    """Batch norm of x (B, C, H, W): y, and the running mean and variance (C,) afterwards."""
    # solution:
    if frozen:
        centre, spread = mean, variance
    else:
        centre, spread = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        count = x.numel() / x.shape[1]
        mean = 0.9 * mean + 0.1 * centre
        variance = 0.9 * variance + 0.1 * spread * count / (count - 1)
    y = (x - centre[:, None, None]) / torch.sqrt(spread + 1e-5)[:, None, None]
    return y * gain[:, None, None] + shift[:, None, None], mean, variance
    # end of solution


# %% tags=["expected"]
look("losses/normalise", normalise)

# %% tags=["experiment"]
result = check("losses/normalise", normalise)
if result.passed:
    chance = torch.Generator().manual_seed(0)
    picture, one = torch.rand(1, 3, 8, 8, generator=chance), torch.ones(3)
    for frozen in (False, True):
        answers = []
        for brightness in (1, 3):  # the same picture beside other ones
            others = brightness * torch.rand(3, 3, 8, 8, generator=chance)
            y, _, _ = normalise(torch.cat([picture, others]), one, 0 * one, 0.5 * one, one / 12, frozen)
            answers.append(y[0])
        change = (answers[0] - answers[1]).abs().max()
        print(f"frozen {frozen}: the picture's answer changes with its neighbours by up to {change:.3f}")

# %% [markdown]
# ## 5. Open: ask for something else (4 points)
#
# Fine-tune the network of the course with a loss of **your own making**: other weights, another term, an order of phases. Show what it buys, and what it costs. A reader marks this task; the table says what counts. The cells below hold a function that trains, one that measures, and the row with which you compare: valid + 6 hole, the pixels alone.
#
# To begin, change one thing: run the cells as they are; then give `fine_tuned` the loss `functools.partial(losses.liu_total, features=judge)`, or that with `weights={...}`, and print its row below. Then put in a term of your own: a function `(prediction, target, mask) -> number`, joined to others by `losses.weighted_sum`. For phases, hand the first network to the second call as `start`. Repeat what you
# report with another `seed`. A training takes seconds, and more steps tell more: `steps`.

# %%
check("losses/own_loss")

# %% [markdown] tags=["student"]
# *What I asked for, and why:*
#
# *What it bought, at what price, and how sure I am:*

# %%
steps = {"quick": 16, "full": 300}[inpaintlib.profile()]
pictures = data.load_images("auto", limit=2000)
test = data.load_images("auto", split="test", limit=100).float()
boxes = masks.benchmark("boxes")[:100].float()
judge, measure = features.load("small"), features.load("measure")


def fine_tuned(loss, seed=0, batch_size=8, start=None):
    """The course's network, or `start`, after some steps with that loss."""
    network = start or models.create("course_unet", pretrained=True)
    settings = {"lr": 1e-3, "schedule": "cosine", "ema": None, "progress": False}
    settings |= {"epochs": steps * batch_size / len(pictures), "batch_size": batch_size, "seed": seed}
    train.fit(network, pictures, masks.boxes, loss, **settings)
    return network.eval()


def measured(network):
    """The fillings, their PSNR over the hole, and their distance for a network that trained nothing."""
    filled = network.inpaint(test * boxes, boxes)
    psnr = metrics.psnr(filled, test, data_range=1, mask=boxes, region="hole").mean().item()
    return filled, psnr, metrics.perceptual(filled, test, features=measure).mean().item()


# %% name="own_loss" tags=["student"]
pixels = losses.weighted_sum(valid=(1.0, losses.valid_l1), hole=(6.0, losses.hole_l1))
filled, psnr, distance = measured(fine_tuned(pixels))
print(f"pixels only: PSNR in the hole {psnr:.2f} dB, perceptual distance {distance:.3f}")

# %% [markdown] tags=["solution"]
# One answer of many. S3's style term compares *all* of the picture with itself, and most of it is known. What if the Gram matrix looked at the rim and the hole only, where the seam is? The same judge, but both pictures are shown to it with everything farther than four pixels from the hole covered by grey.

# %% tags=["solution"]
def seam_style(prediction, target, mask):
    """The style distance of the hole and a rim of four pixels, by task 2's Gram matrix."""
    near = F.max_pool2d(1 - mask, 9, stride=1, padding=4)
    composited = torch.where(mask > 0, target, prediction)
    grey = torch.full_like(target, 0.5)
    shown, true = (judge(torch.where(near > 0, picture, grey)) for picture in (composited, target))
    return sum((gram(a) - gram(b)).abs().mean() for a, b in zip(shown, true, strict=True))


# %% tags=["solution"]
pixels = losses.weighted_sum(valid=(1.0, losses.valid_l1), hole=(6.0, losses.hole_l1))
rivals = {
    "pixels only": pixels,
    "Liu et al.": functools.partial(losses.liu_total, features=judge),
    "with seam": losses.weighted_sum(pixels=(1.0, pixels), seam=(240.0, seam_style)),
}
shown = {"damaged": test * boxes}
for name, loss in rivals.items():
    reached = [measured(fine_tuned(loss, seed)) for seed in (0, 1)]
    shown[name] = reached[0][0]
    text = " and ".join(f"{psnr:.2f} dB, distance {distance:.3f}" for _, psnr, distance in reached)
    print(f"{name:16} two seeds: {text}")
_, psnr, distance = measured(models.create("course_unet", pretrained=True))
print(f"{'before':16} {psnr:.2f} dB, distance {distance:.3f}")
picked = [8, 12, 19, 25, 33]
viz.show(
    viz.image_grid([x[i] for x in shown.values() for i in picked], columns=5, row_titles=[*shown], width=6),
    alt="Five small pictures with black boxes; filled softly after training with pixels only; with more "
    "texture after the loss of Liu et al. and after the loss with the seam.",
    caption="The same test pictures after each fine-tuning.",
)

# %% [markdown] tags=["solution"]
# *How this was computed: 100 test images, the frozen box masks, composited, PSNR over the hole; a few steps of 8 pictures each.*
#
# **Bought and paid:** compare the rows of one loss with each other before you compare losses. What differs by less than two seeds of one loss differ is luck. A lower distance at a lower PSNR is the bargain of the lesson once more; a loss is *better* only if it buys the same for less. In the stored run all lose PSNR against the network before. Against pixels only, the seam lowers the distance by far more than the two seeds differ, and costs less PSNR than they differ; Liu et al. lower it a little further, for a little more. **How sure:** two seeds, a handful of steps, one learning
# rate for all; a loss with larger terms takes, in effect, other steps (their gradient is clipped). And "distance" is another network's opinion: look at the pictures.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("losses")

# %% [markdown]
# To start a task afresh, run `python -m course reset losses/gram` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
