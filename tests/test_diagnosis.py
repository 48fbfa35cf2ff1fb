"""What is said about wrong work: a known mistake only where it is the likely one, and words that fit what happened."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.checks import get, run
from course.checks.judge import diagnose, expected_answer, judge
from course.checks.plain import is_plain
from course.checks.run import draw_cases
from course.checks.task import Case
from course.grading.attempt import Subject
from course.grading.grade import _words
from course.grading.limits import MB, Limits
from course.grading.network import ENDED as NETWORK_ENDED
from course.grading.plan import flags
from course.grading.process import Died
from course.grading.result import Hidden
from course.grading.session import ENDED as CELL_ENDED
from course.grading.submission import Cell
from course.grading.watch import BASE, Usage, Watch
from inpaintlib._check import describe

KEYS = [b"the key of the tests, not of a class", b"the key of the tests, not of a classx", b"a third key of the tests, of no class"]


def cases_of(name: str, key: bytes) -> list[Case]:
    """The visible cases, or the hidden ones of a key."""
    if not key:
        return [*get(name).corners, *draw_cases(get(name), 30, 0)]
    return list(importlib.import_module(f"course.units.{name.partition('/')[0]}.hidden").cases(name, key, 20))


def truncated_products(image, kernel, stride=1, padding=0, dilation=1):
    """A correlation that cuts the decimal places off every product; of small numbers nothing is left."""
    windows = F.unfold(image[None], kernel.shape[-2:], dilation, padding, stride)[0]
    products = (kernel.flatten(1)[:, :, None] * windows[None]).trunc()
    return products.sum(1).reshape(F.conv2d(image[None], kernel, None, stride, padding, dilation)[0].shape)


def test_truncated_products_are_no_missing_last_row():
    task = get("convolution/correlate")
    for key in KEYS:
        outcomes = [judge(task, case, task.call(truncated_products, case)) for case in cases_of(task.id, key)]
        assert sum(outcome.status == "wrong" for outcome in outcomes) == len(outcomes)
        assert any(not outcome.got[0].any() for outcome in outcomes)  # as a last row that was forgotten
        assert diagnose(task, outcomes) is None


def handed_back(case: Case, right: np.ndarray) -> np.ndarray:
    tensors = [value.numpy() for value in case.arguments.values() if isinstance(value, torch.Tensor)]
    return next((value for value in tensors if value.shape == right.shape), np.zeros_like(right))


PLAIN = {
    "zeros": lambda case, right: np.zeros_like(right),
    "half": lambda case, right: np.full_like(right, 0.5),
    "the input": handed_back,
    "whole numbers": lambda case, right: np.trunc(right),
}


@pytest.mark.parametrize(
    ("name", "way", "key"),
    [  # each of these used to be taken for a known mistake
        ("convolution/correlate", "zeros", KEYS[1]),
        ("losses/variation", "zeros", KEYS[0]),
        ("losses/variation", "whole numbers", KEYS[0]),
        ("metrics/precision_recall", "zeros", KEYS[0]),
        ("masks_and_baselines/prepare", "zeros", KEYS[0]),
        ("masks_and_baselines/diffuse", "the input", b""),
        ("partial_unet/lowest_mse", "zeros", KEYS[1]),
        ("partial_convolution/window_factor", "half", b""),
        ("attention/attend", "the input", KEYS[0]),
    ],
)
def test_a_plain_answer_alone_is_no_known_mistake(name, way, key):
    task = get(name)
    outcomes = []
    for case in cases_of(name, key):
        right = expected_answer(task, case)
        said = tuple(torch.as_tensor(np.array(PLAIN[way](case, part))) for part in right)
        outcomes.append(judge(task, case, said if len(right) > 1 else said[0], right))
    assert any(outcome.status == "wrong" for outcome in outcomes) and diagnose(task, outcomes) is None


def test_what_is_plain():
    case, right = Case({"image": torch.tensor([0.25, 3.5]), "size": 3}), np.array([1.25, 2.5])
    assert all(is_plain(case, np.array(said), right) for said in ([0, 0], [1, 1], [0.5, 0.5], [0.25, 3.5], [1, 2], [2, 3]))
    assert not any(is_plain(case, np.array(said), right) for said in ([1.25, 0], [0.3, 0.3], [2.5, 1.25], [np.nan, 0]))
    assert is_plain(case, np.array([1e-9, -1e-9]), right, allowed=1e-6) and is_plain(case, np.array([]), right)
    assert is_plain(case, np.array(3.0), np.array(7.0)) and not is_plain(case, np.array(2.0), np.array(7.0))


# --- words ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("imag", "not known"),
        ("image.tolist()[99]", "leads over the end"),
        ("1 / 0", "divided by 0"),
        ("image @ image.new_ones(7, 9, 2)", "`.shape`"),
    ],
)
def test_after_an_exception_the_hint_is_about_the_exception(body, words):
    function = eval(f"lambda image, kernel, stride=1, padding=0, dilation=1: {body}")
    result = run(get("convolution/correlate"), function, shrink=False)
    assert result.status == "error" and words in result.hint and "grids" not in result.hint + get("convolution/correlate").hints[0]


@pytest.mark.parametrize(
    ("reason", "words"), [("memory", "more memory"), ("filling", "filled memory"), ("ended", "ended Python"), ("slow", "never ends")]
)
def test_a_process_that_is_gone_is_no_loop_without_end(reason, words):
    def gone(*_, **__):
        raise Died(reason)

    session = SimpleNamespace(limits=Limits(), ready=lambda: None, seconds=0.0, request=gone, close=lambda: None)
    task = get("convolution/correlate")
    case = task.corners[0]
    outcome = Subject(session, task, "correlate").attempt(case, expected_answer(task, case))
    assert words in outcome.message and outcome.status == ("slow" if reason == "slow" else "ended")
    assert ("loop" in outcome.message) == (reason == "slow")
    assert reason in CELL_ENDED and (reason in NETWORK_ENDED or reason == "ended")

    from course.checks.run import run_cases

    headline = run_cases(task, lambda _: outcome, [case]).headline
    assert ("does not come back" in headline) == (reason == "slow")


def test_late_and_full_of_memory_is_not_only_late(monkeypatch):
    watch = Watch(1, lambda: None, Limits(memory=400 * MB))
    monkeypatch.setattr("course.grading.watch._shared_fairly", lambda pids: 10**12)

    def said(seconds, *more):
        return [watch._too_much(Usage(seconds, BASE + megabytes * MB, 3, (1,))) for megabytes in more]

    with watch.step(1.0, 100.0):
        assert said(2.0, 0, 99, 101, 500) == ["slow", "slow", "filling", "filling"]
        assert said(0.5, 0, 101, 399, 401) == ["", "", "", "memory"]


def test_hidden_cases_are_said_to_hold_real_numbers_only_where_they_do():
    wrong = Hidden(20, 3, {"right": 17, "wrong": 3})
    assert "real numbers" in _words(wrong, cases_of("convolution/correlate", KEYS[0]))
    assert "real numbers" not in _words(wrong, cases_of("convolution/seen", KEYS[0])) and "3 of 20" in _words(wrong, [])


def test_a_name_is_flagged_once():
    task = get("convolution/correlate")
    sent = SimpleNamespace(cells=[Cell("a", "def correlate(image):\n    return conv2d(unfold(image))")])
    both = [f"{task.id}: `{name}` stands in its cell" for name in ("conv2d", "unfold")]
    assert flags(task, sent) == both
    assert flags(task, sent, [f"{task.id}: calls `conv2d`", "convolution/seen: calls `unfold`"]) == both[1:]


def test_an_int_is_an_int():
    assert (describe(3), describe("three"), describe(np.zeros(2))[:10]) == ("an int", "a str", "an ndarray")
