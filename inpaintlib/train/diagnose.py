"""When a number stops being a number: which step, which term of the loss, which layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["Diverged", "explain_gradient", "explain_loss", "first_bad_layer"]


class Diverged(ArithmeticError):
    """A loss or a gradient is NaN or infinite; the message says where, and the weights are those before the step."""


def first_bad_layer(model: nn.Module, image: Tensor, mask: Tensor) -> str:
    """The name of the first layer, in the order of the forward pass, whose output is not finite; empty if all are."""
    bad: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            tensors = output if isinstance(output, tuple | list) else [output]
            if not bad and any(isinstance(t, Tensor) and t.is_floating_point() and not bool(t.isfinite().all()) for t in tensors):
                bad.append(f"{name} ({type(module).__name__})")

        return hook

    hooks = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name and not list(module.children())]
    try:
        with torch.no_grad():
            model(image * mask, mask)
    finally:
        for hook in hooks:
            hook.remove()
    return bad[0] if bad else ""


def _where(run: Run) -> str:
    return f"step {run.step + 1} (epoch {run.epoch + 1}, batch {run.position + 1} of {run.steps_per_epoch})"


def explain_loss(run: Run, values: dict[str, float], image: Tensor, mask: Tensor) -> str:
    """The message for a loss that is not finite."""
    terms = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value) and (name != "loss" or len(values) == 1)]
    weights = [name for name, p in run.model.named_parameters() if not bool(p.isfinite().all())]
    with run.autocast():
        layer = first_bad_layer(run.model, image, mask)
    if not bool(image.isfinite().all()):
        cause = "The images of this batch hold NaN or infinity: look at the data."
    elif weights:
        cause = f"The weights of {weights[0]} are not finite any more: start again with a smaller learning rate."
    elif layer:
        cause = f"The first layer whose output is not finite is {layer}: try a smaller learning rate, clip=, or precision='fp32'."
    else:
        cause = "Every layer's output is finite, so the loss itself makes it: look for a division by zero, a log or a root of 0."
    return f"training stopped at {_where(run)}: {', '.join(terms)}. {cause} The weights are those before this step."


def explain_gradient(run: Run, values: dict[str, float]) -> str:
    """The message for a gradient that is not finite although the loss is."""
    # Gradients flow from the output to the input: the last bad parameter is the one nearest to the cause.
    bad = [name for name, p in run.model.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
    return (
        f"training stopped at {_where(run)}: the loss is {values['loss']:.4g}, but its gradient is not finite; nearest to the output it is "
        f"that of {bad[-1] if bad else 'no single parameter'} ({len(bad)} parameters in all). Look for a root or a division at 0 in the "
        "loss or the layer, or try a smaller learning rate. The weights are those before this step."
    )
