"""What can go wrong with a run, and what it says then: numbers that are none, checkpoints that are not ours, full disks, wrong input."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import re
import resource
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from inpaintlib import losses, masks, train
from inpaintlib._files import pack_safetensors, read_safetensors, write_atomically
from inpaintlib.train.checkpoint import load_checkpoint
from tests.training import StopAfter, TinyNet, checkpoint, noise, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


def says(*parts: str) -> str:
    """A pattern that finds all the parts, in this order."""
    return r"(?s)" + ".*".join(re.escape(part) for part in parts)


# -- NaN and infinity


class From(train.Callback):
    """Switches something on after a step."""

    def __init__(self, step, what):
        self.at, self.what = step, what

    def on_step(self, run):
        if run.step == self.at:
            self.what(run)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_step_and_term_and_leaves_the_weights(tmp_path, value):
    broken = []

    def loss(prediction, target, mask):
        hole = losses.hole_l1(prediction, target, mask)
        return {"hole": hole, "texture": hole * value if broken else hole}

    model, twin = tiny(dropout=0.0), tiny(dropout=0.0)
    with pytest.raises(train.Diverged) as caught:
        short(model, loss=loss, out=tmp_path, callbacks=[From(8, lambda run: broken.append(1))], schedule="constant", ema=None)
    message = str(caught.value)
    assert re.search(says("step 9 (epoch 2, batch 3 of 6)", f"texture is {value}", "the loss itself"), message), message
    assert "hole is" not in message
    assert "last good state" not in message and not list(tmp_path.glob("*.safetensors"))  # it ended before there was one
    broken.clear()
    short(twin, loss=loss, callbacks=[StopAfter(8)], schedule="constant", ema=None)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_the_last_good_state_is_named_where_there_is_one(tmp_path):
    broken = []
    with pytest.raises(train.Diverged, match=says("last good state of the run is in", str(tmp_path))):
        short(
            tiny(),
            loss=lambda prediction, target, mask: losses.hole_l1(prediction, target, mask) * (float("nan") if broken else 1),
            out=tmp_path,
            callbacks=[From(8, lambda run: broken.append(1))],
            checkpoint_seconds=1e-9,
        )
    assert (tmp_path / "last.safetensors").exists()


def test_the_first_layer_that_breaks_is_named():
    class Fragile(TinyNet):
        scale = 1.0

        def forward(self, image, mask):
            return super().forward(image, mask) * self.scale

    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)  # of a batch-normed value: NaN for half of them

    model = tiny()
    model.drop = nn.Sequential(nn.Identity())
    with pytest.raises(train.Diverged, match=says("step 5 ", "loss is nan", "first layer", "drop.1 (Log)")):
        short(model, callbacks=[From(4, lambda run: run.model.drop.append(Log()))])

    outer = Fragile()
    with pytest.raises(train.Diverged, match=says("the output of the Fragile")):
        short(outer, callbacks=[From(4, lambda run: setattr(outer, "scale", float("inf")))])


def test_a_gradient_that_is_no_number_is_told_from_a_loss():
    def loss(prediction, target, mask):
        return losses.hole_l1(prediction, target, mask) + (prediction - prediction.detach()).sum().sqrt()  # 0, of infinite slope

    model = tiny()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    expected = says("step 1 (epoch 1, batch 1 of 6)", "its gradient is nan", "last.bias", "root or a division")
    with pytest.raises(train.Diverged, match=expected):
        short(model, loss=loss, ema=None)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_weights_or_images_that_are_broken_are_named():
    model = tiny()
    with torch.no_grad():
        model.last.weight[0] = float("nan")
    with pytest.raises(train.Diverged, match=says("The weights last.weight are not finite")):
        short(model)


def test_when_losses_are_looked_at_late_the_step_is_still_the_right_one(tmp_path):
    waiting: list[int] = []

    class Later(train.Callback):
        def on_start(self, run):
            run.look_every = 16

        def on_step(self, run):
            waiting.append(len(run._pending))

    broken: list[int] = []

    def loss(prediction, target, mask):
        return losses.hole_l1(prediction, target, mask) * (float("nan") if broken else 1)

    with pytest.raises(train.Diverged, match=says("step 8 (epoch 2, batch 2 of 6)")):
        # The checkpoint of step 12 looks before it writes: a broken state is never kept.
        callbacks = [Later(), From(7, lambda run: broken.append(1)), train.Checkpoint(seconds=None, steps=6)]
        short(tiny(), loss=loss, out=tmp_path, callbacks=callbacks)
    assert max(waiting) > 1, "the losses were not looked at late"
    tensors, state = checkpoint(tmp_path)
    assert state["counters"]["step"] == 6 and all(bool(t.isfinite().all()) for t in tensors.values() if t.is_floating_point())


# -- checkpoints that cannot be used


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run that was stopped after step 8."""
    short(tiny(), out=tmp_path / "run", callbacks=[StopAfter(8)])
    return tmp_path / "run"


def test_a_folder_with_a_run_is_not_written_over(begun):
    kept = (begun / "last.safetensors").read_bytes(), (begun / "log.jsonl").read_bytes()
    with pytest.raises(train.CheckpointError, match=says(str(begun), "already holds a run", "--resume")):
        short(tiny(), out=begun)
    assert kept == ((begun / "last.safetensors").read_bytes(), (begun / "log.jsonl").read_bytes())


def test_a_checkpoint_of_another_model_is_refused_by_name(begun):
    class Other(TinyNet):
        name = "other"

    with pytest.raises(train.CheckpointError, match=says("holds the model tiny", "trains other")):
        short(Other(), out=begun, resume=True)
    with pytest.raises(train.CheckpointError, match=says("{'width': 8}", "{'width': 9}")):
        short(tiny(width=9), out=begun, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 9}, "batch_size = 8, this run has 9"),
        ({"seed": 1}, "seed = 0, this run has 1"),
        ({"optimizer": "sgd"}, "optimizer = 'adam', this run has 'sgd'"),
        ({"images": noise(seed=5)}, "images ="),
    ],
)
def test_settings_that_would_change_the_run_are_refused(begun, change, message):
    with pytest.raises(train.CheckpointError, match=says(message, "start anew")):
        short(tiny(), out=begun, resume=True, **change)


def test_an_average_that_was_never_taken_is_missed(tmp_path):
    short(tiny(), out=tmp_path, ema=None, callbacks=[StopAfter(4)])
    with pytest.raises(train.CheckpointError, match=says("without an average", "ema=None")):
        short(tiny(), out=tmp_path, resume=True)


class _Mischief:
    """Unpickled, it makes a file: the harm a pickle can do, in a harmless form."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("how", ["pickle", "old pickle", "torch.save"])
def test_a_pickle_with_code_in_it_is_refused_unopened(begun, how):
    last, harm = begun / "last.safetensors", begun / "harm"
    if how == "torch.save":
        torch.save(_Mischief(str(harm)), last)
    else:
        last.write_bytes(pickle.dumps(_Mischief(str(harm)), protocol=0 if how == "old pickle" else None))
    pickle.loads(pickle.dumps(_Mischief(str(harm))))
    assert harm.exists(), "the trap works"
    harm.unlink()
    pattern = says("last.safetensors", "pickle" if how != "old pickle" else "damaged")
    with pytest.raises(train.CheckpointError, match=pattern):
        short(tiny(), out=begun, resume=True)
    assert not harm.exists()


@pytest.mark.parametrize(("start", "step", "length"), [(b"\x80", 256, 0x180), (b"PK", 65536, 0x4B50)])
def test_a_header_of_a_length_that_looks_like_a_pickle_is_none(tmp_path, start, step, length):
    """The first bytes of a safetensors file are the length of its header: one of 32 is a multiple of 8 that ends in 0x80."""
    path = tmp_path / "a.safetensors"
    save_file({"weight": torch.ones(2)}, path, metadata={"pad": ""})
    pad = (length - path.read_bytes().index(b"}}") - 2 + 8) % step
    save_file({"weight": torch.ones(2)}, path, metadata={"pad": "x" * pad})
    assert path.read_bytes().startswith(start), "the trap works"
    assert read_safetensors(path)[0]["weight"].tolist() == [1, 1]


def test_a_checkpoint_cut_off_anywhere_is_refused_by_name(begun, full):
    last = begun / "last.safetensors"
    whole = last.read_bytes()
    lengths = {0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1} | {random.randrange(len(whole)) for _ in range(100 if full else 10)}
    for length in lengths:
        last.write_bytes(whole[:length])
        with pytest.raises(train.CheckpointError, match=says(str(last), "cut off or damaged", f"{length:,} bytes", "best.safetensors")):
            load_checkpoint(last)
    with pytest.raises(train.CheckpointError, match="cut off"):
        short(tiny(), out=begun, resume=True)
    last.write_bytes(whole)
    short(tiny(), out=begun, resume=True)


def flipped(whole: bytes, bit: int) -> bytes:
    return whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :]


def test_a_checkpoint_with_a_single_flipped_bit_is_refused_by_name(begun, full):
    """But for the few bits that spell the checksum's name: without them the file is one from before there was a checksum."""
    last = begun / "last.safetensors"
    whole = last.read_bytes()
    name = whole.index(b'"sha256"')
    bits = {0, 8 * len(whole) - 1, 8 * (name + 20)} | {random.randrange(8 * len(whole)) for _ in range(1000 if full else 60)}
    bits |= {random.randrange(8 * (8 + int.from_bytes(whole[:8], "little"))) for _ in range(1000 if full else 60)}
    for bit in bits - set(range(8 * name, 8 * (name + 10))):
        last.write_bytes(flipped(whole, bit))
        with pytest.raises(train.CheckpointError, match=says(str(last), "damaged", "its checkpoint cannot be used")):
            load_checkpoint(last)
    last.write_bytes(flipped(whole, 8 * (name + 2)))
    assert same(load_checkpoint(last)[0], checkpoint(begun)[0])


def test_a_damaged_checkpoint_without_a_checksum_is_refused_too_where_it_makes_no_sense(begun):
    tensors, state = checkpoint(begun)
    last = begun / "last.safetensors"
    save_file(tensors, last, metadata={"state": json.dumps(state)})
    whole = last.read_bytes()
    for word in (b"must_match", b"counters", b"optimizer", b"callbacks", b"scalars", b"options", b"epochs"):
        last.write_bytes(flipped(whole, 8 * (whole.index(b'\\"%s\\"' % word) + 3)))
        if word == b"epochs":  # only a setting that may change
            with pytest.warns(UserWarning, match="other settings"):
                short(tiny(), out=begun, resume=True, callbacks=[StopAfter(9)])
        else:
            with pytest.raises(train.CheckpointError, match=says(str(last), "damaged", "its checkpoint cannot be used")):
                short(tiny(), out=begun, resume=True)
    for words in ("[]", "3", "{", '{"format": 1}'):
        save_file(tensors, last, metadata={"state": words})
        with pytest.raises(train.CheckpointError, match="no checkpoint of a run"):
            load_checkpoint(last)


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(tmp_path):
    words = {"trap": '"sha256":"' + 64 * "0" + '"'}
    write_atomically(tmp_path / "a", pack_safetensors({"weight": torch.arange(3)}, words))
    tensors, found = read_safetensors(tmp_path / "a")
    assert tensors["weight"].tolist() == [0, 1, 2] and found["trap"] == words["trap"]
    unsigned = (tmp_path / "a").read_bytes().replace(found["sha256"].encode(), 64 * b"0")
    assert hashlib.sha256(unsigned).hexdigest() == found["sha256"]


def test_other_safetensors_and_no_file_are_told_apart(begun):
    last = begun / "last.safetensors"
    save_file({"weight": torch.zeros(2)}, last)
    with pytest.raises(train.CheckpointError, match=says("a safetensors file, but no checkpoint")):
        short(tiny(), out=begun, resume=True)
    with pytest.raises(train.CheckpointError, match="there is no checkpoint"):
        load_checkpoint(begun / "nothing.safetensors")
    with pytest.raises(train.CheckpointError, match=says("no folder", "out=")):
        short(tiny(), resume=True)


def test_resuming_where_nothing_was_saved_yet_begins_at_the_beginning(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 5}\n')  # killed before its first checkpoint
    one, two = tiny(), tiny()
    history = short(one, out=tmp_path, resume=True)
    assert history.rows == train.History.read(tmp_path / "log.jsonl").rows and history["loss"][0][0] == 4
    short(two)
    assert same(one, two)


def test_a_run_of_which_only_the_best_checkpoint_is_left_goes_on_from_it(tmp_path):
    watch = [train.Evaluate(noise(9, seed=8), masks.lines)]
    short(tiny(), out=tmp_path, callbacks=[*watch, StopAfter(13)], ema=None)
    at = checkpoint(tmp_path, "best")[1]["counters"]["step"]
    (tmp_path / "last.safetensors").unlink()
    kept = (tmp_path / "best.safetensors").read_bytes(), (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(train.CheckpointError, match=says(str(tmp_path), "already holds a run")):
        short(tiny(), out=tmp_path)
    assert kept == ((tmp_path / "best.safetensors").read_bytes(), (tmp_path / "log.jsonl").read_bytes())

    class First(train.Callback):
        def on_start(self, run):
            assert run.step == at > 0

    one, two = tiny(1), tiny()
    short(one, out=tmp_path, callbacks=[First(), *watch], ema=None, resume=True)
    short(two, callbacks=watch, ema=None)
    assert same(one, two)


def test_two_runs_do_not_share_a_folder(tmp_path):
    class Second(train.Callback):
        def on_start(self, run):
            with pytest.raises(train.CheckpointError, match=says("another run is writing to", str(tmp_path))):
                short(tiny(), out=tmp_path)

    short(tiny(), out=tmp_path, callbacks=[Second()])
    short(tiny(), out=tmp_path, resume=True)  # the lock went with the first


# -- the disk


@contextmanager
def room_for(size: int):
    """Within the block the system refuses to let any file grow beyond ``size`` bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TightDisk(train.Checkpoint):
    """From step 6 on, the disk has room for a thousand bytes."""

    def save(self, run, name, *, must=False):
        with room_for(1000 if run.step > 6 else resource.RLIM_INFINITY):
            super().save(run, name, must=must)


def test_a_full_disk_keeps_the_last_good_checkpoint_and_says_so(tmp_path):
    with (
        pytest.warns(UserWarning, match=says("last.safetensors of step 12 could not be written", "the one before it is kept")),
        pytest.raises(OSError, match=says("of step 18 could not be written", "the one before it is kept", "Make room")),
    ):
        short(tiny(), out=tmp_path, callbacks=[TightDisk(seconds=None, steps=6)])
    assert checkpoint(tmp_path)[1]["counters"]["step"] == 6
    assert not list(tmp_path.glob(".*partial*"))
    one, two = tiny(), tiny()
    short(one, out=tmp_path, resume=True)
    short(two)
    assert same(one, two)


FILL_THE_DISK = """
import sys, warnings
from pathlib import Path
import torch
torch.set_num_threads(1)
from inpaintlib import train
from inpaintlib.train.checkpoint import load_checkpoint
from tests.training import same, short, tiny

disk = Path(sys.argv[1])
class Fill(train.Callback):
    def on_step(self, run):
        if run.step == 7:  # the checkpoint of step 6 is there; of the next there is room for a part only
            size = (run.out / "last.safetensors").stat().st_size
            with open(disk / "ballast", "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1024))
                except OSError as error:
                    assert error.errno == 28, error
            with open(disk / "ballast", "r+b") as file:
                file.truncate((disk / "ballast").stat().st_size - size // 2)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        short(tiny(), out=disk / "run", callbacks=[Fill(), train.Checkpoint(seconds=None, steps=6)])
    except OSError as error:
        print("ended:", error)
print("warned:", *[w.message for w in said])
print("kept:", load_checkpoint(disk / "run" / "last.safetensors")[1]["counters"]["step"], sorted(p.name for p in (disk / "run").iterdir()))
(disk / "ballast").unlink()
one, two = tiny(1), tiny()
short(one, out=disk / "run", resume=True)
short(two)
print("same:", same(one, two))
"""


def test_a_disk_that_is_really_full_keeps_the_last_good_checkpoint(tmp_path):
    """A small disk in memory, in a name space of its own, where one may be made: its kernel says no, not a limit of this process."""
    script = tmp_path / "script.py"
    script.write_text(FILL_THE_DISK)
    mount = f'mount -t tmpfs -o size=256k none "{tmp_path}/disk" || exit 77; exec "$@"'
    (tmp_path / "disk").mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    words = [*unshare, "sh", "-c", mount, "sh", sys.executable, str(script), str(tmp_path / "disk")]
    root = Path(__file__).parent.parent
    try:
        done = subprocess.run(words, capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    except FileNotFoundError:
        pytest.skip("no unshare on this system")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk may be mounted here: {done.stderr.strip()}")
    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert re.search(says("ended:", "step 18 could not be written", "No space left", "the one before it is kept", "Make room"), said), said
    assert re.search(says("warned:", "last.safetensors of step 12 could not be written", "the one before it is kept"), said), said
    assert re.search(r"kept: 6 \['\.lock', 'last\.safetensors', 'log\.jsonl'\]", said), said  # no half of a file either
    assert "same: True" in said


def test_a_log_that_cannot_be_written_does_not_end_the_run_and_is_made_up_for(tmp_path):
    class Tight(train.Callback):
        """Between steps 4 and 11 the log cannot grow; it is told by the loop's own log, which comes after this."""

        def on_step(self, run):
            size = (run.out / "log.jsonl").stat().st_size + 20 if (run.out / "log.jsonl").exists() else 0
            limit = size if 4 < run.step < 11 else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    expected = says("the log", "could not be written", "the run goes on")
    with room_for(resource.RLIM_INFINITY), pytest.warns(UserWarning, match=expected) as seen:
        history = short(tiny(), out=tmp_path, callbacks=[Tight()], log_every=1, checkpoint_seconds=1e9)
    assert sum("the log" in str(w.message) for w in seen) == 1
    assert train.History.read(tmp_path / "log.jsonl").rows == history.rows and len(history) == 18


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_is_old_or_new_but_never_in_between(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"new and longer")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_a_killed_run_left_half_written_is_swept_away(begun):
    (begun / ".last.safetensors.123.partial").write_bytes(b"half")
    short(tiny(), out=begun, resume=True)
    assert sorted(path.name for path in begun.iterdir()) == [".lock", "last.safetensors", "log.jsonl"]


# -- what is passed in


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match=says("'cuda' was asked for", "it has: cpu")):
        short(tiny(), device="cuda")


def test_masks_that_look_inverted_are_pointed_out():
    def inverted(count, size, *, generator=None):
        return 1 - masks.lines(count, size, generator=generator)

    with pytest.warns(UserWarning, match=says("1 means known", "1 - mask")):
        short(tiny(), masks=inverted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short(tiny(), masks=masks.lines)


def test_few_images_are_one_batch_and_said_to_be():
    for count in (1, 3):
        with pytest.warns(UserWarning, match=f"{count} images are fewer than a batch of 8"):
            history = short(tiny(), noise(count), log_every=1)
        assert history["loss"][0] == [1, 2, 3]  # one step an epoch


def test_no_images_at_all():
    class Nothing:
        def __len__(self):
            return 0

        def batches(self, *args, **kwargs):
            return iter(())

    with pytest.raises(ValueError, match="set of images is empty"):
        short(tiny(), Nothing())
    with pytest.raises(ValueError, match="held-out images is empty"):
        train.Evaluate(Nothing(), masks.lines)


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, "neither epochs nor minutes", {"epochs": None}),
        (ValueError, "epochs is -1", {"epochs": -1}),
        (ValueError, "minutes is 0", {"minutes": 0}),
        (ValueError, "lr is nan", {"lr": float("nan")}),
        (ValueError, "batch_size is 2.5; expected a whole number", {"batch_size": 2.5}),
        (ValueError, "batch_size is True", {"batch_size": True}),
        (ValueError, "ema is 1.5", {"ema": 1.5}),
        (ValueError, "schedule is 'linear'; expected constant, cosine, one_cycle, step", {"schedule": "linear"}),
        (ValueError, "optimizer is 'lion'; expected adam", {"optimizer": "lion"}),
        (ValueError, "precision is 'fp8'; expected auto, bf16, fp16 or fp32", {"precision": "fp8"}),
        (ValueError, "device is 'tpu'", {"device": "tpu"}),
        (ValueError, "no folder for it", {"callbacks": [train.Checkpoint()]}),
        (TypeError, "expected an ImageSet", {"images": torch.rand(4, 3, 16, 16)}),
        (TypeError, "expected a family such as masks.lines", {"masks": torch.ones(8, 1, 16, 16)}),
        (TypeError, "loss is a str; expected a function", {"loss": "hole_l1"}),
        (ValueError, "mask has values from 0 to 255", {"masks": lambda n, s, generator=None: 255 * masks.lines(n, s, generator=generator)}),
        (ValueError, "expected one channel", {"masks": lambda n, s, generator=None: torch.ones(n, 3, s, s)}),
        (TypeError, "masks drew an ndarray of shape (8, 1, 16, 16)", {"masks": lambda n, s, generator=None: np.ones((n, 1, s, s))}),
        (ValueError, "height and width (8, 8), the image (16, 16)", {"masks": lambda n, s, generator=None: torch.ones(n, 1, 8, 8)}),
    ],
)
def test_settings_that_cannot_work_say_why(error, message, change):
    with pytest.raises(error, match=says(message)):
        short(tiny(), **change)


@pytest.mark.parametrize(
    ("error", "message", "loss"),
    [
        (TypeError, "returned a NoneType as 'loss'", lambda p, t, m: None),
        (TypeError, "returned a float as 'hole'", lambda p, t, m: {"hole": 1.0}),
        (ValueError, "returned no terms", lambda p, t, m: {}),
        (ValueError, "shape (8,) and dtype float32 as 'loss'; expected one number", lambda p, t, m: (p - t).abs().mean((1, 2, 3))),
        (ValueError, "no gradient flows", lambda p, t, m: losses.hole_l1(p.detach(), t, m)),
        *(
            (ValueError, f"returned a term {name!r}, but a row of the history has a {name!r} already", lambda p, t, m, name=name: {
                "hole": losses.hole_l1(p, t, m), name: losses.valid_l1(p, t, m),
            })
            for name in ("step", "epoch", "seconds", "lr", "images_per_second", "loss")
        ),
    ],
)  # fmt: skip
def test_a_loss_that_is_no_number_is_named(error, message, loss):
    with pytest.raises(error, match=says(message)):
        short(tiny(), loss=loss)


def test_callbacks_record_numbers_of_any_kind_and_nothing_else(tmp_path):
    class Note(train.Callback):
        values: tuple = (1, 2.5, np.float32(0.5), np.int64(3), torch.tensor([4.5]))

        def on_step(self, run):
            run.record({"note": self.values[run.step % len(self.values)]})

    history = short(tiny(), out=tmp_path, callbacks=[Note()])
    assert set(history["note"][1]) == {1, 2.5, 0.5, 3, 4.5} and train.History.read(tmp_path / "log.jsonl").rows == history.rows
    for value in (torch.ones(2), "1", None, [1.0]):
        Note.values = (value,)
        with pytest.raises(TypeError, match=says("recorded as 'note'", "expected a number")):
            short(tiny(), callbacks=[Note()])


def test_a_prediction_of_another_shape_and_a_model_without_weights():
    class Grey(TinyNet):
        def forward(self, image, mask):
            return super().forward(image, mask)[:, :1]

    with pytest.raises(ValueError, match=says("prediction", "(8, 1, 16, 16)", "(8, 3, 16, 16)")):
        short(Grey())
    model = tiny()
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that could be trained"):
        short(model)


def test_frozen_layers_stay_as_they_are():
    model = tiny()
    model.first.requires_grad_(False)
    before = model.first.weight.clone()
    short(model)
    assert torch.equal(model.first.weight, before)


def test_early_stopping_on_a_column_that_never_comes_lets_the_run_end():
    with pytest.warns(UserWarning, match=says("waits for 'psnr_composited'", "at the end", "step, epoch, seconds, loss, lr")) as said:
        history = short(tiny(), callbacks=[train.EarlyStopping("psnr_composited", patience=1)])
    assert history.stopped_by == "all epochs done" and len(said) == 1
    watch = [train.Evaluate(noise(9, seed=8), masks.lines), train.EarlyStopping("psnr", patience=1)]
    with pytest.warns(UserWarning, match=says("waits for 'psnr'", "so far", "psnr_raw, mae_raw, psnr_composited")) as said:
        short(tiny(), callbacks=watch)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short(tiny(), callbacks=[watch[0], train.EarlyStopping("psnr_raw", patience=9), train.EarlyStopping("loss", patience=9)])
    with pytest.raises(ValueError, match='expected "max" or "min"'):
        train.EarlyStopping(mode="up")
    for patience in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"patience is {patience}; expected a number of evaluations"):
            train.EarlyStopping(patience=patience)


def test_an_error_in_a_callback_leaves_the_signal_handler_and_the_chance_as_they_were():
    import signal

    handler, state = signal.getsignal(signal.SIGINT), torch.get_rng_state()

    class Bad(train.Callback):
        def on_step(self, run):
            raise RuntimeError("mine")

    model = tiny()
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="mine"):
        short(model, callbacks=[Bad()])
    assert signal.getsignal(signal.SIGINT) is handler and torch.equal(torch.get_rng_state(), state) and not model.training


def test_ctrl_c_in_a_notebook_finishes_the_step_and_saves(tmp_path):
    import signal

    class Press(train.Callback):
        def on_step(self, run):
            if run.step == 5:
                signal.raise_signal(signal.SIGINT)

    model = tiny()
    with pytest.raises(KeyboardInterrupt, match=says("stopped after step 5; saved in", str(tmp_path))):
        short(model, callbacks=[Press()], out=tmp_path)
    other = tiny()
    assert checkpoint(tmp_path)[1]["counters"]["step"] == 5
    short(model, out=tmp_path, resume=True)
    short(other)
    assert same(model, other)
    with pytest.raises(KeyboardInterrupt, match="not saved, since no folder"):
        short(tiny(), callbacks=[Press()])


def test_a_first_ctrl_c_during_the_last_evaluation_is_not_taken_for_a_second(tmp_path):
    import signal

    class Press(train.Callback):
        def __init__(self, times):
            self.times = times

        def on_end(self, run):
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=says("stopped after step 18; saved in", str(tmp_path))):
        short(tiny(), callbacks=[Press(1)], out=tmp_path)
    assert checkpoint(tmp_path)[1]["counters"]["step"] == 18
    assert short(tiny(), out=tmp_path, resume=True).stopped_by == "all epochs done"
    with pytest.raises(KeyboardInterrupt, match="stopped at once"):
        short(tiny(), callbacks=[Press(2)], out=tmp_path / "other")
    assert not (tmp_path / "other/last.safetensors").exists()


def test_importing_train_does_not_import_what_it_may_never_need():
    heavy = ("cv2", "matplotlib", "torchvision", "skimage", "tensorboard")
    code = f"import sys, inpaintlib.train; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
