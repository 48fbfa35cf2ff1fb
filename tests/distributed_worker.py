"""What the tests of distributed training let two processes do: started by torchrun, each writes down what it saw.

``torchrun ... tests/distributed_worker.py FOLDER PAGE`` runs every experiment below, and leaves ``NAME.RANK.pt`` in the folder for each.
"""

from __future__ import annotations

import re
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inpaintlib import losses, masks, models, train
from inpaintlib._ranks import together
from inpaintlib.train import distributed
from inpaintlib.train.ranks import Ranks, join
from tests.training import StopAfter, TinyNet, noise, short, tiny

TERMS = {
    "hole": (6.0, losses.hole_l1), "valid": (1.0, losses.valid_l1), "square": (1.0, losses.hole_mse), "log": (0.1, losses.hole_log_mse),
    "border": (1.0, losses.border_weighted), "ssim": (1.0, losses.ssim_loss), "tv": (0.1, losses.total_variation),
}  # fmt: skip


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight images in float64; nearly all hole pixels are in the second half, so that a mean of the halves' means would be wrong."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(8, 3, 16, 16, generator=generator, dtype=torch.float64)
    mask = masks.boxes(8, 16, generator=generator).double()
    mask[:4] = 1
    mask[0, 0, 3, 4:6] = 0
    return image, mask


class Recorder(train.Callback):
    """What a process saw of a run; on rank 0 as a callback, on the others through the family of masks and the optimizer."""

    def __init__(self) -> None:
        self.masks: list[torch.Tensor] = []
        self.images: list[torch.Tensor] = []
        self.gradients: list[list[torch.Tensor]] = []
        self.drawn: list[torch.Tensor] = []

    def family(self, count: int, size: Any, *, generator: torch.Generator | None = None) -> torch.Tensor:
        self.masks.append(masks.boxes(count, size, generator=generator))
        return self.masks[-1]

    def loss(self, prediction: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        self.images.append(target.clone())
        self.drawn.append(torch.rand(4))  # from the stream that dropout draws from
        return losses.WeightedSum(TERMS)(prediction, target, mask)

    def optimizer(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        recorder = self

        class Spy(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:
                recorder.gradients.append([p.grad.clone() for group in self.param_groups for p in group["params"]])
                super().step()

        return Spy(parameters, lr)

    def settings(self) -> dict[str, Any]:
        return {"masks": self.family, "loss": self.loss, "optimizer": self.optimizer, "lr": 0.05, "log_every": 1}

    def seen(self) -> dict[str, Any]:
        seen = {name: torch.stack(getattr(self, name)) for name in ("masks", "images", "drawn")}
        return seen | {"gradients": self.gradients}


class Other(train.Callback):
    """A callback that tells which processes call it."""

    calls = 0

    def on_step(self, run: train.Run) -> None:
        self.calls += 1


def exact(ranks: Ranks) -> Any:
    """Loss, gradient and statistics of one batch, in float64 and outside of any loop."""
    image, mask = (tensor.chunk(ranks.size)[ranks.rank] for tensor in batch())
    model = tiny(1 + ranks.rank, dropout=0.0).double()  # other weights on each rank: all must begin with those of the first
    shared = distributed.shared(model, model)
    with distributed.shared_batch_norm(model), together(ranks.size):
        terms = losses.WeightedSum(TERMS)(shared(image * mask, mask), image, mask)
        sum(terms.values()).backward()  # type: ignore[union-attr]
    assert "forward" not in vars(model.norm)
    means = {name: ranks.mean(value) for name, value in terms.items()}
    return means, {name: p.grad for name, p in model.named_parameters()}, dict(model.named_buffers())


def steps(ranks: Ranks) -> Any:
    """A run of three epochs, with everything that a run has."""
    recorder, other, model = Recorder(), Other(), tiny(ranks.rank, dropout=0.0)
    history = short(model, **recorder.settings(), callbacks=[train.Evaluate(noise(9, seed=8), masks.lines), other])
    return recorder.seen() | {"state": model.state_dict(), "rows": history.rows, "by": history.stopped_by, "calls": other.calls}


def chance(ranks: Ranks) -> Any:
    """Masks and dropout of a run that is stopped and resumed, beside those of one that is not."""
    folder = Path(sys.argv[1]) / "chance"
    found = []
    for name, parts in (("whole", [()]), ("parts", [(StopAfter(4),), ()])):
        recorder = Recorder()
        for callbacks in parts:
            model = tiny(dropout=0.5)
            short(model, **recorder.settings(), callbacks=callbacks, out=folder / name, resume=True)
        found.append((recorder.seen(), model.state_dict()))
    return found


def ends(ranks: Ranks) -> Any:
    """Runs that end for reasons that only one process knows."""
    stop = threading.Event()

    class Stopping(TinyNet):
        passes = 0

        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            self.passes += 1
            if self.passes == 4 and ranks.rank == 1:
                stop.set()
            return super().forward(image, mask)

    def go(model: nn.Module, **how: Any) -> tuple[int, str, Any]:
        history = short(model, log_every=1, **{"epochs": 1e6, **how})
        return history.rows[-1]["step"], history.stopped_by, history["lr"]

    early = [train.EarlyStopping("loss", patience=2, mode="min", least=10.0)]
    return go(Stopping(), stop=stop), go(tiny(), epochs=None, minutes=0.3 / 60, schedule="cosine"), go(tiny(), callbacks=early)


def networks(ranks: Ranks) -> Any:
    """Two steps of networks of the course."""
    states = {}
    for name, options in (("partial_unet", {"width": 4}), ("course_unet", {"width": 8}), ("coarse_to_fine", {"size": 32, "width": 4})):
        torch.manual_seed(ranks.rank)
        model = models.create(name, **options)
        short(model, noise(8, 32), masks=masks.lines, epochs=2, batch_size=4, precision="auto")
        states[name] = model.state_dict()
    return states


def errors(ranks: Ranks) -> Any:
    """What is refused, in words."""

    class Unused(TinyNet):
        def __init__(self) -> None:
            super().__init__()
            self.spare = nn.Linear(2, 2)

    said = []
    for model, images, how in (
        (tiny(), noise(), {"batch_size": 7}), (tiny(), noise(1), {}), (tiny(width=8 + ranks.rank), noise(), {}),
        (tiny(), noise(50 + ranks.rank), {}), (tiny(), noise(), {"lr": 0.1 + ranks.rank}), (Unused(), noise(), {}),
        (tiny(), noise(), {"loss": lambda p, t, m: losses.hole_l1(p, t, m) * (float("nan") if ranks.rank else 1.0)}),
        (tiny(), noise(), {"device": "mps"}),
    ):  # fmt: skip
        try:
            short(model, images, **how)
            said.append("nothing")
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    few = short(tiny(), noise(7), log_every=1)
    try:
        ranks.from_first(lambda: 1 / 0)
    except ZeroDivisionError:
        said.append("the error of rank 0")
    return said, few["loss"]


def script(ranks: Ranks) -> Any:
    """The script that the page on distributed training shows."""
    text = Path(sys.argv[2]).read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "mine.py", "exec"), names)
    return names["history"].rows, names["model"].state_dict()


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    ranks, _ = join("cpu")
    for experiment in (exact, steps, chance, ends, networks, errors, script):
        torch.save(experiment(ranks), Path(sys.argv[1]) / f"{experiment.__name__}.{ranks.rank}.pt")


if __name__ == "__main__":
    main()
