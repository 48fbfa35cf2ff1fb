"""The masks inside a network of partial convolutions, layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inpaintlib._check import as_mask, describe
from inpaintlib.layers import PartialConv2d
from inpaintlib.models.base import evaluating

__all__ = ["mask_trace"]


@torch.no_grad()
def mask_trace(model: nn.Module, mask: Tensor) -> dict[str, Tensor]:
    """What is known after each partial convolution of a model; it depends on the mask alone, not on the image.

    Args:
        model: a model with partial convolutions, called as ``model(image, mask)``.
        mask: (B, 1, H, W), 1 = known, 0 = hole.

    Returns:
        The layer's name -> the mask (B, 1, H', W') that it hands on, in the order in which the layers ran.

    Raises:
        ValueError: the model has no partial convolution.

    >>> from inpaintlib import models
    >>> trace = models.mask_trace(models.create("partial_unet", width=8), torch.ones(1, 1, 32, 32))
    >>> list(trace)[-1], tuple(trace["down.3.halve"].shape)
    ('head', (1, 1, 2, 2))
    """
    trace: dict[str, Tensor] = {}
    known = as_mask(mask)
    count = len(known)  # a model that looks at the mirror images too has them behind the images themselves
    hooks = [
        layer.register_forward_hook(lambda _layer, _inputs, outputs, name=name: trace.__setitem__(name, outputs[1][:count]))
        for name, layer in model.named_modules()
        if isinstance(layer, PartialConv2d)
    ]
    if not hooks:
        raise ValueError(f"the model is {describe(model)} without partial convolutions; expected one with PartialConv2d layers.")
    weight = next(model.parameters())
    known = known.to(weight)
    try:
        with evaluating(model):
            model(known.new_zeros(known.shape[0], 3, *known.shape[-2:]), known)
    finally:
        for hook in hooks:
            hook.remove()
    return trace
