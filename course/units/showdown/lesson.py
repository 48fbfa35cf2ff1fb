# %% [markdown]
# {{ head }}

# %% [markdown]
# ## First, your own eye
#
# {{ minutes 12 }}
#
# Here are pairs of small photographs. In each pair one is untouched; in the other, thin lines were cut out and filled by an inpainter. **Which one is untouched?** Click it, or use the arrow keys. Nobody
# but you sees the score, and the truth comes only after your answer.

# %%
import contextlib
import io
import itertools
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, evaluation, leaderboard, masks, models, viz, widgets
from inpaintlib.evaluation import proportion
from inpaintlib.leaderboard import cli, entries, ranking

torch.manual_seed(0)
pictures = data.load_images("auto", split="test", limit=60)
print(pictures.source)

kind = "lines"  # take the test again with "strokes", and with "boxes"
untouched, holes = pictures.float(), masks.benchmark(kind)[:60].float()
course_unet = models.create("course_unet", pretrained=True)
partial_unet = models.create("partial_unet", pretrained=True)
judged = {
    "biharmonic": baselines.biharmonic,
    "nearest patch": baselines.nearest_patch,
    "course U-Net": course_unet.inpaint,
}
filled = {name: fill(untouched * holes, holes) for name, fill in judged.items()}
test = widgets.RealOrFake(untouched, filled, holes, rounds=20, seed=3)
test

# %% [markdown]
# Done? Then you have a score, such as 14 of 20. Somebody who guesses gets 10 on average, but not always 10. So before you are proud:

# %%
predict("showdown/fourteen_of_twenty")

# %% [markdown]
# The widget shows, beside your share of right answers, a **confidence interval**: all the true shares with which a result like yours would be no surprise ([@wilson1927probable]). As long as the one half of a guesser lies inside it, your result can be
# luck. How many answers does it take until it cannot?

# %% tags=["compare"]
for right, of in ((7, 10), (14, 20), (35, 50), (70, 100)):
    score = proportion(right, of)
    print(f"{score!s:62}", "more than luck" if score.low > 0.5 else "can be luck")

# %% [markdown]
# The same share, seven of ten, means nothing after ten answers and a lot after fifty. Keep this picture in mind: **a result is a number and an interval**. The rest of this lesson does to inpainters what the widget did to you.

# %%
print("you:", test.score)
for name, part in test.by_inpainter().items():
    print(f"   {name:14} {part}")

# %% [markdown]
# ### Look closer
#
# What gives a filling away? Drag the divider over the hole; switch the outline on; change the menus. (By keyboard: Tab to the divider, then the arrow keys.)

# %%
cat = F.interpolate(
    data.load_photo("chelsea")[:, :, 20:276, 90:346], size=128, mode="area"
)  # (1, 3, 128, 128)
cut = masks.strokes(1, 128, generator=torch.Generator().manual_seed(10)).float()
views = {"original": cat} | {name: fill(cat * cut, cut) for name, fill in judged.items()}
widgets.CompareSlider(views, left="biharmonic", right="original", mask=cut)

# %% [markdown]
# Look for three traces: a filling is too **smooth** (it lacks the grain of its surroundings), it **repeats** (a patch has come from elsewhere), or a **line breaks** at the rim. The first can be seen without knowing what the picture shows.

# %% [markdown]
# ## An eye of another kind
#
# {{ minutes 4 }}
#
# The course has a second judge, a small network that marks each pixel which it holds for painted in: the hole detector of [metrics](unit:metrics). Give it your task. It looks at both pictures of a pair and calls the one untouched in which it suspects less.

# %%
predict("showdown/detector_against_you")

# %%
detector = models.detector(pretrained=True)
suspicion = detector(untouched).mean((1, 2, 3))  # of each untouched picture, 0 to 1
for name, y in filled.items():
    right = detector(y).mean((1, 2, 3)) > suspicion
    print(f"the detector, {name:14} {proportion(int(right.sum()), len(right))}")
answered = [answer.right for answer in test.answers]
print("you, all together:           ", proportion(sum(answered), len(answered)))
print("the detector learned from pictures", detector.card["data"].split("; ")[-1])

# %% [markdown]
# *How this was computed: 60 pairs an inpainter, the frozen masks of the kind that you chose above; the last line says whose fillings the detector learned from.* What fools your eye need not fool a network. What does it see? One guess is missing grain. But nearest patch *copies*, and so brings real grain along: if it is caught as often as the others, grain cannot be all. Seams, where the copy does not fit its surroundings, are another guess; the cell does not decide between them. And compare
# these lines with the tables below: an inpainter can win them all and still leave traces.
#
# Is the detector, then, a lie detector? A good witness must also keep quiet when nothing happened. Show it *untouched* pictures, of the kind that it learned from, and others: pieces cut from large photographs.


# %%
def pieces(name):
    """A photograph, cut into squares of 32 x 32: (N, 3, 32, 32)."""
    return F.unfold(data.load_photo(name), 32, stride=32).view(3, 32, 32, -1).permute(3, 0, 1, 2)


large = torch.cat([pieces(name)[::2] for name in ("astronaut", "rocket", "coffee")])
for name, x in {"the test pictures": untouched, "pieces of large photographs": large}.items():
    accused = (detector.find(x) == 0).float().mean((1, 2, 3)) > 0.02
    share = proportion(int(accused.sum()), len(x))
    print(f"{name:28} accused, though untouched: {share.right} of {share.of}", end="   ")
    print(f"(share {share.low:.2f} to {share.high:.2f})")

# %% [markdown]
# *How this was computed: a picture counts as accused when the detector marks more than one pixel in fifty.* The detector knows one kind of picture. Of the large photographs it accuses nearly every other piece, though nobody touched one of them, and of CIFAR-10's, which it learned from, far fewer. **A detector is a reason to look closer, never a proof**, and its score, like yours, holds for pictures of the kind that it was measured on.

# %% [markdown]
# ## The arena
#
# {{ minutes 3 }}
#
# Now all inpainters of the course against each other. What makes such a comparison worth reading? The same pictures, the same holes, and the same rules for everybody:
#
# - **Frozen holes.** The masks were drawn once and are known by their SHA-256, a fingerprint that changes with any single pixel. Your machine must get the very same ones.
# - **Nothing under the hole.** Each inpainter sees zeros there; one that would peep is caught before it is measured.
# - **Composited.** Known pixels are kept, for all.
# - **One clock**, one processor core.
#
# `python -m inpaintlib.leaderboard` runs it and takes long; this lesson reads what it has stored. The judge of its perceptual distance, printed below, is a small network of the course that was trained for measuring and for nothing else; what perceptual distance is, [metrics](unit:metrics) tells.

# %%
board = leaderboard.load()
print(board.images)
print(f"{len(board.inpainters)} inpainters, {len(board.kinds)} kinds of masks")
print(board.made["judge"])
print(f"measured on {board.made['hardware']}, {board.made['date']}")

# %% tags=["compare"]
for group in (board.group(kind) for kind in ("lines", "boxes")):  # or any other of board.kinds
    mine = masks.sha256(masks.benchmark(group.kind, group.images))
    same = "as in the table" if mine == group.masks_sha256 else "NOT those of the table"
    print(f"{group.kind:16} {group.images:5} masks  {mine[:12]}…  {same}")

# %%
fewest = min(group.images for group in board.groups)
board.overview(images=fewest)

# %% [markdown]
# *How this was computed: by `python -m inpaintlib.leaderboard`, as the caption says; on the number of pictures that even the slowest inpainters were given.* Before you look for winners: look at the numbers in brackets. Why do several inpainters with *different* means share a rank?

# %% [markdown]
# ## A real difference, or a lucky one?
#
# {{ minutes 15 }}
#
# Take two that stand close together, the biharmonic filling, which learned nothing, and the partial U-Net, and let them fill the same lines, live, in 40 pictures.

# %%
count = {"quick": 320, "full": 2000}[inpaintlib.profile()]
many = data.load_images("auto", split="test", limit=count)
lines = masks.benchmark("lines", len(many))
two = {"biharmonic": baselines.biharmonic, "partial U-Net": partial_unet.inpaint}
table = evaluation.compare(two, many, lines, metrics=["psnr"])
psnr = {name: values["psnr"].double() for name, values in table.per_image.items()}
for name, values in psnr.items():
    print(f"{name:14} first 40 pictures: {evaluation.mean_interval(values[:40]).text(2)} dB")

# %% [markdown]
# *How this was computed: PSNR over the whole picture, composited, mean and 95 % confidence interval.*

# %%
predict("showdown/overlapping_intervals")

# %%
first = {name: values[:40] for name, values in psnr.items()}
order = first["biharmonic"].argsort()
difference = first["partial U-Net"] - first["biharmonic"]
figure, axes = viz.figure(9, 3, columns=2)
for (name, values), marker, colour in zip(
    first.items(), "os", (viz.BLUE, viz.VERMILLION), strict=True
):
    axes[0, 0].plot(values[order], marker, color=colour, label=name, markersize=4, linestyle="none")
axes[0, 0].set(xlabel="picture, the hardest first", ylabel="PSNR (dB)")
axes[0, 0].legend()
colours = [viz.BLUE if d < 0 else viz.VERMILLION for d in difference[order]]
axes[0, 1].bar(range(40), difference[order], color=colours)
axes[0, 1].axhline(0, color=viz.INK, linewidth=1)
axes[0, 1].set(xlabel="the same pictures", ylabel="partial U-Net\n− biharmonic (dB)")
viz.show(
    figure,
    alt="Left, for 40 pictures, the PSNR of two inpainters: the points of both climb together over a range "
    "that is many times as large as their distance. Right, the differences picture by picture: bars "
    "above and below zero, most of them small.",
    caption="Pictures differ by far more than inpainters do. On the right that part is gone.",
)
paired = evaluation.mean_interval(difference)
print(f"standard deviation over pictures: {first['biharmonic'].std():.1f} dB", end=", ")
print(f"of the difference: {difference.std():.1f} dB")
print(f"mean difference, picture by picture: {paired.text(2)} dB")

# %% [markdown]
# *How this was computed: the 40 pictures above.* An easy picture is easy for both. The wide intervals of the two means say that *other pictures* would give other means, and for both inpainters alike. Compare **picture by picture** and that part cancels: the interval of the *paired difference* is far narrower.
#
# ### The bootstrap, by hand
#
# How far could the mean difference have come out otherwise, with 40 other pictures? We have no others. The *bootstrap* ([@efron1993introduction]) takes the 40 for the whole world: it draws 40 of them **with replacement**, some twice, some never, takes their mean difference, and does so thousands of times. The middle 95 of 100 of these means are
# the interval.


# %%
def bootstrap(differences, times=4000, seed=0):
    """Mean differences of random re-drawings of the pictures, (times,)."""
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(differences), (times, len(differences)), generator=chance)
    return differences[drawn].mean(1)


def interval(differences, **options):
    """The 95 % confidence interval of the mean difference."""
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    return bootstrap(differences, **options).quantile(ends).tolist()


means = bootstrap(difference)
low, high = interval(difference)
figure, axes = viz.figure(6.5, 2.6)
axes[0, 0].hist(means.numpy(), bins=60, color=viz.SKY)
axes[0, 0].axvspan(low, high, ymax=0.06, color=viz.INK)
axes[0, 0].axvline(0, color=viz.VERMILLION, linestyle="--", label="no difference")
axes[0, 0].set(xlabel="mean difference of a re-drawing (dB)", ylabel="how often")
axes[0, 0].legend()
viz.show(
    figure,
    alt=f"A bell-shaped histogram of mean differences from {means.min():.2f} to {means.max():.2f} dB; "
    f"a dark bar on the axis marks the middle part, from {low:.2f} to {high:.2f}; a dashed line "
    "stands at zero.",
    caption="Four thousand re-drawings of the same 40 pictures. The dark bar is the 95 % confidence "
    "interval.",
)
where = "within" if low <= 0 <= high else "outside"
print(f"by hand: {difference.mean():.2f} dB, interval {low:.2f} to {high:.2f}: 0 lies {where}")
ours = ranking.paired_differences([(first["partial U-Net"], first["biharmonic"])])[0]
print(f"as the leaderboard does it:  interval {ours.low:.2f} to {ours.high:.2f}")
print(f"by Student's formula:        interval {paired.low:.2f} to {paired.high:.2f}")

# %% [markdown]
# *How this was computed: the 40 differences above; the leaderboard draws other random numbers, which is why its last digit may differ; Student's formula is the one of [depth](unit:depth).* Where 0 lies within the interval, 40 pictures cannot say who is better. That does not mean that they are equal! It means: **look at more pictures, or keep quiet.**

# %%
sizes = [n for n in (20, 40, 80, 160, 320, 1000, 2000) if n <= len(many)]
apart = psnr["partial U-Net"] - psnr["biharmonic"]
bars = [(apart[:n].mean().item(), *interval(apart[:n], times=1000)) for n in sizes]
figure, axes = viz.figure(6.5, 2.6)
middle, lows, highs = torch.tensor(bars).T
reach = torch.stack([middle - lows, highs - middle])
axes[0, 0].errorbar(range(len(sizes)), middle, yerr=reach, fmt="o", color=viz.BLUE, capsize=5)
axes[0, 0].axhline(0, color=viz.VERMILLION, linestyle="--")
axes[0, 0].set_xticks(range(len(sizes)), sizes)
axes[0, 0].set(xlabel="pictures", ylabel="partial U-Net\n− biharmonic (dB)")
told = ", ".join(f"{b[1]:.2f} to {b[2]:.2f} dB with {n}" for n, b in zip(sizes, bars, strict=True))
viz.show(
    figure,
    alt=f"Intervals of the mean difference that get narrower with the number of pictures: {told}. A "
    "dashed line stands at zero.",
    caption="The same two inpainters, judged on more and more pictures. Dashed: no difference.",
)
there = board.group("lines")
ranks = {name: there.rankings["psnr"].rank_of(name) for name in ("partial_unet", "biharmonic")}
print(f"ranks in the stored table, on {there.images:,} pictures: {ranks}")

# %% [markdown]
# On average four times the pictures give half the width, but not at every step: when pictures come in on which the two differ by much more than before, the interval can even grow. Small differences need many pictures, and a table of 20 pictures can show large ones only.
#
# ### Twins
#
# One more way to be fooled. Suppose two inpainters are *equally good*, and somebody compares them on some pictures and asks whether 0 lies outside.

# %%
predict("showdown/twenty_twins")

# %%
twins = apart - apart.mean()  # as before, but with no difference on average
chance = torch.Generator().manual_seed(5)
certain = 0
for trial in range(200):
    drawn = twins[torch.randint(len(twins), (60,), generator=chance)]
    low, high = interval(drawn, times=500, seed=trial)
    certain += not low <= 0 <= high
print(f"equally good, and yet 'certainly different': {certain} of 200 comparisons")
looks = sum(len(found.gaps) for group in board.groups for found in group.rankings.values())
print(f"neighbours that the stored leaderboard compares, in all its tables: {looks}")

# %% [markdown]
# *How this was computed: the differences of the two inpainters with their mean taken away, 60 of them drawn at random, 200 times.* One in twenty of 200 would be ten. A few more are chance, or the bootstrap itself: on few pictures it is a little too sure. Either way, whoever looks often enough finds something. So a single "certain" difference among hundreds is no discovery; one that shows on every kind of mask is. And whoever tries twenty settings and reports the best **has looked twenty times**.

# %% [markdown]
# ## Ranks that claim no more than the pictures show
#
# {{ minutes 3 }}
#
# Here is the rule of the leaderboard: inpainters stand in the order of their means, and a neighbour gets a new rank *only if the interval of the paired difference lies beyond 0* (by more than half of the last digit that the table prints). Read it once line by line, for the boxes:


# %%
def neighbours(group, metric="psnr"):
    """Print the differences on which the ranks rest."""
    found = group.rankings[metric]
    print(f"{group.kind}, {group.images:,} pictures, {metric}")
    for (one, other), gap in zip(itertools.pairwise(found.order), found.gaps, strict=True):
        verdict = "same rank" if found.rank_of(one) == found.rank_of(other) else "a rank apart"
        print(f"  {one:18} ahead of {other:18} by {gap.mean:5.2f}", end=" ")
        print(f"({gap.low:5.2f} to {gap.high:5.2f})  {verdict}")


kind_shown = "boxes" if "boxes" in board.kinds else board.kinds[-1]
neighbours(board.group(kind_shown, fewest))
everybody = max(group.images for group in board.groups)
if everybody > fewest:
    neighbours(board.group(kind_shown))

# %% [markdown]
# *How this was computed: paired bootstrap over the pictures of the stored leaderboard, dB.* With few pictures most neighbours share a rank; with many, small differences become certain. **Certain is not the same as important**: a difference of a hundredth of a decibel can be certain, and nobody will ever see it.

# %%
predict("showdown/chain")

# %% [markdown]
# ## The larger the hole
#
# {{ minutes 4 }}
#
# Look at one picture instead of many tables: quality over the hole, against the size of the hole.

# %%
predict("showdown/larger_holes")

# %%
board.figure_hole_size()

# %%
buckets = [kind for kind in board.kinds if kind.startswith("irregular-")]
names = sorted(set.intersection(*(board.group(kind).names() for kind in buckets)))
shown = [board.group(buckets[i]) for i in (0, 3, -1)]
by_size = [{n: group.line(n).values["psnr_hole"].mean for n in names} for group in shown]
lines_only = ("partial_unet", "partial_unet_s1", "vanilla_unet")  # see their cards
titles = [f"{group.kind.removeprefix('irregular-')} %" for group in shown]
print(f"{'PSNR, hole (dB)':24}" + "".join(f"{title:>10}" for title in titles))
for name in names:
    print(f"{name:24}" + "".join(f"{values[name]:10.2f}" for values in by_size))
for label, left_out in (
    ("best - worst", ()),
    ("... without mean_fill", ("mean_fill",)),
    ("... and those of lines", ("mean_fill", *lines_only)),
):
    kept = [[v for n, v in values.items() if n not in left_out] for values in by_size]
    print(f"{label:24}" + "".join(f"{max(v) - min(v):10.2f}" for v in kept))

# %% [markdown]
# *How this was computed: means of the stored leaderboard over all pictures of three of the six buckets; the last row leaves out the three networks that were trained on thin lines alone.* In the middle of a large hole *nothing* is known that could tell right from plausible, so all get worse. Do they come closer together? Look at who is last: in small holes it is `mean_fill`, in large ones a network that has seen thin lines only. Those that can cope with large holes do draw together, as the last row says; the networks of lines fall
# apart. Follow one of them in the figure, `partial_unet`: who passes it as holes grow? And `course_unet`, which has met large holes?

# %% [markdown]
# ## What does a decibel cost?
#
# {{ minutes 5 }}
#
# Here, time is on a logarithmic axis: from one label to the next, a picture takes ten times as long.

# %%
board.figure_time()


# %%
def front(group):
    """Those whom nobody faster reaches, the fastest first."""
    lines = sorted(group.lines, key=lambda line: (line.milliseconds, -line.values["psnr"].mean))
    best, kept = float("-inf"), []
    for line in lines:
        if line.values["psnr"].mean > best:
            best = line.values["psnr"].mean
            kept.append(line)
    return kept


raced = board.group(board.kinds[0], fewest)
kept = front(raced)
for line in kept:
    print(
        f"{line.inpainter:18} {line.values['psnr'].mean:6.2f} dB {line.milliseconds:8.2f} ms a picture"
    )
behind = raced.names() - {line.inpainter for line in kept}
print("behind the front, slower and no better:", ", ".join(sorted(behind)))

# %% [markdown]
# *How this was computed: the stored leaderboard's lines, mean PSNR, and the median time a picture on one processor core.* Those who are left form the **front** (after the economist, the *Pareto front*): each of them is the right choice for somebody, as far as the numbers can be trusted. A front takes means at face value: where two times are as good as equal, as those of `partial_unet` and `vanilla_unet`, the slower of the two may as well be the faster. A film of a hundred thousand pictures asks for another one than a single photograph. Who
# lies behind the front is the wrong choice for everybody, *as far as these two numbers go*.

# %%
predict("showdown/behind_the_front")

# %% [markdown]
# ## Whose measure?
#
# {{ minutes 3 }}
#
# PSNR is one judge. The leaderboard asks several more: structure (SSIM), the error at the rim of the hole (boundary), and the distance in the eyes of a network that was trained for nothing but measuring. Do they agree?

# %%
judges = ("psnr", "ssim_hole", "mae_boundary", "perceptual")
print("ranks")
for group in (board.group(kind_shown), board.group(buckets[-1])):
    places = {j: group.rankings[j] for j in judges if j in group.rankings}
    print(f"{group.kind:18}" + "".join(f"{j:>14}" for j in places))
    for name in places["psnr"].order:
        print(f"{name:18}" + "".join(f"{found.rank_of(name):14}" for found in places.values()))
    if "perceptual" in places:
        gain = {
            n: places["psnr"].rank_of(n) - places["perceptual"].rank_of(n) for n in group.names()
        }
        climbs = max(gain, key=gain.get)
        print(f"from psnr to perceptual distance {climbs} climbs {gain[climbs]} places\n")

# %% [markdown]
# *How this was computed: the stored leaderboard; equal ranks cannot be told apart.* A measure that compares pixel by pixel rewards caution, one that looks for texture rewards courage: one that *copies* sharp patches climbs here, and some that smooth fall. Neither is wrong; they answer different questions. Choose the measure **before** you see the results.

# %% [markdown]
# ## Raw or composited, once more
#
# {{ minutes 4 }}
#
# All of these figures are composited. What would the networks have got for their raw prediction of the whole picture?

# %%
chosen = ("course_unet", "partial_unet", "vanilla_unet")
networks = [entry for entry in entries.shipped() if entry.name in chosen]
cuts = masks.benchmark("lines")[:60]
settings = {"metrics": ["psnr"], "timing": False}
fills, whole = ({e.name: e.inpainter for e in networks}, {e.name: e.module for e in networks})
composited = evaluation.compare(fills, pictures, cuts, **settings)
raw = evaluation.compare(whole, pictures, cuts, kind="raw", **settings)
print(f"{'PSNR, dB':14} {'raw':>14} {'composited':>14}")
for one, other in zip(raw.rows, composited.rows, strict=True):
    print(f"{one.inpainter:14} {one.values['psnr'].text(2):>14} {other.values['psnr'].text(2):>14}")

# %%
predict("showdown/raw_beside_composited")

# %% [markdown]
# *How this was computed: the first 60 test pictures, line masks, mean PSNR over the whole picture.* The raw figure also counts how well a network *copies what it was given*. That is a property of its skip connections and its loss, not of its fillings. A network that never had to reproduce known pixels can be poor raw and excellent composited. One column of a table must not mix the two.

# %% [markdown]
# ## Where are the transformers, and diffusion?
#
# {{ minutes 8 }}
#
# The figures above end where the course's own networks end. Two families that fill today's pictures are missing; here is where they stand on [the map of the field](unit:welcome).
#
# | family | how it fills | runs of a network for one filling | how many answers | at home in |
# |---|---|---|---|---|
# | differential equations, patches | rules | none | one | thin holes; texture |
# | convolutional networks (U-Nets, partial, gated) | one look at the picture | one or two | one | holes up to about a third of the picture |
# | adversarial networks | the same, trained against a critic | one or two | one, mostly | sharp detail |
# | transformers, e.g. MAT ([@li2022mat]), MaskGIT ([@chang2022maskgit]) | every patch asks all known patches; some draw token after token | one to some tens | many | large holes, long-range structure |
# | diffusion, e.g. RePaint ([@lugmayr2022repaint]) | from noise to picture in many small steps, known pixels put back at each | hundreds to thousands | many | large holes, textures; text as a guide |
#
# A *token* is to a picture what a word is to a text: a small piece of it. Attention, known to you from [contextual attention](unit:attention), is what transformers build on; a U-Net is what diffusion models commonly run in every step. What would one of them do in *our* table? First, the price:

# %%
net = board.group(board.kinds[0], fewest).line("course_unet")
for runs in (1, 20, 250):
    seconds = runs * net.milliseconds / 1000
    print(f"{runs:4} runs of a network like course_unet: {seconds:6.3f} s a picture of 32 x 32")

# %% [markdown]
# *How this was computed: the time of course_unet in the stored leaderboard, times the number of runs.* Second, the quality. A network of this course gives the **mean** of all fillings that it holds possible, or something near it; a diffusion model **draws one** of them. Suppose a hole in a striped cloth, where nothing tells the phase of the stripes, and two *perfect* methods that know exactly which fillings are possible:

# %%
predict("showdown/draw_or_mean")

# %%
across = torch.arange(64) / 64
phase = torch.rand(3000, generator=torch.Generator().manual_seed(2))
cloths = 0.5 + 0.4 * torch.sin(2 * torch.pi * (6 * across + phase[:, None]))  # (3000, 64)
truth, drawn, mean = cloths[:1000], cloths[1000:2000], cloths.mean(0)
loss_drawn, loss_mean = (truth - drawn).square().mean(), (truth - mean).square().mean()
row = {
    "the truth": truth[0],
    "one draw": drawn[0],
    "another draw": drawn[1],
    "the mean of all": mean,
}
viz.show(
    viz.image_row({name: x.expand(64, 64) for name, x in row.items()}, width=8),
    alt="Four squares: three striped cloths whose stripes stand at different places, and an even grey "
    "one, the mean of all.",
    caption="A draw looks right and lies at the wrong place; the mean is nowhere far off and looks "
    "like nothing.",
)
print(f"mean squared error of a draw {loss_drawn:.4f}, of the mean {loss_mean:.4f}")
print(f"the draw is behind by {10 * torch.log10(loss_drawn / loss_mean):.2f} dB of PSNR")

# %% [markdown]
# *How this was computed: a thousand hidden truths, each against one draw, and against the mean of three thousand cloths.* The grey square wins, and it is the worst picture of all. An honest draw pays twice: for the truth's distance from the mean, and for its own. That is a theorem, not a defect of a network: **where many fillings are possible, one cannot both have the smallest error and look real** ([@blau2018perception]). So in a table by PSNR,
# a good diffusion model can be expected *below* a good U-Net, and in your blind test it may well stand above. To be fair to such models one shows several draws, measures perceptual distance, and asks eyes. The unit [beyond](unit:beyond) builds small ones and does so.

# %% [markdown]
# ## What this leaderboard cannot say
#
# {{ minutes 2 }}
#
# The organisers of this race have horses in it. So here is what you should ask of any table, ours first:

# %%
for entry in networks:
    card = models.create(entry.name, pretrained=True).card
    print(f"{entry.name:14} learned from {card['data'].split(',')[0]}, holes: {card['masks']}")

# %% [markdown]
# 1. **Who trained on what?** A network that saw this kind of holes, and this kind of pictures, has an advantage over one that did not, and over every method that saw nothing. You read above which those were.
# 2. **Which pictures?** These are of 32 x 32. A patch method has little to copy from in so small a picture; on a large photograph it may win. Nothing here says who fills *your* photograph best; the [capstone](unit:capstone) does.
# 3. **One training each.** The intervals say what other pictures would change, not what another training run would. See [how deep should it be?](unit:depth) for that.
# 4. **Who chose?** The holes and the measures were frozen first; *then* our own best network was trained on a mixture of just such holes. That is allowed, and you have to know it. Whoever chooses the holes after having seen the results must say so.
# 5. **What is not in it?** Fillings are used on people, on evidence, on other people's work. A higher rank is a *better forgery* as well. Keep the original and the mask, and label what you fill; the detector has shown you why that is better than to rely on being found out.

# %% [markdown]
# ## Enter your own
#
# {{ minutes 7 }}
#
# Your turn. An inpainter is a function `(image, mask) -> image`. Here is a first one: it lets two others fill, and takes the mean.

# %%
predict("showdown/mean_of_two")

# %%
mine = '''
from inpaintlib import baselines, models

network = models.create("partial_unet", pretrained=True)

def fill(image, mask):
    """The mean of two fillings. Change me!"""
    return (baselines.biharmonic(image, mask) + network.inpaint(image, mask)) / 2
'''
command = "--add mine=mine.py:fill --only biharmonic partial_unet --masks lines --images 100"
with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
    Path("mine.py").write_text(mine)
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # it reports as it goes; we want the table alone
        cli.main([*command.split(), "--out", "board", "--cache", "kept"])
    own = leaderboard.load("board/leaderboard.json")
neighbours(own.group("lines"))
own.table("lines", metrics=["psnr", "ssim", "perceptual"])

# %% [markdown]
# *How this was computed: the first 100 test pictures, as in the large table.* Where two inpainters err *independently*, their mean errs less than either: the same reason for which the mean of many draws beat each draw. Where one is far worse it only drags the other down. Then look at the last measure: does the mean win there, too? A mean also smooths, and by another measure that can cost what it gained. (This is why the winners of many competitions are means of several networks, at the price of all their times.)
#
# **Now you.** Save your function as `mine.py`, and in a terminal:
#
#     python -m inpaintlib.leaderboard --add mine.py:fill --only biharmonic course_unet --masks lines boxes --images 200
#
# Before anything is measured it is tried: the right shape, values in [0, 1], twice the same for the same picture, and **nothing taken from under the hole**. Weights that you trained with `python -m inpaintlib.train` enter just so, `--add runs/NAME/NAME.safetensors`. Some ideas, from easy to hard:
#
# - Which *weights* of the mean are best on lines? Choose them on training pictures, not on these!
# - Use the biharmonic filling in shallow holes and a network in deep ones: the distance to the nearest known pixel decides.
# - Let `course_unet` fill the picture and its mirror image, turn the second one back, take the mean. What does it cost, and is the gain certain?
# - Fool the detector: add to your filling the grain that it misses. What happens to your PSNR?

# %% [markdown]
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("showdown/may_i_write")

# %%
predict("showdown/best_seed")

# %%
predict("showdown/trained_on_the_test")

# %% [markdown]
# ## Common mistakes
#
# - **Two intervals overlap, so there is no difference**: with the same pictures, look at the paired difference.
# - **No certain difference, so they are equal**: it may be that you have looked at too few pictures.
# - **Certain, so important**: how large is it, and who would see it?
# - **The best of many tries, reported as one.**
# - **Raw beside composited, whole picture beside hole, other masks, other pictures**: no ranking.
# - **Times from two machines in one table.**
# - **A draw judged by its distance from one truth**: the blurred mean wins.
# - **A detector's word taken for a proof**, or its silence for innocence.
#
# ## Summary
#
# - A result is a number and an interval, for you as for an inpainter.
# - Compare picture by picture; the bootstrap shows what other pictures could have said; neighbours whose interval spans 0 share a rank.
# - As holes grow, all methods get worse, and most of all those that never met such holes; what a decibel costs is seen on the front of quality against time.
# - The measure decides what wins: distance to the truth rewards the mean, eyes reward a draw. Transformers and diffusion draw.
# - A fair table says: which pictures, holes, region, raw or composited, which training, which clock; and whoever made it says which horse is theirs.
#
# Next: your own photograph, at full size, in the [capstone](unit:capstone).
#
# ## Sources
#
# - [@wilson1927probable].
# - [@efron1993introduction]: sections 12 and 13.
# - [@blau2018perception].
# - [@li2022mat].
# - [@chang2022maskgit].
# - [@lugmayr2022repaint].
# - [@li2019localization]: detectors of filled pixels.
