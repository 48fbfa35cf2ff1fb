"""The end of a run: measure on the test images, and write weights with a card that says where they come from."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inpaintlib import masks as mask_families
from inpaintlib import metrics
from inpaintlib.models.base import evaluating
from inpaintlib.train.history import History
from inpaintlib.train.precision import autocast, choose

__all__ = ["benchmark_masks", "hardware", "make_card", "measure", "measure_on", "table_text"]

Table = dict[str, dict[str, float]]


@torch.no_grad()
def measure(model: nn.Module, images: Any, masks: torch.Tensor, *, precision: str = "fp32", batch_size: int = 250) -> Table:
    """Mean over images of PSNR, MAE and SSIM, of the raw and of the composited prediction, over the whole image and over the hole.

    Args:
        model: called as ``model(image, mask)``; measured in eval mode, where it is.
        images: an ImageSet of N images.
        masks: (N, 1, H, W), one for each image, 1 = known, each with a hole.
        precision: "auto", "bf16" or "fp32".
        batch_size: images at a time.

    Returns:
        ``{"raw, image": {"PSNR dB": ..., "MAE": ..., "SSIM": ...}, "raw, hole": ..., "composited, image": ..., ...}``; no SSIM
        for images below its window of 11 pixels.
    """
    place = next(model.parameters()).device
    sums: Table = {}
    for start in range(0, len(images), batch_size):
        target = images.float(slice(start, start + batch_size)).to(place)
        mask = masks[start : start + batch_size].to(target)
        with evaluating(model), autocast(choose(precision, place), place):
            raw = model(target * mask, mask)
        raw = raw.float().clamp(0, 1)
        for kind, picture in (("raw", raw), ("composited", torch.where(mask > 0, target, raw))):
            for place_name, region in (("image", "all"), ("hole", "hole")):
                _add(sums.setdefault(f"{kind}, {place_name}", {}), picture, target, {"mask": mask, "region": region})
    return {row: {name: total / len(images) for name, total in values.items()} for row, values in sums.items()}


def _add(into: dict[str, float], picture: Any, target: Any, where: Any) -> None:
    values = {
        "PSNR dB": metrics.psnr(picture, target, data_range=1.0, **where),
        "MAE": metrics.mae(picture, target, **where),
    }
    if min(target.shape[-2:]) >= 11:  # SSIM's window
        values["SSIM"] = metrics.ssim(picture, target, data_range=1.0, **where)
    for name, value in values.items():
        into[name] = into.get(name, 0.0) + float(value.cpu().double().sum())


def benchmark_masks(family: str, count: int, size: Any) -> tuple[torch.Tensor, str]:
    """The frozen masks of a family, (count, 1, H, W), and the words that identify them. Where there are too few they start anew."""
    most = 10_000
    frozen = mask_families.benchmark(family, count=min(count, most), size=size)
    words = f"the benchmark's first {len(frozen):,} of {family}, SHA-256 {mask_families.sha256(frozen)[:16]}"
    return frozen[torch.arange(count) % len(frozen)], words


def measure_on(model: nn.Module, images: Any, kinds: list[str], size: Any) -> tuple[Table, str]:
    """Measure on the frozen masks of each family; where there are several, the rows say which. Also the words that identify the masks."""
    table: Table = {}
    words = []
    for kind in kinds:
        masks, said = benchmark_masks(kind, len(images), size)
        words.append(said)
        table |= {row if len(kinds) == 1 else f"{kind}: {row}": values for row, values in measure(model, images, masks).items()}
    return table, "; ".join(words)


def table_text(table: Table) -> str:
    """The measurements as lines of text."""
    wide = max(20, *(len(row) + 1 for row in table))
    lines = [" " * wide + "".join(f"{name:>10}" for name in next(iter(table.values())))]
    for row, values in table.items():
        lines.append(f"{row:{wide}}" + "".join(f"{value:10.{2 if 'dB' in name else 4}f}" for name, value in values.items()))
    return "\n".join(lines)


def hardware(device: torch.device) -> str:
    """The machine in plain words: what computes and with how many threads, not its name."""
    if device.type == "cuda":
        return f"one GPU, {torch.cuda.get_device_name(device)}"
    cores = os.cpu_count() or 1
    what = f"{min(torch.get_num_threads(), cores)} of {cores} CPU cores ({platform.machine()})"
    return what if device.type == "cpu" else f"{device.type}, on a machine with {cores} CPU cores ({platform.machine()})"


def make_card(
    *,
    about: str,
    model: nn.Module,
    images: Any,
    test: Any,
    masks: str,
    loss: Any,
    history: History,
    settings: dict[str, Any],
    device: torch.device,
    table: Table,
    test_masks: str,
    command: str,
) -> dict[str, Any]:
    """Everything that one has to know about shipped weights, as plain values."""
    steps, seconds = history.rows[-1]["step"], history.rows[-1]["seconds"]
    rates = history["images_per_second"][1]  # the median, so that a busy minute of the machine does not count
    return {
        "about": about,
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": images.source,
        "training images": len(images),
        "masks": masks,
        "loss": str(loss),
        "steps": steps,
        "epochs": round(history.rows[-1]["epoch"], 2),
        "images seen": steps * min(settings["batch_size"], len(images)),
        "seconds": round(seconds, 1),
        "images a second": round(statistics.median(rates)),
        "hardware": hardware(device),
        **settings,
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": command,
        "test images": f"{len(test)}, {test.source}",
        "test masks": test_masks,
        "quality on the test images": table,
    }


def plain_path(text: str) -> str:
    """A path as it may stand in a card: one of this machine (/home/me/a, ~/a) only by its last part."""
    return Path(text).name if Path(text).is_absolute() or text.startswith("~") else text
