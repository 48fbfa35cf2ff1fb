"""Adversarial training beyond one call: from the command line, and in several processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inpaintlib import train
from inpaintlib.train import cli, opponents, players
from tests import adversarial_worker
from tests.training import one_thread, same

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


COMMAND = ["partial_unet", "--option", "width=4", "--data", "photos", "--limit", "64", "--precision", "fp32", "--device", "cpu"]
COMMAND += ["--epochs", "1", "--batch-size", "16", "--test-images", "20"]


def test_the_command_line_trains_against_a_critic_and_resumes(tmp_path, capsys):
    out = tmp_path / "run"
    against = ["--adversarial", "wgan_gp", "--adversarial-weight", "0.01", "--critic-option", "width=2", "--out", str(out)]
    assert cli.main([*COMMAND, *against]) == 0, capsys.readouterr().err
    history = train.History.read(out / "log.jsonl")
    assert {"critic.global", "critic.local", "penalty.local", "psnr_composited", "variety"} <= set(history.columns())
    assert list((out / "samples").glob("step_*.png"))
    card = json.loads(checkpoint_words(out / "partial_unet.safetensors")["card"])
    assert card["adversary"] == "wgan_gp, weight 0.01" and card["critic"] == "global+local width=2"
    assert "--adversarial wgan_gp" in card["command"]
    with pytest.warns(UserWarning, match="epochs was 1.0, is 2.0"):
        assert cli.main([*COMMAND, *against, "--epochs", "2", "--resume"]) == 0
    assert train.History.read(out / "log.jsonl")["critic.global"][0][-1] == 6
    assert cli.main([*COMMAND, "--epochs", "3", "--resume", "--out", str(out)]) == 2
    assert "fit_adversarial, with a critic" in capsys.readouterr().err


def checkpoint_words(path):
    from inpaintlib._files import read_safetensors

    return read_safetensors(path)[1]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("there is no critic 'judge'; expected one of context", ["--adversarial", "bce", "--critic", "judge"]),
        ("sn_patch does not take 'depth'; its options are size, width", ["--adversarial", "hinge", "--critic-option", "depth=3"]),
        ("expected --adversarial with one of bce, hinge, wgan_gp", ["--critic", "global"]),
        ("mixes the samples", ["--adversarial", "wgan_gp", "--critic", "context", "--critic-option", "width=2"]),
    ],
)
def test_critics_that_the_command_line_does_not_know_are_explained(message, words, tmp_path, capsys):
    assert cli.main([*COMMAND, *words, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err


def test_each_game_has_its_usual_critic():
    for game, names in (("bce", ["context"]), ("hinge", ["sn_patch"]), ("wgan_gp", ["global", "local"])):
        args = cli.parse(["gated_unet", "--adversarial", game, "--critic-option", "width=2"])
        critics = players.Critics(opponents.from_arguments(args, 32, cli.parse_options)["critic"])
        assert list(critics) == names and all(critic.options == {"size": 32, "width": 2} for critic in critics.values())
    assert opponents.from_arguments(cli.parse(["gated_unet"]), 32, cli.parse_options) == {}
    with pytest.raises(ValueError, match="32 x 48; expected square ones"):
        opponents.from_arguments(args, (32, 48), cli.parse_options)


def test_two_processes_play_as_one_would(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    root = Path(__file__).parents[1]
    words = [sys.executable, "-m", "tests.adversarial_worker", str(tmp_path)]
    ranks = [address | {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in range(2)]
    processes = [subprocess.Popen(words, env=os.environ | rank, cwd=root, stderr=subprocess.PIPE, text=True) for rank in ranks]
    alone = adversarial_worker.played()
    for process in processes:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for kind in ("bce", "hinge", "wgan_gp"):
        for network in ("model", "critic"):
            assert same(first[kind][network], second[kind][network]), f"{kind}: the {network} differs between the processes"
            for name, value in alone[kind][network].items():
                torch.testing.assert_close(first[kind][network][name], value, rtol=1e-4, atol=2e-6)
        assert first[kind]["losses"] == pytest.approx(alone[kind]["losses"], rel=1e-4, abs=1e-6)
