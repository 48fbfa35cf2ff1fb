"""One run in several processes, on several GPUs or machines: every process takes its share of each batch, and all move by the same gradient.

``torchrun`` starts the processes and tells each its rank. Beyond that a run is what it was: the batch is as large, its images come in the
same order, the loss is that of the whole batch, and so is the gradient. Rank 0 draws its masks as a single process would; it alone calls
the callbacks, and so writes log and checkpoints.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from inpaintlib._device import device as choose_device
from inpaintlib._ranks import mean_over_ranks, sharing

if TYPE_CHECKING:
    from inpaintlib.train.run import Run

__all__ = ["ALONE", "PeerLost", "Ranks", "join", "shared", "shared_batch_norm", "watched"]

# How long one process waits for another: longer than any evaluation that rank 0 stops for.
PATIENCE = timedelta(minutes=30)

Made = TypeVar("Made")


class PeerLost(ChildProcessError):
    """Another process of this run has died, so that this one cannot go on; the message says what is saved and how to go on."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run: how many there are (``size``), and which one this is (``rank``, from 0; ``local`` counts on this machine)."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def from_first(self, make: Callable[[], Made]) -> Made:
        """What ``make`` returns on rank 0, on all of them; an error there is an error everywhere."""
        if self.alone:
            return make()
        box: list[Any] = [None, None]
        if self.first:
            try:
                box[0] = make()
            except Exception as error:
                box[1] = error
        dist.broadcast_object_list(box, src=0)
        if box[1] is not None:
            raise box[1]
        return box[0]

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """On each machine one process passes through the block before the others: what it downloads or decodes they find done."""
        if not self.alone and self.local:
            dist.barrier()
        try:
            yield
        finally:
            if not self.alone and not self.local:
                dist.barrier()

    def check_same(self, **things: Any) -> None:
        """Raise on all processes unless each of these things is the same in all of them."""
        if self.alone:
            return
        everywhere: list[Any] = [None] * self.size
        dist.all_gather_object(everywhere, things)
        for rank, others in enumerate(everywhere):
            for name, value in everywhere[0].items():
                if others[name] != value:
                    raise ValueError(
                        f"process {rank} has {name} = {others[name]!r}, process 0 has {value!r}; expected the same everywhere. "
                        "Do all machines have the same data, and the same version of this library?"
                    )

    def share_of(self, batch_size: int, count: int) -> int:
        """The size of the whole batch, if it can be dealt out evenly: ``batch_size``, or less where there are fewer images (``count``)."""
        if batch_size % self.size:
            below, above = batch_size - batch_size % self.size, batch_size + -batch_size % self.size
            better = f"{below} or {above}" if below else f"{above}"
            raise ValueError(
                f"batch_size is {batch_size}, the whole batch of all {self.size} processes; expected a multiple of {self.size}, such as {better}."
            )
        if count < self.size:
            raise ValueError(f"{count} images cannot be shared by {self.size} processes; expected at least one for each. Start fewer.")
        return min(batch_size, count - count % self.size)

    def __str__(self) -> str:
        return f"process {self.rank} of {self.size}"


ALONE = Ranks()


def join(device: str | torch.device | None = None) -> tuple[Ranks, torch.device]:
    """Find the other processes of this run, if torchrun has started any, and the device of this one.

    Args:
        device: as for ``fit``; "cuda" is one GPU for each process of a machine.

    Returns:
        :data:`ALONE`, or the rank; and the device.

    Raises:
        ValueError: a device that cannot be shared, fewer GPUs than processes, or an environment that torchrun did not make.
        PeerLost: the other processes did not answer.
    """
    ranks = _from_environment()
    place = choose_device(device)
    if ranks.alone:
        return ranks, place
    place = _own_device(place, ranks, asked=str(device or os.environ.get("INPAINTLIB_DEVICE") or "auto") != "auto")
    if not dist.is_initialized():  # once in the life of a process: fit may be called again and again
        backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, timeout=PATIENCE)
        except Exception as error:
            where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
            raise PeerLost(
                f"{ranks} did not find the others at {where} ({_first_line(error)}). Were all of them started, and can the machines "
                "reach each other there? docs/distributed.md has a list of usual causes."
            ) from error
        atexit.register(_leave)
    return ranks, place


def _from_environment() -> Ranks:
    """The rank, from the variables that torchrun sets for each process that it starts."""
    if "WORLD_SIZE" not in os.environ or os.environ["WORLD_SIZE"].strip() == "1":
        return ALONE
    advice = (
        "Start the processes with torchrun (torchrun --standalone --nproc-per-node=2 -m inpaintlib.train ...), "
        "or unset WORLD_SIZE for a single one."
    )
    values: dict[str, int] = {}
    for name, default in (("WORLD_SIZE", ""), ("RANK", ""), ("LOCAL_RANK", os.environ.get("RANK", ""))):
        text = os.environ.get(name, default)
        if not text.strip().isdecimal():
            raise ValueError(f"the environment variable {name} is {text!r}; expected a whole number, as torchrun sets it. {advice}")
        values[name] = int(text)
    rank, size = values["RANK"], values["WORLD_SIZE"]
    if not rank < size:
        raise ValueError(f"the environment variables say RANK={rank} and WORLD_SIZE={size}; expected a rank below the size. {advice}")
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]:
        raise ValueError(f"WORLD_SIZE is {size}, but {' and '.join(missing)} is not set, so the processes cannot find each other. {advice}")
    if not dist.is_available():
        raise ValueError(f"WORLD_SIZE is {size}, but this build of torch {torch.__version__} has no torch.distributed; unset WORLD_SIZE.")
    return Ranks(rank, size, values["LOCAL_RANK"])


def _own_device(place: torch.device, ranks: Ranks, asked: bool) -> torch.device:
    if place.type == "mps" and asked:
        raise ValueError("several processes cannot share the GPU of a Mac (mps); expected device cpu or cuda, or a single process.")
    if place.type != "cuda":
        return torch.device("cpu")
    if place.index is not None:
        raise ValueError(f"device is {str(place)!r}; expected cuda without a number: each of the {ranks.size} processes takes a GPU of its own.")
    there = torch.cuda.device_count()
    if ranks.local >= there:
        raise ValueError(
            f"{ranks} is number {ranks.local + 1} on its machine, which has {there} GPU{'s' if there > 1 else ''}. Start one process for each "
            f"GPU (--nproc-per-node={there}), or compute on the CPU (--device cpu)."
        )
    torch.cuda.set_device(ranks.local)
    return torch.device("cuda", ranks.local)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


# -- a step of all


def shared(forward: Any, model: nn.Module, place: torch.device) -> nn.Module:
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
def shared_batch_norm(model: nn.Module, ranks: Ranks) -> Iterator[None]:
    """Within the block batch norm takes mean and variance of the whole batch, in training steps; torch's SyncBatchNorm needs GPUs for it."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and not ranks.alone]
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
    mean = mean_over_ranks(wide.mean(dims))  # (C,)
    centred = wide - mean.view(shape)
    variance = mean_over_ranks(centred.square().mean(dims))
    if norm.track_running_stats and norm.running_mean is not None and norm.running_var is not None:
        with torch.no_grad():
            count = sharing() * x.numel() // x.shape[1]
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked += 1
            rate = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean.detach().to(norm.running_mean), rate)
            norm.running_var.lerp_(variance.detach().to(norm.running_var) * (count / (count - 1)), rate)  # unbiased, as torch keeps it
    y = centred * (variance + norm.eps).rsqrt().view(shape)
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
    run.chance.load({"torch" if kind == "cpu" else kind: torch.Generator(kind).manual_seed(seed).get_state() for kind in {"cpu", run.device.type}})


def check_all_used(run: Run) -> None:
    """After the first gradient: a parameter without one would make DistributedDataParallel wait for it for ever."""
    unused = [name for name, p in run.model.named_parameters() if p.requires_grad and p.grad is None]
    if unused and not run.ranks.alone:
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


# -- when one of them dies


@contextmanager
def watched(ranks: Ranks, out: Path | None = None) -> Iterator[None]:
    """Within the block, the error of a connection that broke becomes a :class:`PeerLost` that says what to do."""
    try:
        yield
    except RuntimeError as error:
        if ranks.alone or not (isinstance(error, dist.DistError) or _BROKEN.search(str(error))):
            raise
        atexit.unregister(_leave)  # the others are not there to part from
        kept = "No folder was given (out=), so nothing is saved."
        if out is not None:
            files = [name for name in ("last.safetensors", "best.safetensors") if (out / name).exists()]
            kept = f"What the run last saved is in {out / files[0]}." if files else f"There is no checkpoint in {out} yet: start anew."
        raise PeerLost(
            f"another process of this run has ended or does not answer, so {ranks} cannot go on either ({_first_line(error)}). "
            f"torchrun names below which one was first and why. {kept}"
        ) from error


_BROKEN = re.compile(r"gloo|nccl|connection (closed|reset|refused)|broken pipe|socket", re.IGNORECASE)


def _first_line(error: BaseException) -> str:
    text = re.sub(r"^\[\S+\] ", "", str(error).strip())  # a place in torch's sources
    return text.splitlines()[0].split(". This is typically")[0] if text else type(error).__name__


def speaks_first() -> bool:
    """Whether this is the first process to report an error: the others fail because of it, and would only repeat it or hide it."""
    if not (dist.is_available() and dist.is_initialized()):
        return True
    with suppress(Exception):  # the store may be gone with the process that held it
        return dist.distributed_c10d._get_default_store().add("inpaintlib/errors", 1) == 1
    return True


@contextmanager
def quiet(ranks: Ranks) -> Iterator[None]:
    """Within the block only rank 0 prints and warns."""
    if ranks.first:
        yield
        return
    import warnings

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def launcher() -> list[str]:
    """The words before ``-m inpaintlib.train`` in the command that starts as many processes again."""
    size, here = os.environ.get("WORLD_SIZE", "1"), os.environ.get("LOCAL_WORLD_SIZE", "1")
    if size.strip() == "1":
        return ["python"]
    if size == here:
        return ["torchrun", "--standalone", f"--nproc-per-node={here}"]
    return ["torchrun", f"--nnodes={int(size) // int(here)}", f"--nproc-per-node={here}", "--rdzv-backend=c10d", "--rdzv-endpoint=HOST:29400"]
