"""Compare inpainters on the same images and the same holes: what each reaches, how sure that is, and how long it takes.

Three rules make a comparison worth reading, and :func:`compare` keeps them. What lies under the hole never reaches an inpainter: it is
set to 0 first. Every inpainter gets the same images and masks. A figure says whether it is raw (the prediction for
the whole image) or composited (known pixels kept), and only like stands beside like.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from inpaintlib import metrics as measure
from inpaintlib._check import as_image, as_mask, describe
from inpaintlib._comparison import Bucket, Comparison, Interval, Metric, Row, mean_interval
from inpaintlib._device import device as choose_device
from inpaintlib._mask_mixture import family_name
from inpaintlib._proportion import Proportion, proportion
from inpaintlib._turns import turns_of

__all__ = [
    "BUCKETS",
    "METRICS",
    "Bucket",
    "Comparison",
    "Interval",
    "Metric",
    "Proportion",
    "Row",
    "compare",
    "mean_interval",
    "proportion",
]

Inpainter = Callable[[Tensor, Tensor], Tensor]
Kind = Literal["composited", "raw"]
BUCKETS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0)  # edges of the hole ratio; the upper one belongs to the bucket
_EXACT = 100.0  # dB: what an exact filling counts in a mean, where infinity would swallow all other images
_TOLERANCE = 1e-6  # how far a known pixel may be off: a rounding of float32, far below what 8 bits can hold


def _psnr(prediction: Tensor, target: Tensor, mask: Tensor, region: measure.Region) -> Tensor:
    return measure.psnr(prediction, target, data_range=1, mask=mask, region=region).clamp(max=_EXACT)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("psnr", "PSNR, dB", "higher", 2, lambda p, t, m: _psnr(p, t, m, "all")),
        Metric("psnr_hole", "PSNR hole, dB", "higher", 2, lambda p, t, m: _psnr(p, t, m, "hole")),
        Metric("ssim", "SSIM", "higher", 4, lambda p, t, m: measure.ssim(p, t, data_range=1)),
        Metric("ssim_hole", "SSIM hole", "higher", 4, lambda p, t, m: measure.ssim(p, t, data_range=1, mask=m, region="hole")),
        Metric("mae", "MAE", "lower", 4, lambda p, t, m: measure.mae(p, t)),
        Metric("mae_hole", "MAE hole", "lower", 4, lambda p, t, m: measure.mae(p, t, mask=m, region="hole")),
        Metric("mae_boundary", "MAE boundary", "lower", 4, lambda p, t, m: measure.mae(p, t, mask=m, region="boundary")),
        Metric("mse", "MSE", "lower", 5, lambda p, t, m: measure.mse(p, t)),
        Metric("mse_hole", "MSE hole", "lower", 5, lambda p, t, m: measure.mse(p, t, mask=m, region="hole")),
    )
}


class Images(Protocol):
    """What :class:`inpaintlib.data.ImageSet` is to a comparison."""

    @property
    def source(self) -> str: ...

    def __len__(self) -> int: ...

    def float(self, indices: Any = None) -> Tensor: ...


def compare(
    inpainters: Mapping[str, Inpainter],
    images: Images | Tensor,
    masks: Tensor | Callable[..., Tensor],
    *,
    metrics: str | Metric | Sequence[str | Metric] = ("psnr", "psnr_hole", "ssim", "mae", "mae_hole"),
    kind: Kind = "composited",
    batch_size: int = 100,
    seed: int = 0,
    device: torch.device | str | None = None,
    buckets: Sequence[float] = BUCKETS,
    timing: bool = True,
) -> Comparison:
    """Let inpainters fill the same holes in the same images, and measure the results.

    Args:
        inpainters: name to callable ``(image, mask) -> image``; of a model pass ``model.inpaint``, or the model itself with ``kind="raw"``.
        images: an ImageSet, or float (N, C, H, W) in [0, 1].
        masks: (N, 1, H, W) or (1, 1, H, W), 1 = known, 0 = hole; or a family such as ``masks.lines``, drawn with ``seed``.
        metrics: a name in :data:`METRICS`, a :class:`Metric` of one's own, or several; the first one is shown by hole size.
        kind: "composited" (known pixels must come back unchanged, which is checked) or "raw" (the prediction for every pixel).
        batch_size: images at a time; the result does not depend on it, the time may.
        seed: for a family of masks, and for inpainters that draw random numbers (each starts from it anew).
        device: where the inpainters compute; where the images are, if None.
        buckets: edges of the hole ratio by which the images are grouped.
        timing: measure the time too, the median over batches; without it the text of the result is the same in every run.

    Returns:
        a :class:`Comparison`; PSNR is the mean over images, where an exact filling counts as 100 dB.

    Raises:
        TypeError: not a mapping of callables, or not images and masks.
        ValueError: nothing to compare, an unknown metric, a device that is not there, shapes that do not fit, a mask without a hole or
            without a known pixel, or an inpainter whose output has the wrong shape, is not finite, leaves [0, 1] or changed known pixels;
            it is named.

    >>> from inpaintlib import baselines, masks
    >>> table = compare({"mean": baselines.mean_fill}, torch.rand(8, 3, 32, 32), masks.lines)
    >>> table.rows[0].inpainter, table.per_image["mean"]["psnr"].shape
    ('mean', torch.Size([8]))
    """
    _check_inpainters(inpainters, kind)
    chosen = _metrics(metrics)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; expected a positive whole number.")
    place = choose_device(device) if device is not None else None
    source = getattr(images, "source", "given images")
    fetch, count, size = _open_images(images)
    known, origin = _draw(masks, count, size, seed)
    holes = (known == 0).flatten(1).float().mean(1).cpu()  # counted: 1 - 0.9 is a little more than 0.1, and would miss its bucket
    _check_masks(holes)
    per_image, milliseconds = {}, {}
    for name, inpainter in inpainters.items():
        measured: dict[str, list[Tensor]] = {metric.name: [] for metric in chosen}
        times = []
        with _undisturbed(inpainter, seed):
            for start in range(0, count, batch_size):
                image = fetch(slice(start, start + batch_size))
                image = as_image(image.to(place) if place is not None else image, "images")
                mask = as_mask(known[start : start + batch_size], image)
                result, seconds = _run(name, inpainter, image * mask, mask)
                result = _checked(name, result, image, mask, kind, start)
                times.append(1000 * seconds / len(image))
                for metric in chosen:
                    measured[metric.name].append(_measured(metric, result, image, mask))
        per_image[name] = {key: torch.cat(values) for key, values in measured.items()}
        milliseconds[name] = statistics.median(times) if timing else None
    return Comparison.of(per_image, milliseconds, holes, buckets, tuple(chosen), kind, source, origin)


def _metrics(metrics: str | Metric | Sequence[str | Metric]) -> list[Metric]:
    chosen = [_metric(metric) for metric in ([metrics] if isinstance(metrics, str | Metric) else metrics)]
    names = [metric.name for metric in chosen]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"metrics are {', '.join(names) or 'none'}; expected at least one, and each name once.")
    return chosen


def _metric(metric: str | Metric) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ValueError(f"there is no metric {metric!r}; expected one of {', '.join(METRICS)}, or a Metric of your own.")
    return METRICS[metric]


def _check_inpainters(inpainters: Mapping[str, Inpainter], kind: Kind) -> None:
    if not isinstance(inpainters, Mapping):
        raise TypeError(f"inpainters is {describe(inpainters)}; expected names and callables: {{'mean': baselines.mean_fill, ...}}.")
    if not inpainters:
        raise ValueError("there is no inpainter to compare; expected names and callables: {'mean': baselines.mean_fill, ...}.")
    if kind not in ("composited", "raw"):
        raise ValueError(f"kind is {kind!r}; expected 'composited' or 'raw'.")
    for name, inpainter in inpainters.items():
        if not isinstance(name, str):
            raise TypeError(f"an inpainter is called {name!r}; expected its name as a string.")
        if not callable(inpainter):
            raise TypeError(f"inpainter {name!r} is {describe(inpainter)}; expected a callable (image, mask) -> image.")
        if kind == "composited" and isinstance(inpainter, nn.Module) and hasattr(inpainter, "inpaint"):
            raise TypeError(f"inpainter {name!r} is a model, whose call gives the raw prediction. Pass its .inpaint, or kind='raw'.")


def _open_images(images: Images | Tensor) -> tuple[Callable[[slice], Tensor], int, tuple[int, int]]:
    """A function that fetches some images as floats, how many there are, and their height and width."""
    if isinstance(images, Tensor):
        tensor = as_image(images, "images")
        return (lambda part: tensor[part]), len(tensor), (tensor.shape[2], tensor.shape[3])
    if not (hasattr(images, "float") and hasattr(images, "__len__")):
        raise TypeError(f"images is {describe(images)}; expected an ImageSet (data.load_images) or a float tensor (N, C, H, W).")
    first = images.float(slice(0, 1))
    return images.float, len(images), (first.shape[2], first.shape[3])


def _draw(masks: Tensor | Callable[..., Tensor], count: int, size: tuple[int, int], seed: int) -> tuple[Tensor, str]:
    """One mask an image, float (N, 1, H, W), and where they come from."""
    if callable(masks) and not isinstance(masks, Tensor):
        drawn = as_mask(masks(count, size, generator=torch.Generator().manual_seed(seed)), name="masks")
        origin = f"{family_name(masks)} (seed {seed})"
    else:
        drawn, origin = as_mask(masks, name="masks"), "given masks"
    if tuple(drawn.shape[2:]) != size:
        raise ValueError(f"masks have height and width {tuple(drawn.shape[2:])}, the images {size}; expected the same.")
    if len(drawn) not in (1, count):
        raise ValueError(f"there are {len(drawn)} masks for {count} images; expected one each, or a single one for all.")
    return drawn.expand(count, -1, -1, -1), origin


def _check_masks(holes: Tensor) -> None:
    for wrong, lacks in ((holes == 0, "hole: there is nothing to fill or to measure"), (holes == 1, "known pixel: nothing to go by")):
        if wrong.any():
            first = int(wrong.nonzero()[0])
            raise ValueError(f"mask {first} has no {lacks} ({int(wrong.sum())} of {len(holes)} masks). 1 = known, 0 = hole.")
    if holes.mean() > 0.7:
        warnings.warn(
            f"on average only {1 - float(holes.mean()):.0%} of the pixels are known. Are the masks the other way round? "
            "1 = known, 0 = hole; turn them round with 1 - masks.",
            stacklevel=3,
        )


@contextmanager
def _undisturbed(inpainter: Inpainter, seed: int) -> Iterator[None]:
    """Without gradients, with the random numbers of ``seed``, a module in eval mode; afterwards everything is as it was before."""
    turns = turns_of(inpainter) if isinstance(inpainter, nn.Module) else nullcontext()
    with turns, torch.no_grad(), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        training = {module for module in inpainter.modules() if module.training} if isinstance(inpainter, nn.Module) else set()
        torch.manual_seed(seed)
        for module in training:
            module.training = False
        try:
            yield
        finally:
            for module in training:
                module.training = True


def _run(name: str, inpainter: Inpainter, damaged: Tensor, mask: Tensor) -> tuple[Any, float]:
    """The result, and the seconds it took. An inpainter gets copies, so that one which works in place harms nobody."""
    damaged, mask = damaged.clone(), mask.clone()
    _wait(damaged.device)
    start = time.perf_counter()
    try:
        result = inpainter(damaged, mask)
    except Exception as error:
        error.add_note(f"This happened in the inpainter {name!r}, on images of shape {tuple(damaged.shape)}.")
        raise
    _wait(damaged.device)
    return result, time.perf_counter() - start


def _measured(metric: Metric, result: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    values = metric.function(result, image, mask)
    if not isinstance(values, Tensor) or values.shape != image.shape[:1]:
        raise ValueError(f"metric {metric.name!r} gave {describe(values)}; expected one value an image, ({len(image)},).")
    return values.detach().float().cpu()


def _wait(device: torch.device) -> None:
    """GPUs compute while Python goes on; a clock has to wait for them."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _checked(name: str, result: Any, image: Tensor, mask: Tensor, kind: Kind, start: int) -> Tensor:
    """The inpainter's output, if it keeps the inpainter's promise; a ValueError that names it otherwise."""
    if not isinstance(result, Tensor) or not result.is_floating_point() or result.shape != image.shape:
        raise ValueError(f"inpainter {name!r} gave {describe(result)}; expected a float tensor of shape {tuple(image.shape)}.")
    result = result.detach().to(image.device, image.dtype)
    if not result.isfinite().all():
        where = int((~result.isfinite()).flatten(1).any(1).nonzero()[0])
        raise ValueError(f"inpainter {name!r} gave NaN or infinity, first in image {start + where}; expected finite values in [0, 1].")
    low, high = float(result.min()), float(result.max())
    if low < 0 or high > 1:
        raise ValueError(f"inpainter {name!r} gave values from {low:.4g} to {high:.4g}; expected [0, 1]. Clamp it: .clamp(0, 1).")
    kept = known_kept(result, image, mask)
    if kind == "composited" and not kept.all():
        where, change = int((~kept).nonzero()[0]), ((result - image).abs() * mask)
        untouched = not (result * (1 - mask)).any()
        hint = "It filled the known pixels and left the hole as it was: has it taken the mask the wrong way round? " if untouched else ""
        raise ValueError(
            f"inpainter {name!r} changed known pixels, by up to {float(change.max()):.3g}, first in image {start + where}. {hint}"
            "Composite as the last step: torch.where(mask.bool(), image, result); or compare raw predictions with kind='raw'."
        )
    return result


def known_kept(result: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Which results (B, C, H, W) have the known pixels of their image, bool (B,), but for a rounding; NaN is no pixel of any."""
    return (((result - image).abs() <= _TOLERANCE) | (mask == 0)).flatten(1).all(1)
