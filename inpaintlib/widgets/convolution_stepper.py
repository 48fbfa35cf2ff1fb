"""A convolution, one window after the other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib.widgets.base import CourseWidget, module

__all__ = ["ConvolutionStepper"]

Numbers = Any  # whatever torch.as_tensor takes: a tensor, an array, nested lists
_LARGEST = {"image": 12, "kernel": 7}  # cells a side that can still be read


class ConvolutionStepper(CourseWidget):
    """The image, the kernel and the output as grids of numbers; a window that one moves, and its sum spelled out.

    As everywhere in deep learning, the kernel is not flipped (it is a correlation).

    Args:
        image: numbers (H, W), at most 12 by 12.
        kernel: numbers (h, w), at most 7 by 7.
        stride: 1 to 4.
        padding: 0 to 4, on all sides, with zeros.
        dilation: 1 to 4.
        position: row and column of the output cell at which the window stands.
        simple: leave out the controls of stride, padding and dilation and the formula of the output's size, for who has yet to meet them.

    Attributes:
        output: float64 (H', W'), the finished convolution at the present settings.
        value: the output at ``position``.

    Raises:
        ValueError: no matrix, too large to read, not finite, or a kernel that does not fit into the padded image.

    >>> stepper = ConvolutionStepper([[7, 2, 3], [4, 5, 3], [3, 3, 2]], [[1, 0, -1]] * 3)
    >>> stepper.value
    6.0
    """

    _esm = module("convolution_stepper.js")

    image: Any = traitlets.List().tag(sync=True)
    kernel: Any = traitlets.List().tag(sync=True)
    stride = traitlets.Int(1, min=1, max=4).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=4).tag(sync=True)
    dilation = traitlets.Int(1, min=1, max=4).tag(sync=True)
    simple = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)

    def __init__(
        self,
        image: Numbers,
        kernel: Numbers,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        position: tuple[int, int] = (0, 0),
        simple: bool = False,
        **traits: Any,
    ) -> None:
        for name, value, low in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
            if not (isinstance(value, int) and low <= value <= 4):
                raise ValueError(f"{name} is {value!r}; expected a whole number from {low} to 4.")
        image, kernel = _matrix(image, "image"), _matrix(kernel, "kernel")
        shape = _output_shape(image, kernel, stride, padding, dilation)
        if min(shape) < 1:
            raise ValueError(
                f"the kernel ({_size(kernel)}, dilation {dilation}) is larger than the image ({_size(image)}, padding {padding}); "
                "expected one that fits. Take a larger padding or a smaller dilation."
            )
        geometry = {"stride": stride, "padding": padding, "dilation": dilation}
        super().__init__(image=image, kernel=kernel, position=tuple(position), simple=simple, **geometry, **traits)

    @property
    def output(self) -> Tensor:
        """float64 (H', W'): the finished convolution at the present settings."""
        x, w = (torch.tensor(rows, dtype=torch.float64) for rows in (self.image, self.kernel))
        return F.conv2d(x[None, None], w[None, None], None, self.stride, self.padding, self.dilation)[0, 0]

    @property
    def value(self) -> float:
        """The output at ``position``."""
        return float(self.output[self.position])

    @traitlets.validate("stride", "padding", "dilation")
    def _must_fit(self, proposal: Any) -> int:
        now = {name: getattr(self, name) for name in ("stride", "padding", "dilation")} | {proposal["trait"].name: proposal["value"]}
        if min(_output_shape(self.image, self.kernel, **now)) < 1:
            raise traitlets.TraitError(f"the kernel does not fit into the image with {now}; take a larger padding or a smaller dilation.")
        return proposal["value"]

    @traitlets.validate("position")
    def _must_be_a_cell(self, proposal: Any) -> tuple[int, int]:
        row, column = proposal["value"]
        rows, columns = _output_shape(self.image, self.kernel, self.stride, self.padding, self.dilation)
        if not (0 <= row < rows and 0 <= column < columns):
            raise traitlets.TraitError(f"position is {(row, column)}; expected a cell of the output, which is {rows} by {columns}.")
        return row, column

    @traitlets.observe("stride", "padding", "dilation")
    def _stay_inside(self, change: Any) -> None:
        rows, columns = _output_shape(self.image, self.kernel, self.stride, self.padding, self.dilation)
        if self.position[0] >= rows or self.position[1] >= columns:
            self.position = (0, 0)

    def describe(self) -> str:
        rows, columns = self.output.shape
        row, column = self.position
        settings = "" if self.simple else f" (stride {self.stride}, padding {self.padding}, dilation {self.dilation})"
        return (
            f"A {_size(self.image)} image, a {_size(self.kernel)} kernel and the {rows} by {columns} output{settings}; "
            f"the window of output row {row + 1}, column {column + 1} gives {viz.number_text(self.value)}."
        )

    def still(self) -> str:
        return viz.figure_html(self._picture(), alt=self.describe(), caption="Interactive in a running notebook: step through the windows.")

    def _geometry(self) -> dict[str, int]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def _picture(self) -> Any:
        return viz.convolution_picture(self.image, self.kernel, self.output, window=self.position, **self._geometry())


def _output_shape(image: list, kernel: list, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    sides = ((len(image), len(kernel)), (len(image[0]), len(kernel[0])))
    rows, columns = ((side + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for side, k in sides)
    return rows, columns


def _size(rows: list) -> str:
    return f"{len(rows)} by {len(rows[0])}"


def _matrix(numbers: Numbers, name: str) -> list[list[float]]:
    matrix = torch.as_tensor(numbers).detach().cpu().double()
    while matrix.dim() > 2 and matrix.shape[0] == 1:
        matrix = matrix[0]
    most = _LARGEST[name]
    if matrix.dim() != 2 or not (1 <= matrix.shape[0] <= most and 1 <= matrix.shape[1] <= most):
        raise ValueError(f"{name} has shape {tuple(matrix.shape)}; expected a matrix of at most {most} by {most} numbers. Pass a crop.")
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError(f"{name} holds NaN or infinite values; expected finite numbers.")
    return matrix.tolist()
