"""Speed as a ratio of two things timed in turn in one run: what the machine does meanwhile hits both.

``make bench`` times and holds each ratio against its bar. Under ``make test`` (``--benchmark-disable``) each function runs
once, so that the benchmarks' own code cannot rot, and nothing is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch


class Line(NamedTuple):
    label: str
    value: str
    bar: str
    holds: bool
    how: str


LINES: list[Line] = []


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def report(benchmark: Any) -> Callable[..., None]:
    """``report(label, value, bar=..., unit=..., how=...)``: a line of the table; fails if the bar is missed.

    Where a miss is known, ``at_worst=`` is the bound from which on it fails; the table says MISSED from the bar on.
    """

    def hold(
        label: str, value: float, *, bar: float, unit: str = "x", at_least: bool = False, how: str = "", at_worst: float | None = None
    ) -> None:
        if benchmark.disabled:
            return
        holds = value >= bar if at_least else value <= bar
        LINES.append(Line(label, f"{value:.3g} {unit}", f"{'>=' if at_least else '<='} {bar:g} {unit}", holds, how))
        assert holds or (at_worst is not None and value <= at_worst), f"{label}: {value:.3g} {unit}, the bar is {LINES[-1].bar}. {how}"

    return hold


@pytest.fixture
def ratio(benchmark: Any) -> Callable[..., float]:
    """``ratio(ours, other, rounds=...)``: best time of ours over best time of other, the two run in turn.

    Whatever else the machine does can only make a run slower, so the best of many is the nearest to what the code costs.
    """

    def measure(ours: Callable[[], object], other: Callable[[], object], *, rounds: int = 60) -> float:
        benchmark.pedantic(ours, rounds=1, warmup_rounds=1)
        other()
        if benchmark.disabled:
            return 1.0
        pairs = [(_seconds(ours), _seconds(other)) for _ in range(rounds)]
        best = [min(times) for times in zip(*pairs, strict=True)]
        benchmark.extra_info["ours_ms"], benchmark.extra_info["other_ms"] = (1e3 * seconds for seconds in best)
        return best[0] / best[1]

    return measure


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not LINES:
        return
    terminalreporter.section("speed, beside its bar")
    width = max(len(line.label) for line in LINES)
    for line in LINES:
        verdict = "holds" if line.holds else "MISSED"
        terminalreporter.write_line(f"{line.label:<{width}}  {line.value:>10}  {line.bar:>12}  {verdict:<6}  {line.how}")
