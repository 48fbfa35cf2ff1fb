"""Where a run's random numbers come from that no generator is named for: dropout, and draws in a loss or a callback.

In the main thread that is torch's global stream: it starts at the seed and is given back to the caller as it was. In any other thread
the global stream is not ours to touch, since the main thread draws from it meanwhile: there such draws are led to a generator of the
run's own. Both give the same numbers, to the bit on a CPU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Chance", "GlobalChance", "OwnChance", "chance"]


class GlobalChance:
    """torch's global streams."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def state(self) -> dict[str, Tensor]:
        """Where the streams stand, by kind of device."""
        return {"torch": torch.get_rng_state()} | ({"cuda": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {})

    def load(self, state: dict[str, Tensor]) -> None:
        """Put the streams where :meth:`state` found them."""
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)


class OwnChance(TorchFunctionMode):
    """Within the block this thread's draws without a generator get one of ours: random tensors, filling in place, first weights, dropout.

    What draws deep inside of torch (the dropout of attention, say, or of a recurrent network) or in compiled code still takes the global
    stream.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        super().__init__()
        self.generators = {"cpu": torch.Generator().manual_seed(seed)}
        if device.type != "cpu":
            self.generators[device.type] = torch.Generator(device).manual_seed(seed)

    def state(self) -> dict[str, Tensor]:
        return {"torch" if kind == "cpu" else kind: generator.get_state() for kind, generator in self.generators.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        for kind, generator in self.generators.items():
            if (name := "torch" if kind == "cpu" else kind) in state:
                generator.set_state(state[name])

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("generator") is None:
            kwargs.pop("generator", None)  # said to be none, as many functions hand it on: the same as left out
        if "generator" in kwargs:
            return func(*args, **kwargs)
        if func in _DRAWING:
            like = next((x for x in (*args[:1], kwargs.get("tensor"), kwargs.get("input")) if isinstance(x, Tensor)), None)
            kind = like.device.type if like is not None else torch.device(kwargs.get("device") or "cpu").type
            if generator := self.generators.get(kind):
                return func(*args, **kwargs, generator=generator)
        elif func in _WITHOUT_GENERATOR:
            image = args[0] if args else kwargs["input"]
            if generator := self.generators.get(image.device.type):
                return _WITHOUT_GENERATOR[func](generator, *args, **kwargs)
        return func(*args, **kwargs)


Chance = GlobalChance | OwnChance

_DRAWING: set[Any] = {
    torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal, torch.bernoulli, torch.multinomial, torch.poisson,
    Tensor.bernoulli, Tensor.multinomial, Tensor.bernoulli_, Tensor.uniform_, Tensor.normal_, Tensor.random_, Tensor.exponential_,
    Tensor.geometric_, Tensor.cauchy_, Tensor.log_normal_,
    nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_,  # the others of nn.init come apart into those above by themselves
}  # fmt: skip


def _dropout(generator: torch.Generator, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    return _dropped(generator, input, input, p, training, inplace)


def _dropout_of_torch(generator: torch.Generator, input: Tensor, p: float, train: bool) -> Tensor:
    return _dropped(generator, input, input, p, train, inplace=False)


def _dropout_of_channels(generator: torch.Generator, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    one_a_channel = input.new_empty(*input.shape[:2], *[1] * (input.dim() - 2))  # (B, C, 1, 1)
    return _dropped(generator, input, one_a_channel, p, training, inplace)


def _dropped(generator: torch.Generator, x: Tensor, like: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """As torch's own: a factor of 0 with probability ``p``, else 1 / (1 - p), for each value of ``like``."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return x
    if p == 1:
        return x.mul_(0) if inplace else x * 0
    factor = torch.empty_like(like, requires_grad=False).bernoulli_(1 - p, generator=generator).div_(1 - p)
    return x.mul_(factor) if inplace else x * factor


def _like(fill: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def draw(generator: torch.Generator, input: Tensor, *args: Any, **options: Any) -> Tensor:
        return fill(torch.empty_like(input, **options), *args, generator=generator)

    return draw


def _integers_like(generator: torch.Generator, input: Tensor, *bounds: int, **options: Any) -> Tensor:
    bounds += tuple(options.pop(name) for name in ("low", "high") if name in options)
    low, high = (0, *bounds)[-2:]
    return torch.empty_like(input, **options).random_(low, high, generator=generator)


_WITHOUT_GENERATOR: dict[Any, Callable[..., Tensor]] = {
    F.dropout: _dropout,
    F.dropout1d: _dropout_of_channels,
    F.dropout2d: _dropout_of_channels,
    F.dropout3d: _dropout_of_channels,
    torch.dropout: _dropout_of_torch,
    torch.rand_like: _like(Tensor.uniform_),
    torch.randn_like: _like(Tensor.normal_),
    torch.randint_like: _integers_like,
}


@contextmanager
def chance(seed: int, device: torch.device) -> Iterator[Chance]:
    """Chance that starts at ``seed``, for the length of the block; see the head of this module."""
    if threading.current_thread() is not threading.main_thread():
        with OwnChance(seed, device) as own:
            yield own
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield GlobalChance(device)
