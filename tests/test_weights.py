"""The weights that ship with the course: there, whole, small enough, and as good as their cards say."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading

import pytest
import torch
from safetensors.torch import save_file

from inpaintlib import baselines, data, masks, metrics, models
from inpaintlib._files import pack_safetensors, read_safetensors, write_atomically
from inpaintlib.models import pretrained
from inpaintlib.models.pretrained import FOLDER, SUMS, load_pretrained, render_card, save_pretrained
from inpaintlib.train import report

FILES = sorted(FOLDER.glob("*.safetensors"))
SHIPPED = [path.stem for path in FILES if path.stem in models.names()]


def test_all_weights_have_a_card_and_fit_into_40_megabytes():
    assert "partial_unet" in SHIPPED
    assert sum(path.stat().st_size for path in FILES) <= 40e6
    assert {path.stem for path in FOLDER.glob("*.md")} == {path.stem for path in FILES}
    for path in FILES:
        options, state, card = load_pretrained(path)
        assert path.with_suffix(".md").read_text("utf-8") == render_card(path.stem, options, card)
        wide = [key for key, tensor in state.items() if tensor.is_floating_point() and tensor.dtype != torch.float16]
        assert all(float(state[key].abs().max()) > 65504 for key in wide)  # beyond what 16 bits can hold


def test_the_recorded_checksums_are_those_of_the_files():
    """A file that was written with a checksum inside needs no line; a line for a file that is not there is one too many."""
    recorded = dict(line.split()[::-1] for line in SUMS.read_text("utf-8").splitlines())
    for path in FILES:
        if "sha256" not in read_safetensors(path)[1]:
            assert recorded.pop(path.name) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not recorded


def test_shipped_weights_with_a_flipped_bit_are_refused(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    path = tmp_path / "hole_detector.safetensors"
    whole = path.read_bytes()
    load_pretrained("hole_detector")
    for at in (0, 9, 100, 5000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"hole_detector\.safetensors is .*damaged .*fetching the course again"):
            load_pretrained("hole_detector")


def test_weights_of_ones_own_know_their_checksum_and_older_ones_load_without(tmp_path):
    path = save_pretrained(models.create("partial_unet", width=4), tmp_path / "mine.safetensors", {"about": "mine"})
    options, state, card = load_pretrained(path)
    whole = path.read_bytes()
    for at in (40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"mine\.safetensors is .*damaged"):
            load_pretrained(path)
    words = {"format": "inpaintlib weights 1", "options": json.dumps(options), "card": json.dumps(card)}
    save_file(state, path, metadata=words)
    assert load_pretrained(path)[2] == card
    for broken in ({"options": "{"}, {"card": "[]"}, {"card": ""}):
        save_file(state, path, metadata=words | broken)
        with pytest.raises(ValueError, match=rf"mine\.safetensors is damaged \(its header holds no {next(iter(broken))} that"):
            load_pretrained(path)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_ready_to_use_and_better_than_the_mean(name):
    model = models.create(name, pretrained=True)
    assert not any(part.training for part in model.modules()) and model.card is not None
    assert sum(p.numel() for p in model.parameters()) == model.card["parameters"]
    assert all(p.dtype == torch.float32 and bool(p.isfinite().all()) for p in model.parameters())
    first = masks.parse(model.card["masks"].split(",")[0])
    kind = next(iter(first.families)) if isinstance(first, masks.Mixture) else model.card["masks"].split(",")[0]
    target, holes = data.load_images("photos", "test", limit=100).float(), masks.benchmark(kind, 100)
    ours, mean = (
        metrics.psnr(fill(target, holes), target, data_range=1, mask=holes, region="hole").mean()
        for fill in (model.inpaint, baselines.mean_fill)
    )
    assert ours > mean + (0 if name == "context_encoder" else 1)  # all that it knows went through its bottleneck


def test_the_table_of_all_weights_is_up_to_date():
    root = FOLDER.parent.parent
    told = subprocess.run([sys.executable, root / "docs/weights.py", "--check"], capture_output=True, text=True, cwd=root)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", ["partial_unet", "vanilla_unet", "course_unet"])
def test_a_card_can_be_measured_again(name, full):
    """On the images that the card names; the first of its 5,000 give the same within what chance allows."""
    model = models.create(name, pretrained=True)
    assert model.card is not None
    try:
        images = data.load_images("cifar10", "test", limit=5000 if full else 500)
    except FileNotFoundError:
        pytest.skip("CIFAR-10 is not here")
    if images.source.split(",")[0] not in model.card["test images"]:
        pytest.skip(f"the card is about another copy than {images.source}")
    holes, words = report.benchmark_masks("lines", len(images), 32)
    if full:
        assert words in model.card["test masks"]
    found = report.measure(model, images, holes)
    told = {row.removeprefix("lines: "): values for row, values in model.card["quality on the test images"].items()}
    for row, values in found.items():
        assert told[row]["PSNR dB"] == pytest.approx(values["PSNR dB"], abs=0.05 if full else 0.9)
        assert told[row]["MAE"] == pytest.approx(values["MAE"], rel=0.01 if full else 0.12)
        assert told[row]["SSIM"] == pytest.approx(values["SSIM"], abs=0.002 if full else 0.025)


def test_the_cards_reach_what_the_course_promises():
    reached = {name: load_pretrained(name)[2]["quality on the test images"] for name in ("course_unet", "vanilla_unet")}
    assert reached["course_unet"]["lines: composited, image"]["PSNR dB"] >= 35
    assert reached["vanilla_unet"]["composited, image"]["PSNR dB"] >= 33.5


def test_a_file_that_is_replaced_while_it_is_read_is_read_whole(tmp_path):
    """A run saves while somebody looks: what comes is the file before or the one after, never some of each."""
    path, files = tmp_path / "it.safetensors", [pack_safetensors({"x": torch.full((n,), float(n))}, {"n": str(n)}) for n in (10, 5000)]
    write_atomically(path, files[0])
    done = threading.Event()

    def replace():
        while not done.is_set():
            for whole in files:
                write_atomically(path, whole)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(200):
            tensors, words = read_safetensors(path)
            assert len(tensors["x"]) == int(words["n"]) and bool((tensors["x"] == len(tensors["x"])).all())
    finally:
        done.set()
        writer.join()
