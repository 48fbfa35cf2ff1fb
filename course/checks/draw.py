"""Large planes as small PNG images, for the picture of a case."""

from __future__ import annotations

import base64
import io

import numpy as np

__all__ = ["png"]

PIXEL = 8  # screen pixels for one value


def png(values: np.ndarray, low: float, high: float, holes: np.ndarray | None = None, wrong: np.ndarray | None = None) -> str:
    """A plane (H, W) as a data URI: grey from ``low`` to ``high``, holes crossed in orange, wrong values framed in vermillion.

    >>> png(np.zeros((16, 16)), 0, 1)[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    grey = np.clip((np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0), 0, 1)
    big = np.repeat(np.repeat((255 * grey).astype(np.uint8), PIXEL, 0), PIXEL, 1)
    rgb = np.stack([big] * 3, -1)
    line = np.arange(PIXEL)
    for r, c in np.argwhere(holes) if holes is not None else ():
        block = rgb[r * PIXEL : (r + 1) * PIXEL, c * PIXEL : (c + 1) * PIXEL]
        block[line, line] = block[line, line[::-1]] = (0xE6, 0x9F, 0x00)
    for r, c in np.argwhere(wrong) if wrong is not None else ():
        block = rgb[r * PIXEL : (r + 1) * PIXEL, c * PIXEL : (c + 1) * PIXEL]
        block[[0, -1]] = block[:, [0, -1]] = (0xD5, 0x5E, 0x00)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
