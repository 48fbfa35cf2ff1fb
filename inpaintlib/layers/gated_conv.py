r"""Gated convolution: a convolution that learns where to listen.

Partial convolution is told which pixels are real, and forgets it layer by layer by a fixed rule. Here every layer computes its own soft
mask, the gate, for each channel and each place, and training decides what it lets through:

    y = phi(feature) * sigmoid(gate)        feature = W_f * x + b_f        gate = W_g * x + b_g

W_f and W_g read the same windows, so they are one convolution of twice the width whose output is split in the middle. The activation phi
belongs on the feature, before the product: applied after it, an ELU would bend what the gate has already scaled.

Source: J. Yu et al., Free-Form Image Inpainting with Gated Convolution, ICCV 2019, section 3.1, eq. 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import check_convolution

__all__ = ["GatedConv2d", "gated_conv2d"]

Pair = int | tuple[int, int]
Activation = Callable[[Tensor], Tensor]


def gated_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    activation: Activation | None = F.elu,
) -> tuple[Tensor, Tensor]:
    """Gated convolution of ``x``, and the gate: what partial convolution calls the mask, but soft, learned, and one for each channel.

    Args:
        x: float (B, Cin, H, W), any values.
        weight: (2 * Cout, Cin, kh, kw): the kernels of the features, then those of the gates.
        bias: (2 * Cout,), in the same order.
        stride, padding, dilation: as in ``torch.nn.functional.conv2d``.
        activation: phi, applied to the feature; None: the feature as it is.

    Returns:
        y: (B, Cout, H', W').
        gate: (B, Cout, H', W') between 0 (shut) and 1 (open).

    Raises:
        TypeError: ``x`` is no floating-point tensor, or weight or bias no tensor.
        ValueError: shapes that do not fit each other, or an odd number of kernels.

    Source: Yu et al., ICCV 2019, eq. 2.

    >>> x = torch.tensor([[[[3.0, -2.0]]]])
    >>> weight = torch.tensor([2.0, 0.0])[:, None, None, None]  # feature 2 x, gate 0 x: half open
    >>> y, gate = gated_conv2d(x, weight, activation=torch.relu)
    >>> y.flatten().tolist(), gate.flatten().tolist()
    ([3.0, 0.0], [0.5, 0.5])
    """
    _check(x, weight, bias)
    both = F.conv2d(x, weight, bias, stride, padding, dilation)  # (B, 2 * Cout, H', W')
    if activation in (F.elu, F.relu, None) and not torch.compiler.is_compiling():
        y, both = _Gate.apply(both, activation)
        return y, both.chunk(2, dim=1)[1]
    feature, gate = both.chunk(2, dim=1)
    gate = torch.sigmoid(gate)
    return (feature if activation is None else activation(feature)) * gate, gate


class _Gate(torch.autograd.Function):
    """phi(feature) * sigmoid(gate) for phi = ELU, ReLU or nothing, computed inside the convolution's own output, which nobody else needs.

    The formula of :func:`gated_conv2d`, which autograd would turn into nine new tensors a step where three are enough; on a processor
    making them costs more than filling them. All derivatives follow from the values: elu' = 1 + min(elu, 0), relu' = (relu > 0),
    sigmoid' = s - s^2.
    """

    @staticmethod
    def forward(ctx: Any, both: Tensor, activation: Activation | None) -> tuple[Tensor, Tensor]:
        feature, gate = both.chunk(2, dim=1)
        if activation is not None:
            activation(feature, inplace=True)  # type: ignore[call-arg]
        gate.sigmoid_()
        ctx.mark_dirty(both)
        ctx.save_for_backward(both)
        ctx.set_materialize_grads(False)
        ctx.activation = activation
        return feature * gate, both

    @staticmethod
    def backward(ctx: Any, up: Tensor | None, up_both: Tensor | None) -> tuple[Tensor | None, None]:
        (both,) = ctx.saved_tensors
        feature, gate = both.chunk(2, dim=1)
        if up is None or torch.is_grad_enabled():  # the gate alone was used, or somebody wants derivatives of derivatives
            grad = torch.zeros_like(both) if up is None else torch.cat([up * gate, up * feature], dim=1)
            grad = grad if up_both is None else grad + up_both
            return grad * torch.cat([_slope(feature, ctx.activation), gate - gate.square()], dim=1), None
        grad = torch.empty_like(both)
        to_feature, to_gate = grad.chunk(2, dim=1)
        torch.mul(up, gate, out=to_feature)
        torch.mul(up, feature, out=to_gate)
        if up_both is not None:
            grad += up_both
        # torch's own kernels for these derivatives: one pass over the memory each, and they write where they read
        if ctx.activation is F.elu:
            torch.ops.aten.elu_backward.grad_input(to_feature, 1, 1, 1, True, feature, grad_input=to_feature)
        elif ctx.activation is F.relu:
            torch.ops.aten.threshold_backward.grad_input(to_feature, feature, 0, grad_input=to_feature)
        torch.ops.aten.sigmoid_backward.grad_input(to_gate, gate, grad_input=to_gate)
        return grad, None


def _slope(value: Tensor, activation: Activation | None) -> Tensor:
    """The derivative of the activation, from what it gave."""
    if activation is F.elu:
        return 1 + value.clamp(max=0)
    return torch.ones_like(value) if activation is None else (value > 0).to(value.dtype)


def _check(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    check_convolution(x, weight, bias, kernels="2 * Cout")
    if weight.shape[0] % 2:
        raise ValueError(f"weight holds {weight.shape[0]} kernels; expected an even number, as many for the gates as for the features.")


def _start_features(weight: Tensor) -> None:
    """Draw first weights with four times LeCun's variance of 1 / inputs, because a gate that has learned nothing passes one half.

    With those of ``nn.Conv2d`` the differences between two pictures shrink to a third or less in each layer; after a dozen layers
    nothing is left to learn from, and training shuts what comes that way out.

    Source: Y. LeCun et al., Efficient BackProp, 1998, section 4.6, for layers without gates.
    """
    bound = 2 * math.sqrt(3 / weight[0].numel())  # uniform within +-b has the variance b^2 / 3
    nn.init.uniform_(weight, -bound, bound)


class GatedConv2d(nn.Module):
    """The layer around :func:`gated_conv2d`; with ``upsample=2`` the image is doubled first (nearest), and then convolved.

    Args:
        in_channels, kernel_size, stride, padding, dilation, bias: as in ``torch.nn.Conv2d``.
        out_channels: of the output; the layer holds twice as many kernels.
        activation: phi, applied to the feature; None for a layer that ends a network.
        upsample: whole factor by which the image grows before the convolution. That leaves none of the checkerboard which a
            transposed convolution draws when its kernel is no multiple of its stride.

    >>> layer = GatedConv2d(4, 8, 3, padding=1, upsample=2)
    >>> tuple(layer(torch.rand(2, 4, 16, 16)).shape), tuple(layer.gate(torch.rand(2, 4, 16, 16)).shape)
    ((2, 8, 32, 32), (2, 8, 32, 32))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        bias: bool = True,
        activation: Activation | None = F.elu,
        upsample: int = 1,
    ) -> None:
        super().__init__()
        if not isinstance(upsample, int) or upsample < 1:
            raise ValueError(f"upsample is {upsample!r}; expected 1 (none), 2, 3, ...")
        # nn.Conv2d knows how to draw the first weights of the gates; only its tensors are kept.
        plain = nn.Conv2d(in_channels, 2 * out_channels, kernel_size, stride, padding, dilation, bias=bias)
        self.weight, self.bias = plain.weight, plain.bias
        _start_features(self.weight[:out_channels])
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.activation, self.upsample = activation, upsample

    def forward(self, x: Tensor) -> Tensor:
        """The gated features (B, Cout, H', W') of ``x`` (B, Cin, H, W)."""
        return self._both(x)[0]

    def gate(self, x: Tensor) -> Tensor:
        """The gates (B, Cout, H', W') that :meth:`forward` multiplies by, in [0, 1]: what to draw to see where the layer listens."""
        return self._both(x)[1]

    def _both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=self.upsample)  # nearest
        return gated_conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.activation)

    def extra_repr(self) -> str:
        cout, cin, *kernel = self.weight.shape
        shape = f"{cin}, {cout // 2}, kernel_size={tuple(kernel)}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}"
        return shape + (f", upsample={self.upsample}" if self.upsample > 1 else "")
