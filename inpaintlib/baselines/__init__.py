"""Filling a hole without learning anything: the methods that every network has to beat.

    mean_fill          the mean colour of the known pixels; the least one can do
    fast_marching      Telea 2004: from the rim inwards, each pixel a weighted mean of what is already there
    navier_stokes      Bertalmio, Bertozzi, Sapiro 2001: lines of equal brightness are carried on into the hole
    biharmonic         Damelin, Hoang 2018: the smoothest surface through the known pixels
    nearest_patch      each pixel a copy of the known one whose surroundings are most like its own
    texture_synthesis  Efros, Leung 1999: the same by chance, among all that are nearly as good
    exemplar           Criminisi, Perez, Toyama 2004: whole patches are copied, where strong edges run into the hole first
    patch_match        Barnes et al. 2009: every patch of the filling looks like some known one; found by guessing and asking neighbours

All are inpainters: ``(image, mask) -> image`` of the same shape, dtype and device, known pixels bit for bit as they came, and no pixel
under the hole ever read. An image whose mask is known everywhere comes back as it is; one without a known pixel is a
ValueError, since there is nothing to go by. All but the first compute one image after another on the CPU.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from torch import Tensor

from inpaintlib.baselines.exemplars import exemplar
from inpaintlib.baselines.patches import nearest_patch
from inpaintlib.baselines.patchmatch import patch_match
from inpaintlib.baselines.pde import biharmonic, fast_marching, mean_fill, navier_stokes
from inpaintlib.baselines.texture import texture_synthesis

__all__ = [
    "biharmonic",
    "exemplar",
    "fast_marching",
    "get",
    "mean_fill",
    "names",
    "navier_stokes",
    "nearest_patch",
    "patch_match",
    "texture_synthesis",
]

Inpainter = Callable[..., Tensor]
_DIFFUSING: tuple[Inpainter, ...] = (mean_fill, fast_marching, navier_stokes, biharmonic)
_COPYING: tuple[Inpainter, ...] = (nearest_patch, texture_synthesis, exemplar, patch_match)
_BASELINES = {inpainter.__name__: inpainter for inpainter in (*_DIFFUSING, *_COPYING)}


def names() -> list[str]:
    """The baselines' names, simplest first: those that let colours flow in, then those that copy from elsewhere in the picture.

    >>> names()
    ['mean_fill', 'fast_marching', 'navier_stokes', 'biharmonic', 'nearest_patch', 'texture_synthesis', 'exemplar', 'patch_match']
    """
    return list(_BASELINES)


def get(name: str) -> Inpainter:
    """The inpainter of that name.

    Raises:
        ValueError: there is none of that name.

    >>> get("mean_fill") is mean_fill
    True
    """
    if name not in _BASELINES:
        near = difflib.get_close_matches(str(name), _BASELINES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"there is no baseline {name!r}; expected one of {', '.join(_BASELINES)}.{hint}")
    return _BASELINES[name]
