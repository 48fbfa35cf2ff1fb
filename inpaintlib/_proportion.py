"""A share of right answers, and how sure it is."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Proportion", "proportion"]

_Z = 1.959963984540054  # 97.5 % of a normal distribution lie below


class Proportion(NamedTuple):
    """So many right of so many, with the 95 % confidence interval of the share; nothing is known of it after no answer."""

    right: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """NaN while there is no answer."""
        return self.right / self.of if self.of else math.nan

    def excludes(self, share: float) -> bool:
        """Whether a share, such as the 0.5 of guessing, lies outside the interval."""
        return not self.low <= share <= self.high

    def __str__(self) -> str:
        if not self.of:
            return "no answers yet"
        share, low, high = (round(100 * value) for value in (self.share, self.low, self.high))
        return f"{self.right} of {self.of} right, {share} % (95 % interval {low} % to {high} %)"


def proportion(right: int, of: int) -> Proportion:
    """How many answers of how many were right, with the 95 % interval of Wilson, which holds for few answers, none and all right too.

    It is the set of all true shares that would not be surprised by this result: those whose mean lies within 1.96 of *their own*
    standard errors of it. The simpler share ± 1.96 standard errors of the observed share says that 5 of 5 are certain.

    Args:
        right: right answers, 0 to ``of``.
        of: answers.

    Raises:
        ValueError: fewer than none, or more right than there are.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).

    >>> str(proportion(14, 20))
    '14 of 20 right, 70 % (95 % interval 48 % to 85 %)'
    """
    if not 0 <= right <= of:
        raise ValueError(f"{right} right of {of}; expected 0 to {of} right, and no negative number of answers.")
    if of == 0:
        return Proportion(0, 0, 0.0, 1.0)
    share, square = right / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    low = 0.0 if right == 0 else middle - half
    return Proportion(right, of, low, 1.0 if right == of else middle + half)
