"""Beat a baseline: weights are read without trusting them, run where no code of a student's runs, and judged on hidden pictures."""

from __future__ import annotations

import csv
import inspect
import json
import math
import os
import pickle
import struct
import time

import numpy as np
import pytest
import torch
from grading import KEY, SMALL, add, exercise, handed_out, needs_sandbox
from PIL import Image
from safetensors.torch import save

from course import CourseError
from course.__main__ import main
from course.checks import BeatTask, check, get, hint, look
from course.grading.collect import collect
from course.grading.grade import grade_one
from course.grading.limits import Limits
from course.grading.network import grade_network, hidden_trial, load_pictures, pack_pictures
from course.grading.process import Process
from course.grading.runner import Job, Store
from course.grading.sandbox import Sandbox
from course.grading.settings import Settings
from course.networks.judge import Trial, fill, handed_in, score, solution, visible
from course.networks.weights import OPTIONS, BadWeights, Weights, build, read, same_as
from inpaintlib import baselines, models
from inpaintlib.models import pretrained

NAME = "partial_unet/beat"
TASK = get(NAME)
FAST = BeatTask(NAME, "", "mean_fill", "lines", TASK.thresholds, TASK.hints, images=8)
LARGEST = TASK.largest


def saved(folder, name="partial_unet", file="weights.safetensors", **options):
    """A small untrained network as a student saves one."""
    torch.manual_seed(0)
    return pretrained.save_pretrained(models.create(name, **(options or {"width": 2})), folder / file, card={})


def changed(path, **entries):
    """The same file with other words in its header; a function changes what stands there."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for key, value in entries.items():
        where = header["__metadata__"] if key in ("name", "options", "format") else header
        where[key] = value(where.get(key)) if callable(value) else value
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return path


# --- reading ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("partial_unet", {"width": 1, "squeeze": False}),
        ("vanilla_unet", {"width": 2, "depth": 2}),
        ("gated_unet", {"size": 32, "width": 2}),
        ("partial_unet_s1", {"width": 2}),
        ("course_unet", {"width": 4, "depth": 2, "blocks": 1, "convolution": "gated", "attention": False, "start": False}),
    ],
)
def test_every_model_that_may_be_handed_in_comes_back_as_it_was_saved(name, options, tmp_path):
    weights = read(saved(tmp_path, name, **options), LARGEST)
    made = models.create(name, **options)
    assert (weights.name, weights.options) == (name, made.options) and set(inspect.signature(type(made)).parameters) == set(OPTIONS[name])
    again = build(weights)
    torch.manual_seed(0)
    first = models.create(name, **options).eval()
    image, mask = torch.rand(2, 3, 32, 32), (torch.rand(2, 1, 32, 32) > 0.3).float()
    with torch.no_grad():
        torch.testing.assert_close(again(image, mask), first(image, mask), atol=2e-2, rtol=0)  # 16 bits


def cut(data):
    return data[: len(data) // 2]


def header_of(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


RAW = {
    "nothing": (lambda _: b"", "no safetensors file"),
    "words": (lambda _: b"my network\n" * 50, "no safetensors file"),
    "a pickle": (lambda _: pickle.dumps({"weight": [1.0]}), "is a pickle"),
    "a zip, as torch.save writes it": (lambda _: b"PK\x03\x04" + bytes(100), "is a pickle"),
    "cut off": (cut, "is cut off"),
    "cut off in its header": (lambda data: data[:60], "is cut off"),
    "bytes behind the end": (lambda data: data + b"<script>", "bytes behind its end"),
    "a length that nobody has": (lambda data: b"\xff" * 8 + data[8:], "no safetensors file"),
    "a header that is no JSON": (lambda _: header_of(b"{" * 5000), "damaged header"),
    "a header that is deep": (lambda _: header_of(b'{"a":' + b"[" * 200_000), "damaged header"),
    "a header that is no text": (lambda _: header_of(b"{\xff\xfe}"), "damaged header"),
    "numbers without a name": (lambda _: save({"weight": torch.ones(3)}), "does not say of which model"),
}


@pytest.mark.parametrize("what", RAW)
def test_a_file_that_is_no_such_file_is_named(what, tmp_path):
    make, words = RAW[what]
    path = saved(tmp_path)
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(BadWeights, match=words):
        read(path, LARGEST)


FIRST = "down.0.keep.weight"
CHANGES = {
    "another model": ({"name": "diffusion"}, "of the model 'diffusion'; expected one of course_unet"),
    "a model by its path": ({"name": "../../etc/passwd"}, "expected one of course_unet"),
    "a name that is none": ({"name": None}, "expected one of"),
    "a name that is a list": ({"name": ["partial_unet"]}, "expected one of"),
    "options that are no JSON": ({"options": "width=2"}, "with which options"),
    "options that are a list": ({"options": "[2]"}, "with which options"),
    "another width": ({"options": '{"width": 3, "squeeze": true}'}, "not those of a partial_unet"),
    "a width as large as the world": ({"options": '{"width": 1000000000}'}, "expected 1 to 64"),
    "a width of yes": ({"options": '{"width": true}'}, "expected 1 to 64"),
    "a width of 2.0": ({"options": '{"width": 2.0}'}, "expected 1 to 64"),
    "an option that is none": ({"options": '{"__class__": "os.system"}'}, "the option '__class__'; known are width"),
    "another format": ({"format": "pickle"}, "does not say of which model"),
    "a tensor too many": ({"more": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}}, "expected no such tensor"),
    "a type that weights do not have": ({FIRST: lambda e: {**e, "dtype": "U8"}}, "of no type that weights have"),
    "an entry that is none": ({FIRST: "here"}, "of no type that weights have"),
    "a shape below zero": ({FIRST: lambda e: {**e, "shape": [-2, -3, 3, 3]}}, "damaged header"),
    "a shape of terabytes": ({FIRST: lambda e: {**e, "shape": [1 << 39, 1 << 39]}}, "does not lie where it should"),
    "a shape of terabytes, of nothing": ({"more": {"dtype": "F16", "shape": [0, *3 * [1 << 39]], "data_offsets": [0, 0]}}, "not those of"),
    "a tensor on top of another": ({FIRST: lambda e: {**e, "data_offsets": [0, 108]}}, "does not lie where it should"),
    "a tensor beyond the end": ({FIRST: lambda e: {**e, "data_offsets": [10**9, 10**9 + 108]}}, "where it should"),
    "a tensor turned": ({FIRST: lambda e: {**e, "shape": e["shape"][::-1]}}, "has the shape"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_header_that_lies_is_not_believed(what, tmp_path):
    entries, words = CHANGES[what]
    begin = time.thread_time()
    with pytest.raises(BadWeights, match=words):
        read(changed(saved(tmp_path), **entries), LARGEST)
    assert time.thread_time() - begin < 2


def test_too_large_missing_a_pipe_and_nan_are_said_in_words_that_help(tmp_path):
    path = saved(tmp_path)
    with pytest.raises(BadWeights, match=r"at most 0.005 MB may be handed in. A network of half the width"):
        read(path, 5000)
    with pytest.raises(BadWeights, match="There is no file absent"):
        read(tmp_path / "absent.safetensors", LARGEST)
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(BadWeights, match="There is no file pipe"):
        read(tmp_path / "pipe.safetensors", LARGEST)
    data = bytearray(path.read_bytes())
    data[-2:] = b"\x00\x7e"  # NaN in 16 bits, in the last tensor that is no counter
    path.write_bytes(data)
    with pytest.raises(BadWeights, match="NaN or infinity"):
        read(path, LARGEST)


def test_random_damage_is_refused_or_harmless(tmp_path):
    path = saved(tmp_path)
    good, generator = path.read_bytes(), torch.Generator().manual_seed(0)
    head = 8 + int.from_bytes(good[:8], "little")
    refused = 0
    for _ in range(150):
        data = bytearray(good)
        for place in torch.randint(head, (3,), generator=generator).tolist():
            data[place] = int(torch.randint(256, (), generator=generator))
        path.write_bytes(data)
        try:
            assert read(path, LARGEST).name == "partial_unet"
        except BadWeights as problem:
            refused += len(str(problem)) < 700
    assert refused > 100


# --- judging ------------------------------------------------------------------------------------------------------------------------------


def test_the_solution_earns_all_points_and_is_small_enough(monkeypatch):
    path = solution(NAME)
    assert path.stat().st_size < LARGEST
    for source in ("photos", None):  # on the photographs that are always there, and on what this machine has
        if source:
            monkeypatch.setenv("INPAINTLIB_DATA", source)
        else:
            monkeypatch.undo()
        weights, trial = handed_in(TASK, path), visible(TASK)
        found = score(TASK, trial, weights, fill(weights))
        assert found.status == "passed" and found.points == TASK.points == 4, found
        assert found.gain == pytest.approx(found.psnr - found.baseline, abs=1e-4)


@pytest.mark.parametrize("name", ["course_unet", "hole_detector"])
def test_weights_that_come_with_the_course_are_not_ones_own(name):
    with pytest.raises(BadWeights, match=r"come with the course|of the model 'hole_detector'"):
        handed_in(TASK, pretrained.FOLDER / f"{name}.safetensors")


def test_weights_are_the_same_as_others_if_hardly_anything_was_changed(tmp_path):
    mine = read(saved(tmp_path), LARGEST)
    near = {key: value * (1 + 0.001 * torch.rand(value.shape)) if value.is_floating_point() else value for key, value in mine.state.items()}
    for options in (mine.options, {**mine.options, "mirror": True}):
        assert same_as(Weights(mine.name, options, near), [tmp_path / "weights.safetensors"]) == "weights"
    far = {key: value * 1.1 if value.is_floating_point() else value for key, value in mine.state.items()}
    assert same_as(Weights(mine.name, mine.options, far), [tmp_path / "absent", tmp_path / "weights.safetensors"]) == ""


def test_only_pictures_with_blank_holes_go_in_and_only_the_holes_are_looked_at(tmp_path):
    """An inpainter in place of a network: the baseline itself gains nothing, whatever it says of known pixels; the truth gains all."""
    trial = Trial.of(FAST, torch.rand(8, 3, 32, 32), (torch.rand(8, 1, 32, 32) > 0.3).float(), "noise")
    weights, seen = read(saved(tmp_path), LARGEST), []

    def baseline(image, mask):
        seen.append(float((image * (1 - mask)).abs().max()))
        known = torch.where(mask > 0, torch.full_like(image, math.nan), baselines.mean_fill(image, mask))
        image.fill_(0.5), mask.fill_(0)  # what it does to what it was given is nobody's business
        return known

    found = score(FAST, trial, weights, baseline, batch=3)
    assert found.gain == pytest.approx(0, abs=1e-5) and set(seen) == {0.0} and len(seen) == 3 and found.points == 2
    assert score(FAST, trial, weights, lambda image, mask: trial.images, batch=8).status == "passed"
    assert score(FAST, trial, weights, lambda image, mask: image, batch=8).status == "below"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda image, mask: image * math.nan, "NaN or infinity"),
        (lambda image, mask: image[:, :1], "did not give pictures"),
        (lambda image, mask: image > 0, "did not give pictures"),
        (lambda image, mask: "right", "did not give pictures"),
    ],
)
def test_what_is_no_picture_is_refused(wrong, words, tmp_path):
    trial = Trial.of(FAST, torch.rand(4, 3, 32, 32), (torch.rand(4, 1, 32, 32) > 0.3).float(), "noise")
    with pytest.raises(BadWeights, match=words):
        score(FAST, trial, read(saved(tmp_path), LARGEST), wrong)


def test_pictures_that_anything_fills_do_not_decide(tmp_path):
    """On a flat picture the mean is exact to 50 dB and more; a network that is exact to 55 there is not 45 dB worse."""
    flat = torch.full((4, 3, 32, 32), 0.5)
    trial = Trial.of(FAST, flat, (torch.rand(4, 1, 32, 32) > 0.3).float(), "flat")
    assert trial.baseline.tolist() == [50.0] * 4
    assert score(FAST, trial, read(saved(tmp_path), LARGEST), lambda image, mask: flat + 1e-3).gain == pytest.approx(0, abs=1e-4)


def test_points_come_by_thresholds_and_the_message_says_where_the_next_one_is():
    assert [TASK.earned(gain) for gain in (-9.0, -3.0, -0.01, 0.0, 0.75, 1.49, 1.5, 9.0)] == [0, 1, 1, 2, 3, 3, 4, 4]
    values = [gain for gain, _ in TASK.thresholds]
    assert values == sorted(values) and baselines.get(TASK.baseline) and len(set(TASK.hints)) == 3


def test_in_the_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_CHECKS", "lenient")
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    missing = check(NAME, str(tmp_path / "weights.safetensors"))
    assert missing.status == "stub" and "4 from +1.5 dB on" in str(missing) and repr(missing) == f"<check of {NAME}: stub>"
    poor = check(NAME, saved(tmp_path))
    assert poor.status in ("below", "partly") and "dB below fast_marching" in str(poor) and "Hint: " in str(poor)
    assert "<p" in poor._repr_html_() and "Hint 2 of 3" in str(hint(NAME, 2))
    assert "needs the name of your file" in str(check(NAME)) and "asks for a file" in str(look(NAME))
    monkeypatch.setenv("INPAINTLIB_CHECKS", "strict")
    with pytest.raises(NotImplementedError, match="beat"):
        check(NAME, tmp_path / "absent")


# --- grading ------------------------------------------------------------------------------------------------------------------------------


def test_hidden_pictures_depend_on_key_and_folder_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    one, again, other = hidden_trial(FAST, KEY, None), hidden_trial(FAST, bytes(KEY), None), hidden_trial(FAST, KEY[::-1], None)
    assert torch.equal(one.images, again.images) and torch.equal(one.masks, again.masks)
    assert not torch.equal(one.images, other.images) and not torch.equal(one.masks, other.masks)
    assert not torch.equal(one.images, visible(FAST).images) and len(one.images) == FAST.images
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (40 + i, 48, 3), np.uint8)).save(folder / f"{i}.png")
    assert pack_pictures(folder, tmp_path / "out" / "pictures.npy") == 12
    own = load_pictures(tmp_path / "out" / "pictures.npy")
    assert own.shape == (12, 3, 32, 32) and len(hidden_trial(FAST, KEY, own).images) == 8
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "empty", tmp_path / "absent"):
        with pytest.raises(CourseError, match="images"):
            pack_pictures(wrong, tmp_path / "x.npy")
    (tmp_path / "x.npy").write_bytes(pickle.dumps([1]))
    with pytest.raises(CourseError, match="damaged"):
        load_pictures(tmp_path / "x.npy")


def test_a_result_counts_for_its_weights_and_pictures_too(tmp_path):
    settings, files = Settings("partial_unet", KEY, limits=SMALL), [tmp_path / name for name in ("a.ipynb", "w", "p")]
    for file in files:
        file.write_text("1")
    job = Job("ada", *files)
    Store(tmp_path, settings).put(job, grade_one(files[0], exercise("convolution"), Sandbox(SMALL, unsafe=True)))
    assert Store(tmp_path, settings).get(job) is not None
    assert Store(tmp_path, settings).get(Job("ada", files[0])) is None
    for file in files[1:]:
        file.write_text("2")
        assert Store(tmp_path, settings).get(job) is None
        file.write_text("1")


def sandboxed(task, path, **limits):
    sandbox = Sandbox(Limits(**{**vars(SMALL), **limits}))
    result, flags = grade_network(task, path, lambda: Process(sandbox), sandbox.limits.cell_seconds, sandbox.limits.memory, KEY, None)
    return result, flags


@needs_sandbox
def test_networks_that_break_or_never_end_earn_nothing_and_stop_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    torch.manual_seed(0)
    broken = models.create("partial_unet", width=1)
    broken.down[0].norm.running_var.fill_(-1.0)  # the root of it is NaN, though every weight is a number
    result, _ = sandboxed(FAST, pretrained.save_pretrained(broken, tmp_path / "nan.safetensors", card={}))
    assert (result.status, result.points) == ("refused", 0) and "NaN" in result.message
    slow = saved(tmp_path, "course_unet", "slow.safetensors", width=40, depth=2, blocks=8)
    result, _ = sandboxed(TASK, slow, cell_seconds=0.3)
    assert result.status == "refused" and "smaller" in result.message
    assert sandboxed(FAST, None)[0].status == "missing"


@needs_sandbox
def test_what_the_notebook_does_to_torch_and_the_library_does_not_reach_the_network(tmp_path, monkeypatch):
    """The notebook knows the name of every function that runs a network; but it runs in another process."""
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    code = (
        "import torch, inpaintlib.models as m\nfrom inpaintlib import baselines\n"
        "class Cheat(torch.nn.Module):\n    def forward(self, image, mask): return baselines.biharmonic(image, mask)\n"
        "m.create = lambda *_, **__: Cheat()\ntorch.nn.Module.load_state_dict = lambda *_, **__: None\n"
        "open('/tmp/here', 'w').write('x')\ndef x(): pass\n"
    )
    path, notebook = saved(tmp_path), tmp_path / "ada.ipynb"
    plain, _ = sandboxed(TASK, path)
    notebook.write_text(json.dumps(add(handed_out("partial_unet"), code)))
    result = grade_one(notebook, exercise("partial_unet"), Sandbox(SMALL), weights=path)
    (found,) = [task for task in result.tasks if task.id == NAME]
    assert found == plain and found.points == 0 and found.measured["gain"] < -3


@needs_sandbox
def test_a_class_is_ranked_on_the_instructors_own_pictures(tmp_path, capsys, monkeypatch):
    """Notebooks that cannot be read keep their network's marks; one who handed in none, or a torn one, is told so."""
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    hand, pictures, out = tmp_path / "hand", tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    from inpaintlib.data import load_images

    for i, image in enumerate(load_images("photos", split="train", limit=1000).images[::40]):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(pictures / f"{i}.png")
    good = solution(NAME).read_bytes()
    for name, data in {"ada": good, "bob": saved(tmp_path).read_bytes(), "cut": good[:1000], "eve": good, "none": None}.items():
        (hand / name).mkdir(parents=True)
        if name != "eve":  # only weights
            (hand / name / "work.ipynb").write_text("{")
        if data is not None:
            (hand / name / "weights.safetensors").write_bytes(data)
    (tmp_path / "rules.toml").write_text('unit = "partial_unet"\nimages = "pictures"\n')
    (tmp_path / "key").write_text(KEY.hex())
    rules = ["--rules", str(tmp_path / "rules.toml"), "--key", str(tmp_path / "key"), "--workers", "1"]
    assert main(["grade", str(hand), "--out", str(out), *rules]) == 0
    said = "".join(capsys.readouterr())
    assert "of your 25 pictures. Few:" in said, said
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {row["student"]: row["beat"] for row in csv.DictReader(file)}
    assert found == {"ada": found["eve"], "bob": "0", "cut": "0", "eve": found["eve"], "none": "0"} and float(found["ada"]) >= 1
    pages = {path.name.rpartition("-")[0]: path.read_text() for path in (out / "feedback").iterdir()}
    assert "Place 1 of 3" in pages["ada"] and "Place 3 of 3" in pages["bob"] and "is cut off" in pages["cut"]
    assert "There is no file <code>weights.safetensors</code>" in pages["none"]
    page = (out / "class.html").read_text()
    assert "Ranking: beat" in page and page.count("the same file as another") == 2 and "nearly the weights of the solution" in page
    before = {path: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    assert main(["grade", str(hand), "--out", str(out), *rules]) == 0
    assert "No mark changed" in "".join(capsys.readouterr()) and before == {p: p.stat().st_mtime_ns for p in (out / "results").iterdir()}


FORMS = {
    "folders": ["ada/work.ipynb", "ada/weights.safetensors", "bob/work.ipynb"],
    "flat": ["ada.ipynb", "ada.safetensors", "bob.ipynb"],
    "moodle": [f"Ada_1_assignsubmission_file_/{f}" for f in ("w.ipynb", "weights.safetensors")] + ["Bob_2_assignsubmission_file_/w.ipynb"],
    "canvas": ["ada_1_10_w.ipynb", "ada_1_12_weights-1.safetensors", "ada_1_9_old.safetensors", "rossbob_2_8_w.ipynb"],
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_beside_the_notebook_however_they_came(form, tmp_path):
    for name in FORMS[form]:
        (tmp_path / "hand" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "hand" / name).write_text(name)
    ada, bob = collect(tmp_path / "hand", tmp_path / "out").found
    assert ada.path.suffix == ".ipynb" and ada.weights is not None and ada.weights.read_text() == FORMS[form][1] and bob.weights is None


def test_the_preflight_takes_the_weights_beside_the_notebook(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("INPAINTLIB_DATA", "photos")
    (tmp_path / "work.ipynb").write_text(json.dumps(handed_out("partial_unet")))
    (tmp_path / "weights.safetensors").write_bytes(solution(NAME).read_bytes())
    assert main(["check-submission", str(tmp_path / "work.ipynb")]) == 1
    said = capsys.readouterr().out
    assert "✓ beat" in said and "4 of 15 points" in said and said.count(str(tmp_path)) == 2 and "The files to hand in" in said
