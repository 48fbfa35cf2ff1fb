"""What every model of the course has in common: a raw prediction, and a composited one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from inpaintlib._check import as_blanked, as_image, as_mask
from inpaintlib._turns import turns_of

__all__ = ["Inpainter", "check_option", "check_switch", "composite", "evaluating", "start_weights"]


def check_option(name: str, value: object, least: int = 1) -> None:
    """Raise a ValueError unless an option that counts something is a whole number and large enough.

    Args:
        name: how the caller calls it, such as "width".
        value: what came.
        least: the smallest with which the network is one.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, at least {least}.")


def check_switch(name: str, value: object) -> None:
    """Raise a ValueError unless an option that is on or off is True or False: the word "off" would count as on."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; expected True or False.")


def composite(prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """The known pixels of ``image``, and those of ``prediction`` in the hole.

    Args:
        prediction, image: float (B, 3, H, W).
        mask: (B, 1, H, W), 1 = known, 0 = hole.

    Returns:
        (B, 3, H, W).

    A choice, not a sum of products: known pixels come back unchanged to the last bit, and whatever lies under the hole,
    NaN included, is left out.
    """
    return torch.where(mask > 0, image, prediction)


def start_weights(module: nn.Module) -> None:
    """Draw first weights as Keras does: uniform within +-sqrt(6 / (inputs + outputs)), biases 0.

    torch's own first weights are smaller; in a deep stack without batch norm the signal fades from layer to layer, and the network
    sleeps through the first hundreds of steps.

    Source: X. Glorot, Y. Bengio, Understanding the Difficulty of Training Deep Feedforward Neural Networks, AISTATS 2010, eq. 16.
    """
    for part in module.modules():
        if isinstance(weight := getattr(part, "weight", None), nn.Parameter) and weight.dim() == 4:
            nn.init.xavier_uniform_(weight)
            if isinstance(bias := getattr(part, "bias", None), nn.Parameter):
                nn.init.zeros_(bias)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Within the block all parts are in eval mode; afterwards each is as it was: a batch norm that somebody froze stays frozen."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


class Inpainter(nn.Module):
    """A network that fills holes. Subclasses write ``forward(image, mask)``, the raw prediction in [0, 1].

    Attributes:
        name: the name in the registry.
        options: what the model was made with; ``models.create(name, **options)`` makes its twin.
        size_multiple: height and width must be multiples of it, since each stride of 2 halves them.
        least: the smallest values of its options, where that is not 1.
        switches: the options that are True or False.
        free: the options that need no weights of their own, and so may differ from those that the weights were trained with.
        card: what the training run wrote about the weights (data, masks, steps, metrics), if they were loaded.
    """

    name: str = ""
    size_multiple: int = 1
    least: ClassVar[dict[str, int]] = {}
    switches: ClassVar[frozenset[str]] = frozenset()
    free: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **options: Any) -> None:
        super().__init__()
        for option, value in options.items():
            if option in ("size", "width", "latent", "depth", "blocks"):
                check_option(option, value, self.least.get(option, 1))
            elif option in self.switches:
                check_switch(option, value)
        self.options = options
        self.card: dict[str, Any] | None = None

    def check_size(self, image: Tensor) -> None:
        """Raise a ValueError unless height and width fit the strides of the network."""
        height, width = image.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            up = [-(-side // self.size_multiple) * self.size_multiple for side in (height, width)]
            raise ValueError(
                f"{self.name} got an image of {height} x {width}; expected multiples of {self.size_multiple}, since it halves the image "
                f"again and again. Pad image and mask to {up[0]} x {up[1]} (the padding being hole), or crop them."
            )

    def at_door(self, image: Tensor, mask: Tensor) -> Tensor:
        """How ``forward`` begins: sizes are checked, and any mask that the library takes becomes (B, 1, H, W) in the dtype of the image.

        Raises:
            TypeError: no float image, or no mask.
            ValueError: shapes that do not fit each other, or the network. Values are not looked at: that is left to :meth:`inpaint`.
        """
        image = as_image(image, channels=3, values=False)
        self.check_size(image)
        return as_mask(mask, image, values=False)

    @torch.no_grad()
    def inpaint(self, image: Tensor, mask: Tensor) -> Tensor:
        """Fill the hole: the inpainter ``(image, mask) -> image`` of this model, composited, without gradients.

        Args:
            image: float (B, 3, H, W) in [0, 1]; what lies under the hole does not matter.
            mask: (B, 1, H, W), 1 = known, 0 = hole.

        Returns:
            (B, 3, H, W) in [0, 1], the known pixels unchanged, in the dtype and on the device of ``image``.

        Raises:
            TypeError: not float images, or no mask.
            ValueError: wrong shape, range or mask values, or sides that the network cannot halve often enough.

        While the model is being trained in another thread, this waits for the end of the step and shows what that step left.
        """
        image, mask = as_blanked(image, mask, channels=3)
        self.check_size(image)
        with turns_of(self), evaluating(self):
            weight = next(self.parameters())
            prediction = self(image.to(weight.device, weight.dtype), mask.to(weight.device, weight.dtype))
        return composite(prediction.to(image).clamp(0, 1), image, mask)
