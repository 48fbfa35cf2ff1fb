"""Adversarial training: that a step is what the papers write down, that both players survive a kill, that failure is noticed."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from inpaintlib import losses, masks, models, train
from inpaintlib.train import cli, opponents, players
from tests import adversarial_worker
from tests.training import StopAfter, TinyCritic, checkpoint, noise, one_thread, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


def judge(norm="none", seed=9):
    torch.manual_seed(seed)
    return TinyCritic(norm)


def play(model, critic, images=None, **changes):
    """Three epochs of six steps, unless ``changes`` say otherwise."""
    settings = {"epochs": 3, "batch_size": 8, "precision": "fp32", "device": "cpu", "progress": False, "log_every": 4} | changes
    family, loss = settings.pop("masks", masks.boxes), settings.pop("loss", losses.hole_l1)
    return train.fit_adversarial(model, images if images is not None else noise(), family, loss, critic, **settings)


def says(*parts):
    return r"(?s)" + ".*".join(re.escape(part) for part in parts)


def sgd(parameters, lr):
    return torch.optim.SGD(parameters, lr)


# -- the step


class Doubled:
    """Images in 64 bits, so that two ways of adding up agree to many digits."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def batches(self, *args, **kwargs):
        return (batch.double() for batch in self.images.batches(*args, **kwargs))


class ByHand:
    """The critic of the tests once more, written down as formulas over a dict of tensors; its weights move as gradients say."""

    def __init__(self, critic, norm):
        self.norm = norm
        self.t = {k: v.detach().clone() for k, v in critic.state_dict().items()}
        self.learn = [k for k, _ in critic.named_parameters()]
        for k in self.learn:
            self.t[k].requires_grad_(True)

    def weight(self, layer):
        if self.norm != "spectral":
            return self.t[f"{layer}.weight"]
        w = self.t[f"{layer}.parametrizations.weight.original"]
        flat, prefix = w.flatten(1), f"{layer}.parametrizations.weight.0._"
        with torch.no_grad():  # one step of the power iteration
            u = flat @ self.t[prefix + "v"]
            self.t[prefix + "u"] = u = u / u.norm()
            v = flat.T @ u
            self.t[prefix + "v"] = v = v / v.norm()
        return w / (u @ flat @ v)

    def __call__(self, image, mask):
        x = nn.functional.conv2d(torch.cat([image, mask], 1), self.weight("first"), self.t["first.bias"], 2, 1)
        if self.norm == "batch":
            mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
            x = (x - mean) / (variance + 1e-5).sqrt() * self.t["norm.weight"].view(1, -1, 1, 1) + self.t["norm.bias"].view(1, -1, 1, 1)
        x = torch.where(x > 0, x, 0.2 * x)
        return nn.functional.conv2d(x, self.weight("last"), self.t["last.bias"], 2, 1)

    def descend(self, loss, lr):
        gradients = torch.autograd.grad(loss, [self.t[k] for k in self.learn])
        with torch.no_grad():
            for k, gradient in zip(self.learn, gradients, strict=True):
                self.t[k] -= lr * gradient


def critic_loss(kind, d, real, fake, mask):
    a, b = d(real, mask), d(fake, mask)
    if kind == "bce":
        return -(torch.sigmoid(a).log().mean() + (1 - torch.sigmoid(b)).log().mean())
    if kind == "hinge":
        return (1 - a).clamp(min=0).mean() + (1 + b).clamp(min=0).mean()
    share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
    penalty = 0.0
    for one, other, m, s in zip(real, fake, mask, share, strict=True):  # sample by sample
        point = (one + s * (other - one)).detach()[None].requires_grad_()
        (slope,) = torch.autograd.grad(d(point, m[None]).mean(), point, create_graph=True)
        penalty = penalty + (slope.square().sum().sqrt() - 1) ** 2
    return b.mean() - a.mean() + 10 * penalty / len(real)


@pytest.mark.parametrize(("kind", "norm", "steps"), [("bce", "batch", 1), ("hinge", "spectral", 1), ("wgan_gp", "none", 2)])
def test_a_step_is_what_one_would_write_by_hand(kind, norm, steps):
    model, twin, critic = tiny(1, dropout=0.0).double(), tiny(1, dropout=0.0).double(), judge(norm).double()
    hand = ByHand(critic, norm)
    history = play(
        model, critic, Doubled(noise()), adversarial=kind, adversarial_weight=0.3, critic_steps=steps, epochs=1, lr=0.05, critic_lr=0.02,
        optimizer=sgd, critic_optimizer=sgd, ema=None, clip=None, seed=5, log_every=1,
    )

    order, holes = torch.Generator().manual_seed(5), torch.Generator().manual_seed(6)
    critics, generators = [], []
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for step, image in enumerate(noise().batches(8, generator=order, flip=True, drop_last=True), 1):
            image, mask = image.double(), masks.boxes(8, 16, generator=holes).double()
            prediction = twin(image * mask, mask)
            filled = mask * image + (1 - mask) * prediction
            loss = critic_loss(kind, hand, image, filled.detach(), mask)
            critics.append(loss.item())
            hand.descend(loss, 0.02)
            if step % steps:
                continue
            score = hand(filled, mask)
            verdict = -torch.sigmoid(score).log().mean() if kind == "bce" else -score.mean()
            hole = (1 - mask).expand_as(image)
            total = ((prediction - image).abs() * hole).sum() / hole.sum() + 0.3 * verdict
            generators.append(total.item())
            gradients = torch.autograd.grad(total, list(twin.parameters()))
            with torch.no_grad():
                for p, gradient in zip(twin.parameters(), gradients, strict=True):
                    p -= 0.05 * gradient

    close = {"rtol": 1e-9, "atol": 1e-11}
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, **close)
    for name, value in hand.t.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(critic.state_dict()[name], value.detach(), msg=lambda m, name=name: f"{name}: {m}", **close)
    rows = [row.get("penalty", 0.0) + row["critic"] for row in history.rows]
    assert rows == pytest.approx(critics, rel=1e-5)
    assert history["loss"][1] == pytest.approx(generators, rel=1e-5) and len(generators) == 6 // steps


def test_without_a_say_of_the_critic_it_is_the_plain_loop():
    one, two = tiny(), tiny()
    settings = {"optimizer": "adam", "lr": 1e-3, "schedule": "cosine"}
    alone = short(one, **settings)
    watched = play(two, judge(), adversarial_weight=0.0, **settings)
    assert same(one, two) and watched["reconstruction"] == alone["loss"] == watched["loss"]
    play(other := tiny(), judge(), adversarial_weight=0.01, **settings)
    assert not same(one, other)


def test_the_critic_holds_still_and_keeps_no_gradient_while_the_generator_moves():
    critic = judge("spectral")
    seen = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            weights = list(critic.parameters())
            seen.append(([p.grad is None for p in weights], [p.requires_grad for p in weights], [p.detach().clone() for p in weights]))
            return super().step(closure)

    class After(train.Callback):
        def on_step(self, run):
            assert all(torch.equal(a, b) for a, b in zip(seen[-1][2], critic.parameters(), strict=True))
            assert all(p.requires_grad for p in critic.parameters())

    before = [p.detach().clone() for p in critic.parameters()]
    play(tiny(), critic, adversarial="hinge", optimizer=Spy, callbacks=[After()], adversarial_weight=1.0)
    assert len(seen) == 18 and all(all(none) and not any(learning) for none, learning, _ in seen)
    assert not any(torch.equal(a, b) for a, b in zip(before, critic.parameters(), strict=True))


def test_the_generator_moves_at_every_so_many_th_step_and_rows_are_means_of_what_there_was():
    moves = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            moves.append(at[0])
            return super().step(closure)

    class At(train.Callback):
        def on_step(self, run):
            at[0] = run.step + 1

    at = [1]
    history = play(tiny(), judge(), optimizer=Spy, critic_steps=3, callbacks=[At()], log_every=6)
    assert moves == [3, 6, 9, 12, 15, 18] and history["loss"][0] == history["critic"][0] == [6, 12, 18]
    fine = play(tiny(), judge(), optimizer=sgd, critic_steps=3, log_every=1)
    assert fine["loss"][0] == moves and fine["critic"][0] == list(range(1, 19))
    assert history["loss"][1][0] == pytest.approx(sum(fine["loss"][1][:2]) / 2)
    assert history["critic"][1][0] == pytest.approx(sum(fine["critic"][1][:6]) / 6)


def test_critics_see_the_filled_picture_and_the_context_encoders_the_raw_one():
    shown = {"filled": [], "raw": []}

    class Looking(TinyCritic):
        def __init__(self, kind):
            super().__init__()
            self.kind, self.composited = kind, kind == "filled"

        def forward(self, image, mask):
            shown[self.kind].append(image.detach())
            return super().forward(image, mask)

    play(tiny(), {kind: Looking(kind) for kind in shown}, epochs=1, batch_size=50, flip=False, masks=masks.center_box)
    mask = masks.center_box(1, 16).float()
    (real, fake, _), (_, raw, _) = shown["filled"], shown["raw"]
    assert torch.equal(fake * mask, real * mask) and not torch.equal(raw * mask, real * mask)
    assert torch.equal(fake * (1 - mask), raw * (1 - mask))
    assert not models.critic("context", size=32, width=2).composited and models.critic("global", size=32, width=2).composited


def test_a_pair_of_ones_own_losses_is_a_game_too():
    def critic(real, fake):  # least squares: X. Mao et al., ICCV 2017
        return (real - 1).square().mean() + fake.square().mean()

    one, two = tiny(), tiny()
    history = play(one, judge(), adversarial=(critic, lambda fake: (fake - 1).square().mean()), adversarial_weight=0.1)
    play(two, judge(), adversarial="bce", adversarial_weight=0.1)
    assert not same(one, two) and "penalty" not in history
    assert "penalty" in play(tiny(), judge(), adversarial=(critic, losses.hinge_generator), penalty=1.0)


# -- what is measured


def test_the_critic_is_right_where_its_scores_say_so():
    real = torch.tensor([[3.0, -1.0], [-1.0, 0.5], [0.2, 0.2], [5.0, 5.0]])  # means 1, -0.25, 0.2, 5
    fake = torch.tensor([[0.0, 0.0], [-2.0, 1.0], [1.0, 1.0], [0.5, -0.4]])  # means 0, -0.5, 1, 0.05
    assert [float(x) for x in players.right(real, fake)] == [0.75, 0.5]
    # means 1.4875 and 0.1375: the line lies at 0.8125
    assert [float(x) for x in players.right(real, fake, relative=True)] == [0.5, 0.75]
    shifted = [float(x) for x in players.right(real + 100, fake + 100, relative=True)]
    assert shifted == [0.5, 0.75] and [float(x) for x in players.right(real + 100, fake + 100)] == [1.0, 0.0]


def test_variety_is_that_of_what_is_painted_into_the_holes():
    image, mask = noise(40).float(), masks.boxes(40, 16, generator=torch.Generator().manual_seed(0)).float()
    constant = image.mean(0, keepdim=True).expand_as(image)
    assert float(players.variety(image, image, mask)) == pytest.approx(1)
    assert float(players.variety(constant, image, mask)) < 1e-6
    assert float(players.variety(constant * (1 - mask) + image * mask, image, mask)) < 1e-6  # what is known does not count
    half = constant + (image - constant) / 2
    assert float(players.variety(half, image, mask)) == pytest.approx(0.25, rel=1e-4)
    by_loop = [0.0, 0.0]
    for index, x in enumerate((half, image)):
        for row in range(16):
            for column in range(16):
                values = x[mask[:, 0, row, column] == 0][:, :, row, column]
                if len(values):
                    by_loop[index] += float((values.var(0, unbiased=False) * len(values)).sum())
    assert float(players.variety(half, image, mask)) == pytest.approx(by_loop[0] / by_loop[1], rel=1e-4)


def test_several_critics_each_have_their_columns_and_all_have_a_say():
    history = play(tiny(), {"a": judge(seed=1), "b": judge(seed=2)}, adversarial="wgan_gp", log_every=1, adversarial_weight=0.5)
    row = history.rows[-1]
    for name in ("critic", "penalty", "accuracy_real", "accuracy_fake", "adversarial"):
        assert math.isfinite(row[f"{name}.a"]) and math.isfinite(row[f"{name}.b"]) and name not in row
    assert row["loss"] == pytest.approx(row["reconstruction"] + row["adversarial.a"] + row["adversarial.b"], rel=1e-5)


# -- state


def test_afterwards_modes_and_frozen_weights_are_as_they_should_be():
    model, critic = tiny(), judge("batch")
    critic.first.bias.requires_grad_(False)
    kept = critic.first.bias.clone()
    modes = []

    class Modes(train.Callback):
        def on_step(self, run):
            modes.append((run.model.training, all(part.training for part in critic.modules())))

    play(model, critic, callbacks=[train.Evaluate(noise(9), masks.lines, every=0.2), Modes()])
    assert modes == [(True, True)] * 18
    assert not model.training and not critic.training and not any(part.training for part in critic.modules())
    assert torch.equal(critic.first.bias, kept) and not critic.first.bias.requires_grad and critic.first.weight.requires_grad


def test_the_model_carries_the_average_of_its_weights():
    last = {}

    class Keep(train.Callback):
        def on_end(self, run):
            last.update({k: v.clone() for k, v in run.model.state_dict().items()})

    averaged, plain = tiny(), tiny()
    play(averaged, judge(), ema=0.9, callbacks=[Keep()])
    play(plain, judge(), ema=None)
    assert same(last, dict(plain.state_dict())) and not same(averaged, plain)


def test_the_same_seed_gives_the_same_two_players_and_another_does_not():
    def go(seed):
        torch.manual_seed(int(torch.randint(1000, ())))  # the caller's chance must not matter
        model, critic = tiny(3), judge("spectral", seed=4)
        play(model, critic, adversarial="wgan_gp", seed=seed)
        return dict(model.state_dict()), dict(critic.state_dict())

    one, two, other = go(1), go(1), go(2)
    assert same(one[0], two[0]) and same(one[1], two[1]) and not same(one[0], other[0]) and not same(one[1], other[1])


@pytest.mark.parametrize(("kind", "norm", "steps"), [("bce", "batch", 1), ("hinge", "spectral", 2), ("wgan_gp", "none", 4)])
def test_a_run_resumed_in_mid_epoch_ends_with_the_same_players_and_rows(tmp_path, kind, norm, steps):
    def go(name, callbacks=(), resume=False):
        seed = 123 if resume else 0  # what it starts from must not matter on resume
        model, critic = tiny(seed), judge(norm, seed)
        watch = train.Evaluate(noise(9, seed=8), masks.lines, every=0.5)
        history = play(
            model, critic, adversarial=kind, critic_steps=steps, adversarial_weight=0.1, schedule="one_cycle", log_every=5,
            out=tmp_path / name, resume=resume, callbacks=[watch, train.CollapseWatch(steps=5), *callbacks],
        )
        return model, critic, history

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, critic, history = go("undisturbed")
        for step in (2, 9):  # once before the generator's turn, and in the middle of rows and epochs
            go(f"at {step}", [StopAfter(step)])
            again, judged, resumed = go(f"at {step}", resume=True)
            assert same(again, model) and same(judged, critic), f"stopped after step {step}"
            assert same(checkpoint(tmp_path / f"at {step}")[0], checkpoint(tmp_path / "undisturbed")[0])
            assert train.History.read(tmp_path / f"at {step}" / "log.jsonl").rows == resumed.rows
    whole = {row["step"]: row["critic"] for row in history.rows if "critic" in row}
    split = {row["step"]: row["critic"] for row in resumed.rows if "critic" in row}
    assert split[10] != 0 and all(split[at] == whole[at] for at in (15, 18))


def test_the_checkpoint_holds_the_critic_its_optimizer_and_the_vectors_of_its_spectral_norm(tmp_path):
    critic = judge("spectral")
    start = critic.first.parametrizations.weight[0]._u.clone()
    play(tiny(), critic, adversarial="hinge", out=tmp_path)
    tensors, state = checkpoint(tmp_path)
    kept = {name: tensor for name, tensor in tensors.items() if name.startswith("critic.")}
    assert same({name.removeprefix("critic.tiny_critic."): tensor for name, tensor in kept.items()}, critic)
    vector = tensors["critic.tiny_critic.first.parametrizations.weight.0._u"]
    assert not torch.equal(vector, start) and float(vector.norm()) == pytest.approx(1, rel=1e-5)
    assert {"critic_optimizer.0.exp_avg", "optimizer.0.exp_avg"} <= tensors.keys() and "critic_optimizer" in state


def test_a_checkpoint_of_another_game_is_refused_by_name(tmp_path):
    play(tiny(), judge(), out=tmp_path / "game")
    short(tiny(), out=tmp_path / "alone")
    for what, message in (
        (lambda: short(tiny(), out=tmp_path / "game", resume=True), ("fit_adversarial, with a critic", "without a critic")),
        (lambda: play(tiny(), judge(), out=tmp_path / "alone", resume=True), ("written by fit, without a critic",)),
        (lambda: play(tiny(), judge("batch"), out=tmp_path / "game", resume=True), ("holds the critic tiny_critic", "'none'", "'batch'")),
        (lambda: play(tiny(), judge(), adversarial="hinge", out=tmp_path / "game", resume=True), ("adversarial = 'bce'", "'hinge'")),
    ):
        with pytest.raises(train.CheckpointError, match=says(*message)):
            what()
    with pytest.warns(UserWarning, match="adversarial_weight was 0.001, is 0.5"):
        play(tiny(), judge(), out=tmp_path / "game", resume=True, adversarial_weight=0.5)


# -- when a number is none


class From(train.Callback):
    def __init__(self, step, what):
        self.at, self.what = step, what

    def on_step(self, run):
        if run.step == self.at:
            self.what(run)


def test_a_critic_that_breaks_is_named_with_step_and_layer_before_anything_moves(tmp_path):
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)

    critic, model = judge(), tiny(dropout=0.0)
    kept = {}

    def breaks(run):
        kept.update({p: p.detach().clone() for network in (model, critic) for p in network.parameters()})
        critic.norm = nn.Sequential(nn.Identity(), Log())

    expected = says("step 9 (epoch 2, batch 3 of 6)", "critic is nan", "layer of the critic", "norm.1 (Log)", str(tmp_path))
    with pytest.raises(train.Diverged, match=expected):
        play(model, critic, callbacks=[From(8, breaks)], ema=None, out=tmp_path)
    assert len(kept) == 10 and all(torch.equal(p, before) for p, before in kept.items())


def test_the_generators_troubles_are_told_from_the_critics():
    def break_weight(network):
        with torch.no_grad():
            next(iter(network.parameters()))[0] = float("nan")

    model, critic = tiny(), judge()
    with pytest.raises(train.Diverged, match=says("step 3 ", "The weights first.weight of the generator are not finite")):
        play(model, critic, callbacks=[From(2, lambda run: break_weight(model))])
    with pytest.raises(train.Diverged, match=says("step 3 ", "The weights tiny_critic.first.weight of the critic are not finite")):
        play(tiny(), critic, callbacks=[From(2, lambda run: break_weight(critic))])
    bad = (losses.bce_critic, lambda fake: fake.mean() * float("inf"))
    with pytest.raises(train.Diverged, match=says("step 1 ", "adversarial is", "so the loss itself makes it")):
        play(tiny(), judge(), adversarial=bad)
    rough = (lambda real, fake: (real - real).sum().sqrt() + fake.mean(), losses.hinge_generator)
    with pytest.raises(train.Diverged, match=says("step 1 ", "the critic is", "its gradient is nan", "tiny_critic.last.bias")):
        play(tiny(), judge(), adversarial=rough)


# -- collapse, and samples


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


# -- the course's pairs, at their small size


PAIRS = {
    "context_encoder": ({"size": 32, "width": 8, "latent": 16}, {"context": {"width": 8}}, "bce", masks.center_box),
    "gated_unet": ({"size": 32, "width": 4}, {"sn_patch": {"width": 4}}, "hinge", masks.irregular),
    "coarse_to_fine": ({"size": 32, "width": 4}, {"global": {"width": 4}, "local": {"width": 4}}, "wgan_gp", masks.boxes),
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", PAIRS)
def test_each_pair_of_the_course_plays(name, precision):
    options, critics, kind, family = PAIRS[name]
    torch.manual_seed(0)
    model = models.create(name, **options)
    named = {critic: models.critic(critic, size=32, **how) for critic, how in critics.items()}
    before = {critic: {k: v.clone() for k, v in net.state_dict().items()} for critic, net in named.items()}
    history = play(
        model, named if len(named) > 1 else next(iter(named.values())), noise(8, size=32), masks=family, adversarial=kind,
        epochs=2, batch_size=4, log_every=1, precision=precision, loss=losses.weighted_sum(hole=(1.0, losses.hole_l1)),
    )
    row = history.rows[-1]
    assert all(math.isfinite(value) for value in row.values()) and row["step"] == 4
    assert ("coarse.hole" in row) == (name == "coarse_to_fine") and ("critic.local" in row) == (len(named) > 1)
    total = sum(value for column, value in row.items() if column.split(".")[0] == "adversarial" or column.endswith("hole"))
    assert row["loss"] == pytest.approx(total, rel=1e-4)
    assert all(not same(before[critic], net) for critic, net in named.items())


def test_both_stages_are_compared_by_the_plain_loop_too():
    torch.manual_seed(0)
    model = models.create("coarse_to_fine", size=32, width=4)
    start = {k: v.clone() for k, v in model.state_dict().items()}
    history = short(model, noise(8, size=32), epochs=1, batch_size=4, log_every=1)
    assert history["coarse.loss"][1][0] > 0 and history["loss"][1][0] > history["coarse.loss"][1][0]
    assert not any(torch.equal(start[k], v) for k, v in model.state_dict().items() if k.startswith(("coarse", "merge")))


# -- what is passed in


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, "adversarial is 'lsgan'; expected bce, hinge, wgan_gp, or a pair", {"adversarial": "lsgan"}),
        (ValueError, "adversarial is a tuple; expected", {"adversarial": (losses.bce_critic,)}),
        (ValueError, "adversarial_weight is -1", {"adversarial_weight": -1}),
        (ValueError, "adversarial_weight is nan", {"adversarial_weight": float("nan")}),
        (ValueError, "critic_lr is 0; expected a finite number above 0", {"critic_lr": 0}),
        (ValueError, "critic_steps is 1.5; expected a whole number", {"critic_steps": 1.5}),
        (ValueError, "critic_steps is 0", {"critic_steps": 0}),
        (ValueError, "penalty is -1; expected", {"penalty": -1}),
        (ValueError, "optimizer is 'lion'; expected adam, adam_dcgan", {"critic_optimizer": "lion"}),
        (TypeError, "critic is a str; expected a network such as", {"critic": "sn_patch"}),
        (TypeError, "critic is a dict; expected a network", {"critic": {}}),
        (TypeError, "critic is a Conv2d, whose forward takes (input: torch.Tensor)", {"critic": nn.Conv2d(3, 1, 3)}),
        (TypeError, "penalty_in_hole is 1; expected True or False", {"penalty_in_hole": 1}),
        (ValueError, "batch norm (norm of the critic tiny_critic) mixes", {"critic": judge("batch"), "adversarial": "wgan_gp"}),
        (ValueError, "lr is -1", {"lr": -1}),
        (ValueError, "neither epochs nor minutes", {"epochs": None}),
    ],
)
def test_settings_that_cannot_work_say_why(error, message, change):
    settings = {"critic": judge()} | change
    with pytest.raises(error, match=says(message)):
        play(tiny(), **settings)


def test_a_critic_that_answers_something_else_is_told_what_is_expected():
    class Mean(TinyCritic):
        def forward(self, image, mask):
            return super().forward(image, mask).mean()

    with pytest.raises(ValueError, match=says("the critic returned a tensor of shape ()", "expected raw scores")):
        play(tiny(), Mean())


# -- the command line

COMMAND = ["partial_unet", "--option", "width=4", "--data", "photos", "--limit", "64", "--precision", "fp32", "--device", "cpu"]
COMMAND += ["--epochs", "1", "--batch-size", "16", "--test-images", "20"]


def test_the_command_line_trains_against_a_critic_and_resumes(tmp_path, capsys):
    out = tmp_path / "run"
    against = ["--adversarial", "wgan_gp", "--adversarial-weight", "0.01", "--critic-option", "width=2", "--out", str(out)]
    assert cli.main([*COMMAND, *against]) == 0, capsys.readouterr().err
    history = train.History.read(out / "log.jsonl")
    assert {"critic.global", "critic.local", "penalty.local", "psnr_composited", "variety"} <= set(history.columns())
    assert list((out / "samples").glob("step_*.png"))
    card = json.loads(checkpoint_words(out / "partial_unet.safetensors")["card"])
    assert card["adversary"] == "wgan_gp, weight 0.01" and card["critic"] == "global+local width=2"
    assert "--adversarial wgan_gp" in card["command"]
    with pytest.warns(UserWarning, match="epochs was 1.0, is 2.0"):
        assert cli.main([*COMMAND, *against, "--epochs", "2", "--resume"]) == 0
    assert train.History.read(out / "log.jsonl")["critic.global"][0][-1] == 6
    assert cli.main([*COMMAND, "--epochs", "3", "--resume", "--out", str(out)]) == 1
    assert "fit_adversarial, with a critic" in capsys.readouterr().err


def checkpoint_words(path):
    from inpaintlib._files import read_safetensors

    return read_safetensors(path)[1]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("there is no critic 'judge'; expected one of context", ["--adversarial", "bce", "--critic", "judge"]),
        ("sn_patch does not take {'size': 32, 'depth': 3}", ["--adversarial", "hinge", "--critic-option", "depth=3"]),
        ("expected --adversarial with one of bce, hinge, wgan_gp", ["--critic", "global"]),
        ("mixes the samples", ["--adversarial", "wgan_gp", "--critic", "context", "--critic-option", "width=2"]),
    ],
)
def test_critics_that_the_command_line_does_not_know_are_explained(message, words, tmp_path, capsys):
    assert cli.main([*COMMAND, *words, "--out", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err


def test_each_game_has_its_usual_critic():
    for game, names in (("bce", ["context"]), ("hinge", ["sn_patch"]), ("wgan_gp", ["global", "local"])):
        args = cli.parse(["gated_unet", "--adversarial", game, "--critic-option", "width=2"])
        critics = players.Critics(opponents.from_arguments(args, 32, cli.parse_options)["critic"])
        assert list(critics) == names and all(critic.options == {"size": 32, "width": 2} for critic in critics.values())
    assert opponents.from_arguments(cli.parse(["gated_unet"]), 32, cli.parse_options) == {}
    with pytest.raises(ValueError, match="32 x 48; expected square ones"):
        opponents.from_arguments(args, (32, 48), cli.parse_options)


def test_two_processes_play_as_one_would(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    root = Path(__file__).parents[1]
    words = [sys.executable, "-m", "tests.adversarial_worker", str(tmp_path)]
    ranks = [address | {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in range(2)]
    processes = [subprocess.Popen(words, env=os.environ | rank, cwd=root, stderr=subprocess.PIPE, text=True) for rank in ranks]
    alone = adversarial_worker.played()
    for process in processes:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for kind in ("bce", "hinge", "wgan_gp"):
        for network in ("model", "critic"):
            assert same(first[kind][network], second[kind][network]), f"{kind}: the {network} differs between the processes"
            for name, value in alone[kind][network].items():
                torch.testing.assert_close(first[kind][network][name], value, rtol=1e-4, atol=2e-6)
        assert first[kind]["losses"] == pytest.approx(alone[kind]["losses"], rel=1e-4, abs=1e-6)
