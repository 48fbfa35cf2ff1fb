# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Two photographs, two beliefs
#
# {{ minutes 5 }}
#
# A piece is missing from each of these photographs: from a picture of the deep sky, and from a picture of the back of a human eye. Two methods have filled
# them. Neither was trained; neither has ever seen another photograph. One of them believes that **pictures are smooth**, the other that **pictures repeat
# themselves**.

# %%
import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from course.checks import predict
from inpaintlib import baselines, data, evaluation, masks, viz, widgets
from inpaintlib.baselines.patchmatch import offset_field


def small_photo(name, size=64):
    """A photograph, cut square and made small: (1, 3, size, size)."""
    photo = data.load_photo(name)
    side = min(photo.shape[2:])
    return F.interpolate(photo[:, :, :side, :side], size=size, mode="area")


sky, eye = small_photo("hubble_deep_field"), small_photo("retina")
square = torch.ones(1, 1, 64, 64)
square[..., 22:44, 22:44] = 0  # 1 = known, 0 = hole
first_look = {
    "sky": (sky, baselines.biharmonic(sky, square), baselines.texture_synthesis(sky, square)),
    "eye": (eye, baselines.texture_synthesis(eye, square), baselines.biharmonic(eye, square)),
}
viz.show(
    viz.image_grid(
        [*first_look["sky"], *first_look["eye"]],
        columns=3,
        row_titles=["sky", "eye"],
        column_titles=["the hole", "A", "B"],
        masks=[square, None, None, square, None, None],
        width=5,
    ),
    alt="Two rows of three pictures. Sky: a black sky full of small galaxies with a "
    "square missing; in A the square is filled with a dark blur, in B with "
    "galaxies. Eye: a red disc with branching vessels, a square in its middle "
    "missing; both have filled it with red, one evenly, one "
    "with a faint slanting seam.",
    caption="Two photographs with a hole, each filled by two methods that nobody "
    "trained. The letters are not in the same order in both rows.",
)

# %%
predict("masks_and_baselines/which_belief")

# %% [markdown]
# Now the originals.

# %%
viz.show(
    viz.image_row({"sky, original": sky[0], "eye, original": eye[0]}, width=4),
    alt="The sky with its real galaxies, at other places than in the filling; the "
    "eye with a dark spot in the middle of the disc.",
    caption="The dark spot in the eye is the macula, with which you are reading "
    "this.",
)

# %% [markdown]
# Every galaxy in the filling exists, but somewhere else: it was copied. And both fillings of the eye look right at first sight, and are wrong: they removed the spot with which the eye sees
# sharpest, because nothing around the hole speaks of it. A doctor would have looked there first. **A filling says what the method believes, not what was
# there.**
#
# In this lesson you take eight such methods apart, from a line of arithmetic to PatchMatch, and learn to say *beforehand* where each fails. They are what every
# network of this course has to beat; some of them are harder to beat than you might think. But first: the holes.

# %% [markdown]
# ## Where holes come from
#
# {{ minutes 10 }}
#
# A scratch, a stain, a person in the way, a lost block of data: each is another kind of hole. The library has a function for each kind, a **family**. All are called alike,
# `family(count, size)`, and answer masks `(count, 1, H, W)` of bytes, 1 = known, 0 = hole.

# %%
some = {}
for name, family in masks.FAMILIES.items():
    some[name] = family(3, 32, generator=torch.Generator().manual_seed(1))
in_rows = [some[name][i] for i in range(3) for name in some]
notes = [f"{100 * float(masks.hole_ratio(mask[None])):.0f} % hole" for mask in in_rows]
viz.show(
    viz.image_grid(
        in_rows, columns=6, column_titles=list(some), notes=notes, width=7
    ),
    alt="Three masks of each of six families, black on white: thin straight lines; "
    "thick zigzag strokes; discs; one box; one box in the centre, three times the "
    "same; irregular blobs, from few pixels to half of the picture.",
    caption="Three masks of each family, 32 x 32 pixels. White = 1 = known, black = "
    "0 = hole.",
)

# %% [markdown]
# `lines` are scratches (two of the five course projects behind this course used them), `boxes` and `center_box` are lost blocks, `strokes` are what your hand does in the painter, and
# `irregular` gives any shape with a **hole ratio** (hole pixels by all pixels) that you ask for: it serves to measure quality against hole size.
#
# You need no library for any of these. **A mask is an inequality**: a pixel belongs to the hole if something about its place is small enough. Take the row $y$ and the column $x$ of every pixel; then

# %%
y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")  # each (32, 32)
holes = {
    "circle": (x - 12) ** 2 + (y - 16) ** 2 <= 8.5**2,
    "ellipse": ((x - 16) / 13.5) ** 2 + ((y - 16) / 5.5) ** 2 <= 1,
    "ellipse, turned": ((x + y - 32) / 18) ** 2 + ((x - y) / 7) ** 2 <= 1,
    "box": torch.maximum((x - 16).abs() / 10, (y - 12).abs() / 6) <= 1,
    "line": (3 * x - 4 * y + 20).abs() / 5 <= 1,  # the distance to 3x - 4y + 20 = 0
}
viz.show(
    viz.image_row({name: (~hole).float() for name, hole in holes.items()}, width=7),
    alt="Five masks: a black disc, a wide ellipse, an ellipse along the diagonal, a "
    "box, and a slanted line that crosses the whole picture.",
    caption="Five inequalities. ~ turns True (hole) into False: 1 = known.",
)

# %% [markdown]
# In the exercise you make that line end where it should.
#
# Is the hole ratio all that matters? Look at one more number: the **depth**, the distance of the innermost hole pixel from the nearest known one.

# %%
predict("masks_and_baselines/same_ratio")

# %%
def depth(mask):
    """The distance of the deepest hole pixel from a known one, in pixels."""
    return scipy.ndimage.distance_transform_edt(mask.squeeze() == 0).max()


figure, axes = viz.figure(6.5, 3.6)
chance = torch.Generator().manual_seed(2)
for i, (name, family) in enumerate(masks.FAMILIES.items()):
    drawn = family(120, 32, generator=chance)
    percent, deepest = 100 * masks.hole_ratio(drawn), [depth(mask) for mask in drawn]
    look = {"color": viz.CYCLE[i], "marker": viz.MARKERS[i], "linestyle": "none"}
    axes[0, 0].plot(percent, deepest, label=name, alpha=0.6, markersize=4, **look)
    print(f"{name:11} on average {percent.mean():4.1f} % hole and {sum(deepest) / 120:4.1f} pixels deep")
axes[0, 0].set(xlabel="hole (% of the pixels)", ylabel="depth (pixels)")
axes[0, 0].legend(ncols=2)
viz.show(
    figure,
    alt="A cloud of points for each family, depth against hole ratio. Lines lie "
    "lowest: up to a third of the picture missing, and seldom more than three "
    "pixels deep. Boxes, circles and blobs lie far above them, at the same ratio "
    "two to three times as deep.",
    caption="720 masks. At the same hole ratio a line is shallow and a box is deep.",
)

# %% [markdown]
# *How this was computed: 120 masks of 32 x 32 pixels of each family, drawn at random with a fixed seed.*
#
# Where we compare methods, all of them must fill *the same* holes. `masks.benchmark("lines")` gives frozen masks, the same on every machine; a fingerprint, SHA-256, proves it.

# %% tags=["compare"]
frozen = masks.benchmark("lines")[:200]
print("fingerprint of the first 200:", masks.sha256(frozen)[:16], "...")
frozen[0, 0, 0, 0] = 1 - frozen[0, 0, 0, 0]
print("of the same, one pixel changed:", masks.sha256(frozen)[:16], "...")

# %% [markdown]
# ## Knocking a hole into a picture, and two ways to do it wrong
#
# {{ minutes 5 }}
#
# `image * mask` makes the hole black. That is all; and yet two mistakes happen here again and again.
#
# **First: the polarity.** Half of the world paints holes white, the other half black; OpenCV wants 1 = *hole*. Nothing crashes when a mask is the wrong way round. `masks.from_image`
# has no default for it on purpose: one must say `hole="white"`.

# %%
cat = F.avg_pool2d(data.load_photo("chelsea")[:, :, 20:276, 90:346], 4)  # (1, 3, 64, 64)
ellipse = holes["ellipse, turned"].repeat_interleave(2, 0).repeat_interleave(2, 1)
painted = 255 * ellipse.to(torch.uint8)  # a file: white on black
right = masks.from_image(painted, hole="white").float()
wrong = masks.from_image(painted, hole="black").float()
viz.show(
    viz.image_row(
        {"painted": painted, "as it was meant": (cat * right)[0], "the other way": (cat * wrong)[0]},
        notes=["", *(f"{100 * float(masks.hole_ratio(m)):.0f} % hole" for m in (right, wrong))],
        width=6,
    ),
    alt="A white ellipse on black; the cat with that ellipse cut out; and a black "
    "picture in which only the ellipse shows the cat.",
    caption="One file, two readings. The hole ratio tells: few tasks have more hole "
    "than picture.",
)

# %% [markdown]
# **Second: the AND.** Pictures are often stored as whole numbers from 0 to 255, eight bits. A course project made its holes with a bitwise AND: where
# the stencil says 255, all bits of a pixel pass; where it says 1, ... well. The picture looked as it should. Here is a scanned note with a hole made in this manner.

# %%
page = Image.new("L", (96, 32), 255)
ImageDraw.Draw(page).text((8, 9), "meet me at noon", fill=0)
page = 255 * (torch.tensor(np.array(page)) > 127).to(torch.uint8)  # (32, 96), black on white
stencil = torch.full((32, 96), 255, dtype=torch.uint8)
stencil[4:28, 44:92] = 1
leaky = page & stencil
viz.show(
    viz.image_row({"the note": page / 255, "after the AND": leaky / 255}, width=7.5),
    alt="A note in pixel letters: meet me at noon; and the same with a black box "
    "over its second half.",
    caption="The box looks black.",
)

# %%
predict("masks_and_baselines/and_with_one")

# %%
in_box = stencil == 1
recovered = (leaky[in_box] * 255 == page[in_box]).float().mean()
readable = torch.where(in_box, leaky.float(), leaky / 255)  # times 255 in the box
print("values in the hole:", sorted(set(leaky[in_box].tolist())))
print(f"times 255, {100 * recovered:.0f} % of its pixels are those of the original")
viz.show(
    viz.image_row({"the hole, times 255": readable}, width=5),
    alt="The note again, every letter of its second half readable.",
    caption="255 AND 1 is 1, and 0 AND 1 is 0: the lowest bit of the original passed "
    "through.",
)

# %% [markdown]
# A network can learn to read such a leak, since nobody tells it not to; where the picture is black or overexposed, its fillings are then too good to be true. So this course has one rule for whatever
# fills holes: **pixels under a hole must not influence the result**. It takes two lines to test, and is worth them:

# %% tags=["compare"]
noise = torch.rand(cat.shape, generator=torch.Generator().manual_seed(0))
for name in ("mean_fill", "fast_marching", "nearest_patch"):
    fill = baselines.get(name)
    same = torch.equal(fill(cat, right), fill(torch.where(right > 0, cat, noise), right))
    print(f"{name:14} same result with noise under the hole: {same}")

# %% [markdown]
# ## One colour for all: the mean
#
# {{ minutes 5 }}
#
# The simplest filling is one colour. Which one? The mean of the known pixels: no other constant has a smaller squared error over them. It is the zero of our scale: **what does not beat the mean has
# learned nothing**. Even here is a trap. `(image * mask).mean()` counts the hole as black; divide by the number of *known* pixels.

# %%
damaged = cat * right
print(f"mean of the damaged picture   {damaged.mean():.3f}")
print(f"mean of its known pixels      {damaged.sum() / (3 * right.sum()):.3f}")
print(f"mean of the whole original    {cat.mean():.3f}")

# %% [markdown]
# ## Pictures are smooth: let the colours flow
#
# {{ minutes 10 }}
#
# Heat flows from warm to cold until nothing flows any more. Do the same with brightness: each hole pixel becomes the mean of its four neighbours, again and
# again, and known pixels stay as they are. First along a line, with four unknown numbers between 2 and 7.

# %%
predict("masks_and_baselines/between_two_and_seven")

# %% tags=["compare"]
row = torch.tensor([2.0, 0, 0, 0, 0, 7])
for step in range(201):
    if step in (0, 1, 2, 10, 200):
        print(f"after {step:3d} steps:", "  ".join(f"{value:.2f}" for value in row))
    row[1:-1] = (row[:-2] + row[2:]) / 2

# %% [markdown]
# In a picture it is the same with four neighbours, and one step is a convolution:

# %%
def flow(image, mask, steps, start=0.5):
    """Diffusion: each hole pixel becomes the mean of its four neighbours, again and again."""
    channels = image.shape[1]
    cross = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    cross = cross.expand(channels, 1, 3, 3)  # one kernel for each colour
    x = torch.where(mask > 0, image, start)
    for _ in range(steps):
        mean = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), cross, groups=channels)
        x = torch.where(mask > 0, image, mean)
    return x


box = torch.ones(1, 1, 64, 64)
box[..., 20:42, 30:52] = 0
viz.show(
    viz.image_grid(
        [flow(cat, box, steps, start)[0] for start in (0.0, 1.0) for steps in (0, 10, 100, 1000)],
        columns=4,
        column_titles=[f"{steps} steps" for steps in (0, 10, 100, 1000)],
        row_titles=["from black", "from white"],
        width=5.4,
    ),
    alt="Two rows of four pictures of the cat with a square hole. Above, the hole "
    "starts black, below white; after 10 steps its rim is coloured, after 100 "
    "almost all of it, after 1000 both rows look the same: a smooth blur.",
    caption="Diffusion. Where it starts does not matter; where it ends is decided by "
    "the rim alone.",
    max_bytes=40_000,
)

# %% [markdown]
# A mathematician reads the code as the **heat equation** $\partial u/\partial t = \Delta u$, where $u$ is the brightness at a place and a time $t$, here the number of steps. The Laplacian $\Delta u$
# is the sum of the second derivatives across and down; on a grid it is, up to a factor, *the mean of the neighbours minus oneself*. When
# nothing changes any more, $\Delta u = 0$: every hole pixel is the mean of its neighbours. Picture a wire bent along the rim of the hole, at the height of the brightness,
# and a film of soap in it. The film has no bumps: it never gets brighter than the brightest pixel of the rim, nor darker than the darkest. A filling like this can contain
# nothing that is not at the rim.
#
# How long does it take?

# %%
predict("masks_and_baselines/twice_as_wide")

# %%
print("width of the hole   steps until no pixel is off by more than 0.01")
for width in (4, 8, 16, 32):
    white, hole = torch.ones(1, 1, 48, 48), torch.ones(1, 1, 48, 48)
    hole[..., 8 : 8 + width, 8 : 8 + width] = 0
    u, steps = flow(white, hole, 0, start=0.0), 0
    while u.min() < 0.99:
        u, steps = flow(white, hole, 1, start=u), steps + 1
    print(f"{width:17d} {steps:7d}")

# %% [markdown]
# Diffusion forgets where things were going. In a row of pixels that rises towards the hole, the film bends at the rim and runs straight to the other
# side. The **biharmonic** equation $\Delta^2 u = 0$ (the Laplacian of the Laplacian is 0) is the remedy: in place of a soap film a thin sheet of metal, which joins the rim in height *and in slope*. Its
# profile, beside that of the film, through a hill whose top is missing:

# %%
across = torch.arange(64.0)
hill = 0.15 + 0.5 * torch.exp(-(((across - 27) / 11) ** 2))  # its top is at column 27
hill = hill + 0.75 * torch.exp(-(((across - 60) / 5) ** 2))  # and a higher one stands behind
hill = hill.expand(1, 1, 16, 64)
gap = torch.ones(1, 1, 16, 64)
gap[..., 21:37] = 0
film, sheet = flow(hill, gap, 2000), baselines.biharmonic(hill, gap)
figure, axes = viz.figure(6.5, 2.9)
axes[0, 0].axvspan(20.5, 36.5, facecolor=viz.ORANGE, alpha=0.35, hatch="//", label="hole")
axes[0, 0].plot(across, hill[0, 0, 8], "-", color=viz.INK, label="original")
seen = slice(20, 38)  # the hole and one pixel of its rim on each side
axes[0, 0].plot(across[seen], film[0, 0, 8, seen], "--", color=viz.BLUE, label="film (diffusion)")
axes[0, 0].plot(across[seen], sheet[0, 0, 8, seen], "-.", color=viz.VERMILLION, label="sheet (biharmonic)")
axes[0, 0].set(xlabel="column (pixels)", ylabel="brightness (0 to 1)", ylim=(0, 1))
axes[0, 0].legend(loc="upper left", ncols=2, fontsize=9)
viz.show(
    figure,
    alt="A hill of brightness whose top lies in a hole. Diffusion cuts it off with a "
    "straight slanted line; the biharmonic curve rises on and draws a new top, a "
    "little off the real one.",
    caption="One row of a picture. The film is straight, with a kink at the rim; the "
    "sheet carries the slope on.",
)

# %% [markdown]
# That is why the biharmonic method is so good on thin holes. It has a price: what carries a slope on shoots beyond the rim's values, and over a wide hole too far. (The library stops it at
# the brightest and the darkest known pixel.) And two things hold for every equation that wants to be smooth: an edge is blurred on its way through the hole, and texture dies at the rim.

# %% [markdown]
# ## In one pass: fast marching
#
# {{ minutes 5 }}
#
# A thousand steps are a lot. Telea's method goes over each pixel **once**. It starts at the rim and works inwards, nearest pixels first; each
# becomes a weighted mean of the known and *already filled* pixels around it. The order, by distance to the rim, is found by the fast marching method, which gave it its name. Here is that order:

# %%
def so_far(filled, order, steps):
    """The filling where it was filled by then; the rest is still a hole. Returns (pictures, masks)."""
    order = torch.as_tensor(order)
    return [filled[0]] * len(steps), [(order <= step).float() for step in steps]


rocket = F.avg_pool2d(data.load_photo("rocket")[:, :, 130:386, 230:486], 4)
across_it = torch.ones(1, 1, 64, 64)
across_it[..., 24:42, 20:52] = 0
distance = scipy.ndimage.distance_transform_edt(across_it[0, 0] == 0)
marched = baselines.fast_marching(rocket, across_it)
pictures, still_open = so_far(marched, distance, (0, 3, 6, 99))
viz.show(
    viz.image_row(
        [*pictures, rocket[0]],
        ["the hole", "3 pixels deep", "6 pixels deep", "filled", "original"],
        masks=[*still_open, None],
        width=6.6,
    ),
    alt="A white rocket before an evening sky, a wide box across it missing. The box "
    "closes from all sides at the same speed. In the result the rocket is pinched "
    "off: from above and from below a blunt tip, sky between them.",
    caption="Fast marching fills from the rim inwards. Hatched: not yet filled.",
)

# %% [markdown]
# The rocket came in from above and below, and the sky at the same speed from the right; where the fronts met, the rocket was pinched off. The order knows *distance* and nothing else. Keep
# this picture in mind: further down the same hole is filled in another order.

# %% [markdown]
# ## Along the lines: Navier-Stokes
#
# {{ minutes 5 }}
#
# Bertalmio and his colleagues asked how a restorer works. She does not let colours flow from all sides: she *continues the lines* that reach the rim. An **isophote** is a line of equal
# brightness; it runs at a right angle to the gradient of the brightness, the direction in which it rises fastest. Their equation carries the smoothness of the picture, its Laplacian, along the isophotes into the hole. A year later they saw that
# they had written down a fluid: brightness is the stream function, isophotes are the stream lines, the Laplacian is the vorticity, and a filled hole is a steady flow. Hence the
# name *Navier-Stokes*. (If you know no fluids, keep this of it: the lines are carried in, as by a stream.) Ballester and her colleagues joined the *directions* of the isophotes across the hole together with the brightness.
#
# (OpenCV, which the library calls, has a simplified version that makes one pass. It is what everybody means by "the Navier-Stokes baseline".)

# %%
v, u = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
curved = 0.5 + 0.4 * torch.sin(torch.hypot(u + 12, v - 76) / 6)  # rings around the bottom left
curved = curved[None, None]  # (1, 1, 64, 64)
window = torch.ones(1, 1, 64, 64)
window[..., 20:44, 20:44] = 0
carried = {
    "original": curved,
    "diffusion": flow(curved, window, 1500),
    "fast marching": baselines.fast_marching(curved, window),
    "Navier-Stokes": baselines.navier_stokes(curved, window),
    "biharmonic": baselines.biharmonic(curved, window),
}
figure, axes = viz.figure(8, 2.1, 1, 5)
for ax, (name, picture) in zip(axes[0], carried.items(), strict=True):
    ax.imshow(picture[0, 0], cmap="gray", interpolation="nearest")
    ax.contour(picture[0, 0], levels=[0.3, 0.5, 0.7], colors=viz.SKY, linewidths=1.2)
    ax.plot([20, 43, 43, 20, 20], [20, 20, 43, 43, 20], "--", color=viz.ORANGE)
    ax.set_title(name)
    ax.axis("off")
viz.show(
    figure,
    alt="Curved stripes with their lines of equal brightness drawn in, and a dashed "
    "square that was the hole. In the original the lines run through it as arcs. "
    "After diffusion they close up at the rim and leave a grey middle; after fast "
    "marching and Navier-Stokes they bend at the rim and run inwards until the "
    "fronts meet; biharmonic carries them through as arcs.",
    caption="Isophotes (light blue) through a hole (dashed). In the original they "
    "are arcs.",
    max_bytes=35_000,
)

# %% [markdown]
# The film closes the lines up at the rim. Fast marching, and the one-pass fluid of OpenCV, bend them there and run inwards until the fronts meet: what you see is a simplified version, not the equation of the paper. On stripes as wide and soft as these the sheet of metal, which
# carries slopes on, keeps the arcs, a little too pale in the middle. Narrower ones, or a hard edge, would look otherwise: change the 6 in `curved` to a 2 and run the cell again.
#
# ## Pictures repeat themselves: copy
#
# {{ minutes 10 }}
#
# Now the other belief. What is missing here may exist elsewhere *in the same picture*. Take a pixel at the rim of the hole, look at its surroundings as far as they are known, and ask every
# known pixel of the picture: are your surroundings like mine? The one that says yes most loudly is copied.

# %%
layers = []
baselines.nearest_patch(cat, box, patch=7, watch=layers.append)
first = layers[0]  # the outermost layer of the hole
which = int((first.pixels == torch.tensor([27, 51])).all(1).nonzero()[0])  # beside an eye
(row, column), (from_row, from_column) = [places[which].tolist() for places in first[1:]]
figure, axes = viz.figure(7.2, 2.5, 1, 3, width_ratios=[2, 1, 1])
axes[0, 0].imshow(cat[0].permute(1, 2, 0), interpolation="nearest")
viz.mark_holes(axes[0, 0], box)
axes[0, 0].set_title("who is like me?")
for ax, name, (r, c), colour, dashes in (
    (axes[0, 1], "around a hole pixel", (row, column), viz.VERMILLION, "-"),
    (axes[0, 2], "its nearest patch", (from_row, from_column), viz.BLUE, "--"),
):
    square_x, square_y = [-3.5, 3.5, 3.5, -3.5, -3.5], [-3.5, -3.5, 3.5, 3.5, -3.5]
    frame = [c + d for d in square_x], [r + d for d in square_y]
    axes[0, 0].plot(*frame, dashes, color=colour, linewidth=3, zorder=5)
    ax.imshow(cat[0, :, r - 3 : r + 4, c - 3 : c + 4].permute(1, 2, 0))
    ax.set_title(name)
viz.mark_holes(axes[0, 1], box[..., row - 3 : row + 4, column - 3 : column + 4])
for ax in axes[0]:
    ax.axis("off")
viz.show(
    figure,
    alt="The cat with its hole, a solid frame at the right rim of the hole, beside "
    "one eye, and a dashed frame on the other eye. Beside it both frames "
    "enlarged: dark green on one side, brown on the other. In the first the left "
    "half is hatched.",
    caption="A pixel at the rim, beside one eye (the middle of the solid frame), "
    "becomes a copy of a pixel in the iris of the other eye (dashed).",
)

# %% [markdown]
# "Alike" is a sum of squared differences over the pixels that are known in the question. The library asks all known pixels at once: comparing a patch with every patch of a picture is a
# convolution. Let $q$ be the patch around the hole pixel, $w$ its mask (1 where it is known), and $s$ a patch elsewhere, all summed over their pixels:
# $\sum w (q-s)^2 = \sum w q^2 - 2\sum w q s + \sum w s^2$.
#
# Four methods share this idea and differ in what they copy, in which order, and in how they search.
#
# | method | copies | order | search |
# |---|---|---|---|
# | **nearest patch** | the centre of the best match | rim inwards | every place |
# | **texture synthesis** (Efros, Leung 1999) | the centre of *one of* the good matches, by chance | rim inwards, most known neighbours first | every place |
# | **exemplar** (Criminisi et al. 2004) | all that is missing in a patch, at once | strong edges first | every place |
# | **PatchMatch** (Barnes et al. 2009) | a vote of all patches that overlap | coarse to fine | guesses, passed on to neighbours |

# %%
predict("masks_and_baselines/which_colours")

# %%
inside = across_it[0, 0] == 0
known_colours = {tuple(colour) for colour in rocket[0, :, ~inside].T.tolist()}
print("filled pixels whose colour occurs in the known part of the photograph:")
for name in ("biharmonic", "nearest_patch", "texture_synthesis", "exemplar"):
    filled = baselines.get(name)(rocket, across_it)[0, :, inside].T.tolist()
    print(f"{name:17} {sum(tuple(colour) in known_colours for colour in filled)} of {len(filled)}")

# %% [markdown]
# Efros and Leung let chance decide among all matches that are at most a tenth worse than the best. Why give away the best match? Because always taking the best is a rut: having copied one pixel,
# its neighbour to the right finds the same place again, and so on, until a whole piece of the picture has been copied out. With chance, stones, fur and stars stay irregular, and *the same hole
# has many fillings*: the first answer in this course to the question that has no single one.

# %%
variants = {"nearest patch": baselines.nearest_patch(sky, square)[0]}
for seed in range(3):
    variants[f"chance, seed {seed}"] = baselines.texture_synthesis(sky, square, seed=seed)[0]
viz.show(
    viz.image_row(variants, width=6.4),
    alt="The sky filled four times: by the nearest patch, and three times by texture "
    "synthesis, each time with other galaxies in other places.",
    caption="Four skies. None of these galaxies is there.",
)

# %% [markdown]
# ## The order decides: Criminisi
#
# {{ minutes 5 }}
#
# Back to the rocket. Peel a hole like an onion and each line that crosses it is overgrown before it reaches the other side. Criminisi, Pérez and Toyama compute a **priority** for every patch at the
# rim and fill the highest first:
#
# $$ P(p) = \underbrace{C(p)}_{\text{confidence: how much of the patch is known}} \cdot \underbrace{D(p)}_{\text{data: how strong an isophote runs into the hole here}} $$

# %%
predict("masks_and_baselines/first_patch")

# %%
steps = []
by_priority = baselines.exemplar(rocket, across_it, patch=9, watch=steps.append)
order = torch.where(inside, 1000, 0)
for number, step in enumerate(steps, 1):
    patch = order[step.row - 4 : step.row + 5, step.column - 4 : step.column + 5]
    patch[patch == 1000] = number
shown = (1, 3, 6, 10, len(steps))
pictures, still_open = so_far(by_priority, order, shown)
viz.show(
    viz.image_row(
        pictures, [f"{n} patch{'es' * (n > 1)}" for n in shown], masks=still_open, width=6.6
    ),
    alt="The rocket's hole after 1, 3, 6, 10 and all patches: the first patch lies "
    "where the rocket enters the hole, the next ones follow the rocket through it; "
    "the sky beside it comes last. The rocket is whole.",
    caption="The same hole as with fast marching, in the order of priority. Hatched: "
    "not yet filled.",
)
lowest = min(step.confidence for step in steps)
print(f"confidence of the first patch {steps[0].confidence:.2f}, the lowest of all {lowest:.2f}")

# %% [markdown]
# The rocket goes through first and the sky closes behind it. The confidence falls on the way inwards, since a patch laid on copies is worth less than one laid on photograph. It can go
# wrong, too: one bad copy early on, and all that follows is built on sand. Here is the same hole with patches of 7 instead of 9, beside three rivals.

# %%
rivals = {
    "exemplar, patch 7": baselines.exemplar(rocket, across_it, patch=7),
    "nearest patch": baselines.nearest_patch(rocket, across_it),
    "biharmonic": baselines.biharmonic(rocket, across_it),
    "PatchMatch": baselines.patch_match(rocket, across_it),
}
viz.show(
    viz.image_row({name: filled[0] for name, filled in rivals.items()}, width=6),
    alt="The rocket filled four times. With patches of 7 it is whole, but a loose "
    "piece of rocket hangs in the sky. The nearest patch bends it to a point; "
    "biharmonic leaves a bright mist; PatchMatch makes it whole.",
    caption="The same hole, four other ways.",
)

# %% [markdown]
# ## Guess, and ask your neighbour: PatchMatch
#
# {{ minutes 10 }}
#
# To compare every patch with every other is slow: in a photograph of a million pixels a hole of ten thousand would need ten thousand million comparisons. Barnes and his colleagues saw two things. If *many* patches each guess at random, *some* guess
# well. And neighbours in the picture usually have neighbours as their matches: so pass a good **offset** (how far away the match is) on. A pass is: try your neighbours' offsets; try a few
# random places near your own match; keep what is better.
#
# Watch it on a picture where the right answers are plain to see: tiles of 12 pixels. Everything that touches the hole looks for its like; what is drawn is how
# far to the left or right the match lies. (Only the search is on show here: it compares whole patches, so the true tiles stand in the square. `patch_match`, which fills holes, has its own last filling there.)

# %%
tile = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(7))
tiles = tile.repeat(1, 6, 6)[:, :64, :64]
middle = torch.zeros(64, 64, dtype=torch.bool)
middle[18:46, 18:46] = True
chance = torch.Generator().manual_seed(0)
passes = list(offset_field(tiles, middle, passes=2, generator=chance))
sideways = [0.5 + match.offsets[1] / 128 for match in passes]
exact = [float((match.cost[middle] < 1e-3).float().mean()) for match in passes]
viz.show(
    viz.image_row(
        [tiles, *sideways],
        ["the tiles", "guesses", "pass 1", "pass 2"],
        masks=[(~middle).float(), *[None] * 3],
        notes=["", *(f"{100 * share:.0f} % exact" for share in exact)],
        width=5.6,
    ),
    alt="A picture of coloured noise that repeats every 12 pixels, with a square "
    "hole; then three squares of grey: the sideways offset of each patch. At first "
    "it is noise. After one pass large areas of equal grey have formed, with noise "
    "between them, after two the whole square consists of them.",
    caption="Sideways offset of each patch's match (black: 64 pixels to the left, "
    "white: to the right). Equal grey: the same offset. Good guesses spread like "
    "rumours.",
)
known_places = int((~middle).sum())
per_pass = 16 + 7  # neighbours asked, and random places tried, in a picture of 64 x 64
print(f"comparisons for each patch: {known_places} if all are tried, {2 * per_pass} in two passes")

# %% [markdown]
# `patch_match` repeats this search from a tiny version of the picture up to the full one, and lets all patches that overlap a hole pixel vote on its colour: both were Wexler, Shechtman and Irani's idea ([@wexler2007space]), and PatchMatch made it fast. It is what made "content-aware fill" a button
# in a well-known program. The vote is a mean, and so its fillings are a little softer than those of the pure copyists.
#
# **And if the picture does not hold what is missing?** Hays and Efros (*scene completion*, [@hays2007scene]) looked for the missing piece in two million *other* photographs. Image quilting ([@efros2001image]) copies whole blocks and cuts the seam between
# two of them where it shows least. From "look into millions of other pictures" it is one step to "learn from millions of other pictures": the step that this course takes next.

# %%
families = {
    "let it flow": {
        2000: "Bertalmio et al.",
        2001: "Navier-Stokes; Ballester",
        2004: "fast marching",
        2018: "biharmonic",
    },
    "copy": {1999: "Efros-Leung", 2001: "image quilting", 2004: "Criminisi et al.", 2009: "PatchMatch"},
    "copy from others": {2007: "scene completion"},
    "learn": {2012: "denoising autoencoders", 2016: "Context Encoder", 2018: "partial convolution"},
}
viz.show(
    viz.timeline(families),
    alt="A time line. Let it flow: Bertalmio 2000, Navier-Stokes and Ballester 2001, "
    "fast marching 2004, biharmonic 2018. Copy: Efros-Leung 1999, image quilting "
    "2001, Criminisi 2004, PatchMatch 2009. Copy from others: scene completion "
    "2007. Learn: denoising autoencoders 2012, Context Encoder 2016, partial "
    "convolution 2018.",
    caption="The methods of this lesson, and what came after them.",
)

# %% [markdown]
# ## The gauntlet
#
# {{ minutes 5 }}
#
# Five tests, one for each thing that a picture can ask of a filling: a soft **shading**, an **edge**, a thin **bar** across a wide hole, a **texture**, and something that occurs **once**. Before you run the next
# cell, decide for each of them who will pass.

# %%
predict("masks_and_baselines/who_carries_the_bar")

# %%
predict("masks_and_baselines/who_makes_an_eye")

# %%
v, u = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
plain = {
    "shading": torch.stack([u / 47, v / 47, 0.5 + 0 * u]),  # no colour occurs twice
    "edge": (u - 0.5 * v > 12).float() * 0.6 + 0.2,
    "bar": 0.85 - 0.65 * ((u - v).abs() < 3).float(),
    "texture": 0.2 + 0.6 * ((u % 8 < 4) ^ (v % 8 < 4)).float(),
}
tests = {name: picture.expand(1, 3, 48, 48) for name, picture in plain.items()}
tests["once"] = cat[..., 8:56, 10:58]
middle = torch.ones(1, 1, 48, 48)
middle[..., 15:33, 13:33] = 0
eye_hole = torch.ones(1, 1, 48, 48)
eye_hole[..., 8:26, 0:20] = 0  # over the cat's left eye
cells, marks = [], []
for name, picture in tests.items():
    hole = eye_hole if name == "once" else middle
    cells += [picture[0], *(baselines.get(method)(picture, hole)[0] for method in baselines.names())]
    marks += [hole, *[None] * 8]
short = ["mean", "fast\nmarching", "Navier-\nStokes", "bihar-\nmonic"]
short += ["nearest\npatch", "texture\nsynth.", "exemplar", "Patch-\nMatch"]
viz.show(
    viz.image_grid(
        cells, columns=9, row_titles=list(tests), column_titles=["hole", *short], masks=marks, width=7
    ),
    alt="Five rows, nine columns: a hole in a shading, an edge, a diagonal bar, a "
    "checkerboard and a cat's face, each filled by eight methods. The flowing ones "
    "continue the shading, blur the edge, lose the bar and grey out the "
    "checkerboard; the copying ones continue edge and bar and leave steps in the "
    "shading; all but the nearest patch continue the checkerboard. No method puts "
    "an eye into the cat's face.",
    caption="Eight methods, five tests. Nobody wins everywhere.",
    max_bytes=58_000,
)

# %% [markdown]
# | | does well | fails |
# |---|---|---|
# | mean | nowhere; it is the zero of the scale | everywhere, visibly |
# | fast marching | thin scratches, quickly | whatever crosses a wide hole: the fronts meet and pinch it off |
# | Navier-Stokes | scratches, edges over a short way | wide holes, texture |
# | biharmonic | thin holes, shading: the best of the smooth ones | wide holes: it shoots over; texture |
# | nearest patch | straight edges, bars, fine texture | shading (no pixel has the colour in between); once lost it grows garbage |
# | texture synthesis | texture, several answers | shading; structure larger than its window; slow |
# | exemplar | edges and bars that cross, texture | shading, curves; one early mistake stays |
# | PatchMatch | large holes in large photographs | lonely things vanish in the small picture that it starts from; a little soft |
#
# Why did the nearest patch, of all methods, lose the checkerboard? Its window is 7 pixels wide.

# %%
predict("masks_and_baselines/window_and_tile")

# %%
board = tests["texture"]
for patch in (3, 5, 7, 9, 11):
    filled = baselines.nearest_patch(board, middle, patch=patch)
    wrong_pixels = int(((filled - board).abs()[0, 0] > 0.01).sum())
    print(f"window of {patch:2d}: {wrong_pixels:3d} of {int((middle == 0).sum())} filled pixels wrong")

# %% [markdown]
# At the rim only half of a window is known, and that half has to hold a whole field of 4 pixels. There is no free choice of it, though: the larger the window, the fewer places look like it. Efros and Leung leave the number to you, and say so.
#
# The last row of the picture is the one to remember. The cat's *other* eye lies outside this picture, and nothing in it says that an eye belongs there. **Neither belief knows what a cat is.**

# %% [markdown]
# ## In numbers
#
# {{ minutes 5 }}
#
# Now all eight on the same test pictures, first with lines, then with boxes. PSNR is a closeness in decibels, higher is better ([metrics](unit:metrics) takes it apart).

# %%
predict("masks_and_baselines/copy_or_flow")

# %%
pictures = data.load_images("auto", split="test", limit=30)
eight = {name.replace("_", " "): baselines.get(name) for name in baselines.names()}
options = {"metrics": ["psnr", "mae_hole"], "buckets": (0, 1)}  # buckets: no table by hole size
lines = masks.benchmark("lines")[:30]
on_lines = evaluation.compare(eight, pictures, lines, **options)
on_lines

# %%
boxes = masks.benchmark("boxes")[:30]
on_boxes = evaluation.compare(eight, pictures, boxes, **options)
on_boxes

# %%
for name, table in {"lines": on_lines, "boxes": on_boxes}.items():
    gap = table.difference("biharmonic", "nearest patch", "psnr")
    print(f"{name}: biharmonic minus nearest patch {gap.mean:+.2f} dB, give or take {gap.half:.2f}")

# %%
i = int(masks.hole_ratio(boxes).argmax())  # the largest box
picture, hole = pictures.float([i]), boxes[i : i + 1].float()
two = {name: eight[name](picture, hole)[0] for name in ("biharmonic", "nearest patch")}
reached = [f"{float(on_boxes.per_image[name]['psnr'][i]):.1f} dB" for name in two]
viz.show(
    viz.image_row(
        {"hole": picture[0], **two, "original": picture[0]},
        masks=[hole, None, None, None],
        notes=["", *reached, ""],
        width=6.5,
    ),
    alt="A small test picture with a large box missing, filled once as a soft blur "
    "and once with sharp copied pieces, and the original.",
    caption="Blurred or sharp? A measure of closeness prefers the blur more often "
    "than your eye does.",
)

# %% [markdown]
# *How this was computed: 30 test pictures and the frozen masks of the course; the differences are taken picture by picture.*
#
# First, look for a method that is behind the *mean fill*. Such a method is not useless (the exemplar carried the rocket through), but these pictures are small: there are few
# patches to choose from, and one that fits badly is copied whole. A figure over many pictures says what happens on *these*.
#
# Why does blur win? A sharp guess that is off by a pixel pays twice, once where the edge is missing and once where it is too much. A blur hedges its bets. This is no
# detail: a network that is trained on squared error learns to blur for the same reason, and several later units look for a cure.
#
# One thing is left to check. A report has it that *the lower the mask percentage, the lower PSNR and SSIM*. Plot it:

# %%
many = data.load_images("auto", split="test", limit=120)
quick = ("mean fill", "fast marching", "navier stokes", "nearest patch")
quick = {name: eight[name] for name in quick}
blobs = masks.benchmark("irregular")[:120]
by_size = evaluation.compare(quick, many, blobs, metrics=["psnr"], timing=False)
viz.show(
    viz.comparison(by_size, by="hole"),
    alt="PSNR against the hole's share of the picture, six buckets up to 60 per "
    "cent: all four lines fall from left to right, though not at every step.",
    caption="Quality by hole size, with 95 % confidence intervals. Each bucket holds "
    "other pictures.",
)

# %% [markdown]
# It is the other way round, for every method: the smallest holes have the highest PSNR, and the largest the lowest or nearly so. (Each bucket holds other pictures, so between two neighbours a
# line may rise; look at the intervals.) No wonder: PSNR over the whole picture counts the known pixels too, and they are free. That is why hole ratios must stand beside every table.

# %% [markdown]
# ## Break them yourself
#
# {{ minutes 5 }}
#
# Paint. Find a hole that only the copying methods fill, one that only the flowing ones fill, and one that nobody fills.

# %%
rivals = ("biharmonic", "nearest patch", "patch match")
widgets.MaskPainter(rocket, inpainters={name: eight[name] for name in rivals}, mask=across_it)

# %% [markdown]
# ## Check yourself
#
# {{ minutes 5 }}

# %%
predict("masks_and_baselines/brighter_than_the_rim")

# %%
predict("masks_and_baselines/red_balloon")

# %%
predict("masks_and_baselines/suspicious_result")

# %% [markdown]
# ## Common mistakes
#
# - **The mask the wrong way round.** Print the hole ratio, and look at one damaged picture, every time.
# - **Whole numbers and bits**: `image & 1` keeps the lowest bit, `255 * 2` in eight bits is 254. Divide by 255 first, then multiply by the mask.
# - **A mean over the hole's zeros**: divide by the number of known pixels.
# - **A mask that is not 0 or 1**: a painted mask saved as JPEG has grey pixels at its rim. Threshold it.
# - **Different holes for different methods**: then the table compares the holes.
# - **Leaving out the baselines**: a network's figure means little until biharmonic has filled the same holes.
#
# ## Summary
#
# - A mask family says which holes a method will meet; hole ratio *and depth* say how hard they are.
# - Flowing methods (diffusion, fast marching, Navier-Stokes, biharmonic) believe in smoothness: thin holes and shading, neither edges over a long way nor texture.
# - Copying methods (nearest patch, texture synthesis, exemplar, PatchMatch) believe in repetition: texture and structure, nothing that occurs once.
# - The order of filling matters as much as the rule.
# - Closeness prefers blur. And no belief of either kind knows what a cat is: for that one must have seen cats.
#
# Now do the [exercise](exercise:masks_and_baselines): draw a line, mend a leak, let colours flow, find a match, and beat a baseline. Then: [how good is a filling?](unit:metrics)
#
# ## Sources
#
# - [@bertalmio2000image].
# - [@bertalmio2001navier].
# - [@ballester2001filling].
# - [@telea2004image].
# - [@damelin2018surface].
# - [@efros1999texture].
# - [@efros2001image].
# - [@criminisi2004region].
# - [@wexler2007space].
# - [@hays2007scene].
# - [@barnes2009patchmatch].
# - [@xie2012image]: denoising autoencoders.
# - [@liu2018partial]: hole-size buckets.
