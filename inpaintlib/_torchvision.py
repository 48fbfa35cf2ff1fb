"""The one door to torchvision, which also opens where its compiled operators do not load.

pip may pair a CPU build of torch with a build of torchvision that was compiled for another one. Then ``import torchvision`` stops with
"operator torchvision::nms does not exist", because it registers shapes for operators that its library would have brought. The course uses
torchvision's data sets, grids and VGG, and no compiled operator, so it is enough to *declare* the missing ones before the import.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import torch

__all__ = ["load", "operators_present"]

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: torch.library.Library | None = None  # the declarations live as long as this object


def load(part: str = "") -> ModuleType:
    """torchvision, or one of its modules, imported on first use.

    Args:
        part: for example "datasets", "models" or "utils"; empty for the package itself.

    Raises:
        ImportError: torchvision is not installed, or not the partner of this torch.

    >>> load("utils").make_grid(torch.zeros(4, 3, 8, 8), nrow=2).shape
    torch.Size([3, 22, 22])
    """
    _declare_missing_operators()
    try:
        return importlib.import_module(f"torchvision.{part}" if part else "torchvision")
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            f"torchvision cannot be imported beside torch {torch.__version__}: {error}. Each torchvision belongs to one torch; "
            "install the pair that constraints.txt names."
        ) from error


def operators_present() -> bool:
    """Whether torchvision's compiled operators work here. The course does not need them; ``python -m course doctor`` reports it."""
    _declare_missing_operators()
    return _declared is None and all(_exists(name) for name in _SCHEMAS)


def _exists(name: str) -> bool:
    return hasattr(torch.ops.torchvision, name)


def _declare_missing_operators() -> None:
    global _declared
    if _declared is not None or all(_exists(name) for name in _SCHEMAS) or _load_compiled():
        return
    _declared = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        if not _exists(name):
            _declared.define(schema)


def _load_compiled() -> bool:
    """Load torchvision's library, as its own import would: to declare an operator that a library brings later ends the process."""
    spec = importlib.util.find_spec("torchvision")  # finds the package, runs nothing of it
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for suffix in [*EXTENSION_SUFFIXES, ".so", ".pyd"]:
            library = Path(folder) / f"_C{suffix}"
            if library.is_file():
                try:
                    torch.ops.load_library(str(library))
                except OSError:
                    continue
    return all(_exists(name) for name in _SCHEMAS)
