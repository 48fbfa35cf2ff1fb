"""A photograph of one's own, from the reader's computer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ipywidgets
from torch import Tensor

from inpaintlib import data

__all__ = ["PhotoUpload"]

_TWIN = "A button to choose a photograph of your own. It works in a running notebook; nothing leaves your computer."


class PhotoUpload(ipywidgets.FileUpload):
    """A button that takes one photograph from the reader's computer to the kernel, and nowhere else.

    >>> PhotoUpload().photo() is None
    True
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**({"accept": "image/*", "multiple": False, "description": "Your photograph"} | traits))

    def photo(self) -> Tensor | None:
        """What was chosen, upright, float (1, 3, H, W) in [0, 1]; None if nothing was.

        Raises:
            ValueError: the file is no image.
        """
        if not self.value:
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "photograph"  # without its own name, which may be anything
            path.write_bytes(bytes(self.value[0]["content"]))
            return data.load_photo(path)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": f"<p>{_TWIN}</p>", "text/plain": f"[PhotoUpload] {_TWIN}"}
