# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Twelve fillings and their mean
#
# {{ minutes 8 }}
#
# A hole in the middle of a picture, and only its rim to go by. From thousands of other pictures let us take the twelve whose pixels along that rim are most like ours, and paste *their* middles in. Below are five
# of the twelve, the **mean of all twelve**, and the truth.

# %%
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, evaluation, leaderboard, losses, masks, metrics, models, published, train, viz, widgets

pictures = data.load_images("auto", limit=8000)
test = data.load_images("auto", split="test", limit=100)
print(pictures.source)

around = pictures.images[:, :, 7:25, 7:25].float() / 255  # the hole, 14 x 14, and two pixels more on each side
is_rim = torch.ones(18, 18, dtype=torch.bool)
is_rim[2:16, 2:16] = False


def alike(image, count=12):
    """The middles (count, 3, 14, 14) of the pictures whose rim is most like this one's, and how unlike it is."""
    rim = image[:, 7:25, 7:25][:, is_rim].flatten()
    unlike = (around[:, :, is_rim].flatten(1) - rim).square().mean(1)
    nearest = unlike.topk(count, largest=False)
    return around[nearest.indices][:, :, 2:16, 2:16], nearest.values.mean()


def with_middle(image, middle):
    filled = image.clone()
    filled[:, 9:23, 9:23] = middle
    return filled


examples = sorted(test.float(slice(0, 40)), key=lambda image: alike(image)[1])[1:4]
tiles = []
for image in examples:
    middles, _ = alike(image)
    tiles += [image, *(with_middle(image, m) for m in [*middles[:5], middles.mean(0)]), image]
hole = masks.center_box(1, 32)[0]
viz.show(
    viz.image_grid(
        tiles,
        columns=8,
        masks=[hole, *[None] * 7] * 3,
        column_titles=["the hole", *"12345", "mean", "truth"],
        width=9,
    ),
    alt="Three small pictures, a row each: with a hatched hole in the middle; five times filled with the "
    "middle of another picture, sharp and each time something else; filled with the mean of twelve, a soft "
    "blur without any object; and the truth.",
    caption="The same rim, and always another middle.",
)

# %% [markdown]
# None of the five is right, but each could be a photograph. The mean could not. Now suppose that each of the twelve middles is the right one with the same probability, and you must hand in *one* filling. It is judged by its **squared error**.

# %%
predict("context_encoder/mean_or_one")

# %%
middles, _ = alike(examples[0])
mean = middles.mean(0)
of_one = torch.stack([(m - middles).square().mean() for m in middles]).mean()
print(f"expected squared error: one of the twelve {of_one:.4f}, the mean {(mean - middles).square().mean():.4f}")

# %% [markdown]
# Exactly half. The mean of all answers minimises the expected squared error, whatever the answers are; so a network trained with it learns to paint means, and a mean is blurred. **The loss is not wrong about the numbers. It asks the wrong question.** Absolute errors only change the
# mean into a median ([losses](unit:losses) has more on that).
#
# We would like to ask: *could this be a photograph?* Nobody has a formula for it. So let a second network learn the answer.
#
# ## Two players
#
# {{ minutes 5 }}
#
# | | **generator** $G$ | **critic** $D$, or *discriminator* |
# |---|---|---|
# | sees | the damaged picture | a picture, real or filled |
# | answers | a filling | one number, the probability that it is real |
# | wants | to be taken for real | to tell real from filled |
#
# Both learn at once, each against the other: an *adversarial* training, a generative adversarial network, or *GAN* ([@goodfellow2014generative]). To see everything that goes on, we begin with the smallest picture that can be damaged: **two pixels. One is known, the other is the hole.** The hole is dark or bright, as a coin falls, and the known pixel says nothing about it.

# %%
DARK, BRIGHT = 0.2, 0.8


def batch(count, chance):
    """Known pixels (count, 1) in [-1, 1], and what belongs into the holes (count, 1): dark or bright."""
    known = 2 * torch.rand(count, 1, generator=chance) - 1
    coin = torch.rand(count, 1, generator=chance) < 0.5
    noise = 0.03 * torch.randn(count, 1, generator=chance)
    return known, torch.where(coin, BRIGHT, DARK) + noise


def players(seed=0):
    """Two small networks from one number to one number; the critic's is a score, not yet a probability."""
    torch.manual_seed(seed)
    generator = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1), nn.Sigmoid()
    )
    critic = nn.Sequential(
        nn.Linear(1, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
    )
    return generator, critic


# %%
predict("context_encoder/one_pixel")

# %%
generator, critic = players()
optimiser = torch.optim.Adam(generator.parameters(), lr=5e-3)
chance = torch.Generator().manual_seed(0)
for _ in range(200):
    known, real = batch(64, chance)
    loss = (generator(known) - real).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
answers = generator(torch.linspace(-1, 1, 5)[:, None])[:, 0]
print("squared error, answers to five known pixels:", [f"{a:.2f}" for a in answers.tolist()])

# %% [markdown]
# Grey. It never saw a grey hole.
#
# ## The critic's move
#
# {{ minutes 5 }}
#
# The critic gives a score $s$, any number; its probability of "real" is $\sigma(s) = 1 / (1 + e^{-s})$. It is a classifier with two classes, real with label 1 and filled with label 0. The usual loss of a classifier is the *cross entropy*: minus the logarithm of the probability that it gave to the right answer. That is 0 if it was sure and right, and the larger, the surer it was of the wrong one. For a real pixel and a filled one together:
#
# $$ L_D = -\log \sigma(s_\text{real}) - \log\bigl(1 - \sigma(s_\text{filled})\bigr). $$
#
# (In the report of one course project the labels are the other way round. That would do as well, if both players agreed on it; nearly all code says 1 = real.) With $\mathrm{softplus}(z) = \log(1 + e^z)$ this is $\mathrm{softplus}(-s_\text{real}) + \mathrm{softplus}(s_\text{filled})$,
# which never takes the logarithm of 0. What does a critic lose that knows nothing, $s = 0$ for everything? Two times $\log 2$. Remember that number.

# %% tags=["compare"]
nothing = torch.zeros(4, 1)
print(f"a critic that knows nothing: {losses.bce_critic(nothing, nothing):.4f} = 2 log 2 = {2 * math.log(2):.4f}")
for s in (5.0, 200.0):
    careless = -torch.log(1 - torch.sigmoid(torch.tensor(s)))
    careful = F.softplus(torch.tensor(s))
    print(f"filled, with a score of {s:3.0f}: log of sigmoid {careless:7.3f}, softplus {careful:7.3f}")

# %% [markdown]
# Now one move, line by line. (`betas=(0.5, 0.999)` gives Adam a shorter memory than usual: the other player moves too, and what was downhill a few steps ago may not be so now.)

# %% tags=["compare"]
generator, critic = players()
move_critic = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.5, 0.999))
known, real = batch(64, torch.Generator().manual_seed(0))

filled = generator(known)  # 1. the generator fills the holes
score_real = critic(real)  # 2. the critic sees what belongs there,
score_filled = critic(filled.detach())  #    and what was filled in, cut off from its maker
loss_critic = F.softplus(-score_real).mean() + F.softplus(score_filled).mean()  # 3. how wrong is it?
move_critic.zero_grad()
loss_critic.backward()  # 4. which way is less wrong?
move_critic.step()  # 5. a step that way

print("gradients that have reached the generator:", sum(p.grad is not None for p in generator.parameters()))

# %%
predict("context_encoder/detach")

# %% [markdown]
# `detach` gives the same numbers without their history. Without it, `backward` would walk on into the generator and leave gradients there that make its fillings *easier to see through*. (In our loop you would notice: that piece of history is used up, so the generator's own `backward` would stop with an error. Who lets the generator fill a second time for its own move gets none.) (Two batches, one after the other, instead of one mixed one: our critic does not care. One with batch normalisation does.)
#
# ## The generator's move
#
# {{ minutes 5 }}
#
# The generator wants the opposite. The formula of the paper is one game for both, $\min_G \max_D\; \mathbb E \log D(x) + \mathbb E \log(1 - D(G))$. ($\mathbb E$ is the mean over the data, $x$ a real picture, $G$ short for what the generator filled in, and $D = \sigma(s)$ the critic's probability.) The critic makes the sum large, the generator makes it small: it would lessen $\log(1 - \sigma(s))$. That is the same wish as to lessen $-\log \sigma(s)$, *be taken for real*. But compare the slopes where the generator
# starts: badly, with scores far below 0.

# %%
predict("context_encoder/flat_slope")

# %%
s = torch.linspace(-6, 6, 121)
figure, axes = viz.figure(7, 2.8, columns=2, sharex=True)
ways = {"log(1 - D), as in the game": -F.softplus(s), "-log D, as in practice": F.softplus(-s)}
slopes = (-torch.sigmoid(s), torch.sigmoid(s) - 1)
for (name, loss), slope, style in zip(ways.items(), slopes, ("-", "--"), strict=True):
    axes[0, 0].plot(s, loss, style, label=name)
    axes[0, 1].plot(s, slope, style, label=name)
axes[0, 0].set(xlabel="score of a filling", ylabel="generator's loss")
axes[0, 1].set(xlabel="score of a filling", ylabel="slope")
axes[0, 0].legend(fontsize=9)
viz.show(
    figure,
    alt="Left, two falling curves of the generator's loss against the score. log of 1 minus D is flat on the "
    "left, where the score is low, and steep on the right; minus log D is steep on the left and flat on the "
    "right. Right, their slopes: the first is 0 on the left and minus 1 on the right, the second the other "
    "way round.",
    caption="The same wish, and two very different teachers.",
)

# %% [markdown]
# With the formula of the game, a generator whose fillings are seen through at once learns nothing from it: the slope is 0. **A critic that wins stops its generator.** So everybody uses $-\log D$ (the paper itself advises it), which is steepest there. Here is the move:

# %% tags=["compare"]
move_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))

score = critic(filled)  # not detached: the way back leads through the critic to the pixels
loss_generator = F.softplus(-score).mean()  # -log D
move_generator.zero_grad()
loss_generator.backward()  # this leaves gradients in the critic as well ...
move_generator.step()  # ... but only the generator moves; the critic's are cleared at its next move

before, after = F.softplus(-score).mean(), F.softplus(-critic(generator(known))).mean()
print("the generator moved, and its loss fell:", bool(after < before))

# %% [markdown]
# The generator has never looked at `real`. All that it knows of the truth came through the critic: *not* "your pixel should have been bright", but "brighter would have looked more real". That is a **loss that is learned**.
#
# ## The whole game
#
# {{ minutes 7 }}
#
# Both moves, again and again. Every few steps we write down what the generator answers, and how often the critic is right: on real ones, and on filled ones. Read the loop; it is all that there is.


# %%
GRID = torch.linspace(-1, 1, 101)[:, None]
LOOKS = batch(500, torch.Generator().manual_seed(99))  # to measure on


def play(steps, lr=1e-3, critic_lr=3e-3, adversarial=1.0, squared=0.0, head_start=0, seed=0):
    """The game: what was seen every 20 steps. ``head_start``: moves that the critic has before the generator begins."""
    generator, critic = players(seed)
    move_generator = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999), fused=True)
    move_critic = torch.optim.Adam(critic.parameters(), lr=critic_lr, betas=(0.5, 0.999), fused=True)
    chance, seen = torch.Generator().manual_seed(seed), []
    for step in range(-head_start, steps + 1):
        if step >= 0 and step % 20 == 0:
            seen.append(look(step, generator, critic))
        known, real = batch(64, chance)
        filled = generator(known)
        loss_critic = F.softplus(-critic(real)).mean() + F.softplus(critic(filled.detach())).mean()
        move_critic.zero_grad()
        loss_critic.backward()
        move_critic.step()
        if step >= 0:
            loss = adversarial * F.softplus(-critic(filled)).mean() + squared * (filled - real).square().mean()
            move_generator.zero_grad()
            loss.backward()
            move_generator.step()
    return seen


@torch.no_grad()
def look(step, generator, critic):
    known, real = LOOKS
    filled = generator(known)
    score_real, score_filled = critic(real), critic(filled)
    return {
        "step": step,
        "answers": generator(GRID)[:, 0],
        "belief": torch.sigmoid(critic(torch.linspace(0, 1, 101)[:, None]))[:, 0],
        "real": (score_real > 0).float().mean().item(),
        "filled": (score_filled <= 0).float().mean().item(),
        "critic": losses.bce_critic(score_real, score_filled).item(),
        "variety": (filled.var() / real.var()).item(),
        "squared": (filled - real).square().mean().item(),
        "to the nearest": torch.minimum((filled - DARK).abs(), (filled - BRIGHT).abs()).mean().item(),
    }


fair = play(600)

# %%
chosen = [fair[i] for i in (0, 5, 12, 30)]
figure, axes = viz.figure(9, 4.2, 2, 4, sharey="row")
for column, now in enumerate(chosen):
    top, bottom = axes[:, column]
    top.plot(GRID[:, 0], now["answers"], "-", color=viz.BLUE)
    for truth in (DARK, BRIGHT):
        top.axhline(truth, color=viz.GREY, linestyle=":")
    top.set(title=f"step {now['step']}", xlabel="known pixel", ylim=(0, 1))
    bottom.plot(torch.linspace(0, 1, 101), now["belief"], "--", color=viz.VERMILLION)
    bottom.set(xlabel="pixel in the hole", ylim=(0, 1))
axes[0, 0].set_ylabel("generator's answer")
axes[1, 0].set_ylabel("critic: real?")
viz.show(
    figure,
    alt="Four columns, from step 0 to the last. Above, the generator's answer against the known pixel: first "
    "a flat line at grey, then a slope, at last a step between dark and bright. Below, the critic's belief "
    "against the pixel in the hole: first flat, then low in the middle, at grey, and higher at both sides.",
    caption="Above: what the generator paints, dotted the two right answers. Below: what the critic takes for real.",
)

# %% [markdown]
# Nobody told the generator that there are two answers. The critic learned that grey is never real; its belief became a valley with grey at the bottom (the last column shows it best), and the generator climbed out of it on both sides: it now answers dark to some known pixels and bright to the others. Which ones? That is *arbitrary*: the known pixel serves it as a coin. It is wrong half of the time,
# **and nearly every answer could be real.** (Nearly: its answer is a smooth function of the known pixel, so on the way from dark to bright it has to pass through grey.)
#
# ## How often is the critic right?
#
# {{ minutes 5 }}

# %%
predict("context_encoder/draw_accuracy")

# %%
figure, axes = viz.figure(7, 3)
steps = [now["step"] for now in fair]
axes[0, 0].plot(steps, [now["real"] for now in fair], "-o", markevery=5, label="right on real ones")
axes[0, 0].plot(steps, [now["filled"] for now in fair], "--s", markevery=5, label="right on filled ones")
axes[0, 0].axhline(0.5, color=viz.GREY, linestyle=":")
axes[0, 0].set(xlabel="training step", ylabel="accuracy (share of 1)", ylim=(-0.03, 1.03))
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two curves that jump up and down, one often high where the other is low; after the beginning both "
    "stay between the two extremes, around the dotted line at one half.",
    caption="The critic's accuracy over time. Dotted: tossing a coin.",
)
late = fair[-10:]
both = [sum(now[name] for now in late) / len(late) for name in ("real", "filled", "critic")]
print(f"late in the game: right on {both[0]:.0%} of real, {both[1]:.0%} of filled ones; critic's loss {both[2]:.3f}")

# %% [markdown]
# *How this was computed: 500 fresh pixels at each look, mean of the last ten looks.* In an ordinary training one waits for a loss to fall. Here **a falling loss of one player is bad news for the other**, and at the end of a good game both stand where they began: the critic near a coin, its loss near $2 \log 2$, with restless curves. So a loss curve cannot say
# whether the pictures are good. Look at the pictures; and read *both* accuracies.
#
# ## How it fails
#
# {{ minutes 10 }}
#
# Two changes, nothing else. **A**: the generator's learning rate is ten times as large and the critic's a third. **B**: the critic gets a head start of 400 moves and a large learning rate.

# %%
predict("context_encoder/which_failure")

# %%
games = {
    "a fair game": fair,
    "A: a hasty generator": play(400, lr=1e-2, critic_lr=1e-3),
    "B: a critic ahead": play(300, critic_lr=1e-2, head_start=400),
}
figure, axes = viz.figure(9, 4.6, 2, 3, sharey="row")
for column, (name, seen) in enumerate(games.items()):
    top, bottom = axes[:, column]
    for now in seen:
        top.plot([now["step"]] * 101, now["answers"], ".", color=viz.BLUE, markersize=2, alpha=0.5)
    for truth in (DARK, BRIGHT):
        top.axhline(truth, color=viz.GREY, linestyle=":")
    top.set(title=name, ylim=(0, 1))
    at = [now["step"] for now in seen]
    bottom.plot(at, [now["real"] for now in seen], "-", label="real")
    bottom.plot(at, [now["filled"] for now in seen], "--", label="filled")
    bottom.set(xlabel="training step", ylim=(-0.03, 1.03))
axes[0, 0].set_ylabel("all answers")
axes[1, 0].set_ylabel("critic right on")
axes[1, 0].legend(fontsize=9)
viz.show(
    figure,
    alt="Three columns. A fair game: the generator's answers spread from dark to bright. A: all answers lie "
    "together and jump up and down, to dark, to bright and beyond; the accuracies leap between 0 and 1. "
    "B: all answers move to one of the two right ones and stay there; the critic is right on all filled "
    "ones and on half of the real ones.",
    caption="Above: all answers of the generator, step by step. Below: the critic's accuracies.",
)
print(f"{'last five looks':22} {'right on real':>13} {'on filled':>10} {'variety':>8}")
for name, seen in games.items():
    means = [sum(now[key] for now in seen[-5:]) / 5 for key in ("real", "filled", "variety")]
    print(f"{name:22} {means[0]:13.2f} {means[1]:10.2f} {means[2]:8.2f}")

# %% [markdown]
# *How this was computed: 500 fresh pixels at each look, mean of the last five looks, as shares of 1. Variety: the variance of the answers as a share of the truth's.*
#
# **Collapse** is what both have in common: *one* answer to everything, variety near 0. In **A** the critic says "dark looks real", the whole generator rushes to dark, the critic learns that dark is a trick, and all run to bright: a carousel without end. In **B** the generator fell to one side at the first push and stays. Look at the critic's accuracies: all
# filled ones are seen through, and *only half of the real ones are right*. It calls every pixel of that shade a fake, the real ones with it. (The table takes the last looks alone, and there the two games can look the same. What tells a carousel from a standstill is the path: the upper row of the figure.)
#
# | sign | what it says | what to try |
# |---|---|---|
# | both accuracies near one half, restless; variety near 1 | a balanced game | nothing |
# | both near 1, step after step | **the critic has won**; what it says is hardly of use | a smaller learning rate or a smaller network for the critic |
# | filled near 1, real near one half; variety near 0 | **collapse** on one answer | a slower critic, no head start; larger batches |
# | accuracies leap between 0 and 1; variety near 0 | **a carousel** | a slower generator |
# | both near 0 | the critic lags behind by a step | a quicker critic |
# | losses fine, pictures the same for every input | collapse; variety was not looked at | look at it: `train.CollapseWatch` does |
#
# One thing remains to be said: with other seeds the same settings may end otherwise. Adversarial training is known for it, and one run proves nothing. That is why its results, here and elsewhere, need several seeds.
#
# ## Two losses at once
#
# {{ minutes 5 }}
#
# For a hole, both questions count: *is it near the truth?* and *could it be real?* The Context Encoder ([@pathak2016context]) adds them up. $M$ is the mask and $x$ the true picture, as before, $F$ is the network, and $L_\text{adv}$ is the generator's loss from above, $-\log D$:
#
# $$ L = \lambda_\text{rec} L_\text{rec} + \lambda_\text{adv} L_\text{adv}, \qquad L_\text{rec} = \lVert (1 - M) \odot (x - F(M \odot x)) \rVert_2^2. $$

# %%
settings = "weight_reconstruction weight_adversarial lr lr_critic batch_size epochs images held_out"
for key in settings.split():
    printed = published.get(f"s3.context_encoder.{key}")
    print(f"{printed.title:56} {printed.text}")

# %% [markdown]
# *How this was computed: it was not, by us; these are settings of the paper and of the project that followed it.* A thousandth for the critic! Is that not nothing? Try it on the pixel, where the two wishes contradict each other as much as they can: the squared error wants grey, the critic anything but grey.

# %%
predict("context_encoder/small_weight")

# %%
weights = (0.0, 0.003, 0.03)
mixed = {f"critic's weight {w:g}": play(300, adversarial=w, squared=1 - w, lr=3e-3)[-1] for w in weights}
mixed["critic alone"] = fair[-1]
figure, axes = viz.figure(6.5, 3)
for (name, now), style in zip(mixed.items(), ("-o", "--s", "-.^", ":D"), strict=True):
    axes[0, 0].plot(GRID[:, 0], now["answers"], style, markevery=20, label=name)
axes[0, 0].set(xlabel="known pixel", ylabel="generator's answer", ylim=(0, 1))
axes[0, 0].legend(fontsize=9)
viz.show(
    figure,
    alt="Four lines of the generator's answer against the known pixel. Weight 0: flat at grey. The larger the "
    "critic's weight, the further the line leaves grey towards dark and bright; with the critic alone it is "
    "a step between the two.",
    caption="From the mean to a choice.",
)
print(f"{'':22} {'squared error':>14} {'from the nearest real value':>28}")
for name, now in mixed.items():
    print(f"{name:22} {now['squared']:14.3f} {now['to the nearest']:28.3f}")

# %% [markdown]
# *How this was computed: 500 fresh pixels at the last look.* Read the two columns against each other. In the first three lines **what is gained in the one is lost in the other.** (The last line is the game from above, with the critic alone, more steps and another learning rate, so it is not quite one more step of the same stair.) It is no accident: a filling that could be real has to make choices, wrong ones half of the time, and a wrong choice costs more than grey ([@blau2018perception] prove it in general). Nobody can have both; the weight says what
# you pay for what. Note, too, that the numbers 0.999 and 0.001 alone say little: what counts is how long the two *gradients* are, and a squared error is a small number.
#
# ## Half-way: what is known so far
#
# A good place to stop. The pixel has shown all that the game consists of; to begin again with, here it is in five sentences:
#
# - Where many answers are right, a squared error teaches **their mean**, which may be none of them.
# - The **critic** learns to tell real from filled; the **generator** learns from it which change would look more real. One step is a move of each.
# - The critic sees the filling *detached*; the generator lessens $-\log D$, which is steep where it starts.
# - Losses do not say how good the fillings are. **Both accuracies and the variety** say whether the game goes well, collapses, or is won by the critic.
# - The **joint loss** pays with nearness to the truth for realism, and a weight sets the price.
#
# What is left is to do the same with pictures instead of one pixel. When you come back, click on this text and choose *Run > Run All Above Selected Cell*: the second half goes on with the pictures loaded above.
#
# ## The Context Encoder
#
# {{ minutes 10 }}
#
# Now for pictures. The project behind this lesson built the network of the paper at 128 x 128. The hole is always in the middle; the network draws a **patch** that is a little larger than the hole.

# %%
predict("context_encoder/patch_side")

# %%
keys = ("size", "hole", "patch", "band", "band_weight")
setting = {key: published.get(f"s3.context_encoder.{key}").value for key in keys}
size, side, band = setting["size"], setting["hole"], setting["band"]
print(f"{side} + 2 * {band} = {side + 2 * band}; printed: {setting['patch']}")
net = models.create("context_encoder", size=32, latent=512)
print(f"the twin at 32 x 32: hole {net.hole_side}, patch {net.patch_side}, band {net.overlap}")

figure, axes = viz.figure(8, 3.2, columns=2)
plan, cut = axes[0]
from matplotlib.patches import Rectangle

first = (size - side) / 2
squares = ((0, size, "white", ""), (first - band, side + 2 * band, viz.SKY, ""), (first, side, viz.ORANGE, "//"))
for corner, width, colour, hatch in squares:
    plan.add_patch(Rectangle((corner, corner), width, width, facecolor=colour, edgecolor=viz.INK, hatch=hatch))
plan.annotate("patch", (first - band, size / 2), (8, size / 2 + 30), arrowprops={"arrowstyle": "->"})
plan.set(xlim=(-2, size + 2), ylim=(size + 2, -2), aspect="equal", xlabel="pixels")
plan.grid(visible=False)
weight = [setting["band_weight"] if band > i or i >= band + side else 1 for i in range(side + 2 * band)]
cut.step(range(len(weight)), weight, where="mid")
cut.set(xlabel="pixel of the patch, left to right", ylabel="weight of an error", ylim=(0, None))
viz.show(
    figure,
    alt="Left: a square of 128 pixels, in its middle a patch, in it the hatched hole, which leaves a narrow "
    "band of the patch free on each side. Right: the weight of an error along a row through the middle: high "
    "in the four pixels at each end, 1 between.",
    caption="The patch (blue) reaches over the rim of the hole (hatched). In that band errors weigh more.",
)

# %% [markdown]
# Why draw what is known? So that the patch *joins*: in the **border band** the right answer is no matter of taste, and a tenfold weight there pulls the colours of the whole patch into place (`losses.border_weighted`). The critic judges the patch as it was drawn, band and all; what you get in the end is composited.
#
# And here are the layers. No skip connection leads around the bottleneck, unlike [the U-Net](unit:autoencoder): what goes into the hole is not in the picture, there is nothing to copy.

# %% tags=["compare"]
with torch.device("meta"):  # shapes alone, no memory
    full_size = models.create("context_encoder")
table = models.summary(full_size, size=128)
print(table)
around_bottleneck = sum(row.parameters for row in table.rows if row.name in ("encoder.15", "decoder.0"))
print(f"\naround the bottleneck: {around_bottleneck / sum(row.parameters for row in table.rows):.0%} of all parameters")
latent = published.get("s3.context_encoder.latent").text
print(f"numbers in: {3 * 128 * 128:,}   in the bottleneck: {latent}   out: {3 * 64 * 64:,}")
print(f"the twin at 32 x 32: {sum(p.numel() for p in net.parameters()):,} parameters")

# %% [markdown]
# Details that matter, and that are easily got wrong:
#
# - **Holes are 0 in $[-1, 1]$**, that is mid grey. Set them to 0 before scaling and they are black.
# - **Batch norm after every convolution but the last**, leaky ReLU on the way down, ReLU on the way up, tanh at the end (a sigmoid stretched to $[-1, 1]$, the range of these pictures). The critic mirrors the encoder, from the patch to one number; *its* first layer has no batch norm either, so that it can see how bright a patch is. This is the style of DCGAN ([@radford2016unsupervised]).
# - **Real and filled patches go to the critic in batches of their own.** With batch norm a mixed batch is normalised by both kinds together.
# - **Adam with $\beta_1 = 0.5$**: a shorter memory, since the goal moves.
#
# One more thing the layer table says: this network draws rows and columns of *the middle*. Ask it for a box elsewhere:

# %% tags=["compare"]
try:
    net.inpaint(test.float([0]), masks.boxes(1, 32, generator=torch.Generator().manual_seed(1)).float())
except ValueError as problem:
    print(problem)

# %% [markdown]
# ## Watch it learn
#
# {{ minutes 10 }}
#
# `train.fit_adversarial` is your `play` with what one misses after an hour: both players' state in its checkpoints, a log, a stop on NaN that names the player. `TrainingMonitor` runs it beside the notebook, in a thread of its own. **Press Pause and look, press Resume, press Stop if you have seen enough**: the loss ends there, and the network keeps what it has learned.
# It is a narrow twin and a few hundred steps at most; what can it be expected to paint?

# %%
steps = {"quick": 160, "full": 4000}[inpaintlib.profile()]
torch.manual_seed(0)
net = models.create("context_encoder", size=32, width=16, latent=64)
critic = models.critic("context", size=32, width=16)
watch = train.CollapseWatch(steps=steps)
monitor = widgets.TrainingMonitor(
    train.fit_adversarial,
    net,
    pictures,
    masks.center_box,
    lambda prediction, target, mask: losses.border_weighted(prediction, target, mask, width=net.overlap),
    critic,
    adversarial_weight=0.01,
    critic_lr=1e-3,
    lr=2e-3,
    ema=0.95,
    epochs=steps * 32 / len(pictures),
    batch_size=32,
    callbacks=[watch],
    columns=["accuracy_real", "accuracy_fake", "reconstruction", "variety", "critic"],
    samples=train.Samples(test, masks.center_box, count=7, every=40 * 32 / len(pictures)),
)
monitor.start()
monitor

# %%
predict("context_encoder/what_first")

# %%
history = monitor.wait()
print(f"{history.stopped_by}; warnings of the watch: {watch.found or 'none'}")
evaluation.compare(
    {"mean of the image": baselines.mean_fill, "biharmonic": baselines.biharmonic, "our twin": net.inpaint},
    test,
    masks.benchmark("center")[:100],
    metrics=["psnr_hole"],
)

# %% [markdown]
# *How this was computed: 100 test images, the hole in the middle, composited; mean over images with its 95 % confidence interval.* Colours first, shapes much later. After seconds of training the biharmonic filling, which has learned nothing, is ahead; for what comes after minutes, and for a verdict, there are stored runs, of more than one seed.
#
# Read the critic, too: is it nearer to a coin or to a victory? And which of the two accuracies is the higher one, all along?
#
# ## With the adversary and without: three seeds each
#
# {{ minutes 10 }}
#
# The project published curves and pictures, and no figure of quality; there is nothing to compare with. So we ran the experiment that it suggests: the twin at 32 x 32, **trained by reconstruction alone, with the adversary at a thousandth, and at a hundredth**; the same images, the same number of steps, three seeds each. Two measures were fixed before:
# PSNR in the hole, and the *perceptual distance* of [metrics](unit:metrics), taken by a feature network that no training has used.

# %%
predict("context_encoder/who_wins")

# %%
stored = Path(inpaintlib.__file__).parents[1] / "docs" / "results" / "s3.json"
if stored.is_file():
    everything = json.loads(stored.read_text("utf-8"))["results"]
    centre = everything["centre"]
    print(f"{'':22} {'PSNR in the hole':>20} {'perceptual distance':>21}   seeds: PSNR")
    for name, row in centre.items():
        psnr, far = (row["columns"][f"composited {key}"] for key in ("psnr_hole", "perceptual"))
        seeds = ", ".join(f"{seed:.2f}" for seed in psnr["seeds"]) if len(psnr["seeds"]) > 1 else ""
        values = f"{psnr['mean']:9.2f} ± {psnr['half']:.2f} dB {far['mean']:14.3f} ± {far['half']:.3f}"
        print(f"{name:22} {values}   {seeds}")
else:
    print("The stored results are not here. Make them with: python -m inpaintlib.reproduce s3")

# %% [markdown]
# *How this was computed: `python -m inpaintlib.reproduce s3`, small budget; 1,000 test images, frozen centre masks, composited; mean over images and three seeds, half a 95 % confidence interval over images.* Both measures in one picture, better is up and to the right:

# %%
if stored.is_file():
    figure, axes = viz.figure(6.8, 4)
    for (name, row), marker, colour in zip(centre.items(), viz.MARKERS, viz.CYCLE, strict=False):
        psnr, far = (row["columns"][f"composited {key}"] for key in ("psnr_hole", "perceptual"))
        if name != "mean fill":  # far below on the left
            options = {"xerr": psnr["half"], "yerr": far["half"], "color": colour, "capsize": 3}
            axes[0, 0].errorbar(psnr["mean"], far["mean"], fmt=marker, label=name, **options)
    axes[0, 0].set(xlabel="PSNR in the hole (dB)", ylabel="perceptual distance")
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=9, loc="best")
    viz.show(
        figure,
        alt="Five points with error bars. The network trained by reconstruction alone is furthest right, beside "
        "biharmonic; with the adversary the point lies to the left and higher up; with the stronger one further "
        "left and a little higher still. Navier-Stokes is low on the left.",
        caption="The axis of the perceptual distance is turned: up is better. (The mean fill lies far outside.)",
    )
    for measure in ("PSNR", "perceptual distance"):
        for name, difference in everything[f"centre, {measure}"].items():
            lower = all(seed < 0 for seed in difference["seeds"])
            print(f"{name}: {measure} {'lower in all seeds' if lower else 'not lower in all seeds'}")

# %% [markdown]
# The pixel has told the truth: **with the adversary the PSNR falls, and the pictures come nearer to the truth in the eyes of a network.** Which training is better depends on what the picture is for, and a table with PSNR alone would have called the adversary a mistake.
#
# Then comes the hard part of honesty. *Biharmonic*, which has learned nothing, is as good as our best twin in PSNR at this budget. It was a run of minutes on one processor core; the project trained for hundreds of epochs. What do other networks do? The leaderboard of the course has some, in the centre and on boxes anywhere:

# %%
board = leaderboard.load()
print(f"{'':16} {'hole in the middle':^32} {'boxes anywhere':^32}")
print(f"{'':16}" + f" {'PSNR':>16} {'perceptual':>15}" * 2)
middle, anywhere = ({line.inpainter: line.values for line in board.group(kind).lines} for kind in ("center", "boxes"))
for name in middle:
    both = ""
    for values in (middle[name], anywhere.get(name)):
        if values is None:
            both += f" {'cannot do it':>32}"
        else:
            psnr, far = values["psnr"], values["perceptual"]
            both += f" {psnr.mean:6.2f} ± {psnr.half:.2f} dB {far.mean:7.3f} ± {far.half:.3f}"
    print(f"{name:16}{both}")

# %% [markdown]
# *How this was computed: `python -m inpaintlib.leaderboard`; 1,000 test images, frozen masks, composited, PSNR over the whole image; mean over images and half a 95 % confidence interval.* Look for `context_encoder` in the left half: its shipped weights were trained longer, with the joint loss of this lesson. Where does it stand in the one column, and where in the other?
#
# ## Good ones and bad ones, by a rule
#
# {{ minutes 5 }}
#
# Tables are means. Before you believe one, look at pictures; and before you look, say *which*, or you will find the ones that you like. **The rule: a hundred test pictures, sorted by the network's PSNR in the hole; the best two, the middle two, the worst two.**

# %%
predict("context_encoder/best_two")

# %%
shipped = models.create("context_encoder", pretrained=True).eval()
truth, centre_hole = test.float(), masks.benchmark("center")[:100].float()
fillings = {name: fill(truth, centre_hole) for name, fill in (("network", shipped.inpaint), ("biharmonic", baselines.biharmonic))}
psnr_of = {name: metrics.psnr(x, truth, data_range=1, mask=centre_hole, region="hole") for name, x in fillings.items()}


def six_by(score, caption, alt, sign=""):
    """The best two, the middle two and the worst two pictures by a score, each with both fillings and the truth."""
    order = score.argsort(descending=True)
    six = torch.cat([order[:2], order[49:51], order[-2:]])
    rows = [truth[six], *(x[six] for x in fillings.values()), truth[six]]
    titles = ["best", "best", "middle", "middle", "worst", "worst"]
    grid = viz.image_grid(
        [picture for row in rows for picture in row],
        columns=6,
        column_titles=titles,
        row_titles=["hole", *fillings, "truth"],
        masks=[*centre_hole[six], *[None] * 18],
        notes=[""] * 18 + [f"{score[i]:{sign}.1f} dB" for i in six],
        width=6,
    )
    viz.show(grid, alt=alt, caption=caption, max_bytes=80_000)


six_by(
    psnr_of["network"],
    "By the network's PSNR in the hole, which stands below.",
    "Six small pictures in four rows: with a hatched hole; filled by the network, with speckled texture that goes on across the hole; "
    "filled by the biharmonic equation, with soft blots; the truth. The best two have little contrast in the middle, the worst two strong light and dark.",
)
alike_r = torch.corrcoef(torch.stack(list(psnr_of.values())))[0, 1]
print(f"correlation of the network's PSNR with that of the biharmonic filling, picture by picture: {alike_r:.2f}")

# %% [markdown]
# *How this was computed: the shipped weights, 100 test pictures, frozen centre masks; PSNR over the hole alone.* The best two are not those that it understood: they are **easy**, the equation does well there too. Sorting by an error sorts the pictures. So a second rule, which takes that away: **the network's PSNR minus the equation's.**

# %%
six_by(
    psnr_of["network"] - psnr_of["biharmonic"],
    "By the network's lead in PSNR over the biharmonic filling, which stands below.",
    "Six other small pictures in the same four rows. On the left the equation has drawn a dark blot up or in from the rim and the network has not; "
    "on the right the equation's blot is soft and of the right colour, where the network has put speckles.",
    sign="+",
)
lead = psnr_of["network"] > psnr_of["biharmonic"]
print(f"ahead of the equation in {int(lead.sum())} of {len(lead)} pictures")

# %% [markdown]
# *How this was computed: as above, picture by picture.* Now go along both rows of fillings, and forget the numbers. The equation never invents: it draws the colours of the rim inwards, and is far off only where something dark or bright touches the rim and ends there. The network continues *texture*. From a distance its hole is often hard to find, close up it is full of speckles;
# and where its texture has an edge in the wrong place, PSNR charges for it twice, for the edge that is there and for the one that is missing. In the last two columns, which filling would *you* rather have? That is the exchange from the pixel, in pictures.
#
# In PSNR the lead of the leaderboard belongs to a network that has skip
# connections, sees the mask, and fills holes *anywhere*. The bottleneck of the Context Encoder was built to learn features, not to keep details, and today's inpainters have given it up. What they have kept are the joint loss and the critic: the next lesson's critic,
# [judging patch by patch](unit:patch_gan), no longer needs to know where the hole is.
#
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("context_encoder/falling_loss")

# %%
predict("context_encoder/same_patch")

# %%
predict("context_encoder/no_detach")

# %% [markdown]
# ## Common mistakes
#
# - **No `detach` in the critic's move**: its gradients reach the generator, and teach it to be seen through.
# - **`log(1 - D)` for the generator**: flat just where it starts.
# - **Logarithms of sigmoids**: infinite for large scores. Take scores and `softplus`, or `binary_cross_entropy_with_logits`.
# - **Reading a GAN's losses as progress**, or one accuracy without the other.
# - **Not looking at variety**: a collapse has fine losses.
# - **Comparing by PSNR alone** what was trained not to maximise it. **Or by the critic that it was trained against.**
# - **One seed.**
#
# ## Summary
#
# - A squared error is least at the mean of all answers, and a mean of pictures is blurred.
# - A critic is a loss that is learned: it says what looks real, and changes as the generator does.
# - One step: critic on real and on detached fillings, its move; then the generator by $-\log D$, its move.
# - A good game ends at a coin toss, with a loss of $2 \log 2$. Failure shows in both accuracies and in the variety.
# - The joint loss trades nearness to the truth for realism. The Context Encoder does it for a centre hole, through a bottleneck, with a weighted band along the rim.
#
# Now write the step yourself, in the [exercise](exercise:context_encoder).
#
# ## Sources
#
# - [@goodfellow2014generative]: the game, and the advice on its second loss.
# - [@radford2016unsupervised]: the layers and the optimiser's setting that made it work on pictures.
# - [@pathak2016context]: the Context Encoder.
# - [@blau2018perception]: why nobody can have both.
