"""Feature networks: what each is, that it stays frozen, that gradients pass, and that no loss gets the one for measuring."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from inpaintlib import _torchvision, data, features, losses, metrics
from inpaintlib.features import train, vgg
from inpaintlib.features.networks import VGG16, Classifier, Measure, Small
from inpaintlib.models import pretrained
from tests.training import one_thread

pytestmark = pytest.mark.usefixtures(one_thread.__name__)

NETWORKS = {"small": Small, "measure": Measure}
# convolutions (without bias), batch norm, classifier
PARAMETERS = {
    "small": 9 * sum(a * b for a, b in ((3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 128)))
    + 2 * (2 * 32 + 2 * 64 + 3 * 128) + 129 * 10,
    "measure": 9 * sum(a * b for a, b in ((3, 32), (32, 48), (48, 96), (96, 128)))
    + 9 * 2 * sum(a * a for a in (48, 96, 128)) + 2 * (32 + 3 * (48 + 96 + 128)) + 129 * 10,
}  # fmt: skip


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Weights of chance where the course's weights lie."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    for name, make in NETWORKS.items():
        torch.manual_seed(3)
        pretrained.save_pretrained(make(), tmp_path / f"features_{name}.safetensors", {"accuracy": 0.5})
    return tmp_path


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder in which torch keeps downloads; empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.mark.parametrize("name", NETWORKS)
class TestTheTwoThatShip:
    def test_maps_at_a_half_a_quarter_and_an_eighth(self, name, shipped):
        network = features.load(name)
        for height, width in ((32, 32), (48, 72), (8, 8)):
            maps = network(torch.rand(2, 3, height, width))
            assert [tuple(m.shape[2:]) for m in maps] == [(height // k, width // k) for k in (2, 4, 8)]
        assert [m.shape[1] for m in maps] == {"small": [32, 64, 128], "measure": [48, 96, 128]}[name]

    def test_parameters_add_up(self, name):
        network = NETWORKS[name]()
        assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name] and 300_000 < PARAMETERS[name] < 800_000
        from inpaintlib.features import networks

        assert f"{PARAMETERS[name]:,} parameters" in networks.__doc__

    def test_frozen_but_gradients_reach_the_image(self, name, shipped):
        network = features.load(name)
        before = {key: value.clone() for key, value in network.state_dict().items()}
        image = torch.rand(2, 3, 32, 32, requires_grad=True)
        torch.stack([m.square().mean() for m in network(image)]).sum().backward()
        assert not network.training and all(p.grad is None and not p.requires_grad for p in network.parameters())
        assert image.grad.isfinite().all() and float(image.grad.abs().mean()) > 0
        assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())

    def test_normalises_inside(self, name):
        """The first convolution of a network in training sees mean 0 and deviation 1 for images with CIFAR-10's statistics."""
        network, seen = NETWORKS[name](), []
        network.stages[0][0].register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
        mean, std = torch.tensor([0.4913, 0.4821, 0.4465])[:, None, None], torch.tensor([0.2452, 0.2428, 0.2606])[:, None, None]
        z = torch.randn(4, 3, 32, 32)
        network((mean + std * z).clamp(-9, 9))
        torch.testing.assert_close(seen[0], z, rtol=1e-4, atol=1e-5)

    def test_carries_card_and_options(self, name, shipped):
        assert features.load(name).card == {"accuracy": 0.5} and features.load(name).options == {"classes": 10}


def test_the_two_are_different_judges(shipped):
    one, two = features.load("small"), features.load("measure")
    kinds = [{type(layer).__name__ for layer in network.modules()} for network in (one, two)]
    assert "MaxPool2d" in kinds[0] - kinds[1] and "SiLU" in kinds[1] - kinds[0] and train.SEEDS["small"] != train.SEEDS["measure"]


@pytest.mark.parametrize(
    "loss", [losses.perceptual, losses.style, losses.liu_total, partial(losses.liu_total, weights={"style_out": 1.0})]
)
def test_losses_refuse_the_one_for_measuring(loss, shipped):
    image, mask = torch.rand(2, 3, 16, 16), torch.ones(2, 1, 16, 16)
    mask[..., 4:8, 4:8] = 0
    loss(image, image, mask, features=features.load("small"))
    network = features.load("measure")
    for behind in (network, network.forward, torch.nn.DataParallel(network)):
        with pytest.raises(ValueError, match="features_measure, which is for measuring only"):
            loss(image, image, mask, features=behind)


def test_perceptual_distance(shipped):
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 3, 16, 16, generator=g).double()
    network = features.load("measure").double()
    got = metrics.perceptual(a, b, features=network)
    expected = torch.zeros(3, dtype=torch.float64)
    for x, y in zip(network(a), network(b), strict=True):
        for i in range(3):
            for row in range(x.shape[2]):
                for column in range(x.shape[3]):
                    u, v = x[i, :, row, column], y[i, :, row, column]
                    expected[i] += ((u / u.norm() - v / v.norm()) ** 2).sum() / (x.shape[2] * x.shape[3])
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-7)
    assert torch.equal(metrics.perceptual(a, a, features=network), torch.zeros(3).to(got)) and bool((got > 0).all())
    one = metrics.perceptual(a[:1], b[:1], features=network)
    torch.testing.assert_close(one, got[:1])
    with pytest.raises(ValueError, match="same shape"):
        metrics.perceptual(a, b[:2], features=network)
    for answer in (lambda image: image, lambda image: None, lambda image: (image for _ in "a"), lambda image: [image.numpy()]):
        with pytest.raises(ValueError, match="expected a list of maps"):
            metrics.perceptual(a, b, features=answer)
    for nothing in ("measure", None):
        with pytest.raises(TypeError, match=f"features is {nothing!r}; expected a function"):
            metrics.perceptual(a, b, features=nothing)


class TestVGG:
    def fake(self, hub: Path):
        """A file like torchvision's, with weights of chance and without most of what comes after the third pooling."""
        with torch.device("meta"):
            layers = _torchvision.load("models").vgg16(weights=None).features[:17]
        layers.to_empty(device="cpu")
        g = torch.Generator().manual_seed(0)
        for p in layers.parameters():
            torch.nn.init.normal_(p, std=0.05, generator=g)
        hub.mkdir(parents=True)
        state = {f"features.{key}": value for key, value in layers.state_dict().items()}
        torch.save(state | {"features.17.bias": torch.zeros(512), "classifier.0.bias": torch.zeros(9)}, hub / vgg.FILE)
        return layers

    def test_the_first_three_poolings(self, hub):
        layers = self.fake(hub)
        network = features.load("vgg16")
        image = torch.rand(1, 3, 32, 32, requires_grad=True)
        x = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        expected = []
        for layer in layers:
            x = layer(x)
            if isinstance(layer, torch.nn.MaxPool2d):
                expected.append(x)
        maps = network(image)
        assert [m.shape[1] for m in maps] == [64, 128, 256] and isinstance(network, VGG16)
        for ours, theirs in zip(maps, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        maps[-1].sum().backward()
        assert float(image.grad.abs().sum()) > 0 and not any(p.requires_grad for p in network.parameters())

    def test_nothing_is_fetched_unasked(self, hub, monkeypatch):
        monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: pytest.fail("it was fetched"))
        with pytest.raises(FileNotFoundError, match=r"download=True.*528 MB.*small"):
            features.load("vgg16")

    def test_fetched_when_asked(self, hub, monkeypatch):
        monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, path, hash_prefix: self.fake_at(path, url, hash_prefix))
        assert features.load("vgg16", download=True).name == "features_vgg16"

    def fake_at(self, path, url, hash_prefix):
        assert url == "https://download.pytorch.org/models/vgg16-397923af.pth" and hash_prefix == "397923af"
        self.fake(Path(path).parent / "other")
        (Path(path).parent / "other" / vgg.FILE).rename(path)

    def test_no_network(self, hub, monkeypatch):
        def fail(*args, **kwargs):
            raise OSError("no route to host")

        monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
        with pytest.raises(ConnectionError, match="no route to host"):
            features.load("vgg16", download=True)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"hello"])
    def test_a_damaged_file(self, hub, content):
        hub.mkdir(parents=True)
        (hub / vgg.FILE).write_bytes(content)
        with pytest.raises(ValueError, match="does not hold VGG-16's weights"):
            features.load("vgg16")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_pictures_of_any_precision(dtype):
    network, image = Small().eval(), torch.rand(1, 3, 8, 8).to(dtype)
    assert all(torch.equal(a, b) for a, b in zip(network(image), network(image.float()), strict=True))
    other, mask = torch.rand(1, 3, 8, 8).to(dtype), torch.ones(1, 1, 8, 8)
    assert losses.perceptual(other, image, mask, features=network).isfinite()
    assert metrics.perceptual(other, image, features=network).isfinite().all()


@pytest.mark.parametrize(
    ("image", "error", "says"),
    [
        (torch.rand(3, 32, 32), ValueError, "four dimensions"),
        (torch.rand(1, 1, 32, 32), ValueError, "3 channels"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), TypeError, "255"),
        (torch.rand(1, 3, 4, 32), ValueError, "at least 8"),
    ],
)
def test_bad_images_are_named(image, error, says):
    with pytest.raises(error, match=says):
        Small()(image)


def test_unknown_names(shipped, tmp_path):
    with pytest.raises(ValueError, match="expected one of measure, small, vgg16"):
        features.load("vgg19")
    (tmp_path / "features_small.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no weights 'features_small'; .*`python -m inpaintlib.features train small` trains them anew"):
        features.load("small")


# -- training


def pictures(count: int, seed: int) -> data.ImageSet:
    """Two classes that differ in colour: red on noise, blue on noise."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 200, (count, 3, 16, 16), generator=g)
    images[torch.arange(count), 2 * labels] += 55  # 255 at most
    return data.ImageSet(images.to(torch.uint8), labels, ("red", "blue"), "noise, for tests")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loop_learns_and_the_seed_repeats_it(name):
    def trained():
        torch.manual_seed(0)
        network = NETWORKS[name](classes=2)
        steps = train.fit_classifier(network, pictures(64, 0), epochs=10, batch_size=16, lr=0.05, precision="fp32", tell=lambda line: None)
        return network, steps

    network, steps = trained()
    assert steps == 40 and not network.training and train.accuracy(network, pictures(60, 1), batch_size=25) > 0.9
    again, _ = trained()
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True))


def test_accuracy_is_the_share_of_right_names():
    class Fixed(Classifier):
        def __init__(self):
            super().__init__(1, 2)

        def classify(self, image):  # says "blue" where the first pixel is bright
            return F.one_hot((image[:, 0, 0, 0] > 0.5).long(), 2).float()

    images = pictures(40, 2)
    expected = ((images.images[:, 0, 0, 0] > 127).long() == images.labels).float()
    assert train.accuracy(Fixed(), images, batch_size=7) == pytest.approx(float(expected.mean()))
    assert train.accuracy(Fixed(), images, most=10, batch_size=7) == pytest.approx(float(expected[:10].mean()))


def test_jitter_moves_mirrors_and_flips():
    row = torch.arange(8, dtype=torch.uint8)
    images = (10 * row[:, None] + row).expand(400, 3, 8, 8)
    moved = train.jittered(images, torch.Generator().manual_seed(0), most=2)
    line = [2, 1, *range(8), 6, 5]  # a row with two mirrored pixels on either side
    possible = {tuple(line[s : s + 8][::d]) for s in range(5) for d in (1, -1)}
    assert {tuple((image[0, 3] % 10).tolist()) for image in moved} == possible
    assert {tuple((image[0, :, 3] // 10).tolist()) for image in moved} == {tuple(line[s : s + 8]) for s in range(5)}
    assert torch.equal(moved[:, 0], moved[:, 2])


@pytest.fixture
def folder(tmp_path):
    """Image folders of two classes, as --data takes them."""
    from PIL import Image

    for split, count, seed in (("train", 48, 0), ("test", 24, 1)):
        images = pictures(count, seed)
        for i, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            path = tmp_path / "data" / split / images.classes[label] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.repeat_interleave(2, 1).repeat_interleave(2, 2).permute(1, 2, 0).numpy()).save(path)
    return tmp_path / "data"


def test_the_command_writes_weights_and_a_card(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    how = ["--epochs", "2", "--batch-size", "16", "--precision", "fp32", "--device", "cpu", "--out", str(out)]
    assert train.main(["train", "measure", "--data", str(folder), *how]) == 0, capsys.readouterr().err
    options, state, card = pretrained.load_pretrained(out / "features_measure.safetensors")
    assert options == {"classes": 2} and all(t.dtype == torch.float16 for t in state.values() if t.is_floating_point())
    assert card["seed"] == 1 and card["steps"] == 6 and card["parameters"] == sum(p.numel() for p in Measure(2).parameters())
    assert str(tmp_path) not in json.dumps(card) and card["command"].startswith("python -m inpaintlib.features train measure")
    network = Measure(2)
    network.load_state_dict(state)
    test = data.load_images(str(folder), "test")
    assert train.accuracy(network.eval(), test) == pytest.approx(card["accuracy"]["test images"], abs=1 / 24 + 1e-4)
    assert "For measuring only" in (out / "features_measure.md").read_text()


def test_mistakes_end_with_one_line_that_helps(capsys, tmp_path):
    assert train.main(["train", "small", "--data", "photos", "--limit", "20"]) == 2
    assert "expected the same ones in both splits" in capsys.readouterr().err
    assert train.main(["train", "small", "--data", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "nowhere" in said and said.count("\n") == 1
    with pytest.raises(ValueError, match="at least one full batch"):
        train.fit_classifier(Small(2), pictures(8, 0), epochs=1, batch_size=16)
    with pytest.raises(ValueError, match="batch_size 0"):
        train.fit_classifier(Small(2), pictures(8, 0), epochs=1, batch_size=0)
    with pytest.raises(ValueError, match="lr is -1; expected a number above 0"):
        train.fit_classifier(Small(2), pictures(8, 0), epochs=1, batch_size=8, lr=-1)
    assert train.main(["train", "small", "--threads", "-2"]) == 2
    assert "--threads is -2; expected at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("name", NETWORKS)
def test_what_ships_knows_a_picture_from_noise_and_a_shift_from_a_swap(name):
    """A perceptual distance that is worth its name: a slightly moved photograph is nearer than one with as much noise, pixel by pixel."""
    image = data.load_images("photos", "test", limit=60).float()
    moved = image.roll(1, -1)
    error = (moved - image).square().mean((1, 2, 3), keepdim=True)
    noisy = (image + error.sqrt() * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    near, far = (metrics.perceptual(other, image, features=features.load(name)) for other in (moved, noisy))
    assert float((near < far).float().mean()) > 0.8
