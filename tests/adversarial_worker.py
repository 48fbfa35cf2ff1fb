"""What the test of adversarial training in several processes lets each of them do: ``python tests/adversarial_worker.py FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

from inpaintlib import losses, masks, train
from inpaintlib.train.ranks import leave
from tests.training import TinyCritic, noise, tiny

WHOLE = masks.boxes(8, 16, generator=torch.Generator().manual_seed(3))  # of a whole batch


def share(count: int, size: int, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """The same masks for every batch, of which each process takes its own."""
    rank = int(os.environ.get("RANK", 0))
    return WHOLE[rank * count : (rank + 1) * count]


def played() -> dict[str, Any]:
    """Both networks and the losses at the end of each kind of game. Without the penalty: its random points differ from rank to rank."""
    ends = {}
    for kind, norm in (("bce", "batch"), ("hinge", "spectral"), ("wgan_gp", "none")):
        torch.manual_seed(9)
        model, critic = tiny(1, dropout=0.0), TinyCritic(norm)
        history = train.fit_adversarial(
            model, noise(16), share, losses.hole_l1, critic, adversarial=kind, penalty=0.0, adversarial_weight=0.5, critic_steps=2,
            epochs=3, batch_size=8, lr=0.05, critic_lr=0.05, optimizer="sgd", critic_optimizer="sgd", ema=None, flip=False,
            precision="fp32", device="cpu", progress=False, log_every=1,
        )  # fmt: skip
        ends[kind] = {"model": model.state_dict(), "critic": critic.state_dict(), "losses": history["critic"][1] + history["loss"][1]}
    return ends


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.save(played(), Path(sys.argv[1]) / f"{os.environ['RANK']}.pt")
    leave()  # as at the end of every such process; a thread of the connection that outlives this may abort it
    if sys.platform == "linux":
        left = [name for name in (path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")) if "gloo" in name]
        assert not left, f"threads that go on: {left}"
