"""``python -m inpaintlib.train``: killed, interrupted and resumed as a process; its card; its messages.

The runs are tiny: 64 crops of photographs, 32-bit floats, one thread, which makes them repeatable to the bit.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from inpaintlib import data, masks, metrics, models
from inpaintlib.models.pretrained import load_pretrained, render_card, save_pretrained
from inpaintlib.train import cli, report
from inpaintlib.train.history import History
from tests.training import one_thread, same

pytestmark = pytest.mark.usefixtures(one_thread.__name__)

TINY = ["partial_unet", "--option", "width=4", "--data", "photos", "--limit", "64"]
TINY += ["--precision", "fp32", "--threads", "1", "--device", "cpu"]
LONG = [*TINY, "--epochs", "30", "--batch-size", "8", "--checkpoint-seconds", "0.05", "--evaluate", "5", "--test-images", "20"]
STEPS = 210  # 30 epochs of 7: the 7 crops of one photograph are held out


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "inpaintlib.train", *LONG, "--out", str(out), *more]


def steps_logged(out: Path) -> int:
    path = out / "log.jsonl"
    lines = path.read_text().splitlines()[-2:] if path.exists() else []
    return max((json.loads(line)["step"] for line in lines if line.endswith("}")), default=0)


def written(out: Path) -> int:
    """When the log was last written to; 0 before there is one."""
    log = out / "log.jsonl"
    return log.stat().st_mtime_ns if log.exists() else 0


def stop_at(out: Path, step: int, how: signal.Signals, *more: str) -> tuple[int, str]:
    """Start, or resume, a run; send it a signal at a random moment after ``step`` was logged; returns its exit status and what it said."""
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    before = written(out)  # the part before may have come further than `step`: this one must at least have written something itself
    with subprocess.Popen(command(out, *more), start_new_session=True, **streams) as process:
        deadline = time.monotonic() + 120
        while (written(out) == before or steps_logged(out) < step) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(random.random() * 0.1)
        process.send_signal(how)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


def final(out: Path) -> dict[str, torch.Tensor]:
    """All that a run ends with: weights, their average, the optimizer's memory, the streams of chance."""
    from inpaintlib.train.checkpoint import load_checkpoint

    tensors, state = load_checkpoint(out / "last.safetensors")
    assert state["counters"]["step"] == STEPS
    return tensors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The folder of the run that nothing happened to."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run(command(out), check=True, capture_output=True)
    return out


def goes_on(out: Path, ends: list[signal.Signals]) -> list[int]:
    """End a run again and again, each time at a random moment, and resume it; then let it finish. Returns the steps it was ended after."""
    moments = sorted(random.sample(range(5, STEPS - 40), len(ends)))
    for number, (how, step) in enumerate(zip(ends, moments, strict=True)):
        status, said = stop_at(out, step, how, *(["--resume"] if number else []))
        assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130), said
        if how != signal.SIGKILL:
            assert "stopped after step" in said and "saved in" in said and "To go on:\n  python -m inpaintlib.train partial_unet" in said
            assert said.rstrip().endswith("--resume") and said.count("--resume") == 1
    done = subprocess.run(command(out, "--resume"), capture_output=True, text=True)
    assert done.returncode == 0 and "going on after step" in done.stdout, done.stdout + done.stderr
    return moments


def rows(out: Path) -> list[dict[str, float]]:
    """The history without what a clock says."""
    clocks = ("seconds", "images_per_second")
    return [{name: value for name, value in row.items() if name not in clocks} for row in History.read(out / "log.jsonl").rows]


@pytest.mark.timeout(1800)  # up to 21 processes
def test_a_run_that_is_killed_goes_on_as_if_nothing_had_happened(undisturbed, tmp_path, full):
    """kill -9 at random moments, twice or twenty times: weights, average, optimizer, chance and every row of the history, to the bit."""
    out = tmp_path / "ein Ordner für Läufe"
    moments = goes_on(out, [signal.SIGKILL] * (20 if full else 2))
    assert same(final(out), final(undisturbed)), f"killed after the steps {moments}"
    assert rows(out) == rows(undisturbed), f"killed after the steps {moments}"
    shipped, expected = (load_pretrained(folder / "partial_unet.safetensors") for folder in (out, undisturbed))
    assert same(shipped[1], expected[1]) and shipped[2]["quality on the test images"] == expected[2]["quality on the test images"]


def test_a_run_that_is_asked_to_end_saves_and_says_how_to_go_on(undisturbed, tmp_path):
    """Ctrl-C and a cluster's polite end. Each closes its row of means early and looks once more; all other rows are the same ones."""
    ends = [signal.SIGINT, signal.SIGTERM]
    random.shuffle(ends)
    moments = goes_on(tmp_path / "run", ends)
    assert same(final(tmp_path / "run"), final(undisturbed)), f"ended by {ends} after the steps {moments}"
    seen, expected = rows(tmp_path / "run"), rows(undisturbed)
    assert sum(row not in seen for row in expected) <= len(ends)


def test_the_card_tells_what_can_be_measured_again(undisturbed):
    options, state, card = load_pretrained(undisturbed / "partial_unet.safetensors")
    assert options == {"width": 4, "squeeze": True}
    assert all(tensor.dtype == torch.float16 for tensor in state.values() if tensor.is_floating_point())
    model = models.create("partial_unet", **options)
    model.load_state_dict(state)
    model.eval()

    test = data.load_images("photos", "test", limit=20)
    target, mask = test.float(), masks.benchmark("lines", 20).float()
    with torch.no_grad():
        raw = model(target * mask, mask)
    filled = model.inpaint(target, mask)
    table = card["quality on the test images"]
    for row, picture, region in (
        ("raw, image", raw, "all"), ("raw, hole", raw, "hole"), ("composited, image", filled, "all"), ("composited, hole", filled, "hole"),
    ):
        where: Any = {"mask": mask, "region": region}
        # 16-bit weights move the figures a little
        assert table[row]["PSNR dB"] == pytest.approx(float(metrics.psnr(picture, target, data_range=1.0, **where).mean()), abs=0.02)
        assert table[row]["MAE"] == pytest.approx(float(metrics.mae(picture, target, **where).mean()), rel=0.01)
        assert table[row]["SSIM"] == pytest.approx(float(metrics.ssim(picture, target, data_range=1.0, **where).mean()), abs=0.002)
    assert table["raw, hole"]["PSNR dB"] == pytest.approx(table["composited, hole"]["PSNR dB"])

    assert card["steps"] == STEPS and card["epochs"] == 30 and card["images seen"] == STEPS * 8 and card["seed"] == 0
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    assert card["torch"] == torch.__version__ and card["training images"] <= 64 and "scikit-image" in card["data"]
    assert masks.sha256(masks.benchmark("lines", 20))[:16] in card["test masks"]


def test_the_card_for_people_is_the_card_and_names_no_place_on_this_machine(undisturbed):
    options, _, card = load_pretrained(undisturbed / "partial_unet.safetensors")
    text = (undisturbed / "partial_unet.md").read_text("utf-8")
    assert text == render_card("partial_unet", options, card)
    assert str(undisturbed.parent) not in text and os.uname().nodename not in text and str(Path.home()) + "/" not in text
    assert card["command"].startswith("python -m inpaintlib.train partial_unet") and "--seed" not in card["command"]
    for word in ("MAE", "SSIM", "composited, hole", "images a second", "6*hole_l1+valid_l1", "one_cycle", str(card["date"])):
        assert word in text


def test_the_command_in_the_card_repeats_the_run(undisturbed, tmp_path):
    _, _, card = load_pretrained(undisturbed / "partial_unet.safetensors")
    words = shlex.split(card["command"])
    assert words[:3] == ["python", "-m", "inpaintlib.train"]
    args = cli.parser().parse_args(words[3:])
    expected = cli.parser().parse_args([*LONG, "--out", str(undisturbed)])
    assert {**vars(args), "out": ""} == {**vars(expected), "out": ""}


def test_a_run_in_this_process_from_start_to_weights(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    how = ["--epochs", "2", "--batch-size", "16", "--masks", "boxes", "--loss", "hole_mse", "--ema", "0", "--schedule", "step"]
    status = cli.main([*TINY, *how, "--test-images", "5", "--card", "A run of a test.", "--export", "deep/er/mine.safetensors"])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "composited, hole" in said.out and "weights and card" in said.out and signal.getsignal(signal.SIGTERM) is handler
    _, _, card = load_pretrained(tmp_path / "deep/er/mine.safetensors")
    assert card["about"] == "A run of a test." and card["loss"] == "hole_mse" and card["schedule"] == "step" and "boxes" in card["masks"]
    assert (tmp_path / "runs/partial_unet/log.jsonl").exists()
    assert cli.main([*TINY, *how]) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_a_run_goes_on_from_trained_weights_and_the_card_tells_the_whole_story(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    how = ["--epochs", "1", "--batch-size", "32", "--test-images", "5"]
    assert cli.main([*TINY, *how, "--out", "first"]) == 0
    still = [*TINY, *how, "--lr", "1e-12", "--ema", "0", "--schedule", "constant"]  # steps too small to see: what comes out is what went in
    assert cli.main([*still, "--start", "first/partial_unet.safetensors", "--out", "second"]) == 0
    _, before, old = load_pretrained(tmp_path / "first/partial_unet.safetensors")
    _, after, card = load_pretrained(tmp_path / "second/partial_unet.safetensors")
    weights = [key for key in before if key.endswith("weight")]
    assert weights and all(torch.allclose(before[key], after[key], atol=1e-6) for key in weights)
    assert card["started from"].startswith("1.0 epochs") and old["command"] in card["started from"]
    capsys.readouterr()
    assert cli.main([*still, "--option", "squeeze=False", "--start", "first/partial_unet.safetensors", "--out", "third"]) == 2
    said = capsys.readouterr().err
    assert "these weights were made with" in said and "squeeze" in said and not Path("third").exists()
    assert cli.main(["vanilla_unet", *TINY[3:], *how, "--start", "first/partial_unet.safetensors", "--out", "third"]) == 2
    assert "vanilla_unet does not take" in capsys.readouterr().err


def test_a_mixture_of_masks_is_measured_family_by_family(tmp_path, capsys):
    how = ["--epochs", "1", "--batch-size", "32", "--masks", "2*lines+boxes", "--test-images", "8", "--out", str(tmp_path)]
    assert cli.main([*TINY, *how]) == 0
    said = capsys.readouterr()
    assert "lines: composited, hole" in said.out, said.err
    options, state, card = load_pretrained(tmp_path / "partial_unet.safetensors")
    table = card["quality on the test images"]
    assert len(table) == 8 and card["masks"] == "2*lines+boxes, drawn afresh for every batch"
    model = models.create("partial_unet", **options)
    model.load_state_dict(state)
    test = data.load_images("photos", "test", limit=8)
    for kind in ("lines", "boxes"):
        frozen = masks.benchmark(kind, 8)
        assert masks.sha256(frozen)[:16] in card["test masks"]
        for row, values in report.measure(model, test, frozen).items():
            assert table[f"{kind}: {row}"]["MAE"] == pytest.approx(values["MAE"], rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["unet"], "there is no model 'unet'"),
        (["partial_unet", "--option", "depth"], "expected KEY=VALUE"),
        (["partial_unet", "--option", "depth=3"], "partial_unet does not take 'depth'; its options are width, "),
        (["partial_unet", "--masks", "scratches"], "expected one of lines, strokes"),
        (["partial_unet", "--masks", "lines+scratches"], "'scratches'"),
        (["partial_unet", "--loss", "hole_l3"], "hole_l3"),
        (["partial_unet", "--data", "/no/such/folder"], "/no/such/folder"),
        ([*TINY, "--epochs", "0"], "epochs is 0.0"),
        ([*TINY, "--limit", "0"], "0"),
        ([*TINY, "--threads", "-1"], "--threads is -1; expected at least 1"),
        ([*TINY, "--option", "width=0"], "width is 0; expected a whole number, at least 1"),
        # what would be refused when the weights are written is refused before the training
        ([*TINY, "--epochs", "1", "--export", "mine.pt"], "ends in .safetensors"),
        ([*TINY, "--epochs", "1", "--card", "As in /home/me/notes."], "a path of this machine"),
    ],
)
def test_mistakes_end_with_one_line_that_helps(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_folders_of_this_machine_are_named_by_their_last_part_alone():
    words = ["partial_unet", "--out=~/runs/a", "--data", "~/pictures", "--masks", "lines"]
    assert cli.command_line(words) == "python -m inpaintlib.train partial_unet --out=a --data pictures --masks lines"


def test_options_are_written_in_full(capsys):
    """``--exp x.safetensors`` would get past what takes --export out of the card's command."""
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["partial_unet", "--res"])
    assert "unrecognized arguments: --res" in capsys.readouterr().err


def test_help_names_every_option_and_every_model():
    text = cli.parser().format_help()
    for action in cli.parser()._actions:
        assert action.help and all(flag in text for flag in action.option_strings)
    assert all(name in text.replace("\n", " ") for name in models.names()) and "--resume goes on where it was" in text


def test_options_are_read_as_python_reads_them():
    assert cli.parse_options(["a=1", "b=2.5", "c=False", "d=(1, 2)", "e=None", "f=wide", "g='1'"]) == {
        "a": 1, "b": 2.5, "c": False, "d": (1, 2), "e": None, "f": "wide", "g": "1",
    }
    for word in ("on", "yes", "true", "off", "no", "false"):
        assert all(cli.parse_options([f"a={case}"])["a"] is (word in ("on", "yes", "true")) for case in (word, word.upper(), word.title()))


# -- shipped weights


def test_weights_come_back_as_they_went(tmp_path):
    torch.manual_seed(0)
    model = models.create("partial_unet", width=4)
    with torch.no_grad():
        model.down[0].norm.running_var.fill_(70_000.0)  # beyond what 16 bits can hold
    path = save_pretrained(model, tmp_path / "some" / "partial_unet.safetensors", {"about": "x", "steps": 1000, "deep": {"a": {"b": 1.0}}})
    options, state, card = load_pretrained(path)
    assert options == model.options and card == {"about": "x", "steps": 1000, "deep": {"a": {"b": 1.0}}}
    for name, tensor in model.state_dict().items():
        assert torch.equal(state[name], tensor if "down.0.norm.running_var" in name or not tensor.is_floating_point() else tensor.half())
    assert json.loads(json.dumps(card)) == card and "steps: 1,000" in path.with_suffix(".md").read_text()


def test_weights_that_should_not_be_saved_or_loaded(tmp_path):
    model = models.create("partial_unet", width=4)
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        save_pretrained(model, tmp_path / "partial_unet.pt", {})
    with pytest.raises(ValueError, match="a path of this machine"):
        save_pretrained(model, tmp_path / "a.safetensors", {"command": "train --data=/home/me/pictures"})
    for value in (["/home/me/secret"], ("a", {"b": "~/runs"}), "file:///home/me/x", "(/home/me)"):
        with pytest.raises(ValueError, match="a path of this machine"):
            save_pretrained(model, tmp_path / "a.safetensors", {"files": value})
    save_pretrained(model, tmp_path / "fine.safetensors", {"speed": "10 images / second", "norm": "mean / std, 1/2 and/or 3 / 4"})
    (tmp_path / "fine.safetensors").unlink(), (tmp_path / "fine.md").unlink()
    with pytest.raises(ValueError, match="without a name"):
        save_pretrained(torch.nn.Linear(2, 2), tmp_path / "a.safetensors", {})
    with torch.no_grad():
        model.head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"head\.bias hold NaN"):
        save_pretrained(model, tmp_path / "a.safetensors", {})
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"no weights 'nobody'; .* Expected one of coarse_to_fine, .*ends in \.safetensors"):
        load_pretrained("nobody")
    with pytest.raises(ValueError, match=r"no weights '.*mine\.safetensors'; .*given as --out"):
        load_pretrained(tmp_path / "mine.safetensors")
    torch.save({}, tmp_path / "p.safetensors")
    (tmp_path / "t.safetensors").write_bytes(b"12345678901234567890")
    for name, message in (("p", "p.safetensors is a pickle"), ("t", "t.safetensors is cut off or damaged")):
        with pytest.raises(ValueError, match=message):
            load_pretrained(tmp_path / f"{name}.safetensors")


def test_measuring_in_parts_is_measuring_at_once():
    torch.manual_seed(0)
    model = models.create("partial_unet", width=4)
    images, holes = data.load_images("photos", "test", limit=13), masks.benchmark("boxes", 13)
    one, other = report.measure(model, images, holes, batch_size=5), report.measure(model, images, holes, batch_size=13)
    assert model.training
    for row, values in one.items():
        assert values == pytest.approx(other[row], rel=1e-5)


def test_frozen_masks_go_round_when_there_are_more_images(monkeypatch):
    holes, words = report.benchmark_masks("lines", 10_003, 32)
    assert len(holes) == 10_003 and torch.equal(holes[10_000:], holes[:3]) and "first 10,000 of lines" in words
