# %% [markdown]
# {{ head }}

# %% [markdown]
# You write both losses of the hinge game, hold a layer's steepness, mend a gradient penalty, find out who of a jury sees anything, and let two games compete. `look` draws an example, `check` tries your function on many inputs and shows the
# smallest one that fails, `hint("patch_gan/hinge", 2)` says more. `inpaintlib.losses` and PyTorch's `spectral_norm` hold answers: in tasks 1 to 3 they earn no points.

# %%
import copy

import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import check, hint, look, predict, score
from inpaintlib import data, features, masks, metrics, models, train

# %% [markdown]
# ## 1. Two losses (2 points)
#
# Raw scores of real pictures and of filled ones, tensors of any shape and not necessarily as many of each: the critic's hinge loss and the generator's loss.

# %%
predict("patch_gan/exercise_rest")

# %% name="hinge"
def hinge(real, fake):
    """(the critic's loss, the generator's loss) from raw scores, higher = more real."""
    # solution:
    critic = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return critic, -fake.mean()
    # end of solution


# %% tags=["expected"]
look("patch_gan/hinge", hinge)

# %%
check("patch_gan/hinge", hinge)

# %%
hint("patch_gan/hinge", 1)

# %% [markdown]
# ## 2. A lid on the steepness (3 points)
#
# The weights of a convolution $(C_{out}, C_{in}, k, k)$ become a matrix $W$ with one row for each output channel. Then, `rounds` times:
#
# $$ v = \frac{W^\top u}{\lVert W^\top u\rVert}, \qquad u = \frac{W v}{\lVert W v\rVert}, $$
#
# and at the end $\sigma = u^\top W v$. Return the weights divided by $\sigma$, in their old shape, **and the new** $u$, from which the next training step goes on. (The $u$ that comes in need not have length 1.)

# %% name="normalised"
def normalised(weight, u, rounds):
    """(weight / sigma, the new u): weight (Cout, Cin, k, k), u (Cout,)."""
    # solution:
    table = weight.flatten(1)
    for _ in range(rounds):
        v = F.normalize(table.T @ u, dim=0)
        u = F.normalize(table @ v, dim=0)
    return weight / (u @ table @ v), u
    # end of solution


# %% tags=["expected"]
look("patch_gan/normalised", normalised)

# %%
check("patch_gan/normalised", normalised)

# %% [markdown]
# ## 3. Find the bugs: a gradient penalty (4 points)
#
# So that you can check by hand, the critic of this task is as simple as can be: each number of a picture has a weight for itself and one for half its square. Its slope at the picture $x$ is therefore `straight + bent * x`.

# %%
def rate(x, weight):
    """One score for each picture. x: (B, C, H, W); weight: (2, C, H, W), straight and bent."""
    straight, bent = weight
    return (straight * x + bent * x**2 / 2).sum((1, 2, 3))


# %% [markdown]
# The penalty: for each picture a point between real (share 0) and filled (share 1), the length of the slope there, its squared distance from 1, and the mean of that over the pictures. It is of use only if it can *teach*: so its gradient by the critic's weights is returned too. This version was found in public code, in three pieces.
# It runs, and it has **three bugs**.

# %%
def found(weight, real, fake, share):
    """The penalty and its gradient by the weights."""
    weight = weight.clone().requires_grad_()
    between = (real + share[0] * (fake - real)).requires_grad_()
    (slope,) = torch.autograd.grad(rate(between, weight).mean(), between, create_graph=True)
    penalty = (slope.norm(dim=1) - 1).square().mean()
    (by_weight,) = torch.autograd.grad(penalty, weight)
    return penalty.detach(), by_weight


# %% [markdown]
# Inputs whose answer you know find bugs. Here are three, each with what it should give; each gives away one of the bugs.

# %%
def one_number(name, expected, straight, bent, real, fake, share):
    weight = torch.stack([torch.tensor(straight), torch.tensor(bent)])
    penalty, _ = found(weight, torch.tensor(real), torch.tensor(fake), torch.tensor(share))
    print(f"{name:52} expected {expected:6.3f}   found {penalty.item():6.3f}")


zero, one, two = [[[0.0]]], [[[1.0]]], [[[2.0]]]
none, half, full = [[[0.0] * 4]], [[[0.5] * 4]], [[[1.0] * 4]]
one_number("two equal pictures of one pixel, slope 1", 0, one, zero, [one] * 2, [one] * 2, [0.5, 0.5])
one_number("one picture of four pixels, slopes 0.5, length 1", 0, half, none, [none], [full], [0.5])
one_number("slope x, pictures 0 to 2, shares 1/2, 1/4", 0.125, zero, one, [zero] * 2, [two] * 2, [0.5, 0.25])

# %% name="gradient_penalty"
def gradient_penalty(weight, real, fake, share):
    """(the penalty, its gradient by the weights).

    weight: (2, C, H, W), the critic's; real, fake: (B, C, H, W);
    share: (B,), 0 = at the real picture, 1 = at the filled one.
    """
    # solution:
    weight = weight.clone().requires_grad_()
    between = (real + share[:, None, None, None] * (fake - real)).requires_grad_()
    (slope,) = torch.autograd.grad(rate(between, weight).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    (by_weight,) = torch.autograd.grad(penalty, weight)
    return penalty.detach(), by_weight
    # end of solution


# %% tags=["expected"]
look("patch_gan/gradient_penalty", gradient_penalty)

# %%
check("patch_gan/gradient_penalty", gradient_penalty)

# %% [markdown]
# ## 4. Experiment: who of the jury sees anything? (3 points)
#
# A patch critic has `layers` convolutions of 5 x 5 with stride 2 and a padding of 2 on each side. Which of its scores see at least one pixel of the hole? Return a map with 1 for those and 0 for the others, as large as the map of scores: each layer halves height and width, rounding up. Real and filled picture agree
# outside of the hole, so the scores marked 0 are the same for both: they teach nobody anything.

# %%
predict("patch_gan/exercise_map")

# %% name="sees_hole"
def sees_hole(mask, layers):
    """1 where a score sees the hole. mask: (H, W), 1 = known, 0 = hole."""
    # solution:
    seen = (1 - mask)[None, None]
    for _ in range(layers):
        seen = F.max_pool2d(seen, 5, stride=2, padding=2)  # 1 if any of the window is 1
    return seen[0, 0]
    # end of solution


# %% tags=["expected"]
look("patch_gan/sees_hole", sees_hole)

# %% [markdown]
# Once the check passes: the share of the jury that sees the hole, in small pictures and in large ones.

# %% tags=["experiment"]
result = check("patch_gan/sees_hole", sees_hole)
if result.passed:
    print("mean share of the scores that see the hole, 50 masks of each kind")
    print("side of the picture   layers   boxes   lines   strokes")
    for side, layers in ((32, 1), (32, 2), (32, 3), (128, 3), (128, 5)):
        shares = []
        for family in (masks.boxes, masks.lines, masks.strokes):
            drawn = family(50, side, generator=torch.Generator().manual_seed(0)).float()
            shares.append(sum(sees_hole(mask[0], layers).float().mean().item() for mask in drawn) / 50)
        print(f"{side:19d} {layers:8d} " + "".join(f"{f'{share:.0%}':>8}" for share in shares))

# %% [markdown]
# *How this was computed: masks drawn with a fixed seed; a score counts if one pixel of its field is hole.* Deep juries of small pictures are judges.
#
# ## 5. Open: hinge or WGAN-GP? (4 points)
#
# On **free-form holes**, which game makes the better fillings: a jury with the hinge loss, or WGAN-GP with a global and a local critic? And is either better than going on without an adversary? The cells below hold a start. A reader marks this task; the table says what counts.

# %%
check("patch_gan/hinge_or_wgan")

# %% [markdown] tags=["student"]
# *What I compared, and what I held equal:*
#
# *What I found, how sure I am, and which setting could turn it round:*

# %%
def reconstruction(prediction, image, mask):
    """Mean absolute error, the hole weighing five times as much."""
    off = (prediction - image).abs()
    return (off * (1 - mask)).mean() * 5 + (off * mask).mean()


def game(kind):
    """What fit_adversarial needs for a game; None: no adversary."""
    if kind == "hinge":
        critic, extra = models.critic("sn_patch", size=32, width=16), {"adversarial_weight": 0.02}
    else:
        critic = {name: models.critic(name, size=32, width=8) for name in ("global", "local")}
        extra = {"adversarial_weight": 0.001}
    return {"critic": critic, "adversarial": kind, "critic_lr": 1e-3, **extra}


# %% name="hinge_or_wgan" tags=["student"]
pictures = data.load_images("auto", limit=2000)
test, holes = data.load_images("auto", split="test", limit=100), masks.benchmark("strokes")[:100].float()
start = models.create("gated_unet", size=32, width=8)
# train.fit(start, pictures, masks.strokes, reconstruction, epochs=1, batch_size=16, progress=False)
# mine = copy.deepcopy(start)
# train.fit_adversarial(mine, pictures, masks.strokes, reconstruction, **game("hinge"), epochs=1)

# %% [markdown] tags=["solution"]
# One answer of many, and a very short one.

# %% tags=["solution"]
pictures = data.load_images("auto", limit=2000)
test, holes = data.load_images("auto", split="test", limit=100), masks.benchmark("strokes")[:100].float()
first, more = {"quick": (0.4, 0.12), "full": (10, 10)}[inpaintlib.profile()]
plan = {"batch_size": 16, "ema": 0.98, "progress": False, "lr": 2e-3}
plan |= {"schedule": "constant", "optimizer": "adam_dcgan"}  # fit and fit_adversarial have other defaults
torch.manual_seed(0)
start = models.create("gated_unet", size=32, width=8)
train.fit(start, pictures, masks.strokes, reconstruction, epochs=first, **plan)
measuring = features.load("measure")


def measured(net):
    filled, truth = net.inpaint(test.float() * holes, holes), test.float()
    with torch.no_grad():
        psnr = metrics.psnr(filled, truth, data_range=1).mean().item()
        return psnr, metrics.perceptual(filled, truth, features=measuring).mean().item()


print(f"{'start':20} PSNR {measured(start)[0]:.2f} dB, perceptual distance {measured(start)[1]:.3f}")
for kind in ("alone", "hinge", "wgan_gp"):
    for seed in (0, 1):
        torch.manual_seed(seed)
        net = copy.deepcopy(start)
        rules = {"epochs": more, "seed": seed, **plan}
        if kind == "alone":
            train.fit(net, pictures, masks.strokes, reconstruction, **rules)
        else:
            rules |= game(kind)
            train.fit_adversarial(net, pictures, masks.strokes, reconstruction, **rules)
        psnr, far = measured(net)
        print(f"{kind + ', seed ' + str(seed):20} PSNR {psnr:.2f} dB, perceptual distance {far:.3f}")

# %% [markdown] tags=["solution"]
# *How this was computed: 100 test images, frozen masks of strokes, composited, mean over images.*
#
# **Held equal:** the start, the pictures, the holes, their order, the number of the generator's steps, its learning rate, its optimiser and schedule. (The last two are easily missed: `fit` and `fit_adversarial` have different defaults. The first version of this very cell left them out, and "found" an adversary that was better by far. It was the schedule.) **Not equal:** the time (the penalty needs a gradient of a gradient, and two critics look instead of one), the weights of the adversaries, whose scores have different sizes, and how much each was tuned: not at all.
#
# **What it says:** compare the lines of one kind with each other first. If the two seeds of a game differ by as much as two games do, nothing is decided. After so few steps it would be a surprise if anything were: all networks are still learning to reconstruct, and a critic at the
# beginning knows little. What could turn it round: the weights of the adversaries, five steps of the critics for one of the generator, and time.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("patch_gan")

# %% [markdown]
# To start a task afresh, run `python -m course reset patch_gan/gradient_penalty` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
