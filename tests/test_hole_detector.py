"""The hole detector: the network, the pictures it learns from, the run, and what its command says."""

from __future__ import annotations

import json

import pytest
import torch

from inpaintlib import baselines, data, masks, metrics, models
from inpaintlib.models.hole_detector import HoleDetector
from inpaintlib.models.pretrained import load_pretrained
from inpaintlib.train import detector as work
from tests.training import one_thread

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(count=40, size=16):
    """Noise, which a filling with the mean lacks: easy to tell apart."""
    images = torch.randint(0, 256, (count, 3, size, size), generator=rng(), dtype=torch.uint8)
    return data.ImageSet(images, torch.zeros(count, dtype=torch.int64), ("noise",), "noise, for tests")


# -- the network


def test_a_probability_for_each_pixel_from_the_picture_alone():
    model = models.detector(width=8)
    image = torch.rand(2, 3, 24, 32, generator=rng())
    p = model(image)
    assert p.shape == (2, 1, 24, 32) and p.min() > 0 and p.max() < 1
    torch.testing.assert_close(p, torch.sigmoid(model.logits(image)))
    model.eval()
    torch.testing.assert_close(torch.cat([model(i[None]) for i in image]), model(image))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_pictures_of_any_precision_are_brought_to_that_of_the_weights(dtype):
    model, image = models.detector(width=8).eval(), torch.rand(2, 3, 16, 16, generator=rng()).to(dtype)
    p = model(image)
    assert p.dtype == torch.float32 and torch.equal(p, model(image.float()))
    assert torch.equal(model.find(image), model.find(image.float()))


def test_parameters_add_up():
    def double(cin, cout):
        return 9 * cin * cout + 9 * cout * cout + 4 * cout

    for width in (8, 24):
        wanted = double(3, width) + double(width, 2 * width) + double(2 * width, 4 * width)
        wanted += double(6 * width, 2 * width) + double(3 * width, width) + width + 1
        assert sum(p.numel() for p in models.detector(width=width).parameters()) == wanted
    assert f"{wanted:,} parameters" in (HoleDetector.__doc__ or "")


def test_find_is_a_mask_with_this_librarys_polarity():
    model, image = models.detector(width=8).train(), torch.rand(2, 3, 16, 16, generator=rng())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        model.head.bias.fill_(50.0)
    assert int(model.find(image).sum()) == 0  # all held for painted in: all hole
    with torch.no_grad():
        model.head.bias.fill_(-50.0)
    found = model.find(image)
    assert found.dtype == torch.uint8 and bool((found == 1).all()) and model.training
    with torch.no_grad():
        model.head.bias.copy_(before["head.bias"])
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with torch.no_grad():
        p = model.eval()(image)
    for threshold in (0.4, 0.5, 0.6):
        assert torch.equal(model.find(image, threshold) == 0, p > threshold)


def test_find_leaves_a_frozen_batch_norm_frozen():
    model = models.detector(width=2).train()
    frozen = next(part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)).eval()
    model.find(torch.rand(1, 3, 4, 4))
    assert not frozen.training and model.training and model.merge_full.training


def test_a_path_is_not_taken_for_the_shipped_weights():
    with pytest.raises(TypeError, match=r"pretrained is 'mine.safetensors'; .*load_pretrained\(path\)"):
        models.detector(pretrained="mine.safetensors")


@pytest.mark.parametrize(
    ("image", "options", "error", "says"),
    [
        (torch.rand(3, 16, 16), {}, ValueError, "four dimensions"),
        (torch.rand(1, 3, 18, 16), {}, ValueError, "multiples of 4"),
        (torch.rand(1, 3, 16, 16) * 255, {}, ValueError, "255"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), {}, TypeError, "255"),
        (torch.rand(1, 3, 16, 16), {"threshold": 0.0}, ValueError, "between 0 and 1"),
        (torch.rand(1, 3, 16, 16), {"threshold": ".5"}, ValueError, r"threshold is '\.5'; .*between 0 and 1"),
    ],
)
def test_bad_input_is_named(image, options, error, says):
    with pytest.raises(error, match=says):
        models.detector(width=8).find(image, **options)
    with pytest.raises(ValueError, match="does not take"):
        models.detector(depth=3)


# -- what it learns from


def test_filled_pictures_and_their_truth():
    images = data.load_images("photos", "test", limit=80)
    names = {"mean_fill": baselines.mean_fill, "navier_stokes": baselines.navier_stokes}
    filled = work.fill(images, names, masks.mixture(["boxes", "lines"]), untouched=0.25, seed=5)
    assert filled.images.shape == (80, 4, 32, 32) and filled.classes == (*names, "untouched") and len(filled) == 80
    counts = torch.bincount(filled.labels, minlength=3)
    assert bool((counts > 8).all())
    for picture, label, original in zip(filled.images, filled.labels, images.images, strict=True):
        hole = picture[3]
        assert set(hole.unique().tolist()) <= {0, 255}
        assert torch.equal(picture[:3, hole == 0], original[:, hole == 0])  # to the byte
        assert (label == 2) == (int(hole.sum()) == 0)
        if label < 2:
            mask = (hole == 0)[None, None].float()
            expected = list(names.values())[label](original[None].float() / 255 * mask, mask)[0]
            assert (expected * 255 - picture[:3]).abs().max() <= 0.5 + 1e-3
    again = work.fill(images, names, masks.mixture(["boxes", "lines"]), untouched=0.25, seed=5)
    assert again.sha256 == filled.sha256 != work.fill(images, names, masks.boxes, seed=6).sha256


def test_only_filled_pictures_are_filled_pictures():
    with pytest.raises(TypeError, match=r"uint8 \(N, 4, H, W\)"):
        work.FilledSet(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), ("a",), "x")
    with pytest.raises(ValueError, match="no inpainter 'photoshop'"):
        work.inpainter("photoshop")
    assert work.inpainter("biharmonic") is baselines.biharmonic


def test_the_loss_is_the_cross_entropy_with_the_fourth_channel():
    logits = torch.tensor([[[[2.0, -1.0]]]])
    filled = torch.rand(1, 4, 1, 2)
    filled[:, 3] = torch.tensor([1.0, 0.0])
    p = torch.sigmoid(logits).flatten()
    expected = -(torch.log(p[0]) + torch.log(1 - p[1])) / 2
    assert float(work.detection_loss(logits, filled, torch.ones(1, 1, 1, 2))) == pytest.approx(float(expected), rel=1e-6)


# -- the run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Half a minute of learning, in small: what a filling with the mean looks like on noise."""
    torch.manual_seed(0)
    model, images = models.detector(width=8), noise(240)
    names = {"mean_fill": baselines.mean_fill}
    filled, held_out = work.fill(images, names, masks.boxes, seed=1), work.fill(noise(40), names, masks.boxes, seed=2)
    out = tmp_path_factory.mktemp("detector")
    history = work.train_detector(
        model, filled, held_out, epochs=8, batch_size=16, lr=1e-2, precision="fp32", device="cpu", progress=False, out=out, ema=0.9
    )
    return model, history, out


def test_it_learns_to_tell_noise_from_its_mean(trained):
    model, history, out = trained
    assert history.last("dice") > 0.9 and history.last("dice") > history["dice"][1][0] - 1e-9
    table, suspected = work.evaluate(model, noise(30), {"mean_fill": baselines.mean_fill}, ["boxes", "circles"])
    assert table["mean_fill"]["dice"] > 0.85 and suspected < 0.1
    assert (out / "best.safetensors").exists() and (out / "last.safetensors").exists()


def test_what_evaluate_says_is_what_hole_detection_says(trained):
    model, _, _ = trained
    images, kinds = noise(21), ["boxes", "lines"]
    table, suspected = work.evaluate(model, images, {"navier_stokes": baselines.navier_stokes}, kinds)
    values = []
    for i in range(21):
        mask = masks.benchmark(kinds[i % 2], 21, 16)[i : i + 1]
        filled = baselines.navier_stokes(images.float(i), mask)
        values.append(metrics.hole_detection(model.find((filled * 255).round() / 255), mask))
    for name in ("precision", "recall", "accuracy", "dice"):
        assert table["navier_stokes"][name] == pytest.approx(sum(float(getattr(v, name)) for v in values) / 21, abs=1e-6)
    assert suspected == pytest.approx(float((model.find(images.float()) == 0).float().mean()))


def test_a_stopped_run_goes_on(tmp_path):
    import threading

    filled = work.fill(noise(64), {"mean_fill": baselines.mean_fill}, masks.boxes)

    def run(out, **options):
        torch.manual_seed(0)
        model = models.detector(width=8)
        how = {"batch_size": 16, "precision": "fp32", "device": "cpu", "progress": False, "schedule": "constant"}
        work.train_detector(model, filled, out=out, **how, **options)
        return model.state_dict()

    stop = threading.Event()
    stop.set()
    run(tmp_path / "a", epochs=2, stop=stop)
    one, other = run(tmp_path / "a", epochs=2, resume=True), run(tmp_path / "b", epochs=2)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_command_writes_weights_and_a_card(tmp_path, capsys):
    out = tmp_path / "run"
    how = ["--data", "photos", "--limit", "128", "--epochs", "1", "--batch-size", "32", "--test-images", "12", "--precision", "fp32"]
    how += ["--device", "cpu", "--inpainters", "mean_fill,navier_stokes", "--unseen", "fast_marching", "--out", str(out)]
    assert work.main(how) == 0, capsys.readouterr().err
    assert "held for filled in untouched pictures" in capsys.readouterr().out
    options, state, card = load_pretrained(out / "hole_detector.safetensors")
    assert options == {"width": 24} and "detector.head.weight" not in state and "head.weight" in state
    rows = card["quality on the test images"]
    assert list(rows) == ["mean_fill (learned from)", "navier_stokes (learned from)", "fast_marching (never seen)"]
    assert all(0 <= value <= 1 for row in rows.values() for value in row.values())
    assert str(tmp_path) not in json.dumps(card) and card["command"].startswith("python -m inpaintlib.train.detector --data photos")
    assert work.main(how) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert work.main(["--inpainters", "magic"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no inpainter 'magic'")


def test_the_shipped_detector_finds_what_it_learned_from():
    model = models.detector(pretrained=True)
    images = data.load_images("photos", "test", limit=60)
    table, suspected = work.evaluate(model, images, {"mean_fill": baselines.mean_fill, "navier_stokes": baselines.navier_stokes}, ["boxes"])
    # These photographs are unlike those that it learned from: smooth skies, a black background. There it suspects much that nobody has
    # touched; still it must do far better than whoever calls every pixel a hole, and find what was filled far more often than what was not.
    hole = 1 - masks.benchmark("boxes")[: len(images)].float()
    everything = float((2 * hole.mean((1, 2, 3)) / (1 + hole.mean((1, 2, 3)))).mean())
    assert min(row["dice"] for row in table.values()) > everything + 0.2
    assert min(row["recall"] for row in table.values()) > suspected + 0.3
    assert model.card is not None and model.card["quality on the test images"]


def test_so_few_pictures_that_an_inpainter_gets_none_and_no_inpainter_at_all(capsys):
    two = data.load_images("photos", "train", limit=2)
    filled = work.fill(two, dict.fromkeys("abcd", baselines.mean_fill), masks.lines)
    assert len(filled) == 2 and filled.classes == ("a", "b", "c", "d", "untouched")
    assert work.main(["--inpainters", ","]) == 2
    assert "expected at least one, such as mean_fill" in capsys.readouterr().err
