"""What a training run spends on anything but training, and S0's training beside the same network written as one usually meets it.

The other side is written with care, by the book: partial convolution with a mask of as many channels as the image has (the form in which
public code has it), and a DataLoader that opens, flips and converts one PIL image at a time and draws its mask with cv2. It computes the
same function, which a test checks, and gets whichever number of workers is faster for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib import data, losses, masks, models, train
from inpaintlib._torchvision import load as load_torchvision
from inpaintlib.layers import PartialConv2d
from inpaintlib.train import presets
from inpaintlib.train.checkpoint import save_checkpoint
from inpaintlib.train.loop import train_step

pytestmark = pytest.mark.bench


class Ready(train.Callback):
    """Ends a run before its first step, and keeps it."""

    def on_start(self, run: train.Run) -> None:
        self.run = run
        run.end("ready")


def ready(preset: str, images: data.ImageSet, batch_size: int | None = None, **changes: Any) -> train.Run:
    """The run of a preset, as the command line makes it, ready for its first step."""
    how, keep = presets.get(preset), Ready()
    torch.manual_seed(0)
    model = models.create(how.model, **how.options)
    settings: dict[str, Any] = {
        "epochs": 1, "batch_size": batch_size or how.batch_size, "lr": how.lr, "schedule": how.schedule, "optimizer": how.optimizer,
        "clip": how.clip or None, "ema": how.ema or None, "precision": "fp32", "device": "cpu", "progress": False, "callbacks": [keep],
    }  # fmt: skip
    bank = masks.bank(masks.parse(how.masks), count=20_000 if len(images) > 1000 else 100)
    train.fit(model, images, bank, losses.parse(how.loss), **settings | changes)
    keep.run.model.train()
    return keep.run


def made_up(count: int) -> data.ImageSet:
    pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return data.ImageSet(pixels, torch.zeros(count, dtype=torch.int64), ("any",), "made up")


def in_turn(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """The median seconds of each, the functions run in turn, after one round that does not count."""
    times = [[_seconds(function) for function in functions] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*times[1:] or times, strict=True)]


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


# -- the input side


@pytest.mark.parametrize("preset", ["s0", "course"])
def test_images_masks_and_flips(preset, benchmark, report):
    run = ready(preset, made_up(200 if benchmark.disabled else 50_000), 8 if benchmark.disabled else None)
    batches = run.rest_of_epoch()
    batch: list[Tensor] = []

    def fetch() -> None:
        image = next(batches)
        batch[:] = image, run.draw_masks(image)

    def step() -> None:
        train_step(run, batch[0], batch[1])

    benchmark.pedantic(fetch, rounds=1)
    fetching, training = in_turn(0 if benchmark.disabled else 25, fetch, step)
    how = f"{run.model.name}, batch {run.batch_size}, medians of 25: {1e3 * fetching:.2f} ms before {1e3 * training:.0f} ms of training"
    report(f"input side, preset {preset} / a training step", 100 * fetching / training, bar=3, unit="%", how=how)


# -- S0 as one usually meets it


class ChannelMaskConv(nn.Module):
    """Partial convolution with a mask for each channel, and a second convolution of ones that counts them."""

    def __init__(self, cin: int, cout: int, stride: int = 1) -> None:
        super().__init__()
        self.input_conv = nn.Conv2d(cin, cout, 3, stride, 1)
        self.mask_conv = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        nn.init.constant_(self.mask_conv.weight, 1.0)
        self.mask_conv.weight.requires_grad_(False)
        self.window = 9 * cin

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        out = self.input_conv(x * mask)
        bias = self.input_conv.bias.view(1, -1, 1, 1).expand_as(out)
        with torch.no_grad():
            known = self.mask_conv(mask)
        empty = known == 0
        out = (out - bias) * (self.window / known.masked_fill(empty, 1.0)) + bias
        return out.masked_fill(empty, 0.0), torch.ones_like(out).masked_fill(empty, 0.0)


class UsualUNet(nn.Module):
    """S0's table of layers; masks are enlarged and concatenated like the features they belong to."""

    def __init__(self) -> None:
        super().__init__()
        down, up = [(3, 32), (32, 64), (64, 128), (128, 256)], [(512, 256, 128), (256, 128, 64), (128, 64, 32), (64, 32, 3)]
        self.down = nn.ModuleList(
            nn.ModuleList([ChannelMaskConv(cin, cout), ChannelMaskConv(cout, cout, 2), nn.BatchNorm2d(cout)]) for cin, cout in down
        )
        self.up = nn.ModuleList(
            nn.ModuleList([ChannelMaskConv(cin, mid), ChannelMaskConv(mid, cout), nn.BatchNorm2d(cout)]) for cin, mid, cout in up
        )
        self.head = ChannelMaskConv(3, 3)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        x, skips = 2 * image - 1, []
        for keep, halve, norm in self.down:
            x, mask = keep(x, mask)
            x = F.relu(x)
            skips.append((x, mask))
            x, mask = halve(x, mask)
            x = F.relu(norm(x))
        for merge, refine, norm in self.up:
            skip, skip_mask = skips.pop()
            x, mask = torch.cat([F.interpolate(x, scale_factor=2), skip], 1), torch.cat([F.interpolate(mask, scale_factor=2), skip_mask], 1)
            x, mask = merge(x, mask)
            x, mask = refine(F.relu(x), mask)
            x = F.relu(norm(x))
        x, mask = self.head(x, mask)
        return torch.sigmoid(x)


class PictureFiles(torch.utils.data.Dataset):
    """One picture file after another, flipped by chance, each with lines drawn into a mask of three channels."""

    def __init__(self, folder: Path) -> None:
        change = load_torchvision("transforms")
        self.files = sorted(folder.iterdir())
        self.change = change.Compose([change.RandomHorizontalFlip(), change.ToTensor()])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        import cv2
        from PIL import Image

        image = self.change(Image.open(self.files[index]).convert("RGB"))
        mask = np.ones((32, 32, 3), np.uint8)
        for _ in range(np.random.randint(1, 10)):
            x1, x2 = np.random.randint(1, 32), np.random.randint(1, 32)
            y1, y2 = np.random.randint(1, 32), np.random.randint(1, 32)
            cv2.line(mask, (x1, y1), (x2, y2), (0, 0, 0), np.random.randint(1, 3))
        return image, torch.from_numpy(mask).permute(2, 0, 1).float()


def usual_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> float:
    """The loop of a tutorial."""
    running = 0.0
    for image, mask in loader:
        optimizer.zero_grad()
        prediction = network(image * mask, mask)
        loss = F.mse_loss(prediction * (1 - mask), image * (1 - mask))
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running


def picture_files(folder: Path, images: data.ImageSet) -> Path:
    from PIL import Image

    for number, picture in enumerate(images.images):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / f"{number:05d}.jpg")
    return folder


def test_both_networks_are_the_same():
    torch.manual_seed(0)
    ours, theirs = models.create("partial_unet"), UsualUNet()
    with torch.no_grad():
        layers = [[m for m in net.modules() if isinstance(m, PartialConv2d | ChannelMaskConv)] for net in (ours, theirs)]
        for mine, yours in zip(*layers, strict=True):
            yours.input_conv.weight.copy_(mine.weight)
            yours.input_conv.bias.copy_(mine.bias)
    image, mask = torch.rand(2, 3, 32, 32), masks.lines(2, 32, generator=torch.Generator().manual_seed(0)).float()
    torch.testing.assert_close(theirs(image * mask, mask.expand(-1, 3, -1, -1)), ours(image * mask, mask), rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in theirs.parameters() if p.requires_grad) == sum(p.numel() for p in ours.parameters())


def test_s0_beside_the_same_network_as_one_usually_meets_it(benchmark, report, tmp_path):
    count, batch = (16, 8) if benchmark.disabled else (512, presets.get("s0").batch_size)
    images = made_up(count)
    folder = picture_files(tmp_path, images)
    as_run, in_fp32 = ready("s0", images, batch, precision="auto"), ready("s0", images, batch)

    def ours(run: train.Run) -> Callable[[], object]:
        def epoch() -> None:
            for image in run.rest_of_epoch():
                train_step(run, image, run.draw_masks(image))
            run.next_epoch()

        return epoch

    def theirs(workers: int) -> Callable[[], object]:
        torch.manual_seed(0)
        network = UsualUNet()
        optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=2e-4)
        loader: Any = torch.utils.data.DataLoader(
            PictureFiles(folder), batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
        )
        return lambda: usual_epoch(network, optimizer, loader)

    others = [theirs(0)] if benchmark.disabled else [theirs(0), theirs(2)]
    benchmark.pedantic(ours(as_run), rounds=1)
    mine, single, *usual = in_turn(0 if benchmark.disabled else 5, ours(as_run), ours(in_fp32), *others)
    rates = f"against {', '.join(f'{count / seconds:.0f}' for seconds in usual)} images a second (with 0, 2 workers), medians of 5 epochs"
    # Both with the arithmetic that the other side has: what masks of one channel and an input side in memory are worth alone.
    report("S0's training in fp32 / the same", min(usual) / single, bar=1.25, at_least=True, how=f"{count / single:.0f} {rates}")
    how = f"{count / mine:.0f} in {as_run.precision}, as the command picks it here, {rates}"
    report("S0's training / channel masks and a PIL DataLoader", min(usual) / mine, bar=2, at_least=True, how=how)


# -- checkpoints


@pytest.mark.parametrize("name", ["partial_unet", "vanilla_unet"])
def test_checkpoint(name, benchmark, report, tmp_path):
    """vanilla_unet is the largest network of the course: with its average and Adam's two memories 124 MB."""
    keep = Ready()
    options = {"depth": 2} if benchmark.disabled and name == "vanilla_unet" else {}
    how: dict[str, Any] = {"epochs": 1, "batch_size": 8, "precision": "fp32", "device": "cpu", "progress": False, "callbacks": [keep]}
    train.fit(models.create(name, **options), made_up(16), masks.lines, losses.l1, **how)
    keep.run.model.train()
    train_step(keep.run, torch.rand(8, 3, 32, 32), torch.ones(8, 1, 32, 32))  # so that Adam has something to remember
    path = tmp_path / "last.safetensors"
    benchmark.pedantic(save_checkpoint, (keep.run, path), rounds=1)
    (seconds,) = in_turn(0 if benchmark.disabled else 7, lambda: save_checkpoint(keep.run, path))
    size = f"{path.stat().st_size / 1e6:.0f} MB in {seconds:.2f} s, median of 7, synced with the disk"
    report(f"a checkpoint of {name} / a minute of training", 100 * seconds / 60, bar=1, unit="%", how=size)
