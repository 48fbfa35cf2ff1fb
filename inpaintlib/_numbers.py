"""Random whole numbers for drawing masks: from a torch generator, or from a stream that never changes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from inpaintlib._check import describe
from inpaintlib._device import device as find_device

__all__ = ["Chance", "Device", "FrozenStream", "Numbers"]

Device = torch.device | str | None


class FrozenStream:
    """32-bit numbers that depend on the key alone: the same on every machine and with every version of NumPy and torch.

    NumPy promises that the raw output of a bit generator never changes (NEP 19); it promises no such thing for the methods that make
    other numbers of it, and torch promises nothing between its versions. So only the raw output is used.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(key)

    def __call__(self, *shape: int) -> Tensor:
        raw = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(32)
        return torch.from_numpy(raw.astype(np.int64)).reshape(shape)


Chance = torch.Generator | FrozenStream | None


class Numbers:
    """Random whole numbers on the device where masks are drawn.

    They are made where the generator lives, so that a CPU generator's seed gives the same masks on every device.

    Args:
        generator: a torch.Generator, None for torch's global one, or a :class:`FrozenStream`.
        device: where the masks shall lie; None for the generator's device.

    Raises:
        TypeError: the generator is none.
        ValueError: this machine has no such device.
    """

    def __init__(self, generator: Chance, device: Device) -> None:
        if generator is not None and not isinstance(generator, torch.Generator | FrozenStream):
            hint = f" Make one with torch.Generator().manual_seed({generator})." if isinstance(generator, int) else ""
            raise TypeError(f"generator is {describe(generator)}; expected a torch.Generator, or None for torch's global one.{hint}")
        self._generator = generator
        home = generator.device if isinstance(generator, torch.Generator) else torch.device("cpu")
        self.target = find_device(str(device)) if device is not None else home
        # Apple's GPU has no float64, which the exact raster needs: masks are then drawn on the CPU and moved.
        self.device = torch.device("cpu") if self.target.type == "mps" else self.target

    def integers(self, low: int | Tensor, high: int | Tensor, *shape: int) -> Tensor:
        """Uniform integers from ``low`` to ``high``, both included; bounds may be tensors that broadcast with ``shape``.

        A 32-bit number is multiplied by the number of outcomes and shifted down again. An outcome's probability is off by
        less than 1 / 2^32.
        """
        if isinstance(self._generator, FrozenStream):
            bits = self._generator(*shape)
        else:
            home = self._generator.device if self._generator is not None else "cpu"
            bits = torch.randint(1 << 32, shape, generator=self._generator, device=home)
        return low + ((bits.to(self.device) * (high - low + 1)) >> 32)

    def owners(self, count: int, number: tuple[int, int]) -> Tensor:
        """Give each of ``count`` masks a random number of shapes: (N,), for each shape the mask that it belongs to."""
        return torch.arange(count, device=self.device).repeat_interleave(self.integers(*number, count))
