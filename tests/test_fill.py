"""``python -m inpaintlib.fill``: a photograph of one's own, from a file to a file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from inpaintlib import baselines, data, fill, masks, models, tiling


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A photograph of 90 x 70, and its hole, painted white."""
    monkeypatch.chdir(tmp_path)
    data.save_photo(data.load_photo("chelsea")[..., 60:130, 100:190], "photo.png")
    painted = np.zeros((70, 90), np.uint8)
    cv2.line(painted, (5, 5), (80, 60), 255, 4)
    cv2.imwrite("hole.png", painted)
    return tmp_path


def test_the_file_holds_what_the_inpainter_gives(folder, capsys):
    assert fill.main(["photo.png", "hole.png", "--hole", "white", "--by", "biharmonic"]) == 0
    image, mask = data.load_photo("photo.png"), masks.from_image("hole.png", hole="white")
    expected = tiling.inpaint_large(baselines.biharmonic, image, mask)
    filled = data.load_photo("photo_filled.png")
    assert (filled - expected).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(filled[mask.expand_as(filled) == 1], image[mask.expand_as(image) == 1])
    said = capsys.readouterr().out
    assert "90 x 70 pixels" in said and "written: photo_filled.png" in said


def test_the_best_network_fills_better_than_the_mean(folder):
    assert fill.main(["photo.png", "hole.png", "--hole", "white", "--out", "new/net.png"]) == 0
    image, mask = data.load_photo("photo.png"), masks.from_image("hole.png", hole="white")
    mean = baselines.mean_fill(image, mask)
    assert (data.load_photo("new/net.png") - image).abs().mean() < 0.5 * (mean - image).abs().mean()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.png", "hole.png", "--hole", "white"], "there is no file 'none.png'"),
        (["photo.png", "none.png", "--hole", "white"], "none.png"),
        (["photo.png", "hole.png", "--hole", "white", "--by", "photoshop"], "there is no inpainter 'photoshop'; expected one of mean_fill"),
        (["astronaut", "hole.png", "--hole", "white"], r"mask has height and width (70, 90), the image (512, 512)"),
        (["photo.png", "photo.png", "--hole", "white", "--by", "mean_fill", "--out", "photo.png"], "'photo.png' is there already"),
        (["photo.png", "hole.png", "--hole", "white", "--by", "mean_fill", "--tile", "2"], "tile is 2"),
        (["photo.png", "hole.png", "--hole", "white", "--out", "new/it.bmp"], "'it.bmp'; expected an ending"),
    ],
)
def test_mistakes_end_with_one_line_that_helps(folder, words, message, capsys):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert fill.main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_colour_of_the_hole_has_to_be_said(folder, capsys):
    with pytest.raises(SystemExit):
        fill.main(["photo.png", "hole.png"])
    assert "--hole" in capsys.readouterr().err


def test_a_photograph_comes_back_from_its_file(tmp_path):
    image = torch.randint(0, 256, (1, 3, 20, 30)).float() / 255
    data.save_photo(image, tmp_path / "it.png")
    assert torch.equal(data.load_photo(tmp_path / "it.png"), image)
    for wrong in (image[0], image.repeat(2, 1, 1, 1), image * 255, image.numpy()):
        with pytest.raises((TypeError, ValueError), match="expected"):
            data.save_photo(wrong, tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()


def test_tiles_are_as_large_as_a_model_was_made_for():
    model, seen = models.create("gated_unet", size=32, width=4), []
    model.register_forward_pre_hook(lambda module, given: seen.append(tuple(given[0].shape[-2:])))
    mask = torch.ones(1, 1, 80, 100)
    mask[..., 40:44, 50:54] = 0
    tiling.inpaint_large(model.inpaint, torch.rand(1, 3, 80, 100), mask)
    tiling.inpaint_large(model.inpaint, torch.rand(1, 3, 80, 100), mask, tile=64)
    assert seen == [(32, 32), (64, 64)]
