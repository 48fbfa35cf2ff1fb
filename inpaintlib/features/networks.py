"""The feature networks: classifiers whose inner pictures say more about likeness than pixels do.

    small     after K. Simonyan and A. Zisserman, Very Deep Convolutional Networks, ICLR 2015, made small: two, two and three convolutions
              of 32, 64 and 128 channels with batch norm and ReLU, each group ended by max pooling; 436,458 parameters
    measure   after K. He et al., Deep Residual Learning, CVPR 2016, made small: a convolution of 32 channels, then three strided ones
              of 48, 96 and 128, each followed by a residual block, with SiLU; 672,010 parameters
    vgg16     Simonyan and Zisserman's own with the weights trained on ImageNet, up to its third pooling

All give three maps, at a half, a quarter and an eighth of the side.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib._check import as_image

__all__ = ["VGG16", "FeatureNetwork", "Measure", "Small"]


class FeatureNetwork(nn.Module):
    """What the feature networks share: ``network(image)`` -> three maps (B, C, H / 2, W / 2), ... (B, C, H / 8, W / 8).

    Attributes:
        name: the name of its weights.
        stages: the three parts that make one map each.
        measuring_only: no loss may use it, so that what is measured with it was never trained for.
        card: what the run that trained the weights wrote about them, if they were loaded.
    """

    name = ""
    measuring_only = False

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.options: dict[str, Any] = {}
        self.card: dict[str, Any] | None = None
        self.stages = nn.ModuleList()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, image: Tensor) -> list[Tensor]:
        """The maps of an image, float (B, 3, H, W) in [0, 1] with sides of at least 8; gradients flow to the image.

        Raises:
            TypeError, ValueError: not such an image. (A prediction a little beyond [0, 1] is let through.)
        """
        image = as_image(image, channels=3, values=False)
        if min(image.shape[-2:]) < 8:
            raise ValueError(f"image is {image.shape[-2]} x {image.shape[-1]}; expected sides of at least 8, since they are halved thrice.")
        image = image.to(self.mean.dtype)  # the network's own, whatever the picture's
        x = ((image - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Classifier(FeatureNetwork):
    """A feature network that learned by telling ten kinds of thing apart."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__([0.4913, 0.4821, 0.4465], [0.2452, 0.2428, 0.2606])  # CIFAR-10's
        self.options = {"classes": classes}
        self.head = nn.Linear(channels, classes)

    def classify(self, image: Tensor) -> Tensor:
        """A score for each class (B, classes), of any size; the largest wins."""
        return self.head(self(image)[-1].mean((2, 3)))


class Small(Classifier):
    """``small``, see the head of this file."""

    name = "features_small"

    def __init__(self, classes: int = 10) -> None:
        super().__init__(128, classes)
        for cin, cout, count in ((3, 32, 2), (32, 64, 2), (64, 128, 3)):
            layers = [part for i in range(count) for part in _normalised(cout if i else cin, cout, nn.ReLU())]
            self.stages.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster order on CPUs


class Measure(Classifier):
    """``measure``, see the head of this file; for measuring only."""

    name = "features_measure"
    measuring_only = True

    def __init__(self, classes: int = 10) -> None:
        super().__init__(128, classes)
        widths = [32, 48, 96, 128]
        first = _normalised(3, widths[0], nn.SiLU())
        for cin, cout in pairwise(widths):
            self.stages.append(nn.Sequential(*first, *_normalised(cin, cout, nn.SiLU(), stride=2), _Residual(cout)))
            first = []
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class VGG16(FeatureNetwork):
    """``vgg16``, see the head of this file.

    Args:
        layers: torchvision's ``vgg16().features``.
    """

    name = "features_vgg16"

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])  # ImageNet's, as torchvision's weights want it
        poolings = [i + 1 for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        self.stages.extend(layers[start:stop] for start, stop in pairwise([0, *poolings[:3]]))


def _normalised(cin: int, cout: int, activation: nn.Module, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(cin, cout, 3, stride, padding=1, bias=False), nn.BatchNorm2d(cout), activation]


class _Residual(nn.Module):
    """x + two convolutions, and the activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_normalised(channels, channels, nn.SiLU()))
        self.second = nn.Sequential(*_normalised(channels, channels, nn.Identity()))

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x + self.second(self.first(x)))
