"""Reproducing the seeds: every study end to end at a tiny budget, its numbers recomputed, killed and resumed."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inpaintlib import data, losses, masks, metrics, models, published
from inpaintlib.layers import PartialConv2d
from inpaintlib.reproduce import cli, leak, parts, s0, s1, s2, s3, s4
from inpaintlib.reproduce.measure import Measured
from inpaintlib.reproduce.page import difference_in_words
from inpaintlib.reproduce.study import BUDGETS, Study
from inpaintlib.reproduce.wrong_layers import MISTAKES, WrongPartialConv2d, put_back
from inpaintlib.train import presets
from tests.training import one_thread, same

pytestmark = pytest.mark.usefixtures(one_thread.__name__)

TINY = ["--budget", "test", "--data", "photos", "--precision", "fp32", "--device", "cpu", "--threads", "1"]


def words(seed: str, folder: Path, *more: str) -> list[str]:
    return [seed, *TINY, "--runs", str(folder), *more]


def numbers(page: Path) -> dict[str, Any]:
    return json.loads(page.with_suffix(".json").read_text("utf-8"))["results"]


def study(name: str, budget: str = "small") -> Study:
    images, test = (data.load_images("photos", split, limit=64) for split in ("train", "test"))
    return Study(name, budget, 3, images, test, Path("nowhere"), "command")


# -- every seed, end to end


@pytest.mark.parametrize("seed", ["s0", "s1", "s2", "s3"])
def test_a_study_runs_and_its_page_says_what_it_must(seed: str, tmp_path: Path) -> None:
    assert cli.main(words(seed, tmp_path / "runs", "--seeds", "1")) == 0
    page = (tmp_path / "runs" / f"{seed}.md").read_text("utf-8")
    for part in ("The numbers mean nothing", "What was published", "95 % confidence interval", "SHA-256", "seed by seed", "± "):
        assert part in page, part
    assert f"    python -m inpaintlib.reproduce {seed} --budget test" in page and str(tmp_path) not in page
    assert data.load_images("photos", "test", limit=12).source in page
    assert page.count("How this was computed:") == page.count("\n|---|") - page.count("| figure | value |")
    assert "nan" not in page.lower().replace("finance", "")


def test_the_numbers_of_s4_are_those_of_its_networks(tmp_path: Path) -> None:
    page, runs = tmp_path / "s4.md", tmp_path / "runs"
    assert cli.main(words("s4", runs, "--seeds", "2", "--out", str(page))) == 0
    target = data.load_images("photos", "test", limit=12).float()
    mask = masks.benchmark("lines", count=12).float()
    found, text = numbers(page)["depths"], page.read_text("utf-8")
    for depth in (2, 5):
        raw, composited = [], []
        for seed in (0, 1):
            network = models.create("vanilla_unet", depth=depth, width=4).eval()
            network.load_state_dict(load_file(runs / f"depth{depth}-{seed}" / "weights.safetensors"))
            with torch.no_grad():
                picture = network(target * mask, mask).clamp(0, 1)
            raw.append((picture - target).abs().flatten(1).mean(1))
            composited.append(10 * torch.log10(1 / (((picture - target) * (1 - mask)) ** 2).flatten(1).mean(1)))
        each = torch.stack(raw).double()  # (2, 12)
        columns = found[f"depth {depth}"]["columns"]
        assert columns["raw mae"]["seeds"] == pytest.approx(each.mean(1).tolist(), abs=1e-6)
        half = 2.200985 * float(each.mean(0).std()) / math.sqrt(12)  # Student's t, 11 degrees of freedom, from a printed table
        assert columns["raw mae"]["mean"] == pytest.approx(float(each.mean()), abs=1e-6)
        assert columns["raw mae"]["half"] == pytest.approx(half, rel=1e-5)
        assert columns["composited psnr"]["mean"] == pytest.approx(float(torch.stack(composited).double().mean()), abs=1e-4)
        row = next(line for line in text.splitlines() if line.startswith(f"| depth {depth} |") and "±" in line)
        assert f"{columns['raw mae']['mean']:.4f} ± {half:.4f}" in row
        assert f"{columns['composited psnr']['mean']:.2f} ± " in row
    gap = numbers(page)["steps"]["depth 3 minus depth 2"]
    shallow, deeper = (found[f"depth {depth}"]["columns"]["raw mae"]["mean"] for depth in (2, 3))
    assert gap["mean"] == pytest.approx(deeper - shallow, abs=1e-6)

    _kept(runs, page, text)
    _refused(runs)


def _kept(runs: Path, page: Path, text: str) -> None:
    """With --resume finished parts are not trained again, and the page is the same."""
    times = {path: path.stat().st_mtime_ns for path in runs.glob("*/weights.safetensors")}
    assert len(times) == 8

    def never(*args: Any, **settings: Any) -> None:
        raise AssertionError("a finished part was trained again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "fit", never)
        assert cli.main(words("s4", runs, "--seeds", "2", "--out", str(page), "--resume")) == 0
    assert page.read_text("utf-8") == text
    assert times == {path: path.stat().st_mtime_ns for path in runs.glob("*/weights.safetensors")}


def _refused(runs: Path) -> None:
    """A folder with parts is not mixed with a new study, nor with other settings; damaged weights are named."""
    images = data.load_images("photos", "train", limit=512)
    arm = s4.arms(study("s4", "test"))[0]
    how: dict[str, Any] = {"device": "cpu", "precision": "fp32", "say": lambda line: None}
    with pytest.raises(ValueError, match=r"8 parts of a study .*--resume"):
        parts.check_folder(runs, resume=False)
    with pytest.raises(ValueError, match=r"recipe was .*'lr': 0\.002.*--runs"):
        parts.train_part(replace(arm, recipe=replace(arm.recipe, lr=0.5)), 0, images, runs / "depth2-0", **how)
    weights = runs / "depth2-0" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"cut off or damaged.*Delete it"):
        parts.train_part(arm, 0, images, runs / "depth2-0", **how)


KILLED = """
import os, signal, sys
from inpaintlib.train import loop
from inpaintlib.reproduce import cli
step, count = loop.train_step, 0
def deadly(*args):
    global count
    count += 1
    if count == 2 + 2:  # the second part's second step of two
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*args)
loop.train_step = deadly
cli.main(sys.argv[1:])
"""


def test_a_study_killed_half_way_goes_on(tmp_path: Path) -> None:
    runs, other, page = tmp_path / "runs", tmp_path / "other", tmp_path / "s4.md"
    command = words("s4", runs, "--seeds", "1", "--out", str(page))
    killed = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True, text=True, timeout=200)
    assert killed.returncode == -9, killed.stderr
    done = [path.parent.name for path in runs.glob("*/weights.safetensors")]
    assert done == ["depth2-0"] and (runs / "depth3-0" / "part.json").exists() and not page.exists()
    before = (runs / "depth2-0" / "weights.safetensors").stat().st_mtime_ns
    assert cli.main([*command, "--resume"]) == 0
    assert (runs / "depth2-0" / "weights.safetensors").stat().st_mtime_ns == before
    assert cli.main(words("s4", other, "--seeds", "1")) == 0  # undisturbed
    for path in other.glob("*/weights.safetensors"):
        assert same(load_file(path), load_file(runs / path.parent.name / path.name)), path
    assert numbers(page) == numbers(other / "s4.md")
    assert not list(runs.glob("*/last.safetensors"))  # what a finished part no longer needs


def test_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words("s4", tmp_path, "--seeds", "0")) == 2
    assert "--seeds is 0; expected at least 1" in capsys.readouterr().err
    (tmp_path / "depth2-0").mkdir()
    (tmp_path / "depth2-0" / "part.json").write_text("{}")
    assert cli.main(words("s4", tmp_path)) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.command_line(["s4", "--resume", "--runs=/home/me/a", "--out", "/tmp/b.md"]) == (
        "python -m inpaintlib.reproduce s4 --runs=a --out b.md"
    )


# -- fair arms


@pytest.mark.parametrize("budget", BUDGETS)
def test_arms_that_are_compared_see_the_same(budget: str) -> None:
    for name, make in (("s0", s0.arms), ("s1", s1.arms), ("s2", s2.arms), ("s3", s3.centre_arms), ("s3", s3.term_arms), ("s4", s4.arms)):
        found = study(name, budget)
        arms = make(found)
        assert len({arm.name for arm in arms}) == len(arms)
        assert len({arm.recipe.seen(len(found.images)) for arm in arms}) == 1, name
        assert len({(arm.recipe.masks, arm.recipe.batch_size) for arm in arms}) == 1, name
        if name not in ("s0", "s3"):  # there the recipe, or the loss, is what is compared
            assert len({arm.recipe for arm in arms}) == 1, name


def test_the_full_budget_trains_as_the_seed_did() -> None:
    found = study("s4", "full")
    for arm in s4.arms(found):
        preset = presets.get("s4")
        recipe = arm.recipe
        assert (recipe.loss, recipe.batch_size, recipe.lr, recipe.schedule, recipe.clip) == ("l1", 32, preset.lr, "constant", 0)
        assert recipe.images == published.get("s4.epochs").value * len(found.images)
    deepest = s4.arms(found)[-1].build(0)[0]
    assert sum(p.numel() for p in deepest.parameters()) == published.get("s4.parameters").value


def test_one_seed_is_one_first_network_and_leaves_chance_alone() -> None:
    arm = s1.arms(study("s1", "test"))[1]
    state = torch.get_rng_state()
    assert same(arm.build(1)[0], arm.build(1)[0]) and not same(arm.build(1)[0], arm.build(2)[0])
    assert torch.equal(state, torch.get_rng_state())


def test_the_ladder_of_terms_ends_in_the_total_loss() -> None:
    prediction, target = torch.rand(2, 2, 3, 32, 32)
    mask = masks.boxes(2, 32, generator=torch.Generator().manual_seed(0)).float()
    rungs: list[dict[str, torch.Tensor]] = [arm.loss()(prediction, target, mask) for arm in s3.term_arms(study("s3", "test"))]  # type: ignore[misc]
    for less, more in itertools.pairwise(rungs):
        assert set(less) < set(more) and all(torch.equal(less[name], more[name]) for name in less)
    assert set(rungs[-1]) == set(losses.LIU_WEIGHTS)
    assert float(rungs[0]["hole"]) == pytest.approx(6 * float(losses.hole_l1(prediction, target, mask, over="image")))


# -- the three mistakes


def layers(*mistakes: str) -> tuple[PartialConv2d, WrongPartialConv2d]:
    torch.manual_seed(0)
    right = PartialConv2d(4, 5, 3, stride=2, padding=1)
    return right, WrongPartialConv2d(right, mistakes)


def holes() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.ones(2, 1, 8, 8)
    mask[..., 2:7, 2:7] = 0
    return torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)), mask


@torch.no_grad()
def test_each_mistake_is_that_mistake() -> None:
    x, mask = holes()
    right, none = layers()
    y, new_mask = right(x, mask)
    assert torch.equal(none(x, mask)[0], y)
    bias = right.bias[:, None, None]  # type: ignore[index]
    known, hole = new_mask.expand_as(y) > 0, new_mask.expand_as(y) == 0
    assert hole.any() and not y[hole].any()

    small, _ = layers("factor")[1](x, mask)
    assert torch.allclose((small - bias)[known], (y - bias)[known] / 4, atol=1e-6)  # 1 / Cin
    filled, _ = layers("bias")[1](x, mask)
    assert torch.equal(filled[hole], bias.expand_as(y)[hole]) and torch.allclose(filled[known], y[known])
    trained = layers("kernels")[1]
    drifted, drifted_mask = trained(x, mask)
    assert torch.allclose(drifted, y, atol=1e-5) and torch.equal(drifted_mask, new_mask.expand_as(y))  # before any training
    trained.counting.mul_(0.5)  # type: ignore[union-attr]
    assert not torch.allclose(trained(x, mask)[0], y, atol=1e-3)


def test_the_mask_kernels_are_as_many_as_were_printed_and_do_drift() -> None:
    network = put_back(*MISTAKES)(models.create("partial_unet_s1"))
    assert sum(p.numel() for p in network.parameters()) == published.get("s1.partial.parameters").value
    small = put_back("kernels")(models.create("partial_unet_s1", width=2))
    image, mask = torch.rand(2, 3, 32, 32), masks.boxes(2, 32, generator=torch.Generator().manual_seed(0)).float()
    losses.l1(small(image * mask, mask), image, mask).backward()
    counting = [p.grad for name, p in small.named_parameters() if name.endswith("counting")]
    assert len(counting) == 16 and any(bool(grad.abs().max() > 0) for grad in counting if grad is not None)
    with pytest.raises(ValueError, match="window is none of factor, bias, kernels"):
        put_back("window")


# -- the leak


def test_every_leaked_bit_can_be_read() -> None:
    image = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    mask = masks.lines(5, 32, generator=torch.Generator().manual_seed(0))
    damaged = leak.cut_by_and(image, mask)
    hole = (mask == 0).expand_as(image)
    assert torch.equal(damaged[~hole], image[~hole]) and int(damaged[hole].max()) <= 1  # looks black
    assert torch.equal(leak.decode(damaged, mask)[hole], image[hole] % 2)


def test_parity_moves_to_the_nearest_value_that_has_it() -> None:
    filled = torch.linspace(0, 1, 1021, dtype=torch.float64).view(1, 1, 1, -1)
    for bit in (0, 1):
        bits = torch.full(filled.shape, bit, dtype=torch.uint8)
        moved = leak.with_parity(filled, bits, torch.zeros(1, 1, 1, 1021)) * 255
        allowed = torch.arange(bit, 256, 2, dtype=torch.float64)
        nearest = (filled.flatten()[:, None] * 255 - allowed).abs().amin(1)
        assert torch.allclose((moved.flatten() - filled.flatten() * 255).abs(), nearest, atol=1e-6)


def test_what_the_leak_is_worth() -> None:
    images = data.load_images("photos", "test", limit=6)
    mask = masks.benchmark("lines", count=6)
    filled = (images.float() + 0.4 / 255).clamp(0, 1)  # nearly right: the bit decides nothing, or everything
    found = leak.look(images.images, mask, filled)
    assert found.recovered == 1 and found.exact_before > 0.99 and found.exact_after > 0.99
    assert found.hidden == pytest.approx(3 * float((mask == 0).sum()) / 6)
    one_off = leak.look(images.images, mask, ((images.images.int() + 1).clamp(max=255) - 0.3) / 255)
    assert one_off.exact_before < 0.1 and one_off.exact_after > 0.9 and one_off.gain.mean > 10


# -- words


def test_a_difference_is_claimed_only_where_images_and_seeds_agree() -> None:
    noise = torch.rand(2, 500, generator=torch.Generator().manual_seed(0))
    low = Measured("low", {"raw psnr": noise + 20})
    assert difference_in_words(Measured("high", {"raw psnr": noise + 21.5}), low, "raw psnr").startswith("1.50 ± 0.00 dB higher than")
    assert difference_in_words(low, Measured("same", {"raw psnr": noise.flip(1) + 20}), "raw psnr").startswith("not to be told from")
    split = torch.stack([noise[0] + 22, noise[1] + 19.5])  # one seed better, one worse
    assert difference_in_words(Measured("split", {"raw psnr": split}), low, "raw psnr").startswith("not to be told from")
    dice = metrics.dice_of_truth(torch.full((1, 3, 2, 2), 0.5))
    assert float(dice) == 0.5
