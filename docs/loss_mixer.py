"""Twenty-seven ways to weigh one loss: the runs behind the widget LossMixer.

    python docs/loss_mixer.py --data cifar10 --threads 1

fine-tunes the course's own network for a moment with each mixture of the terms of Liu et al., all from the same weights, on the same
pictures under the same holes, and writes inpaintlib/widgets/loss_mixer.npz (fillings and figures) and docs/results/loss_mixer.md.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inpaintlib import data, features, losses, masks, metrics, models, train
from inpaintlib.losses import LIU_WEIGHTS

HERE = Path(__file__).parent
STOPS = (0, 1, 30)  # times the weight of the paper
SLIDERS = {"perceptual": ("perceptual",), "style": ("style_out", "style_comp"), "tv": ("tv",)}
SHOWN = (2, 8, 12, 19, 25, 33)  # of the test images: there the hole covers some detail
AGAIN = ((0, 0, 0), (1, 1, 1))  # mixtures that are run with other seeds too
PAGE = """# One loss, weighed in {count} ways

The course's own network (`course_unet`, shipped weights), fine-tuned for {steps} steps of {batch} pictures with boxes cut out, by
valid + 6 hole + p perceptual + s (style_out + style_comp) + t total variation (Adam, learning rate 1.5e-3, falling to 0). All runs start
from the same weights and see the same pictures under the same holes in the same order. The widget `LossMixer` shows them.

{table}

{how}

The same mixture with another seed (order of pictures, holes), and the network before any of this:

{seeds}

- images to learn from: {train}
- {cpu}, torch {torch}: {seconds:.0f} seconds in all (other work may have run beside it: no measure of speed)

Written by `python docs/loss_mixer.py --data {data} --steps {steps}`.
"""
HOW = (
    "How this was computed: mean over {images} test images with the frozen box masks, composited. PSNR over the hole. Perceptual "
    "distance: by a feature network that no loss uses, over the whole image. Detail: mean difference of neighbours inside the hole, as a "
    "share of the photographs'. One seed each."
)


def weights_of(stops: tuple[int, ...]) -> dict[str, float]:
    """The weights of a mixture: valid and hole as in the paper, the others so many times as much."""
    chosen = {"valid": LIU_WEIGHTS["valid"], "hole": LIU_WEIGHTS["hole"]}
    for times, names in zip(stops, SLIDERS.values(), strict=True):
        chosen |= {name: times * LIU_WEIGHTS[name] for name in names if times}
    return chosen


def fine_tuned(
    stops: tuple[int, ...], images: data.ImageSet, steps: int, batch: int, seed: int, judge: losses.Features
) -> models.Inpainter:
    """The shipped network after some steps with that mixture."""
    network = models.create("course_unet", pretrained=True)
    loss = functools.partial(losses.liu_total, features=judge, weights=weights_of(stops))
    settings = {"lr": 1.5e-3, "schedule": "cosine", "ema": None, "progress": False, "log_every": steps}
    train.fit(network, images, masks.boxes, loss, epochs=steps * batch / len(images), batch_size=batch, seed=seed, **settings)
    return network.eval()


def detail(image: Tensor, mask: Tensor) -> Tensor:
    """(B,): mean difference of neighbours that both lie in the hole."""
    hole = 1 - mask
    across = (image[..., 1:] - image[..., :-1]).abs().mean(1, keepdim=True) * hole[..., 1:] * hole[..., :-1]
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().mean(1, keepdim=True) * hole[..., 1:, :] * hole[..., :-1, :]
    return (across.flatten(1).sum(1) + down.flatten(1).sum(1)) / hole.flatten(1).sum(1)


def judged(network: models.Inpainter, image: Tensor, mask: Tensor, measure: losses.Features) -> tuple[Tensor, dict[str, float]]:
    """The fillings, and their figures."""
    filled = torch.cat([network.inpaint(x, m) for x, m in zip((image * mask).split(100), mask.split(100), strict=True)])
    near = [metrics.perceptual(x, y, features=measure) for x, y in zip(filled.split(100), image.split(100), strict=True)]
    return filled, {
        "psnr_hole": metrics.psnr(filled, image, data_range=1.0, mask=mask, region="hole").mean().item(),
        "perceptual": torch.cat(near).mean().item(),
        "detail": (detail(filled, mask).mean() / detail(image, mask).mean()).item(),
    }


def table(rows: dict[str, dict[str, float]], heads: str) -> str:
    """The figures as markdown; the names of the rows fill as many columns as ``heads`` has."""
    lines = [f"| {heads} | PSNR hole, dB | perceptual distance | detail |", "|" + "---|" * (heads.count("|") + 1) + "--:|--:|--:|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {row['psnr_hole']:.2f} | {row['perceptual']:.3f} | {row['detail']:.0%} |")
    return "\n".join(lines)


def numbers(stops: tuple[int, ...]) -> list[float]:
    """The weights of the three sliders."""
    return [float(f"{times * LIU_WEIGHTS[names[0]]:g}") for times, names in zip(stops, SLIDERS.values(), strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description="The runs behind the widget LossMixer.")
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--steps", type=int, default=36)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--images", type=int, default=300, help="test images")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    began = time.perf_counter()
    learn, test = data.load_images(chosen.data, split="train"), data.load_images(chosen.data, split="test", limit=chosen.images)
    image, mask = test.float(), masks.benchmark("boxes")[: len(test)].float()
    judge, measure = features.load("small"), features.load("measure")
    truth, known = image[list(SHOWN)], mask[list(SHOWN)]
    holes = (known == 0).expand(-1, 3, -1, -1)
    _, before = judged(models.create("course_unet", pretrained=True), image, mask, measure)
    pixels, rows, others = [], {}, {}
    mixtures = list(itertools.product(STOPS, repeat=len(SLIDERS)))
    for stops, seed in [*((m, 0) for m in mixtures), *((m, 1) for m in AGAIN)]:
        network = fine_tuned(stops, learn, chosen.steps, chosen.batch, seed, judge)
        filled, figures = judged(network, image, mask, measure)
        name = " | ".join(f"{weight:g}" for weight in numbers(stops))
        print(name, seed, {key: round(value, 3) for key, value in figures.items()}, f"{time.perf_counter() - began:.0f} s", flush=True)
        if seed:
            others[f"{name} | {seed}"] = figures
        else:
            rows[name] = figures
            pixels.append((filled[list(SHOWN)][holes] * 255).round().byte().numpy())

    how = HOW.format(images=len(test))
    about = {
        "terms": list(SLIDERS),
        "levels": np.array([numbers((times,) * len(SLIDERS)) for times in STOPS]).T.tolist(),
        "metrics": {key: [row[key] for row in rows.values()] for key in before},
        "again": others,
        "before": before,
        "how": how,
        "steps": chosen.steps,
        "batch": chosen.batch,
    }
    np.savez_compressed(
        HERE.parent / "inpaintlib" / "widgets" / "loss_mixer.npz",
        truth=(truth * 255).round().byte().numpy(),
        known=known.byte().numpy(),
        holes=np.stack(pixels),
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
    )
    facts = {"train": learn.source, "cpu": f"{chosen.threads} CPU thread(s)", "torch": torch.__version__, "data": chosen.data}
    facts |= {"count": len(rows), "steps": chosen.steps, "batch": chosen.batch, "seconds": time.perf_counter() - began}
    others |= {"before | | | ": before}
    page = PAGE.format(table=table(rows, "p | s | t"), how=how, seeds=table(others, "p | s | t | seed"), **facts)
    (HERE / "results" / "loss_mixer.md").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
