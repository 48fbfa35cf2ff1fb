"""How far an answer may be from the right one, and why: written down with each task, and aware of the answer's dtype."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["EXACT", "Tolerance"]

#: Relative to the scale of the answer. The inputs of a check are float32, and any order of summation is right: sums of up to
#: about a hundred products then differ by up to a few times 1e-6 of the sum of their absolute values, whatever the dtype they
#: are handed back in. Half precision rounds inputs, products and the result by 2**-11 each, bfloat16 by 2**-8: eight such steps.
BY_DTYPE = {"float16": 8 * 2.0**-11, "bfloat16": 8 * 2.0**-8}
SINGLE = 1e-5
#: Relative to the largest scale in the whole answer: a method that mixes all places, as a convolution by FFT in float32 does, leaves a
#: little of the largest sums everywhere, where the right answer is exactly 0 too.
MIXED = 1e-6


@dataclass(frozen=True)
class Tolerance:
    """The largest difference that still counts as right.

    Args:
        reason: one sentence, why so large and no larger.
        scale: from the arguments of a case to the size against which rounding errors are measured (a number or an array that
            broadcasts against the answer): for a sum of products, the sum of their absolute values; a result near 0 left over from
            large terms that cancel is then judged fairly. Without it: the largest magnitude in the right answer.
        exact: no difference at all (counts, masks, sizes).
    """

    reason: str
    scale: Callable[..., Any] | None = None
    exact: bool = False

    def allowed(self, arguments: dict[str, Any], expected: np.ndarray, dtype: str) -> np.ndarray:
        """The allowed difference for each number of ``expected``.

        >>> allowed = Tolerance("rounding").allowed({}, np.array([2.0, -4.0]), "float32")
        >>> round(float(allowed[0]), 9)  # 1e-5 of the largest magnitude
        4.001e-05
        """
        if self.exact or expected.size == 0:
            return np.zeros(expected.shape)
        scale = np.asarray(self.scale(**arguments), dtype=float) if self.scale else np.abs(expected).max()
        allowed = BY_DTYPE.get(dtype, SINGLE) * (scale + 1e-3)  # 1e-3: where everything is 0, -1e-9 is too
        largest = scale[np.isfinite(scale)].max(initial=0.0)
        return np.broadcast_to(np.maximum(allowed, MIXED * largest), expected.shape)


EXACT = Tolerance("counts and sizes are whole numbers; there is nothing to round", exact=True)
