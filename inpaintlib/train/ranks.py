"""The processes of a run that several compute together: how they find each other, and what they say to each other.

``torchrun`` starts them, and tells each its rank in variables of the environment.
"""

from __future__ import annotations

import atexit
import importlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inpaintlib._device import device as choose_device
from inpaintlib._ranks import mean_over_ranks, together

__all__ = ["ALONE", "PeerLost", "Ranks", "first_line", "join", "launcher", "leave", "one_voice", "speaks_first"]

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
        if self.local:
            self.meet()
        try:
            yield
        finally:
            if not self.local:
                self.meet()

    def meet(self) -> None:
        """Wait here until all are here."""
        if not self.alone:
            dist.all_reduce(torch.zeros(1))  # on the CPU: no GPU has to be waited for

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over all processes, without gradients."""
        with together(self.size):
            return mean_over_ranks(tensor.detach())

    def average_gradients(self, network: nn.Module) -> None:
        """Make each gradient the mean of those of all processes, for networks that DistributedDataParallel does not look after."""
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        if not self.alone and gradients:
            means = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))  # one message for all
            for gradient, mean in zip(gradients, means.split([gradient.numel() for gradient in gradients]), strict=True):
                gradient.copy_(mean.view_as(gradient))

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
                f"batch_size is {batch_size}, the whole batch of all {self.size} processes; expected a multiple of {self.size}, "
                f"such as {better}."
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
        # Its functions keep, as defaults, the group that is there when they are imported, which DistributedDataParallel does. Imported now
        # they keep none; else the group's threads outlive leave(), and one that is late aborts the process at its very end.
        importlib.import_module("torch.distributed.nn")
        backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, timeout=PATIENCE)
        except Exception as error:
            where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
            raise PeerLost(
                f"{ranks} did not find the others at {where} ({first_line(error)}). Were all of them started, and can the machines "
                "reach each other there? docs/distributed.md has a list of usual causes."
            ) from error
        atexit.register(leave)
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
        raise ValueError(f"device is {str(place)!r}; expected cuda without a number: each process takes a GPU of its own.")
    there = torch.cuda.device_count()
    if ranks.local >= there:
        raise ValueError(
            f"{ranks} is number {ranks.local + 1} on its machine, which has {there} GPU{'s' if there > 1 else ''}. Start one process for "
            f"each GPU (--nproc-per-node={there}), or compute on the CPU (--device cpu)."
        )
    torch.cuda.set_device(ranks.local)
    return torch.device("cuda", ranks.local)


def leave() -> None:
    """Part from the others, at the end of the process."""
    if dist.is_initialized():
        dist.destroy_process_group()


def first_line(error: BaseException) -> str:
    """What an error of torch says, without the place in its sources and the advice."""
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
def one_voice() -> Iterator[None]:
    """Within the block only rank 0 prints and warns."""
    if os.environ.get("RANK", "0").strip() == "0" or os.environ.get("WORLD_SIZE", "1").strip() == "1":
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def launcher() -> list[str]:
    """The words before ``-m inpaintlib.train`` in the command that starts as many processes again."""
    size, here = os.environ.get("WORLD_SIZE", "1"), os.environ.get("LOCAL_WORLD_SIZE", "1")
    if not (size.isdecimal() and here.isdecimal() and int(size) > 1):
        return ["python"]
    if size == here:
        return ["torchrun", "--standalone", f"--nproc-per-node={here}"]
    machines = ["torchrun", f"--nnodes={int(size) // int(here)}", f"--nproc-per-node={here}"]
    return [*machines, "--rdzv-backend=c10d", "--rdzv-endpoint=HOST:29400"]
