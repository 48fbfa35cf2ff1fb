"""Contextual attention against a slow loop written from the paper, finite differences, and the mistakes of public code."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaintlib.layers import ContextualAttention, attention_weights, contextual_attention
from inpaintlib.layers.attention import _softmax_over_known


def slow(query, source, mask, patch, rate, scale, propagate, min_known):
    """One sample, one place, one patch at a time, with plain Python numbers. Shapes: (C, H, W), (C, H', W'), (H', W')."""
    (channels, height, width), (_, rows, columns) = query.shape, source.shape
    q, s, m = query.tolist(), source.tolist(), mask.tolist()
    h, w, hs, ws = height // rate, width // rate, rows // rate, columns // rate
    reach = range(-(patch // 2), patch // 2 + 1)
    cell = [[all(m[i * rate + a][j * rate + b] for a in range(rate) for b in range(rate)) for j in range(ws)] for i in range(hs)]

    def around(values, i, j, n, k, known=None):
        """The patch around cell (i, j) as a list; 0 outside the image and where it is not known."""
        inside = [(i + a, j + b) for a in reach for b in reach]
        return [
            values[c][r * rate][t * rate] if 0 <= r < n and 0 <= t < k and (known is None or known[r][t]) else 0.0
            for c in range(channels)
            for r, t in inside
        ]

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / max(math.hypot(*a), 1e-4) / max(math.hypot(*b), 1e-4)

    usable = {}
    for i in range(hs):
        for j in range(ws):
            places = [cell[i + a][j + b] for a in reach for b in reach if 0 <= i + a < hs and 0 <= j + b < ws]
            usable[i, j] = sum(places) / len(places) >= min_known - 1e-9
    score = {}
    for p in [(i, j) for i in range(h) for j in range(w)]:
        for o, good in usable.items():
            score[p, o] = cosine(around(q, *p, h, w), around(s, *o, hs, ws, cell)) if good else 0.0
    steps = (-1, 0, 1) if propagate else (0,)
    total, known, field = torch.zeros(channels, height, width), torch.zeros(height, width), torch.zeros(2, h, w, dtype=torch.int64)
    total, known = total.double(), known.double()
    half = math.ceil(rate / 2)
    for i in range(h):
        for j in range(w):
            logit = {}
            for (k, n), good in usable.items():
                if good:
                    near = [score.get(((i + a, j + b), (k + a, n + b)), 0.0) for a in steps for b in steps]
                    logit[k, n] = scale * sum(near)
            if not logit:
                continue
            top = max(logit.values())
            mass = sum(math.exp(v - top) for v in logit.values())
            best = max(logit, key=logit.get)
            field[:, i, j] = torch.tensor([best[0] - i, best[1] - j])
            for (k, n), v in logit.items():
                weight = math.exp(v - top) / mass
                for a in range(-half, rate + half):
                    for b in range(-half, rate + half):
                        y, x, r, t = i * rate + a, j * rate + b, k * rate + a, n * rate + b
                        if 0 <= y < height and 0 <= x < width and 0 <= r < rows and 0 <= t < columns and m[r][t]:
                            known[y, x] += weight
                            total[:, y, x] += weight * source[:, r, t]
    return (total / known).nan_to_num(0.0), field  # 0 / 0 where nothing known lands


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    patch=st.sampled_from([1, 3, 5]),
    rate=st.sampled_from([1, 2, 3]),
    propagate=st.booleans(),
    scale=st.sampled_from([0.5, 10.0]),
    min_known=st.sampled_from([0.5, 1.0]),
    known=st.sampled_from([0.0, 0.6, 0.9, 1.0]),
    grids=st.sampled_from([((4, 4), (4, 4)), ((2, 3), (4, 2)), ((1, 5), (3, 3))]),
)
def test_equals_the_slow_loop(seed, patch, rate, propagate, scale, min_known, known, grids):
    g = torch.Generator().manual_seed(seed)
    (h, w), (hs, ws) = grids
    query = torch.randn(2, 2, h * rate, w * rate, generator=g, dtype=torch.float64)
    source = torch.randn(2, 2, hs * rate, ws * rate, generator=g, dtype=torch.float64)
    mask = (torch.rand(2, 1, hs * rate, ws * rate, generator=g) < known).double()
    options = {"patch": patch, "rate": rate, "scale": scale, "propagate": propagate, "min_known": min_known}
    y, field = contextual_attention(query, source, mask, **options)
    for b in range(2):  # each sample has a mask of its own
        expected, expected_field = slow(query[b], source[b], mask[b, 0], **options)
        torch.testing.assert_close(y[b], expected, rtol=1e-9, atol=1e-9)
        assert torch.equal(field[b], expected_field)


@pytest.mark.parametrize("options", [{}, {"rate": 2}, {"propagate": False, "patch": 1}, {"min_known": 0.4}])
def test_gradients_by_finite_differences(options):
    g = torch.Generator().manual_seed(0)
    query = torch.randn(2, 2, 4, 4, generator=g, dtype=torch.float64, requires_grad=True)
    source = torch.randn(2, 2, 4, 6, generator=g, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(2, 1, 4, 6)
    mask[0, 0, 1, 1] = mask[1, 0, 0, 5] = 0
    assert torch.autograd.gradcheck(lambda q, s: contextual_attention(q, s, mask, scale=2.0, **options)[0], (query, source))


def test_second_derivatives_by_finite_differences():
    """A critic with attention would need them for its gradient penalty."""
    g = torch.Generator().manual_seed(0)
    query, source = (torch.randn(1, 2, 2, 4, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(2))
    mask = torch.ones(1, 1, 2, 4)
    mask[..., 0, 3] = 0
    assert torch.autograd.gradgradcheck(lambda q, s: contextual_attention(q, s, mask, rate=2, min_known=0.3)[0], (query, source))


# --- the mistakes of public code, each with a test that our layer passes ---------------------------------------------------


def test_no_weight_leaks_to_the_holes():
    """Public mistake: logits of hole patches multiplied by 0 stay e^0 = 1 in the sum, and the known weights add up to less than 1."""
    logits, known = torch.tensor([[[2.0, 1.0, 0.5, 3.0]]]), torch.tensor([[True, True, False, False]])
    weight = _softmax_over_known(logits, known)
    torch.testing.assert_close(weight.sum(-1), torch.ones(1, 1))
    torch.testing.assert_close(weight[0, 0, :2], torch.softmax(torch.tensor([2.0, 1.0]), 0))
    assert (weight[..., 2:] == 0).all()
    leaky = torch.softmax(logits * known, -1) * known
    assert leaky.sum() < 0.92


def test_one_mask_for_each_sample():
    """Public mistake: the mask of the first sample serves the whole batch."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(3, 4, 8, 8, generator=g)
    mask = torch.ones(3, 1, 8, 8)
    mask[0, :, :4], mask[1, :, :, 5:], mask[2, :, 2:4, 2:4] = 0, 0, 0
    together, field = contextual_attention(x, x, mask)
    for b in range(3):
        alone, alone_field = contextual_attention(x[b : b + 1], x[b : b + 1], mask[b : b + 1])
        torch.testing.assert_close(together[b : b + 1], alone)
        assert torch.equal(field[b : b + 1], alone_field)
    assert not torch.allclose(together, contextual_attention(x, x, mask[:1])[0])


def test_nothing_known_is_zero_and_never_nan():
    x = torch.randn(2, 3, 6, 6, requires_grad=True)
    mask = torch.ones(2, 1, 6, 6)
    mask[0] = 0
    y, field = contextual_attention(x, x, mask)
    assert (y[0] == 0).all() and (field[0] == 0).all() and y.isfinite().all() and y[1].abs().max() > 0
    y.square().sum().backward()
    assert x.grad.isfinite().all() and (x.grad[0] == 0).all()


def test_no_share_is_so_small_that_a_patch_of_holes_is_known():
    x, mask = torch.rand(1, 2, 6, 6), torch.zeros(1, 1, 6, 6)
    assert not attention_weights(x, x, mask, min_known=1e-4).any()
    mask[..., 0, 0] = 1  # known to four patches
    assert int((attention_weights(x, x, mask, min_known=1e-4).sum((1, 2)) > 0).sum()) == 4


@pytest.mark.parametrize("start", [(0, 5), (6, 7)])
@pytest.mark.parametrize(("scale", "min_known"), [(10.0, 0.25), (20.0, 0.2), (20.0, 0.5), (100.0, 0.5)])
def test_a_pixel_reached_by_small_weights_alone_is_not_dark(start, scale, min_known):
    query = torch.randn(1, 9, 16, 16, generator=torch.Generator().manual_seed(1))
    query[:, -1] = 1  # a mean of ones is one
    mask = torch.ones(1, 1, 16, 16)
    mask[..., start[0] : start[0] + 6, start[1] : start[1] + 6] = 0
    y, _ = contextual_attention(query, query, mask, rate=2, min_known=min_known, scale=scale)
    assert y[:, -1].allclose(torch.ones(16, 16), atol=1e-4)


def test_small_weights_have_finite_derivatives():
    query = torch.randn(1, 8, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 6:12, 7:13] = 0
    contextual_attention(query, query, mask, rate=2, min_known=0.25, scale=20.0)[0].square().sum().backward()
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("min_known", [0.3, 1.0])
def test_what_lies_in_the_hole_does_not_matter(min_known):
    query, source = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    mask = torch.ones(1, 1, 8, 8)
    mask[..., 2:5, 3:6] = 0
    other = torch.where(mask > 0, source, torch.full_like(source, 1e3))
    for got, expected in zip(
        contextual_attention(query, other, mask, min_known=min_known, rate=2),
        contextual_attention(query, source, mask, min_known=min_known, rate=2),
        strict=True,
    ):
        assert torch.equal(got, expected)


# --- what it is for -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 2])
def test_a_repeating_texture_is_completed_exactly(rate):
    """A hole in a texture with a period of 8 is copied from one period away: the picture it is made for."""
    g = torch.Generator().manual_seed(0)
    truth = torch.randn(1, 8, 8, 8, generator=g).repeat(1, 1, 3, 3)
    mask = torch.ones(1, 1, 24, 24)
    mask[..., 10:14, 10:14] = 0
    y, field = contextual_attention(truth, truth, mask, rate=rate, scale=50.0)
    torch.testing.assert_close(y, truth, rtol=0, atol=1e-3)
    hole = field[0, :, 10 // rate : 14 // rate, 10 // rate : 14 // rate]
    assert (hole * rate % 8 == 0).all() and (hole != 0).any(0).all()


def test_known_places_attend_to_themselves():
    x = torch.randn(1, 8, 6, 6)
    _, field = contextual_attention(x, x)
    assert (field == 0).all()


def test_neighbours_support_each_other():
    """Two patches fit a place equally well by themselves; the one whose neighbours fit too wins."""
    query = torch.zeros(1, 3, 1, 3)
    query[0, [0, 1, 2], 0, [0, 1, 2]] = 1.0  # a b c
    source = torch.zeros(1, 3, 1, 6)
    source[0, [2, 1, 0, 0, 1, 2], 0, range(6)] = 1.0  # c b a a b c
    alone = contextual_attention(query, source, patch=1, propagate=False)[1]
    together = contextual_attention(query, source, patch=1, propagate=True)[1]
    assert alone[0, 1, 0, 1] == 0  # the first b, between c and a
    assert together[0, 1, 0, 1] == 3  # the second, between a and c


# --- precision, compilation, bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    x, mask = torch.randn(2, 4, 8, 8), (torch.rand(2, 1, 8, 8) < 0.9).float()
    x = x.to(dtype)
    y, _ = contextual_attention(x, x, mask)
    assert y.dtype == dtype and y.isfinite().all()
    torch.testing.assert_close(y.float(), contextual_attention(x.float(), x.float(), mask)[0], rtol=0.02, atol=0.02)


def test_autocast_does_not_blur_the_scores():
    x = torch.randn(1, 16, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = contextual_attention(x, x)
    torch.testing.assert_close(y, contextual_attention(x, x)[0])


def test_the_module_has_no_weights_and_attends_to_itself():
    layer, x = ContextualAttention(rate=2, scale=5.0), torch.randn(1, 4, 8, 8)
    assert not list(layer.parameters()) and not layer.state_dict()
    assert torch.equal(layer(x)[0], contextual_attention(x, x, rate=2, scale=5.0)[0])
    assert "rate=2" in repr(layer)


def test_compiled_gives_equal_results():
    layer, x = ContextualAttention(), torch.rand(2, 3, 6, 6)
    mask = torch.ones(2, 1, 6, 6)
    mask[0, :, 2:4] = 0
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, mask=mask)[0], layer(x, mask=mask)[0])


ONE, MASK = torch.rand(1, 3, 6, 6), torch.ones(1, 1, 6, 6)


@pytest.mark.parametrize(
    ("query", "source", "mask", "options", "error", "says"),
    [
        (ONE[0], ONE, MASK, {}, ValueError, "query .* four dimensions"),
        (ONE, ONE[:, :2], MASK, {}, ValueError, "same channels"),
        (ONE, ONE.expand(2, -1, -1, -1), MASK, {}, ValueError, "same batch"),
        (ONE.int(), ONE, MASK, {}, TypeError, "query .* float"),
        (ONE, None, MASK, {}, TypeError, "source"),
        (ONE[:0], ONE[:0], MASK, {}, ValueError, "none of them 0"),
        (ONE, ONE, MASK[..., :3], {}, ValueError, "expected the same"),
        (ONE, ONE, MASK * 255, {}, ValueError, "Divide by 255"),
        (ONE, ONE, MASK.expand(2, -1, -1, -1), {}, ValueError, "2 masks for 1 images"),
        (ONE, ONE, MASK, {"patch": 2}, ValueError, "odd side"),
        (ONE, ONE, MASK, {"rate": 4}, ValueError, "divisor of all sides"),
        (ONE, ONE, MASK, {"patch": 3.0}, ValueError, r"patch is 3\.0; .*odd side"),
        (ONE, ONE, MASK, {"rate": 2.0}, ValueError, r"rate is 2\.0; .*divisor of all sides"),
        (ONE, ONE, MASK, {"min_known": 0.0}, ValueError, "fraction above 0"),
        (ONE, ONE, MASK, {"min_known": "0.5"}, ValueError, "fraction above 0"),
        *((ONE, ONE, MASK, {"scale": scale}, ValueError, "scale is .*finite number") for scale in (math.nan, math.inf, -math.inf, "10")),
    ],
)
def test_bad_input_is_named(query, source, mask, options, error, says):
    with pytest.raises(error, match=says):
        contextual_attention(query, source, mask, **options)


@pytest.mark.parametrize("options", [{}, {"propagate": False, "scale": 3.0}, {"rate": 2}])
def test_the_weights_are_those_inside_the_layer(options):
    """Where they are heaviest is the layer's field; they sum to 1, or to 0 where nothing is known, and are 0 for holes."""
    g = torch.Generator().manual_seed(2)
    x = torch.randn(3, 4, 8, 8, generator=g, dtype=torch.float64)
    mask = torch.ones(3, 1, 8, 8)
    mask[0, :, 2:4, 2:6], mask[1] = 0, 0
    weight, (_, field) = attention_weights(x, x, mask, **options), contextual_attention(x, x, mask, **options)
    h, w = field.shape[2:]
    assert weight.shape == (3, h, w, h, w) and weight.dtype == torch.float64
    torch.testing.assert_close(weight.sum((3, 4)), torch.tensor([1.0, 0.0, 1.0]).double()[:, None, None].expand(3, h, w))
    assert (weight[0][..., 3 // options.get("rate", 1), 4 // options.get("rate", 1)] == 0).all()
    best = weight.flatten(3).argmax(-1)
    rows, columns = best // w - torch.arange(h)[:, None], best % w - torch.arange(w)
    assert torch.equal(torch.stack([rows, columns], 1)[[0, 2]], field[[0, 2]])


def test_the_weights_times_the_pixels_are_the_answer_where_patches_are_single_pixels():
    """With neighbours of one pixel and nothing overlapping the layer is softmax(scale * cosine) times the source; ours pastes 3 x 3."""
    x = torch.randn(1, 5, 1, 6, dtype=torch.float64)
    weight = attention_weights(x, x, patch=1, propagate=False, scale=4.0)[0, 0, :, 0]
    unit = x[0, :, 0] / x[0, :, 0].norm(dim=0)
    torch.testing.assert_close(weight, torch.softmax(4.0 * unit.T @ unit, -1))
