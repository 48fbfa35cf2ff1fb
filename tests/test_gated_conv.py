"""Gated convolution against a slow loop, its equation, and the mistakes of public code."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inpaintlib.layers import GatedConv2d, gated_conv2d

QUICK = [F.elu, F.relu, None]  # activations whose derivatives the layer has written by hand


def slow(x, weight, bias, stride, padding, dilation):
    """As the paper reads: two convolutions, one place at a time, ELU on the feature, times the sigmoid of the gate."""
    (batch, cin, height, width), (both, _, k, _) = x.shape, weight.shape
    rows = (height + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    y, gates = x.new_zeros(batch, both // 2, rows, columns), x.new_zeros(batch, both // 2, rows, columns)

    def convolve(b, o, i, j):
        total = float(bias[o]) if bias is not None else 0.0
        for c in range(cin):
            for u in range(k):
                for v in range(k):
                    r, s = i * stride - padding + u * dilation, j * stride - padding + v * dilation
                    if 0 <= r < height and 0 <= s < width:
                        total += float(weight[o, c, u, v] * x[b, c, r, s])
        return total

    for b in range(batch):
        for o in range(both // 2):
            for i in range(rows):
                for j in range(columns):
                    feature, gate = convolve(b, o, i, j), 1 / (1 + math.exp(-convolve(b, both // 2 + o, i, j)))
                    gates[b, o, i, j] = gate
                    y[b, o, i, j] = (feature if feature > 0 else math.exp(feature) - 1) * gate
    return y, gates


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    k=st.sampled_from([1, 2, 3]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    with_bias=st.booleans(),
)
def test_equals_the_slow_loop(seed, k, stride, padding, dilation, channels, with_bias):
    g = torch.Generator().manual_seed(seed)
    cin, cout = channels
    x = torch.randn(2, cin, 6, 5, generator=g, dtype=torch.float64)
    weight = torch.randn(2 * cout, cin, k, k, generator=g, dtype=torch.float64)
    bias = torch.randn(2 * cout, generator=g, dtype=torch.float64) if with_bias else None
    got = gated_conv2d(x, weight, bias, stride, padding, dilation)
    for value, expected in zip(got, slow(x, weight, bias, stride, padding, dilation), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)


def test_gradients_by_finite_differences():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 5, 5, generator=g, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 2, 3, 3, generator=g, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, generator=g, dtype=torch.float64, requires_grad=True)
    for stride, dilation in ((1, 1), (2, 1), (1, 2)):
        for activation in (F.elu, F.relu, None, torch.tanh):  # all but the last have derivatives written by hand

            def both(*tensors, options=(stride, 2, dilation, activation)):
                return gated_conv2d(*tensors, *options)

            assert torch.autograd.gradcheck(both, (x, weight, bias))
    for activation in QUICK:
        for pick in (lambda y, gate: y, lambda y, gate: gate, lambda y, gate: y * gate):
            assert torch.autograd.gradcheck(lambda *a, p=pick, f=activation: p(*gated_conv2d(*a, 2, activation=f)), (x, weight, bias))


@pytest.mark.parametrize("activation", QUICK)
def test_second_derivatives_by_finite_differences(activation):
    """A critic of gated convolutions would need them for its gradient penalty."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 3, 3, generator=g, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, 2, 2, generator=g, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: gated_conv2d(x, w, activation=activation), (x, weight))


@pytest.mark.parametrize("activation", QUICK)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_quick_way_gives_what_autograd_gives(memory, activation):
    def the_same(feature):
        return feature if activation is None else activation(feature)  # another function: autograd takes the long way

    layer, other = GatedConv2d(3, 5, 3, padding=1, activation=activation), GatedConv2d(3, 5, 3, padding=1, activation=the_same)
    other.load_state_dict(layer.state_dict())
    x, up = torch.randn(2, 3, 8, 8).to(memory_format=memory), torch.randn(2, 5, 8, 8)
    grads = []
    for module in (layer, other):
        leaf = x.clone().requires_grad_()
        (module(leaf) * up + module.gate(leaf)).sum().backward()
        grads.append([leaf.grad, module.weight.grad, module.bias.grad])
    torch.testing.assert_close(layer(x), other(x))
    torch.testing.assert_close(grads[0], grads[1])
    with torch.no_grad():
        assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("activation", QUICK)
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast_learn_the_same_too(precision, activation):
    layer = GatedConv2d(3, 5, 3, padding=1, activation=activation)
    x, up = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 8, 8)
    (expected,) = torch.autograd.grad((layer(x) * up).sum(), layer.weight)
    with torch.autocast("cpu", precision):
        y = layer(x)
    assert y.dtype == precision
    half = GatedConv2d(3, 5, 3, padding=1, activation=activation).to(precision)
    half.load_state_dict(layer.state_dict())
    gradients = torch.autograd.grad((y * up).sum(), layer.weight) + torch.autograd.grad((half(x.to(precision)) * up).sum(), half.weight)
    for got in gradients:  # as a whole: rounding may carry a value across the bend of a ReLU, and one weight's gradient with it
        assert float((got.float() - expected).norm() / expected.norm()) < 0.2


def test_what_the_convolution_was_given_is_left_alone():
    """The gate is computed in place, in the convolution's output; not in what it read, whose gradient would then be wrong."""
    x, layer = torch.randn(1, 2, 4, 4, requires_grad=True), GatedConv2d(2, 2, 1)
    before = x.detach().clone()
    y = nn.Sequential(layer, layer)(x)
    y.sum().backward(retain_graph=True)
    first = x.grad.clone()
    x.grad = None
    y.sum().backward()  # once more from the same saved tensors
    assert torch.equal(x.detach(), before) and torch.equal(first, x.grad)


def test_activation_comes_before_the_gate():
    """Public mistake: phi(feature * gate). With a feature of -2 and a gate of 1/2 that is elu(-1), not elu(-2) / 2."""
    x, weight = torch.ones(1, 1, 1, 1), torch.tensor([-2.0, 0.0]).view(2, 1, 1, 1)
    y, gate = gated_conv2d(x, weight)
    assert gate.item() == 0.5
    assert y.item() == pytest.approx((math.exp(-2) - 1) / 2)
    assert y.item() != pytest.approx(math.exp(-1) - 1)


def test_it_is_one_convolution_of_twice_the_width():
    """Public code runs two; the parameters are the same, and so is the result."""
    layer, x = GatedConv2d(3, 4, 3, padding=1), torch.randn(2, 3, 8, 8)
    assert layer.weight.shape == (8, 3, 3, 3) and sum(p.numel() for p in layer.parameters()) == 2 * (4 * 3 * 9 + 4)
    feature, gate = (F.conv2d(x, w, b, padding=1) for w, b in zip(layer.weight.chunk(2), layer.bias.chunk(2), strict=True))
    torch.testing.assert_close(layer(x), F.elu(feature) * torch.sigmoid(gate))


def test_an_open_gate_is_a_plain_convolution_and_a_shut_one_is_silent():
    layer, x = GatedConv2d(3, 4, 3, activation=None), torch.randn(1, 3, 8, 8)
    nn.init.zeros_(layer.weight.data[4:])
    nn.init.constant_(layer.bias.data[4:], 40.0)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight[:4], layer.bias[:4]))
    nn.init.constant_(layer.bias.data[4:], -200.0)
    assert layer(x).abs().max() < 1e-30


@pytest.mark.parametrize("dilations", [(1,), (1, 2), (1, 2, 4)])
def test_the_field_of_view_grows_exponentially(dilations):
    """S2: stacked dilations 1, 2, 4 see 3, 7, 15 pixels; each has the same nine weights a channel pair."""
    layers = [GatedConv2d(1, 1, 3, padding=d, dilation=d).double() for d in dilations]
    for layer in layers:
        nn.init.uniform_(layer.weight, 0.1, 1.0)
    x = torch.rand(1, 1, 31, 31, dtype=torch.float64, requires_grad=True)
    nn.Sequential(*layers)(x)[0, 0, 15, 15].backward()
    rows = (x.grad[0, 0] != 0).any(1).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == {1: 3, 2: 7, 3: 15}[len(dilations)]


def test_upsampling_doubles_by_nearest_and_then_convolves():
    layer, x = GatedConv2d(2, 3, 3, padding=1, upsample=2), torch.randn(2, 2, 5, 4)
    doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(layer(x), gated_conv2d(doubled, layer.weight, layer.bias, 1, 1)[0])
    assert layer(x).shape == layer.gate(x).shape == (2, 3, 10, 8)
    assert "upsample=2" in repr(layer)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_finite(dtype):
    y, gate = gated_conv2d(torch.randn(1, 4, 8, 8).to(dtype) * 50, torch.randn(6, 4, 3, 3).to(dtype))
    assert y.dtype == gate.dtype == dtype and y.isfinite().all()


def test_compiled_gives_equal_results():
    layer, x = GatedConv2d(3, 4, 3, padding=1), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(torch.compile(layer, backend="aot_eager", fullgraph=True)(x), layer(x))


ONE, W = torch.rand(1, 3, 6, 6), torch.rand(4, 3, 3, 3)


@pytest.mark.parametrize(
    ("x", "weight", "error", "says"),
    [
        (ONE[0], W, ValueError, "four dimensions"),
        (ONE.byte(), W, TypeError, "expected a float tensor"),
        (ONE[:0], W, ValueError, "none of them 0"),
        (ONE, W[:, :2], ValueError, "with 3 channels"),
        (ONE, W[:3], ValueError, "even number"),
        ("image", W, TypeError, "a str"),
        (ONE, [1], TypeError, "weight is a list"),
    ],
)
def test_bad_input_is_named(x, weight, error, says):
    with pytest.raises(error, match=says):
        gated_conv2d(x, weight)


@pytest.mark.parametrize(
    ("bias", "error", "says"),
    [
        (torch.zeros(1), ValueError, r"expected \(4,\)"),
        (torch.zeros(3), ValueError, r"expected \(4,\)"),
        ([0.0, 0.0], TypeError, "bias is a list"),
    ],
)
def test_a_bias_that_does_not_fit_is_named(bias, error, says):
    with pytest.raises(error, match=says):
        gated_conv2d(ONE, W, bias)


def test_bad_upsampling_is_named():
    with pytest.raises(ValueError, match="upsample is 0"):
        GatedConv2d(3, 4, 3, upsample=0)


def test_the_first_weights_keep_pictures_apart_through_many_layers():
    g, layers = torch.Generator().manual_seed(0), 12
    x = torch.rand(16, 8, 24, 24, generator=g) * 2 - 1
    torch.manual_seed(0)
    ours = torch.nn.Sequential(*(GatedConv2d(8, 8, 3, padding=1) for _ in range(layers)))
    plain = torch.nn.Sequential(*(GatedConv2d(8, 8, 3, padding=1) for _ in range(layers)))
    for layer in plain:
        layer.weight.data = torch.nn.Conv2d(8, 16, 3).weight.data
    with torch.no_grad():
        apart, faded = (net(x).std(0).mean() / x.std(0).mean() for net in (ours, plain))
    assert apart > 0.02, "a picture that does not reach the last layer cannot teach it"
    assert faded < 1e-4, "the reason why torch's own first weights are not kept"


def test_the_first_weights_have_the_variance_that_a_half_open_gate_asks_for():
    torch.manual_seed(0)
    layer = GatedConv2d(32, 64, 5)
    features = layer.weight[:64]
    assert features.mean().abs() < 0.002
    assert features.var().item() == pytest.approx(4 / (32 * 25), rel=0.03)
    assert not layer.bias.any()
    assert GatedConv2d(4, 8, 3, bias=False).bias is None
