"""The two ways in which adversarial training fails while all numbers stay finite, and a callback that notices them."""

from __future__ import annotations

import warnings
from typing import Any

from inpaintlib.train.callbacks import Callback
from inpaintlib.train.run import Run

__all__ = ["CollapseWatch"]


class CollapseWatch(Callback):
    """Warn when the critic has won, or when the generator paints the same into every hole.

    *The critic has won* when it judges all but a hundredth of real and of filled pictures rightly, row after row: then the generator hears
    that all it does is wrong, and not which change would be right. *The generator has collapsed* when the variety of what it paints (the
    history's ``variety``: the variance from picture to picture as a share of the truth's) stays below ``least_variety``: whatever lies
    around the hole, it draws one thing.

    Args:
        steps: for so many training steps in a row it must be so.
        least_variety: a share of the truth's variance, in (0, 1).
        stop: end the run too.

    Attributes:
        found: what was found, each a sentence; empty for a sound run.
    """

    def __init__(self, *, steps: int = 300, least_variety: float = 0.05, stop: bool = False) -> None:
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(f"steps is {steps!r}; expected a number of training steps, at least 1.")
        if not 0 < least_variety < 1:
            raise ValueError(f"least_variety is {least_variety!r}; expected a share of the truth's variance, between 0 and 1.")
        self.steps, self.least_variety, self.stop = steps, least_variety, stop
        self.found: list[str] = []
        self.since: dict[str, int] = {}  # what is so at the moment, and since which step
        self.seen = 0

    def on_step(self, run: Run) -> None:
        for row in run.history.rows[self.seen :]:
            for what, is_so in self._signs(row).items():
                if not is_so:
                    self.since.pop(what, None)
                elif row["step"] - self.since.setdefault(what, row["step"]) >= self.steps:
                    self._tell(run, what)
        self.seen = len(run.history)

    def _signs(self, row: dict[str, Any]) -> dict[str, bool]:
        signs = {
            name.removeprefix("accuracy_real"): min(value, row[name.replace("accuracy_real", "accuracy_fake")]) >= 0.99
            for name, value in row.items() if name.startswith("accuracy_real")
        }  # fmt: skip
        return signs | ({"variety": row["variety"] < self.least_variety} if "variety" in row else {})

    def _tell(self, run: Run, what: str) -> None:
        if what == "variety":
            sentence = (
                f"what is painted into the holes has varied by less than {self.least_variety:.0%} of the truth's variance from picture to "
                f"picture since step {self.since[what]}: the generator has collapsed. Try a smaller adversarial_weight, or larger batches."
            )
        else:
            critic = f"the critic {what[1:]}" if what else "the critic"
            sentence = (
                f"{critic} has told nearly all real pictures from nearly all filled ones since step {self.since[what]}: it has won, and "
                "the generator learns little from it. Try a smaller critic_lr, or a smaller critic."
            )
        if sentence not in self.found:
            self.found.append(sentence)
            warnings.warn(sentence, stacklevel=2)
        if self.stop:
            run.end(sentence)

    def state(self) -> dict[str, Any]:
        return {"found": self.found, "since": self.since, "seen": self.seen}

    def load(self, state: dict[str, Any]) -> None:
        self.found, self.since, self.seen = state["found"], state["since"], state["seen"]
