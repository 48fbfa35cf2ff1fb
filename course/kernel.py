"""Run a notebook's cells in a kernel of this very Python, whatever kernels are installed on the machine.

A user's own ``python3`` kernel may belong to another environment; lessons must run in the one that has the course's versions.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

__all__ = ["environment", "explain", "run"]


def environment(profile: str = "quick", **extra: str) -> dict[str, str]:
    """The environment of a kernel: this process's, the profile, and what would vary between runs fixed."""
    fixed = {"INPAINTLIB_PROFILE": profile, "PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return {**os.environ, **fixed, **extra}


def run(notebook: Any, folder: Path, env: dict[str, str], *, allow_errors: bool = False, timeout: float = 600) -> None:
    """Execute a notebook in place.

    Args:
        notebook: an nbformat notebook; outputs and execution counts are filled in.
        folder: the kernel's working directory.
        env: its environment, see :func:`environment`.
        allow_errors: go on after a cell that failed.
        timeout: seconds for one cell.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed, and errors are not allowed.
        nbclient.exceptions.CellTimeoutError: a cell took too long.
        nbclient.exceptions.DeadKernelError: the kernel died.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        kernel_manager_class=_manager_class(),
        resources={"metadata": {"path": str(folder)}},
        timeout=timeout,
        allow_errors=allow_errors,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    client.execute(env=env)


def _manager_class() -> type:
    import ipykernel.kernelspec
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **ipykernel.kernelspec.get_kernel_dict())

    class Manager(AsyncKernelManager):
        def _kernel_spec_manager_default(self) -> KernelSpecManager:
            return ThisPython()

    return Manager


def explain(error: Exception, notebook: Any) -> str:
    """Which cell ended a run, and the last lines of what it said."""
    failed = [cell for cell in notebook["cells"] if any(out["output_type"] == "error" for out in cell.get("outputs", []))]
    if failed:
        out = next(out for out in failed[0]["outputs"] if out["output_type"] == "error")
        where = failed[0].get("id", "?")
        trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out["traceback"])).splitlines()
        return f"    cell {where}: {out['ename']}: {out['evalue']}\n" + "\n".join(f"    | {line}" for line in trace[-12:])
    return f"    {type(error).__name__}: {' '.join(str(error).split())[:400]}"
