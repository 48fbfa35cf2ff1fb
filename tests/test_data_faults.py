"""inpaintlib.data when something is wrong: pictures, archives, caches, disks, servers, arguments. Nothing that was there is lost."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import io
import os
import pickle
import resource
import shutil
import sys
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import CLASSES, class_tree, md5s, noise, official_archive, official_batches, official_folder, save, zip_of
from PIL import Image

from inpaintlib._images import cache, cifar, download, ladder, progress
from inpaintlib.data import ImageSet, load_images, load_photo


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("INPAINTLIB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inpaintlib"


def photos_in(folder: Path, count: int = 12) -> Path:
    for i in range(count):
        save(folder / f"{i:02}.png", noise(i))
    return folder


def everything(path: Path, size: int = 32) -> torch.Tensor:
    """All images of a plain folder, whichever split they fell into."""
    return torch.cat([load_images(path, split, size=size).images for split in ("train", "test")])


# ----------------------------------------------------------------------------------------------------------------- odd pictures


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


GREY16 = np.linspace(0, 65535, 32 * 32).reshape(32, 32).round().astype(np.uint16)
COLOUR = noise(5)
HALF = np.dstack([COLOUR, np.linspace(0, 255, 32 * 32).reshape(32, 32).round().astype(np.uint8)])
ON_WHITE = 255 + (COLOUR.astype(float) - 255) * HALF[..., 3:] / 255
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0%c\0\0\0\0\0\0"  # one tag, 0x112: orientation
UNIT = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
ODD = {
    "grey": (encoded(Image.fromarray(COLOUR[..., 0]), "PNG"), COLOUR[..., :1], 0),
    "black and white": (encoded(Image.fromarray(COLOUR[..., 0] > 99), "PNG"), (COLOUR[..., :1] > 99) * 255.0, 0),
    "grey with alpha": (
        encoded(Image.fromarray(HALF[..., [0, 3]], "LA"), "PNG"),
        ON_WHITE[..., :1],
        1,
    ),
    "alpha": (encoded(Image.fromarray(HALF), "PNG"), ON_WHITE, 1),
    "16-bit PNG": (encoded(Image.fromarray(GREY16), "PNG"), GREY16[..., None] / 257, 0.5),
    "16-bit TIFF": (encoded(Image.fromarray(GREY16), "TIFF"), GREY16[..., None] / 257, 0.5),
    "32-bit integers that hold 16": (encoded(Image.fromarray(GREY16.astype(np.int32)), "TIFF"), GREY16[..., None] / 257, 0.5),
    "float TIFF": (encoded(Image.fromarray(UNIT), "TIFF"), UNIT[..., None] * 255, 0.51),
    "CMYK TIFF": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), COLOUR, 1),
    "CMYK JPEG": (encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=98), COLOUR, 12),
    "palette": (encoded(Image.fromarray(COLOUR // 128 * 255).quantize(8), "PNG"), COLOUR // 128 * 255, 0),
    "GIF": (encoded(Image.fromarray(COLOUR // 128 * 255).quantize(8), "GIF"), COLOUR // 128 * 255, 0),
    "WebP": (encoded(Image.fromarray(COLOUR), "WEBP", lossless=True), COLOUR, 0),
    "upside down by EXIF": (encoded(Image.fromarray(COLOUR), "PNG", exif=TURNED % 3), COLOUR[::-1, ::-1], 0),
    "on its side by EXIF": (encoded(Image.fromarray(COLOUR), "PNG", exif=TURNED % 6), np.rot90(COLOUR, -1), 0),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_become_rgb(kind: str, tmp_path: Path) -> None:
    content, truth, tolerance = ODD[kind]
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / f"a.{'jpg' if 'JPEG' in kind else 'png'}").write_bytes(content)
    image = load_images(tmp_path / "d").images[0].permute(1, 2, 0).numpy().astype(float)
    expected = np.broadcast_to(np.asarray(truth, float), (32, 32, 3))
    assert np.abs(image - expected).max() <= tolerance
    full = load_photo(tmp_path / "d" / f"a.{'jpg' if 'JPEG' in kind else 'png'}")  # the same door for a single picture
    assert np.array_equal((full[0].permute(1, 2, 0).numpy() * 255).round(), image)


def test_transparent_palette(tmp_path: Path) -> None:
    two = Image.fromarray(np.repeat(np.array([[0, 1]], np.uint8), 16, 1).repeat(32, 0), "P")
    two.putpalette([200, 10, 10, 10, 10, 200])
    (tmp_path / "d").mkdir()
    two.save(tmp_path / "d" / "a.png", transparency=0)
    image = load_images(tmp_path / "d").images[0]
    assert image[:, 0, 0].tolist() == [255, 255, 255] and image[:, 0, 31].tolist() == [10, 10, 200]


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "d").mkdir()
    cv2.imwrite(str(tmp_path / "d" / "a.png"), COLOUR[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(load_images(tmp_path / "d").images[0].permute(1, 2, 0).numpy(), COLOUR)


def test_broken_pictures_are_skipped_and_named(tmp_path: Path) -> None:
    folder = photos_in(tmp_path / "d")
    whole = (folder / "00.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not found")
    (folder / "counts.tif").write_bytes(encoded(Image.fromarray(np.full((32, 32), 1 << 20, np.int32)), "TIFF"))
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "notes.txt").write_text("read me")
    (folder / ".hidden.png").write_bytes(whole)
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "a.png").write_bytes(whole)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        images = [load_images(folder, split) for split in ("train", "test")]
        again = [load_images(folder, split) for split in ("train", "test")]  # from the cache, with the same warnings
    assert sum(map(len, images)) == sum(map(len, again)) == 12
    text = " ".join(str(w.message) for w in caught)
    for name in ("cut.png", "empty.jpg", "text.jpg", "counts.tif", "gone.png"):
        assert text.count(name) >= 2, name
    for name in ("notes.txt", ".hidden.png", "__MACOSX"):
        assert name not in text
    assert {w.filename for w in caught} == {__file__}  # the warning points at the line that called
    assert "skipped" in images[0].source + images[1].source


def test_labels_stay_with_their_images_when_others_are_skipped(tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    truth = load_images(tree)
    for name in ("airplane/0000", "dog/0001", "truck/0002"):
        (tree / "cifar10" / "train" / f"{name}.jpg").write_bytes(b"broken")
    with pytest.warns(UserWarning, match=r"3 files in CIFAR-10 \(JPEG copy\) were skipped: .*airplane/0000\.jpg \(not an image"):
        left = load_images(tree)
    assert len(left) == 27
    label_of = {image.numpy().tobytes(): int(label) for image, label in zip(truth.images, truth.labels, strict=True)}
    assert [label_of[image.numpy().tobytes()] for image in left.images] == left.labels.tolist()


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"none of the 1 image files in 'd' can be read; the first: a\.png"):
        load_images(tmp_path / "d")
    with pytest.raises(ValueError, match="cannot be read as an image"):
        load_photo(tmp_path / "d" / "a.png")


# ---------------------------------------------------------------------------------------------------------------------- archives


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_archives_cut_off_anywhere_are_refused(kind: str, tmp_path: Path) -> None:
    photos_in(tmp_path / "d", 5)
    path = Path(shutil.make_archive(str(tmp_path / "a"), kind, tmp_path / "d"))
    whole, count = path.read_bytes(), len(everything(path))
    end = whole.rstrip(b"\0") if kind == "tar" else whole  # a tar's padding may go
    for share in (0.1, 0.4, 0.8, 0.99):
        path.write_bytes(whole[: int(len(end) * share)])
        with pytest.raises(ValueError, match=rf"the archive {path.name} is cut off or damaged"):
            load_images(path)
    path.write_bytes(whole)
    assert len(everything(path)) == count == 5


def test_a_tar_cut_between_two_members_is_noticed(tmp_path: Path) -> None:
    photos_in(tmp_path / "d", 5)
    path = Path(shutil.make_archive(str(tmp_path / "a"), "tar", tmp_path / "d"))
    import tarfile

    with tarfile.open(path) as tar:
        third = tar.getmembers()[3].offset
    path.write_bytes(path.read_bytes()[:third])
    with pytest.raises(ValueError, match="no end-of-archive mark"):
        load_images(path)


def test_a_damaged_member_of_a_zip_is_one_broken_picture(tmp_path: Path) -> None:
    path = zip_of(photos_in(tmp_path / "d"), tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    content[content.find(b"IDAT") + 20] ^= 255
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"00\.png \(Bad CRC-32"):
        images = load_images(path)
    assert len(images) + len(load_images(path, "test")) == 11


def test_a_zip_that_climbs_out_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "inside" / "a.zip"
    photos_in(tmp_path / "d", 3)
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../evil.png", "/etc/evil.png", "..\\evil.png", "C:/evil.png", "good/a.png", "__MACOSX/._a.png"):
            archive.writestr(name, (tmp_path / "d" / "00.png").read_bytes())
    before = sorted(tmp_path.rglob("*"))
    with pytest.warns(UserWarning, match="leads out of the archive"):
        images = load_images(path)
    assert len(images) == 1 and images.classes == ("good",)
    cache_files = {p for p in tmp_path.rglob("*") if (tmp_path / "cache") in (p, *p.parents)}
    assert sorted(set(tmp_path.rglob("*")) - cache_files) == before


def test_an_encrypted_or_exploding_member_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_of(photos_in(tmp_path / "d", 3), tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1 << 20))
    monkeypatch.setattr("inpaintlib._images.listing.MOST_BYTES", 1 << 19)
    with pytest.warns(UserWarning, match=r"bomb\.png \(unpacks to 1,048,576 bytes\)"):
        load_images(path)
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x01\x02") + 8] |= 1  # the first member now claims to be encrypted
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"00\.png \(.*encrypted"):
        load_images(path)


def test_checksums_of_the_official_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = official_batches()
    monkeypatch.setattr(cifar, "MD5", md5s(files))
    folder = official_folder(tmp_path / "d", files) / "cifar-10-batches-py"
    changed = bytearray(files["data_batch_4"])
    changed[200] ^= 1
    (folder / "data_batch_4").write_bytes(changed)
    with pytest.raises(ValueError, match=r"-py/data_batch_4 in 'd' has [\d,]+ bytes with MD5 \w{32}; the official file has"):
        load_images(tmp_path / "d")
    (folder / "data_batch_4").unlink()
    with pytest.raises(ValueError, match="lacks cifar-10-batches-py/data_batch_4"):
        load_images(tmp_path / "d")
    assert len(load_images(tmp_path / "d", "test")) == 6  # which needs none of these
    (folder / "data_batch_4").write_bytes(files["data_batch_4"])
    assert len(load_images(tmp_path / "d")) == 30


class Evil:
    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.system, ("touch " + Evil.where,)

    where = ""


def test_a_pickle_that_calls_something_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Evil.where = str(tmp_path / "owned")
    files = official_batches() | {"test_batch": pickle.dumps({b"data": Evil(), b"labels": []})}
    with pytest.raises(ValueError, match="MD5"):  # the first door
        load_images(official_folder(tmp_path / "d", files), "test")
    monkeypatch.setattr(cifar, "MD5", md5s(files))
    with pytest.raises(ValueError, match=r"not a CIFAR-10 batch: asks for posix\.system"):  # the second
        load_images(tmp_path / "d", "test")
    assert not (tmp_path / "owned").exists()


def test_a_batch_written_by_numpy_1_is_read() -> None:
    """The official files hold numpy arrays; this is how protocol 2 under Python 2 spelled one (module numpy.core)."""
    array = pickle.dumps(np.arange(6, dtype=np.uint8), protocol=2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in array
    batch = cifar._Plain(io.BytesIO(array), encoding="bytes").load()
    assert batch.tolist() == [0, 1, 2, 3, 4, 5]


# --------------------------------------------------------------------------------------------------------- cache, disk and rights


def replace(path: Path, content: bytes) -> None:
    """As a disk or a copy would damage it. Cutting the mapped file itself would end this process: the kernel cannot serve its pages."""
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "label", "text", "header", "shape"])
def test_a_damaged_cache_is_named_and_rebuilt(damage: str, alone: Path, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    truth = load_images(tree)
    path = next(alone.iterdir())
    content = bytearray(path.read_bytes())
    if damage in ("cut", "empty"):
        content = content[: len(content) // 2 if damage == "cut" else 0]
    elif damage == "shape":
        content[:128] = bytes(content[:128]).replace(b"(30, 3", b"(29, 3")
    else:
        content[{"bit": 5000, "label": 128 + 30 * 3072 + 128 + 8, "text": -150, "header": 3}[damage]] ^= 1
    replace(path, content)
    with pytest.warns(UserWarning, match=rf"the cached images .*{path.name} .*made anew"):
        again = load_images(tree)
    assert torch.equal(again.images, truth.images) and again.source == truth.source
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images(tree)


def test_a_damaged_cache_without_its_source_is_passed_over(alone: Path, tmp_path: Path) -> None:
    load_images(class_tree(tmp_path / "d"))
    shutil.rmtree(tmp_path / "d")
    path = next(alone.iterdir())
    replace(path, path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="passed over"):
        assert load_images().source.startswith("Embedded photographs")
    assert path.exists()  # it is all that is left: not ours to delete


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow further: a write stops in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files by the kernel")
def test_a_full_disk_while_caching(alone: Path, tmp_path: Path) -> None:
    other = class_tree(tmp_path / "other", train=1)
    load_images(other)
    before = {path.name: path.read_bytes() for path in alone.iterdir()}
    tree = class_tree(tmp_path / "d", train=20)
    with files_no_larger_than(200_000), pytest.warns(UserWarning, match=r"could not be cached .*in memory"):
        images = load_images(tree)
    assert len(images) == 200 and images.source.startswith("CIFAR-10 (JPEG copy)")
    assert {path.name: path.read_bytes() for path in alone.iterdir()} == before  # nothing half-written, nothing lost
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(load_images(tree).images, images.images)  # room again: cached now
    assert len(list(alone.iterdir())) == 2


def test_no_space_left_on_device(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        assert len(load_images(class_tree(tmp_path / "d"))) == 30
    assert list(alone.iterdir()) == []


@pytest.mark.parametrize("kind", ["a file in its place", "no home"])
def test_without_a_cache_everything_works(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")

        def nowhere() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", nowhere)
    else:
        (tmp_path / "cache").write_text("in the way")
    tree = class_tree(tmp_path / "d")
    with pytest.warns(UserWarning, match="could not be cached"):
        assert len(load_images(tree)) == 30
    assert load_images().source.startswith("Embedded photographs")


@pytest.mark.skipif(os.name != "posix", reason="POSIX rights")
def test_read_only_data_and_cache(alone: Path, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d")
    first = load_images(tree)
    folders = [tmp_path / "d", tree / "cifar10" / "train", alone]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert torch.equal(load_images(tree).images, first.images)
        with contextlib.nullcontext() if os.access(alone, os.W_OK) else pytest.warns(UserWarning, match="could not be cached"):
            assert len(load_images(tree, "test")) == 20
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_leftovers_of_killed_processes_are_swept_when_old(alone: Path, tmp_path: Path) -> None:
    alone.mkdir(parents=True)
    old, fresh, foreign = alone / ".x-train-32-0.npy.abc.part", alone / ".y-train-32-0.npy.abc.part", alone / "mine.part"
    for path in (old, fresh, foreign):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    load_images(class_tree(tmp_path / "d"))
    assert not old.exists() and fresh.exists() and foreign.exists()


def test_two_processes_may_cache_the_same_set_at_once(alone: Path, tmp_path: Path) -> None:
    tree = class_tree(tmp_path / "d", train=8)
    results: list[ImageSet] = []
    threads = [threading.Thread(target=lambda: results.append(load_images(tree))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and len({result.sha256 for result in results}) == 1
    assert len(list(alone.iterdir())) == 1


# ---------------------------------------------------------------------------------------------------------------------- download


class Server(http.server.BaseHTTPRequestHandler):
    """Serves ``content``; ``behaviour`` says how it misbehaves. ``asked`` keeps the ranges that were asked for."""

    content = b""
    behaviour = "good"
    asked: list[str]

    def do_GET(self) -> None:
        begin = self.headers.get("Range", "")
        self.asked.append(begin)
        start = int(begin.removeprefix("bytes=").rstrip("-") or 0) if self.behaviour != "no ranges" else 0
        if self.behaviour == "missing":
            self.send_error(404)
            return
        if start and start >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        rest = self.content[start:]
        if self.behaviour in ("cuts", "silent", "no ranges"):  # every answer ends (or stops) after 40 kB
            self.wfile.write(rest[:40_000] if self.behaviour != "no ranges" or len(self.asked) == 1 else rest)
            if self.behaviour == "silent" and len(rest) > 40_000:
                self.wfile.flush()
                self.server.stop.wait(5)  # type: ignore[attr-defined]
        else:
            self.wfile.write(rest)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {"asked": [], "content": np.random.default_rng(0).bytes(100_000)})
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http_server.stop = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{http_server.server_port}/file", handler
    http_server.stop.set()  # type: ignore[attr-defined]
    http_server.shutdown()
    http_server.server_close()


@pytest.mark.parametrize("behaviour", ["good", "cuts", "silent", "no ranges"])
def test_a_download_arrives_whole(behaviour: str, server: tuple[str, type[Server]], tmp_path: Path) -> None:
    url, handler = server
    handler.behaviour = behaviour
    md5 = hashlib.md5(handler.content).hexdigest()
    path = download.download(url, tmp_path / "new" / "file", md5, timeout=0.5)
    assert path.read_bytes() == handler.content and [p.name for p in path.parent.iterdir()] == ["file"]
    expected = {"good": [""], "cuts": ["", "bytes=40000-", "bytes=80000-"], "no ranges": ["", "bytes=40000-"]}
    assert handler.asked == expected.get(behaviour, expected["cuts"])


def test_an_interrupted_download_goes_on_where_it_stopped(server: tuple[str, type[Server]], tmp_path: Path) -> None:
    url, handler = server
    (tmp_path / "file.part").write_bytes(handler.content[:70_000])
    download.download(url, tmp_path / "file", hashlib.md5(handler.content).hexdigest())
    assert handler.asked == ["bytes=70000-"] and (tmp_path / "file").read_bytes() == handler.content


def test_a_download_with_a_wrong_checksum_is_discarded(server: tuple[str, type[Server]], tmp_path: Path) -> None:
    url, _ = server
    (tmp_path / "file").write_bytes(b"what was there before")
    with pytest.raises(ConnectionError, match=r"sent 100,000 bytes with MD5 \w{32}; expected 0{32}"):
        download.download(url, tmp_path / "file", "0" * 32)
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_bytes() == b"what was there before"


def test_servers_that_are_not_there(server: tuple[str, type[Server]], tmp_path: Path) -> None:
    url, handler = server
    handler.behaviour = "missing"
    with pytest.raises(ConnectionError, match="answers 404"):
        download.download(url, tmp_path / "file", "0" * 32)
    with pytest.raises(ConnectionError, match="cannot be fetched"):
        download.download("http://127.0.0.1:9/file", tmp_path / "file", "0" * 32, timeout=0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_downloading(server: tuple[str, type[Server]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, _ = server

    class Full(io.FileIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda self, mode: Full(self, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space left"):
        download.download(url, tmp_path / "file", "0" * 32)
    assert list(tmp_path.iterdir()) == []


def test_the_whole_third_step(server: tuple[str, type[Server]], alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inpaintlib import _torchvision

    known = _torchvision.load("datasets").CIFAR10
    official = dict(known.train_list + known.test_list)
    assert official == cifar.MD5 and known.filename == cifar.ARCHIVE  # torchvision knows the same files
    url, handler = server
    files = official_batches()
    handler.content = official_archive(tmp_path / "served.tar.gz", files).read_bytes()
    monkeypatch.setattr(cifar, "MD5", md5s(files))
    monkeypatch.setattr(known, "url", url)
    monkeypatch.setattr(known, "tgz_md5", hashlib.md5(handler.content).hexdigest())

    with pytest.warns(UserWarning, match="nobody can watch"):  # not in a script, not in CI
        assert load_images(download=True).source.startswith("Embedded")
    monkeypatch.setattr(ladder, "interactive", lambda: True)
    assert load_images().source.startswith("Embedded") and handler.asked == []  # nor unasked
    images = load_images("cifar10", download=True)
    assert images.source == "CIFAR-10 (official), downloaded: 30 training images of 32x32 pixels."
    assert load_images(split="test").source.startswith("CIFAR-10 (official), from the cache: 6 test images")
    assert len(handler.asked) == 1
    for path in alone.glob("*.npy"):  # a damaged cache is rebuilt from the archive, without the network
        replace(path, b"")
    with pytest.warns(UserWarning, match="cannot be read"):
        assert torch.equal(load_images(split="train").images, images.images)
    for path in alone.glob("cifar10*"):
        path.unlink()
    (alone / cifar.ARCHIVE).write_bytes(handler.content[:5000])  # a cut-off archive too is named, and fetched again when asked
    with pytest.warns(UserWarning, match=r"cached archive .*cut off or damaged"):
        assert load_images(split="train").source.startswith("Embedded")
    with pytest.warns(UserWarning, match=r"cached archive .*cut off or damaged"):
        assert torch.equal(load_images(split="train", download=True).images, images.images)


def test_a_failed_download_ends_on_the_photographs(server: tuple[str, type[Server]], monkeypatch: pytest.MonkeyPatch) -> None:
    from inpaintlib import _torchvision

    url, handler = server
    handler.behaviour = "missing"
    monkeypatch.setattr(_torchvision.load("datasets").CIFAR10, "url", url)
    monkeypatch.setattr(ladder, "interactive", lambda: True)
    with pytest.warns(UserWarning, match="could not be downloaded: .*404"):
        assert load_images(download=True).source.startswith("Embedded photographs")
    with pytest.raises(ConnectionError, match="Set INPAINTLIB_DATA"):
        load_images("cifar10", download=True)


# ---------------------------------------------------------------------------------------------------------- progress for people only


def test_progress_draws_one_line_and_wipes_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(progress, "interactive", lambda: True)
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.Progress("decoding x", 1000, "images") as bar:
        for _ in range(4):
            now[0] += 0.4
            bar.update(100)
    drawn = capsys.readouterr().err
    assert "decoding x: 200 of 1,000 images, 3 s left" in drawn and drawn.count("decoding") == 2
    assert drawn.endswith("\r") and drawn.split("\r")[-2].strip() == "" and "\n" not in drawn


def test_an_executed_notebook_is_nobody_watching() -> None:
    """nbclient and nbval let no cell ask for input; JupyterLab does. That is how the library tells them apart."""
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3")
    try:
        for watched in (True, False):
            told: list[str] = []
            client.execute_interactive(
                "from inpaintlib._images.progress import interactive; print(interactive())",
                allow_stdin=watched,
                output_hook=lambda message, told=told: told.append(message["content"].get("text", "")),
                stdin_hook=lambda _: None,
                timeout=120,
            )
            assert "".join(told).strip() == str(watched)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


# -------------------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"name": "imagenet"}, ValueError, "name is 'imagenet'; expected 'auto', 'cifar10', 'photos', or the path"),
        ({"name": "no/such/place"}, FileNotFoundError, "there is no file or folder 'no/such/place'"),
        ({"name": "missing.zip"}, FileNotFoundError, "there is no file or folder 'missing.zip'"),
        ({"name": ""}, TypeError, "expected 'auto'"),
        ({"name": 7}, TypeError, "name is 7"),
        ({"split": "val"}, ValueError, r"split is 'val'; expected 'train' or 'test'.*split\(1000\)"),
        ({"limit": 0}, ValueError, "limit is 0"),
        ({"limit": -5}, ValueError, "limit is -5"),
        ({"limit": 2.5}, ValueError, "limit is 2.5"),
        ({"limit": True}, ValueError, "limit is True"),
        ({"size": 0}, ValueError, "size is 0"),
        ({"size": (32, 32)}, ValueError, r"size is \(32, 32\)"),
        ({"name": "cifar10"}, FileNotFoundError, "not on this machine. Set INPAINTLIB_DATA"),
        ({"name": "photos", "split": "test", "size": 1000}, ValueError, "no embedded photograph for 'test' has a window of 1000x1000"),
    ],
)
def test_arguments_of_load_images(arguments: dict, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        load_images(**arguments)


def test_folders_without_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="'empty' holds no file"):
        load_images(tmp_path / "empty")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    with pytest.raises(ValueError, match="'texts' holds 1 files, but none with the suffix of an image"):
        load_images(tmp_path / "texts")
    with pytest.raises(ValueError, match=r"single file; expected a folder.*load_photo"):
        load_images(tmp_path / "texts" / "a.txt")
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "empty"))
    with pytest.raises(ValueError, match=r"INPAINTLIB_DATA is '.*empty': 'empty' holds no file"):
        load_images()  # who names a source is told, and does not get another one instead
    monkeypatch.setenv("INPAINTLIB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"INPAINTLIB_DATA is '.*nowhere': there is no file or folder"):
        load_images("cifar10")


def test_cifar_has_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = class_tree(tmp_path / "d")
    with pytest.raises(ValueError, match="CIFAR-10 images have 32x32 pixels"):
        load_images(official_folder(tmp_path / "e", official_batches()), size=64)
    load_images(tree)  # cached
    with pytest.raises(ValueError, match="size is 64; CIFAR-10 images have 32x32 pixels"):
        load_images("cifar10", size=64)
    assert load_images(size=64).source.startswith("Embedded photographs")


@pytest.mark.parametrize("name", ["auto", "cifar10"])
def test_a_copy_of_cifar_is_not_enlarged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPAINTLIB_DATA", str(class_tree(tmp_path / "d")))
    with pytest.raises(ValueError, match="size is 64; CIFAR-10 images have 32x32 pixels"):
        load_images(name, "test", size=64)


def test_an_enlarged_copy_that_lies_in_the_cache_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = class_tree(tmp_path / "d")
    with monkeypatch.context() as patch:
        patch.setattr(ladder, "_refuse_copy", lambda *_: None)
        assert load_images(tree, "test", size=64).images.shape[1:] == (3, 64, 64)  # as an earlier version did it
    with pytest.raises(ValueError, match="CIFAR-10 images have 32x32 pixels"):
        load_images(tree, "test", size=64)


@pytest.mark.parametrize("size", [64, 96])
def test_larger_pictures_in_folders_called_like_those_of_cifar_have_any_size(size: int, tmp_path: Path) -> None:
    for split, label in product(("train", "test"), CLASSES):
        save(tmp_path / "d" / split / label / "0.png", noise(1, 96, 96))
    for _ in range(2):  # decoded, and from the cache
        images = load_images(tmp_path / "d", "test", size=size)
        assert images.images.shape == (10, 3, size, size) and "CIFAR" not in images.source


IMAGES = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
LABELS = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("images", "labels", "kind", "message"),
    [
        (IMAGES / 255, LABELS, TypeError, r"images is a tensor of shape \(4, 3, 8, 8\) and dtype float32; expected uint8"),
        (IMAGES.numpy(), LABELS, TypeError, "images is an ndarray"),
        (IMAGES[0], LABELS, ValueError, r"expected at least one image of three channels, \(N, 3, H, W\)"),
        (IMAGES[:, :1], LABELS, ValueError, "three channels"),
        (IMAGES[:0], LABELS[:0], ValueError, "at least one image"),
        (IMAGES, LABELS[:3], ValueError, r"expected one label an image, \(4,\)"),
        (IMAGES, LABELS.int(), TypeError, "expected int64"),
        (IMAGES, LABELS + 2, ValueError, "labels go from 2 to 2; expected indices of the 2 classes"),
        (IMAGES, LABELS - 1, ValueError, "labels go from -1"),
    ],
)
def test_what_an_image_set_refuses(images: object, labels: torch.Tensor, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ImageSet(images, labels, ("a", "b"), "made up")  # type: ignore[arg-type]


def test_arguments_of_the_methods() -> None:
    images = ImageSet(IMAGES, LABELS, ("a",), "made up")
    for size in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match="batch_size is"):
            images.batches(size)  # at the call, not at the first batch
    with pytest.raises(ValueError, match="4 images do not fill one batch of 5"):
        images.batches(5, drop_last=True)
    for beyond in (4, -5, [0, 4], torch.tensor([1, -5])):
        with pytest.raises(IndexError, match="is beyond this set of 4 images"):
            images.float(beyond)
    with pytest.raises(IndexError, match="3 truth values for 4 images"):
        images.float([True, False, True])
    for no_index in ("one", 1.0, True, [0.5], [[0, 1]], object()):
        with pytest.raises(TypeError, match=r"indices is .*expected one index"):
            images.float(no_index)
    with pytest.raises(TypeError, match="generator is an int"):
        images.batches(2, generator=0)
    for count in (0, 4, -1, 1.5, True):
        with pytest.raises(ValueError, match=r"count is .*expected a whole number from 1 to 3"):
            images.split(count)
    with pytest.raises(ValueError, match=r"there is no photograph 'lena'; the embedded ones are astronaut"):
        load_photo("lena")
    with pytest.raises(FileNotFoundError, match=r"no file 'lena\.png'"):
        load_photo("lena.png")


def test_names_of_cached_files_are_harmless() -> None:
    name = cache.name_for("../../x y\n", "train", 32, "f" * 64)
    assert "/" not in name and "\n" not in name and name.endswith("-train-32-" + "f" * 16 + ".npy")
