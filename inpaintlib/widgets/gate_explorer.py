"""Features, their gates, and what the two make together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor, nn

from inpaintlib import viz
from inpaintlib._check import as_pair, describe
from inpaintlib.layers import GatedConv2d
from inpaintlib.models.base import evaluating
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.pictures import rgb_bytes

__all__ = ["GateExplorer"]

_LARGEST = 3_000_000  # bytes of features and gates that are sent to the browser


class GateExplorer(CourseWidget):
    """The gated layers of a network at work on one picture: pick a channel, and see its gate between its feature and their product.

    The channels of a layer stand in the order of what they listen to: those whose gate is open for the hole first, those that prefer what
    is known last. A pixel that one points at is multiplied out.

    Args:
        model: a network with ``GatedConv2d`` layers, called as ``model(image, mask)``.
        image: float (1, 3, H, W) in [0, 1].
        mask: (1, 1, H, W), 1 = known, 0 = hole.
        layers: names of the layers to show, as in ``model.named_modules()``; all gated ones by default.
        layer: the one that is shown at first; the first of them by default.
        channel: its channel, counted from 1; by default the one that prefers the hole most.

    Attributes:
        feature, gate, product: float32 (C, H', W') of the chosen layer.
        preference: float32 (C,), mean gate over known pixels minus mean gate over the hole, of the chosen layer.

    Raises:
        TypeError, ValueError: an image or mask that is none or more than one, a network without gates, unknown layers, or so many features
            that they would choke the browser.

    Source: J. Yu et al., Free-Form Image Inpainting with Gated Convolution, ICCV 2019, eq. 2.
    """

    _esm = module("gate_explorer.js")

    _height = traitlets.Int().tag(sync=True)
    _width = traitlets.Int().tag(sync=True)
    _pixels = traitlets.Bytes().tag(sync=True)  # RGB
    _known = traitlets.Bytes().tag(sync=True)
    _layers: Any = traitlets.List().tag(sync=True)  # name, channels, height, width, order, means of each layer
    _features = traitlets.Bytes().tag(sync=True)  # float32, one layer after the other
    _gates = traitlets.Bytes().tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    channel = traitlets.Int(1).tag(sync=True)

    def __init__(
        self,
        model: nn.Module,
        image: Tensor,
        mask: Tensor,
        *,
        layers: Sequence[str] | None = None,
        layer: str | None = None,
        channel: int | None = None,
        **traits: Any,
    ) -> None:
        image, mask = as_pair(image, mask, channels=3)
        if len(image) != 1:
            raise ValueError(f"image is {describe(image)}; expected a single picture. Pick one: image[:1].")
        if not (bool(mask.any()) and bool((mask == 0).any())):
            raise ValueError("the mask is all known or all hole; expected some of both, to compare the gates over them.")
        self._parts = _run(model, image, mask, layers)
        self._preference = {name: _preference(gate, mask) for name, (_, gate) in self._parts.items()}
        about: list[dict[str, Any]] = []
        for name, (feature, _) in self._parts.items():
            known, hole = self._preference[name]
            order = (known - hole).argsort(stable=True)
            means = torch.stack([known, hole], dim=1)
            about.append({"name": name, "shape": list(feature.shape), "order": (order + 1).tolist(), "means": means.tolist()})
        shown = next(iter(self._parts)) if layer is None else layer
        chosen = next((entry["order"][0] for entry in about if entry["name"] == shown), 1) if channel is None else channel
        super().__init__(
            _height=image.shape[2],
            _width=image.shape[3],
            _pixels=rgb_bytes(image),
            _known=mask.to(torch.uint8).cpu().numpy().tobytes(),
            _layers=about,
            _features=_floats([feature for feature, _ in self._parts.values()]),
            _gates=_floats([gate for _, gate in self._parts.values()]),
            layer=shown,
            channel=chosen,
            **traits,
        )
        self._image, self._mask = image.detach().cpu(), mask.cpu()

    @property
    def feature(self) -> Tensor:
        """float32 (C, H', W'): phi(W_f * x + b_f) of the chosen layer."""
        return self._parts[self.layer][0]

    @property
    def gate(self) -> Tensor:
        """float32 (C, H', W') in [0, 1] of the chosen layer."""
        return self._parts[self.layer][1]

    @property
    def product(self) -> Tensor:
        """float32 (C, H', W'): what the chosen layer hands on."""
        return self.feature * self.gate

    @property
    def preference(self) -> Tensor:
        """float32 (C,): mean gate over known pixels minus mean gate over the hole, of the chosen layer."""
        known, hole = self._preference[self.layer]
        return known - hole

    @traitlets.validate("layer")
    def _must_be_known(self, proposal: Any) -> str:
        if proposal["value"] not in self._parts:
            raise traitlets.TraitError(f"layer is {proposal['value']!r}; expected one of {', '.join(self._parts)}.")
        return proposal["value"]

    @traitlets.validate("channel")
    def _must_be_a_channel(self, proposal: Any) -> int:
        if not 1 <= proposal["value"] <= len(self.feature):
            raise traitlets.TraitError(f"channel is {proposal['value']}; expected 1 to {len(self.feature)}, as many as {self.layer} has.")
        return proposal["value"]

    @traitlets.observe("layer")
    def _stay_inside(self, change: Any) -> None:
        if self.channel > len(self.feature):
            self.channel = self._about()["order"][0]

    def _about(self) -> dict[str, Any]:
        return next(entry for entry in self._layers if entry["name"] == self.layer)

    def describe(self) -> str:
        channels, height, width = self.feature.shape
        known, hole = self._about()["means"][self.channel - 1]
        return (
            f"Layer {self.layer}, {channels} channels of {height} by {width}: the feature of channel {self.channel}, its gate, and their "
            f"product. That gate is {known:.2f} open on average over known pixels, {hole:.2f} over the hole. Below, the gates that are "
            "most open for the hole, and those that most prefer what is known."
        )

    def still(self) -> str:
        k, order = self.channel - 1, self._about()["order"]
        shown = {
            "picture": self._image,
            f"feature {self.channel}": self._grey(self.feature[k]),
            f"gate {self.channel}": self.gate[k],
            "product": self._grey(self.product[k]),
        }
        others = [channel for channel in order if channel != self.channel]
        ends = others[:2] + others[2:][-2:]  # the two that are most for the hole, the two that are most for what is known
        titles = [*shown, *(f"gate {channel}" for channel in ends)]
        means = [self._about()["means"][channel - 1] for channel in ends]
        notes = [*[""] * 4, *(f"known {known:.2f}\nhole {hole:.2f}" for known, hole in means)]
        pictures = [*shown.values(), *(self.gate[channel - 1] for channel in ends)]
        masks: list[Tensor | None] = [self._mask, *[None] * (len(pictures) - 1)]
        drawing = viz.image_grid(pictures, columns=4, titles=titles, masks=masks, notes=notes, width=7.5)
        caption = f"{self.layer}. Interactive in a running notebook: all layers and channels, and each pixel multiplied out."
        return viz.figure_html(drawing, alt=self.describe(), caption=caption)

    def _grey(self, values: Tensor) -> Tensor:
        """Black is minus the largest size in the layer's feature, grey 0, white plus it."""
        largest = self.feature[self.channel - 1].abs().max().clamp(min=1e-12)
        return (values / largest + 1) / 2


def _run(model: nn.Module, image: Tensor, mask: Tensor, names: Sequence[str] | None) -> dict[str, tuple[Tensor, Tensor]]:
    """Name of each wanted layer -> its features and its gates, each (C, H', W'), in the order in which the layers run."""
    gated = {name: layer for name, layer in model.named_modules() if isinstance(layer, GatedConv2d)}
    if not gated:
        raise ValueError(f"the model is {describe(model)} without gated convolutions; expected one with GatedConv2d layers.")
    wanted = list(gated) if names is None else list(names)
    missing = [name for name in wanted if name not in gated]
    if missing or not wanted:
        raise ValueError(f"layers holds {', '.join(map(repr, missing)) or 'nothing'}; expected names among {', '.join(gated)}.")
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> Any:
        return lambda layer, inputs, _output: found.__setitem__(name, _feature_and_gate(layer, inputs[0]))

    hooks = [gated[name].register_forward_hook(keep(name)) for name in wanted]
    try:
        with torch.no_grad(), evaluating(model):
            model(image * mask, mask)
    finally:
        for hook in hooks:
            hook.remove()
    weight = sum(2 * 4 * feature.numel() for feature, _ in found.values())
    if weight > _LARGEST:
        raise ValueError(
            f"features and gates of {len(found)} layers take {weight / 1e6:.1f} MB; expected at most {_LARGEST / 1e6:.0f}. "
            "Name fewer layers, or pass a smaller picture."
        )
    return found


def _feature_and_gate(layer: GatedConv2d, x: Tensor) -> tuple[Tensor, Tensor]:
    """phi(feature) and sigmoid(gate) apart, each (C, H', W'): the layer itself gives only their product and the gate."""
    gate = layer.gate(x)
    if layer.upsample > 1:
        x = F.interpolate(x, scale_factor=layer.upsample)
    half, bias = len(layer.weight) // 2, None if layer.bias is None else layer.bias[: len(layer.weight) // 2]
    feature = F.conv2d(x, layer.weight[:half], bias, layer.stride, layer.padding, layer.dilation)
    feature = feature if layer.activation is None else layer.activation(feature)
    return feature[0].float().cpu(), gate[0].float().cpu()


def _preference(gate: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mean gate of each channel over known pixels and over the hole; the mask is brought to the gate's size."""
    known = F.interpolate(mask.cpu(), size=gate.shape[-2:], mode="area").round()[0, 0]
    over = [(gate * where).sum((1, 2)) / where.sum().clamp(min=1) for where in (known, 1 - known)]
    return over[0], over[1]


def _floats(tensors: list[Tensor]) -> bytes:
    return b"".join(tensor.contiguous().numpy().astype("<f4").tobytes() for tensor in tensors)
