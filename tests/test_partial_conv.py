"""Partial convolution against three independent oracles: exact fractions, a slow loop, and the mistakes of public code.

The exact fractions are those of S0's worked example, written down here as fractions, never as what the code printed.
"""

from __future__ import annotations

import shutil
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inpaintlib.layers import PartialConv2d, partial_conv2d

IMAGE = torch.tensor([[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]], dtype=torch.float64)[None, None]
KERNEL = torch.tensor([[1, 0, -1]] * 3, dtype=torch.float64)[None, None]
MASK = torch.ones(1, 1, 5, 5, dtype=torch.float64)
for row, column in ((2, 2), (2, 3), (3, 3), (3, 4)):  # counted from 1, as the slide does
    MASK[0, 0, row - 1, column - 1] = 0

STANDARD = [[6, -9, -8], [-3, -2, -3], [-3, 0, -2]]
PARTIAL = [
    [Fraction(33, 2), Fraction(-54, 5), Fraction(-39, 2)],
    [Fraction(3), Fraction(9, 5), Fraction(-12)],
    [Fraction(-9, 8), Fraction(72, 7), Fraction(-36, 7)],
]


def slow(x, masks, weight, bias, stride, padding, dilation):
    """Partial convolution written as the paper reads: one window, one channel, one place at a time. ``masks``: (B, C, H, W)."""
    (batch, cin, height, width), (cout, _, k, _) = x.shape, weight.shape
    rows = (height + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    y, new = x.new_zeros(batch, cout, rows, columns), x.new_zeros(batch, 1, rows, columns)
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                known, total = 0, [0.0] * cout
                for c in range(cin):
                    for u in range(k):
                        for v in range(k):
                            r, s = i * stride - padding + u * dilation, j * stride - padding + v * dilation
                            if 0 <= r < height and 0 <= s < width and masks[b, c, r, s] == 1:
                                known += 1
                                for o in range(cout):
                                    total[o] += float(weight[o, c, u, v] * x[b, c, r, s])
                if known:
                    new[b, 0, i, j] = 1
                    for o in range(cout):
                        y[b, o, i, j] = total[o] * (cin * k * k) / known + (0 if bias is None else float(bias[o]))
    return y, new


def test_worked_example_standard_convolution():
    assert F.conv2d(IMAGE, KERNEL)[0, 0].tolist() == STANDARD


def test_worked_example_partial_convolution():
    y, new_mask = partial_conv2d(IMAGE, MASK, KERNEL)
    exact = torch.tensor([[float(v) for v in row] for row in PARTIAL], dtype=torch.float64)
    torch.testing.assert_close(y[0, 0], exact, rtol=1e-15, atol=0)
    assert y[0, 0, 1, 1].item() == pytest.approx(1.8)  # the slide's text shows 18
    assert new_mask.min() == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 2, 3]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    known=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    with_bias=st.booleans(),
)
def test_equals_the_slow_loop(seed, k, stride, padding, dilation, groups, known, with_bias):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(2, sum(groups), 6, 5, generator=g, dtype=torch.float64)
    masks = [(torch.rand(2, 1, 6, 5, generator=g) < known).double() for _ in groups]
    weight = torch.randn(2, sum(groups), k, k, generator=g, dtype=torch.float64)
    bias = torch.randn(2, generator=g, dtype=torch.float64) if with_bias else None
    mask = masks[0] if len(groups) == 1 else list(zip(masks, groups, strict=True))
    full = torch.cat([m.expand(-1, c, -1, -1) for m, c in zip(masks, groups, strict=True)], 1)
    y, new_mask = partial_conv2d(x, mask, weight, bias, stride, padding, dilation)
    expected, expected_mask = slow(x, full, weight, bias, stride, padding, dilation)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(new_mask, expected_mask)


def test_gradients_by_finite_differences():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 5, generator=g, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 3, 3, generator=g, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, generator=g, dtype=torch.float64, requires_grad=True)
    mask, other = ((torch.rand(2, 1, 5, 5, generator=g) < 0.6).double() for _ in range(2))
    for m in (mask, [(mask, 1), (other, 2)]):
        assert torch.autograd.gradcheck(lambda x, w, b, m=m: partial_conv2d(x, m, w, b, 2, 1)[0], (x, weight, bias))
        assert torch.autograd.gradcheck(lambda x, w, m=m: partial_conv2d(x, m, w, None, 1, 1)[0], (x, weight))


# --- the mistakes of public code, each with a test that our layer passes ---------------------------------------------------


@pytest.mark.parametrize("cin", [1, 3, 32])
def test_factor_does_not_depend_on_the_number_of_channels(cin):
    """Public mistake: k*k while the mask is summed over the channels (1/Cin too small), or no window factor (1/(k*k*Cin))."""
    x, weight = torch.ones(1, cin, 5, 5), torch.full((1, cin, 3, 3), 1 / (9 * cin))
    mask = (torch.rand(1, 1, 5, 5) < 0.7).float()
    mask[:, :, 1::2] = 1  # every window, those at the border too, holds a known pixel
    y, _ = partial_conv2d(x, mask, weight, padding=1)
    torch.testing.assert_close(y, torch.ones_like(y))  # a mean of ones is one, holes or not


def test_nothing_about_the_mask_is_trainable():
    """Public mistake: mask kernels left trainable, so that the count drifts and the parameters double."""
    layer = PartialConv2d(3, 8, 3)
    assert sum(p.numel() for p in layer.parameters()) == 3 * 8 * 9 + 8
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_a_window_that_is_all_hole_gives_zero_without_bias():
    """Public mistake: the bias added inside holes. And 0 / 0 must not be NaN, forward or backward."""
    layer = PartialConv2d(2, 4, 3, padding=1)
    nn.init.constant_(layer.bias, 5.0)
    x = torch.rand(1, 2, 8, 8, requires_grad=True)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 0, 0] = 1
    y, new_mask = layer(x, mask)
    assert torch.equal(new_mask.nonzero()[:, 2:], torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert (y[new_mask.expand_as(y) == 0] == 0).all()
    y.sum().backward()
    assert x.grad.isfinite().all() and (x.grad[mask.expand_as(x) == 0] == 0).all()
    y, new_mask = layer(x, torch.zeros(1, 1, 8, 8))
    assert (y == 0).all() and (new_mask == 0).all()


def test_it_remembers_no_mask():
    """Public mistake: the mask is cached on the module by size, and a call without one silently uses the old one."""
    layer = PartialConv2d(1, 1, 3, padding=1)
    x = torch.rand(1, 1, 6, 6)
    first = layer(x)[0]
    layer(x, torch.zeros(1, 1, 6, 6))
    assert torch.equal(layer(x)[0], first)
    assert torch.equal(layer(x, torch.ones(1, 1, 6, 6))[0], first)  # no mask given means: all known


def test_no_mask_still_counts_the_border_as_hole():
    """A constant image stays constant up to its border, where zero padding would darken it."""
    y, _ = partial_conv2d(torch.full((1, 1, 6, 6), 0.8), None, torch.full((1, 1, 5, 5), 1 / 25), padding=2)
    torch.testing.assert_close(y, torch.full_like(y, 0.8))


def test_it_moves_with_the_module():
    """Public mistake: the mask kernel is a plain attribute that .to() leaves behind."""
    layer = PartialConv2d(1, 1, 3).to(torch.float64)
    assert layer(torch.rand(1, 1, 5, 5, dtype=torch.float64), torch.ones(1, 1, 5, 5))[0].dtype == torch.float64
    meta = PartialConv2d(1, 1, 3).to("meta")
    assert {p.device.type for p in meta.parameters()} == {"meta"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_has_no_nan(dtype):
    """Public mistake: window / (sum + 1e-8) is inf * 0 = NaN in fp16, where 1e-8 is 0. And counts above 2048 must stay exact."""
    mask = torch.ones(1, 1, 16, 16)
    mask[..., 2:14, 2:14] = 0
    x, weight = torch.ones(1, 512, 16, 16, dtype=dtype), torch.full((1, 512, 5, 5), 2.0**-13, dtype=dtype)
    y, new_mask = partial_conv2d(x, [(mask, 256), (mask, 256)], weight, padding=2)
    inside = new_mask.bool()
    assert y.isfinite().all() and not new_mask.all()
    expected = 512 * 25 * 2.0**-13
    torch.testing.assert_close(y[inside].float(), torch.full_like(y[inside].float(), expected), rtol=0.02, atol=0)


@pytest.mark.parametrize(("dtype", "channels"), [(torch.float16, 1400), (torch.bfloat16, 67)])
def test_autocast_counts_pixels_exactly(dtype, channels):
    """In 16 bits 1,400 channels of 49 places are infinitely many, and 67 of them no whole number any more."""
    mask = torch.ones(1, 1, 12, 12)
    mask[..., 3:9, 4:7] = 0
    groups = [(mask, channels - 3), (torch.ones_like(mask), 3)]
    x, weight = torch.full((1, channels, 12, 12), 1.0), torch.full((1, channels, 7, 7), 1 / 64)
    with torch.autocast("cpu", dtype):
        y, _ = partial_conv2d(x, groups, weight, padding=3)
    torch.testing.assert_close(y.float(), partial_conv2d(x, groups, weight, padding=3)[0], rtol=2 * torch.finfo(dtype).eps, atol=0)


def test_autocast_keeps_the_low_precision():
    layer = PartialConv2d(3, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        y, new_mask = layer(torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8))
    assert y.dtype == new_mask.dtype == torch.bfloat16


def test_two_groups_after_a_concatenation():
    """No public version counts the two halves of a skip connection under their own masks."""
    a, b = torch.rand(2, 1, 7, 7).round(), torch.rand(2, 1, 7, 7).round()
    x, weight = torch.randn(2, 5, 7, 7), torch.randn(3, 5, 3, 3)
    y, new_mask = partial_conv2d(x, [(a, 2), (b, 3)], weight, padding=1)
    both = torch.cat([a.expand(-1, 2, -1, -1), b.expand(-1, 3, -1, -1)], 1)
    count = F.conv2d(both, torch.ones(1, 5, 3, 3), padding=1)
    expected = F.conv2d(x * both, weight, padding=1) * torch.where(count > 0, 45 / count.clamp(min=1), 0.0)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(new_mask, (count > 0).float())


def test_full_mask_is_a_plain_convolution():
    layer, x = PartialConv2d(3, 4, 3, stride=2), torch.rand(2, 3, 9, 9)
    torch.testing.assert_close(layer(x, torch.ones(2, 1, 9, 9))[0], F.conv2d(x, layer.weight, layer.bias, 2))


def test_hole_values_do_not_matter():
    x, mask = torch.rand(1, 3, 8, 8), (torch.rand(1, 1, 8, 8) < 0.5).float()
    weight = torch.rand(2, 3, 3, 3)
    other = torch.where(mask.bool(), x, torch.rand_like(x) * 100)
    assert torch.equal(partial_conv2d(x, mask, weight)[0], partial_conv2d(other, mask, weight)[0])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_gives_equal_results(backend):
    if backend == "inductor" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile writes C++, and there is no compiler here")
    if backend == "inductor" and " " in torch.__file__:
        pytest.skip("torch.compile cannot link where the path of torch has a space; training goes on without it and says so")
    layer = PartialConv2d(3, 4, 3, padding=1)
    x, mask = torch.rand(2, 3, 8, 8), (torch.rand(2, 1, 8, 8) < 0.5).float()
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    for got, expected in zip(compiled(x, mask), layer(x, mask), strict=True):
        torch.testing.assert_close(got, expected)
    gradients = [torch.autograd.grad(f(x, mask)[0].square().sum(), [layer.weight, layer.bias]) for f in (compiled, layer)]
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected)


def test_masks_of_any_dtype():
    x, weight = torch.rand(2, 3, 6, 6), torch.rand(2, 3, 3, 3)
    mask = torch.rand(1, 1, 6, 6).round()  # one mask serves the batch
    expected = partial_conv2d(x, mask, weight)[0]
    for dtype in (torch.uint8, torch.bool, torch.float64, torch.int64):
        assert torch.equal(partial_conv2d(x, mask.to(dtype), weight)[0], expected)


ONE, MASK1, W = torch.rand(1, 3, 6, 6), torch.ones(1, 1, 6, 6), torch.rand(2, 3, 3, 3)


@pytest.mark.parametrize(
    ("x", "mask", "weight", "error", "says"),
    [
        (ONE[0], MASK1, W, ValueError, "four dimensions"),
        (ONE.byte(), MASK1, W, TypeError, "expected a float tensor"),
        (ONE[:0], MASK1, W, ValueError, "none of them 0"),
        (ONE, MASK1[..., :5], W, ValueError, "expected the same"),
        (ONE, MASK1.expand(-1, 3, -1, -1), W, ValueError, "One channel serves all"),
        (ONE, MASK1 * 255, W, ValueError, "Divide by 255"),
        (ONE, MASK1 * 0.5, W, ValueError, "threshold"),
        (ONE, MASK1 * float("nan"), W, ValueError, "expected only 1"),
        (ONE, MASK1[0], W, ValueError, "four dimensions|Add the channel"),
        (ONE, MASK1, W[:, :2], ValueError, "weight"),
        (ONE, [(MASK1, 1), (MASK1, 1)], W, ValueError, r"1 \+ 1"),
        (ONE, [(MASK1, 4), (MASK1, -1)], W, ValueError, r"4 \+ -1 channels, x has 3; expected whole numbers from 1"),
        (ONE, [(MASK1, 1.0), (MASK1, 2.0)], W, ValueError, r"1\.0 \+ 2\.0 channels"),
        (ONE, [(MASK1, "3")], W, ValueError, "speak of '3' channels"),
        (ONE, [], W, ValueError, "speak of no channels, x has 3"),
        (ONE, MASK1.expand(2, -1, -1, -1), W, ValueError, "2 masks for 1 images"),
        (ONE, "mask", W, TypeError, "pairs of"),
        (ONE, 1, W, TypeError, "mask is an int; .*pairs of"),
        (ONE, MASK1.numpy(), W, TypeError, "mask is an ndarray .*pairs of"),
        (ONE, MASK1, W.numpy(), TypeError, "weight is an ndarray"),
        (ONE, MASK1, None, TypeError, "weight is a NoneType"),
        (ONE, (MASK1 * 255).to(torch.uint16), W, ValueError, "Divide by 255"),
    ],
)
def test_bad_input_is_named(x, mask, weight, error, says):
    with pytest.raises(error, match=says):
        partial_conv2d(x, mask, weight)


@pytest.mark.parametrize(
    ("bias", "error", "says"),
    [
        (torch.zeros(1), ValueError, r"expected \(2,\)"),
        (torch.zeros(3), ValueError, r"expected \(2,\)"),
        ([0.0, 0.0], TypeError, "bias is a list"),
    ],
)
def test_a_bias_that_does_not_fit_is_named(bias, error, says):
    with pytest.raises(error, match=says):
        partial_conv2d(ONE, MASK1, W, bias)
