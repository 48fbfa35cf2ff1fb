"""The training loop: that it is the loop it says it is, that it resumes to the bit, and that what hangs on it does its work."""

from __future__ import annotations

import io
import json
import math
import random
import threading
import time

import pytest
import torch
from torch import nn

from inpaintlib import baselines, data, losses, masks, metrics, train
from inpaintlib.train import schedules
from inpaintlib.train.average import WeightAverage
from tests.training import StopAfter, TinyNet, checkpoint, noise, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


# -- the loop


def test_it_is_the_loop_one_would_write_by_hand():
    images, model, twin = noise(), tiny(1, dropout=0.0), tiny(1, dropout=0.0)
    short(model, images, masks=masks.lines, loss=losses.hole_l1, ema=None, clip=None, lr=0.01, schedule="constant", seed=5)

    order, holes = torch.Generator().manual_seed(5), torch.Generator().manual_seed(6)
    optimizer = torch.optim.Adam(twin.parameters(), 0.01, fused=True)
    for _ in range(3):
        for image in images.batches(8, generator=order, flip=True, drop_last=True):
            mask = masks.lines(8, 16, generator=holes).float()
            prediction = twin(image * mask, mask)
            hole = (mask == 0).expand_as(image)
            loss = (prediction[hole] - image[hole]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_it_learns_more_than_the_mean_of_the_image():
    learn, held_out = data.load_images("photos", limit=800), data.load_images("photos", "test", limit=100)
    history = short(
        tiny(width=16, dropout=0.0), learn, masks=masks.bank("lines", 500), epochs=3, batch_size=16, lr=0.01,
        callbacks=[train.Evaluate(held_out, masks.lines, every=3)],
    )
    holes = masks.lines(100, 32, generator=torch.Generator().manual_seed(1234))
    target = held_out.float()
    mean = metrics.psnr(baselines.mean_fill(target, holes), target, data_range=1.0).mean()
    assert history.last("psnr_composited") > mean + 0.3
    assert history["loss"][1][-1] < 0.8 * history["loss"][1][0]


def test_the_network_never_sees_what_is_under_a_hole():
    seen = []

    class Watching(TinyNet):
        def forward(self, image, mask):
            seen.append((image.detach().clone(), mask.detach().clone()))
            return super().forward(image, mask)

    short(Watching(), callbacks=[train.Evaluate(noise(9), masks.lines)])
    assert len(seen) == 18 + 3  # steps and evaluations
    assert all(bool((image[(mask == 0).expand_as(image)] == 0).all()) for image, mask in seen)


def test_masks_are_fresh_for_every_batch_and_image_and_follow_the_seed():
    def drawn(seed):
        batches = []

        def family(count, size, *, generator=None):
            batches.append(masks.lines(count, size, generator=generator))
            return batches[-1]

        short(tiny(), masks=family, seed=seed)
        return torch.cat(batches)

    first, again, other = drawn(3), drawn(3), drawn(4)
    assert first.shape == (18 * 8, 1, 16, 16)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len(torch.unique(first.flatten(1), dim=0)) > 130  # small masks may coincide now and then


def test_the_callers_chance_is_left_alone_and_decides_nothing():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one = tiny(7)
    torch.manual_seed(1)
    short(one)
    assert torch.equal(torch.rand(3), expected)
    two = tiny(7)
    torch.manual_seed(99)
    short(two)
    assert same(one, two)


def test_every_term_is_reported_and_their_sum_is_minimised():
    loss = losses.weighted_sum(hole=(6.0, losses.hole_l1), valid=(1.0, losses.valid_l1))
    one, two = tiny(), tiny()
    history = short(one, loss=loss, log_every=1)
    steps, totals = history["loss"]
    assert steps == list(range(1, 19))
    for total, hole, valid in zip(totals, history["hole"][1], history["valid"][1], strict=True):
        assert total == pytest.approx(hole + valid, rel=1e-6)
    short(two, loss=lambda *a: 6 * losses.hole_l1(*a) + losses.valid_l1(*a))
    assert same(one, two)


def test_rows_are_means_over_their_steps():
    each, grouped = short(tiny(), log_every=1), short(tiny(), log_every=4)
    fine = each["loss"][1]
    assert grouped["loss"][0] == [4, 8, 12, 16, 18]
    for value, part in zip(grouped["loss"][1], (fine[:4], fine[4:8], fine[8:12], fine[12:16], fine[16:]), strict=True):
        assert value == pytest.approx(sum(part) / len(part))


def test_losses_looked_at_late_give_the_same_run():
    waiting = []

    class Later(train.Callback):
        def on_start(self, run):
            run.look_every = 5  # as on a GPU

        def on_step(self, run):
            waiting.append(len(run._pending))

    evaluate = [train.Evaluate(noise(9), masks.lines, every=0.5)]
    one, two = tiny(), tiny()
    now, later = short(one, callbacks=evaluate, log_every=1), short(two, callbacks=[Later(), *evaluate], log_every=1)
    assert max(waiting) == 3, "the losses were not looked at late"  # an evaluation looks at them too, every three steps here
    assert same(one, two) and all(now[column] == later[column] for column in ("loss", "lr", "psnr_raw"))
    assert [row["step"] for row in later.rows] == sorted(row["step"] for row in later.rows)


def test_gradients_longer_than_the_clip_are_scaled_down_to_it():
    lengths: dict[float | None, list[float]] = {}
    for clip in (None, 0.01):
        lengths[clip] = []

        class Spy(torch.optim.SGD):
            def step(self, closure=None):
                grads = [p.grad for group in self.param_groups for p in group["params"]]
                lengths[clip].append(math.sqrt(sum(float(g.double().square().sum()) for g in grads)))  # noqa: B023
                return super().step(closure)

        short(tiny(), optimizer=lambda parameters, lr: Spy(parameters, lr), lr=1e-4, clip=clip)
    assert min(lengths[None]) > 0.011
    assert all(length == pytest.approx(0.01, rel=1e-3) for length in lengths[0.01])


def test_bfloat16_stays_close_and_keeps_32_bit_weights():
    one, two = tiny(dropout=0.0), tiny(dropout=0.0)
    full, half = short(one, lr=1e-3), short(two, lr=1e-3, precision="bf16")
    assert all(p.dtype == torch.float32 for p in two.parameters())
    assert not same(one, two)
    assert half["loss"][1] == pytest.approx(full["loss"][1], rel=0.02)


def test_channels_last_is_only_another_order_in_memory():
    one, two = tiny(dropout=0.0), tiny(dropout=0.0)
    for model, last in ((one, False), (two, True)):  # SGD: Adam blows the noise of a zero gradient up to full steps
        short(model, lr=0.1, optimizer="sgd", channels_last=last)
    assert two.first.weight.is_contiguous(memory_format=torch.channels_last)
    image, mask = noise().float(), masks.lines(50, 16, generator=torch.Generator().manual_seed(1)).float()
    torch.testing.assert_close(two(image, mask), one(image, mask), rtol=1e-4, atol=1e-5)


def test_the_order_in_memory_is_the_one_asked_for_or_that_of_the_model(tmp_path):
    def made(last: bool) -> TinyNet:
        return tiny().to(memory_format=torch.channels_last if last else torch.contiguous_format)

    for last, asked, expected in (
        (True, False, False), (True, True, True), (True, None, True), (False, False, False), (False, True, True), (False, None, False),
    ):  # fmt: skip
        model = made(last)
        short(model, epochs=1, channels_last=asked)
        assert model.first.weight.is_contiguous(memory_format=torch.channels_last) == expected
        assert model.first.weight.is_contiguous() != expected
    whole, resumed = made(True), made(True)
    short(whole, channels_last=False)
    short(made(True), channels_last=False, out=tmp_path, callbacks=[StopAfter(8)])
    short(resumed, channels_last=False, out=tmp_path, resume=True)
    assert same(resumed, whole)


# -- learning rates


def test_cosine_and_one_cycle_are_those_of_torch():
    def by_torch(make, total):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
        scheduler, rates = make(optimizer), []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return rates

    fractions = [k / 100 for k in range(100)]
    cosine = by_torch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 100), 100)
    assert [schedules.cosine()(f, 0) for f in fractions] == pytest.approx(cosine, abs=1e-6)
    # torch counts its last step as the end: 101 steps put the end at fraction 1, and pct_start * 101 - 1 = 30 puts the top at 0.3
    settings = {"pct_start": 31 / 101, "div_factor": 20, "final_div_factor": 50}
    cycle = by_torch(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 101, **settings), 101)
    ours = schedules.one_cycle(warmup=0.3, start=1 / 20, floor=1 / 1000)
    assert [ours(k / 100, 0) for k in range(101)] == pytest.approx(cycle, abs=1e-6)


def test_steps_are_those_of_torch_in_a_run_too():
    """S0's: a tenth after every 10 epochs, here of 6 steps each; read from the optimizer, step by step."""
    used = []

    class Note(train.Callback):
        def on_step(self, run):
            used.append(run.optimizer.param_groups[0]["lr"])

    short(tiny(), schedule="step", lr=0.01, epochs=25, callbacks=[Note()])
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.01)
    by_torch, expected = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.1), []
    for _ in range(25):
        expected += 6 * [optimizer.param_groups[0]["lr"]]
        optimizer.step()
        by_torch.step()
    assert used == pytest.approx(expected, rel=1e-9) and used[0] == 0.01 and used[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize(("schedule", "expected"), [("constant", lambda s: 1.0), ("step", lambda s: 0.1 ** (s // 6 // 10))])
def test_the_history_shows_the_learning_rate_of_each_step(schedule, expected):
    steps, rates = short(tiny(), schedule=schedule, lr=0.01, epochs=21, log_every=1)["lr"]
    assert rates == pytest.approx([0.01 * expected(step - 1) for step in steps])


@pytest.mark.parametrize("name", schedules.names())
def test_schedules_stay_between_nothing_and_the_full_rate(name):
    rate = schedules.by_name(name)
    assert all(0 <= rate(f / 50, f) <= 1 for f in range(51)) and rate(0, 0) > 0


def test_schedules_refuse_what_is_no_share():
    for bad in (lambda: schedules.cosine(warmup=1.5), lambda: schedules.one_cycle(floor=-1), lambda: schedules.step(every=0)):
        with pytest.raises(ValueError, match="expected"):
            bad()


# -- the average of the weights


def test_the_average_follows_its_definition_batch_norm_included():
    history: list[dict[str, torch.Tensor]] = []

    class Copy(train.Callback):
        def on_start(self, run):
            history.append({k: v.double().clone() for k, v in run.model.state_dict().items()})

        on_step = on_start

    model = tiny()
    short(model, ema=0.7, lr=0.01, callbacks=[Copy()])
    average = history[0]
    for step, weights in enumerate(history[1:]):
        keep = min(0.7, (1 + step) / (10 + step))
        average = {k: keep * average[k] + (1 - keep) * weights[k] for k in weights}
    assert model.norm.num_batches_tracked == 18  # counted, not averaged
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), average[name], rtol=1e-4, atol=1e-6)
    assert float((model.norm.running_mean.double() - history[-1]["norm.running_mean"]).abs().max()) > 1e-6


def test_swapping_twice_restores_both_to_the_bit():
    model, other = tiny(1), tiny(2)
    average = WeightAverage(other, 0.9)
    before, held = {k: v.clone() for k, v in model.state_dict().items()}, {k: v.clone() for k, v in average.tensors.items()}
    with average.swapped(model):
        assert same(dict(model.state_dict()), held) and same(average.tensors, before)
    assert same(dict(model.state_dict()), before) and same(average.tensors, held)


def test_without_an_average_the_last_weights_are_kept():
    one, two = tiny(), tiny()
    short(one, ema=None)
    short(two, ema=0.9)
    assert not same(one, two) and not one.training and not two.training


# -- resuming


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_run_resumed_at_any_step_ends_with_the_same_weights_and_rows(tmp_path, optimizer):
    def go(name, callbacks=(), resume=False):
        model = tiny(seed=0 if not resume else 123)  # what it starts from must not matter on resume
        watch = train.Evaluate(noise(9, seed=8), masks.lines, every=0.5)
        history = short(
            model, optimizer=optimizer, lr=0.01, schedule="one_cycle", out=tmp_path / name, resume=resume, callbacks=[watch, *callbacks]
        )
        return model, history

    undisturbed, history = go("undisturbed")
    # the first step, the last of an epoch, the first of the next, the last but one, and any other
    for step in (1, 6, 7, 17, random.choice([2, 3, 4, 5, *range(8, 17)])):
        go(f"at {step}", [StopAfter(step)])
        model, resumed = go(f"at {step}", resume=True)
        assert same(model, undisturbed), f"stopped after step {step}"
        assert same(checkpoint(tmp_path / f"at {step}")[0], checkpoint(tmp_path / "undisturbed")[0])
        measured = dict(zip(*resumed["psnr_raw"], strict=True))  # with one more, at the stop
        assert all(measured[at] == value for at, value in zip(*history["psnr_raw"], strict=True))
        assert train.History.read(tmp_path / f"at {step}" / "log.jsonl").rows == resumed.rows


def test_the_log_of_a_resumed_run_has_no_step_twice(tmp_path):
    """Killed between two checkpoints, the run has logged steps that it does again."""

    class Crash(train.Callback):
        def on_step(self, run):
            if run.step == 11:
                raise RuntimeError("as if killed")

    settings = {"out": tmp_path, "log_every": 1}
    with pytest.raises(RuntimeError):
        short(tiny(), callbacks=[Crash(), train.Checkpoint(seconds=None, steps=4)], **settings)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('[1]\n{"note": "somebody else\'s"}\n{"step": 11, "los')  # the last is the line that was being written
    model = tiny(1)
    history = short(model, resume=True, **settings)
    assert history["loss"][0] == list(range(1, 19))
    assert train.History.read(tmp_path / "log.jsonl").rows == history.rows
    other = tiny()
    assert history["loss"] == short(other, log_every=1)["loss"] and same(model, other)


def test_a_finished_run_is_resumed_without_a_step_and_can_be_made_longer(tmp_path):
    one, two = tiny(), tiny(1)
    short(one, out=tmp_path, schedule="constant")
    history = short(two, out=tmp_path, schedule="constant", resume=True)
    assert same(one, two) and history["loss"][0][-1] == 18
    with pytest.warns(UserWarning, match="epochs was 3, is 5"):
        longer = short(tiny(2), out=tmp_path, schedule="constant", epochs=5, resume=True)
    assert longer["loss"][0][-1] == 30


# -- ends


def test_half_an_epoch_is_half_of_its_steps():
    assert short(tiny(), epochs=0.5)["loss"][0][-1] == 3


def test_minutes_end_a_run_and_its_schedule():
    started = time.monotonic()
    history = short(tiny(), epochs=None, minutes=0.5 / 60, schedule="cosine", log_every=1)
    assert 0.5 <= time.monotonic() - started < 5 and history.stopped_by == "time is up"
    assert history["lr"][1][-1] < 0.25 * history["lr"][1][0]


def test_a_run_in_another_thread_ends_when_told(tmp_path):
    stop, box = threading.Event(), []
    thread = threading.Thread(target=lambda: box.append(short(tiny(), epochs=1e6, out=tmp_path, stop=stop)))
    thread.start()
    while not (tmp_path / "log.jsonl").exists():
        time.sleep(0.01)
    stop.set()
    thread.join(timeout=20)
    assert not thread.is_alive() and box[0].stopped_by == "stopped"
    assert checkpoint(tmp_path)[1]["counters"]["step"] == box[0].rows[-1]["step"]


def test_early_stopping_waits_for_its_patience_and_remembers_it_when_resumed(tmp_path):
    class Scores(train.Callback):
        """One score an epoch: better, better, then never again."""

        def on_step(self, run):
            if run.step % 6 == 0:
                run.record({"score": [1.0, 3.0, 2.9, 2.0, 3.0, 2.0, 1.0][run.step // 6 - 1]})

    def go(name, extra=(), resume=False):
        early = train.EarlyStopping("score", patience=3)
        return short(tiny(), epochs=7, callbacks=[Scores(), early, *extra], out=tmp_path / name, resume=resume)

    history = go("at once")
    assert history.rows[-1]["step"] == 30 and "has not improved on 3 in 3 evaluations" in history.stopped_by
    go("in two", [StopAfter(20)])
    assert go("in two", resume=True).rows[-1]["step"] == 30


# -- callbacks


def test_evaluate_measures_the_averaged_model_as_metrics_do():
    held_out, model = noise(20, seed=3), tiny()
    history = short(model, callbacks=[train.Evaluate(held_out, masks.boxes, count=20, batch_size=7, seed=4)])
    target, mask = held_out.float(), masks.boxes(20, 16, generator=torch.Generator().manual_seed(4)).float()
    with torch.no_grad():
        raw = model(target * mask, mask)  # after fit the model carries the averaged weights
    filled = raw * (1 - mask) + target * mask
    assert history["psnr_raw"][0] == [6, 12, 18]
    assert history.last("psnr_raw") == pytest.approx(float(metrics.psnr(raw, target, data_range=1.0).mean()), rel=1e-5)
    assert history.last("psnr_composited") == pytest.approx(float(metrics.psnr(filled, target, data_range=1.0).mean()), rel=1e-5)
    assert history.last("mae_raw") == pytest.approx(float(metrics.mae(raw, target).mean()), rel=1e-5)
    assert history.last("mae_composited") == pytest.approx(float(metrics.mae(filled, target).mean()), rel=1e-5)


def test_looking_does_not_change_what_is_looked_at():
    one, two = tiny(), tiny()
    short(one)
    short(two, callbacks=[train.Evaluate(noise(9), masks.lines, every=0.2)])
    assert same(one, two)


def test_the_best_checkpoint_is_that_of_the_best_evaluation(tmp_path):
    class Scores(train.Callback):
        def on_step(self, run):
            run.record({"psnr_composited": -abs(run.step - 7.0)})

    short(tiny(), callbacks=[Scores()], out=tmp_path)
    assert checkpoint(tmp_path, "best")[1]["counters"]["step"] == 7
    assert checkpoint(tmp_path, "last")[1]["counters"]["step"] == 18


def test_the_log_is_the_history_line_by_line(tmp_path):
    history = short(tiny(), out=tmp_path, callbacks=[train.Evaluate(noise(9), masks.lines)])
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == history.rows and {"step", "epoch", "seconds", "loss", "lr", "images_per_second"} <= rows[0].keys()


def test_callbacks_are_called_in_order_and_at_their_time():
    calls = []

    class Note(train.Callback):
        def __init__(self, name):
            self.name = name

        def on_start(self, run):
            calls.append((self.name, "start", run.step))

        def on_epoch(self, run):
            calls.append((self.name, "epoch", run.epoch))

        def on_end(self, run):
            calls.append((self.name, "end", run.step))

    short(tiny(), epochs=2, callbacks=[Note("a"), Note("b")])
    expected = [("start", 0), ("epoch", 1), ("epoch", 2), ("end", 12)]
    assert calls == [(name, what, number) for what, number in expected for name in "ab"]


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_rewrites_its_line_on_a_terminal_and_is_brief_elsewhere():
    screen, file = _Terminal(), io.StringIO()
    short(tiny(), callbacks=[train.Progress(screen)], progress=True)
    short(tiny(), callbacks=[train.Progress(file)], progress=True)
    assert "\r" in screen.getvalue() and "\r" not in file.getvalue()
    assert file.getvalue().count("\n") <= 2
    last = file.getvalue().splitlines()[-1]
    assert "epoch 3.0 of 3" in last and "images/s" in last and "all epochs done" in last


def test_images_a_second_leave_evaluations_out():
    class Slow(train.Callback):
        def on_step(self, run):
            time.sleep(0.05)

    rate = short(tiny(), callbacks=[Slow()], log_every=18)["images_per_second"][1][0]
    assert rate > 8 / 0.05  # with the pauses counted it could not be more


def test_where_compiling_fails_training_goes_on(monkeypatch):
    def broken(model):
        def call(*inputs):
            raise RuntimeError("no C++ compiler\nand a page of details")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    one, two = tiny(), tiny()
    with pytest.warns(UserWarning, match=r"torch.compile does not work here \(no C\+\+ compiler\)"):
        short(one, compile=True)
    short(two)
    assert same(one, two)
