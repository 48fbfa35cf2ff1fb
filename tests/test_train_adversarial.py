"""Adversarial training: that a step is what the papers write down, that both players survive a kill, that failure is noticed."""

from __future__ import annotations

import math
import re
import warnings

import pytest
import torch
from torch import nn

from inpaintlib import losses, masks, models, train
from inpaintlib.train import players
from tests.training import StopAfter, TinyCritic, checkpoint, judge, noise, one_thread, play, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


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

    expected = says("step 9 (epoch 2, batch 3 of 6)", "critic is nan", "layer of the critic", "norm.1 (Log)")
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
        *(
            (ValueError, f"a critic is called {name!r}; expected a name without a dot", {"critic": {name: judge()}})
            for name in ("train", "items", "options", "name", "a.b", "", 3)
        ),
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


@pytest.mark.parametrize("name", ["adversarial", "critic", "penalty", "accuracy_real", "accuracy_fake", "variety", "step", "loss"])
def test_a_term_with_the_name_of_a_column_of_the_game_is_refused(name):
    def loss(p, t, m):
        return {name: losses.hole_l1(p, t, m), "valid": losses.valid_l1(p, t, m)}

    with pytest.raises(ValueError, match=f"returned a term '{name}', but a row of the history has a '{name}' already"):
        play(tiny(), judge(), loss=loss)


def test_a_term_may_be_called_as_a_column_is_where_two_critics_judge():
    terms = play(tiny(), {"one": judge()}, epochs=1, loss=lambda p, t, m: {"adversarial.one": losses.hole_l1(p, t, m)})
    assert "adversarial.one" in terms
    with pytest.raises(ValueError, match=r"returned a term 'adversarial\.one'"):
        play(tiny(), {"one": judge(), "two": judge()}, loss=lambda p, t, m: {"adversarial.one": losses.hole_l1(p, t, m)})


def test_a_critic_that_answers_something_else_is_told_what_is_expected():
    class Mean(TinyCritic):
        def forward(self, image, mask):
            return super().forward(image, mask).mean()

    with pytest.raises(ValueError, match=says("the critic returned a tensor of shape ()", "expected raw scores")):
        play(tiny(), Mean())
