# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Four damaged cats
#
# The same photograph was damaged in four ways: its colours were lifted a little, noise was sprinkled over it, it was blurred, it was moved by a pixel.
# **Rank them from the least to the most damaged**, by eye, before you read on.

# %%
import warnings

import torch
import torch.nn.functional as F

from course.checks import predict
from inpaintlib import baselines, data, evaluation, features, masks, metrics, models, published, viz

torch.manual_seed(0)
photo = data.load_photo("chelsea")[:, :, 20:276, 90:346]  # (1, 3, 256, 256)
cat = F.avg_pool2d(photo, 2)  # (1, 3, 128, 128)
cat = 0.2 + 0.6 * cat  # away from 0 and 1, so that nothing below has to be cut off


def blurred(image, amount):
    """Blend with a local mean; amount from 0 to 1."""
    soft = F.avg_pool2d(F.pad(image, [4] * 4, mode="replicate"), 9, stride=1)
    return image + amount * (soft - image)


noise = torch.randn(cat.shape, generator=torch.Generator().manual_seed(1)).clamp(-3, 3)
damages = {
    "lifted": lambda amount: cat + amount,
    "noise": lambda amount: cat + amount * noise,
    "blur": lambda amount: blurred(cat, amount),
    "moved": lambda amount: cat + amount * (cat.roll((1, 1), (2, 3)) - cat),
}
strength = {name: (damage(1.0) - cat).square().mean() for name, damage in damages.items()}
# All four are to have the squared error of the last:
cats = {name: f((strength["moved"] / strength[name]).sqrt()) for name, f in damages.items()}
viz.show(
    viz.image_grid([cat[0], *(x[0] for x in cats.values())], columns=5, titles=["original", *cats]),
    alt="Five pictures of a cat: the original, one that is a little brighter, one with fine noise, a "
    "blurred one, and one that looks just like the original.",
    caption="One original and four damaged versions of it.",
)

# %% [markdown]
# You will have found an order. Now let the most common measure in the field judge, the *mean squared error*.

# %%
predict("metrics/four_cats")

# %%
for name, x in cats.items():
    print(f"{name:8} mean squared error {metrics.mse(x, cat).item():.6f}")

# %% [markdown]
# The damage was tuned so. **A single number for the quality of a picture is a choice of what to overlook**, and this lesson is about making that choice with open eyes: what each
# measure sees, what it is blind to, and how two published figures, a PSNR of "78 dB" and a Dice of "0.60", came to mean something else than they seem to.

# %% [markdown]
# ## Squares or absolutes?
#
# Two measures compare pixel by pixel. With prediction $\hat x$ and truth $x$ over $N$ numbers:
#
# $$ \mathrm{MSE} = \frac1N \sum_i (\hat x_i - x_i)^2, \qquad \mathrm{MAE} = \frac1N \sum_i |\hat x_i - x_i| . $$
#
# Here are one truth and two predictions. The left one is a little wrong in five places, the right one very wrong in one.

# %%
truth = torch.full((3, 3), 0.5)
often = truth + torch.tensor([[0.1, 0, 0.1], [0, 0.1, 0], [0.1, 0, 0.1]])
once = truth + torch.tensor([[0, 0, 0], [0, 0.5, 0], [0, 0, 0]])
viz.show(
    viz.number_row({"truth": truth, "often a little": often, "once a lot": once}),
    alt="Three grids of 3 by 3 numbers: the truth, 0.5 everywhere; one with 0.6 in the corners and "
    "the centre; one with 1.0 in the centre.",
    caption="Which prediction is better?",
)

# %%
predict("metrics/squares_or_absolutes")

# %% tags=["compare"]
for name, guess in {"often a little": often, "once a lot": once}.items():
    error = guess - truth
    print(f"{name:15} MAE {error.abs().mean():.4f}   MSE {error.square().mean():.4f}")

# %% [markdown]
# The square makes large errors count more than many small ones. That has a consequence for networks which are trained with it, to blur rather than to risk a large error, and [losses](unit:losses) comes back to it.

# %% [markdown]
# ## Decibels
#
# The mean squared error of a good filling is a tiny number that nobody can read. The *peak signal-to-noise ratio* is the same number on a logarithmic scale, turned round so that more is better:
#
# $$ \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}\ \text{dB,} $$
#
# where $L$ is the *range* of the data: the distance between the smallest and the largest value that a pixel **could** have. 255 for bytes, 1 for our images.

# %% tags=["compare"]
print("typical error   PSNR")
for error in (0.2, 0.1, 0.05, 0.025, 1 / 255):
    flat = torch.zeros(1, 3, 8, 8)
    print(f"{error:10.4f}   {metrics.psnr(flat + error, flat, data_range=1).item():7.2f} dB")

# %% [markdown]
# Two rules of thumb are worth keeping: **an error half as large is 6 dB more**, and an error of a tenth is 20 dB. The last line of the table is an error of one grey level of 255 in each pixel: nobody sees that.
# So 48 dB is about as good as anybody needs.

# %%
predict("metrics/how_good_is_78")

# %% [markdown]
# ## The trap of the 78 decibels
#
# In a printed comparison of two networks for CIFAR-10 stand these figures:

# %%
for name in ("s1.vanilla.psnr", "s1.partial.psnr"):
    print(published.get(name))

# %% [markdown]
# Can that be? Here is a test that needs no code of theirs. Storing a picture in a file rounds each value to one of 256 levels. That rounding alone is an error, though a tiny one. What PSNR does it leave?

# %%
rounded = (photo * 0.9 + 0.0123).mul(255).round() / 255
rounding_psnr = metrics.psnr(rounded, photo * 0.9 + 0.0123, data_range=1).item()
print(f"a picture against itself, rounded to 8 bits: {rounding_psnr:.2f} dB")
print(f"the printed figure: {published.get('s1.vanilla.psnr').value:.2f} dB")

# %% [markdown]
# *How this was computed: one photograph, its values shifted off the 256 levels first, so that rounding has something to do.*
#
# A network that guesses missing pixels would be far closer to the truth than the truth, saved as a PNG. So the figure is not wrong by a little: it measures something else.
#
# Look at the formula: what if the images were in [0, 1], but $L$ was 255, as in most code that one finds? Then each PSNR is too high by $20\log_{10} 255$.

# %% tags=["compare"]
too_much = 20 * torch.log10(torch.tensor(255.0)).item()
print(f"20 log10(255) = {too_much:.2f} dB")
for name in ("s1.vanilla.psnr", "s1.partial.psnr"):
    printed = published.get(name).value
    print(f"{printed:.2f} dB printed  ->  {printed - too_much:.2f} dB with the right range")

# %% [markdown]
# That is the size of what such networks reach: below you meet one. The likely cause is a function with a *default* range, which nobody noticed. In `inpaintlib` the range has none: you must say it, and if it looks wrong, a warning says so.

# %%
try:
    metrics.psnr(cats["noise"], cat)
except TypeError as error:
    print("without a range:", error)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    metrics.psnr(cats["noise"], cat, data_range=255)
print("with a wrong one:", caught[0].message)

# %% [markdown]
# ## Over which pixels?
#
# An inpainter changes only the hole. Over how many pixels should its error be averaged: all of the image, or the hole? Both are printed in papers, rarely with a word which.

# %%
pictures = data.load_images("auto", split="test", limit=200)
print(pictures.source)
images = pictures.float()
lines = masks.benchmark("lines")[:200].float()
filled = baselines.biharmonic(images, lines)
share = 1 - lines.mean((1, 2, 3))  # of hole pixels, image by image

whole = metrics.mse(filled, images)
hole = metrics.mse(filled, images, mask=lines, region="hole")
print(
    f"first image: hole share {share[0]:.3f}, MSE over the image {whole[0]:.6f}, over the hole {hole[0]:.6f}"
)

# %%
predict("metrics/share_of_the_hole")

# %%
print(
    "share x hole error equals the image's error, for all images:",
    torch.allclose(share * hole, whole, rtol=1e-4),
)
flattered = metrics.psnr(filled, images, data_range=1) - metrics.psnr(
    filled, images, data_range=1, mask=lines, region="hole"
)
print(f"the whole image flatters by {flattered.mean():.1f} dB here, on average")

# %% [markdown]
# So the smaller the hole, the better the figure over the whole image, *even if the filling is just as bad*. You have [seen](unit:masks_and_baselines) that PSNR over the whole image falls as holes grow. How much of that fall is the
# share of the hole, and how much is harder filling? We let one inpainter fill holes of every size, and draw both.

# %%
ratios, by_whole, by_hole = [], [], []
irregular = masks.irregular(200, 32, generator=torch.Generator().manual_seed(2)).float()
for low, high in ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6)):
    ratio = masks.hole_ratio(irregular)
    chosen = ((ratio > low) & (ratio <= high)).nonzero().flatten()
    x, m = images[chosen], irregular[chosen]
    y = baselines.navier_stokes(x, m)
    ratios.append(100 * ratio[chosen].mean().item())
    by_whole.append(metrics.psnr(y, x, data_range=1).mean().item())
    by_hole.append(metrics.psnr(y, x, data_range=1, mask=m, region="hole").mean().item())
figure, axes = viz.figure(6.5, 2.9)
axes[0, 0].plot(ratios, by_whole, "-o", label="over the whole image")
axes[0, 0].plot(ratios, by_hole, "--s", label="over the hole")
axes[0, 0].set(
    xlabel="hole, per cent of the image", ylabel="PSNR (dB), higher is better", xlim=(0, None)
)
axes[0, 0].legend()
viz.show(
    figure,
    alt="Two falling curves over the size of the hole. Over the whole image PSNR falls steeply; over "
    "the hole alone it falls much less.",
    caption="Navier-Stokes on holes of growing size. Most of the fall of the upper curve is arithmetic: "
    "more pixels count.",
)

# %% [markdown]
# Most of it is the share. The lower curve falls too, and that is the real difficulty: in a large hole most pixels are far from anything known.
#
# ## Raw or composited?
#
# A network predicts the *whole* image, known pixels too. One can measure that (**raw**), or first put the known pixels back (**composited**). Nobody would throw known pixels away in practice, so composited is what a user sees; raw is what
# many tables print.

# %%
unet = models.create("partial_unet", pretrained=True)
with torch.no_grad():
    raw = unet(images * lines, lines)
composited = torch.where(lines > 0, images, raw)
print("                      whole image    hole")
for name, y in {"raw": raw, "composited": composited}.items():
    over_all = metrics.psnr(y, images, data_range=1).mean()
    over_hole = metrics.psnr(y, images, data_range=1, mask=lines, region="hole").mean()
    print(f"{name:20} {over_all:9.2f} dB  {over_hole:6.2f} dB")

# %%
predict("metrics/raw_against_composited")

# %% [markdown]
# *How this was computed: 200 test images, the frozen line masks of the course, mean of the PSNRs of the images.* The one network gives three different figures, and a table that puts a raw one beside a composited one compares nothing. Every
# table of this course says which it prints.
#
# A third choice hides in the word *mean*. Is it the mean of the PSNRs of all images, or the PSNR of the mean error?

# %%
errors = metrics.mse(composited, images)
mean_of_psnr = metrics.psnr(composited, images, data_range=1).mean().item()
psnr_of_mean = (10 * torch.log10(1 / errors.mean())).item()
print(f"mean of the PSNRs {mean_of_psnr:.2f} dB, PSNR of the mean error {psnr_of_mean:.2f} dB")

# %% [markdown]
# The first is always the larger one (the logarithm is concave; easy images pull it up). Our tables print the first, and say so.

# %% [markdown]
# ## SSIM: compare structure, not pixels
#
# Back to the cats. A lifted picture looks fine, a blurred one does not, and squared errors cannot tell. The *structural similarity* looks at both pictures through a small window and asks three questions: is the window as bright on the mean
# ($\mu$)? Does it vary as strongly ($\sigma$)? And do the two vary *together* ($\sigma_{xy}$, the covariance)?
#
# $$ \mathrm{SSIM} = \underbrace{\frac{2\mu_x\mu_y + C_1}{\mu_x^2+\mu_y^2+C_1}}_{\text{brightness}} \cdot \underbrace{\frac{2\sigma_{xy} + C_2}{\sigma_x^2+\sigma_y^2+C_2}}_{\text{contrast and structure}}, \qquad C_1 = (0.01\,L)^2,\ C_2 = (0.03\,L)^2. $$
#
# Both factors are 1 if the windows agree. The constants keep 0 / 0 away where a window is black or flat. Note the $L$ again. The window slides over the image, its middle counting more than its rim, and the values are averaged. ($x$ and $y$ are the two windows at one place.)

# %%
predict("metrics/ssim_of_cats")

# %%
maps = {
    name: metrics.ssim_map(x, cat, data_range=1).mean(1).clamp(0, 1) for name, x in cats.items()
}
scores = [metrics.ssim(x, cat, data_range=1).item() for x in cats.values()]
viz.show(
    viz.image_grid(
        [*(x[0] for x in cats.values()), *maps.values()],
        columns=4,
        column_titles=list(cats),
        row_titles=["picture", "SSIM map"],
        notes=[*[""] * 4, *(f"SSIM {score:.3f}" for score in scores)],
    ),
    alt="The four damaged cats, and below each the map of its structural similarity, white where it "
    "agrees with the original. The map of the lifted cat is almost white; noise and blur have "
    "dark fur and background.",
    caption="Equal squared errors, unequal structure. White: the window looks like the original's.",
)

# %% [markdown]
# SSIM sides with your eyes on the lifted cat, and condemns noise in smooth places. But a cat that moved by one pixel, which no eye would mind, pays for it. **No measure that compares place by place forgives a shift**; for
# inpainting that matters, since a whisker continued one pixel beside its place is a fine whisker.
#
# And the trap of the range exists here too. With $L = 255$ on images in [0, 1], the constants are so large that they drown everything:

# %%
noisy = cats["noise"]
print(f"SSIM, right range: {metrics.ssim(noisy, cat, data_range=1).item():.4f}")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    print(f"SSIM, range 255:   {metrics.ssim(noisy, cat, data_range=255).item():.4f}")

# %% [markdown]
# ## A measure with the eyes of a network
#
# A third way: show both pictures to a network that was trained to recognise things, and compare what its inner layers see. A texture that moved is still the same texture to it. This is the *perceptual distance*, lower is better.
# The network must be one that no inpainter was trained to please; the course keeps one for measuring only.

# %%
judge = features.load("measure")
print("            PSNR     SSIM   perceptual distance")
for name, x in cats.items():
    psnr, ssim = (
        metrics.psnr(x, cat, data_range=1).item(),
        metrics.ssim(x, cat, data_range=1).item(),
    )
    print(
        f"{name:8} {psnr:6.2f} dB   {ssim:.3f}   {metrics.perceptual(x, cat, features=judge).item():.4f}"
    )

# %% [markdown]
# The first judge sees no difference at all. The other two agree on the order here, but not on the distances: to SSIM the moved cat is about as bad as the noisy one, to the
# network it is closer to the original. (*How this was computed: one picture of 128 x 128; the judge is a small classifier trained on images of 32 x 32.*) Which one is right? The one that answers *your* question. To restore a scan, pixels count; to
# please an eye, structure and texture do. Report more than one, and show pictures.

# %% [markdown]
# ## The trap of Dice
#
# The *Dice* score measures how far two sets $A$ and $B$ overlap, $\mathrm{Dice} = 2|A\cap B| / (|A|+|B|)$: 1 if they are the same, 0 if they share nothing. It is *the* measure for maps that say yes or no in each pixel. Two of the projects behind this course
# used it on pictures, with sums of intensities in place of counts:
#
# $$ \mathrm{Dice}(A, B) = \frac{2\sum AB}{\sum A + \sum B}. $$
#
# It looks harmless, and their networks scored 0.60, after all of the training. Sounds like a mediocre network?

# %%
predict("metrics/dice_of_the_truth")

# %%
perfect = metrics.dice_of_truth(images)
white = metrics.dice(torch.ones_like(images), images)
half = metrics.dice(torch.full_like(images, 0.5), images)
cut = (images > metrics.dice_of_truth(images)[:, None, None, None] / 2).float()
cut_score = metrics.dice(cut, images)
rows = {
    "the truth itself": perfect,
    "grey": half,
    "plain white": white,
    "cut to black and white": cut_score,
}
for name, values in rows.items():
    print(f"{name:24} Dice {values.mean():.3f}")
print()
print(published.get("s4.dice"))

# %%
some = [2, 4, 8]
row = [*images[some], *cut[some]]
notes = [f"Dice {v:.2f}" for v in (*perfect[some], *cut_score[some])]
viz.show(
    viz.image_grid(row, columns=3, row_titles=["the truth", "cut"], notes=notes, width=6),
    alt="Three small pictures, and below them the same pictures cut to pure colours, each channel 0 "
    "or 1. The cut pictures have the higher Dice.",
    caption="Dice prefers the lower row to the truth.",
)

# %% [markdown]
# *How this was computed: the same 200 test images, the Dice of each with its own truth, mean over images.*
#
# (*Cut* is the truth with each value turned into 0 or 1, whichever side of a threshold it lies on.) A perfect filling scores $\sum x^2 / \sum x$, which is about as high as what was published, and *white paper scores more*. The published figure says that the network did about as well as the truth, and
# so do pictures that are plainly wrong. A rising curve of it need not mean a better filling.
#
# How could one have found out? **Give a measure the perfect answer, and a stupid one.** It takes two lines, and should be the first thing to do with every new measure. `metrics.dice_of_truth` is there to be printed beside a soft Dice.

# %% [markdown]
# ## Where Dice is at home: finding holes
#
# Turn the game round. Somebody gives you a picture; *where* was it inpainted? A detector answers with a map, yes or no in each pixel. Now there are two ways to be wrong, and each has its measure. Call a hole pixel that was found a true
# positive (TP), a known pixel that was called hole a false positive (FP), a hole pixel that was missed a false negative (FN):
#
# $$ \text{precision} = \frac{TP}{TP + FP}, \qquad \text{recall} = \frac{TP}{TP + FN}, \qquad \mathrm{Dice} = \frac{2\,TP}{2\,TP + FP + FN}. $$
#
# *Precision*: how much of what I accuse is guilty? *Recall*: how much of the guilt do I find? *Accuracy* is the share of all pixels that were judged right.

# %%
predict("metrics/lazy_detector")

# %%
boxes = masks.benchmark("boxes")[:200].float()
retouched = models.create("partial_unet", pretrained=True).inpaint(images, boxes)
detector = models.detector(pretrained=True)
found = {
    "calls nothing": torch.ones_like(boxes),
    "calls everything": torch.zeros_like(boxes),
    "the course's detector": detector.find(retouched).float(),
}
print("                       precision  recall  accuracy   Dice")
for name, claim in found.items():
    scores = metrics.hole_detection(claim, boxes)
    print(f"{name:22}" + "".join(f"{value.mean():9.3f}" for value in scores))

# %%
some = [0, 5, 9, 12]
cells = [*retouched[some], *retouched[some], *retouched[some]]
marks = [None] * 4 + [*boxes[some]] + [*found["the course's detector"][some]]
viz.show(
    viz.image_grid(cells, columns=4, row_titles=["retouched", "true hole", "found"], masks=marks),
    alt="Four small pictures with a filled box, three times: as they are, with the true hole hatched,"
    " and with what the detector found hatched.",
    caption="A small network looks for what another one painted in.",
)

# %% [markdown]
# The lazy detector has an impressive accuracy, because most pixels are known: with unequal classes accuracy flatters.
# Nor is precision alone enough: who accuses nobody accuses nobody wrongly (0 / 0, counted as 1 here). And recall alone praises the one who accuses everybody. Read the two together; Dice is high only if both are.
#
# The detector is a small network that saw thousands of fillings (by several methods) and learned what gives them away: mostly that they are too smooth. The fillings above are of a kind that it learned from, so it finds most of them, invents some, and misses others. Where pieces were copied and nothing is smooth it finds little; on pictures of
# another kind than it learned from it is wrong more often.
#
# Beware of *what* such a network learns. The first detector of this course found nearly everything on its test pictures, and suspected untouched photographs from elsewhere all over: its training pictures were JPEG files of one set, whose marks were missing in the filled holes, and it had learned to look for these. **A network learns whatever tells the classes apart in its data, and a test on the same data will never show it.** The one above learned from pictures that were given different pasts (moved, noisy, enlarged, saved again) before they were filled. **A detector is a reason to look closer, not a proof**, and the same
# honesty is owed to the pictures that you inpaint yourself: say that they are.

# %% [markdown]
# ## How sure is a mean?
#
# One more number belongs to every measure. Images differ far more than methods do, so a mean over 200 of them is itself uncertain. Every comparison table of the
# course prints behind its means, as ±, half of a *95 % confidence interval*: if we drew other images again and again, and made an interval each time, nineteen of twenty would hold the mean over all images.

# %%
methods = {
    "mean": baselines.mean_fill,
    "Navier-Stokes": baselines.navier_stokes,
    "biharmonic": baselines.biharmonic,
    "partial U-Net": unet.inpaint,
}
table = evaluation.compare(
    methods,
    pictures,
    masks.benchmark("lines")[:200],
    metrics=["psnr", "psnr_hole", "ssim", "mae_hole"],
)
table

# %%
predict("metrics/four_times_the_images")

# %% [markdown]
# *How this was computed: each cell is a mean over images with its 95 % confidence interval, composited.*
#
# Compare the last two rows, intervals included. Would you bet on either? [How deep should it be?](unit:depth) shows how to compare two methods more sharply than by their intervals.
#
# ## Check yourself

# %%
predict("metrics/check_range")

# %%
predict("metrics/check_hole")

# %%
predict("metrics/check_detector")

# %% [markdown]
# ## Common mistakes
#
# - **The range of somebody else's data**: 255 for images in [0, 1] adds 48 dB, and drives every SSIM to 1.
# - **A raw figure beside a composited one**, or one over the hole beside one over the image.
# - **Averaging over the batch before the logarithm**: that is another quantity, and it changes with the batch.
# - **A mask of one channel, an image of three**: who divides by the mask's sum alone gets three times the error.
# - **Believing a score without its yardsticks**: what does the perfect answer score, and what a stupid one?
# - **Accuracy where one class is rare.**
#
# ## Summary
#
# - MSE and MAE compare pixels; the square punishes large errors more. PSNR is MSE in decibels: half the error, 6 dB more.
# - Say the range, the region, raw or composited, and the kind of mean; else a figure cannot be compared.
# - SSIM compares structure in windows; a perceptual distance compares what a network sees. None of them forgives everything an eye forgives.
# - Soft Dice on pictures is no score out of 1. On maps of yes and no, with precision and recall, it is at home.
# - Test every measure on the perfect answer and on a stupid one.
#
# Now build them yourself in the [exercise](exercise:metrics).
#
# ## Sources
#
# - [@wang2004image].
# - [@wang2009mean]: the idea of pictures with equal squared errors.
# - [@zhang2018unreasonable].
# - [@dice1945measures].
# - [@li2019localization].
