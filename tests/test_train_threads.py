"""A run in a background thread, as a widget starts it, while the main thread looks at the model, draws numbers and sets seeds."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintlib import evaluation, masks, train
from inpaintlib._turns import Turns, shared_turns, turns_of
from inpaintlib.models.base import Inpainter
from inpaintlib.train.chance import chance
from tests.training import StopAfter, TinyNet, checkpoint, judge, noise, one_thread, play, same, short, tiny

pytestmark = pytest.mark.usefixtures(one_thread.__name__)


class Filler(Inpainter):
    """A tiny network with everything that a look in eval mode could harm: batch norm, dropout, a critic that shares its layers."""

    name = "filler"

    def __init__(self) -> None:
        super().__init__()
        self.net = TinyNet(dropout=0.2)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.net(image, mask)


def filler(seed: int = 0) -> Filler:
    torch.manual_seed(seed)
    return Filler()


def beside(work: Callable[[], Any], meanwhile: Callable[[], object]) -> Any:
    """The result of ``work`` in a background thread, while this one does ``meanwhile`` again and again."""
    box: list[Any] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        meanwhile()
    thread.join()
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]


def noisy_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Draws from torch's stream, as the loss of a diffusion model does."""
    return (prediction - target + 0.01 * torch.randn_like(target)).square().mean() * torch.rand(()) + torch.empty(1).uniform_().sum()


def test_a_run_in_a_thread_is_the_run_of_the_main_thread_whatever_is_done_meanwhile(tmp_path):
    """Looks at the model, draws, new seeds: the weights, their average, the optimizer's memory and the rows are equal to the bit."""
    image, mask = noise(4, seed=5).float(), masks.lines(4, 16, generator=torch.Generator().manual_seed(1))
    settings: dict[str, Any] = {"loss": noisy_loss, "epochs": 8, "log_every": 1}
    watch = [train.Evaluate(noise(9, seed=8), masks.lines, every=0.5)]
    undisturbed = filler()
    expected = short(undisturbed, callbacks=watch, out=tmp_path / "main", **settings)

    looks = []

    def look() -> None:
        looks.append(model.inpaint(image, mask))
        torch.rand(7)
        if len(looks) % 5 == 0:
            torch.manual_seed(len(looks))

    model = filler()
    watch = [train.Evaluate(noise(9, seed=8), masks.lines, every=0.5)]
    history = beside(lambda: short(model, callbacks=watch, out=tmp_path / "thread", **settings), look)
    assert len(looks) >= 10, "the looks had no turn"
    assert len({float(filled.sum()) for filled in looks}) > 3, "the looks did not see it learn"
    assert same(model, undisturbed) and same(*(checkpoint(tmp_path / name)[0] for name in ("main", "thread")))
    clocks = ("seconds", "images_per_second")
    rows = [[{k: v for k, v in row.items() if k not in clocks} for row in h.rows] for h in (expected, history)]
    assert rows[0] == rows[1]


def test_a_run_that_is_stopped_from_outside_can_be_resumed_in_the_main_thread(tmp_path):
    stop, model, image = threading.Event(), filler(), noise(2).float()
    mask = torch.ones(2, 1, 16, 16)

    def look() -> None:
        model.inpaint(image, mask)
        if (tmp_path / "log.jsonl").exists():
            stop.set()

    settings: dict[str, Any] = {"schedule": "constant", "loss": noisy_loss}
    history = beside(lambda: short(model, epochs=1e6, out=tmp_path, stop=stop, **settings), look)
    assert history.stopped_by == "stopped"
    done = checkpoint(tmp_path)[1]["counters"]["step"]
    longer, whole = filler(1), filler()
    with pytest.warns(UserWarning, match="epochs was"):
        short(longer, epochs=(done + 7) / 6, out=tmp_path, resume=True, **settings)
    short(whole, epochs=(done + 7) / 6, **settings)
    assert same(longer, whole)


def test_the_main_thread_keeps_its_chance_and_its_signals():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    torch.manual_seed(3)
    expected = torch.rand(50)
    torch.manual_seed(3)
    seen: list[Tensor] = []

    def draw() -> None:
        assert {number: signal.getsignal(number) for number in handlers} == handlers
        if len(seen) < 50:
            seen.append(torch.rand(1))

    model = tiny()
    torch.manual_seed(3)
    beside(lambda: short(model, loss=noisy_loss), draw)
    while len(seen) < 50:
        seen.append(torch.rand(1))
    assert torch.equal(torch.cat(seen), expected)


def test_two_runs_in_two_threads_do_not_disturb_each_other():
    alone, models = [tiny(seed) for seed in (1, 2)], [tiny(seed) for seed in (1, 2)]
    for seed, model in enumerate(alone):
        short(model, seed=seed, loss=noisy_loss)
    threads = [threading.Thread(target=short, args=(model,), kwargs={"seed": k, "loss": noisy_loss}) for k, model in enumerate(models)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(one, two) for one, two in zip(alone, models, strict=True))


def test_a_raw_comparison_waits_for_the_step_too():
    model, twin = filler(), filler()
    short(twin, epochs=4)
    images, holes = noise(6, seed=2), masks.lines(6, 16, generator=torch.Generator().manual_seed(1))
    beside(lambda: short(model, epochs=4), lambda: evaluation.compare({"raw": model}, images, holes, kind="raw", metrics="mae"))
    assert same(model, twin)


def test_a_loss_that_is_no_number_ends_the_thread_and_frees_the_model():
    model = filler()
    image, mask = noise(1).float(), torch.ones(1, 1, 16, 16)
    with pytest.raises(train.Diverged):
        beside(lambda: short(model, loss=lambda p, t, m: (p - t).mean() * float("nan")), lambda: model.inpaint(image, mask))
    assert model.inpaint(image, mask).shape == image.shape and not model.training


def test_every_game_is_played_in_a_thread_as_in_the_main_one():
    """The gradient penalty of "wgan_gp" draws its points with ``generator=None``, said in so many words."""
    one, two = tiny(), tiny()
    play(one, judge(), epochs=1, adversarial="wgan_gp")
    beside(lambda: play(two, judge(), epochs=1, adversarial="wgan_gp"), lambda: time.sleep(0.001))
    assert same(one, two)


# -- chance


def draws() -> list[Tensor]:
    x = torch.ones(4, 6, 3, 3, requires_grad=True)
    return [
        F.dropout(x, 0.3), F.dropout(x, p=0.3, inplace=False, training=True), F.dropout(x, 0.3, False), F.dropout(x, 1.0),
        nn.Dropout(0.2)(x), nn.Dropout2d(0.4)(x), F.dropout1d(torch.ones(3, 4, 5)), F.dropout3d(torch.ones(2, 3, 2, 2, 2)),
        torch.dropout(x, 0.5, True), torch.rand(5), torch.randn(20), torch.randint(9, (4,)), torch.randint(3, 9, (4,)),
        torch.randperm(7), torch.rand(3, device="cpu"), torch.rand_like(x), torch.randn_like(x), torch.randint_like(x, 5),
        torch.randint_like(x, 2, 50), torch.randint_like(x, low=1, high=9), torch.empty(9).uniform_(), torch.empty(9).normal_(2, 3),
        torch.empty(20).bernoulli_(0.3), torch.bernoulli(torch.full((9,), 0.5)), torch.multinomial(torch.ones(6), 3),
        torch.normal(0.0, 1.0, (3,)), torch.normal(torch.zeros(3), torch.ones(3)), torch.empty(3).exponential_(),
        torch.zeros(4).random_(5), torch.rand(2, generator=torch.Generator().manual_seed(0)),
        torch.dropout(x, p=0.5, train=True), torch.dropout(x, 0.5, train=False), torch.rand(3, generator=None), masks.lines(2, 32),
        *noise(9).batches(4), nn.init.trunc_normal_(torch.empty(9)), nn.MultiheadAttention(4, 2).in_proj_weight,
        nn.Conv2d(3, 3, 3).weight, nn.Linear(3, 3).bias, nn.Embedding(4, 4).weight, nn.init.uniform_(torch.empty(9), 2, 3),
        nn.init.normal_(tensor=torch.empty(9)), nn.init.kaiming_normal_(torch.empty(3, 3)), nn.init.orthogonal_(torch.empty(3, 3)),
        torch.rand_like(x), *nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)).state_dict().values(),
    ]  # fmt: skip


def test_a_thread_draws_what_the_main_thread_would_and_leaves_torchs_stream_alone():
    cpu = torch.device("cpu")
    with chance(3, cpu) as there:
        expected, end = draws(), there.state()

    def elsewhere() -> tuple[list[Tensor], dict[str, Tensor], list[Tensor]]:
        with chance(3, cpu) as own:
            first, state = draws(), own.state()
            own.load(state)
            return first, state, draws()

    before = torch.get_rng_state()
    got, state, more = beside(elsewhere, lambda: time.sleep(0.001))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True)) and torch.equal(state["torch"], end["torch"])
    with chance(0, cpu) as there:
        there.load(state)  # what a thread has saved, the main thread goes on with
        assert all(torch.equal(a, b) for a, b in zip(draws(), more, strict=True))


def test_dropout_in_a_thread_sends_its_gradient_where_it_let_values_through():
    def gradient() -> tuple[Tensor, Tensor]:
        x = torch.ones(1000, requires_grad=True)
        with chance(1, torch.device("cpu")):
            y = F.dropout(x, 0.25)
            with pytest.raises(ValueError, match="between 0 and 1"):
                F.dropout(x, 1.5)
        y.sum().backward()
        return y.detach(), x.grad

    y, slope = beside(gradient, lambda: time.sleep(0.001))
    assert torch.equal(y, slope) and 200 < int((y == 0).sum()) < 300


# -- turns


def test_turns_go_to_whoever_waits_longest_and_may_be_taken_twice():
    turns, order, inside = Turns(), [], []

    def work(name: str) -> None:
        for _ in range(20):
            with turns, turns:
                inside.append(name)
                assert len(inside) == 1
                order.append(name)
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = order[order.index("b") : 39 - order[::-1].index("a")]
    longest = max(sum(1 for _ in run) for run in ("".join(both).replace("ab", "a b").replace("ba", "b a").split()))
    assert longest <= 2, order  # a plain lock lets one of them have nearly all of its turns in a row


def test_who_is_interrupted_while_waiting_does_not_block_the_others():
    turns = Turns()

    def alarm(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with turns:
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt), turns:
            pass
    finally:
        signal.signal(signal.SIGALRM, before)
    done.set()
    thread.join()
    with turns:
        pass


def test_parts_take_turns_with_the_whole_while_it_is_trained():
    model = filler()
    own = turns_of(model.net)
    assert own is turns_of(model.net) and own is not turns_of(model)
    with shared_turns(model) as shared:
        assert turns_of(model.net) is turns_of(model.net.first) is turns_of(model) is shared
    assert turns_of(model.net) is own


def test_a_stop_before_the_first_step_and_a_stop_from_a_callback():
    stop = threading.Event()
    stop.set()
    history = beside(lambda: short(tiny(), stop=stop), lambda: time.sleep(0.001))
    assert history.stopped_by == "stopped" and not history.rows
    assert beside(lambda: short(tiny(), callbacks=[StopAfter(3)]), lambda: time.sleep(0.001)).stopped_by == "the test said so"
