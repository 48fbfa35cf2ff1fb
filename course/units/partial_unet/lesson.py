# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Which of these is right?
#
# Four pictures with a square cut out, and three fillings of each: by the mean of what is left, by a network (the course's own, the *course U-Net*, whose convolutions are plain), and by what happened to be there when the photograph was taken. **Cover the last row with your hand. In which pictures could you tell that the filling is wrong?**

# %%
import torch
import torch.nn.functional as F

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, evaluation, losses, masks, metrics, models, published, train, viz
from inpaintlib.layers import partial_conv2d
from inpaintlib.reproduce.results import stored
from inpaintlib.reproduce.wrong_layers import put_back

torch.manual_seed(0)
unseen = data.load_images("auto", split="test", limit=200)
print(unseen.source)

unet = models.create("partial_unet", pretrained=True).eval()
course_unet = models.create("course_unet", pretrained=True).eval()
four = unseen.float([1, 5, 11, 14])
square = torch.ones(4, 1, 32, 32)
square[..., 11:21, 11:21] = 0
fillings = {"mean": baselines.mean_fill, "network": course_unet.inpaint}
rows = {name: fill(four * square, square) for name, fill in fillings.items()}
cells = [*(four * square), *(x for row in rows.values() for x in row), *four]
viz.show(
    viz.image_grid(
        cells,
        columns=4,
        row_titles=["damaged", *rows, "photograph"],
        masks=[*square, *[None] * 12],
        width=6,
    ),
    alt="Four small pictures with a hatched square hole in the middle; the holes filled with one flat "
    "colour; filled smoothly by a network, so that edges go on into the hole and fade; and the photographs.",
    caption="A hole has no single right filling: many pictures agree with the pixels that are left.",
)

# %% [markdown]
# The flat square is wrong at first sight. The network is harder to catch: it continues what the rim began, if softly, and nothing that is left in the picture says which filling is true. A course project (S0 in the printed lines of this course) that built the network of this lesson, a U-Net of partial convolutions, named this as its first
# challenge, and it is worth keeping in mind when figures come: **we shall measure the distance to one of many right answers.**
#
# You know the layer ([partial convolution](unit:partial_convolution)) and the shape ([autoencoder and U-Net](unit:autoencoder)). Here they become a network, and then the network is judged, which turns out to be the harder part.
#
# ## The table
#
# Why an autoencoder and no adversarial network? The project's reasons: one deterministic loss, no adversary that may win or lose, one forward pass, less memory. Its price: less realism, a single answer, weak texture. (An *adversary* is a second network that tries to tell fillings from photographs; it is the subject of [the Context Encoder](unit:context_encoder).) And for each part of its design the project's slides gave a reason:
#
# | part | reason |
# |---|---|
# | convolutions | learn features well, and a cat may sit anywhere |
# | batch norm | training converges more easily |
# | skip connections | details pass by the bottleneck instead of being lost in it |
# | several resolutions | deep layers learn other features than shallow ones |
# | sigmoid at the end | values lie in [0, 1] |
#
# One part is new. **Batch norm** (batch normalisation) brings each channel to mean 0 and standard deviation 1 over all places of all pictures of the batch, and then multiplies by a number and adds another; these two are learned for each channel. So a layer gets its inputs in the same range, however the layers before it change. After
# training, means and deviations kept from training take the place of those of the batch.
#
# On the way down each stage is *partial convolution, ReLU, partial convolution with stride 2, batch norm, ReLU*. On the way up: *enlarge twofold (nearest) image and mask, concatenate the encoder's feature of that size and its mask, partial convolution, ReLU, partial convolution, batch norm, ReLU*.

# %%
predict("partial_unet/merge_channels")

# %%
table = models.summary(unet)
print(table)
print()
print("slides' table:", published.get("s0.parameters"))

# %% [markdown]
# Read it row by row; the sizes are channels x height x width. `keep` has stride 1, `halve` stride 2; `merge` sees a concatenation, `refine` follows. Two things are worth stopping at:
#
# - **The seventh row of the slides** says 128 channels behind the second `halve`. The next row then would not fit, nor would the total: it is 64, a typo. A layer table is a claim that a program can check; this one is checked by a test of the course.
# - The slides leave open the size of the kernels, how the picture is enlarged, and which feature is concatenated. The project's public code answers (3 x 3, nearest, the feature before the stride) and differs elsewhere:

# %%
print(published.get("s0.parameters_code"))
print("  ", published.get("s0.parameters_code").note)
norms = sum(row.parameters for row in table.rows if row.layer == "BatchNorm2d")
print(f"in ours: {table.total - norms:,} in convolutions, {norms:,} in batch norm")

# %%
sides = [row.shape for row in table.rows if row.layer != "BatchNorm2d"]
figure, axes = viz.figure(7, 2.6)
ax = axes[0, 0]
for position, (channels, side, _) in enumerate(sides):
    down = position < 8
    colour, hatch = ("#0072B2", "") if down else ("#E69F00", "//")
    ax.bar(position, side, width=0.75, color=colour, hatch=hatch, edgecolor="white")
    ax.annotate(str(channels), (position, side), ha="center", va="bottom", fontsize=8)
ax.set(xlabel="layer, in the order in which they run", ylabel="side (pixels)", ylim=(0, 38), xticks=[])
viz.show(
    figure,
    alt="A bar for each of seventeen layers. Their heights fall in four steps from 32 to 2 pixels and rise "
    "again to 32; the numbers above them, the channels, grow from 32 to 256 and fall to 3.",
    caption="Height: side of the picture. Number: channels. Plain bars lead down, hatched ones up. Look at the "
    "last three.",
)

# %% [markdown]
# ## The masks go along
#
# In the last figure, remember the last three bars: 3 channels stand *before* the end already, and we shall come back to them.
#
# Each of the seventeen layers takes a mask and hands on another. Which one depends on the hole alone, not on the picture and not on the weights, so it can be computed once and for all. Here is a large hole on its way.

# %%
predict("partial_unet/when_full")

# %%
hole = torch.ones(1, 1, 32, 32)
hole[..., 6:26, 8:28] = 0
trace = models.mask_trace(unet, hole)
chosen = ["down.0.keep", "down.0.halve", "down.1.keep", "down.1.halve", "down.2.keep", "down.2.halve", "up.3.merge"]
viz.show(
    viz.image_grid(
        [hole[0], *(trace[name][0] for name in chosen)],
        columns=4,
        titles=["mask", *chosen],
        notes=["32 x 32", *("{2} x {3}".format(*trace[name].shape) for name in chosen)],
        width=6.5,
    ),
    alt="Eight small squares, black for hole: a hole of 20 by 20 pixels shrinks from layer to layer on the "
    "way down, while the picture gets smaller; behind the fifth layer of eight nothing of it is left, "
    "and the last square, from the way up, is all white.",
    caption="White is known. Halving the picture makes the hole smaller twice: in pixels, and by the rim that each layer takes.",
)

# %% tags=["compare"]
for name, known in trace.items():
    print(f"{name:13} {known.shape[-1]:2d} x {known.shape[-1]:<2d} {'full' if known.all() else 'has a hole'}")

# %% [markdown]
# These are the masks that each layer *hands on*. Where the mask that it *gets* is full, a partial convolution is an ordinary one (but for the border). So it does its special work in the first layers, and once more at the end: **the skips bring the hole back.** The feature that `up.3.merge` gets over the skip is the one that `down.0.keep` made,
# when nearly all of the hole was open. Beside it lies what came up from below, known everywhere, and that is why `up.3.merge` hands on a full mask again.
#
# ## Two masks in one window
#
# Here is the whole network, as its `forward` runs it, with a shape beside each line. `B` is the number of pictures, `C` and `S` are channels, `H` is the side at which a stage works: 32, 16, 8 and 4 on the way down, and the same backwards.

# %% tags=["compare"]
x, known, skips = 2 * four - 1, square, []  # (B, 3, 32, 32), (B, 1, 32, 32)
with torch.no_grad():
    for stage in unet.down:
        x, known = stage.keep(x, known)  # (B, C, H, H), (B, 1, H, H)
        x = F.relu(x)  # (B, C, H, H)
        skips.append((x, known))  # put aside, with its mask
        x, known = stage.halve(x, known)  # (B, C, H/2, H/2), (B, 1, H/2, H/2)
        x = F.relu(stage.norm(x))  # (B, C, H/2, H/2)
    for stage in unet.up:
        skip, skip_known = skips.pop()  # (B, S, H, H), (B, 1, H, H)
        x = F.interpolate(x, scale_factor=2)  # (B, C, H, H), from H/2
        known = F.interpolate(known, scale_factor=2)  # (B, 1, H, H)
        both = [(known, x.shape[1]), (skip_known, skip.shape[1])]  # two masks, for C and for S channels
        x = torch.cat([x, skip], dim=1)  # (B, C + S, H, H)
        x, known = stage.merge(x, both)  # (B, C, H, H), (B, 1, H, H)
        x, known = stage.refine(F.relu(x), known)  # (B, C/2, H, H); 3 channels in the last stage
        x = F.relu(stage.norm(x))
    x, known = unet.head(x, known)  # (B, 3, 32, 32), (B, 1, 32, 32)
    print("the same as the network:", torch.allclose(torch.sigmoid(x), unet(four, square), atol=1e-6))

# %% [markdown]
# The line with `both` is the new one. At a concatenation two histories meet. A place then counts once for each *channel* of which it is known. In the deepest `merge`, for instance, 256 channels come from below and 256 over the skip; in a window in which all nine places are known below, and three beside:

# %% tags=["compare"]
below, beside = 9, 3
places = 9 * 256 + 9 * 256
known = below * 256 + beside * 256
print(f"factor {places} / {known} = {places / known}")

# %%
predict("partial_unet/one_mask_for_both")

# %% [markdown]
# Why not simply one mask for both? Try it with values that should not change at all: everything that is known is 1, the weights take a mean, so that 1 must come out.

# %% tags=["compare"]
ones = torch.ones(1, 2, 6, 6)
up_mask, skip_mask = torch.ones(1, 1, 6, 6), torch.ones(1, 1, 6, 6)
skip_mask[..., 1:5, 1:5] = 0
values = ones * torch.cat([up_mask, skip_mask], 1)  # holes are 0
average = torch.full((1, 2, 3, 3), 1 / 18)
right, _ = partial_conv2d(ones, [(up_mask, 1), (skip_mask, 1)], average, padding=1)
believing, _ = partial_conv2d(values, up_mask, average, padding=1)  # "all is known"
doubting, _ = partial_conv2d(values, skip_mask, average, padding=1)  # "only what both know"
for name, y in {"two masks": right, "mask from below": believing, "mask of the skip": doubting}.items():
    print(f"{name:17} {y.min():.2f} to {y.max():.2f}")

# %% [markdown]
# With the mask from below the skip's empty places are taken for black. With the mask of the skip, what is known from below is thrown away where the skip has its hole, and nothing at all comes out in its middle. In the [exercise](exercise:partial_unet) you write the layer with two masks.
#
# ## What the network cannot see
#
# All this has one purpose: what lies *under* the hole must not matter. For this network it cannot, and we can check. A plain U-Net gets its holes as black pixels, and so has to learn which black is a hole and which is a black cat.

# %% tags=["compare"]
lines = masks.benchmark("lines")[:4].float()
noise = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    one = unet(four, lines)
    other = unet(torch.where(lines > 0, four, noise), lines)
print("other values under the hole change the prediction:", not torch.equal(one, other))

# %% [markdown]
# ## Four traps on the way to a figure
#
# The layers are right. Before a figure stands in a table there are more ways to go wrong, and the code of course projects (and of papers) holds examples of each. All four are about *judging*.
#
# ### 1. The network speaks another language than its target
#
# Images scaled to [-1, 1] are a good input: a hole set to 0 is then grey instead of black. But the sigmoid at the end speaks [0, 1]. What if it is compared with a target that was scaled, too?

# %%
predict("partial_unet/sigmoid_range")

# %%
target = 2 * unseen.float() - 1
best = target.clamp(0, 1)  # the nearest picture that a sigmoid can make
floor = (best - target).square().flatten(1).mean(1) / 4  # divided by 2 x 2: back in units of [0, 1]
print(f"share of numbers out of reach: {(target < 0).double().mean():.2f}")
print(f"PSNR of a perfect network with this mistake: {(-10 * floor.log10()).mean():.1f} dB")

# %% [markdown]
# *How this was computed: 200 test images, the best picture in [0, 1] for each target in [-1, 1], mean of the PSNRs.* No training helps: half of the range cannot be said. In this course images lie in [0, 1] everywhere, and a model that wants another range scales inside itself. You find `2 * image - 1` in the
# second line of this network's `forward`, and nowhere else.
#
# ### 2. The rival in the wrong range
#
# The simplest filling gives each hole the mean colour of what is known. The project compared its network with this *baseline*, as one should. But in its public code that mean was taken of images in [-1, 1], and the error against a target in [0, 1].

# %%
test_images, test_masks = unseen.float(), masks.benchmark("lines")[:200].float()
right = baselines.mean_fill(test_images * test_masks, test_masks)
wrong = 2 * right - 1  # the same filling, its values left in [-1, 1]
hole = (1 - test_masks).expand_as(test_images)
error = {}
for name, x in {"in [0, 1]": right, "left in [-1, 1]": wrong}.items():
    error[name] = ((x - test_images).square() * hole).sum().item() / hole.sum().item()
    print(f"mean fill {name:16} mean squared error in the hole {error[name]:.4f}")
print(f"ratio {error['left in [-1, 1]'] / error['in [0, 1]']:.0f}")

# %% [markdown]
# *How this was computed: over all hole pixels of 200 test images with frozen line masks. (`metrics.mse` is not used here: it refuses pictures outside of [0, 1], and says why.)* Whatever is compared with such a rival shines. **A baseline deserves the care of one's own method**, and nobody has a motive to debug it. So check it by an input with a known answer: an image of one colour must come back without error.
#
# ### 3. One class only
#
# The same code kept one class of images, of ten. How much does it matter on which pictures one measures?

# %%
with torch.no_grad():
    filled = {"partial U-Net": unet.inpaint(test_images, test_masks), "mean fill": right}
groups = unseen.labels[: len(unseen)]
means = {}
for label in sorted(set(groups.tolist())):
    inside = groups == label
    scores = [metrics.psnr(x[inside], test_images[inside], data_range=1).mean().item() for x in filled.values()]
    means[unseen.classes[label]] = (*scores, int(inside.sum()))
means = dict(sorted(means.items(), key=lambda item: item[1][0]))
figure, axes = viz.figure(6.5, 3)
ax = axes[0, 0]
ax.plot([v[0] for v in means.values()], list(means), "o", label="partial U-Net", color="#0072B2")
ax.plot([v[1] for v in means.values()], list(means), "s", label="mean fill", color="#E69F00")
ax.set(xlabel="PSNR (dB), higher is better")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
viz.show(
    figure,
    alt="A row for each class of pictures, with a circle for the partial U-Net and, far to the left of it, a square for the mean "
    "fill. Both vary by several decibels from class to class, and not in the same order.",
    caption="Mean PSNR by class of pictures (200 test images in all, composited, lines).",
)
low, high = min(v[0] for v in means.values()), max(v[0] for v in means.values())
print(f"partial U-Net: from {low:.1f} to {high:.1f} dB")

# %% [markdown]
# What is in a picture decides how hard it is to fill: soft backgrounds are easy, hard edges are not. Whoever chooses the class chooses the result, by more than most methods differ. (With so few images in each class part of the spread is chance; but that, too, is a reason not to measure on few.)
#
# ### 4. A score that does not know the best
#
# The project measured with Dice, on intensities: $2\sum AB / (\sum A + \sum B)$. [How good is a filling?](unit:metrics) took that apart; here is what it says about the pictures of this lesson.

# %%
predict("partial_unet/dice_order")

# %%
pictures = {
    "the photograph itself": test_images,
    "partial U-Net": filled["partial U-Net"],
    "mean fill": right,
    "all white": torch.ones_like(test_images),
}
for name, x in pictures.items():
    print(f"{name:22} Dice {metrics.dice(x, test_images).mean():.3f}")

# %% [markdown]
# *How this was computed: Dice of the whole image, composited, mean over 200 test images with frozen line masks.* Everybody is within a hair of the truth, and white is "better". Such a curve over training tells nothing. This lesson uses decibels, and says of which region.
#
# ## Against the simplest filling there is
#
# Now the question that the traps get in the way of: *is it worth it?* On one side two networks, the one of the table (trained on lines only) and the course's own (trained on lines, boxes and irregular holes). On the other, methods that never saw a picture.

# %%
predict("partial_unet/who_wins_where")

# %%
everybody = {
    "mean fill": baselines.mean_fill,
    "Navier-Stokes": baselines.navier_stokes,
    "biharmonic": baselines.biharmonic,
    "partial U-Net": unet.inpaint,
    "course U-Net": course_unet.inpaint,
}
some = data.ImageSet(unseen.images[:100], unseen.labels[:100], unseen.classes, unseen.source)
judged = {
    kind: evaluation.compare(everybody, some, masks.benchmark(kind)[:100], metrics=["psnr", "psnr_hole"], timing=False)
    for kind in ("lines", "boxes")
}
judged["lines"]

# %%
judged["boxes"]

# %%
for kind, result in judged.items():
    for rival in ("mean fill", "biharmonic"):
        gap = result.difference("partial U-Net", rival, "psnr")
        print(f"{kind:6} partial U-Net minus {rival:11} {gap.mean:+6.2f} dB, give or take {gap.half:.2f}")

# %% [markdown]
# *How this was computed: composited PSNR of the whole image, image by image, half a 95 % confidence interval.* Three things can be read off. The mean fill is beaten by everything: it is a floor, no rival. On thin lines a method that learned nothing is hard to beat, for the answer lies beside the hole. And a network is good at *the holes that it was
# trained on*: the one that has met nothing but lines loses its place on boxes, the other keeps it. (A hint, no proof: the course U-Net differs in more than its holes. It starts from a filling by means, has attention, and looks at the mirror image too.)
#
# One more reading needs both kinds of figure:

# %%
with torch.no_grad():
    raw = unet(test_images * test_masks, test_masks)
for name, x in {"raw": raw, "composited": filled["partial U-Net"]}.items():
    print(f"partial U-Net, {name:10} {metrics.psnr(x, test_images, data_range=1).mean():.2f} dB")

# %% [markdown]
# *How this was computed: PSNR of the whole image, mean over 200 test images, frozen line masks.* Raw means the picture that the network paints, known pixels too. Think of the last three bars in the figure of the layers: everything goes through 3 channels, behind batch norm and ReLU, before the head may speak. That is a likely reason why the known pixels do not come through
# undamaged; to be sure, one would train a network without it. For inpainting that does no harm, they are put back; for a *raw* figure it decides. Two tables may be compared if both are raw or both are composited, never across.
#
# ## Vanilla against partial, fairly
#
# Another course project compared two networks on CIFAR-10: a plain U-Net, and one of partial convolutions. It printed:

# %%
for key in ("s1.vanilla.psnr", "s1.partial.psnr", "s1.vanilla.psnr_right", "s1.partial.psnr_right", "s1.gap"):
    print(f"{published.get(key).title:40} {published.get(key)}")

# %% [markdown]
# (The first two were computed with the wrong peak, which adds the same number to both and leaves their difference as it is.) *Plain convolution is better*, it concluded, and explained it by the size of the pictures: partial convolution would suit larger ones. Perhaps. But its layer had three bugs:
#
# 1. the window factor was $k^2$, while the mask was summed over all input channels: everything came out divided by their number;
# 2. the bias was added inside holes, too;
# 3. the kernels that *count* known places, all ones, were left trainable. So the network learned to count wrongly, and its table counted them as parameters:

# %%
for key in ("s1.partial.parameters", "s1.partial.mask_kernels", "s1.partial.weights", "s1.vanilla.parameters"):
    print(f"{published.get(key).title:44} {published.get(key)}")

# %%
predict("partial_unet/what_is_fair")

# %% [markdown]
# A fair re-run holds fixed whatever the claim is not about: the same pictures in the same order under the same masks, the same loss, optimiser and number of steps, judged on the same test images, in the right range, raw *and* composited. And more than one *seed*, or we would not know a difference from luck.
#
# Three networks: the plain one, the partial one, and the partial one with its three bugs put back (`put_back` exists for this purpose alone). Mind what each pair can say. Between the last two only the bugs differ. Between the first two the layers *and* the rest of the design differ, the number of parameters above all, as they did in print: so that pair repeats the claim about these two networks, and no more. All three are narrow and train for a few seconds each; with `INPAINTLIB_PROFILE=full` for longer. Write down your guess first.

# %%
predict("partial_unet/who_wins_short")

# %%
learn_from = data.load_images("auto", split="train", limit=1600)
epochs, seeds = (5, range(3)) if inpaintlib.profile() == "full" else (1, range(2))
arms = {
    "vanilla": ("vanilla_unet", ()),
    "partial": ("partial_unet_s1", ()),
    "partial, three bugs": ("partial_unet_s1", ("factor", "bias", "kernels")),
}
reached = {name: {"raw": [], "composited": []} for name in arms}
for name, (kind, mistakes) in arms.items():
    for seed in seeds:
        torch.manual_seed(seed)
        network = put_back(*mistakes)(models.create(kind, width=8))
        train.fit(
            network,
            learn_from,
            masks.lines,
            losses.l1,
            epochs=epochs,
            batch_size=16,
            lr=4e-3,
            ema=0.95,
            seed=seed,
            progress=False,
        )
        with torch.no_grad():
            y = network.eval()(test_images * test_masks, test_masks)
        composited = torch.where(test_masks > 0, test_images, y)
        for how, x in {"raw": y, "composited": composited}.items():
            reached[name][how].append(metrics.psnr(x, test_images, data_range=1).mean().item())

floor = metrics.psnr(right, test_images, data_range=1).mean().item()
for name, scores in reached.items():
    line = "   ".join(f"{how} " + " and ".join(f"{v:.2f}" for v in values) for how, values in scores.items())
    print(f"{name:20} {line} dB")
print(f"{'mean fill':20} composited {floor:.2f} dB")

# %% [markdown]
# *How this was computed: PSNR of the whole image, mean over 200 test images with frozen line masks; one number for each seed. All arms: the same 1,600 training images, Adam, mean absolute error, the same steps; width 8 instead of 32.*

# %%
figure, axes = viz.figure(6.5, 2.6)
ax = axes[0, 0]
for how, marker, colour, shift in (("raw", "s", "#E69F00", 0.12), ("composited", "o", "#0072B2", -0.12)):
    for row, scores in enumerate(reached.values()):
        ax.plot(scores[how], [row + shift] * len(scores[how]), marker, color=colour, label=how if row == 0 else None)
ax.axvline(floor, color="#1a1a2e", linestyle="--", linewidth=1, label="mean fill, composited")
ax.set(yticks=range(len(reached)), yticklabels=list(reached), ylim=(2.5, -0.5), xlabel="PSNR (dB), higher is better")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
viz.show(
    figure,
    alt="Three rows, for vanilla, partial, and partial with three bugs. Circles for composited results lie far to the right of the squares "
    "for raw ones; the composited ones lie to the right of the line of the mean fill. All three rows are near to each other.",
    caption="Each mark is one training run from another seed.",
)
spread = max(max(s["composited"]) - min(s["composited"]) for s in reached.values())
mean = {name: sum(s["composited"]) / len(s["composited"]) for name, s in reached.items()}
print(f"vanilla minus partial, composited: {mean['vanilla'] - mean['partial']:+.2f} dB")
print(f"vanilla minus partial with three bugs: {mean['vanilla'] - mean['partial, three bugs']:+.2f} dB")
print(f"largest difference between two seeds of one network: {spread:.2f} dB")

# %% [markdown]
# *How this was computed: differences of the means over seeds of the table above.* Before you draw a conclusion, compare the first two lines with the third, and with the printed gap. A difference between networks that is no larger than one between seeds of the same network is no difference yet. And one that is larger holds for *this*
# training: change `epochs`, the number of images or `width` in the cell above and run it again. The gap changes with them, and may change its sign. **After so short a training the comparison says how fast a network starts, not how good it can become.** Look at the row with the bugs, too: they need not ruin a short run, which is why nobody
# notices them. But a comparison that holds them cannot tell what the *method* is worth.
#
# That is an honest result, and an unsatisfying one. `python -m inpaintlib.reproduce s1` is the longer version: three seeds of every arm, twice the width, ten thousand pictures each, and each bug alone. What it found is kept with the course:

# %%
study = stored("s1")
if study is None:
    raise FileNotFoundError("docs/results/s1.json is missing; make it with: python -m inpaintlib.reproduce s1")
networks = study["results"]["networks"]
print(f"{'raw PSNR, dB':42} {'mean':>6}   seed by seed")
for name, found in networks.items():
    if "raw psnr" in found["columns"]:
        column = found["columns"]["raw psnr"]
        print(f"{name:42} {column['mean']:6.2f}   {'  '.join(f'{v:.2f}' for v in column['seeds'])}")

# %% [markdown]
# *How this was computed: by the command above, whose page is docs/results/s1.md; raw PSNR of the whole image, mean over 1,000 test images with frozen line masks. The last rows are the weights that come with the course, after far more training.*
#
# Look at the spread between the seeds before you look at the means. One bug stands out, with the same sign in all three seeds: the factor that forgot the number of channels; it makes every layer's output too small. (In the short run above nobody would have found it: what a bug costs depends on the settings.) The other two are within what another seed does. And the order of vanilla and partial is the
# same in all seeds here: on thin lines, after so many pictures, the small partial network is behind the large vanilla one, without any bug. (But three seeds are few: as an interval over seeds, none of these differences leaves out 0. The signs agree; the sizes are hardly known.) With the bugs the gap is far larger. So the bugs *can* make a gap like the printed one, and so, in part, can the two networks themselves; which had what share in the printed run, nobody can tell any more.
#
# What about the explanation, that partial convolution suits larger pictures? It is a conjecture that this table neither supports nor refutes: nothing in it varies the size.

# %% [markdown]
# ## Check yourself

# %%
predict("partial_unet/check_full_mask")

# %%
predict("partial_unet/check_kernels")

# %%
predict("partial_unet/check_table")

# %% [markdown]
# ## Common mistakes
#
# - **One mask for both halves of a concatenation.** Nothing crashes; at every skip the hole leaks in as black.
# - **Enlarging the picture and not its mask**, or the mask smoothly: a mask is 0 or 1, nearest is the only way.
# - **Learning the counting kernels.** Ones that count are a constant (in PyTorch a *buffer*), no parameter.
# - **A sigmoid before a target in [-1, 1].**
# - **A baseline in another range**, or raw against composited.
# - **One seed, one class, one kind of hole**, and a conclusion about *the method*.
#
# ## Summary
#
# - Four stages down, four up, seventeen partial convolutions. Masks travel along, and skips bring the hole back.
# - At a concatenation each channel keeps its own mask; a place counts once for each channel of which it is known.
# - The mean fill is the floor. On thin lines methods without learning are strong rivals; a network is good at holes of the kind that it has met.
# - A comparison is fair if only that differs which the claim is about, and if the spread between seeds is shown.
#
# What the network is *asked* for, its loss, has been the same all along. What others do to a picture is the subject of [losses](unit:losses).
#
# ## Sources
#
# - [@liu2018partial].
# - [@ronneberger2015unet].
# - [@dice1945measures].
