"""inpaintlib.data where all is well: the ladder, layouts, splits, batches, photographs, cache. The rest is in test_data_faults."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import pickle
import shutil
import socket
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import CLASSES, class_tree, md5s, noise, official_archive, official_batches, official_folder, save, zip_of
from PIL import Image

from inpaintlib import data
from inpaintlib._images import cifar, photos
from inpaintlib.data import ImageSet, load_images, load_photo, photo_names

COPY = os.environ.get("INPAINTLIB_DATA", "")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data setting, an empty cache, and no network."""
    monkeypatch.delenv("INPAINTLIB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path / "cache" / "inpaintlib"


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    files = official_batches()
    monkeypatch.setattr(cifar, "MD5", md5s(files))
    return files


def small_set(count: int = 50) -> ImageSet:
    images = torch.from_numpy(np.stack([noise(i).transpose(2, 0, 1) for i in range(count)]))
    return ImageSet(images, torch.arange(count) % 5, tuple("abcde"), "made up.")


# ---------------------------------------------------------------------------------------------------------------------- the ladder


def test_without_anything_the_photographs_come_and_say_so() -> None:
    images = load_images()
    assert images.images.dtype == torch.uint8 and images.images.shape[1:] == (3, 32, 32) and len(images) > 4000
    assert images.source.startswith("Embedded photographs (from the scikit-image package), taken because INPAINTLIB_DATA is not set")
    assert "astronaut" in images.source


def test_the_jpeg_tree_is_called_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INPAINTLIB_DATA", str(class_tree(tmp_path / "d")))
    train, test = load_images(), load_images("auto", "test")
    assert (len(train), len(test)) == (30, 20) and train.classes == test.classes == CLASSES
    assert train.source == "CIFAR-10 (JPEG copy), from what INPAINTLIB_DATA names: 30 training images of 32x32 pixels."
    assert "official" not in test.source and "20 test images" in test.source
    assert str(tmp_path) not in train.source  # a committed notebook does not show where somebody keeps their files


def test_the_official_batches_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, official: dict[str, bytes]) -> None:
    monkeypatch.setenv("INPAINTLIB_DATA", str(official_folder(tmp_path / "d", official)))
    train, test = load_images("cifar10"), load_images("cifar10", "test")
    assert (len(train), len(test)) == (30, 6) and train.source.startswith("CIFAR-10 (official)")
    third = pickle.loads(official["data_batch_3"])
    assert torch.equal(train.images[12:18], torch.from_numpy(third[b"data"].reshape(6, 3, 32, 32)))
    assert train.labels[12:18].tolist() == third[b"labels"]


@pytest.mark.parametrize("where", ["archive", "folder of archive", "inner folder"])
def test_other_ways_to_name_the_official_data(where: str, tmp_path: Path, official: dict[str, bytes]) -> None:
    archive = official_archive(tmp_path / "d" / "cifar-10-python.tar.gz", official)
    inner = official_folder(tmp_path / "e", official) / "cifar-10-batches-py"
    path = {"archive": archive, "folder of archive": archive.parent, "inner folder": inner}[where]
    assert load_images(path, "test").source.startswith("CIFAR-10 (official): 6 test images")


def test_the_cache_serves_when_the_setting_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, official: dict[str, bytes]) -> None:
    copy = load_images(class_tree(tmp_path / "d"))
    shutil.rmtree(tmp_path / "d")
    again = load_images("cifar10")
    assert again.source.startswith("CIFAR-10 (JPEG copy), from the cache") and torch.equal(again.images, copy.images)
    load_images(official_folder(tmp_path / "e", official))
    assert load_images().source.startswith("CIFAR-10 (official), from the cache")  # before the copy
    with pytest.raises(FileNotFoundError, match="not on this machine"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
        load_images("cifar10")


def test_a_folder_called_like_our_cache_is_not_taken_for_cifar(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "cifar10-official" / f"{i}.png", noise(i))
    load_images(tmp_path / "cifar10-official")
    with pytest.raises(FileNotFoundError):
        load_images("cifar10")


def test_a_path_object_is_always_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "photos" / "a.png", noise(0))
    monkeypatch.chdir(tmp_path)
    assert len(load_images(Path("photos"))) == len(load_images("./photos")) == 1
    assert load_images("photos", "test").source.startswith("Embedded")


def test_the_setting_may_ask_for_the_photographs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load_images(class_tree(tmp_path / "d"))  # now in the cache
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    assert load_images().source.startswith("Embedded photographs")
    assert load_images("cifar10").source.startswith("CIFAR-10")


# --------------------------------------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize("form", ["folder", "inner folder", "zip", "zip with a top folder", "tar"])
def test_a_tree_reads_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    path = {"folder": tree, "inner folder": tree / "cifar10"}.get(form)
    if form.startswith("zip"):
        path = zip_of(tree, tmp_path / "d.zip", "download/stuff/" if "top" in form else "")
    if form == "tar":
        path = Path(shutil.make_archive(str(tmp_path / "d"), "gztar", tree))
    assert path is not None
    images = load_images(path, "test")
    assert images.source == "CIFAR-10 (JPEG copy): 20 test images of 32x32 pixels."
    assert images.labels.tolist() == [*range(10)] * 2  # classes take turns, so that any beginning is a fair sample
    truth = np.asarray(Image.open(tree / "cifar10" / "test" / "bird" / "0001.jpg")).transpose(2, 0, 1)
    assert np.array_equal(images.images[12].numpy(), truth)


def test_a_png_tree_is_another_copy_and_other_sizes_are_no_cifar(tmp_path: Path) -> None:
    assert load_images(class_tree(tmp_path / "p", suffix="png"), "test").source.startswith("CIFAR-10 (PNG copy)")
    for name in CLASSES:
        save(tmp_path / "q" / "train" / name / "0.jpg", noise(1, 96, 96))
        save(tmp_path / "q" / "test" / name / "0.jpg", noise(2, 96, 96))
    source = load_images(tmp_path / "q", "test").source
    assert "CIFAR" not in source and "10 of them resized" in source


def test_validation_folders_stand_for_a_missing_test_folder(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for i in range(count):
            save(tmp_path / "d" / split / ("dog", "cat")[i % 2] / f"{i}.png", noise(i))
    assert len(load_images(tmp_path / "d", "train")) == 4 and len(load_images(tmp_path / "d", "test")) == 2
    assert load_images(tmp_path / "d", "test").classes == ("cat", "dog")


def test_a_plain_folder_is_split_by_content(tmp_path: Path) -> None:
    for i in range(200):
        save(tmp_path / "d" / f"{i}.png", noise(i))
    train, test = load_images(tmp_path / "d"), load_images(tmp_path / "d", "test")
    assert len(train) + len(test) == 200 and 8 <= len(test) <= 35
    assert "chosen by a hash" in train.source and train.classes == ("images",)
    before = {image.numpy().tobytes() for image in test.images}
    assert not before & {image.numpy().tobytes() for image in train.images}
    for i in range(100):  # other names, copies, and newcomers move nobody to the other side
        os.rename(tmp_path / "d" / f"{i}.png", tmp_path / "d" / f"z{i}.png")
        shutil.copy(tmp_path / "d" / f"z{i}.png", tmp_path / "d" / f"copy{i}.png")
        save(tmp_path / "d" / f"new{i}.png", noise(1000 + i))
    after = {image.numpy().tobytes() for image in load_images(tmp_path / "d", "test").images}
    assert before <= after and not after & {image.numpy().tobytes() for image in load_images(tmp_path / "d").images}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_both_splits_of_a_tiny_folder_hold_something(count: int, tmp_path: Path) -> None:
    for i in range(count):
        save(tmp_path / "d" / "holiday" / f"{i}.png", noise(i))
    train, test = load_images(tmp_path / "d"), load_images(tmp_path / "d", "test")
    assert len(train) >= 1 and len(test) >= 1 and len(train) + len(test) == count
    assert train.classes == ("holiday",)


def test_one_picture_is_for_training(tmp_path: Path) -> None:
    save(tmp_path / "d" / "a.png", noise(0))
    assert len(load_images(tmp_path / "d")) == 1
    with pytest.raises(ValueError, match="single image"):
        load_images(tmp_path / "d", "test")


def test_pictures_of_all_sizes_are_resized_and_cut_from_the_centre(tmp_path: Path) -> None:
    for i, (height, width) in enumerate([(64, 192), (192, 64), (500, 1500), (16, 48)]):
        bands = np.zeros((height, width, 3), np.uint8)
        long = max(height, width)
        middle = slice(long // 3, 2 * long // 3)
        bands[(slice(None), middle) if width > height else (middle,)] = (250, 120, 30)  # the central square, black on both sides
        save(tmp_path / "d" / f"{i}.png", bands)
        save(tmp_path / "d" / f"{i}.jpg", bands, quality=95, subsampling=0)
    everything = torch.cat([load_images(tmp_path / "d", split, size=24).images for split in ("train", "test")])
    assert everything.shape == (8, 3, 24, 24)
    inner = everything[:, :, 3:-3, 3:-3].float()  # away from the border, where the filter sees some black
    assert (inner - torch.tensor([250.0, 120, 30])[:, None, None]).abs().max() <= 6


def test_limit_and_its_sentence(tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    assert load_images(tree, limit=10).labels.tolist() == [*range(10)]
    assert "the first 10 of 30 training images" in load_images(tree, limit=10).source
    more = load_images(tree, limit=1000)
    assert len(more) == 30 and "all 30 (up to 1,000 were asked for) training images" in more.source


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    save(tmp_path / "d" / "x" / "a.png", noise(0))
    save(tmp_path / "d" / "x" / "b.png", noise(1))
    (tmp_path / "d" / "x" / "up").symlink_to(tmp_path / "d", target_is_directory=True)
    assert len(load_images(tmp_path / "d")) == 1


# ------------------------------------------------------------------------------------------------------------------- photographs


def test_the_photographs_ship_in_the_wheel() -> None:
    files = {Path(str(file)).name for file in importlib.metadata.files("scikit-image") or [] if "skimage/data/" in file.as_posix()}
    if not files:
        pytest.skip("this scikit-image was not installed from a wheel")
    assert {about.file for about in photos.PHOTOS.values()} <= files
    from skimage.data import _registry

    folder = photos._folder()
    for about in photos.PHOTOS.values():  # and they are the pictures we think they are
        assert hashlib.sha256((folder / about.file).read_bytes()).hexdigest() == _registry.registry[f"data/{about.file}"]


def test_photographs_at_full_size() -> None:
    from skimage import data as skimage_data

    assert len(photo_names()) == 8
    for name in ("astronaut", "chelsea", "coffee"):
        truth = getattr(skimage_data, name)()
        image = load_photo(name)
        assert image.dtype == torch.float32 and torch.equal((image[0] * 255).round().byte(), torch.from_numpy(truth).permute(2, 0, 1))
    assert torch.equal(load_photo("cat"), load_photo("chelsea"))
    for name in photo_names():
        assert load_photo(name).shape[1] == 3 and min(load_photo(name).shape[2:]) >= 300


def test_no_crop_is_in_the_other_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photograph is painted in values of its own; then the values of a crop tell which photograph it is from."""
    number = {name: i for i, name in enumerate(photos.PHOTOS)}

    def painted(name: str) -> np.ndarray:
        stripes = (np.arange(512) // 48 % 2 * 28).astype(np.uint8)
        return np.broadcast_to(stripes[None, :, None] + np.uint8(number[name] * 31), (480, 512, 3)).copy()

    monkeypatch.setattr(photos, "photo", painted)
    for split in ("train", "test"):
        found = load_images("photos", split)
        low, high = found.images.flatten(1).amin(1) // 31, found.images.flatten(1).amax(1) // 31
        assert torch.equal(low, high)
        names = [list(number)[i] for i in low.tolist()]
        assert names == [found.classes[i] for i in found.labels.tolist()]
        assert {photos.PHOTOS[name].split for name in names} == {split}


def test_crops_are_windows_of_the_photographs_at_several_scales() -> None:
    test = load_images("photos", "test")
    pictures = [load_photo(name)[0] for name in test.classes]
    truth = {}
    for label, picture in enumerate(pictures):
        for factor in (1, 2, 8):
            small = torch.nn.functional.avg_pool2d(picture[None].double() * 255, factor)[0]
            for top in range(0, small.shape[1] - 31, 4):
                for left in range(0, small.shape[2] - 31, 4):
                    truth[small[:, top : top + 32, left : left + 32].add(0.5).floor().byte().numpy().tobytes()] = (label, factor)
    hits = Counter(truth.get(image.numpy().tobytes(), (-1, 0)) for image in test.images)
    for label in (0, 1):
        for factor in (1, 2, 8):
            assert hits[label, factor] >= 10, hits
    contrast = test.images.float().flatten(1).std(1)
    assert contrast.min() > 8  # no window that shows nothing


def test_the_photographs_come_in_the_same_order_and_mixed() -> None:
    first, second = load_images("photos"), load_images("photos")
    assert first.sha256 == second.sha256
    assert len(first.labels[:60].unique()) == len(first.classes)
    assert load_images("photos", limit=60).sha256 != first.sha256
    assert load_images("photos", "test", size=64).images.shape[1:] == (3, 64, 64)


# ------------------------------------------------------------------------------------------------------------------------ ImageSet


def test_float_takes_what_indexing_takes() -> None:
    images = small_set()
    truth = images.images.double() / 255
    mask = torch.zeros(50, dtype=torch.bool)
    mask[[3, 7]] = True
    wanted = [(None, slice(None)), (4, [4]), (-1, [-1]), (slice(2, 9), slice(2, 9)), ([5, 1], [5, 1]), (mask, [3, 7])]
    wanted += [((5, 1), [5, 1]), (range(3), [0, 1, 2]), ([-1, -50], [49, 0]), ([], []), (mask.tolist(), [3, 7]), (mask.numpy(), [3, 7])]
    wanted += [(np.int64(4), [4]), (torch.tensor(4), [4]), (np.array([5, 1]), [5, 1]), (torch.tensor([5, 1], dtype=torch.uint8), [5, 1])]
    for indices, rows in wanted:
        got = images.float(indices)
        assert got.dtype == torch.float32 and got.dim() == 4
        assert torch.allclose(got.double(), truth[rows], atol=1e-7)
    assert images.float().min() >= 0 and images.float(slice(0, 1)).max() <= 1


def key(image: torch.Tensor) -> bytes:
    return (image * 255).round().byte().numpy().tobytes()


def test_an_epoch_holds_each_image_once_half_of_them_flipped() -> None:
    images = small_set(400)
    original = {key(image): i for i, image in enumerate(images.float())}
    mirrored = {key(image.flip(-1)): i for i, image in enumerate(images.float())}
    seen, flips = [], 0
    for batch in images.batches(64, generator=torch.Generator().manual_seed(0)):
        assert batch.dtype == torch.float32 and batch.shape[1:] == (3, 32, 32)
        for image in batch:
            flips += key(image) in mirrored
            seen.append(original.get(key(image), mirrored.get(key(image))))
    assert sorted(seen) == list(range(400)) and seen != sorted(seen)
    assert abs(flips - 200) < 5 * 10  # five standard deviations
    assert torch.equal(images.images, small_set(400).images)  # nothing was flipped in place


def test_batches_are_reproducible_and_do_not_disturb_each_other() -> None:
    images = small_set()
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    first = list(images.batches(8, generator=generator))
    other = list(images.batches(8, generator=generator))
    assert not torch.equal(first[0], other[0])
    generator.set_state(state)
    again = images.batches(8, generator=generator)  # the state before the call is all one needs ...
    torch.rand(100, generator=generator)  # ... whatever is drawn between the batches
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    torch.manual_seed(5)
    free = next(images.batches(8))
    torch.manual_seed(5)
    assert torch.equal(free, next(images.batches(8)))


def test_plain_order_sizes_and_dropping_the_rest() -> None:
    images = small_set()
    plain = list(images.batches(16, shuffle=False, flip=False))
    assert [len(b) for b in plain] == [16, 16, 16, 2] and torch.equal(torch.cat(plain), images.float())
    assert [len(b) for b in images.batches(16, drop_last=True)] == [16, 16, 16]
    assert [len(b) for b in images.batches(1000)] == [50]


def test_split_holds_out_by_chance() -> None:
    images = small_set()
    rest, held = images.split(12, seed=1)
    assert (len(rest), len(held)) == (38, 12) and "12" in held.source and held.source.startswith("made up; ")
    assert rest.source == "made up; without the 12 held out (seed 1)."
    everything = Counter(map(key, images.float()))
    assert Counter(map(key, rest.float())) + Counter(map(key, held.float())) == everything
    assert torch.equal(held.images, images.split(12, seed=1)[1].images)
    assert not torch.equal(held.images, images.split(12, seed=2)[1].images)


def test_split_keeps_crops_of_one_photograph_together() -> None:
    images = load_images("photos")
    for seed in range(4):
        rest, held = images.split(300, seed=seed)
        assert len(held) == 300 and not set(rest.labels.tolist()) & set(held.labels.tolist())
        further = len(images) - len(rest) - 300
        assert further and f"without the 300 held out and {further:,} more of the same pictures (seed {seed})" in rest.source
    with pytest.raises(ValueError, match="crops of one picture stay together"):
        images.split(len(images) - 1)


def test_sha256_tells_sets_apart() -> None:
    images = small_set()
    assert images.sha256 == small_set().sha256 and len(images.sha256) == 64
    swapped = ImageSet(images.images.flip(0), images.labels.flip(0), images.classes, "")
    assert swapped.sha256 != images.sha256
    assert ImageSet(images.images, images.labels * 0, images.classes, "").sha256 != images.sha256


def test_moving_to_a_device() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, generator = small_set(), torch.Generator()
    here = list(images.batches(8, generator=generator.manual_seed(0)))
    there = list(images.batches(8, generator=generator.manual_seed(0), device=device))
    resident = list(images.to(device).batches(8, generator=generator.manual_seed(0)))
    for a, b, c in zip(here, there, resident, strict=True):
        assert b.device.type == device and torch.equal(a, b.cpu()) and torch.equal(b, c)
    rest, held = images.to(device).split(10)
    assert rest.images.device.type == device and torch.equal(held.images.cpu(), images.split(10)[1].images)
    assert images.to(device).source == images.source and images.to(device).sha256 == images.sha256


# ----------------------------------------------------------------------------------------------------------------------- the cache


def test_a_second_load_maps_the_cache_and_decodes_nothing(alone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    first = load_images(tree)
    assert [file.name.rpartition("-")[0] for file in alone.iterdir()] == ["cifar10-jpeg-copy-train-32"]

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("inpaintlib._images.decode.decode", refuse)
    second = load_images(tree)
    assert torch.equal(first.images, second.images) and torch.equal(first.labels, second.labels) and first.source == second.source
    mapped = np.load(next(alone.iterdir()), mmap_mode="r")  # the images lie first, for anybody's numpy
    assert isinstance(mapped, np.memmap) and np.array_equal(mapped, first.images.numpy())
    second.images.zero_()  # stays in memory
    assert torch.equal(load_images(tree).images, first.images) and first.images.any()


def test_a_changed_folder_is_decoded_anew_and_the_old_cache_goes(alone: Path, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    old = load_images(tree)
    unrelated = load_images(class_tree(tmp_path / "e", train=1))
    save(tree / "cifar10" / "train" / "cat" / "0000.jpg", 255 - noise(7))
    new = load_images(tree)
    assert not torch.equal(old.images, new.images) and len(new) == 30
    assert len(list(alone.iterdir())) == 2 and len(unrelated) == 10
    assert old.images.float().mean() > 0  # still mapped, though its file is gone


def test_sizes_and_splits_have_caches_of_their_own(alone: Path, tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path / "My Photos ü" / f"{i}.png", noise(i, 50, 60))
    for size in (32, 48):
        for split in ("train", "test"):
            load_images(tmp_path / "My Photos ü", split, size=size)
    names = sorted(file.name.rpartition("-")[0] for file in alone.iterdir())
    assert names == [f"folder-my-photos-{split}-{size}" for split in ("test", "train") for size in (32, 48)]


def test_decoding_tells_the_log_and_nobody_else(tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "inpaintlib"):
        load_images(class_tree(tmp_path / "d"))
    assert "decoding d: 30 images" in caplog.text and "cached" in caplog.text
    assert capfd.readouterr() == ("", "")


# ------------------------------------------------------------------------------------------------- the CIFAR-10 copy, where it is


@pytest.mark.skipif(not (Path(COPY) / "cifar10" / "test" / "truck" / "0499.jpg").is_file(), reason="INPAINTLIB_DATA names no JPEG copy")
def test_the_copy_itself() -> None:
    test = load_images(COPY, "test")
    assert len(test) == 5000 and test.source == "CIFAR-10 (JPEG copy): 5,000 test images of 32x32 pixels."
    mean = test.float().mean((0, 2, 3))
    assert torch.allclose(mean, torch.tensor([0.4913, 0.4821, 0.4465]), atol=0.01)


def test_public_names() -> None:
    assert set(data.__all__) == {"ImageSet", "load_images", "load_photo", "photo_names", "save_photo"}
