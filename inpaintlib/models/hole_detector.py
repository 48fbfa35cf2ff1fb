"""The other side of inpainting: a network that finds which pixels of a picture were painted in.

A filling that fools the eye is still too smooth, or lacks the noise and the compression marks of its surroundings, and a network can learn
to see that. It sees the picture alone, never the mask. What it learned from one inpainter carries over to others only in part: a
detector is a reason to look closer, not a proof. Nor does it carry over to every kind of picture: the one that ships has learned from
CIFAR-10, and on other photographs suspects smooth skies and black backgrounds that nobody has touched; its card says how many. That it does
not merely look for the marks of JPEG, which CIFAR-10's copy bears and its fillings do not, is owed to :mod:`inpaintlib.train.pasts`.

A small U-Net after O. Ronneberger et al., MICCAI 2015, as for any other segmentation into two classes; the question is that of
H. Li and J. Huang, Localization of Deep Inpainting Using High-Pass Fully Convolutional Network, ICCV 2019.
"""

from __future__ import annotations

import numbers
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import as_image
from inpaintlib.models.base import check_option, evaluating

__all__ = ["HoleDetector"]


class HoleDetector(nn.Module):
    """A probability for each pixel that it was painted in: ``detector(image)`` -> (B, 1, H, W).

    Args:
        width: channels at full resolution; twice and four times as many at the half and the quarter.

    Attributes:
        name, options, card: as those of the models that inpaint.

    With the defaults 266,017 parameters.
    """

    name = "hole_detector"
    size_multiple = 4

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        check_option("width", width)
        self.options = {"width": width}
        self.card: dict[str, Any] | None = None
        w1, w2, w4 = width, 2 * width, 4 * width
        self.at_full, self.at_half, self.at_quarter = _double(3, w1), _double(w1, w2), _double(w2, w4)
        self.merge_half, self.merge_full = _double(w4 + w2, w2), _double(w2 + w1, w1)
        self.head = nn.Conv2d(w1, 1, 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster order on CPUs

    def logits(self, image: Tensor) -> Tensor:
        """The scores (B, 1, H, W) of which :meth:`forward` takes the sigmoid; a loss is more exact on these.

        Images of any precision are brought to that of the weights, which the scores have too.

        Raises:
            TypeError, ValueError: not an image (B, 3, H, W), or sides that are no multiples of 4.
        """
        image = as_image(image, channels=3, values=False)
        height, width = image.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise ValueError(f"{self.name} got an image of {height} x {width}; expected multiples of {self.size_multiple}. Crop it.")
        image = image.to(self.head.weight.dtype)
        full = self.at_full((2 * image - 1).contiguous(memory_format=torch.channels_last))
        half = self.at_half(F.max_pool2d(full, 2))
        x = self.at_quarter(F.max_pool2d(half, 2))
        x = self.merge_half(torch.cat([F.interpolate(x, scale_factor=2), half], dim=1))
        return self.head(self.merge_full(torch.cat([F.interpolate(x, scale_factor=2), full], dim=1)))

    def forward(self, image: Tensor) -> Tensor:
        """The probabilities (B, 1, H, W) from a picture (B, 3, H, W) in [0, 1]."""
        return torch.sigmoid(self.logits(image))

    @torch.no_grad()
    def find(self, image: Tensor, threshold: float = 0.5) -> Tensor:
        """The mask that this picture seems to have been inpainted with, uint8 (B, 1, H, W), 1 = known, 0 = hole.

        Args:
            image: float (B, 3, H, W) in [0, 1].
            threshold: pixels above this probability are held for painted in; a higher one claims less, and is wrong less often.

        ``metrics.hole_detection(detector.find(image), mask)`` says how good it is.
        """
        as_image(image, channels=3)
        if not isinstance(threshold, numbers.Real) or not 0 < threshold < 1:
            raise ValueError(f"threshold is {threshold!r}; expected a probability between 0 and 1.")
        with evaluating(self):
            probability = self(image.to(self.head.weight.device))
        return (probability <= threshold).to(image.device, torch.uint8)


def _double(cin: int, cout: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(),
        nn.Conv2d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(),
    )  # fmt: skip
