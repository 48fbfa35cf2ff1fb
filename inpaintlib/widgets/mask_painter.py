"""Paint a hole into a picture and see inpainters fill it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from torch import Tensor

from inpaintlib import metrics, viz
from inpaintlib._check import as_mask, describe
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.pictures import one_picture, rgb_bytes

__all__ = ["MaskPainter"]

Inpainter = Callable[[Tensor, Tensor], Tensor]
_POST_AFTER = 0.3  # seconds: a slow inpainter's result is sent at once, quick ones together


class MaskPainter(CourseWidget):
    """A picture to paint a hole into, by mouse, touch or keyboard, and what inpainters make of it, side by side.

    The inpainters run in Python after each stroke. They see zeros where the hole is: nothing of what lies under it. Under each result
    stand the PSNR and the mean absolute error over the hole, against the original: a higher PSNR and a lower error are nearer to it.

    With ``own``, a photograph from the reader's disk can be opened in its place. The browser decodes it and scales it down, so a large file
    is no trouble; what it cannot open it says.

    Args:
        image: float (1, 3, H, W) or (3, H, W) in [0, 1], at most 1024 pixels a side.
        inpainters: name -> callable (image, mask) -> image; all are picked at first.
        original: what to compare with, of the same shape; by default the image itself.
        mask: the hole at the start, (1, 1, H, W), 1 = known, 0 = hole; by default there is none.
        brush: diameter of the brush in pixels, 1 to 64; by default a tenth of the shorter side.
        own: the longer side, in pixels, to which a photograph of one's own is brought, 32 to 512; None: none can be opened. Its sides
            become multiples of what all inpainters need (their ``size_multiple``), by cutting off a little.

    Attributes:
        mask: uint8 (1, 1, H, W), 1 = known, 0 = hole: what is painted now. Assign to it to change the hole.
        chosen: the names of the inpainters that are picked.
        filled: name -> float (1, 3, H, W), the newest results, of those inpainters that gave one.
        errors: name -> message, of those that did not.
        image: float (1, 3, H, W), the picture that is shown now.

    Raises:
        TypeError, ValueError: an image or mask that is none, no inpainters, or one that cannot be called.
    """

    _esm = module("mask_painter.js")

    _height = traitlets.Int().tag(sync=True)
    _width = traitlets.Int().tag(sync=True)
    _pixels = traitlets.Bytes().tag(sync=True)  # RGB, H * W * 3
    _truth = traitlets.Bytes().tag(sync=True)  # the original, if it is another picture
    _known = traitlets.CBytes().tag(sync=True)  # the mask, H * W; the browser sends it as a memoryview
    brush = traitlets.Int(3, min=1, max=64).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)
    results = traitlets.List(traitlets.Dict()).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    # The browser counts what it asks for, Python what it has answered: while they differ, the widget says that it is busy.
    _asked = traitlets.Int(0).tag(sync=True)
    _answered = traitlets.Int(0).tag(sync=True)
    # A photograph of one's own: how large it may be (0: none), what the browser wants ("own", "first" or nothing), and what it sends.
    _own = traitlets.Int(0).tag(sync=True)
    _multiple = traitlets.Int(1).tag(sync=True)
    _wanted = traitlets.Unicode().tag(sync=True)
    _upload = traitlets.CBytes().tag(sync=True)
    _upload_size: Any = traitlets.List(traitlets.Int()).tag(sync=True)
    _source = traitlets.Unicode().tag(sync=True)  # what it was: name and size

    def __init__(
        self,
        image: Tensor,
        inpainters: Mapping[str, Inpainter],
        original: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        brush: int | None = None,
        own: int | None = None,
        **traits: Any,
    ) -> None:
        self._image = one_picture(image, "image")
        self._original = self._image if original is None else one_picture(original, "original")
        if self._original.shape != self._image.shape:
            raise ValueError(f"original is {describe(self._original)}, image {describe(self._image)}; expected the same shape.")
        self._inpainters = _named_callables(inpainters)
        self.filled: dict[str, Tensor] = {}
        self.errors: dict[str, str] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._rows_for = b""  # the mask that the rows belong to
        height, width = self._image.shape[-2:]
        brush = max(1, min(64, round(min(height, width) / 10))) if brush is None else brush
        if not (isinstance(brush, int) and 1 <= brush <= 64):
            raise ValueError(f"brush is {brush!r}; expected a whole number from 1 to 64, its diameter in pixels.")
        multiple = math.lcm(*(_multiple(inpainter) for inpainter in self._inpainters.values()))
        if own is not None and (isinstance(own, bool) or not isinstance(own, int) or not max(32, multiple) <= own <= 512):
            raise ValueError(f"own is {own!r}; expected a whole number from {max(32, multiple)} to 512, or None.")
        start = torch.ones(1, 1, height, width) if mask is None else mask
        self._first = self._image, self._original, start
        super().__init__(
            _own=own or 0,
            _multiple=multiple,
            _height=height,
            _width=width,
            _pixels=rgb_bytes(self._image),
            _truth=b"" if original is None else rgb_bytes(self._original),
            _known=self._as_bytes(start),
            brush=brush,
            names=list(self._inpainters),
            chosen=list(self._inpainters),
            **traits,
        )

    @property
    def image(self) -> Tensor:
        """float (1, 3, H, W): the picture that is shown now."""
        return self._image

    @property
    def mask(self) -> Tensor:
        """uint8 (1, 1, H, W), 1 = known, 0 = hole: what is painted now."""
        flat = np.frombuffer(self._known, dtype=np.uint8).copy()
        return torch.from_numpy(flat).reshape(1, 1, self._height, self._width)

    @mask.setter
    def mask(self, mask: Tensor) -> None:
        self._known = self._as_bytes(mask)
        self.inpaint()

    def inpaint(self) -> None:
        """Run the chosen inpainters on the hole as it is painted now; results that belong to this hole already are kept."""
        if self._rows_for != self._known:
            self._rows, self._rows_for = {}, self._known
            self.filled.clear()
            self.errors.clear()
        mask = self.mask
        hole = int((mask == 0).sum())
        if hole == 0:
            self._finish("Nothing is painted yet: paint a hole into the picture.")
            return
        if hole == mask.numel():
            self._finish("The whole picture is a hole: nothing is left to fill it from. Erase some of it.")
            return
        for name in self.chosen:
            if name in self._rows:
                continue
            seconds = self._run(name, mask)
            if seconds > _POST_AFTER:
                self.results = self._ordered()
        share = f"{hole} of {mask.numel()} pixels, {100 * hole / mask.numel():.1f} %"
        self._finish(f"The hole is {share}. " + ("PSNR and MAE are taken over it." if self.chosen else "Pick an inpainter."))

    def _run(self, name: str, mask: Tensor) -> float:
        known = mask.to(self._image.dtype)
        row: dict[str, Any] = {"name": name, "pixels": b"", "score": "", "note": "", "error": ""}
        began = time.perf_counter()
        try:
            with torch.no_grad():
                filled = one_picture(self._inpainters[name](self._image * known, known.clone()), "its result").cpu()
            if filled.shape != self._image.shape:
                raise ValueError(f"its result is {describe(filled)}; expected the shape of the image, {tuple(self._image.shape)}.")
        except KeyboardInterrupt:
            row["error"] = "stopped"
        except Exception as error:  # a student's inpainter may raise anything: it is shown, and the others go on
            row["error"] = f"{type(error).__name__}: {error}"
        else:
            changed = int((((filled - self._image).abs() > 1e-3) & (known == 1)).any(1).sum())
            row |= {"pixels": rgb_bytes(filled), "score": self._score(filled, known)}
            row["note"] = f"changes {changed} known pixels" if changed else ""
            self.filled[name] = filled
        if row["error"]:
            self.errors[name] = row["error"]
        self._rows[name] = row
        return time.perf_counter() - began

    def _score(self, filled: Tensor, known: Tensor) -> str:
        psnr = float(metrics.psnr(filled, self._original, data_range=1.0, mask=known, region="hole"))
        mae = float(metrics.mae(filled, self._original, mask=known, region="hole"))
        return f"{psnr:.1f} dB, MAE {mae:.3f}" if math.isfinite(psnr) else "equal to the original"

    def _ordered(self) -> list[dict[str, Any]]:
        return [self._rows[name] for name in self.names if name in self.chosen and name in self._rows]

    def _finish(self, message: str) -> None:
        with self.hold_sync():
            self.results = self._ordered()
            self.message = message
            self._answered = self._asked

    @traitlets.observe("_asked")
    def _on_asked(self, change: Any) -> None:
        wanted, self._wanted = self._wanted, ""
        with self.hold_sync():  # the browser must not see the new picture with the old mask
            if wanted == "first":
                self._adopt(*self._first, source="")
            elif wanted == "own":
                self._adopt_upload()
            self.inpaint()

    def _adopt_upload(self) -> None:
        """Take the photograph that the browser has sent."""
        size, sent = tuple(self._upload_size), self._upload
        self._upload, self._upload_size = b"", []
        fits = len(size) == 2 and all(0 < side <= self._own and side % self._multiple == 0 for side in size)
        if not fits or len(sent) != 3 * size[0] * size[1]:
            most = f"expected RGB of at most {self._own} pixels a side"
            raise ValueError(f"the browser sent {len(sent)} bytes as a picture of {size}; {most}.")
        pixels = torch.from_numpy(np.frombuffer(sent, dtype=np.uint8).copy()).reshape(*size, 3)
        image = (pixels.permute(2, 0, 1)[None].float() / 255).contiguous()
        self._adopt(image, image, torch.ones(1, 1, *size), source=self._source)

    def _adopt(self, image: Tensor, original: Tensor, mask: Tensor, *, source: str) -> None:
        """Another picture in place of the one that is shown, with its hole."""
        self._image, self._original = image, original
        self._rows, self._rows_for = {}, b""
        self._height, self._width = image.shape[-2:]
        self._known = self._as_bytes(mask)
        self._truth = b"" if original is image else rgb_bytes(original)
        self._source = source
        self._pixels = rgb_bytes(image)

    @traitlets.validate("chosen")
    def _must_be_known(self, proposal: Any) -> list[str]:
        for name in proposal["value"]:
            if name not in self._inpainters:
                raise traitlets.TraitError(f"chosen holds {name!r}; expected names among {', '.join(self._inpainters)}.")
        return proposal["value"]

    @traitlets.validate("_known")
    def _must_have_size(self, proposal: Any) -> bytes:
        if len(proposal["value"]) != self._image.shape[-1] * self._image.shape[-2]:
            raise traitlets.TraitError(f"the painted mask has {len(proposal['value'])} pixels; expected one for each of the image.")
        return bytes(proposal["value"])

    def describe(self) -> str:
        self._ensure()
        found = [f"{row['name']} {row['score'] or row['error']}" for row in self.results]
        over = f" {'; '.join(found)}." if found else ""
        source = f" ({self._source})" if self._source else ""
        return f"A picture of {self._width} by {self._height} pixels{source}. {self.message}{over}"

    def still(self) -> str:
        self._ensure()
        shown: dict[str, Tensor] = {"with its hole": self._image, "original": self._original}
        notes = ["", ""]
        for row in self.results:
            if not row["error"]:
                shown[row["name"]] = self.filled[row["name"]]
                notes.append(row["score"].replace(", ", "\n"))
        masks: Sequence[Tensor | None] = [self.mask, *[None] * (len(shown) - 1)]
        rows = -(-len(shown) // 5)
        drawing = viz.image_grid(shown, columns=-(-len(shown) // rows), masks=masks, notes=notes)
        return viz.figure_html(drawing, alt=self.describe(), caption="Interactive in a running notebook: paint your own hole.")

    def _as_bytes(self, mask: Tensor) -> bytes:
        return as_mask(mask, self._image).to(torch.uint8).contiguous().cpu().numpy().tobytes()

    def _ensure(self) -> None:
        """Results for what is painted now, as far as they are missing."""
        if self._rows_for != self._known or any(name not in self._rows for name in self.chosen):
            self.inpaint()


def _named_callables(inpainters: Mapping[str, Inpainter]) -> dict[str, Inpainter]:
    if not isinstance(inpainters, Mapping) or not inpainters:
        raise TypeError(f"inpainters is {inpainters!r}; expected a mapping with at least one name -> callable (image, mask) -> image.")
    for name, inpainter in inpainters.items():
        if not callable(inpainter):
            raise TypeError(f"inpainter {name!r} is {describe(inpainter)}; expected a function (image, mask) -> image, like model.inpaint.")
    return {str(name): inpainter for name, inpainter in inpainters.items()}


def _multiple(inpainter: Inpainter) -> int:
    """Of what the sides of its pictures must be multiples: ``model.inpaint`` is a method of its model, which knows."""
    return int(getattr(getattr(inpainter, "__self__", inpainter), "size_multiple", 1))
