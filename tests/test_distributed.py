"""Training in several processes, as two of them do it here, on CPUs: that they do what one does, and what happens when one of them dies."""

from __future__ import annotations

import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor

from inpaintlib import losses
from inpaintlib.train import Callback, cli, ranks
from inpaintlib.train.checkpoint import load_checkpoint
from inpaintlib.train.history import History
from tests.distributed_worker import TERMS, Recorder, batch
from tests.training import noise, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "distributed.md"
STEPS = 30  # of the page's first command: 10 epochs of 3


def commands() -> list[str]:
    """The commands of the page, each in one line."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^(?: {4}|srun )(torchrun .*)", text, re.MULTILINE)


def start(command: str | list[str], folder: Path, **environment: str) -> subprocess.Popen[str]:
    words = shlex.split(command) if isinstance(command, str) else command
    assert words[0] == "torchrun"
    inherited = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK", "INPAINTLIB_DEVICE")}
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words[1:]], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**inherited, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def rank_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("RANK", "")
    except psutil.Error:  # it is just being born, or dying
        return ""


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def state(folder: Path) -> dict[str, Tensor]:
    """All that a run ended with, once it has done all of its steps."""
    tensors, words = load_checkpoint(folder / "last.safetensors")
    assert words["counters"]["step"] == STEPS
    return tensors


# -- what two processes saw: one start for all of these tests


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Any:
    """``seen(experiment)``: what each of the two processes wrote down."""
    folder = tmp_path_factory.mktemp("seen")
    command = ["torchrun", "--standalone", "--nproc-per-node=2", str(ROOT / "tests/distributed_worker.py"), str(folder), str(PAGE)]
    status, out, err = finish(start(command, folder))
    assert status == 0, out + err
    return lambda name: [torch.load(folder / f"{name}.{rank}.pt", weights_only=False) for rank in (0, 1)]


def test_loss_gradient_and_statistics_are_those_of_the_whole_batch(seen):
    image, mask = batch()
    model = tiny(1, dropout=0.0).double()
    terms = losses.WeightedSum(TERMS)(model(image * mask, mask), image, mask)
    sum(terms.values()).backward()
    for means, gradients, buffers in seen("exact"):
        for name, value in terms.items():
            torch.testing.assert_close(means[name], value.detach(), rtol=1e-12, atol=1e-14)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-11, atol=1e-13)
        for name, buffer in model.named_buffers():
            torch.testing.assert_close(buffers[name], buffer, rtol=1e-12, atol=1e-14)


def test_without_the_count_of_all_processes_the_gradient_would_be_another():
    """The test above can fail: the mean of the halves' losses is far from the loss of the whole."""
    image, mask = batch()
    prediction = tiny(1, dropout=0.0).double()(image * mask, mask).detach()
    whole = losses.hole_l1(prediction, image, mask)
    halves = [losses.hole_l1(*(tensor.chunk(2)[half] for tensor in (prediction, image, mask))) for half in (0, 1)]
    assert abs(sum(halves) / 2 - whole) > 0.001


def test_a_run_of_two_is_the_run_of_one_with_the_whole_batch(seen):
    first, second = seen("steps")
    whole = {name: torch.cat([first[name], second[name]], dim=1) for name in ("masks", "images")}
    replay, recorder, model = iter(whole["masks"]), Recorder(), tiny(0, dropout=0.0)
    history = short(model, **{**recorder.settings(), "masks": lambda count, size, *, generator=None: next(replay)})
    assert torch.equal(torch.stack(recorder.images), whole["images"])  # disjoint slices of the same batches, in the same order
    for ours, theirs in zip(recorder.gradients, first["gradients"], strict=True):
        for one, two in zip(ours, theirs, strict=True):
            assert float((one - two).norm()) <= 2e-4 * float(torch.cat([g.flatten() for g in ours]).norm())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(first["state"][name], value, rtol=1e-3, atol=1e-5)
    of_two = {row["step"]: row["loss"] for row in first["rows"] if "loss" in row}
    assert list(of_two.values()) == pytest.approx(history["loss"][1], rel=1e-4)


def test_both_hold_the_same_weights_and_the_same_history(seen):
    first, second = seen("steps")
    assert same(first["state"], second["state"]) and len(first["gradients"]) == 18
    for ours, theirs in zip(first["gradients"], second["gradients"], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert first["rows"] == second["rows"] and any("psnr_raw" in row for row in first["rows"]) and first["by"] == second["by"] != ""
    assert (first["calls"], second["calls"]) == (18, 0)  # callbacks are called on rank 0 alone


def test_masks_images_and_dropout_differ_by_process(seen):
    first, second = seen("steps")
    for name in ("masks", "images", "drawn"):
        assert len(first[name]) == len(second[name]) == 18
        assert not any(torch.equal(a, b) for a, b in zip(first[name], second[name], strict=True)), name
        assert len(second[name].flatten(1).unique(dim=0)) == 18, f"the {name} of rank 1 come again"


def test_a_run_of_two_resumes_to_the_bit_dropout_included(seen):
    for (whole, weights), (parts, resumed) in seen("chance"):
        assert same(weights, resumed)
        assert all(torch.equal(whole[name], parts[name]) for name in ("masks", "images", "drawn"))


def test_they_end_after_the_same_step_whoever_wants_to(seen):
    first, second = seen("ends")
    assert first == second
    (told, by_event, _), (timed, by_clock, (_, rates)), (early, by_callback, _) = first
    assert (told, by_event) == (4, "stopped")  # an event that was set on rank 1 alone
    assert timed > 1 and by_clock == "time is up" and rates[-1] < rates[0]
    assert early == 3 and "has not improved" in by_callback  # which rank 0 alone could see


@pytest.mark.parametrize("name", ["partial_unet", "course_unet", "coarse_to_fine"])
def test_networks_of_the_course_train_in_two_processes(seen, name):
    first, second = (states[name] for states in seen("networks"))
    assert same(first, second) and all(bool(value.isfinite().all()) for value in first.values())
    from inpaintlib import models

    torch.manual_seed(0)
    options = {"partial_unet": {"width": 4}, "course_unet": {"width": 8}, "coarse_to_fine": {"size": 32, "width": 4}}[name]
    assert not same(first, models.create(name, **options)), "it has not moved"


def test_what_cannot_work_is_refused_by_all_with_what_to_do(seen):
    expected = [
        "batch_size is 7, the whole batch of all 2 processes; expected a multiple of 2, such as 6 or 8", "cannot be shared by 2 processes",
        "process 1 has number_of_weights", "process 1 has number_of_images = 51, process 0 has 50", "process 1 has lr = 1.1",
        "no gradient reaches spare.weight (2 such parameters)", "Diverged: training stopped at step 1", "mps", "the error of rank 0",
    ]  # fmt: skip
    for said, (few, _) in seen("errors"):
        assert len(said) == len(expected)
        assert all(part in message for part, message in zip(expected, said, strict=True)), said
        assert few == [1, 2, 3]  # seven images: a batch of six


def test_the_script_of_the_page_trains_one_model(seen):
    (rows, weights), (same_rows, same_weights) = seen("script")
    assert rows == same_rows and rows[-1]["step"] == 4 and same(weights, same_weights)


# -- the command


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, str]:
    """The folder of the page's first command, and what that said."""
    folder = tmp_path_factory.mktemp("undisturbed")
    status, out, err = finish(start(commands()[0], folder))
    assert status == 0, out + err
    return folder / "runs/two", out


def test_two_processes_write_and_speak_as_one(undisturbed):
    folder, said = undisturbed
    for words in ("data:", "in each of 2 processes", "all epochs done", "composited, hole", "weights and card"):
        assert said.count(words) == 1, said
    found = {path.name for path in folder.iterdir()} - {"samples"}
    assert found == {".lock", "last.safetensors", "best.safetensors", "log.jsonl", "course_unet.safetensors", "course_unet.md"}
    steps = History.read(folder / "log.jsonl")["loss"][0]
    assert steps == [10, 20, 30]
    card = (folder / "course_unet.md").read_text("utf-8")
    assert "processes: 2" in card and f"command: {commands()[0].replace('runs/two', 'runs/two')}" in card


def test_one_is_killed_another_time_all_are_interrupted_and_two_machines_finish(undisturbed, tmp_path):
    """Each part goes on by the command that the part before it printed; the end is that of the run that nothing happened to."""
    folder = tmp_path / "runs/two"
    log, last = folder / "log.jsonl", folder / "last.safetensors"

    process = start(commands()[0] + " --checkpoint-seconds 0.01", tmp_path)
    wait_for(lambda: log.exists() and last.exists(), process)
    time.sleep(random.random() * 0.2)
    victim = random.choice("01")
    next(child for child in psutil.Process(process.pid).children(recursive=True) if rank_of(child) == victim).kill()
    killed = time.monotonic()
    status, out, err = finish(process)
    assert status != 0 and time.monotonic() - killed < 60, err
    assert err.count("error:") == 1 and "another process of this run has ended" in err, err
    assert f"What the run last saved is in {Path('runs/two/last.safetensors')}" in err
    assert f"rank      : {victim}" in err.split("Root Cause")[1]
    assert load_checkpoint(last)[1]["counters"]["step"] < STEPS, "it was killed too late to show anything"

    again = re.search(r"To go on:\n  (torchrun .*)", err)
    assert again and again[1] == commands()[0] + " --checkpoint-seconds 0.01 --resume"
    before = load_checkpoint(last)[1]["counters"]["step"]
    process = start(again[1], tmp_path)
    wait_for(lambda: load_checkpoint(last)[1]["counters"]["step"] > before, process)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert status != 0 and f"going on after step {before} " in out, out + err
    assert err.count("stopped after step") == 1 and again[1] in err, err

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    machine = commands()[2].split(" -m ")[0].replace("node0:29400", f"localhost:{port}").replace("nproc-per-node=4", "nproc-per-node=1")
    arguments = again[1].split(" -m ")[1]
    machines = [start(f"{machine} -m {arguments}", tmp_path) for _ in range(2)]
    ended = [finish(process) for process in machines]
    assert [status for status, _, _ in ended] == [0, 0], ended
    assert same(state(folder), state(undisturbed[0]))
    assert not list(folder.glob(".*.partial"))


def test_another_number_of_processes_goes_on_with_a_warning(undisturbed, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "last.safetensors").write_bytes((undisturbed[0] / "last.safetensors").read_bytes())
    arguments = shlex.split(commands()[0].split("inpaintlib.train ")[1])
    arguments[arguments.index("--out") + 1] = str(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert cli.main([*arguments, "--epochs", "11", "--resume"]) == 0, capsys.readouterr()
    assert any("processes was 2, is 1" in str(warning.message) for warning in caught)
    assert load_checkpoint(folder / "last.safetensors")[1]["counters"]["step"] == STEPS + 3


def test_every_command_of_the_page_is_one(tmp_path):
    """Those that need GPUs or a cluster cannot run here: their words are read as torchrun and the command would read them."""
    from torch.distributed.run import get_args_parser

    found = commands()
    assert len(found) == 4
    shell = re.search(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shell
    said = {"SLURM_JOB_NODELIST": "node[0-1]", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4", "SLURM_JOB_ID": "77"}
    for name, body in (("srun", 'printf "%s\\n" "$@"'), ("scontrol", "printf 'node0\\nnode1\\n'")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, **said, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    words = subprocess.run(["bash", "-euc", shell[1]], env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert "--rdzv-endpoint=node0:29400" in words and "--rdzv-id=77" in words and "--nproc-per-node=4" in words
    for command in [*found[:-1], shlex.join(words)]:
        launched = get_args_parser().parse_args(shlex.split(command)[1:])
        assert launched.module and launched.training_script == "inpaintlib.train", command
        args = cli.parse(launched.training_script_args)
        assert args.batch_size % (int(launched.nproc_per_node) * int(launched.nnodes[0])) == 0, command


# -- the environment


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, r"variable WORLD_SIZE is 'two'; expected a whole number, as torchrun sets it\. Start .* torchrun .* unset"),
        ({"WORLD_SIZE": "0", "RANK": "0"}, "RANK=0 and WORLD_SIZE=0; expected a rank below the size"),
        ({"WORLD_SIZE": "2"}, "variable RANK is ''; expected a whole number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2 and WORLD_SIZE=2; expected a rank below the size"),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "-1"}, "variable LOCAL_RANK is '-1'"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "here"}, "MASTER_PORT is not set, so the processes cannot find each other"),
    ],
)
def test_an_environment_that_torchrun_did_not_make(monkeypatch, environment, message, capsys):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        ranks.join("cpu")
    with pytest.raises(ValueError, match=message):
        short(tiny())
    assert cli.main(["partial_unet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and re.search(message, said) and said.count("\n") == 1


def test_a_single_process_of_torchrun_is_alone_and_nothing_changes(monkeypatch):
    one, two = tiny(), tiny()
    short(one)
    for name, value in (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    short(two)
    assert same(one, two) and ranks.join("cpu")[0] is ranks.ALONE and not torch.distributed.is_initialized()


def test_one_gpu_for_each_process_of_a_machine(monkeypatch):
    place = torch.device("cuda")
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert ranks._own_device(place, ranks.Ranks(5, 8, 1), asked=True) == torch.device("cuda:1") and chosen == [1]
    with pytest.raises(ValueError, match=r"process 2 of 4 is number 3 on its machine, which has 2 GPUs.*--nproc-per-node=2.*--device cpu"):
        ranks._own_device(place, ranks.Ranks(2, 4, 2), asked=True)
    with pytest.raises(ValueError, match="expected cuda without a number"):
        ranks._own_device(torch.device("cuda:1"), ranks.Ranks(0, 2, 0), asked=True)
    with pytest.raises(ValueError, match="cannot share the GPU of a Mac"):
        ranks._own_device(torch.device("mps"), ranks.Ranks(0, 2, 0), asked=True)
    assert ranks._own_device(torch.device("mps"), ranks.Ranks(0, 2, 0), asked=False) == torch.device("cpu")


def test_an_error_of_ones_own_is_not_taken_for_a_lost_process():
    from inpaintlib.train.distributed import watched

    two = ranks.Ranks(0, 2, 0)
    with pytest.raises(RuntimeError, match="mine"), watched(two):
        raise RuntimeError("mine")
    with pytest.raises(ranks.PeerLost, match=r"0 of 2 cannot go on either \(Read error .*: Connection reset by peer\)"), watched(two):
        raise RuntimeError("[/a/gloo/pair.cc:537] Read error [127.0.0.1]:7604: Connection reset by peer. This is typically caused by ...")


def test_batches_are_dealt_out_evenly_and_completely():
    images = noise(50)
    whole = list(images.batches(8, generator=torch.Generator().manual_seed(1), drop_last=True))
    shares = [list(images.batches(8, generator=torch.Generator().manual_seed(1), drop_last=True, share=(rank, 4))) for rank in range(4)]
    assert all(torch.equal(torch.cat(parts), batch) for *parts, batch in zip(*shares, whole, strict=True))
    for bad in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match=r"expected \(rank, ranks\)"):
            next(images.batches(8, share=bad))
    with pytest.raises(ValueError, match=r"expected a multiple of 4, such as 4\."):
        ranks.Ranks(0, 4).share_of(3, 100)


def test_batch_norm_is_as_it_was_after_a_run():
    model = tiny()
    short(model, callbacks=[Callback()])
    assert "forward" not in vars(model.norm)
