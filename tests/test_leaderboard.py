"""The benchmark: one command, fair to all, that can be stopped at any time and says what it was measured on."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from inpaintlib import baselines, data, leaderboard, masks, metrics, models
from inpaintlib.leaderboard import captions, cli, entries, fingerprint, measure
from inpaintlib.leaderboard.entries import Entry, added
from inpaintlib.leaderboard.measures import KINDS, NAMES, expand
from inpaintlib.models.pretrained import save_pretrained

COUNT = 12


@pytest.fixture(scope="module")
def images():
    return data.load_images("photos", "test", limit=COUNT)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def entry(name, function, **more):
    return Entry(name, function, "a test's", f"{name} 1", None, **more)


def grey(image, mask):
    return torch.where(mask.bool(), image, torch.full_like(image, 0.5))


def raw_grey(image, mask):
    return torch.full_like(image, 0.5)


class Counted:
    def __init__(self, function=grey):
        self.function, self.calls = function, 0

    def __call__(self, image, mask):
        self.calls += 1
        return self.function(image, mask)


# --- the frozen masks -------------------------------------------------------------------------------------------------------------------


def test_the_kinds_are_lines_strokes_boxes_center_and_six_buckets():
    assert KINDS[:4] == ("lines", "strokes", "boxes", "center") and len(KINDS) == 10
    edges = [tuple(int(part) for part in kind.split("-")[1:]) for kind in KINDS[4:]]
    assert edges[0] == (1, 10) and edges[-1] == (50, 60) and all(a[1] == b[0] for a, b in pairwise(edges))
    assert expand(None) == KINDS and expand(["irregular"]) == KINDS[4:]
    assert expand(["center", "circles", "lines"]) == ("lines", "circles", "center")
    with pytest.raises(ValueError, match="no masks 'scratches'; expected some of irregular, lines, strokes"):
        expand(["scratches"])


@pytest.mark.parametrize("kind", KINDS[4:])
def test_every_bucket_is_filled_evenly(kind):
    holes = (masks.benchmark(kind) == 0).flatten(1).sum(1).numpy()
    low, high = (int(part) / 100 * 1024 for part in kind.split("-")[1:])
    least, most = math.ceil(low), math.floor(high)  # whole numbers of pixels, all equally likely
    edges = np.linspace(least - 0.5, most + 0.5, 11)
    found = np.histogram(holes, edges)[0]
    expected = [np.histogram(np.arange(least, most + 1), edges)[0][i] * len(holes) / (most - least + 1) for i in range(10)]
    assert found.sum() == len(holes) and stats.chisquare(found, expected).pvalue > 0.001


# --- an inpainter that breaks its promise ------------------------------------------------------------------------------------------------


def peeks(image, mask):
    return torch.where(mask.bool(), image, (image + 0.5) / 1.5)


def chance(image, mask, generator=np.random.default_rng()):  # one for all calls, on purpose  # noqa: B008
    return torch.where(mask.bool(), image, torch.from_numpy(generator.random(image.shape, np.float32)))


def leaves(image, mask):
    raise SystemExit(3)


BROKEN = {
    "raises": (lambda image, mask: 1 / 0, "ZeroDivisionError: division by zero"),
    "leaves": (leaves, "SystemExit: 3"),
    "nan": (lambda image, mask: torch.where(mask.bool(), image, torch.nan), "gave NaN or infinity"),
    "shape": (lambda image, mask: image[:, :1], "expected a float tensor of shape"),
    "range": (lambda image, mask: torch.where(mask.bool(), image, 1.5), "expected [0, 1]. Clamp it"),
    "peeks": (peeks, "looks under the hole"),
    "nothing": (lambda image, mask: image, "looks under the hole"),
    "inverted": (lambda image, mask: torch.where(mask.bool(), torch.full_like(image, 0.5), image), "Take 1 - mask"),
    "chance": (chance, "two different results for the same pictures"),
}


def test_a_broken_one_costs_itself_only_and_the_reason_is_said(images, tmp_path):
    everybody = [*(entry(name, function) for name, (function, _) in BROKEN.items()), entry("grey", grey)]
    done = measure.run(everybody, images, ("lines", "center"), cache=tmp_path)
    assert {kind: list(found) for kind, found in done.measured.items()} == {"lines": ["grey"], "center": ["grey"]}
    assert {(f.inpainter, f.kind) for f in done.failures} == {(name, kind) for name in BROKEN for kind in ("lines", "center")}
    for failure in done.failures:
        assert BROKEN[failure.inpainter][1] in failure.why
    assert len(list(tmp_path.iterdir())) == 2  # failures are not kept: they are tried again


def test_one_that_fails_on_one_kind_is_in_the_tables_of_the_others(images):
    def middle(image, mask):
        if (mask[..., :5, :] == 0).any():
            raise ValueError("the mask has holes outside the middle")
        return grey(image, mask)

    everybody = [entry("middle", middle), entry("grey", grey)]
    done = measure.run(everybody, images, ("lines", "center"), cache=None)
    assert list(done.measured["center"]) == ["middle", "grey"] and list(done.measured["lines"]) == ["grey"]
    board = cli.assemble(done, everybody, images, judge=None, device="cpu", command="c")
    assert captions.left_out(board) == ["middle (lines): ValueError: the mask has holes outside the middle"]
    assert "Left out: middle" in board.table("lines").caption and "Left out" not in board.table("center").caption
    assert board.overview().body[-1][0].text == "middle" and board.overview().body[-1][1].text == "–"


def test_who_changes_known_pixels_is_composited_and_the_table_says_so(images):
    everybody = [entry("raw", raw_grey), entry("grey", grey)]
    done = measure.run(everybody, images, ("lines",), cache=None)
    for name in NAMES[:-1]:
        torch.testing.assert_close(done.measured["lines"]["raw"].values[name], done.measured["lines"]["grey"].values[name])
    table = cli.assemble(done, everybody, images, judge=None, device="cpu", command="c").table("lines")
    assert {row[0].text for row in table.body} == {"raw †", "grey"}
    assert "† raw: it changes known pixels; composited by the leaderboard." in table.caption


def test_who_leans_on_the_zeros_under_the_hole_is_told_what_to_do(images):
    def blur(image, mask):
        """A mean over the known pixels around, as long as the others are 0; with noise there it leaves [0, 1]."""
        total = torch.nn.functional.avg_pool2d(image, 3, 1, 1, divisor_override=1)
        return torch.where(mask > 0, image, total / torch.nn.functional.avg_pool2d(mask, 3, 1, 1, divisor_override=1).clamp_min(1))

    done = measure.run([entry("blur", blur)], images, ("lines",), cache=None)
    (failure,) = done.failures
    assert failure.why.startswith("looks under the hole: with other values there, ") and "Blank the hole first" in failure.why


def darker(image, mask):
    return grey(image, mask) * 0.9


def marks_what_is_filled(image, mask):
    """As an onion peel does: when it is done, the mask that it was given says that all is known."""
    result = grey(image, mask)
    mask.fill_(1)
    return result * 0.9


def works_in_place(image, mask):
    return image.copy_(grey(image, mask) * 0.9)


def rarely(image, mask):
    """Leaves the first pictures as they are."""
    result = grey(image, mask)
    return torch.cat([result[:5], result[5:] * 0.9])


def by_little(image, mask):
    return (grey(image, mask) + 5e-6).clamp(0, 1)


@pytest.mark.parametrize("function", [darker, marks_what_is_filled, works_in_place, rarely, by_little])
def test_whatever_is_done_to_known_pixels_the_composite_is_made_of_the_picture_itself(function, images):
    done = measure.run([entry("it", function)], images, ("lines",), cache=None)
    assert not done.failures
    found, target, known = done.measured["lines"]["it"], images.float(), masks.benchmark("lines", COUNT).float()
    expected = torch.where(known > 0, target, function(target * known, known.clone()))
    torch.testing.assert_close(found.values["psnr"], metrics.psnr(expected, target, data_range=1))
    assert found.note


def test_half_of_what_is_kept_stays_kept_when_chance_is_seeded(images):
    def noise(image, mask):
        drawn = torch.rand_like(image) + torch.from_numpy(np.random.rand(*image.shape).astype(np.float32))
        return torch.where(mask.bool(), image, drawn / 2)

    one, two = (measure.run([entry("noise", noise)], images, ("lines",), cache=None).measured["lines"]["noise"] for _ in range(2))
    assert torch.equal(one.values["psnr"], two.values["psnr"])


# --- what is measured -------------------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_metrics(images):
    done = measure.run([entry("mean", baselines.mean_fill)], images, ("strokes",), cache=None)
    target, known = images.float(), masks.benchmark("strokes", COUNT)
    filled = baselines.mean_fill(target, known)
    hole = {"mask": known, "region": "hole"}
    expected = {
        "psnr": metrics.psnr(filled, target, data_range=1),
        "psnr_hole": metrics.psnr(filled, target, data_range=1, **hole),
        "ssim": metrics.ssim(filled, target, data_range=1),
        "ssim_hole": metrics.ssim(filled, target, data_range=1, **hole),
        "mae": metrics.mae(filled, target),
        "mae_hole": metrics.mae(filled, target, **hole),
        "mae_boundary": metrics.mae(filled, target, mask=known, region="boundary"),
    }
    found = done.measured["strokes"]["mean"]
    assert set(found.values) == set(expected)
    for name, values in expected.items():
        torch.testing.assert_close(found.values[name], values, rtol=1e-4, atol=1e-6)
    board = cli.assemble(done, [entry("mean", grey)], images, judge=None, device="cpu", command="c")
    shown = board.group("strokes").line("mean").values["psnr"]
    low, high = stats.t.interval(0.95, COUNT - 1, loc=expected["psnr"].mean().item(), scale=stats.sem(expected["psnr"].numpy()))
    assert (shown.low, shown.high) == pytest.approx((low, high), rel=1e-4)


def test_perceptual_distance_where_a_judge_is_there(images):
    from inpaintlib.features.networks import Measure
    from inpaintlib.leaderboard.measures import Judge

    torch.manual_seed(0)
    network = Measure().eval().requires_grad_(False)
    everybody = [entry("grey", grey), entry("mean", baselines.mean_fill)]
    done = measure.run(everybody, images, ("lines",), cache=None, judge=Judge("a network of chance", "0" * 64, network))
    target, known = images.float(), masks.benchmark("lines", COUNT).float()
    for name, function in (("grey", grey), ("mean", baselines.mean_fill)):
        expected = metrics.perceptual(function(target, known), target, features=network)
        torch.testing.assert_close(done.measured["lines"][name].values["perceptual"], expected, rtol=1e-4, atol=1e-5)
    without = measure.run(everybody, images, ("lines",), cache=None)
    table = cli.assemble(without, everybody, images, judge=None, device="cpu", command="c").table("lines")
    column = next(i for i, head in enumerate(table.head) if head.startswith("perceptual"))
    assert {row[column].text for row in table.body} == {"–"} and "There are no perceptual distances" in table.caption


def test_the_clock_shows_the_processors_time(images):
    def busy(image, mask):
        end = time.process_time() + 0.06
        while time.process_time() < end:
            pass
        return grey(image, mask)

    def waits(image, mask):
        time.sleep(0.3)
        return grey(image, mask)

    found = measure.run([entry("busy", busy), entry("waits", waits)], images, ("center",), cache=None).measured["center"]
    assert found["busy"].milliseconds >= 60 / COUNT > found["waits"].milliseconds


def test_slow_ones_are_compared_on_the_same_images_only(images):
    better = entry("slow", baselines.navier_stokes, at_most=10)
    everybody = [entry("grey", grey), better, entry("mean", baselines.mean_fill)]
    done = measure.run(everybody, images, ("lines",), cache=None)
    board = cli.assemble(done, everybody, images, judge=None, device="cpu", command="c")
    assert [(g.images, g.names()) for g in board.groups] == [(12, {"grey", "mean"}), (10, {"grey", "mean", "slow"})]
    few = board.group("lines", 10)
    for name in few.names():
        assert few.line(name).values["psnr"].mean == pytest.approx(float(done.measured["lines"][name].values["psnr"][:10].double().mean()))
    assert few.masks_sha256 == masks.sha256(masks.benchmark("lines", 10)) and few.rankings["psnr"].order[0] == "slow"
    assert "slow" not in {row[0].text for row in board.table("lines").body} and "fewer images: slow" in board.table("lines").caption
    assert board.table("lines", 10).body[0][0].text == "slow" and "The first 10 images" in board.table("lines", 10).caption
    assert "slow" in board.figure_time().alt and board.figure_time("lines", 12).alt.startswith("A chart of 2 inpainters")
    with pytest.raises(KeyError, match="nothing was measured on 11 images of 'lines'; expected 12 or 10"):
        board.table("lines", 11)


# --- stopped and taken up again ---------------------------------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on_where_it_was(images, tmp_path):
    quick, stopped = Counted(), Counted()

    def impatient(image, mask):
        stopped.calls += 1
        if (mask[0, :, 9:23, 9:23] == 0).all():  # the central hole
            raise KeyboardInterrupt
        return grey(image, mask)

    everybody = [entry("quick", quick), entry("stopped", impatient)]
    with pytest.raises(KeyboardInterrupt):
        measure.run(everybody, images, ("lines", "center"), cache=tmp_path)
    before = quick.calls
    everybody[1] = entry("stopped", stopped)  # the same fingerprint, and patient this time
    stopped.calls = 0
    events = []
    again = measure.run(everybody, images, ("lines", "center"), cache=tmp_path, say=events.append)
    ended = [(e.kind, e.inpainter, e.kept) for e in events if e.measured]
    assert ended == [("lines", "quick", True), ("lines", "stopped", True), ("center", "quick", True), ("center", "stopped", False)]
    assert quick.calls == before and stopped.calls == 4  # three trials, one batch
    third = measure.run(everybody, images, ("lines", "center"), cache=tmp_path)
    assert stopped.calls == 4
    for kind in ("lines", "center"):
        for name in ("quick", "stopped"):
            one, other = again.measured[kind][name], third.measured[kind][name]
            assert all(torch.equal(one.values[key], other.values[key]) for key in one.values) and one.milliseconds == other.milliseconds
    measure.run(everybody, images, ("lines", "center"), cache=tmp_path, again=True)
    assert stopped.calls == 12


def test_a_damaged_result_is_measured_anew(images, tmp_path):
    counted = Counted()
    measure.run([entry("grey", counted)], images, ("lines",), cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    done = measure.run([entry("grey", counted)], images, ("lines",), cache=tmp_path)
    assert counted.calls == 8 and len(done.measured["lines"]["grey"]) == COUNT
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    assert measure.run([entry("grey", counted)], images, ("lines",), cache=nowhere).measured["lines"]  # results that cannot be kept


@pytest.mark.parametrize("what", ["images", "masks", "code", "fewer"])
def test_other_images_masks_or_code_are_measured_anew_and_have_another_hash(what, images, tmp_path, monkeypatch):
    first = entry("grey", Counted())
    board = cli.assemble(measure.run([first], images, ("lines",), cache=tmp_path), [first], images, judge=None, device="cpu", command="c")
    now, second = images, entry("grey", Counted())
    if what == "images":
        changed = images.images.clone()
        changed[3, 0, 5, 5] ^= 1
        now = replace(images, images=changed)
    elif what == "masks":
        true = measure.frozen_masks("lines", images)
        monkeypatch.setattr(measure, "frozen_masks", lambda kind, images: true.flip(-1))
        monkeypatch.setattr(cli, "frozen_masks", lambda kind, images: true.flip(-1))
    elif what == "code":
        second = replace(second, fingerprint="grey 2")
    else:
        second = replace(second, at_most=11)
    other = cli.assemble(measure.run([second], now, ("lines",), cache=tmp_path), [second], now, judge=None, device="cpu", command="c")
    assert second.inpainter.calls > 0
    (one,), (two,) = board.groups, other.groups
    assert (one.images_sha256 != two.images_sha256) == (what in ("images", "fewer"))
    assert (one.masks_sha256 != two.masks_sha256) == (what in ("masks", "fewer"))


def test_the_time_that_is_left(images):
    events = []

    def slow(image, mask):
        time.sleep(0.005 * len(image))
        return grey(image, mask)

    measure.run([entry("grey", grey), entry("slow", slow)], images, ("lines", "boxes", "center"), cache=None, say=events.append)
    left = [(e.kind, e.inpainter, e.seconds_left) for e in events if e.images == 0]
    assert left[0][2] is None and left[2][2] is not None
    assert left[2][2] > left[5][2] > 0.06  # two kinds to go; the last piece takes 0.06 s at least


def test_code_is_known_by_all_that_it_imports(tmp_path):
    (tmp_path / "parts").mkdir()
    files = {"mine.py": "import parts.net\nfrom helper import fill\n", "helper.py": "fill = 1\n"}
    files |= {"parts/__init__.py": "", "parts/net.py": "x = 1\n", "other.py": "y = 1\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = fingerprint.of_code(tmp_path / "mine.py")
    (tmp_path / "other.py").write_text("y = 2  # nobody imports it\n")
    (tmp_path / "helper.py").write_text('"""A helper."""\n\nfill = 1  # with a word about it\n')
    assert fingerprint.of_code(tmp_path / "mine.py") == before
    seen = {before}
    for name in ("helper.py", "parts/net.py", "parts/__init__.py", "mine.py"):
        (tmp_path / name).write_text(files[name] + "z = 3\n")
        seen.add(fingerprint.of_code(tmp_path / "mine.py"))
    assert len(seen) == 5


# --- the command ------------------------------------------------------------------------------------------------------------------------

MINE = """
import torch
from torch import nn

def fill(image, mask):
    return torch.where(mask > 0, image, (image * mask).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True).clamp(min=1))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.25))
    def forward(self, image, mask):
        return self.level.expand_as(image) * torch.ones_like(image)

class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()

number = 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def command(tmp_path, *words):
    return cli.main(["--data", "photos", "--images", "12", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out"), *words])


def test_one_command_enters_anybodys_inpainter(mine, tmp_path, capsys):
    model = models.create("course_unet", width=2, depth=2, blocks=1)
    weights = save_pretrained(model, tmp_path / "small.safetensors", {})
    words = ["--only", "mean_fill", "--masks", "lines", "irregular", "--add", f"{mine}:fill", f"flat={mine}:Net", f"tiny={weights}"]
    assert command(tmp_path, *words) == 0
    said = capsys.readouterr().out
    assert "28 / 28  irregular-50-60  tiny" in said and str(tmp_path / "out" / "leaderboard.md") in said
    board = leaderboard.load(tmp_path / "out" / "leaderboard.json")
    assert list(board.inpainters) == ["mean_fill", "fill", "flat", "tiny"] and board.kinds == ("lines", *KINDS[4:])
    parameters = {name: about["parameters"] for name, about in board.inpainters.items()}
    assert parameters == {"mean_fill": 0, "fill": None, "flat": 1, "tiny": sum(p.numel() for p in model.parameters())}
    group = board.group("lines")
    assert group.rankings["psnr"].rank_of("fill") == group.rankings["psnr"].rank_of("mean_fill")  # the same method written twice
    assert "† flat: it changes known pixels" in board.table("lines").caption
    page = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert page == board.to_markdown()  # the JSON holds all that the page says
    assert group.masks_sha256 in page and group.images_sha256 in page and str(tmp_path) not in page
    assert "--add mine.py:fill flat=mine.py:Net tiny=small.safetensors" in page
    alts = re.findall(r"!\[(.+?)\]\((leaderboard_\w+\.png)\)", page)
    assert len(alts) == 2 and all(len(alt) > 80 and (tmp_path / "out" / name).stat().st_size > 5000 for alt, name in alts)
    assert command(tmp_path, *words) == 0 and capsys.readouterr().out.count("(kept from an earlier run)") == 28
    mine.write_text(MINE.replace("0.25", "0.75"))
    assert command(tmp_path, *words[:5], "--add", f"flat={mine}:Net") == 0
    assert capsys.readouterr().out.count("(kept from an earlier run)") == 7  # mean_fill's


def test_a_broken_one_among_others_and_alone(mine, tmp_path, capsys):
    mine.write_text(MINE + "\ndef broken(image, mask):\n    raise RuntimeError('no idea')\n")
    assert command(tmp_path, "--only", "mean_fill", "--masks", "center", "--add", f"{mine}:broken") == 1
    said = capsys.readouterr()
    assert "left out: broken (center): RuntimeError: no idea" in said.err and "mean_fill" in said.out
    assert "- broken (center): RuntimeError: no idea" in (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert command(tmp_path, "--only", "none", "--masks", "center", "--add", f"{mine}:broken") == 1
    assert "nothing to make a table of. broken: RuntimeError: no idea" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--add", "mine.py"], "expected module:function, path/file.py:function or path/weights.safetensors"),
        (["--add", "{mine}:fil"], "has no 'fil'; it has "),
        (["--add", "{mine}:number"], "mine.py:number is an int; expected a callable"),
        (["--add", "{mine}:Wide"], "the class Wide needs arguments"),
        (["--add", "nowhere/mine.py:fill"], "there is no file 'nowhere/mine.py'"),
        (["--add", "no_such_module:fill"], "importing no_such_module failed with ModuleNotFoundError"),
        (["--add", "a=nothing.safetensors"], "there is no file 'nothing.safetensors'"),
        (["--add", "mean_fill={mine}:fill"], "two inpainters 'mean_fill'; give the added one another name"),
        (["--only", "none"], "--only none leaves nobody to measure; add an inpainter of your own"),
        (["--only", "mean"], "there is no inpainter 'mean'; expected some of mean_fill, fast_marching"),
        (["--masks", "scratches"], "there are no masks 'scratches'"),
        (["--at-most", "exemplar"], "--at-most is 'exemplar'; expected NAME=IMAGES"),
        (["--images", "0"], "--images is 0"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_work(words, message, mine, tmp_path, capsys):
    assert command(tmp_path, *(word.format(mine=mine) for word in words)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "leaderboard.json").exists()


def test_the_list_of_those_who_could_take_part(mine, tmp_path, capsys):
    assert command(tmp_path, "--list", "--only", "exemplar", "mean_fill", "--add", f"{mine}:fill") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["mean_fill", "learns", "nothing"], ["exemplar", "learns", "nothing"], ["fill", "added:", "mine.py:fill"]]
    assert not (tmp_path / "out").exists()


def test_ctrl_c_says_how_to_go_on(mine, tmp_path, capsys):
    mine.write_text("def stop(image, mask):\n    raise KeyboardInterrupt\n")
    assert command(tmp_path, "--only", "mean_fill", "--masks", "center", "--add", f"{mine}:stop") == 130
    said = capsys.readouterr().err
    assert "what was measured is kept. To go on:\n  python -m inpaintlib.leaderboard --data photos" in said
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_modules_and_objects_can_be_added(tmp_path, monkeypatch):
    (tmp_path / "by_module.py").write_text(MINE + "\nnet = Net()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    fill, net = added("by_module:fill"), added("by_module:net")
    assert fill.name == "fill" and net.parameters == 1 and fill.fingerprint != net.fingerprint
    image, known = torch.rand(1, 3, 8, 8), masks.lines(1, 8)
    assert torch.allclose(fill.inpainter(image * known, known), baselines.mean_fill(image, known))
    assert added("networks.name=by_module:net").name == "networks.name"


def test_everybody_who_ships_takes_part():
    names = [e.name for e in entries.shipped()]
    assert names[: len(baselines.names())] == baselines.names() and "partial_unet" in names
    assert not {"features_small", "features_measure", "hole_detector"} & set(names)
    assert all(re.search(r"[0-9a-f]{64}", e.fingerprint) for e in entries.shipped())
    unet = next(e for e in entries.shipped() if e.name == "partial_unet")
    assert unet.parameters == models.summary(models.create("partial_unet"), size=32).total


# --- what is stored, and how it reads ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def board(images):
    everybody = [entry("grey", grey), entry("mean", baselines.mean_fill), entry("navier", baselines.navier_stokes)]
    done = measure.run(everybody, images, ("lines", "irregular-01-10", "irregular-50-60"), cache=None)
    return cli.assemble(done, everybody, images, judge=None, device="cpu", command="python -m inpaintlib.leaderboard")


def test_a_stored_board_reads_the_same(board, tmp_path):
    board.save(tmp_path / "b.json")
    again = leaderboard.load(tmp_path / "b.json")
    assert again.to_markdown() == board.to_markdown() and repr(again) == repr(board)
    again.save(tmp_path / "c.json")
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    for form in (str, leaderboard.Table.to_markdown, leaderboard.Table._repr_html_):
        assert form(again.table("lines", by="mae_hole")) == form(board.table("lines", by="mae_hole"))


def test_tables_are_in_the_order_of_the_metric_that_ranks(board):
    for by in ("psnr", "mae_hole", "ssim"):
        rows = [row[0].text for row in board.table("lines", by=by).body]
        assert rows == list(board.group("lines").rankings[by].order)
    table = board.table("lines", metrics=["mae"])
    assert table.head == ("inpainter", "rank", "MAE ↓", "ms an image", "parameters")
    html = board.table("lines")._repr_html_()
    assert '<th scope="row">navier</th>' in html and "95 % confidence" in html
    with pytest.raises(KeyError, match="no masks 'boxes' in this leaderboard; expected one of lines"):
        board.table("boxes")
    with pytest.raises(KeyError, match="cannot be ranked by 'perceptual'"):
        board.table("lines", by="perceptual")
    for wrong in (lambda: board.table("lines", metrics=["nonsense"]), lambda: board.figure_hole_size("nonsense")):
        with pytest.raises(KeyError, match="there is no metric 'nonsense'; expected one of psnr, "):
            wrong()


def test_figures_carry_their_text_alternative(board):
    for picture in (board.figure_time(), board.figure_hole_size(), board.figure_hole_size("ssim")):
        html = picture._repr_mimebundle_()["text/html"]
        assert re.search(r'<img src="data:image/png;base64,[^"]+" alt="[^"]{80,}"', html) and picture.caption in html.replace("&#x27;", "'")
    best = max(board.group("lines").lines, key=lambda line: line.values["psnr"].mean)
    assert f"{best.inpainter} ({best.values['psnr'].mean:.1f} dB" in board.figure_time().alt
    axis = board.figure_time().figure.axes[0]
    assert axis.get_xscale() == "log" and "ms" in axis.get_xlabel()
    sizes = board.figure_hole_size().figure.axes[0]
    assert [tick.get_text() for tick in sizes.get_xticklabels()] == ["1-10", "50-60"]


def test_without_buckets_there_is_no_figure_of_hole_size(images):
    everybody = [entry("grey", grey)]
    done = measure.run(everybody, images, ("lines",), cache=None)
    one = cli.assemble(done, everybody, images, judge=None, device="cpu", command="c")
    with pytest.raises(ValueError, match=r"0 buckets of irregular holes.*--masks irregular"):
        one.figure_hole_size()
    assert "hole_size" not in one.to_markdown()


def test_what_is_no_leaderboard_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no leaderboard in .*python -m inpaintlib.leaderboard"):
        leaderboard.load(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"format": "inpaint')
    with pytest.raises(ValueError, match=r"cut\.json is damaged"):
        leaderboard.load(tmp_path / "cut.json")
    (tmp_path / "half.json").write_text('{"format": "inpaintlib leaderboard 1"}')
    with pytest.raises(ValueError, match=r"half\.json is damaged, or was changed by hand: KeyError 'groups'"):
        leaderboard.load(tmp_path / "half.json")
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"other\.json is no leaderboard of this version"):
        leaderboard.load(tmp_path / "other.json")


@pytest.mark.skipif(not leaderboard.STORED.exists(), reason="no leaderboard has been stored yet")
def test_the_stored_board_is_about_the_frozen_masks_of_today():
    stored = leaderboard.load()
    assert {"lines", "strokes", "boxes", "center"} <= set(stored.kinds) <= set(KINDS)
    for group in stored.groups:
        assert group.masks_sha256 == masks.sha256(masks.benchmark(group.kind, group.images))
        assert group.names() and all(len(line.values) >= 7 for line in group.lines)
    page = leaderboard.STORED.with_suffix(".md").read_text("utf-8")
    assert page == stored.to_markdown()
    assert set(json.loads(leaderboard.STORED.read_text("utf-8"))) >= {"format", "images", "inpainters", "groups"}
    biharmonic, mean = (stored.group("lines").line(name).values["psnr"].mean for name in ("biharmonic", "mean_fill"))
    assert biharmonic > mean + 8
