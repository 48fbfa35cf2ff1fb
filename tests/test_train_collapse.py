"""What watches a run by eye and by number: samples of how held-out images are filled, and the watch for a game that collapses."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
from torch import nn

from inpaintlib import masks, train
from tests.training import judge, noise, one_thread, play, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


def says(*parts):
    return r"(?s)" + ".*".join(re.escape(part) for part in parts)


def test_a_critic_that_has_won_and_a_generator_that_paints_one_thing_are_noticed(tmp_path):
    class Says(train.Callback):
        """Rows as of a run that goes wrong, or nearly so."""

        def __init__(self, right, variety):
            self.right, self.variety = right, variety

        def on_step(self, run):
            run.record({"accuracy_real": self.right(run.step), "accuracy_fake": 1.0, "variety": self.variety(run.step)})

    def go(right, variety, **options):
        watch = train.CollapseWatch(steps=6, **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = short(tiny(), callbacks=[Says(right, variety), watch])
        assert [str(w.message) for w in caught if "since step" in str(w.message)] == watch.found
        return watch.found, history

    assert go(lambda step: 1.0 if step % 6 else 0.9, lambda step: 0.01 if step % 6 else 0.5)[0] == []
    found, _ = go(lambda step: 1.0 if step > 4 else 0.9, lambda step: 0.5)
    assert len(found) == 1 and re.search("critic has told .* since step 5: it has won", found[0])
    found, history = go(lambda step: 0.5, lambda step: 0.01 if step > 2 else 0.5, stop=True)
    assert len(found) == 1 and re.search("less than 5% .* since step 3: the generator has collapsed", found[0])
    assert history.stopped_by == found[0] and history.rows[-1]["step"] == 9
    for bad in ({"steps": 0}, {"least_variety": 1.5}):
        with pytest.raises(ValueError, match="expected"):
            train.CollapseWatch(**bad)


def test_a_generator_that_ignores_its_input_is_caught_in_a_real_run():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.picture = nn.Parameter(torch.zeros(1, 3, 16, 16))

        def forward(self, image, mask):
            return torch.sigmoid(self.picture).expand_as(image)

    watch = train.CollapseWatch(steps=10)
    with pytest.warns(UserWarning, match="the generator has collapsed"):
        play(Constant(), judge(), callbacks=[watch], log_every=1)
    sound = train.CollapseWatch(steps=10)

    class Copy(Constant):  # paints what is there: as varied as the truth
        def forward(self, image, mask):
            return torch.sigmoid(self.picture) * 0 + noise().float()[torch.randperm(50)[: len(image)]]

    play(Copy(), judge(), callbacks=[sound], log_every=1, epochs=2)
    assert sound.found == []


def test_samples_are_the_same_pictures_at_each_look_and_lie_in_the_folder(tmp_path):
    from PIL import Image

    held_out, model = noise(20, seed=3), tiny()
    samples = train.Samples(held_out, masks.boxes, count=5, every=1, seed=4)
    play(model, judge(), callbacks=[samples], out=tmp_path)
    assert [step for step, _ in samples.filled] == [6, 12, 18]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [f"step_{n:06d}.png" for n in (6, 12, 18)]
    target = held_out.float(torch.tensor([0, 4, 8, 12, 16]))
    mask = masks.boxes(5, 16, generator=torch.Generator().manual_seed(4)).float()
    with torch.no_grad():
        raw = model(target * mask, mask)  # the averaged model, as it is after the run
    expected = ((target * mask + raw * (1 - mask)) * 255).round().byte()
    assert torch.equal(samples.filled[-1][1], expected)
    sheet = torch.tensor(list(Image.open(tmp_path / "samples" / "step_000018.png").tobytes()), dtype=torch.uint8)
    times, gap = 6, 4  # 96 pixels for each 16
    sheet = sheet.view(3 * 100 - gap, 5 * 100 - gap, 3).permute(2, 0, 1)
    for column in range(5):
        filled = sheet[:, 100 : 196 : times, column * 100 : column * 100 + 96 : times]
        truth = sheet[:, 200 : 296 : times, column * 100 : column * 100 + 96 : times]
        damaged = sheet[:, 0:96, column * 100 : column * 100 + 96]
        whole = (target[column] * 255).round().byte()
        assert torch.equal(filled, expected[column]) and torch.equal(truth, whole)
        known = mask[column].bool().expand_as(whole)
        assert torch.equal(damaged[:, ::times, ::times][known], whole[known])
        holes = mask[column, 0].repeat_interleave(times, 0).repeat_interleave(times, 1) == 0
        marks = {tuple(colour) for colour in damaged.permute(1, 2, 0)[holes].tolist()}
        assert marks == {(230, 159, 0), (26, 26, 46)}


def test_samples_work_with_the_plain_loop_and_need_no_folder():
    samples = train.Samples(noise(9), masks.lines, every=0.5)
    with pytest.raises(ValueError, match="nothing has been seen yet"):
        samples.png()
    short(tiny(), callbacks=[samples])
    assert [step for step, _ in samples.filled] == [3, 6, 9, 12, 15, 18] and samples.png()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="count is 0; expected a number of images"):
        train.Samples(noise(9), masks.lines, count=0)


def test_samples_that_cannot_be_written_do_not_end_the_run(tmp_path):
    (tmp_path / "samples").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=says("samples", "could not be written", "the run goes on")):
        assert short(tiny(), callbacks=[train.Samples(noise(9), masks.lines)], out=tmp_path).stopped_by == "all epochs done"
