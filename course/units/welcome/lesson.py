# %% [markdown]
# {{ head }}

# %% [markdown]
# ## A photograph with a hole
#
# Somebody scratched a photograph, or a person walked into it, or a scanner lost a line. The pixels are gone. **Inpainting** is the art of filling
# them in so that nobody notices. Restorers have done it to paintings for centuries; the word comes from them.
#
# Before any theory: do it. A lesson consists of text and of grey cells of code. **Click into the grey cell below and press Shift+Enter**: that runs it; the first time takes
# some seconds. (What stood below it before was a picture from the last time somebody ran it, and does nothing.)
#
# Then **paint over something in the picture** and see how seven methods fill your hole, as soon as you let go. Paint with the mouse, or click
# the picture and use the arrow keys and the space bar. The two numbers under a filling say how far it is from the original, over the hole: decibels (dB),
# where more is better, and the mean absolute error (MAE), where less is better. Then paint a larger hole. And then one right over an edge. Or open **a photograph of your own**.

# %%
import random

import torch
import torch.nn.functional as F

from course.checks import predict
from inpaintlib import baselines, data, evaluation, masks, models, viz, widgets

torch.manual_seed(0)
photo = data.load_photo("chelsea")[:, :, 20:276, 90:346]  # a cat, (1, 3, 256, 256) in [0, 1]
cat = F.interpolate(photo, size=64, mode="area")  # (1, 3, 64, 64)
hole = masks.lines(1, 64, generator=torch.Generator().manual_seed(4))  # 1 = known, 0 = hole

seven_inpainters = {
    "mean": baselines.mean_fill,
    "fast marching": baselines.fast_marching,
    "Navier-Stokes": baselines.navier_stokes,
    "biharmonic": baselines.biharmonic,
    "nearest patch": baselines.nearest_patch,
    "partial U-Net": models.create("partial_unet", pretrained=True).inpaint,
    "course U-Net": models.create("course_unet", pretrained=True).inpaint,
}
widgets.MaskPainter(cat, inpainters=seven_inpainters, mask=hole, own=128)

# %% [markdown]
# You have just met most of the history of the field:
#
# | method | its idea | learned? |
# |---|---|---|
# | mean | one colour for the whole hole: the mean of everything known | no |
# | fast marching | go inwards from the rim, each pixel a weighted mean of known neighbours | no |
# | Navier-Stokes | carry the lines of equal brightness into the hole, as a fluid would flow | no |
# | biharmonic | the smoothest surface that fits the rim, in value and in slope | no |
# | nearest patch | copy a piece of the picture whose surroundings look alike | no |
# | partial U-Net | a network that has seen tens of thousands of small photographs, with lines cut out, and learned what usually comes next to what | yes |
# | course U-Net | a network that starts from a pyramid of means and learned to correct it, with lines, boxes and blobs cut out | yes |
#
# Each of them is, in code, the same thing: **a function `(image, mask) -> image`**. The image is a batch of pictures with values between
# 0 and 1, the *mask* says 1 where a pixel is known and 0 where it is not, and what comes back has the known pixels unchanged. We call such a function an
# *inpainter*. Whatever you build in this course, a loop of seven lines or a network trained against an adversary, will be one, and can be
# put into this widget.
#
# A *network*, for now, is a long formula with very many adjustable numbers, which were set by showing it examples;
# [From a neuron to a U-Net](unit:autoencoder) builds one. (The words of the course, this one and those to come, stand in [the glossary](glossary.md).)

# %% [markdown]
# ## Which one is right?

# %%
patch = torch.ones(1, 1, 64, 64)
patch[..., 44:54, 30:42] = 0
methods = [baselines.biharmonic, baselines.nearest_patch, baselines.fast_marching, baselines.navier_stokes]
candidates = [cat, *(fill(cat, patch) for fill in methods)]
random.Random(1).shuffle(candidates)
row = {"known": (cat * patch)[0], **{name: x[0] for name, x in zip("ABCDE", candidates, strict=True)}}
viz.show(
    viz.image_grid(row, columns=3, masks=[patch, *[None] * 5]),
    alt="The cat with a rectangle beside its nose missing, and five complete versions of it, A to E, that "
    "differ inside the rectangle only.",
    caption="Five pictures that agree with everything that is known. One of them is the photograph.",
)

# %%
predict("welcome/original_of_five")

# %% [markdown]
# This is the first and deepest difficulty of inpainting. Behind the hole there could have been a whisker, a scar, a fly. **A filling can be
# plausible or implausible; it cannot be checked against the known pixels.** When we measure quality, we hide pixels whose values we know, and compare.
# That measures how close a method comes to *this* original, and punishes a filling that is different and just as good. Keep it in mind
# whenever the course prints a table, such as this one:

# %%
pictures = data.load_images("auto", split="test", limit=100)
print(pictures.source)
lines = masks.benchmark("lines")[:100]
boxes = masks.benchmark("boxes")[:100]
on_lines = evaluation.compare(seven_inpainters, pictures, lines, metrics=["psnr"])
on_lines

# %% [markdown]
# PSNR is a measure of closeness in decibels (dB): higher is better, and 6 more means that the error is half as large. You will take it apart in
# [metrics](unit:metrics). Behind each mean stands how far it may be off because we looked at these pictures and not at others. *Composited* means that the known pixels were kept and only
# the hole was filled, as you did. The holes here are thin lines.

# %%
predict("welcome/boxes_instead")

# %%
on_boxes = evaluation.compare(seven_inpainters, pictures, boxes, metrics=["psnr"])
on_boxes

# %%
some = [2, 40]  # which of the pictures
examples = pictures.float(some)
rows, names, marks = [], [], []
for family, holes in (("lines", lines[some].float()), ("boxes", boxes[some].float())):
    filled = [fill(examples, holes) for fill in seven_inpainters.values()]
    for i in range(len(some)):
        rows += [examples[i], *(picture[i] for picture in filled), examples[i]]
        marks += [holes[i], *[None] * 8]
        names.append(family)
titles = ["hole", *seven_inpainters, "original"]
viz.show(
    viz.image_grid(rows, columns=9, row_titles=names, column_titles=titles, masks=marks, width=10),
    alt="Four rows of small pictures: two with lines cut out, two with boxes cut out, each followed "
    "by the fillings of the seven methods and the original. The lines are "
    "filled almost invisibly by most methods; the boxes are smeared or patched.",
    caption="Thin holes are nearly solved by methods that learned nothing. Large holes are where learning "
    "has to show what it can do.",
)

# %% [markdown]
# Now follow the two networks through the two tables.

# %%
for holes, table in {"lines": on_lines, "boxes": on_boxes}.items():
    ranking = sorted(table.rows, key=lambda row: -row.values["psnr"].mean)
    names = [row.inpainter for row in ranking]
    for net in ("partial U-Net", "course U-Net"):
        print(f"{holes}: the {net} is number {names.index(net) + 1} of {len(names)}")

# %% [markdown]
# The partial U-Net was trained with *thin lines* as holes, and a box is a surprise to it; the course U-Net has seen boxes. **A network is good at the holes that it was trained on.**
# That is a first reason to look at the training data before the architecture. Go back to the painter and try a scratch, then a blob.
#
# So an honest course on inpainting has to beat methods that nobody trained, on the same pictures and the same holes, and has to say where it does not.
# Many comparisons leave them out.

# %% [markdown]
# ## The map of the field
#
# Five families, in the order in which they came. The course walks through the first four. Transformers and diffusion models (whose name means that they remove noise step by step, not that
# they let colours flow into a hole) fill today's pictures, stand on the others' shoulders, and wait at the end of the road.

# %%
families = {
    "patches": {
        1999: "Efros-Leung",
        2001: "image quilting",
        2004: "Criminisi et al.",
        2007: "scene completion",
        2009: "PatchMatch",
    },
    "differential equations": {2000: "Bertalmio et al.", 2001: "Navier-Stokes", 2004: "fast marching"},
    "convolutional networks": {2015: "U-Net", 2018: "partial convolution"},
    "adversarial networks": {2016: "Context Encoder", 2019: "gated convolution"},
    "transformers, diffusion": {2022: "MAT, RePaint"},
}
viz.show(
    viz.timeline(families),
    alt="A time line with five rows. Patches 1999 to 2009: Efros-Leung, image quilting, Criminisi, scene "
    "completion, PatchMatch. Differential equations 2000 to 2004: Bertalmio, Navier-Stokes, fast marching. "
    "Convolutional networks 2015 and 2018: U-Net, partial convolution. Adversarial "
    "networks 2016 to 2019: Context Encoder, gated convolution. Transformers and "
    "diffusion 2022: MAT, RePaint.",
    caption="Where the methods of this course come from.",
)

# %% [markdown]
# | family | knows | strong where | weak where | in this course |
# |---|---|---|---|---|
# | differential equations | that pictures are mostly smooth | thin holes, scratches | texture, large holes | [holes and baselines](unit:masks_and_baselines) |
# | patches | that pictures repeat themselves | texture, backgrounds | anything that occurs once, such as a face | [holes and baselines](unit:masks_and_baselines) |
# | convolutional networks | what pictures usually look like | structure, any shape of hole | fine texture: they blur | [autoencoder](unit:autoencoder), [partial convolution](unit:partial_convolution) |
# | adversarial networks | what a critic cannot tell from real | sharp detail | training them; details that are wrong but sharp | [Context Encoder](unit:context_encoder), [gated convolution](unit:gated_convolution), [patch GAN](unit:patch_gan) |
# | transformers, diffusion models | how to draw *many* plausible fillings | large holes, several answers | time and memory | [the showdown](unit:showdown) places them, [beyond](unit:beyond) builds small ones |

# %% [markdown]
# ## Honest use
#
# A filled hole is an invention. Most of the time that is harmless, often it is welcome: a scratch on your grandmother's portrait, a tourist in front of a
# church. But the same function removes a person from a photograph that is evidence, a watermark from a picture that somebody lives on, or a tumour from a scan.
#
# Ask four questions before you fill:
#
# 1. **Whose picture is it?** Filling changes a work. The photographer's right, and a licence, may forbid it; a watermark is a refusal.
# 2. **Who is in it?** Removing or altering a person needs that person's consent more than the photographer's.
# 3. **What will it be taken for?** In news, science, medicine and court, a filled pixel must not pass for a measured one. Keep the original *and* the mask, and label the result.
# 4. **What did the model learn from?** A network fills with what was frequent in its training pictures. It will give a stranger the skin, the clothes and the street that it
#    saw most often.
#
# The methods leave traces: later you will meet a small network that *finds* filled pixels. It finds smooth fillings well, and copied ones hardly.

# %%
predict("welcome/hospital")

# %% [markdown]
# ## Check your machine
#
# The lessons run on a laptop. This cell says what yours has; `python -m course doctor` in a terminal says more, with a remedy for each problem.

# %%
import inpaintlib

print("device for training:", inpaintlib.device())
print("pictures:", data.load_images("auto", split="train").source)

# %% [markdown]
# If the last line speaks of photographs that ship with the course, you are working on a small stand-in: everything runs, but the networks see fewer kinds of pictures.
# `data.load_images("cifar10", download=True)` fetches CIFAR-10; or set `INPAINTLIB_DATA` to a folder of your own pictures.
#
# ## Check yourself

# %%
predict("welcome/no_test")

# %%
predict("welcome/raw_or_composited")

# %% [markdown]
# ## Summary
#
# - Inpainting fills what is missing so that it looks plausible; the known pixels cannot say what is right.
# - An inpainter is a function `(image, mask) -> image`, with 1 = known and 0 = hole in the mask.
# - Methods that learned nothing fill thin holes so well that a network has to work to beat them. Large holes none of them fills well; how far learning gets is the question of this course.
# - Keep the original and the mask, and say that you filled.
#
# Next: the one operation from which all networks here are built, [convolution](unit:convolution).
#
# ## Sources
#
# - [@bertalmio2000image]: the paper that gave the field its name.
# - [@telea2004image].
# - [@bertalmio2001navier].
# - [@efros1999texture].
# - [@criminisi2004region].
# - [@barnes2009patchmatch].
# - [@pathak2016context].
# - [@liu2018partial].
# - [@yu2019freeform].
# - [@li2022mat].
# - [@lugmayr2022repaint].
