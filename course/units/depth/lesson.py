# %% [markdown]
# {{ head }}

# %% [markdown]
# ## A table that seems to settle it
#
# {{ minutes 5 }}
#
# Most of a U-Net's parameters sit at its coarsest resolutions, where a picture has four or sixteen pixels ([the unit before](unit:autoencoder) counted them). Are they worth it? A course project
# asked exactly that. It trained a U-Net at three depths to fill lines in CIFAR-10 pictures, tried each on the same 50 images, and printed this:

# %%
import json
import math
import time
from collections import Counter
from pathlib import Path

import torch
from scipy.special import stdtrit

import inpaintlib
from course.checks import predict
from inpaintlib import data, losses, masks, metrics, models, published, viz
from inpaintlib.evaluation import mean_interval

PRINTED = (2, 3, 5)  # the depths in the printed table
figure, axes = viz.figure(6.8, 2.7, 1, 2)
panels = {"mae": "MAE (of a range of 1)\nlower is better", "dice": "Dice"}
for ax, (name, label) in zip(axes[0], panels.items(), strict=True):
    figures = [published.get(f"s4.depth.{name}_{depth}") for depth in PRINTED]
    values, spreads = [f.value for f in figures], [f.spread for f in figures]
    ax.errorbar(PRINTED, values, yerr=spreads, fmt="o", capsize=5)
    ax.set(xlabel="depth", ylabel=label, xticks=(2, 3, 4, 5))
viz.show(
    figure,
    alt="Two panels over depth 2, 3 and 5. Left, the mean absolute error falls from depth to depth, with "
    "wide error bars. Right, Dice rises from depth to depth, with very short error bars.",
    caption="The printed table as a picture: each value with the ± that was printed behind it.",
)
for depth in PRINTED:
    print(f"depth {depth}: {published.get(f's4.depth.mae_{depth}')}")
    print(f"         {published.get(f's4.depth.dice_{depth}')}")

# %%
predict("depth/first_look")

# %% [markdown]
# Keep your answer. In this lesson you run the study yourself, find out what such a ± can mean and what it cannot, and then come back to this table with better eyes.
#
# ## What is "depth"?
#
# {{ minutes 9 }}
#
# The table does not say. Layers? Poolings? Blocks? Before one can compare depths, one has to define them. In this course **depth is the number of resolutions** of the U-Net: depth 5 has four poolings, from 32 x 32 down to 2 x 2, and is the network that the
# project trained; depth 2 has one pooling.
#
# Each further resolution doubles the channels. What does that cost?

# %%
predict("depth/how_much_work")


# %% tags=["compare"]
def multiplications(model):
    """Products that one image of 32 x 32 takes: each weight is used once for each place."""
    total = 0
    for row in models.summary(model).rows:
        channels, height, width = row.shape
        places = height * width // (4 if row.layer == "ConvTranspose2d" else 1)  # those of its input
        total += (row.parameters - channels) * places  # without the biases
    return total


cost = {}
for depth in (2, 3, 4, 5):
    network = models.create("vanilla_unet", depth=depth)
    cost[depth] = sum(p.numel() for p in network.parameters()), multiplications(network)
    (parameters, products), (fewest, least) = cost[depth], cost[2]
    print(
        f"depth {depth}: {parameters:>9,} parameters ({parameters / fewest:4.1f} times depth 2), "
        f"{products / 1e6:3.0f} million products an image ({products / least:3.1f} times)"
    )

# %% [markdown]
# Each resolution has four times the weights of the one above, and a quarter of the places to use them. So parameters explode, and work grows by about the same amount with each resolution. **Depth is expensive in memory, and cheap in time.** (For a network that you have
# to send over a network, that is the wrong way round.)
#
# What does it buy? A pixel of the output sees a window of the input. Let us look at it: how much does the centre of the output change with each pixel of the input?

# %%
predict("depth/sees_all")

# %%
seen_by_centre = {}
torch.manual_seed(0)
for depth in (2, 3, 4, 5):
    network = models.create("vanilla_unet", depth=depth, width=16)
    x = torch.rand(16, 3, 32, 32, requires_grad=True)
    network(x, torch.ones(16, 1, 32, 32))[:, :, 16, 16].sum().backward()
    seen_by_centre[depth] = x.grad.abs().sum((0, 1))
pictures = {f"depth {d}": (g / g.max())[None] ** 0.25 for d, g in seen_by_centre.items()}
reached = [f"{int((g > 0).any(0).sum())} pixels wide" for g in seen_by_centre.values()]
viz.show(
    viz.image_row(pictures, notes=reached, width=7.5),
    alt="Four grey pictures of 32 by 32 pixels. At depth 2 a square around the centre, brighter inwards, "
    "with black all around it; at depths 3, 4 and 5 the whole picture is grey, bright at the centre.",
    caption="The input pixels on which the centre of an untrained network's output depends. Black: not at "
    "all. (Fourth root of the derivative, so that small ones show.)",
)

# %% [markdown]
# With three resolutions the centre already sees the whole picture, and still listens mostly to its neighbours. Our holes are lines of one or three pixels (a thickness of 2 is painted 3 wide by OpenCV): the nearest known pixel is always close. So here is an honest expectation, *written down before the study*:
#
# > For thin lines the step from depth 2 to 3 may help. Further depth has little to add on pictures of 32 x 32.
#
# Write yours down too. A guess made after the result is worth nothing.
#
# ## A study in seconds
#
# {{ minutes 9 }}
#
# The rules of a fair comparison: all networks see equally many pictures; those of one seed see the *same* pictures in the same order under the same masks; all are measured on the same test images under the same frozen masks, which nobody trained on. Only the depth differs.
#
# Every training also has its luck: first weights, the order of the pictures, their masks. All of it comes out of one number, the seed. So each depth is trained three times, with seeds 0, 1 and 2.

# %%
budget = {"quick": 480, "full": 5_000}[inpaintlib.profile()]  # pictures that each network sees
pictures = data.load_images("auto", split="train", limit=3000)
test = data.load_images("auto", split="test", limit=200).float()
holes = masks.benchmark("lines")[:200].float()
print(pictures.source)


def learn(depth=3, seed=0, lr=4e-3, batch=8, loss=losses.l1, seen=budget):
    """A small U-Net, trained on `seen` pictures with lines cut out."""
    torch.manual_seed(seed)  # the first weights
    chance = torch.Generator().manual_seed(seed)  # the pictures and their masks
    network = models.create("vanilla_unet", depth=depth, width=8)
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for _ in range(seen // batch):
        image = pictures.float(torch.randint(len(pictures), (batch,), generator=chance))
        mask = masks.lines(batch, 32, generator=chance).float()
        error = loss(network(image, mask), image, mask)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return network


def raw(network):
    with torch.no_grad():
        return network(test * holes, holes)


depths, seeds = (2, 3, 5), (0, 1, 2)
networks = {(depth, seed): learn(depth, seed) for depth in depths for seed in seeds}
outputs = {key: raw(network) for key, network in networks.items()}
errors = torch.stack([torch.stack([metrics.mae(outputs[d, s], test) for s in seeds]) for d in depths])
print("errors:", tuple(errors.shape), "= depths, seeds, test images")

# %%
predict("depth/how_far_apart")


# %%
def dots(ax, depths, by_seed, label):
    """A sign for each training, and a line through the means."""
    for seed, marker in enumerate(("o", "s", "^")):
        values = [row[seed] for row in by_seed]
        ax.plot(depths, values, marker, markersize=8, label=f"seed {seed}")
    ax.plot(depths, [sum(row) / len(row) for row in by_seed], "-", color=viz.INK, label="mean of seeds")
    ax.set(xlabel="depth (resolutions)", ylabel=label, xticks=list(depths))
    ax.margins(x=0.15, y=0.15)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.45 * (high - low))  # room for the legend
    ax.legend(ncols=2, fontsize=9, loc="upper center")


means = errors.mean(2).tolist()  # (depths, seeds)
figure, axes = viz.figure(6.2, 3)
dots(axes[0, 0], depths, means, "MAE of the whole image\n(of a range of 1), raw")
viz.show(
    figure,
    alt="Mean absolute error against depth, three signs at each depth for three seeds, and a line through "
    "their means. The signs of one depth lie as far apart as the depths do.",
    caption="Nine small networks. Each sign is one training; the line joins the means.",
)

# %% [markdown]
# Imagine a report that shows only the circles: seed 0, nothing else. Which depth would it have praised? And one that shows only the squares? Now you know why a single training is an anecdote. It is no speciality of small networks: in well-known benchmarks, too, luck is often as large as the progress that was reported ([@bouthillier2021accounting]).
#
# ## Two error bars, two questions
#
# {{ minutes 7 }}
#
# From one training we have 200 errors, one for each test image. Their mean is our figure, and the **standard deviation** $s$ says how much *images* differ. How far would the *mean* move, had we taken 200 other images? By about the **standard error** $s/\sqrt n$, and that gives the
# **confidence interval**
#
# $$ \bar x \pm t_{n-1}\,\frac{s}{\sqrt n}, $$
#
# where $\bar x$ is the mean of the $n$ values and $t$ is "Student's" factor ([@gosset1908probable]; its finder worked for a brewery, and signed as Student): nearly two for many values, more for few, because few values do not even tell $s$ well. All intervals here are
# 95 % confidence intervals: of those that one makes in this way, again and again from new values, nineteen of twenty hold the true mean.

# %%
predict("depth/three_values")

# %% tags=["compare"]
for n in (2, 3, 5, 10, 50, 200):
    t = stdtrit(n - 1, 0.975)
    print(f"n = {n:3d}: t = {t:5.2f}, half the interval is {t / math.sqrt(n):5.2f} times the deviation")

# %% [markdown]
# The formula does not care what the values are. Feed it **200 images** of one training, and it answers: *what would other images give, with these very weights?* Feed it **three trainings** of one depth, and it answers: *what would other trainings give, on these very images?* Two
# questions, two bars:

# %%
print("depth   mean MAE   over images   over seeds")
for depth, error in zip(depths, errors, strict=True):
    over_images, over_seeds = mean_interval(error.mean(0)), mean_interval(error.mean(1))
    print(f"{depth:5d}   {over_images.mean:8.4f}   ± {over_images.half:9.4f}   ± {over_seeds.half:8.4f}")

# %% [markdown]
# *How this was computed: mean raw MAE, 200 test images, frozen line masks; half of 95 % confidence intervals. Over images: each image's error is first averaged over the seeds. Over seeds: each seed's error is first averaged over the images.*
#
# "Which depth is better?" is a question about *trainings*: whoever reads the answer will train a network of their own, not use your very weights. It needs the bar on the right, which most tables do not show. More test images make the left bar
# shorter, and do nothing for the right one.

# %%
predict("depth/more_images")

# %% [markdown]
# ## Subtract first
#
# {{ minutes 3 }}
#
# There is a cheap way to see more. The 200 images differ far more than the networks do:

# %%
shallow, deep = errors[0, 0], errors[-1, 0]  # seed 0
figure, axes = viz.figure(6.8, 2.9, 1, 2)
axes[0, 0].plot(shallow, deep, "o", markersize=3)
low, high = float(errors.min()), float(errors.max())
axes[0, 0].plot((low, high), (low, high), "--", color=viz.GREY)
axes[0, 0].set(xlabel="MAE of an image, depth 2", ylabel="the same image, depth 5")
bins = torch.linspace(-0.08, 0.08, 33).tolist()
axes[0, 1].hist(shallow - shallow.mean(), bins, histtype="step", label="errors about mean")
axes[0, 1].hist(deep - shallow, bins, histtype="step", hatch="///", label="differences")
axes[0, 1].set(xlabel="MAE (of a range of 1)", ylabel="images")
axes[0, 1].legend(fontsize=9)
viz.show(
    figure,
    alt="Left, a cloud of points, one for each image, stretched along the diagonal: what is hard for one "
    "network is hard for the other. Right, two histograms: the errors of one network are spread wider "
    "than the differences of two networks on the same images, which are hatched.",
    caption="Left: 200 images, one seed; on the dashed line both networks are equally good. Right: the "
    "errors of one network about their mean, and the differences image by image.",
)
gap, unpaired = mean_interval(deep - shallow), math.hypot(mean_interval(shallow).half, mean_interval(deep).half)
print(f"deep - shallow, as if on different images: {gap.mean:+.4f} ± {unpaired:.4f}")
print(f"deep - shallow, image by image:            {gap.mean:+.4f} ± {gap.half:.4f}")

# %% [markdown]
# *How this was computed: raw MAE, 200 test images, one training each; half of 95 % confidence intervals.* A **paired comparison** takes the difference on each image *first* and averages then: what makes an image hard for everybody drops out. Never compare two means by looking whether their bars overlap, if you can subtract.
#
# The same with seeds: seed 0 gave both networks the same pictures and masks. Let us do it for each seed.

# %%
for seed in seeds:
    interval = mean_interval(errors[-1, seed] - errors[0, seed])
    decided = "0 is outside" if abs(interval.mean) > interval.half else "0 is inside"
    print(f"seed {seed}: depth 5 minus depth 2 = {interval.mean:+.4f} ± {interval.half:.4f}   {decided}")
over_seeds = mean_interval((errors[-1] - errors[0]).mean(1))
print(f"over seeds: {over_seeds.mean:+.4f} ± {over_seeds.half:.4f}")

# %% [markdown]
# *How this was computed: raw MAE, image by image; half of 95 % confidence intervals over 200 images, and in the last line over the three seeds.* A seed whose interval leaves 0 outside seems certain, and another seed says something else. Neither interval is wrong. They answer the question about
# images, and you had asked the one about trainings: the last line, where 0 may well be inside.
#
# ## The same study, longer
#
# {{ minutes 8 }}
#
# Seconds are no training. The course keeps the result of a longer run of this study: four depths, three seeds each, more channels, the frozen masks and 1,000 test images. Beside it stands what was printed.

# %%
path = Path(inpaintlib.__file__).parents[1] / "docs" / "results" / "s4.json"
if not path.exists():
    raise FileNotFoundError("docs/results/s4.json is missing; make it with: python -m inpaintlib.reproduce s4")
stored = json.loads(path.read_text("utf-8"))
ours = stored["results"]["depths"]
print("depth  parameters   raw MAE, over images   over seeds   composited        | as printed")
by_seed = []
for depth in (2, 3, 4, 5):
    row = ours[f"depth {depth}"]
    one, two = row["columns"]["raw mae"], row["columns"]["composited mae"]
    by_seed.append(one["seeds"])
    spread = mean_interval(torch.tensor(one["seeds"])).half
    printed = published.get(f"s4.depth.mae_{depth}").text if depth in PRINTED else "missing"
    whole, filled = (f"{x['mean']:.4f} ± {x['half']:.4f}" for x in (one, two))
    print(f"{depth:5d}  {row['parameters']:>10,}   {whole}        ± {spread:.4f}     {filled}   | {printed}")
for method in ("mean fill", "Navier-Stokes", "biharmonic"):
    two = ours[method]["columns"]["composited mae"]
    print(f"{method:13}     learns nothing {' ' * 25} {two['mean']:.4f} ± {two['half']:.4f}")

# %% [markdown]
# *How this was computed: `python -m inpaintlib.reproduce s4`, whose page is docs/results/s4.md; 1,000 test images. MAE over the whole image; ± over images is half a 95 % confidence interval of the mean over seeds, ± over seeds one over three trainings; what the printed ± is, its source does not say.*

# %%
figure, axes = viz.figure(6.8, 3, 1, 2)
dots(axes[0, 0], (2, 3, 4, 5), by_seed, "raw MAE (of a range of 1)")
axes[0, 0].set_title("ours")
values = [published.get(f"s4.depth.mae_{d}") for d in PRINTED]
axes[0, 1].errorbar(PRINTED, [v.value for v in values], yerr=[v.spread for v in values], fmt="D", capsize=5)
axes[0, 1].set(xlabel="depth (not defined there)", title="as printed", xticks=(2, 3, 4, 5))
axes[0, 1].margins(x=0.15)
viz.show(
    figure,
    alt="Two panels. Left, ours: error against depth 2 to 5, three signs at each depth whose heights "
    "overlap between depths, with a line of means that falls a little and rises again. Right, as "
    "printed: a steady fall from depth 2 over 3 to 5, with wide error bars; depth 4 is missing.",
    caption="The stored study and the printed one. The two panels have axes of their own: network, "
    "training and pictures differ.",
)

# %% [markdown]
# Does depth help, then? Step by step, paired by seed:

# %%
seen = ours["depth 5"]["images"]
print("step                   over images        seed by seed              over seeds")
undecided = 0
for name, step in stored["results"]["steps"].items():
    over_seeds = mean_interval(torch.tensor(step["seeds"]))
    undecided += abs(over_seeds.mean) <= over_seeds.half
    each = " ".join(f"{value:+.4f}" for value in step["seeds"])
    image_bar, seed_bar = f"{step['mean']:+.4f} ± {step['half']:.4f}", f"± {over_seeds.half:.4f}"
    print(f"{name}  {image_bar}   {each}   {seed_bar}")
steps = list(stored["results"]["steps"].values())
certain = sum(abs(step["mean"]) > step["half"] for step in steps)
print(f"\nOver images {certain} of {len(steps)} steps look decided, over seeds {len(steps) - undecided}.")
last = torch.tensor(by_seed[3]) - torch.tensor(by_seed[0])  # depth 5 minus depth 2
needed = math.ceil((2 * last.std() / last.mean()).square())
print(f"If depth 5 minus depth 2 is the {last.mean():+.4f} seen here, deciding it takes {needed} seeds or more.")
views = published.get("s4.epochs").value * published.get("s0.train_images").value
print(f"Each network of ours saw {seen:,} pictures; the project's {views:,}, {views / seen:.0f} times as many.")

# %% [markdown]
# *How this was computed: differences of the raw MAE; over images as stored, half a 95 % confidence interval over 1,000 images; over seeds, over three trainings. The number of seeds is $(2 s / d)^2$, with the deviation $s$ and mean $d$ of the differences by seed.*
#
# Look at the columns: over images a step can look certain while its seeds do not agree on the sign. So what this study has found out is not how deep a U-Net should be, but **how large the luck of a training is**, and that it hides whatever depth does for thin lines *at this budget*. That sentence is a
# result. It says how many seeds the next study needs, and that the step which everybody expected, larger is better, is not there for the taking.
#
# Three more things to see in the table:
#
# - **A budget belongs to every conclusion.** Our networks saw a small part of what the project's saw; a deep network has more to learn, and may well profit more from a longer training. Whoever has a GPU: `python -m inpaintlib.reproduce s4 --budget full` runs the project's own size.
# - **Raw and composited are different races.** Most of the raw error lies on *known* pixels, which the network has to copy through all of its layers. Composited, the depths are nearly the same.
# - **Two methods that learn nothing**, biharmonic and Navier-Stokes, are still ahead, composited. Lines are easy, and our training is short.
#
# ## Not only depth: learning rate and batch size
#
# {{ minutes 7 }}
#
# Depth is one **hyperparameter**, a setting that training does not learn. Two others come before it. Same network, same number of pictures; the batch has 4 or 16 of them, so there are more or fewer steps:

# %%
predict("depth/rate_and_batch")

# %%
rates = [1e-3, 4e-3, 1.6e-2, 6.4e-2]
shown = 2 * budget // 3  # pictures, for each point
figure, axes = viz.figure(6.2, 3)
for batch, style in ((4, "-o"), (16, "--s")):
    begin = time.perf_counter()
    tried = [raw(learn(lr=lr, batch=batch, seen=shown)) for lr in rates]
    speed = len(rates) * shown / (time.perf_counter() - begin)
    reached = [metrics.mae(output, test).mean().item() for output in tried]
    axes[0, 0].plot(rates, reached, style, label=f"batches of {batch}")
    steps = f"{shown // batch} steps, {speed:.0f} pictures a second"
    print(f"batches of {batch:2d}: {steps}, MAE {min(reached):.4f} at best, {max(reached):.4f} at worst")
axes[0, 0].set(xscale="log", xlabel="learning rate", ylabel="raw MAE (of a range of 1)", ylim=(0, None))
axes[0, 0].legend()
viz.show(
    figure,
    alt="Error against the learning rate on a logarithmic axis, two curves shaped like a valley with a "
    "steep wall on the right; that for batches of 16 lies above that for batches of 4.",
    caption="Equally many pictures each. To the left the steps are too small, to the right too large.",
)

# %% [markdown]
# *How this was computed: one training for each point, depth 3, seed 0; mean raw MAE, 200 test images. The speeds hold for this machine and moment.*
#
# - **Learning rate.** A valley: too small and the training is not over when it ends, too large and it never settles. Look at the height of its walls: a learning rate that is off by a factor of sixteen costs far more than any step of depth in this lesson. So *a study that
#   gives all depths the learning rate that happens to suit one of them is not a study of depth.*
# - **Batch size.** With the same pictures, smaller batches mean more steps, each on a noisier derivative. After so few pictures the number of steps is what counts. Larger batches use the machine better, and towards the end of a long training their calmer derivative is worth having; making the batch larger then does what
#   making the learning rate smaller does ([@smith2018dont]). The two have to be chosen together.
# - All of it must be chosen on *validation* pictures. Here we looked at the test images, as a demonstration; a figure that was chosen this way may not be reported.
#
# ## The loss decides what you will be good at
#
# {{ minutes 4 }}
#
# Three losses: the mean absolute error over the whole image (the project's), the squared error, and the absolute error in the hole alone.

# %%
predict("depth/which_loss")

# %%
trained = {"MAE, whole image": [outputs[3, s] for s in (0, 1)]}
for name, loss in {"MSE, whole image": losses.mse, "MAE, hole alone": losses.hole_l1}.items():
    trained[name] = [raw(learn(seed=s, loss=loss)) for s in (0, 1)]
print("trained with         whole image, raw MAE    hole, MAE")
for name, results in trained.items():
    whole = [f"{metrics.mae(y, test).mean():.4f}" for y in results]
    hole = [f"{metrics.mae(y, test, mask=holes, region='hole').mean():.4f}" for y in results]
    print(f"{name:17}      {'  '.join(whole)}      {'  '.join(hole)}")

# %% [markdown]
# *How this was computed: depth 3, seeds 0 and 1, means over 200 test images.* Train on the hole, and nothing asks the network to copy what is known: its raw picture is worse, its filling need not be. If you composite, the raw picture does not matter; whether the filling gains,
# two seeds may not tell. So two networks with different losses cannot be ranked by one
# of these columns. Compare the two seeds before you believe the column on the right. What else a loss does to a picture has a unit of its own: [what a loss makes a network do](unit:losses).
#
# ## Back to the printed table
#
# {{ minutes 12 }}
#
# You have now run such a study. Read the printed one again, with five questions. None of them needs the project's code.
#
# ### Is the thing that was varied defined, and is the row there?
#
# Depth is not defined, and depth 4 is missing between 3 and 5. In its text the report describes a U-Net with 64 channels, unpadded, with cropped skips; the network in its code has 32, padded, uncropped. Which one was varied? And of repeated trainings it says nothing, so nothing is known about luck.
#
# ### Do the printed means come from the printed rows?
#
# The report lists its 50 rows. Averaging them is a minute's work:

# %% tags=["compare"]
for depth in PRINTED:
    mean, of_rows = (published.get(f"s4.depth.mae_{depth}{tail}") for tail in ("", "_rows"))
    print(f"depth {depth}: printed {mean.text}, mean of its rows {of_rows.text}")

# %% [markdown]
# None of the three agrees to the last digit. The differences are small. But a mean that a computer took of these rows, as they are printed, would agree; so the means were taken of something else. (Even where rows are not printed one can sometimes tell: from rows of whole numbers only certain means are possible, and [@brown2017grim] found many that are not.)
#
# ### What is the ±, and can it be?
#
# A ± without a word can be a standard deviation, a standard error, or half a confidence interval. With 50 images they differ by a factor of seven:

# %% tags=["compare"]
count = published.get("s4.depth.images").value
first, second = (published.get(f"s4.depth.mae_{depth}") for depth in (2, 3))
gap, t = first.value - second.value, stdtrit(count - 1, 0.975)
print(f"depth 2 minus depth 3: {gap:.5f}. If the printed ± is ...")
readings = {"a standard deviation": math.sqrt(count), "a standard error": 1, "half an interval": t}
for reading, divide in readings.items():
    half = math.hypot(first.spread, second.spread) * t / divide
    decided = "decided" if gap > half else "undecided"
    print(f"  {reading:20}: the gap is {gap:.5f} ± {half:.5f} over images: {decided}")

# %% [markdown]
# (As if the images were different ones, since we have no pairs.) The same table decides or does not, depending on a word that was left out. For the MAE a standard deviation is the likely reading: undo ours over images ($s$ is half the interval times $\sqrt{200}$, divided by $t$), and it has
# the same size in relation to its mean.
#
# And Dice? [How good is a filling?](unit:metrics) showed that an image's Dice *with itself* is far from 1, and differs from image to image. Whatever a network does, images differ. Let us draw 50 test images, again and again, and look how small the deviation of their Dice can get when the network is **perfect**:

# %%
predict("depth/how_small")

# %%
itself = metrics.dice_of_truth(data.load_images("auto", split="test", limit=1000).float())
torch.manual_seed(0)
draw = torch.randint(len(itself), (5000, count))
deviations = itself[draw].std(1)
error_bars = deviations / math.sqrt(count)
printed = [published.get(f"s4.depth.dice_{depth}").spread for depth in PRINTED]
figure, axes = viz.figure(6.4, 2.6)
axes[0, 0].hist(deviations, bins=30, histtype="stepfilled", label="deviation over 50 images")
axes[0, 0].hist(
    error_bars, 10, histtype="stepfilled", hatch="///", color=viz.SKY, label="standard error of their mean"
)
axes[0, 0].plot(printed, [200] * 3, "v", color=viz.VERMILLION, markersize=9, label="printed ±")
axes[0, 0].set(xlabel="±  (Dice)", ylabel="draws of 50 images", xlim=(0, None))
axes[0, 0].legend(fontsize=9)
viz.show(
    figure,
    alt="A histogram of standard deviations far to the right, a hatched one of standard errors near a "
    "seventh of it, and far to the left of both, close to zero, three triangles for the printed values.",
    caption="What the ± of Dice can be when every image is filled without any error, in 5,000 draws of 50 "
    "images, and what was printed.",
)
of_batches = itself[torch.randint(len(itself), (500, count, 32))].mean(2).std(1)
print(f"smallest deviation over 50 images: {deviations.min():.4f}, smallest standard error: {error_bars.min():.4f}")
print(f"smallest deviation if each row were the mean of a batch of 32: {of_batches.min():.4f}")
print(f"largest ± printed: {max(printed):.4f}")

# %% [markdown]
# *How this was computed: each of 1,000 test images, its Dice with itself; 5,000 draws of 50 of them (500 of 50 batches), with replacement.* The printed ± is smaller than the smallest that occurred, read as a deviation, as a standard error, or as one over batches. A network can be good; it cannot make images alike. **A number can be too good to be a measurement.**
#
# ### Do the rows behave like measurements?
#
# Two networks on the same images give differences that scatter; you have drawn such a cloud. Here are two columns of a made-up table beside two of your own networks. How often does the most frequent difference occur?

# %%
made_up = (
    [0.513, 0.602, 0.587, 0.449, 0.634, 0.571, 0.498, 0.556],  # one depth
    [0.563, 0.652, 0.657, 0.499, 0.684, 0.621, 0.548, 0.606],  # another
)
mine = [metrics.dice(outputs[depth, 0], test)[:50].tolist() for depth in (3, 5)]
for name, columns in {"made up": made_up, "your networks": mine}.items():
    differences = Counter(round(b - a, 3) for a, b in zip(*columns, strict=True))
    (most, times) = differences.most_common(1)[0]
    print(f"{name:13} {len(columns[0])} rows, {len(differences)} different differences, {most:+.3f} in {times} rows")
moved, rows = published.get("s4.depth.dice_shifted"), published.get("s4.depth.images")
print(f"as printed: in {moved.value} of {rows.value} rows the Dice of another depth plus 0.05 or 0.07")

# %% [markdown]
# *How this was computed: the made-up columns are typed in the cell; yours are soft Dice of raw outputs for 50 test images, rounded to three digits; the last line was counted once in the printed rows.* Columns that are copies of each other, moved by a round number, hold one column's worth of
# information, or none. In the same table the losses differ by whole thousandths, and many repeat the digits of their Dice. How it came to that, we do not know and need not guess: a spreadsheet that was dragged, a placeholder that stayed. What we do know is that *this table says nothing about depth.*
#
# ### Is the measure any good?
#
# Give it the truth, and something stupid. And ask how it was averaged: the project's Dice adds 1 to both parts of the fraction, above and below its line ("smoothing"), and takes the sums over a whole batch at once:

# %%
truth, white = test[:32], torch.ones_like(test[:32])


def batch_dice(a, b, smooth=1.0):
    return (2 * (a * b).sum() + smooth) / (a.sum() + b.sum() + smooth)


for name, picture in {"the truth": truth, "your depth 3": outputs[3, 0][:32], "all white": white}.items():
    by_image, at_once = metrics.dice(picture, truth).mean(), batch_dice(picture, truth)
    print(f"{name:13} mean of Dice by image {by_image:.4f}   over the batch, smoothed {at_once:.4f}")
print("depth 5:", published.get("s4.depth.dice_5"))
print("at the end of the training:", published.get("s4.dice"))

# %% [markdown]
# *How this was computed: the first 32 test images, raw output.* White beats the truth either way. Over a batch, bright images weigh more, so the two ways give different numbers for the same pictures; whoever compares must know which one it was. And look at the last two lines: what was printed as a result is about what the truth itself scores on CIFAR-10, over batches. Nothing in such a figure can tell a good filling from a
# perfect one.
#
# ## And the training log
#
# {{ minutes 4 }}
#
# The same report prints its validation error now and then during training:

# %% tags=["compare"]
for epoch in (1, 5, 10, 15, 20):
    print(f"epoch {epoch:2d}: {published.get(f's4.validation_{epoch}')}")
print(f"best:     {published.get('s4.validation_best')}")

# %% [markdown]
# The masks were drawn afresh for each validation, so part of the up and down is in the ruler, not in the network. How large a part? Measure one network ten times under fresh masks:

# %%
network = networks[3, 0]
with torch.no_grad():
    again = []
    for draw in range(10):
        fresh = masks.lines(len(test), 32, generator=torch.Generator().manual_seed(draw)).float()
        again.append(metrics.mae(network(test * fresh, fresh), test).mean().item())
wobble = torch.tensor(again).std().item()
print(f"200 images, ten draws of masks: from {min(again):.4f} to {max(again):.4f}, deviation {wobble:.5f}")
print(f"10,000 images would wobble by about {wobble * math.sqrt(200 / 10_000):.5f}")
move = published.get("s4.validation_20").value - published.get("s4.validation_best").value
print(f"from the best epoch to the last: {move:.4f}")

# %% [markdown]
# *How this was computed: raw MAE of one small network on 200 test images; the wobble shrinks with the root of the number of images.* For a large validation set the fresh masks explain little of the move: most of it is the training itself, whose steps never end if the learning rate is never lowered. But you could only find out by measuring. Freeze the masks of a validation, and the question
# does not arise. The course's benchmark masks are frozen for that reason.
#
# "Best epoch" is one more trap: it is the luckiest of twenty looks. And the pictures that the report shows were filled in *training* images. On those, [a network may simply remember](unit:autoencoder).
#
# ## How to read a table of results
#
# {{ minutes 2 }}
#
# | ask | because |
# |---|---|
# | What exactly was varied, and what was held equal? | a word like "depth" can mean three things; the learning rate may suit only one row |
# | Which images, which masks, raw or composited, over what? | else nothing can stand beside it |
# | What is the ±: over images or over trainings, deviation or interval? | factors of seven, and two different questions |
# | How many trainings? | one is an anecdote |
# | Do means follow from rows, do rows scatter like measurements? | tables are typed by people |
# | What does the measure say of the truth, and of something stupid? | a scale without its ends is no scale |
# | Where is the simplest method? | the best of three networks may be worse than none |
# | Who chose the winner, and on which images? | the luckiest of twenty looks good |
#
# A table that fails is no reason for scorn. Everybody makes one of these mistakes; the point is to be the one who finds it.
#
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("depth/check_overlap")

# %%
predict("depth/check_bars")

# %%
predict("depth/check_tuned")

# %% [markdown]
# ## Common mistakes
#
# - **One training for each row.** Then the table compares lucks.
# - **All images of all seeds in one pot.** 3 x 200 errors are no 600 independent values: those of one training share its luck. Average over images first, then look at three numbers.
# - **Reading overlapping bars as "no difference".** Subtract first.
# - **Comparing after equally many epochs, at one learning rate**, and calling the difference "depth".
# - **A ± without a word.** Write what it is, over what, and over how many.
# - **Choosing on the test images**, then reporting on them.
#
# ## Summary
#
# - Depth multiplies parameters by four and adds a constant amount of work. On 32 x 32 pixels three resolutions already see everything.
# - Error bars over images and over trainings answer different questions. Which of two *kinds* of network is better is a question about trainings.
# - Paired differences see what bars side by side cannot.
# - Learning rate, batch size and loss can move a figure more than depth does; a fair study gives each row the chance to do its best.
# - A printed table can be checked without its code: definitions, rows, ±, the ends of the scale.
#
# Now do the [exercise](exercise:depth): write an interval, mend a comparison, tell two error bars apart, catch a copied column, and run a study of your own.
#
# ## Sources
#
# - [@gosset1908probable]: intervals from few values.
# - [@brown2017grim]: means that their own rows cannot have.
# - [@bouthillier2021accounting]: how much of a benchmark is luck, and what to vary.
# - [@smith2018dont]: batch size and learning rate belong together.
# - [@kingma2015adam].
# - [@ronneberger2015unet].
