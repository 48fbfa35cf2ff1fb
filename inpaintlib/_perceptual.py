"""The perceptual distance; its place among the measures is :mod:`inpaintlib.metrics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import as_image, check_maps, describe

__all__ = ["perceptual"]


def perceptual(prediction: Tensor, target: Tensor, *, features: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """Perceptual distance: how differently a feature network sees two pictures.

    At each place of each feature map the vectors over the channels are brought to length 1 and subtracted; the squared lengths of the
    differences are averaged over the places and added up over the maps. A network tells grass from a blur of the same colour where
    pixels do not. The figure means something beside others from the same network only, so name the network with it; and measure with
    one that no loss has used, such as ``features.load("measure")``.

    Args:
        prediction: float (B, 3, H, W) in [0, 1], composited or raw: say which.
        target: the same shape and range.
        features: image (B, 3, H, W) -> list of maps (B, C, H', W').

    Returns:
        (B,), without unit; 0 where the network sees no difference, at most 4 for each map.

    Raises:
        TypeError, ValueError: not images of one shape, or ``features`` is no function or answers something else than a list of maps.

    Source: R. Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018, eq. 1 with all weights 1.

    >>> red, green = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    >>> a, b = (colour[None, :, None, None].expand(1, 3, 8, 8) for colour in (red, green))
    >>> perceptual(a, b, features=lambda image: [image])  # colours at right angles
    tensor([2.])
    """
    prediction, target = as_image(prediction, "prediction"), as_image(target, "target")
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {describe(prediction)}, target is {describe(target)}; expected the same shape.")
    if not callable(features):
        raise TypeError(f"features is {features!r}; expected a function image -> list of maps, such as features.load('measure').")
    pairs = list(zip(_maps(features, prediction), _maps(features, target), strict=True))
    distances = [(F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).flatten(1).mean(1) for a, b in pairs]
    return torch.stack(distances).sum(0)


def _maps(features: Callable[[Tensor], Sequence[Tensor]], image: Tensor) -> Sequence[Tensor]:
    maps = features(image)
    check_maps(maps, image)
    return [m.float() for m in maps]
