"""One run in several processes, on several GPUs or machines: each takes its share of a batch, and all move by the same gradient.

``torchrun`` starts the processes (:mod:`inpaintlib.train.ranks`). Beyond that a run is what it was: the batch is as large, its images come
in the same order, the loss is that of the whole batch, and so is the gradient. Rank 0 draws its masks as a single process would; it alone
calls the callbacks, and so writes log and checkpoints.
"""

from __future__ import annotations

import atexit
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from inpaintlib._ranks import mean_over_ranks, sharing
from inpaintlib.train.ranks import PeerLost, Ranks, first_line, leave

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["agree", "finish_gradient", "fresh_chance", "in_step", "shared", "shared_batch_norm", "watched"]


@contextmanager
def in_step(run: Run) -> Iterator[None]:
    """Within the block all processes train as one: they begin with rank 0's weights, and end with rank 0's history.

    Raises:
        ValueError: they were started with different settings, or see different images.
        PeerLost: one of them has died.
    """
    if run.ranks.alone:
        yield
        return
    with watched(run.ranks, run.out), ExitStack() as stack:
        sizes = {name: sum(p.numel() for p in player.network.parameters()) for name, player in run.players.items()}
        run.ranks.check_same(**run.must_match, **run.should_match, number_of_images=len(run.images), number_of_weights=sizes)
        run.forward = shared(run.forward, run.model)
        if run.average:
            for tensor in run.average.tensors.values():
                dist.broadcast(tensor, src=0)
        for name, player in run.players.items():
            if name != "model":
                for tensor in player.network.state_dict().values():
                    dist.broadcast(tensor, src=0)
            stack.enter_context(shared_batch_norm(player.network))
        yield
        run.history.rows[:] = run.ranks.from_first(lambda: run.history.rows)


def shared(forward: Any, model: nn.Module) -> nn.Module:
    """The model inside PyTorch's DistributedDataParallel: all start from rank 0's weights, and gradients are averaged over all processes.

    Args:
        forward: the model, or its compiled form.
        model: whose weights they are. Buffers are left alone: with shared statistics they are the same everywhere.
    """
    whole = forward if isinstance(forward, nn.Module) else _Forward(forward, model)
    return nn.parallel.DistributedDataParallel(whole, forward_sync_buffers=False)


class _Forward(nn.Module):
    """A function beside the module whose weights it uses: what DistributedDataParallel can hold."""

    def __init__(self, function: Callable[..., Tensor], model: nn.Module) -> None:
        super().__init__()
        self.function, self.model = function, model

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.function(image, mask)


@contextmanager
def shared_batch_norm(model: nn.Module) -> Iterator[None]:
    """Within the block the training steps' batch norm takes mean and variance of the whole batch (torch's SyncBatchNorm needs a GPU)."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.forward = MethodType(_batch_norm, norm)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _batch_norm(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Batch norm of x (B, C, ...), B being this process's share of the batch."""
    if sharing() == 1 or not norm.training:
        return type(norm).forward(norm, x)
    dims, shape = [0, *range(2, x.dim())], [1, -1] + [1] * (x.dim() - 2)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    part_variance, part_mean = torch.var_mean(wide, dims, correction=0)  # (C,) each
    # One message for both moments; in 64 bits, since a variance is their small difference where the mean is large.
    moments = mean_over_ranks(torch.stack([part_mean.double(), part_variance.double() + part_mean.double().square()]))
    mean, variance = moments[0].to(wide.dtype), (moments[1] - moments[0].square()).to(wide.dtype)
    if norm.track_running_stats and norm.running_mean is not None and norm.running_var is not None:
        with torch.no_grad():
            count = sharing() * x.numel() // x.shape[1]
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked += 1
            rate = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean.detach().to(norm.running_mean), rate)
            norm.running_var.lerp_(variance.detach().to(norm.running_var) * (count / (count - 1)), rate)  # unbiased, as torch keeps it
    y = (wide - mean.view(shape)) * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        y = y * norm.weight.view(shape) + norm.bias.view(shape)
    return y.to(x.dtype)


def fresh_chance(run: Run) -> None:
    """Start the streams of chance of this process anew, from seed, rank and step, so that no two processes draw the same masks.

    Rank 0 is left as it is: it draws what a single process would, and its streams are in the checkpoint. Those of the others need not be.
    """
    if run.ranks.first:
        return
    digest = hashlib.sha256(f"{run.seed} {run.ranks.rank} {run.step}".encode()).digest()
    run.mask_rng.manual_seed(int.from_bytes(digest[:7]))
    seed = int.from_bytes(digest[7:14])
    for kind in {"cpu", run.device.type}:
        run.chance.load({"torch" if kind == "cpu" else kind: torch.Generator(kind).manual_seed(seed).get_state()})


def finish_gradient(run: Run, player: str) -> None:
    """After the backward pass of one of the run's networks: its gradient is now that of the whole batch.

    Raises:
        ValueError: a parameter got no gradient at the first step; DistributedDataParallel would wait for it for ever.
    """
    if run.ranks.alone:
        return
    if player != "model":
        run.ranks.average_gradients(run.players[player].network)
    elif run.step == 0 and (unused := [name for name, p in run.model.named_parameters() if p.requires_grad and p.grad is None]):
        raise ValueError(
            f"no gradient reaches {unused[0]} ({len(unused)} such parameters), and several processes can only average gradients that are "
            "there. Freeze what the loss does not depend on (requires_grad_(False)), or train in one process."
        )


def agree(run: Run) -> None:
    """Between two steps: all processes go by rank 0's clock, and if one of them wants to end, all do, after this very step."""
    if run.ranks.alone:
        return
    run.look_for_end()
    state = torch.tensor([float(bool(run.reason)), run.seconds if run.ranks.first else 0.0], dtype=torch.float64)
    dist.all_reduce(state)  # on the CPU, so that no process has to wait for its GPU
    enders, run.seconds = state.tolist()
    if enders:
        reasons: list[Any] = [None] * run.ranks.size
        dist.all_gather_object(reasons, run.reason)
        run.reason = next(reason for reason in reasons if reason)
        run.over = True


@contextmanager
def watched(ranks: Ranks, out: Path | None = None) -> Iterator[None]:
    """Within the block, the error of a connection that broke becomes a :class:`PeerLost` that says what to do."""
    try:
        yield
    except RuntimeError as error:
        if ranks.alone or not (isinstance(error, dist.DistError) or _BROKEN.search(str(error))):
            raise
        atexit.unregister(leave)  # the others are not there to part from
        kept = "No folder was given (out=), so nothing is saved."
        if out is not None:
            files = [name for name in ("last.safetensors", "best.safetensors") if (out / name).exists()]
            kept = f"What the run last saved is in {out / files[0]}." if files else f"There is no checkpoint in {out} yet: start anew."
        raise PeerLost(
            f"another process of this run has ended or does not answer, so {ranks} cannot go on either ({first_line(error)}). "
            f"torchrun names below which one was first and why. {kept}"
        ) from error


_BROKEN = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe|socket", re.IGNORECASE)
