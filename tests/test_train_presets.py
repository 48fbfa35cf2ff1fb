"""Presets: what each means on the command line, what wins over it, and that each one trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inpaintlib import losses, masks, models
from inpaintlib.train import cli, presets, schedules
from tests.training import one_thread

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_names_only_what_there_is(name: str) -> None:
    preset = presets.get(name)
    model = models.create(preset.model, **preset.options)
    mask = masks.parse(preset.masks)(2, 32, generator=torch.Generator().manual_seed(0)).float()
    image = torch.rand(2, 3, 32, 32)
    result = losses.parse(preset.loss)(model.train()(image * mask, mask), image, mask)
    terms = result.values() if isinstance(result, dict) else [result]
    assert all(bool(term.isfinite()) for term in terms)
    assert preset.schedule in schedules.names()
    args = cli.parse(["--preset", name])
    assert {key: value for key, value in vars(args).items() if key in preset.arguments()} == preset.arguments()
    assert preset.about.endswith(".") and preset.about in cli.parser().format_help()


def test_s4_is_what_its_source_says() -> None:
    a = cli.parse(["--preset", "s4"])
    assert (a.name, a.loss, a.optimizer, a.batch_size, a.epochs, a.masks) == ("vanilla_unet", "l1", "adam", 32, 20, "lines")
    assert not a.clip and not a.ema and a.schedule == "constant"


def test_what_is_given_wins_over_the_preset_wherever_it_stands() -> None:
    for words in (["--lr", "0.5", "--preset", "s0"], ["--preset", "s0", "--lr=0.5"]):
        args = cli.parse(words)
        assert args.lr == 0.5 and args.schedule == "step"
    assert cli.parse(["--preset", "s0", "--lr", "0.002"]).lr == 0.002  # the default of the command line, given on purpose


def test_minutes_take_the_place_of_the_presets_epochs() -> None:
    assert cli.parse(["--preset", "s3", "--minutes", "2"]).epochs is None
    both = cli.parse(["--preset", "s3", "--minutes", "2", "--epochs", "3"])
    assert (both.minutes, both.epochs) == (2, 3)


def test_options_are_added_to_the_presets_and_go_with_its_network() -> None:
    assert cli.parse_options(cli.parse(["--preset", "s3", "--option", "latent=64"]).option) == {"size": 32, "latent": 64}
    other = cli.parse(["partial_unet_s1", "--preset", "s1"])
    assert other.name == "partial_unet_s1" and other.loss == "l1"
    assert cli.parse(["gated_unet", "--preset", "s2"]).option == []  # those of coarse_to_fine are not its
    assert cli.parse(["--preset", "s2"]).option == ["size=32", "width=16"]  # and nothing of that has stuck


def test_without_name_and_preset_there_is_nothing_to_train(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse([])
    assert "--preset" in capsys.readouterr().err
    with pytest.raises(ValueError, match="s0, s1"):
        presets.get("s9")


def test_a_run_with_a_preset_writes_the_presets_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["--data", "photos", "--limit", "64", "--test-images", "4", "--epochs", "1", "--option", "width=4", "--option", "latent=8"]
    out = tmp_path / "run"
    words = ["--preset", "s3", *tiny, "--precision", "fp32", "--device", "cpu", "--out", str(out)]
    with pytest.warns(UserWarning, match="fewer than a batch"):
        assert cli.main(words) == 0, capsys.readouterr().err
    card = (out / "context_encoder.md").read_text()
    assert "border_weighted" in card and "--preset s3" in card and "learning rate: 0.001" in card and "bce, weight 0.001" in card
    assert "size=32, width=4, latent=8" in card
