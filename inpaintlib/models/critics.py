"""The critics: networks that tell a filled picture from a real one, and so teach a generator what blur costs.

All are called as ``critic(image, mask)`` with an image in [0, 1] and its mask, 1 = known, and return raw scores, higher = more real; the
sigmoid, the hinge or nothing at all is the loss's affair (:mod:`inpaintlib.losses`). Inside they work in [-1, 1].

Sources: D. Pathak et al., Context Encoders, CVPR 2016; J. Yu et al., Generative Image Inpainting with Contextual Attention, CVPR 2018 (the
global and the local critic); J. Yu et al., Free-Form Image Inpainting with Gated Convolution, ICCV 2019 (SN-PatchGAN).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from inpaintlib._check import as_image, as_mask, describe
from inpaintlib.models.base import check_option

__all__ = ["ContextCritic", "Critic", "GlobalCritic", "LocalCritic", "SNPatchCritic", "crop_at_hole"]


class Critic(nn.Module):
    """What the critics share: subclasses write ``forward(image, mask)`` -> scores.

    Attributes:
        name: the name in the registry.
        size: side of the images it is made for.
        options: what it was made with; ``models.critic(name, **options)`` makes its twin.
        composited: whether it is shown the filled picture, known pixels and all, or the generator's raw prediction.
    """

    name: str = ""
    composited: bool = True

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__()
        if size < 32 or size & (size - 1):
            raise ValueError(f"size is {size}; expected a power of 2 from 32, such as 32 or 256.")
        check_option("width", options.get("width", 1))
        self.size, self.options = size, {"size": size, **options}

    def check_size(self, image: Tensor) -> None:
        """How ``forward`` begins where only one size of image fits.

        Raises:
            TypeError: no float image.
            ValueError: an empty batch, or an image of another size than the critic was made for. Values are not looked at.
        """
        image = as_image(image, channels=3, values=False)
        if image.shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"the critic {self.name} got {describe(image)}; expected (B, 3, {self.size}, {self.size}), the size it was made for. "
                f"Make one for another size with models.critic('{self.name}', size=...)."
            )


def _halving(cin: int, cout: int, norm: bool = False) -> list[nn.Module]:
    """DeepFill's critic layer: a 5 x 5 convolution with stride 2 and a leaky ReLU; with ``norm``, its spectral norm is held at 1."""
    conv = nn.Conv2d(cin, cout, 5, stride=2, padding=2)
    return [_settled(spectral_norm(conv)) if norm else conv, nn.LeakyReLU(0.2)]


def _settled(conv: Any, steps: int = 100) -> nn.Module:
    """Let the power method run to its end once; torch begins with 15 steps, which can leave the norm several per cent beside 1."""
    norm = conv.parametrizations.weight[0]
    norm.n_power_iterations, each = steps, norm.n_power_iterations
    with torch.no_grad():
        _ = conv.weight  # whoever reads the weight in training mode improves the estimate
    norm.n_power_iterations = each
    return conv


class ContextCritic(Critic):
    """The Context Encoder's discriminator: the encoder once more, on the middle patch, down to one value.

    Args:
        size: side of the whole images; the critic looks at the middle, half as high and wide.
        width: channels of the first convolution, doubled by each next one.

    With the defaults 2,765,633 parameters. As in every DCGAN its first layer has no batch norm, so that it sees how bright a patch is.

    Source: Pathak et al., CVPR 2016, section 3.2.
    """

    name = "context"
    composited = False  # the patch that is drawn reaches over the rim of the hole, and the critic judges all of it

    def __init__(self, size: int = 128, width: int = 64) -> None:
        super().__init__(size, width=width)
        self.window = slice(size // 4, size // 4 + size // 2)
        widths = [width * 2**i for i in range(size.bit_length() - 4)]  # 64, 128, 256, 512: from 64 x 64 to 4 x 4
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, padding=1), nn.LeakyReLU(0.2)]
        for cin, cout in pairwise(widths):
            layers += [nn.Conv2d(cin, cout, 4, 2, padding=1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4), nn.Flatten())

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, 1): the logit of "this patch is real". The mask is not looked at: the hole is always in the middle."""
        self.check_size(image)
        return self.layers(2 * image[..., self.window, self.window] - 1)


class SNPatchCritic(Critic):
    """SN-PatchGAN: a score for every place and every feature of the last map, each with its own view of the picture.

    Free-form holes may be anywhere and of any number, so no single local critic fits them; here every neuron of the output is one. The mask
    comes in as a fourth channel. Every convolution's table of weights, a row for each output channel, is divided by its largest singular
    value. That bounds how steep the critic can become; it does not hold its slope at 1. One step of the power method whenever the critic
    runs in training keeps the estimate of that value: within one per cent in a fresh critic and where weights move slowly; in the first
    steps of a quick training it lags behind them.

    Args:
        size: side of the images; log2(size) - 2 convolutions bring it down to 4 x 4. (It runs on others too: a score more or less.)
        width: channels of the first convolution; then 2, 4, 4, 4, 4 times as many.

    With the defaults (six convolutions, 4 x 4 x 256 scores) 5,946,816 parameters.

    Source: Yu et al., ICCV 2019, section 3.2. Their code ends in a leaky ReLU; here the last convolution is linear, for the hinge to bend.
    """

    name = "sn_patch"

    def __init__(self, size: int = 256, width: int = 64) -> None:
        super().__init__(size, width=width)
        widths = [4] + [width * min(2**i, 4) for i in range(size.bit_length() - 3)]
        layers = [layer for cin, cout in pairwise(widths) for layer in _halving(cin, cout, norm=True)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """(B, 4 * width, size / 2**layers, size / 2**layers): one score for each neuron."""
        image = as_image(image, channels=3, values=False)
        return self.layers(torch.cat([2 * image - 1, as_mask(mask, image, values=False)], dim=1))


class GlobalCritic(Critic):
    """The critic of the whole picture, for WGAN-GP: does everything fit together?

    Args:
        size: side of the images.
        width: channels of the first convolution; then 2, 4, 4 times as many.

    With the defaults 2,733,441 parameters. No normalisation: the gradient penalty holds the critic's slope, sample by sample, and batch
    norm would mix the samples.

    Source: Yu et al., CVPR 2018, section 3.2.
    """

    name = "global"
    growth = (1, 2, 4, 4)
    part = 1  # it sees the whole side

    def __init__(self, size: int = 256, width: int = 64) -> None:
        super().__init__(size, width=width)
        widths = [3] + [width * factor for factor in self.growth]
        layers = [layer for cin, cout in pairwise(widths) for layer in _halving(cin, cout)]
        places = (size // self.part // 16) ** 2  # left after four halvings
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * places, 1))

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, 1): how real the whole picture looks; the mask is not looked at."""
        self.check_size(image)
        return self.layers(2 * image - 1)


class LocalCritic(GlobalCritic):
    """The critic of the hole and its surroundings, for WGAN-GP: is the filling sharp, does it join?

    It cuts a window of half the image's side out of every picture, with the hole in its middle as far as the border lets it.

    Args:
        size: side of the whole images.
        width: channels of the first convolution; then 2, 4, 8 times as many.

    With the defaults 4,339,329 parameters.

    Source: Yu et al., CVPR 2018, section 3.2.
    """

    name = "local"
    growth = (1, 2, 4, 8)
    part = 2  # half the side

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, 1): how real the window around the hole looks."""
        self.check_size(image)
        if mask is None:
            raise ValueError("the critic local got no mask; expected (B, 1, H, W), 1 = known, 0 = hole: it looks where the hole is.")
        mask = as_mask(mask, image, values=False)
        return self.layers(2 * crop_at_hole(image, mask, self.size // self.part) - 1)


def crop_at_hole(image: Tensor, mask: Tensor, side: int) -> Tensor:
    """Cut a square out of every image, centred on the box around its hole and moved inside the image where it would stick out.

    Args:
        image: float (B, C, H, W).
        mask: (B, 1, H, W), 1 = known, 0 = hole; without any hole the square comes from the middle.
        side: of the square, at most H and W.

    Returns:
        (B, C, side, side), with gradients to the pixels cut out.

    Raises:
        ValueError: a side that is no whole number from 1, or longer than the image's.

    >>> image, mask = torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    >>> mask[..., 3, 0] = 0
    >>> crop_at_hole(image, mask, 2).tolist()
    [[[[8.0, 9.0], [12.0, 13.0]]]]
    """
    check_option("side", side)
    if side > min(image.shape[-2:]):
        raise ValueError(f"side is {side}, the image {image.shape[-2]} x {image.shape[-1]}; expected a square that lies inside it.")
    hole = (mask < 0.5).expand(len(image), -1, -1, -1)[:, 0]  # (B, H, W)
    rows = _starts(hole.any(dim=2), side)[:, :, None]  # (B, side, 1)
    columns = _starts(hole.any(dim=1), side)[:, None, :]  # (B, 1, side)
    sample = torch.arange(len(image), device=image.device)[:, None, None]
    return image.permute(0, 2, 3, 1)[sample, rows, columns].permute(0, 3, 1, 2)


def _starts(hole: Tensor, side: int) -> Tensor:
    """The ``side`` indices around the middle of the first and last True of each row of (B, N), kept within 0 .. N - 1."""
    length = hole.shape[1]
    hole = hole.int()
    first, last = hole.argmax(dim=1), length - 1 - hole.flip(1).argmax(dim=1)  # 0 and N - 1 where there is none
    start = ((first + last + 1) // 2 - side // 2).clamp(0, length - side)
    return start[:, None] + torch.arange(side, device=hole.device)
