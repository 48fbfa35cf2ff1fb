# %% [markdown]
# {{ head }}

# %% [markdown]
# ## Which would you keep?
#
# Three photographs with a box cut out, each filled twice. Both rows come from one network, with the same weights to begin with. Then it was trained for a moment longer, twice, on the same pictures under the same holes in the same order. Only one thing differed: **what it was asked for.**

# %%
import functools

import torch
import torch.nn.functional as F
from skimage import data as samples

from course.checks import predict
from inpaintlib import data, features, losses, masks, metrics, models, published, viz, widgets
from inpaintlib.reproduce import results

runs = widgets.LossRuns.load()  # stored with the course: what 27 trainings led to
three = [1, 3, 4]
truth, known = (torch.from_numpy(x)[three].float() for x in (runs.truth / 255, runs.known))
rows = {"A": runs.filled((0, 0, 0))[three], "B": runs.filled((1, 1, 1))[three]}
viz.show(
    viz.image_grid(
        [*(truth * known), *rows["A"], *rows["B"]],
        columns=3,
        row_titles=["damaged", *rows],
        masks=[*known, *[None] * 6],
        width=6,
    ),
    alt="A boat, a lorry and a dog, small, each with a hatched box. Below, in row A, the boxes are filled "
    "softly, like fog; in row B with spots and edges that look a little more like the picture around them.",
    caption="The same network, asked for two different things.",
)

# %%
predict("losses/which_is_nearer")

# %%
figures = {name: runs.figures(stops) for name, stops in {"A": (0, 0, 0), "B": (1, 1, 1)}.items()}
print("      PSNR in the hole   perceptual distance   detail in the hole")
for name, row in figures.items():
    print(f"{name:5} {row['psnr_hole']:13.2f} dB {row['perceptual']:21.3f} {row['detail']:20.2f}")

viz.show(
    viz.image_row(list(truth), width=6),
    alt="The three photographs: a boat with portholes, a lorry with a grille, a dog with its head up.",
    caption="What was there.",
)

# %% [markdown]
# *How this was computed: 300 test images with boxes, one training each; the figures are stored with the course, `docs/loss_mixer.py` made them. Perceptual distance: how differently another network sees two pictures, lower is better. Detail: differences between neighbours, as a share of the photographs'.*
#
# By PSNR, A wins; by both other columns, B. Which did *you* want to keep? Neither network is better *built*: each did what its loss asked. This lesson takes a loss apart, the one of Liu et al. ([@liu2018partial]) that two of the projects behind this course name, and shows what each of its terms makes a network do.

# %% [markdown]
# ## One answer for many truths
#
# Why does a network paint fog? Because it has to give *one* answer where many are possible. Take a single pixel. Suppose that among ten photographs with exactly this surrounding, the pixel was white (1) in seven and black (0) in three. The network cannot know which of the ten it has before it.

# %%
predict("losses/one_pixel")

# %% tags=["compare"]
pixel = torch.tensor([1.0] * 7 + [0.0] * 3)
answers = torch.linspace(0, 1, 11)
print("answer            " + " ".join(f"{a:5.1f}" for a in answers))
for name, cost in {"squared error": lambda e: e**2, "absolute error": torch.abs}.items():
    expected = cost(answers[:, None] - pixel).mean(1)
    print(f"{name:17} " + " ".join(f"{v:5.2f}" for v in expected), f"  best: {answers[expected.argmin()]:.1f}")

# %% [markdown]
# With the derivative: let $a$ be the answer, $x$ a truth, and $\mathbb{E}$ the mean over all truths. Then $\frac{d}{da}\,\mathbb{E}\,(a - x)^2 = 2\,(a - \mathbb{E}\,x)$ is 0 where $a = \mathbb{E}\,x$, the **mean** of all truths. It need not be like any of them: here it is a grey that never occurs.
#
# Under the absolute error each truth pulls equally hard, however far away it is: the derivative of $\mathbb{E}\,\lvert a - x \rvert$ is the share of truths below $a$ minus the share above. The two balance at the **median**. Here it is one of the truths: the absolute error goes with the majority.
#
# Now whole holes. In the first there is an edge somewhere, in the second a thin pole; seventeen places are equally likely.

# %%
predict("losses/thin_pole")

# %%
places = range(8, 25)
edges, poles = torch.ones(2, len(places), 1, 32, 32)
for edge, pole, place in zip(edges, poles, places, strict=True):
    edge[..., :place] = 0.15
    pole[..., place - 1 : place + 2] = 0.15
rows = {}
for name, pictures in {"an edge": edges, "a pole": poles}.items():
    rows[name] = [*pictures[[2, 9, 15]], pictures.mean(0), pictures.median(0).values]
viz.show(
    viz.image_grid(
        [picture for row in rows.values() for picture in row],
        columns=5,
        row_titles=[*rows],
        column_titles=["one truth", "another", "a third", "squared error", "absolute error"],
        width=7,
    ),
    alt="Above: three squares, dark on the left and white on the right, with a sharp border at three different "
    "places; a square that turns from dark to white gradually; one with a sharp border in the middle. Below: "
    "three white squares with a dark vertical bar at different places; one with a wide pale stripe; an empty one.",
    caption="Of seventeen truths three are shown; then the best single answer to all of them, under either loss.",
)

# %% [markdown]
# The ramp and the stripe are blur. No one taught the network to blur; *the mean of sharp pictures is not sharp*. The absolute error is kinder to the edge. But what is nowhere in the majority, it leaves out: no pole. (Row A at the top was trained with absolute errors: fog is a hole full of such doubts.)
#
# Worse than edges and poles are textures. Here is grass. Suppose that a hole is full of it, and consider two answers: the mean of many crops, which is nearly flat grey, or a crop of real grass from *another place* of the same meadow.

# %%
meadow = torch.from_numpy(samples.grass()).float()[None, None].expand(1, 3, -1, -1) / 255
meadow = F.avg_pool2d(meadow, 4)  # (1, 3, 128, 128)
chance = torch.Generator().manual_seed(0)
corners = torch.randint(97, (60, 2), generator=chance).tolist()
*crops, elsewhere = [meadow[0, :, y : y + 32, x : x + 32] for y, x in corners]
truths = torch.stack(crops)  # (59, 3, 32, 32): what might have been there
flat = truths.mean(0)
row = {"one truth": truths[0], "another": truths[1], "flat": flat, "grass from elsewhere": elsewhere}
viz.show(
    viz.image_row(row, width=6),
    alt="Two patches of grass with blades in different places; a patch that is nearly even grey; a third "
    "patch of grass.",
    caption="Which of the two on the right would you rather see in the hole?",
)

# %%
predict("losses/grass")

# %%
judge = features.load("small")  # a network; the next section opens it


def distances(answer, truths):
    """The mean distance of one answer from all truths, under four losses."""
    hole, answer = torch.zeros(len(truths), 1, 32, 32), answer.expand_as(truths)  # all of it is hole
    return {
        "squared error": losses.mse(answer, truths, hole),
        "absolute error": losses.l1(answer, truths, hole),
        "perceptual": losses.perceptual(answer, truths, hole, features=judge),
        "style": losses.style(answer, truths, hole, features=judge)["out"],
    }


far, near = distances(elsewhere, truths), distances(flat, truths)
print("cost of grass from elsewhere, the flat answer being 1:")
for name in far:
    print(f"  {name:15} {far[name] / near[name]:.2f}")

# %% [markdown]
# *How this was computed: mean over 59 crops of 32 x 32 pixels of the photograph of a meadow.* Under the squared error perfect grass costs about *twice* as much as none. That is no accident. The mean answers at the cost of the variance of the truths. If the answer is drawn as the truths are, and independently of them, it brings a variance of its own: $\mathbb{E}\,(a - x)^2 = \mathrm{Var}\,a + \mathrm{Var}\,x$, twice as much. **A network that
# paints texture, but not to the pixel, is punished for it.** The last two lines of the table turn this round. What are they?

# %% [markdown]
# ## A judge that sees more than pixels
#
# A network that has learned to tell frogs from lorries has, on its way, learned to see edges, stripes, fur, wheels. Its layers can be used as a judge: show it both pictures, and compare not the pixels but **what the layers say about them**, its *feature maps*. You met this [as a measure](unit:metrics), the perceptual distance; now it becomes a loss. We write $\Phi_l(x)$ for the maps of a picture $x$ at level $l$, of which there are three. Liu et al. take them from VGG-16, a large network that was trained to name what is in a photograph, behind its first three poolings.
# This course ships a small one for pictures of 32 x 32 (`features.load("small")`; `features.load("vgg16")` gives the large one where its weights are at hand).

# %%
lorry = torch.from_numpy(runs.truth[3:4]).float() / 255
with torch.no_grad():
    maps = judge(lorry)
for level, m in enumerate(maps, 1):
    print(f"Phi_{level}: {m.shape[1]} maps of {m.shape[2]} x {m.shape[3]}")
# of each level the four maps that vary most from place to place
shown = [[m[0, c] / m[0, c].max() for c in m[0].flatten(1).std(1).argsort(descending=True)[:4]] for m in maps]
viz.show(
    viz.image_grid(
        [x for level in shown for x in (lorry[0], *level)],
        columns=5,
        row_titles=["first", "second", "third"],
        width=6,
    ),
    alt="A small picture of a lorry, three times, with four grey maps beside each. In the first row the maps "
    "trace its edges finely; in the second row coarser, in the third they are a few light and dark squares.",
    caption="What the judge says about the picture on the left: of each level the four maps that vary most.",
)

# %% [markdown]
# The first level traces edges; the further in, the coarser the maps.
#
# The *perceptual loss* is the mean absolute difference of these maps. Liu et al. show the judge two pictures, the raw prediction $x_{out}$ and the composited one, $x_{comp} = M \odot x + (1 - M) \odot x_{out}$, where $x$ is the photograph, $M$ the mask and $\odot$ multiplies pixel by pixel:
#
# $$ L_{perceptual} = \sum_l \frac{\lVert \Phi_l(x_{out}) - \Phi_l(x) \rVert_1}{N_l} + \sum_l \frac{\lVert \Phi_l(x_{comp}) - \Phi_l(x) \rVert_1}{N_l}, $$
#
# where $\lVert\cdot\rVert_1$ adds up the absolute values of all numbers, and $N_l$ is how many numbers $\Phi_l$ has. Does it judge otherwise than pixels do? Let us do four things to photographs: blur them, move them by one pixel, darken them, and strew grain over them.

# %%
predict("losses/moved_or_blurred")

# %%
unseen = data.load_images("auto", split="test", limit=200)
print(unseen.source)
x = unseen.float(slice(0, 100))
window = torch.full((3, 1, 3, 3), 1 / 9)
changed = {
    "blurred": F.conv2d(F.pad(x, [1] * 4, mode="replicate"), window, groups=3),
    "moved by one pixel": torch.cat([x[..., :1], x[..., :-1]], dim=-1),
    "darker": 0.9 * x,
    "grain": (x + 0.05 * torch.randn(x.shape, generator=chance)).clamp(0, 1),
}
cost = {name: distances(y, x) for name, y in changed.items()}
kinds = list(cost["blurred"])
print(f"{'':20}" + "".join(f"{kind:>16}" for kind in kinds))
for name, row in cost.items():
    print(f"{name:20}" + "".join(f"{row[kind] / cost['blurred'][kind]:16.2f}" for kind in kinds))
viz.show(
    viz.image_row({"photograph": x[25], **{name: y[25] for name, y in changed.items()}}, width=7),
    alt="A small photograph; the same without fine detail; the same one pixel to the right; a little "
    "darker; with coloured grain.",
    caption="Four changes. Which one do you notice first?",
)

# %% [markdown]
# *How this was computed: mean over 100 test images, divided by the cost of blur.* Read it by columns. For the squared error the moved picture is far worse than the blurred one, although you hardly see that it moved. For the judge (the perceptual column) it is the other way round. Nobody told it to dislike blur; but it tells things apart by their edges, and blur takes the edges away.
# (And its taste is not yours: look at what it thinks of darkness and grain. A feature network is a *judge*, not the truth. That is why this course measures with another network than it trains with.)

# %% [markdown]
# ## Style: what occurs together, wherever it is
#
# Perceptual loss still asks *where*: the map of the answer is compared with the map of the truth, place by place. For texture this is too strict. Well before such networks, [@portilla2000parametric] showed that a texture can be caught in a list of *statistics*: how strongly filters respond, and which of them respond together.
#
# [@gatys2016image] took the maps of a network for the filters. Take one level, with maps $\phi_1, \dots, \phi_C$ of $H \times W$ places each. Their **Gram matrix** has an entry for each pair of maps: multiply the two place by place, and add up,
#
# $$ G_{ij} = \frac{1}{C\,H\,W} \sum_{\text{places } p} \phi_i(p)\,\phi_j(p), \qquad L_{style_{out}} = \sum_l \frac{1}{C_l^2}\,\lVert G_l(x_{out}) - G_l(x) \rVert_1 . $$
#
# A large $G_{ij}$ says: where map $i$ is bright, map $j$ is bright too. $G_l$ is the matrix of level $l$, with its $C_l$ maps; $L_{style_{comp}}$ is the same with $x_{comp}$ in place of $x_{out}$.
#
# By hand: two maps of two places each, (1, 1) and (2, 0).

# %%
predict("losses/gram_by_hand")

# %% tags=["compare"]
tiny = torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]])  # (1, 2, 1, 2)
flat_maps = tiny.flatten(2)[0]  # (2, 2): a row for each map
print("inner products ", (flat_maps @ flat_maps.T).tolist())
print("over C H W = 4 ", losses.gram(tiny)[0].tolist())

# %% [markdown]
# Where did the places go? They were summed over. So here is a question for the Gram matrix:

# %%
predict("losses/shuffled")

# %% tags=["compare"]
order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
tall = torch.rand(1, 5, 8, 8, generator=torch.Generator().manual_seed(1))
shuffled = tall.flatten(2)[:, :, order].reshape(tall.shape)
print("the maps are equal:", torch.equal(tall, shuffled))
print("their Gram matrices are:", torch.allclose(losses.gram(tall), losses.gram(shuffled)))

# %% [markdown]
# ### A wall, painted from its statistics
#
# What is left of a picture when its places are forgotten? Take a photograph of a brick wall and keep only its three Gram matrices. Begin with grey noise, and let the *pixels themselves* follow the gradient of the style term, until they have the same matrices. No network is trained here.

# %%
predict("losses/style_paints")

# %%
def paint(term, picture, mask, steps=100, colours=3):
    """The picture whose hole pixels have followed the gradient of one term, from grey noise."""
    chance = torch.Generator().manual_seed(0)
    noise = torch.randn((1, colours, *picture.shape[2:]), generator=chance)
    guess = (0.5 + 0.1 * noise).requires_grad_()  # the unknowns: pixels
    optimizer = torch.optim.Adam([guess], lr=0.04)
    for _ in range(steps):
        loss = term(torch.where(mask > 0, picture, guess), picture, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            guess.clamp_(0, 1)
    return torch.where(mask > 0, picture, guess).detach()


def style_alone(prediction, target, mask):
    """The style term of one picture."""
    pairs = zip(judge(prediction), judge(target), strict=True)
    return sum((losses.gram(a) - losses.gram(b)).abs().mean() for a, b in pairs)


bricks = torch.from_numpy(samples.brick()).float()[None, None].expand(1, 3, -1, -1) / 255
bricks = F.avg_pool2d(bricks, 4)  # (1, 3, 128, 128)
wall, other = bricks[..., :56, :56], bricks[..., 64:120, 64:120]
walls = {"painted": paint(style_alone, wall, torch.zeros(1, 1, 56, 56), colours=1)}
walls |= {"another piece of the wall": other, "flat": wall.mean().expand_as(wall)}
viz.show(
    viz.image_row({"photograph": wall, "painted": walls["painted"]}, width=6),
    alt="A brick wall with slanting light joints. Beside it a picture of bricks and joints of about the same "
    "width and slant, in other places and less regular, with a faint chequered grain.",
    caption="The right picture knows the left one only by its Gram matrices.",
)
costs = {n: (F.mse_loss(x, wall).item(), style_alone(x, wall, None).item()) for n, x in walls.items()}
print(f"{'cost, the flat answer being 1':30} squared error    style")
for name, (pixels, stuff) in costs.items():
    print(f"  {name:28} {pixels / costs['flat'][0]:13.2f} {stuff / costs['flat'][1]:8.2f}")

# %% [markdown]
# *How this was computed: one photograph of a wall, 56 x 56 pixels; the flat picture has the mean grey of the photograph.* The painted bricks stand in places of their own. By the squared error they are a worse answer than plain grey; by the style term they are nearer to the photograph than *another piece of the same wall*. So this is what style asks for: **the same stuff, wherever it is.**
#
# ### A slip in print: the inverse
#
# The factor in front of the sum, $K = 1 / (C\,H\,W)$, keeps levels and sizes comparable: a large map has more places to add up. The report of a course project prints the inverse, $K = C\,H\,W$. Does it matter? One might think that the weight of the term makes up for any factor. Try it: a photograph and its blurred version, at two sizes.

# %%
cat = F.avg_pool2d(data.load_photo("chelsea")[:, :, 20:276, 90:346], 4)  # (1, 3, 64, 64)
small = F.avg_pool2d(cat, 2)


def style_by_level(picture, factor):
    """Style distance of a picture from its blurred version, for each of the three levels; factor(C, H, W) is K."""
    soft = F.conv2d(F.pad(picture, [1] * 4, mode="replicate"), window, groups=3)
    levels = []
    for a, b in zip(judge(picture), judge(soft), strict=True):
        c, h, w = a.shape[1:]
        raw = (losses.gram(a) - losses.gram(b)).abs().mean() * c * h * w  # without any factor
        levels.append(raw * factor(c, h, w))
    return torch.stack(levels)


factors = {"1 / (C H W)": lambda c, h, w: 1 / (c * h * w), "C H W": lambda c, h, w: c * h * w}
with torch.no_grad():
    for name, factor in factors.items():
        at_32, at_64 = style_by_level(small, factor), style_by_level(cat, factor)
        shares = ", ".join(f"{share:.0%}" for share in at_32 / at_32.sum())
        grown = at_64.sum() / at_32.sum()
        print(f"K = {name:12} sum {at_32.sum():.3g}   levels {shares}   at twice the side {grown:.1f} times the sum")

# %% [markdown]
# *How this was computed: one photograph (a cat) at 32 x 32 and 64 x 64 pixels against a 3 x 3 mean of itself.* With the inverse the sum is astronomically large; a weight could mend that. But the first level counts for nearly all, and a picture of twice the side counts many times as much: no single weight fits all levels and sizes. (With the right factor the number changes a little too, since a blur of 3 x 3 takes less
# from the larger picture.) A good question finds such slips: *if I double the picture, should this number change?*

# %% [markdown]
# ## Let each term paint
#
# The same with a hole and with each of the terms: the known pixels stay, those of the hole start as grey noise and follow the gradient of one term, which may look at the photograph. The fourth term, *total variation*, adds up the differences of neighbouring pixels. Before you run the cell, say of each of the four what it will paint. Which of them needs
# no photograph?

# %%
eye = F.avg_pool2d(data.load_photo("chelsea")[:, :, 40:232, 110:302], 4)  # (1, 3, 48, 48)
eye_mask = torch.ones(1, 1, 48, 48)
eye_mask[..., 14:36, 12:34] = 0  # 1 = known, 0 = hole

terms = {
    "hole": losses.hole_l1,
    "perceptual": functools.partial(losses.perceptual, features=judge),
    "style": style_alone,
    "total variation": losses.total_variation,
    "perceptual + total variation": lambda *x: terms["perceptual"](*x) + 2 * losses.total_variation(*x),
}
painted = {name: paint(term, eye, eye_mask) for name, term in terms.items()}
viz.show(
    viz.image_row({"damaged": eye * eye_mask, **painted}, masks=[eye_mask, *[None] * 5], width=10),
    alt="A cat's eye with a square hole over half of it. Painted by the hole term: the eye, complete. By the "
    "perceptual term: the eye, recognisable under coloured grain. By the style term: dark and light strokes "
    "and coloured grain, like a second eye in the wrong place. By total variation: a smooth surface that "
    "joins the colours of the rim. By the perceptual term and total variation together: the eye, without grain.",
    caption="Four terms, each by itself, and two together, all from the same noise.",
)

# %% [markdown]
# - `hole` compares pixel with pixel. Here, where the truth may be looked at, it simply copies it. A network in use may not look, and answers with the median of what is possible: fog.
# - `perceptual` finds the eye again, in the right place, under coloured grain: pooled, grain averages out, and the maps say little about it.
# - `style` paints strokes of the right kind in places of its own choosing.
# - `total variation` does not look at the photograph at all. It joins the rim with the smoothest surface there is, and hates grain.
#
# The last picture had two terms. Where the judge does not mind, total variation decides: the grain is gone, and the eye is still there. One term makes up for what another leaves open. That is why a total has several.

# %% [markdown]
# ## Total variation, and where it counts
#
# The last term needs care. *Total variation* ([@rudin1992nonlinear]) is the sum of the absolute differences of neighbours, side by side or one above the other. Of which picture, and of which neighbours? Of $x_{comp}$, and of those that both lie in $R$, **the hole dilated by one pixel**:
#
# $$ L_{tv} = \sum_{(i,j),(i,j+1) \in R} \frac{\lvert x_{comp}^{i,j+1} - x_{comp}^{i,j} \rvert}{N} + \sum_{(i,j),(i+1,j) \in R} \frac{\lvert x_{comp}^{i+1,j} - x_{comp}^{i,j} \rvert}{N} $$
#
# $i$ counts rows and $j$ columns; $N$ is the number of values of the whole picture. Why dilated? A picture of one colour has a hole of 3 x 3 pixels, which is filled with one *wrong* colour.

# %%
predict("losses/tv_pairs")

# %% tags=["compare"]
wall = torch.full((1, 1, 7, 7), 0.8)
mask = torch.ones(1, 1, 7, 7)
mask[..., 2:5, 2:5] = 0
wrong = torch.full_like(wall, 0.2)


def variation(picture, region):
    """The sum over all pairs of neighbours in (H, W) that both lie in the region, pair by pair as in the formula."""
    total = 0.0
    for i, j in region.nonzero().tolist():
        for p, q in ((i, j + 1), (i + 1, j)):
            if p < region.shape[0] and q < region.shape[1] and region[p, q]:
                total += abs(picture[p, q] - picture[i, j]).item()
    return total


filled = torch.where(mask > 0, wall, wrong)
only_hole, dilated = 1 - mask, F.max_pool2d(1 - mask, 3, stride=1, padding=1)
print(f"in the hole alone   {variation(filled[0, 0], only_hole[0, 0]):.1f}")
print(f"hole dilated by one {variation(filled[0, 0], dilated[0, 0]):.1f} = 12 x (0.8 - 0.2)")
print(f"inpaintlib's, over N = 49 values: {losses.total_variation(wrong, wall, mask).item():.4f}")

# %% [markdown]
# Inside the hole a wrong colour is as smooth as the right one. Only the rim tells them apart. And why not take the whole picture? Then most of the sum comes from known pixels, where in $x_{comp}$ nothing can be changed; and taken of $x_{out}$ instead, it would ask the network to smooth pixels that were given:

# %%
boxes = masks.benchmark("boxes")[:100].float()
# both times the picture is its own prediction; with a mask that is all hole, every pair of neighbours counts
share = 1 - losses.total_variation(x, x, boxes) / losses.total_variation(x, x, torch.zeros_like(boxes))
print(f"share of the photographs' total variation that lies outside of the dilated holes: {share:.0%}")

# %% [markdown]
# *How this was computed: 100 test images, the frozen box masks.*
#
# ## The total
#
# Six terms, each with a weight (the two style terms share theirs), published with the paper and taken over by a course project:
#
# $$ L = L_{valid} + 6\,L_{hole} + 0.05\,L_{perceptual} + 120\,(L_{style_{out}} + L_{style_{comp}}) + 0.1\,L_{tv}. $$

# %%
for name in ("valid", "hole", "perceptual", "style", "tv"):
    figure = published.get(f"s3.liu.{name}")
    print(f"{figure.title:40} {figure}")

# %% [markdown]
# (In brackets: where it was printed, `liu` for the paper, `S3` for the project, and that it is a setting, not a result.)
#
# ### How much is six?
#
# $L_{valid} = \lVert M \odot (x_{out} - x) \rVert_1 / N$ and $L_{hole} = \lVert (1 - M) \odot (x_{out} - x) \rVert_1 / N$. In the paper $N$ counts **all** values of the picture, in both terms. Then an error in a hole pixel pulls six times as strongly as the same error in a known one. Much code divides each sum by the size of *its own region* instead, and
# keeps the six.

# %%
predict("losses/how_much_is_six")

# %% tags=["compare"]
for share in (0.1, 0.3):
    answer, right = torch.full((1, 1, 10, 10), 0.5, requires_grad=True), torch.zeros(1, 1, 10, 10)
    holes = torch.ones(100)
    holes[: round(100 * share)] = 0
    holes = holes.reshape(1, 1, 10, 10)
    for over in ("image", "region"):
        valid = losses.valid_l1(answer, right, holes, over=over)
        loss = valid + 6 * losses.hole_l1(answer, right, holes, over=over)
        (pull,) = torch.autograd.grad(loss, answer)
        ratio = pull[0, 0, 0, 0] / pull[0, 0, 9, 9]
        print(f"hole {share:.0%}, N over the {over:6}: a hole pixel pulls {ratio:2.0f} times as hard as a known one")

# %% [markdown]
# Neither is wrong. But "6 hole + valid" says nothing as long as nobody says what the sums are divided by, and two papers with the same formula may train for different things. (`losses.hole_l1` divides by the region unless you say `over="image"`; `losses.liu_total` does it as the paper does.)
#
# ### A value is not a pull
#
# `losses.liu_total` returns the six terms, each times its weight. Here they are for the network that the course ships, on pictures with boxes. It is tempting to read importance off the values. What moves the weights of a network, though, is the *gradient*.

# %%
predict("losses/value_or_pull")

# %%
network = models.create("course_unet", pretrained=True).eval()
with torch.no_grad():
    out = network(x[:32] * boxes[:32], boxes[:32])
out.requires_grad_()
six = losses.liu_total(out, x[:32], boxes[:32], features=judge)
values, pulls = {}, {}
for name, term in six.items():
    (slope,) = torch.autograd.grad(term, out, retain_graph=True)
    values[name], pulls[name] = term.item(), slope.abs().sum().item()
figure, axes = viz.figure(6.5, 2.8)
ax = axes[0, 0]
looks = {"color": viz.BLUE}, {"color": viz.SKY, "hatch": "//"}
for shift, what, numbers, look in zip((-0.2, 0.2), ("value", "pull"), (values, pulls), looks, strict=True):
    shares = [n / sum(numbers.values()) for n in numbers.values()]
    ax.barh([i + shift for i in range(6)], shares, height=0.38, edgecolor="white", label=what, **look)
ax.set(yticks=range(6), yticklabels=list(six), xlabel="share of the sum over all terms", ylim=(5.6, -0.6))
ax.legend()
viz.show(
    figure,
    alt="Two bars for each of six terms, the share of its value and, hatched, the share of its pull. By value "
    "the hole and the two style terms are about equal. By pull style_out is far ahead of everything else; "
    "total variation is hardly to be seen in either.",
    caption="The terms of the total loss, each with its weight: what it is worth, and how strongly it pulls.",
)

# %% [markdown]
# *How this was computed: 32 test images with boxes; pull: the sum of the absolute derivatives by all values of the raw prediction.* With *this* judge `style_out` pulls more than all the others together. The weights were chosen for VGG-16 and for pictures of 512 x 512. Another judge speaks in other units, so its weights must be chosen anew: they belong to the network that
# judges, and do not travel. Look at `tv`, too. At a weight of 0.1 it is a whisper.

# %% [markdown]
# ## Mix it yourself
#
# Enough formulas. Three sliders, perceptual, style and total variation, have three stops each: off, as in the paper, thirty times as much. Each of the 27 mixtures is a training of its own (rows A and B at the top are two of them). All start from the same weights, see the same pictures and holes in the same order, and have valid + 6 hole in their loss. Nothing is interpolated. **Keep for comparison** holds a mixture fast while you try others.
#
# Try at least: total variation to the right and back; style, by itself; then find the mixture that *you* like best, before you look at its figures.

# %%
predict("losses/more_style")

# %%
widgets.LossMixer((1, 1, 1), kept=(0, 0, 0))

# %%
levels = {
    0: ("no style", "o", viz.BLUE),
    1: ("style as in the paper", "s", viz.VERMILLION),
    2: ("thirty times", "^", viz.GREEN),
}
figure, axes = viz.figure(6.5, 3.4)
ax = axes[0, 0]
for level, (name, marker, colour) in levels.items():
    points = [runs.figures(stops) for stops in runs.mixtures if stops[1] == level]
    near, alike = ([p[key] for p in points] for key in ("psnr_hole", "perceptual"))
    ax.plot(near, alike, marker, color=colour, label=name)
before = runs.before
ax.plot(before["psnr_hole"], before["perceptual"], "*", color=viz.INK, markersize=11, label="before")
ax.set(xlabel="PSNR in the hole (dB), higher is better", ylabel="perceptual distance,\nlower is better")
ax.legend(fontsize=9)
viz.show(
    figure,
    alt="Twenty-seven points. Those without style lie to the right, at a high PSNR, and most of them high up, "
    "at a large perceptual distance; those with style lie lower and to the left. A star, the network before, "
    "lies at the far right.",
    caption="All mixtures. Down is more like a photograph, right is nearer to the truth.",
)

# %%
print("perceptual / style / t.v.  PSNR in the hole   perceptual distance   detail")
table = {}
for stops in ((0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 2), (1, 1, 1)):
    table[" / ".join(f"{weight:g}" for weight in runs.weights(stops).values())] = runs.figures(stops)
for key, row in runs.again.items():
    p, s, t, seed = key.split(" | ")
    table[f"{p} / {s} / {t}, again"] = row
for name, row in (table | {"before": runs.before}).items():
    print(f"{name:24} {row['psnr_hole']:12.2f} dB {row['perceptual']:18.3f} {row['detail']:10.2f}")

# %% [markdown]
# *How this was computed: 300 test images, the frozen box masks, composited; one short training each (`docs/loss_mixer.py`). "Again": the same mixture with another seed.*
#
# Three readings, and a warning:
#
# - Look at the lower right edge of the cloud: **nearer to the truth, or more like a photograph; not both at once.** (Points above the edge, those with too much total variation, lose at both.) This is no weakness of these networks. [@blau2018perception] proved that, at the limit of what is possible, the one can only be bought with the other.
# - At the weights of the paper it is style that brings the detail. It also brings detail that is *wrong*: look at the lorry. Thirty times the perceptual term, without any style, brings much of it too, and the smallest perceptual distance of all (by less than another seed changes).
# - The two rows with another seed say how much is luck. Differences of that size between mixtures say nothing: perceptual at 0.05, for instance, or total variation at 0.1, can hardly be told from nothing.
# - The warning: *all* of them lost PSNR against the network before. So short a training with small batches shakes a network that had been trained for long at falling learning rates. The comparison among the mixtures is fair, since all were shaken alike. Against "before" it is not.
#
# ### And from scratch?
#
# In those runs the terms met a network that could already fill. A study of the course added them one by one to a small network *from its first weights*, with three seeds each:

# %%
study = results.stored("s3")
if study is None:
    print("Not stored here. To make it: python -m inpaintlib.reproduce s3")
else:
    ladder = ["valid + hole", "+ perceptual", "+ style", "+ total variation"]
    kinds = {"PSNR": "composited psnr", "perceptual distance": "composited perceptual"}
    print(f"{'':18}" + "".join(f"{kind:>20}  than above    " for kind in kinds))
    for name, before in zip(ladder, [None, *ladder], strict=False):
        line = f"{name:18}"
        for kind, column in kinds.items():
            value = study["results"]["terms"][name]["columns"][column]
            changes = study["results"][f"terms, {kind}"]
            word = results.in_words(changes[f"{name} minus {before}"]) if before else ""
            line += f"{value['mean']:12.3f} ± {value['half']:.3f}  {word:14}"
        print(line.rstrip())

# %% [markdown]
# *How this was computed: `python -m inpaintlib.reproduce s3`, stored with the course: 1,000 test images, irregular holes, composited, mean over images and seeds, PSNR in dB, ± half a 95 % confidence interval over images. "Than above": the paired difference to the row above, named if its interval leaves out 0 and all seeds agree.*
#
# Here style made *both* figures worse. A likely reason: a network that cannot yet place an edge is told, loudly, to get its textures right. The paper trained for days; at that length things may look otherwise. What holds is: **a loss says where to go, not how to get there, and its terms have their time.** That is one reason to train with pixels first and to *fine-tune* with the total.

# %% [markdown]
# ## Fine-tuning with frozen batch norm
#
# The project, and the paper, trained in two phases. In the second the learning rate was lower, and **the batch norm of the encoder was frozen**.

# %%
for name in ("lr", "epochs", "lr_fine", "epochs_fine", "days", "days_fine"):
    figure = published.get(f"s3.liu.{name}")
    print(f"{figure.title:66} {figure}")

# %% [markdown]
# Why? *Batch normalisation* ([@ioffe2015batch]; it stood between the layers of [the network before](unit:partial_unet)) brings each channel to mean 0 and variance 1, then gives it a learned gain $\gamma$ and shift $\beta$:
#
# $$ y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta, $$
#
# with a mean $\mu$ and a variance $\sigma^2$ for each channel, and a tiny $\epsilon$ against a division by 0. The catch is where $\mu$ and $\sigma^2$ come from. **In training they are those of the batch at hand; in use they are running means that were collected during training.** It is one layer with two behaviours, and `train()` and `eval()` switch between them. Now think of holes: inside them the features of a partial convolution are 0. Zeros count in $\mu$ and $\sigma^2$ like everything else.

# %%
predict("losses/statistics")

# %%
unet = models.create("partial_unet", pretrained=True).eval()  # it was trained on lines


def variance_of(mask):
    """For each batch norm of the encoder: the variance of what arrives, over the one that it remembers."""
    found = []
    hooks = [  # functions that PyTorch calls whenever that layer is run
        down.norm.register_forward_hook(
            lambda norm, x, _: found.append((x[0].var((0, 2, 3)) / norm.running_var).median().item())
        )
        for down in unet.down
    ]
    with torch.no_grad():
        unet(x[: len(mask)] * mask, mask)
    for hook in hooks:
        hook.remove()
    return found


kinds = {kind: masks.benchmark(kind)[:64].float() for kind in ("lines", "boxes", "irregular")}
kinds["nothing hidden"] = torch.ones(64, 1, 32, 32)
figure, axes = viz.figure(6.5, 2.8)
ax = axes[0, 0]
for name, mask in kinds.items():
    ax.plot(range(1, 5), variance_of(mask), label=f"{name} ({1 - mask.mean():.0%} hole)")
ax.axhline(1, color=viz.GREY, linewidth=1)
ax.set(xlabel="batch norm of the encoder", ylabel="variance, the\nremembered one is 1")
ax.set(xticks=range(1, 5), yscale="log", ylim=(0.2, 12))
ax.set_yticks(ticks := (0.25, 0.5, 1, 2, 4, 8), labels=[f"{tick:g}" for tick in ticks])
ax.minorticks_off()
ax.legend(fontsize=9, ncols=2)
viz.show(
    figure,
    alt="Four lines over the four batch norms of the encoder, on a logarithmic axis. That of line masks stays "
    "near one; that of irregular holes leaves it far behind in the third layer; boxes and nothing hidden stay "
    "within a factor of one and a half of it; in the fourth layer the irregular holes lie lowest.",
    caption="The same pictures under different holes, in a network that was trained on lines.",
)

# %% [markdown]
# *How this was computed: 64 test images; median over the channels of each layer.* The pictures are the same four times: the statistics depend on the *holes*. Two things follow, and both can be seen without changing a single weight.
#
# **First: in training mode a picture's filling depends on its neighbours in the batch.**

# %%
lines = masks.benchmark("lines")[:100].float()
with torch.no_grad():
    for mode in ("train", "eval"):
        fresh = models.create("partial_unet", pretrained=True)
        getattr(fresh, mode)()
        a, b = (fresh(x[batch] * lines[:4], lines[:4])[0] for batch in ([0, 1, 2, 3], [0, 20, 21, 22]))
        print(f"{mode:6} picture 0 changes by up to {(a - b).abs().max():.3f} when the other three are exchanged")

# %% [markdown]
# **Second: merely showing pictures changes the network.** The running means follow every batch that passes in training mode, without any optimiser. Let twenty batches of four pictures with large holes pass, nothing else, and measure on lines again:

# %%
def quality(net):
    """PSNR in the hole, in dB, on 100 test images with lines."""
    return metrics.psnr(net.inpaint(x, lines), x, data_range=1, mask=lines, region="hole").mean().item()


def after_looking(frozen):
    """Twenty batches pass in training mode; the batch norms in `frozen` stay in eval mode. No weight changes."""
    net = models.create("partial_unet", pretrained=True).train()
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and name.startswith(frozen):
            module.eval()
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(20):
            batch = x[torch.randint(len(x), (4,), generator=chance)]
            mask = masks.irregular(4, 32, generator=chance).float()
            net(batch * mask, mask)
    return quality(net)


print(f"before               {quality(unet):.2f} dB")
arms = {"nothing frozen": ("none",), "encoder frozen": ("down",), "all frozen": ("down", "up")}
for name, frozen in arms.items():
    print(f"{name:20} {after_looking(frozen):.2f} dB")

# %% [markdown]
# *How this was computed: PSNR over the hole, 100 test images with the frozen line masks; twenty batches of four of them passed under irregular holes.* No weight has moved, and the network has lost quality. With all statistics frozen nothing can happen. With the encoder's alone, as in the paper, the decoder's still follow, and this half measure may even come out worse than none: one half of the network moves on, the other does not. The paper's reason for it is the one that you saw: holes falsify the statistics, and they lie in the encoder, for in its deep network
# most are closed by the time the decoder begins. And a batch of 512 x 512 holds far more pixels than ours.
#
# ### How to freeze, and how it thaws
#
# Freezing takes two things: `eval()` on the layer, so that it uses its running means and leaves them alone, and `requires_grad_(False)` on gain and shift. And there is a trap that nearly every first attempt falls into:

# %%
predict("losses/thaw")

# %% tags=["compare"]
net = models.create("partial_unet", width=4)
for down in net.down:
    down.norm.eval()
    down.norm.requires_grad_(False)
print("frozen:", not any(down.norm.training for down in net.down))
net.train()  # as every training loop says, at the start or after each look at the test images
print("after net.train():", not any(down.norm.training for down in net.down))

twin = models.create("partial_unet_512", size=32, width=4)  # Liu et al.'s network, in small
twin.freeze_encoder_norm()
twin.train()
norms = [m for m in twin.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
print("one that remembers, after train():", not any(norm.training for norm in norms))

# %% [markdown]
# So a network that is to stay frozen has to override `train()`. `partial_unet_512` does; look at its method `train` (`inpaintlib/models/partial_unet_512.py`). Now everything together: fine-tuning with the total loss, once with the encoder thawed, once frozen, on the kind of hole that this network does *not* know.

# %%
learn = data.load_images("auto", split="train", limit=2000)
total = functools.partial(losses.liu_total, features=judge)


def fine_tuned(frozen, steps=16, lr=2e-4):
    """The shipped network after some steps of the total loss on boxes."""
    net = models.create("partial_unet", pretrained=True).train()
    for down in net.down:
        down.norm.train(not frozen)
        down.norm.requires_grad_(not frozen)
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr)
    chance = torch.Generator().manual_seed(0)
    for _ in range(steps):
        image = learn.float(torch.randint(len(learn), (8,), generator=chance))
        mask = masks.boxes(8, 32, generator=chance).float()
        loss = sum(total(net(image * mask, mask), image, mask).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


measure = features.load("measure")
nets = {"before": unet, "thawed": fine_tuned(False), "frozen": fine_tuned(True)}
for name, net in nets.items():
    y = net.inpaint(x, boxes)
    psnr = metrics.psnr(y, x, data_range=1, mask=boxes, region="hole").mean()
    distance = metrics.perceptual(y, x, features=measure).mean()
    print(f"{name:8} boxes: PSNR in the hole {psnr:.2f} dB, perceptual distance {distance:.3f}")

# %% [markdown]
# *How this was computed: 100 test images, the frozen box masks, composited; 16 steps of 8 pictures.* Does freezing help? After so few steps, and with this network, do not expect an answer from two numbers. What is certain is what you saw above: what freezing *does*. Whether it pays is a question for a longer run, with several seeds. (`fine_tuned(True, steps=500)` is one line; take a cup of tea.)

# %% [markdown]
# ## Check yourself

# %%
predict("losses/check_two_answers")

# %%
predict("losses/check_gram")

# %%
predict("losses/check_weights")

# %% [markdown]
# ## Common mistakes
#
# - **Reading a blurred filling as a weak network.** It may be a good one that was asked for the mean.
# - **Judging with the network that was trained to please.** What the loss has seen cannot measure; use another.
# - **The inverse of $K_l$**, or none: then style means another thing at every size.
# - **Total variation on the whole picture**, or on the hole without its rim.
# - **Weights without saying what the sums are divided by**, or weights of another judge.
# - **Compositing the prediction before *all* terms**: then the known pixels are right by construction, and `valid` teaches nothing. Two of the six terms want $x_{comp}$, and one wants both.
# - **Freezing batch norm and calling `train()` afterwards.** Or freezing the gains and letting the statistics run.
#
# ## Summary
#
# - One answer for many truths: the squared error wants their mean, the absolute error their median. The mean of sharp pictures is blurred.
# - Perceptual loss compares what a feature network says, place by place; style what occurs together, wherever it is; total variation only smoothness, on the hole and its rim.
# - The total is a bargain between nearness and likeness to a photograph; its weights belong to its judge and to its $N$.
# - Batch norm is one layer with two behaviours, and its statistics depend on the holes. Frozen means: own statistics, own gains, and a `train()` that does not thaw them.
#
# Build the terms yourself in the [exercise](exercise:losses). A judge that is not fixed, but learns to find fault while the network learns to please it, is the subject of [the Context Encoder](unit:context_encoder).
#
# ## Sources
#
# - [@liu2018partial]: the total loss, its weights, and the two phases.
# - [@johnson2016perceptual]: losses from a feature network.
# - [@gatys2016image]: the Gram matrix.
# - [@portilla2000parametric]: texture as statistics.
# - [@rudin1992nonlinear]: total variation.
# - [@blau2018perception]: why nearness and likeness part.
# - [@ioffe2015batch]: batch normalisation.
