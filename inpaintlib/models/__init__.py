"""The networks of the course, by name.

>>> import torch
>>> from inpaintlib import models
>>> model = models.create("vanilla_unet", depth=3)
>>> filled = model.inpaint(torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32))
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from inpaintlib.models.base import Inpainter, composite
from inpaintlib.models.summary import Summary, summary
from inpaintlib.models.trace import mask_trace

if TYPE_CHECKING:
    from inpaintlib.models.critics import Critic
    from inpaintlib.models.hole_detector import HoleDetector

M = TypeVar("M")

__all__ = ["Inpainter", "Summary", "composite", "create", "critic", "critic_names", "detector", "mask_trace", "names", "summary"]

# name -> module and class; a family is imported when one of its models is made
_REGISTRY = {
    "coarse_to_fine": ("coarse_to_fine", "CoarseToFine"),
    "context_encoder": ("context_encoder", "ContextEncoder"),
    "course_unet": ("course_unet", "CourseUNet"),
    "gated_unet": ("gated_unet", "GatedUNet"),
    "partial_unet": ("partial_unet", "PartialUNet"),
    "partial_unet_512": ("partial_unet_512", "PartialUNet512"),
    "partial_unet_s1": ("partial_unet_s1", "PartialUNetS1"),
    "vanilla_unet": ("vanilla_unet", "VanillaUNet"),
}

# the critics are no inpainters: they have a registry of their own
_CRITICS = {"context": "ContextCritic", "global": "GlobalCritic", "local": "LocalCritic", "sn_patch": "SNPatchCritic"}


def __getattr__(name: str) -> Any:
    """``models.pretrained`` is imported when it is first asked for, since it needs safetensors."""
    if name == "pretrained":
        return importlib.import_module("inpaintlib.models.pretrained")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def names() -> list[str]:
    """The names that :func:`create` knows."""
    return sorted(_REGISTRY)


def create(name: str, pretrained: bool = False, **options: Any) -> Inpainter:
    """Make a model of the course.

    Args:
        name: one of :func:`names`.
        pretrained: load the weights that ship with the course; the model is then in eval mode and has a ``card``.
        options: what the class takes, such as ``depth=`` or ``width=``; see its docstring. Pretrained weights bring their own,
            and options that contradict them are refused; those that need no weights (``mirror=`` of the course U-Net) may be chosen.

    Weights of one's own, such as ``train`` writes, come with their options: ``options, state, card =
    models.pretrained.load_pretrained(path)``, then ``model = create(name, **options)`` and ``model.load_state_dict(state)``.

    Raises:
        TypeError: ``pretrained`` is neither True nor False.
        ValueError: unknown name or option, options that contradict the weights, or no weights for this model.
    """
    if name not in _REGISTRY:
        raise ValueError(f"there is no model {name!r}; expected one of {', '.join(names())}.")
    module, cls = _REGISTRY[name]
    make = getattr(importlib.import_module(f"inpaintlib.models.{module}"), cls)
    return _made(make, name, pretrained, options)


def _made(make: Callable[..., Any], name: str, pretrained: bool, options: dict[str, Any]) -> Any:
    if not isinstance(pretrained, bool):
        raise TypeError(
            f"pretrained is {pretrained!r}; expected True for the weights that ship with the course, or False. "
            "Weights of your own: options, state, card = models.pretrained.load_pretrained(path), then "
            f"model = models.create({name!r}, **options) and model.load_state_dict(state)."
        )
    return _with_weights(make, name, options) if pretrained else _make(make, name, options)


def _with_weights(make: Callable[..., Any], name: str, options: dict[str, Any]) -> Any:
    """Made with the options that the weights of that name were trained with, in eval mode."""
    from inpaintlib.models.pretrained import load_pretrained

    saved, state, card = load_pretrained(name)
    chosen = {key: value for key, value in options.items() if key in getattr(make, "free", ())}
    wrong = {key: value for key, value in options.items() if key not in chosen and saved.get(key) != value}
    if wrong:
        raise ValueError(f"the weights of {name} were trained with {saved}, not with {wrong}. Leave the option out, or train anew.")
    model = _make(make, name, saved | chosen)
    model.load_state_dict(state)  # copies fp16 into the parameters' own dtype
    model.card = card
    return model.eval()


def critic_names() -> list[str]:
    """The names that :func:`critic` knows."""
    return sorted(_CRITICS)


def critic(name: str, **options: Any) -> Critic:
    """Make a critic, the other half of adversarial training: ``critic(image, mask)`` -> scores, higher = more real.

    Args:
        name: one of :func:`critic_names`.
        options: what the class takes, ``size=`` and ``width=``; see its docstring.

    Raises:
        ValueError: unknown name or option.
    """
    if name not in _CRITICS:
        raise ValueError(f"there is no critic {name!r}; expected one of {', '.join(critic_names())}.")
    from inpaintlib.models import critics

    return _make(getattr(critics, _CRITICS[name]), name, options)


def detector(pretrained: bool = False, **options: Any) -> HoleDetector:
    """Make the hole detector, a network that finds the pixels that were painted in: ``detector(image)`` -> their probabilities.

    Args:
        pretrained: load the weights that ship with the course, as in :func:`create`.
        options: what :class:`~inpaintlib.models.hole_detector.HoleDetector` takes.

    Raises:
        TypeError: ``pretrained`` is neither True nor False.
        ValueError: unknown option, options that contradict the weights, or no weights.
    """
    from inpaintlib.models.hole_detector import HoleDetector

    return _made(HoleDetector, HoleDetector.name, pretrained, options)


def _make(make: Callable[..., M], name: str, options: dict[str, Any]) -> M:
    known = [each.name for each in inspect.signature(make).parameters.values() if each.kind is not each.VAR_KEYWORD]
    if unknown := [option for option in options if option not in known]:
        raise ValueError(f"{name} does not take {unknown[0]!r}; its options are {', '.join(known)}.")
    try:
        return make(**options)
    except TypeError as error:
        raise ValueError(f"{name} does not take {options}: {error}.") from None
