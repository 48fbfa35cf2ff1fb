"""When a number stops being a number: which step, which term of the loss, which layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["Diverged", "explain", "first_bad_layer"]


class Diverged(ArithmeticError):
    """A loss or a gradient is NaN or infinite; the message says where, and what to try."""


def explain(
    run: Run,
    step: int,
    epochs: float,
    terms: dict[str, float],
    norm: float,
    image: Tensor | None,
    mask: Tensor | None,
    player: str = "model",
) -> str:
    """The message for a step whose loss or gradient is not finite.

    Args:
        step, epochs: which one, both counted with it.
        terms: its losses by name.
        norm: the length of its gradient.
        image, mask: the batch, for finding the layer; None where it is gone.
        player: whose step it is.
    """
    batch = round((epochs - math.ceil(epochs) + 1) * run.steps_per_epoch)
    where = f"training stopped at step {step} (epoch {math.ceil(epochs)}, batch {batch} of {run.steps_per_epoch})"
    bad = {name: value for name, value in terms.items() if not math.isfinite(value)}
    if bad:
        if len(bad) > 1:
            bad.pop("loss", None)  # it is only the sum of the others
        what = ", ".join(f"{name} is {value}" for name, value in bad.items())
        cause = _cause_of_loss(run, image, mask)
    else:
        name = "loss" if player == "model" else next(iter(terms))
        what = f"the {name} is {terms[name]:.4g}, but its gradient is {norm}"
        cause = _cause_of_gradient(run.players[player].network)
    kept = run.out is not None and (run.out / "last.safetensors").exists()  # it may have ended before there was anything to keep
    saved = f" The last good state of the run is in {run.out}." if kept else ""
    return f"{where}: {what}. {cause}{saved}"


def _cause_of_loss(run: Run, image: Tensor | None, mask: Tensor | None) -> str:
    if image is not None and not bool(image.isfinite().all()):
        return "The images of this batch hold NaN or infinity: look at the data."
    for player, (network, _, _) in run.players.items():
        weights = [name for name, parameter in network.named_parameters() if not bool(parameter.isfinite().all())]
        if weights:
            return (
                f"The weights {weights[0]}{_of(run, player)} are not finite any more ({len(weights)} such tensors): "
                "start again with a smaller learning rate."
            )
    if image is not None and mask is not None:
        for player, network, inputs in run.passes(image, mask):
            with run.autocast():
                layer = first_bad_layer(network, *inputs)
            if layer:
                return (
                    f"The first layer{_of(run, player)} whose output is not finite is {layer}: "
                    "try a smaller learning rate, or precision='fp32'."
                )
    return "Every layer's output is finite, so the loss itself makes it: look for a division by 0, or a log or a root of 0."


def _of(run: Run, player: str) -> str:
    """Which network is meant, where there are two."""
    return "" if len(run.players) == 1 else " of the generator" if player == "model" else f" of the {player}"


def _cause_of_gradient(network: nn.Module) -> str:
    bad = [name for name, p in network.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
    # Gradients flow from the output back to the input, so the last parameter in the model is the nearest to the cause.
    nearest = f"Nearest to the output it is that of {bad[-1]} ({len(bad)} parameters in all). " if bad else ""
    return f"{nearest}Look for a root or a division at 0 in the loss or in a layer, or try a smaller learning rate."


def first_bad_layer(model: nn.Module, image: Tensor, mask: Tensor) -> str:
    """The name of the first layer, in the order of the forward pass, whose output is not finite; empty if all are.

    Args:
        model: called as ``model(image, mask)``.
        image: float (B, 3, H, W); mask: (B, 1, H, W): the batch to look with, its holes blacked out if the model is to see it so.
    """
    bad: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            tensors = output if isinstance(output, tuple | list) else [output]
            finite = all(bool(t.isfinite().all()) for t in tensors if isinstance(t, Tensor) and t.is_floating_point())
            if not finite and not bad:
                bad.append(f"{name} ({type(module).__name__})" if name else f"the output of the {type(module).__name__}")

        return hook

    # Layers first, then what is built of them: a hook fires when its module ends, so inner ones speak before outer ones.
    hooks = [module.register_forward_hook(watch(name)) for name, module in model.named_modules()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}  # batch norm counts this pass too, and should not
    try:
        with torch.no_grad():
            model(image, mask)
    finally:
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    return bad[0] if bad else ""
