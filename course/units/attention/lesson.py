# %% [markdown]
# {{ head }}

# %% [markdown]
# ## A shelf of cups
#
# {{ minutes 4 }}
#
# One cup on this shelf has a hole in it. Two methods that you know fill it, one of them a trained network. **Where would *you* look to fill it?**

# %%
import torch
import torch.nn.functional as F
from torch import nn

import inpaintlib
from course.checks import predict
from inpaintlib import baselines, data, masks, metrics, models, viz, widgets
from inpaintlib.layers import attention_weights, contextual_attention

cup = F.interpolate(data.load_photo("coffee")[..., :380, 110:490], size=(16, 16), mode="area")
cups = cup.repeat(1, 1, 4, 4)  # (1, 3, 64, 64)
hole = torch.ones(1, 1, 64, 64)
hole[..., 18:28, 20:30] = 0  # 1 = known, 0 = hole
network = models.create("course_unet", pretrained=True)
viz.show(
    viz.image_row(
        {
            "the hole": (cups * hole)[0],
            "biharmonic": baselines.biharmonic(cups, hole)[0],
            "a trained network": network.inpaint(cups, hole)[0],
        },
        masks=[hole[0], None, None],
    ),
    alt="Four rows of four equal cups of coffee. One of them has a square hole, drawn in hatched "
    "orange; in the two other pictures a smooth "
    "blot is in its place, where the next cup shows what should be there.",
    caption="Sixteen equal cups. What is missing stands fifteen times beside the hole.",
)

# %% [markdown]
# At the next cup, of course. Both methods only look *near* the hole. Patch methods look everywhere ([holes, and filling them without learning](unit:masks_and_baselines)), but they choose one patch, and a choice has no derivative: nudge a number a little and either the same patch is chosen or, with a jump, another. So no network can be trained through it. This lesson builds a layer
# that looks everywhere, copies what fits best, and has derivatives: **contextual attention** ([@yu2018generative]).

# %%
predict("attention/why_not_convolve")

# %% [markdown]
# ## Copying by likeness, by hand
#
# {{ minutes 4 }}
#
# Every place of a picture is described by some numbers, its **features**. Here there are two of them, so that they fit on paper. Three known places *A*, *B*, *C*, each with its features, its **key**, and with the grey **value** that could be copied from there. In the hole nothing is
# known for sure, but a first guess has features too: the **query** $q = (6, 8)$.
#
# | place | features | value |
# |---|---|--:|
# | A | (3, 4) | 10 |
# | B | (12, 9) | 50 |
# | C | (4, -3) | 90 |
#
# How alike are $q$ and a place? The simplest answer is the inner product with its key $k$, $q \cdot k = q_1 k_1 + q_2 k_2$; one product of matrices gives it for all places at once. Whose is largest?

# %%
predict("attention/largest_product")

# %% tags=["compare"]
q = torch.tensor([6.0, 8.0])  # (2,): two features
keys = {"A": torch.tensor([3.0, 4.0]), "B": torch.tensor([12.0, 9.0]), "C": torch.tensor([4.0, -3.0])}
values = torch.tensor([10.0, 50.0, 90.0])  # (3,): one for each place
for name, k in keys.items():
    print(
        f"{name}:  q·k = {q @ k:4.0f}   |q| = {q.norm():.0f}   |k| = {k.norm():2.0f}   "
        f"cosine {q @ k / (q.norm() * k.norm()):.2f}"
    )

# %% [markdown]
# *B* has the largest product for a bad reason: it is *long* (bright, or rich in contrast), so it is like everybody. *A* points in exactly the direction of $q$. Divide by both lengths, and what is left is the cosine of the angle between them, at most 1:
#
# $$ s(q, k) = \frac{q \cdot k}{\lVert q\rVert\,\lVert k\rVert}. $$
#
# $\lVert q \rVert$ is the length of $q$, the root of its sum of squares. So patches are **normalised**, divided by their lengths, before they are compared. (The public code of the paper divides by $\lVert k \rVert$ alone. The order of the places stays the same, but how sharply the best one wins then depends on how long $q$ happens to be.)
#
# ## Softmax, and its scale
#
# {{ minutes 4 }}
#
# To copy the value of the best alone would be a jump, and jumps have no useful derivative. So mix all values, with positive weights that add up to 1:
#
# $$ w_j = \frac{e^{\lambda s_j}}{\sum_i e^{\lambda s_i}}, \qquad y = \sum_j w_j v_j. $$
#
# The **scale of a softmax**, $\lambda$, says how sharply the best match wins. What comes out for the three values 10, 50 and 90 if $\lambda$ is 0?

# %%
predict("attention/scale_zero")

# %%
score = torch.stack([F.cosine_similarity(q, k, dim=0) for k in keys.values()])  # (3,)
scales = torch.tensor([0.0, 1, 3, 10, 30, 100, 300])
weight = torch.softmax(scales[:, None] * score, dim=1)  # (7, 3): a row for each scale, its sum 1
print("scale     A     B     C   sum   mixed value")
for scale, w in zip(scales, weight, strict=True):
    print(f"{scale:5.0f}  {w[0]:.2f}  {w[1]:.2f}  {w[2]:.2f}  {w.sum():.2f}   {w @ values:11.1f}")

figure, axes = viz.figure(6, 2.6)
for name, w in zip(keys, weight.T, strict=True):
    axes[0, 0].plot(range(len(scales)), w, label=name, marker={"A": "o", "B": "s", "C": "^"}[name])
axes[0, 0].set(
    xticks=range(len(scales)), xticklabels=[f"{s:.0f}" for s in scales], xlabel="scale", ylabel="weight"
)
axes[0, 0].legend()
viz.show(
    figure,
    alt="Three lines over the scale. At 0 all weights are one third. C falls to nothing at once. A "
    "and B stay together up to a scale of 10, then A rises to 1 and B falls to 0.",
    caption="A and B are nearly alike (cosines 1 and 0.96): it takes a large scale to tell them apart.",
)

# %% [markdown]
# *How this was computed: the formula above, for the three cosines 1, 0.96 and 0.* A scale near 0 blurs everything into a mean; a huge one picks a single patch, and hardly any derivative is left to learn from. The paper takes 10 and adds up nine cosines (we come to that), which is why it is sharp all the same.
#
# ## On a grid of numbers
#
# {{ minutes 6 }}
#
# Now with patches. The features of a place are the nine pixels around it, minus a grey level of 4, so that dark and bright have different signs. The pattern below repeats, and one pixel is missing. Somebody guessed 4 for it.

# %%
tile = torch.tensor([[1.0, 2, 7, 3], [0, 5, 9, 4], [2, 8, 6, 1]])
pattern = tile.repeat(2, 2)
there = torch.ones(6, 8)
there[3, 5] = 0
guess = torch.where(there > 0, pattern, torch.tensor(4.0))
viz.show(
    viz.number_grid(pattern, mask=there, highlight=[(2, 4, 3, 3), (2, 0, 3, 3)]),
    alt="A grid of six rows and eight columns of digits with a question mark in row 4, column 6. "
    "Frames of 3 by 3 stand around it and around row 4, column 2.",
    caption="The framed patch on the right has a hole. Is the one on the left a good place to copy "
    "from?",
)

# %%
predict("attention/grid_value")

# %%
query, key = guess[2:5, 4:7] - 4, guess[2:5, 0:3] - 4
product = query * key
viz.show(
    viz.number_row(
        {"query": query, "key": key, "product": product},
        signs=("·", "="),
        note=f"sum {product.sum():.0f},  lengths √{query.square().sum():.0f} and "
        f"√{key.square().sum():.0f},  cosine {product.sum() / query.norm() / key.norm():.3f}",
    ),
    alt="Three grids of 3 by 3: the query, minus 2, 4, 2, minus 3, 0, 3, minus 4, 1, 5; the key, "
    "the same but for minus 2 in the middle; and their products.",
    caption="Only the guess in the middle differs, and it has but one vote in nine.",
)

# %% [markdown]
# All places at once: cut out all patches (`unfold`), normalise, one product of matrices, softmax. A patch with an unknown pixel in it cannot be copied from, so it gets no weight; how exactly is the next section's business.


# %% tags=["compare"]
def all_patches(x, size=3):
    """The patch around each place of (B, C, H, W), 0 outside the image: (B, C * size * size, H * W)."""
    return F.unfold(x, size, padding=size // 2)


x, known = (guess - 4)[None, None], there[None, None]  # (1, 1, 6, 8) both; 6 * 8 = 48 places
patches = F.normalize(all_patches(x), dim=1)  # (1, 9, 48), each divided by its length
cosines = patches.transpose(1, 2) @ patches  # (1, 48, 9) @ (1, 9, 48) = (1, 48, 48): who asks, who is asked
whole = (all_patches(1 - known) == 0).all(1)  # (1, 48): nothing in it is missing
by_hand = torch.softmax((10 * cosines).masked_fill(~whole[:, None], -torch.inf), dim=-1)  # (1, 48, 48), rows sum to 1
of_the_hole = by_hand[0, 3 * 8 + 5].view(6, 8)  # the row of the place that asks: row 4, column 6

best = of_the_hole.flatten().argsort(descending=True, stable=True)[:4].tolist()
for place in best:
    print(
        f"row {place // 8 + 1}, column {place % 8 + 1}:  "
        f"weight {of_the_hole.flatten()[place]:.2f}, value {pattern.flatten()[place]:.0f}"
    )
print(
    f"sum of all weights {of_the_hole.sum():.2f}, mixed value {(of_the_hole * pattern).sum():.2f}; "
    f"under the hole there was {pattern[3, 5]:.0f}"
)
library = attention_weights(x, x, known, patch=3, scale=10.0, propagate=False)
print(
    "the library's weights are the same:",
    torch.allclose(library.flatten(3).flatten(1, 2), by_hand, atol=1e-6),
)

# %% [markdown]
# The guess was 4; the mixture is near the truth, 2. The winner is the true twin, four columns to the left; second come two twins at the picture's upper edge, whose patches are cut off there. (Nine places of `unfold` for every pixel: that is a lot of memory. The library
# never cuts a patch out. Look into `inpaintlib/layers/attention.py` for how.)
#
# ## Minus infinity
#
# {{ minutes 8 }}
#
# A hole patch must not be copied from: it holds the guess. How do we take it out of the softmax? Three ways are found in the wild: not at all; **multiply its score by 0**; **add minus infinity to it**.

# %%
predict("attention/times_zero")

# %% tags=["compare"]
score = torch.tensor([2.0, 1.0, 3.0])
usable = torch.tensor([1.0, 1.0, 0.0])  # two known patches, one in the hole
ways = {
    "nothing done": score,
    "times 0": score * usable,
    "minus infinity": score.masked_fill(usable == 0, -torch.inf),
}
print(f"{'':16}{'known patches':16}{'hole patch':14}on known ones")
for name, logits in ways.items():
    w = torch.softmax(logits, 0)
    print(f"{name:16}{w[0]:.3f}  {w[1]:.3f}    {w[2]:.3f}         {(w * usable).sum():.3f}")

# %% [markdown]
# A score of 0 is not "no weight": $e^0 = 1$ stays in the sum. The hole keeps its share, and if its weights are struck out afterwards (public code does that too) what is left adds up to less than 1: the filling gets too dark. Only $e^{-\infty} = 0$ is nothing.
#
# And if nothing is masked? Then a place of the hole finds a patch that resembles it perfectly: *itself*. The same three ways on the grid of numbers, where 2 is right and 4 was guessed, once with the scale 10 and once with 1:

# %% tags=["compare"]
usable = whole[0]
print(f"{'':26}looks most at      on usable patches   mixed value")
for scale in (10, 1):
    row = scale * cosines[0, 3 * 8 + 5]  # the place of the hole against all 48
    ways = {
        "nothing done": row,
        "times 0": row * usable,
        "minus infinity": row.masked_fill(~usable, -torch.inf),
    }
    for name, logits in ways.items():
        w = torch.softmax(logits, 0)
        at = w.argmax().item()
        print(
            f"scale {scale:2d}  {name:16}  row {at // 8 + 1}, column {at % 8 + 1}"
            f"   {(w * usable).sum():16.3f}   {(w * guess.flatten()).sum():11.2f}"
        )

# %% [markdown]
# Without a mask the place looks at itself and keeps its guess. "Times 0" looks harmless at a scale of 10: the best patch has $e^{9.8}$, and nine times $e^0$ does not show. At a scale of 1 the leak is plain. **A leak hides behind sharp scores**, and shows where nothing fits well, at the start of training for one.
#
# ### Nothing known
#
# What if a sample has *no* usable patch, say because the hole is everywhere at this resolution? Then the sum under the fraction is 0.

# %%
predict("attention/all_infinite")

# %% tags=["compare"]
print("softmax of three times minus infinity:", torch.softmax(torch.full((3,), -torch.inf), 0).tolist())
x = torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
half = torch.ones(2, 1, 6, 6)
half[0] = 0  # of the first sample nothing is known
half[1, :, 2:4, 2:4] = 0
y, field = contextual_attention(x, x, half)
print(
    "the library: sums of weights",
    [round(v, 3) for v in attention_weights(x, x, half).sum((3, 4))[:, 0, 0].tolist()],
    " finite:",
    bool(y.isfinite().all()),
)

# %% [markdown]
# One such sample makes every parameter of the network NaN in a single step: 0/0 has no derivative either. The library gives such a row the weights 0, and its answer is 0.
#
# ### One mask for all
#
# Masks differ within a batch. Some public code takes the mask of the *first* sample for everybody. Here the second sample has its own hole; with the first one's mask it copies from its own hole:

# %% tags=["compare"]
both = torch.ones(2, 1, 6, 6)
both[0, :, :3], both[1, :, 2:5, 3:] = 0, 0
for name, mask in (("its own mask", both), ("the first one's mask for all", both[:1])):
    w = attention_weights(x, x, mask, patch=1, propagate=False)[1]
    print(
        f"{name:30} weight of sample 2 in its own hole: {(w * (1 - both[1, 0])).sum((2, 3)).mean():.2f}"
    )

# %% [markdown]
# ## Learn what to look for
#
# {{ minutes 12 }}
#
# Back to the cups. The hole is filled with their mean, and patches of raw pixels are compared, everything done right:

# %%
mean = (cups * hole).sum((2, 3), keepdim=True) / hole.sum()
grey = cups * hole + mean * (1 - hole)


def copy_with(weights, image, mask):
    """Each hole pixel becomes the weighted mean of the pixels it looks at; weights (1, h, w, h, w)."""
    pixels = (image * mask).flatten(2).transpose(1, 2)  # (1, h * w, 3)
    seen = weights.flatten(3).flatten(1, 2) @ pixels  # (1, h * w, h * w) @ (1, h * w, 3) = (1, h * w, 3)
    return image * mask + seen.transpose(1, 2).view_as(image) * (1 - mask)  # (1, 3, h, w)


raw = copy_with(attention_weights(grey - mean, grey - mean, hole), cups, hole)
viz.show(
    viz.image_row(
        {"with a guess": grey[0], "copied by raw pixels": raw[0], "original": cups[0]}, width=6
    ),
    alt="The cups three times: with a brown square; with a brown square, slightly rough; and "
    "undamaged.",
    caption="A mask cannot mend a bad question: brown resembles brown.",
)

# %% [markdown]
# What a place of the hole *should* be compared by is its **surroundings**, and how to describe surroundings can be learned: let a small stack of convolutions make the features, and train it **through** the attention. The softmax has derivatives, so nothing else is needed.
#
# The training pictures are wallpapers: a small piece of a photograph, repeated with a period of 8 to 12 pixels, another one in each picture. The hole is 8 x 8. So the right answer always stands somewhere, never at the same distance. As a rival, the same stack gets a last layer that paints colours itself.

# %%
train_set, test_set = (
    data.load_images("auto", limit=2000),
    data.load_images("auto", split="test", limit=200),
)
print(train_set.source)


def wallpapers(images, count, generator, low=8, high=12):
    """Pieces of photographs, repeated: (count, 3, 32, 32), and the period of each."""

    def pick(first, last):
        return int(torch.randint(first, last + 1, (), generator=generator))

    made, periods = [], []
    for _ in range(count):
        period = pick(low, high)
        y, x = pick(0, 31 - period), pick(0, 31 - period)
        piece = images.float([pick(0, len(images) - 1)])[..., y : y + period, x : x + period]
        made.append(piece.repeat(1, 1, 5, 5)[..., :32, :32])
        periods.append(period)
    return torch.cat(made), torch.tensor(periods)


def square_holes(count, generator, side=8):
    mask = torch.ones(count, 1, 32, 32)
    for m, (y, x) in zip(
        mask, torch.randint(0, 33 - side, (count, 2), generator=generator).tolist(), strict=True
    ):
        m[:, y : y + side, x : x + side] = 0
    return mask


def stack():
    """Convolutions with dilations 1, 2 and 4: 17 pixels wide, 24 features."""
    return nn.Sequential(
        nn.Conv2d(4, 24, 5, padding=2), nn.ELU(),
        nn.Conv2d(24, 24, 3, padding=2, dilation=2), nn.ELU(),
        nn.Conv2d(24, 24, 3, padding=4, dilation=4),
    )  # fmt: skip


def features(look, image, mask):
    """What the stack says of each place; it sees the known pixels, and where they are."""
    return look(torch.cat([(image - 0.5) * mask, mask], dim=1))  # (B, 4, H, W) -> (B, 24, H, W)


def copied(look, image, mask, seen=None):
    """The hole pixels (B, n, 3), each a weighted mean of known ones, and the weights (B, n, H * W)."""
    f = features(look, image, mask if seen is None else seen)  # (B, 24, H, W)
    k = F.normalize(f, dim=1).flatten(2)  # (B, 24, H * W): the keys, of length 1
    v = image.flatten(2).transpose(1, 2)  # (B, H * W, 3): the values, colours
    missing = mask.flatten(1) == 0  # (B, H * W)
    q = k.transpose(1, 2)[missing].view(len(image), -1, 24)  # (B, n, 24): the queries, the hole alone
    scores = 10 * q @ k  # (B, n, H * W)
    weight = scores.masked_fill(missing[:, None], -torch.inf).softmax(-1)  # (B, n, H * W)
    return weight @ v, weight  # (B, n, 3)


def painted(net, image, mask):
    """The hole pixels (B, n, 3) as a convolution paints them."""
    colours = torch.sigmoid(net(torch.cat([(image - 0.5) * mask, mask], dim=1)))
    return under(colours, mask)


def under(image, mask):
    """The pixels under the hole, (B, n, 3)."""
    return image.flatten(2).transpose(1, 2)[mask.flatten(1) == 0].view(len(image), -1, 3)


# %%
predict("attention/who_wins")

# %%
chance = torch.Generator().manual_seed(1)
papers, periods = wallpapers(test_set, 100, chance)
paper_holes = square_holes(100, chance)


def right_place(weight, mask, periods):
    """How often the most attended pixel is a true twin: a whole number of periods away."""
    mine, best = (mask.flatten(1) == 0).nonzero()[:, 1].view(len(mask), -1), weight.argmax(-1)
    down, right = best // 32 - mine // 32, best % 32 - mine % 32
    return ((down % periods[:, None] == 0) & (right % periods[:, None] == 0)).float().mean().item()


steps = {"quick": 200, "full": 2000}[inpaintlib.profile()]
torch.manual_seed(0)
look, paint = stack(), nn.Sequential(stack(), nn.ELU(), nn.Conv2d(24, 3, 3, padding=1))
optimiser = torch.optim.Adam([*look.parameters(), *paint.parameters()], lr=3e-3)
print(f"{'step':>5} {'error, copies':>14} {'error, paints':>14} {'looks at a twin':>16}")
for step in range(steps + 1):
    if step % (steps // 4) == 0:
        with torch.no_grad():
            guess, weight = copied(look, papers, paper_holes)
            errors = [
                (y - under(papers, paper_holes)).abs().mean()
                for y in (guess, painted(paint, papers, paper_holes))
            ]
        print(
            f"{step:5d} {errors[0]:14.3f} {errors[1]:14.3f} "
            f"{100 * right_place(weight, paper_holes, periods):15.0f} %"
        )
    image, _ = wallpapers(train_set, 8, chance)
    mask = square_holes(8, chance)
    target = under(image, mask)
    loss = (copied(look, image, mask)[0] - target).abs().mean() + (
        painted(paint, image, mask) - target
    ).abs().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

# %% [markdown]
# *How this was computed: mean absolute error over the hole pixels of 100 wallpapers made from test pictures, which no step was trained on; both learn from the same batches.* Nobody told it where the twins are: that was found because copying from them lowers the error. Does it know wallpapers, or only these periods?

# %%
for name, low, high, side in (
    ("periods and holes as in training", 8, 12, 8),
    ("periods never seen, 13 to 15", 13, 15, 8),
    ("holes of 12 x 12", 8, 12, 12),
):
    draw = torch.Generator().manual_seed(2)
    image, period = wallpapers(test_set, 60, draw, low, high)
    mask = square_holes(60, draw, side)
    with torch.no_grad():
        guess, weight = copied(look, image, mask)
        wrong = [(y - under(image, mask)).abs().mean() for y in (guess, painted(paint, image, mask))]
    print(
        f"{name:34} looks at a twin {100 * right_place(weight, mask, period):3.0f} %"
        f"   error: copies {wrong[0]:.3f}, paints {wrong[1]:.3f}"
    )

# %% [markdown]
# *How this was computed: 60 wallpapers of each kind from test pictures, weights from the training above.* An attention has no distances in it: it learns *what fits*, and finds it where it is. That is what a convolution, with fixed weights at fixed offsets, cannot do. It is not free of losses: the longer the period, the fewer copies fit into 32 pixels, and the fewer twins there are to be found. Compare each line with the rival on the same wallpapers, not only with the line above. In the middle of a larger hole, though, the 17 pixels that the stack sees hold little that is known, and it has to guess.
#
# ## Neighbours support each other
#
# {{ minutes 7 }}
#
# Now the cups, larger than any picture of the training, with a period of 16. Each pixel of the hole looks for itself, and takes a little from many places. The paper has two remedies. It compares and pastes **patches** of 3 x 3. And it lets neighbours **support** each other: *if $j$ fits $i$, then one step to the right of $j$ should fit one step to the right
# of $i$.* So to each score are added those of the eight neighbouring pairs ($i$ and $j$ are places now, each a row and a column):
#
# $$ \hat s(i, j) = \sum_{d} s(i + d,\; j + d), \qquad d \in \{-1, 0, 1\}^2. $$

# %%
predict("attention/support")


# %%
def off(filled, image, mask):
    """Mean absolute error over the hole, in 8-bit steps, as text."""
    return f"{255 * metrics.mae(filled, image, mask=mask, region='hole').item():.1f}"


with torch.no_grad():
    f = features(look, cups, hole)
options = {
    "single pixels": {"patch": 1, "propagate": False},
    "patches of 3 x 3": {"patch": 3, "propagate": False},
    "patches, with support": {"patch": 3, "propagate": True},
}
weights = {name: attention_weights(f, f, hole, **option) for name, option in options.items()}
fillings = {name: copy_with(w, cups, hole) for name, w in weights.items()}
viz.show(
    viz.image_row(
        {name: y[0] for name, y in fillings.items()},
        notes=[f"off by {off(y, cups, hole)} of 255" for y in fillings.values()],
    ),
    alt="The cups three times. Where the hole was, the cup is recognisable but spotted in the first"
    " picture, better in the second, and complete in the third.",
    caption="Attention with the features learned from wallpapers. Below: the mean error over the hole, "
    "in steps of 8-bit grey.",
)

# %% [markdown]
# Look for yourself. Point at the hole with the mouse or the arrow keys; try the scale; compare with the map on the right, whose colours are the next section's. The place that is looked at most has only a small part of the weight, and yet the filling is right: the weight is
# shared among the same place of many cups, and the mean of equal pixels is that pixel.

# %%
widgets.AttentionExplorer(
    cups * hole, hole, weights["patches, with support"], filled=fillings["patches, with support"]
)

# %% [markdown]
# ## The coloured map
#
# {{ minutes 5 }}
#
# One picture for all places, the **coloured attention map**: each place is coloured by **where its most attended patch lies, relative to itself**. The literature draws it so ([@yu2018generative]): *white* looks at itself, *pink* to the bottom left, *green* to the top right; the stronger, the farther. Four fields whose answer you can work out in your head:

# %%
predict("attention/which_colour")

# %%
itself = torch.zeros(2, 6, 6, dtype=torch.int64)
up_right = itself + torch.tensor([-4, 4])[:, None, None]  # rows down, columns to the right
mirror = torch.stack([itself[0], 5 - 2 * torch.arange(6).expand(6, 6)])
rows, columns = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
one_patch = torch.stack([2 - rows, 2 - columns])
cases = {
    "all at themselves": itself,
    "all 4 up, 4 right": up_right,
    "mirrored": mirror,
    "all at one place": one_patch,
}
viz.show(
    viz.image_row({name: viz.attention_colours(case, 6.0) for name, case in cases.items()}),
    alt="Four squares of 6 by 6 places: all white; all green; columns from the colour for right to "
    "that for left; and colours that turn around a white place like a wheel.",
    caption="A copy by one step is a single colour. A mirror image changes along the row. Colours "
    "around a point: everybody copies the same patch.",
)

# %% [markdown]
# Two things to read off a map at once. *Patches of one colour* are copied in one piece: neighbours look at neighbours, and what arrives is a coherent piece of the picture. *Confetti* is copied pixel by pixel from everywhere, and mostly looks like it. Here are the cups, before and after the support of the neighbours. Compare the lower right corners:

# %%
cut = (slice(None), slice(16, 32), slice(18, 34))  # the hole and a rim around it


def where(weights):
    """The field (2, h, w) of weights (1, h, w, h, w), 0 outside the hole."""
    h, w = weights.shape[1:3]
    best = weights[0].flatten(2).argmax(-1)  # (h, w, h * w) -> (h, w)
    steps = torch.stack([best // w - torch.arange(h)[:, None], best % w - torch.arange(w)])
    return steps * (hole[0] == 0)


for name in ("single pixels", "patches, with support"):
    field = where(weights[name])[cut]
    viz.show(
        viz.attention_field(
            field, image=cups[0][cut], mask=hole[0][cut], marks="arrows", reach=48, width=6.5
        ),
        alt=f"{viz.attention_alt(field)} ({name})",
        caption=f"Attention with {name}: the hole and a rim of 3 pixels around it.",
    )

# %% [markdown]
# With support the corner is copied in pieces. But there are several pieces still, and no seam is to be seen where they meet: the cups are all equal, so each piece may come from another one. **A map says from where something was copied, not whether it fits.** For that, look at the picture.
#
# ## Look twice: coarse, then fine
#
# {{ minutes 5 }}
#
# In the middle of a large hole the surroundings say nothing. But after a first, vague filling they do say something! So fill it, **call the result a whole picture, and look again.** Same weights, no further training; the second time the features see the first filling.

# %%
predict("attention/second_look")


# %%
def into(image, mask, pixels):
    """The image with these pixels (B, n, 3) in its holes."""
    filled = image.flatten(2).transpose(1, 2).clone()
    filled[mask.flatten(1) == 0] = pixels.reshape(-1, 3)
    return filled.transpose(1, 2).reshape(image.shape)


draw = torch.Generator().manual_seed(2)
image, period = wallpapers(test_set, 60, draw)
mask = square_holes(60, draw, side=14)
seen, whole = mask, torch.ones_like(mask)
picture, looks = image * mask, []
with torch.no_grad():
    for _ in range(3):
        pixels, weight = copied(look, picture, mask, seen)
        looks.append((into(picture, mask, pixels), weight))
        picture, seen = looks[-1][0], whole
for name, (filled, weight) in zip(("first look", "second look", "third look"), looks, strict=True):
    wrong = metrics.mae(filled, image, mask=mask, region="hole").mean()
    print(f"{name:12} looks at a twin {100 * right_place(weight, mask, period):3.0f} %   error {wrong:.3f}")


def field_of(weight, mask):
    """Where the most attended pixel lies, (2, 32, 32), from the weights (n, 1024) of one sample's hole pixels."""
    mine, best = (mask.flatten() == 0).nonzero()[:, 0], weight.argmax(-1)
    field = torch.zeros(2, 32 * 32, dtype=torch.int64)
    field[:, mine] = torch.stack([best // 32 - mine // 32, best % 32 - mine % 32])
    return field.view(2, 32, 32)


rows = []
for k in range(3):
    maps = [viz.attention_colours(field_of(weight[k], mask[k]), 24.0) for _, weight in looks[:2]]
    rows += [image[k], looks[0][0][k], looks[1][0][k], *maps]
viz.show(
    viz.image_grid(
        rows,
        columns=5,
        column_titles=["damaged", "first look", "second look", "first map", "second map"],
        masks=[mask[i // 5] if i % 5 == 0 else None for i in range(15)],
    ),
    alt="Three wallpapers in three rows: damaged, with a large hatched square; filled with a soft, "
    "spotted patch; filled with a crisper one; "
    "and two coloured maps each, of which the second has fewer and larger patches of colour.",
    caption="A coarse filling, a fine one that starts from it, and where both looked.",
)

# %% [markdown]
# *How this was computed: 60 wallpapers from test pictures with holes of 14 x 14, weights from the training above.* The first look need not be good. It has to be good enough to be compared. That is the idea of every **coarse-to-fine network**, and of the one that this layer was made for.
#
# ## Where copying ends
#
# {{ minutes 4 }}
#
# Cups on a shelf are a gift. Three pictures, from such gifts to a photograph in which hardly anything repeats:


# %%
def crop(name, top, left, size):
    return F.interpolate(
        data.load_photo(name)[..., top : top + size, left : left + size], size=(64, 64), mode="area"
    )


pictures = {
    "cups": cups,
    "mast": (1.6 * crop("rocket", 150, 10, 128)).clamp(0, 1),
    "tissue": crop("immunohistochemistry", 0, 0, 256),
}
small = torch.ones(1, 1, 64, 64)
small[..., 30:40, 28:38] = 0
shown, notes = [], []
for picture in pictures.values():
    with torch.no_grad():
        f = features(look, picture, small)
    answers = [
        copy_with(attention_weights(f, f, small), picture, small),
        baselines.biharmonic(picture, small),
        network.inpaint(picture, small),
    ]
    shown += [picture[0], *(y[0] for y in answers)]
    notes += ["", *(f"off by {off(y, picture, small)}" for y in answers)]
viz.show(
    viz.image_grid(
        shown,
        columns=4,
        column_titles=["original", "attention", "biharmonic", "trained network"],
        row_titles=list(pictures),
        masks=[small[0] if i % 4 == 0 else None for i in range(12)],
        notes=notes,
    ),
    alt="Three rows of four pictures: original with a hatched hole, attention, biharmonic, trained "
    "network. Cups: complete with attention, a blot in the others. "
    "Steel mast against the sky: broken struts with attention, a smooth blot in the others. "
    "Tissue under the microscope: an odd patch with attention, a smooth one in the others.",
    caption="Below: the mean error over the hole, in steps of 8-bit grey. The features were learned on "
    "wallpapers made of small photographs of everyday things.",
)

# %% [markdown]
# *How this was computed: one picture each, one hole, mean absolute error over it.* Go down the column of the attention. Copying can only give what is there. The cups are all there. Of the mast, whose struts nearly repeat, the pieces that it pastes are broken, but they are struts; look below the pictures what that is worth. In the tissue nothing fits, it pastes something that does not belong, and a smooth guess is nearer to the truth, pixel by pixel. (What is sharp and quite wrong loses against what is blurred and vague in every mean error; what is sharp and half right may win: [how good is a filling?](unit:metrics)) A network for all kinds of pictures has to do both, **copy and invent**.
#
# ## The network: copy and invent
#
# {{ minutes 8 }}
#
# That is the network which the course project of [gated convolution](unit:gated_convolution) tested ([@yu2018generative], [@yu2019freeform]). It has two stages:
#
# 1. **coarse**: a plain encoder and decoder of gated, dilated convolutions fills the hole with something blurred that fits. It is trained by reconstruction alone;
# 2. **fine**: sees this *whole* picture, through two encoders side by side. One, again gated and dilated, **invents**. The other ends in contextual attention and **copies**. One decoder merges them. It is trained by reconstruction and by *critics*, networks that learn to tell real pictures from filled ones ([the Context Encoder](unit:context_encoder) builds the first): in the first paper one for the whole picture and one for a window around the hole, in the second a single one that judges patch by patch
#    (both in [judging patch by patch](unit:patch_gan)).
#
# The coarse stage is our first look, by a network of its own: it puts something into the hole that is worth comparing.

# %%
predict("attention/why_coarse")

# %%
torch.manual_seed(0)
two_stages = models.create("coarse_to_fine", size=32, width=8)
parts = {
    "coarse stage": [two_stages.coarse],
    "fine stage, inventing encoder": [two_stages.invent],
    "fine stage, encoder to look with": [two_stages.look],
    "contextual attention": [two_stages.attention],
    "what was copied, two layers more": [two_stages.copy],
    "decoder that merges": [two_stages.merge],
}
for name, modules in parts.items():
    print(f"{name:34} {sum(p.numel() for m in modules for p in m.parameters()):9,d} parameters")
print(
    f"{'all, at its full size for 256 x 256':34} "
    f"{sum(p.numel() for p in models.create('coarse_to_fine').parameters()):,d} parameters"
)

# %% [markdown]
# *How this was computed: counted, for the small twin made for images of 32 x 32.* The attention has no weights at all. It compares at a quarter of the size, in cells of 4 x 4 pixels, and so the mask has to come down to that size too: here a cell counts as known if at least half of it is. (The original asks for all of it, which in small pictures would leave next to none. What such a cell has of the hole is the coarse stage's guess.)
#
# Both stages are trained at once, each with its own error. Which of the errors reaches which part?

# %%
predict("attention/which_loss")

# %%
images, box = (
    test_set.float(slice(0, 8)),
    masks.boxes(8, 32, generator=torch.Generator().manual_seed(3)).float(),
)
print(f"{'':34} coarse error   refined error")
reached = {}
for stage in ("coarse", "refined"):
    two_stages.zero_grad(set_to_none=True)
    (getattr(two_stages.stages(images, box), stage) - images).abs().mean().backward()
    for name, modules in parts.items():
        reached[name, stage] = any(
            p.grad is not None and p.grad.abs().sum() > 0 for m in modules for p in m.parameters()
        )
for name, modules in parts.items():
    words = ["reaches it" if reached[name, stage] else "-" for stage in ("coarse", "refined")]
    print(
        f"{name:34} {words[0]:14} {words[1]}"
        if any(True for m in modules for p in m.parameters())
        else f"{name:34} (no weights)"
    )

# %% [markdown]
# The refined picture was made from the coarse one, so its error trains both stages. Why give the coarse stage an error of its own, then? Because the fine stage would otherwise use it as it likes, as one more stack of layers; nothing would make it a *picture*, and patches of it could not be compared with patches of pictures.
#
# ## Is it used?
#
# {{ minutes 4 }}
#
# The course's own network, the one that failed at the cups, has an attention too: at its narrowest place, 8 x 8, each place asks all others, as in a transformer ([@vaswani2017attention]). There the query $q$, the key $k$ (what a place is compared by) and the **value** $v$ (what is copied) are three learned
# maps of the features, each with $d$ numbers a place. The score is $q \cdot k / \sqrt{d}$, not normalised, and several such attentions, *heads*, work side by side. Without any mask, since the holes have been filled by then. It costs time. What is it worth?

# %%
predict("attention/is_it_used")

# %%
without = models.create("course_unet", pretrained=True)
without.attention = None
images, frozen = (
    data.load_images("auto", split="test", limit=100).float(),
    masks.benchmark("boxes")[:100].float(),
)
psnr = [
    metrics.psnr(net.inpaint(images, frozen), images, data_range=1.0, mask=frozen, region="hole")
    for net in (network, without)
]
gain = psnr[0] - psnr[1]
half_width = 1.96 * gain.std() / len(gain) ** 0.5
print(f"PSNR in the hole, with its attention minus without: {gain.mean():.2f} +- {half_width:.2f} dB")
verdict = (
    "cannot be told from nothing"
    if gain.mean().abs() < half_width
    else "helps"
    if gain.mean() > 0
    else "harms"
)
print(f"on these pictures the attention of this network {verdict}")

# %% [markdown]
# *How this was computed: 100 test images, the frozen box masks, the network as it ships, with its attention skipped in one of the two; the mean of the differences with its 95 % confidence interval.* A layer that is *there* need not be *used*, or be worth much: in pictures of 32 x 32 little repeats, and three resolutions see most of the picture anyway. Before you show a beautiful map of attention, take the attention
# out and measure.
#
# ## Check yourself
#
# {{ minutes 4 }}

# %%
predict("attention/batch_nan")

# %%
predict("attention/cost")

# %%
predict("attention/map_of_mirror")

# %% [markdown]
# ## Common mistakes
#
# - **Multiplying a score by 0**: the softmax makes it $e^0 = 1$, and weight leaks into the hole. Minus infinity is right.
# - **No guard for a row without any known patch**: NaN, in all parameters after one step.
# - **One mask for the whole batch.**
# - **No normalisation**: long patches win everywhere. **Over the wrong axis**: each feature is scaled over all places, and nothing is a cosine any more.
# - **Softmax over the places that ask** instead of over the patches that are asked: weights add up to 1 the wrong way round.
# - **Forgetting the mask at the attention's resolution**: then cells are copied from that are nothing but hole.
# - **Reading a map as a proof** that the layer is needed.
#
# ## Summary
#
# - Attention compares a place of the hole with every known patch, and copies a mean of them, weighted by a softmax over their likeness: a patch method with derivatives. (Its ancestor takes such means to remove noise, [@buades2005nonlocal].)
# - Normalise, scale, mask with minus infinity, mind the row without any patch, one mask for each sample.
# - *What* is compared is learned; distances are not, so it copies from where it fits, at periods never seen.
# - The coloured map shows where each place looks: one colour is one piece, confetti is none.
# - Coarse first, so that there is something to compare; then copy and invent side by side.
#
# Now write it yourself, by loops, in the [exercise](exercise:attention). Where this idea leads when *everything* is attention: [beyond](unit:beyond).
#
# ## Sources
#
# - [@yu2018generative]: contextual attention, the coarse-to-fine network, the coloured map.
# - [@yu2019freeform]: the same with gated convolutions.
# - [@vaswani2017attention]: query, key and value.
# - [@buades2005nonlocal]: means over similar patches, wherever they are.
