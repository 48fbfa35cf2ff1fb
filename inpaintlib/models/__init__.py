"""The networks of the course, by name.

>>> import torch
>>> from inpaintlib import models
>>> model = models.create("vanilla_unet", depth=3)
>>> filled = model.inpaint(torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32))
"""

from __future__ import annotations

import importlib
from typing import Any

from inpaintlib.models.base import Inpainter, composite
from inpaintlib.models.summary import Summary, summary

__all__ = ["Inpainter", "Summary", "composite", "create", "names", "summary"]

# name -> module and class; a family is imported when one of its models is made
_REGISTRY = {
    "partial_unet": ("partial_unet", "PartialUNet"),
    "vanilla_unet": ("vanilla_unet", "VanillaUNet"),
}


def names() -> list[str]:
    """The names that :func:`create` knows."""
    return sorted(_REGISTRY)


def create(name: str, pretrained: bool = False, **options: Any) -> Inpainter:
    """Make a model of the course.

    Args:
        name: one of :func:`names`.
        pretrained: load the weights that ship with the course; the model is then in eval mode and has a ``card``.
        options: what the class takes, such as ``depth=`` or ``width=``; see its docstring. Pretrained weights bring their own,
            and options that contradict them are refused.

    Raises:
        ValueError: unknown name or option, options that contradict the weights, or no weights for this model.
    """
    if name not in _REGISTRY:
        raise ValueError(f"there is no model {name!r}; expected one of {', '.join(names())}.")
    module, cls = _REGISTRY[name]
    make = getattr(importlib.import_module(f"inpaintlib.models.{module}"), cls)
    if not pretrained:
        return _make(make, name, options)
    from inpaintlib.models.pretrained import load_pretrained

    saved, state, card = load_pretrained(name)
    wrong = {key: value for key, value in options.items() if saved.get(key) != value}
    if wrong:
        raise ValueError(f"the weights of {name} were trained with {saved}, not with {wrong}. Leave the option out, or train anew.")
    model = _make(make, name, saved)
    model.load_state_dict(state)  # copies fp16 into the parameters' own dtype
    model.card = card
    return model.eval()


def _make(make: type[Inpainter], name: str, options: dict[str, Any]) -> Inpainter:
    try:
        return make(**options)
    except TypeError as error:
        raise ValueError(f"{name} does not take {options}: {error}. See help(inpaintlib.models.create({name!r})).") from None
