"""Every model on a GPU beside the CPU: the same numbers, and how much faster.

    python docs/gpu_report.py

writes docs/results/gpu.md. Without a GPU it says so, writes nothing and ends with status 0: nothing in the course needs one.
`--device cpu` compares the CPU with itself, which tries the script.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from inpaintlib import losses, masks, models
from inpaintlib.train import report

TWINS: dict[str, dict[str, Any]] = {  # the sizes that the course trains at 32 x 32
    "context_encoder": {"size": 32, "latent": 512},
    "gated_unet": {"size": 32},
    "coarse_to_fine": {"size": 32, "width": 16},
    "partial_unet_512": {"size": 32, "width": 16},
}
FAR = 1e-3  # a tenth of what one of 256 grey levels is, by far less than what training's own chance changes
HEAD = """# A GPU beside the CPU

{there} beside {here}, {batch} images of 32 x 32 in 32-bit floats, torch {torch}. Matrix products of a GPU were kept at full precision
(no TF32). Predictions: the largest difference of any value; filling: for one image.

| model | predictions differ by | gradients, relatively | training, images/s: CPU | GPU | times | filling, ms: CPU | GPU |
|---|--:|--:|--:|--:|--:|--:|--:|
"""


class Row(NamedTuple):
    """What one model did in both places."""

    apart: float
    gradient_apart: float
    trained: tuple[float, float]  # images a second, CPU and GPU
    filled: tuple[float, float]  # milliseconds an image


def step(model: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """One prediction, its loss, its gradients."""
    model.zero_grad(set_to_none=True)
    prediction = model(image * mask, mask)
    (losses.hole_l1(prediction, image, mask) + losses.valid_l1(prediction, image, mask)).backward()
    return prediction.detach()


def seconds(action, place: torch.device, rounds: int) -> float:
    """The median time of an action whose end is waited for."""

    def finished() -> float:
        if place.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    action()  # the first time chooses algorithms
    times = []
    for _ in range(rounds):
        start = finished()
        action()
        times.append(finished() - start)
    return statistics.median(times)


def measure(name: str, place: torch.device, image: Tensor, mask: Tensor, rounds: int) -> Row:
    """The same first weights, images and holes on the CPU and in the other place."""
    predictions, gradients, trained, filled = [], [], [], []
    for there in (torch.device("cpu"), place):
        torch.manual_seed(0)
        model = models.create(name, **TWINS.get(name, {})).to(there)
        x, m = image.to(there), mask.to(there)
        predictions.append(step(model, x, m).cpu())
        gradients.append(torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None]))
        trained.append(len(x) / seconds(lambda model=model, x=x, m=m: step(model, x, m), there, rounds))
        filled.append(1000 * seconds(lambda model=model, x=x, m=m: model.inpaint(x, m), there, rounds) / len(x))
    apart = float((predictions[0] - predictions[1]).abs().max())
    gradient_apart = float((gradients[0] - gradients[1]).norm() / gradients[0].norm())
    return Row(apart, gradient_apart, (trained[0], trained[1]), (filled[0], filled[1]))


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; status 1 where CPU and GPU disagree."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="cuda")
    p.add_argument("--models", nargs="+", default=models.names(), metavar="NAME")
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "gpu.md")
    args = p.parse_args(arguments)
    place = torch.device(args.device)
    if place.type == "cuda" and not torch.cuda.is_available():
        print("no GPU here: nothing was measured, and nothing written. All of the course runs without one.")
        return 0
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    g = torch.Generator().manual_seed(0)
    image = torch.rand(args.batch_size, 3, 32, 32, generator=g)
    mask = masks.center_box(args.batch_size, 32, generator=g).float()  # a hole that every model takes, the Context Encoder's too
    text = HEAD.format(
        there=report.hardware(place), here=report.hardware(torch.device("cpu")), batch=args.batch_size, torch=torch.__version__
    )
    far = []
    for name in args.models:
        row = measure(name, place, image, mask, args.rounds)
        (slow, fast), (long, short) = row.trained, row.filled
        numbers = f"{row.apart:.1e} | {row.gradient_apart:.1e} | {slow:,.0f} | {fast:,.0f} | {fast / slow:.1f} | {long:.2f} | {short:.2f}"
        text += f"| {name} | {numbers} |\n"
        far += [name] if row.apart > FAR or row.gradient_apart > 10 * FAR else []
    text += "\nWritten by `python docs/gpu_report.py`.\n"
    print(text)
    args.out.write_text(text, "utf-8")
    if far:
        print(f"CPU and {place} disagree: {', '.join(far)}", file=sys.stderr)
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
