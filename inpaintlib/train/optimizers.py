"""What moves the weights: optimizers by name, and their memory on the way to a checkpoint and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from inpaintlib._check import describe

__all__ = ["MakeOptimizer", "make_optimizer", "restore_optimizer", "save_optimizer", "trained"]

MakeOptimizer = Callable[[list[nn.Parameter], float], torch.optim.Optimizer]


def make_optimizer(optimizer: str | MakeOptimizer, model: nn.Module, lr: float, place: torch.device) -> torch.optim.Optimizer:
    """An optimizer for what can be trained in the model, from its name or from the caller's function."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameter that could be trained; expected at least one with requires_grad=True.")
    if callable(optimizer):
        made = optimizer(parameters, lr)
        if not isinstance(made, torch.optim.Optimizer):
            raise TypeError(f"optimizer(parameters, lr) gave {describe(made)}; expected a torch.optim.Optimizer. Is its return missing?")
        return made
    fused = place.type in ("cpu", "cuda")  # one kernel for all parameters
    if optimizer == "adam":
        return torch.optim.Adam(parameters, lr, fused=fused)
    if optimizer == "adam_dcgan":  # A. Radford et al., ICLR 2016: with a memory of ten gradients the players circle around each other
        return torch.optim.Adam(parameters, lr, betas=(0.5, 0.999), fused=fused)
    if optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr, weight_decay=1e-2, fused=fused)
    if optimizer == "sgd":
        return torch.optim.SGD(parameters, lr, momentum=0.9, nesterov=True, fused=fused)
    raise ValueError(f"optimizer is {optimizer!r}; expected adam, adam_dcgan, adamw, sgd, or a function (parameters, lr) -> optimizer.")


def trained(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    """The names of the parameters that an optimizer moves, group by group: it numbers its memory of them in this order."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return [[names.get(id(parameter), "one of another network") for parameter in group["params"]] for group in optimizer.param_groups]


def save_optimizer(optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Put its tensors among the others; returns the rest of its state."""
    state = optimizer.state_dict()
    scalars: dict[str, Any] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}{index}.{name}"] = value
            else:
                scalars[f"{index}.{name}"] = value
    return {"groups": [{k: v for k, v in g.items() if k != "params"} for g in state["param_groups"]], "scalars": scalars}


# An optimizer of one's own may keep less of a parameter than its shape, such as means of rows and columns.
_LIKE_THE_PARAMETER = ("exp_avg", "exp_avg_sq", "momentum_buffer")


def restore_optimizer(optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Give it back what :func:`save_optimizer` took.

    Raises:
        ValueError: its memory is of parameters of other shapes, or of more of them.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    values: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        if key.startswith(prefix):
            index, name = key.removeprefix(prefix).split(".", 1)
            if int(index) >= len(parameters):
                raise ValueError(f"the optimizer had more than the {len(parameters)} parameters of now; are more of them frozen?")
            parameter = parameters[int(index)]
            if name in _LIKE_THE_PARAMETER and tensor.shape != parameter.shape:
                was, now = tuple(tensor.shape), tuple(parameter.shape)
                raise ValueError(f"the optimizer's parameter {index} had the shape {was}, now {now}; are others of them frozen?")
            if tensor.shape == parameter.shape:  # the same memory layout as the parameter, as the optimizer itself makes it
                tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            values.setdefault(int(index), {})[name] = tensor
    for key, value in state["scalars"].items():
        index, name = key.split(".", 1)
        values.setdefault(int(index), {})[name] = value
    saved = optimizer.state_dict()
    groups = []
    for now, before in zip(saved["param_groups"], state["groups"], strict=True):
        restored = {k: tuple(v) if isinstance(v, list) else v for k, v in before.items()}
        groups.append(now | restored | {"params": now["params"]})
    optimizer.load_state_dict({"state": values, "param_groups": groups})
