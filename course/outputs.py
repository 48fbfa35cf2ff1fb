"""Stored outputs: what is taken out of them silently, and what may not stand in them at all.

Notebooks are committed with their outputs, so these must be the same on every machine: no path, no time, no address, no warning. A live
widget leaves its still twin behind, which shows wherever no kernel runs.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course import ROOT

__all__ = ["clean", "clean_all", "complaints", "texts"]

WIDGET = "application/vnd.jupyter.widget-view+json"
_BASE64 = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+")
_MACHINE = sorted({str(path) for path in (ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())) if str(path) != "/"}, key=len)
_SUSPECTS = {
    "an absolute path": re.compile(
        r"(?<![\w.:/>-])/(?:home|root|tmp|Users|usr|opt|var|mnt|media|srv|private|workspace)/[\w.~-]+|\b[A-Z]:\\+(?:Users|Windows|Program)|"
        + "|".join(re.escape(path) + r"(?![\w-])" for path in _MACHINE)
    ),
    "a time stamp": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|(?<![\d:])[0-2]\d:[0-5]\d:[0-5]\d(?![\d:])"),
    "an object's address": re.compile(r"\b0x[0-9a-fA-F]{6,}\b"),
}


def clean_all(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All outputs of a cell, cleaned; what was printed in several pieces is one piece, as it is on the next machine."""
    cleaned: list[dict[str, Any]] = []
    for output in outputs:
        last = cleaned[-1] if cleaned else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] = _lines(_joined(last["text"]) + _joined(output["text"]))
        elif kept := clean(output):
            cleaned.append(kept)
    for output in cleaned:
        if output["output_type"] == "stream":  # a line that was written over, as progress bars do, keeps its last form
            output["text"] = [line.rstrip("\r\n").rpartition("\r")[2] + ("\n" if line.endswith("\n") else "") for line in output["text"]]
    return cleaned


def clean(output: dict[str, Any]) -> dict[str, Any] | None:
    """One output without what belongs to a running kernel; None when nothing is left of it.

    Args:
        output: an output as nbformat describes it.

    Returns:
        A new output: the live widget and metadata of the run taken out, text split into lines so that differences can be read.
    """
    kept: dict[str, Any] = {key: _lines(value) if key == "text" else value for key, value in output.items() if key != "transient"}
    if "data" not in kept:
        return kept
    data = {mime: value for mime, value in kept["data"].items() if mime != WIDGET}
    if not data:
        return None
    if "text/html" in data and str(data.get("text/plain", "")).startswith(("<IPython.core.display.HTML", "<IPython.lib.display")):
        data.pop("text/plain")  # says only that there is HTML
    data = {mime: _lines(value) if mime.startswith("text/") or mime == "image/svg+xml" else value for mime, value in data.items()}
    return {**kept, "data": data, "metadata": dict(kept.get("metadata") or {})}


def complaints(output: dict[str, Any], *, meant_to_fail: bool = False) -> list[str]:
    """What forbids storing this output, in words; empty when it may be stored.

    Args:
        output: as it came from the kernel.
        meant_to_fail: the cell is tagged ``raises-exception``.
    """
    found = []
    if output["output_type"] == "error" and not meant_to_fail:
        found.append(f"the error {output['ename']}: {output['evalue']}")
    if output["output_type"] == "stream" and output["name"] == "stderr":
        found.append(f"a message on stderr: {_short(output['text'])}")
    data = output.get("data", {})
    if WIDGET in data and not any(mime.startswith(("text/html", "image/")) for mime in data):
        found.append("a widget without its still twin (text/html or an image)")
    for text in texts(output):
        for what, pattern in _SUSPECTS.items():
            if match := pattern.search(text):
                found.append(f"{what}: {_short(text[max(0, match.start() - 20) : match.end() + 20])}")
    return found


def texts(output: dict[str, Any]) -> Iterator[str]:
    """Every piece of text in an output that a reader sees, embedded pictures taken out."""
    if output["output_type"] == "stream":
        yield _joined(output["text"])
    elif output["output_type"] == "error":
        yield f"{output['ename']}: {output['evalue']}"
        yield "\n".join(output["traceback"])
    for mime, value in output.get("data", {}).items():
        if mime != WIDGET and (mime.startswith("text/") or mime == "image/svg+xml"):
            yield _BASE64.sub("", _joined(value))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _lines(value: str | list[str]) -> list[str]:
    return [line for line in re.split(r"(?<=\n)", _joined(value)) if line]


def _short(text: str | list[str]) -> str:
    line = " ".join(_joined(text).split())
    return repr(line if len(line) <= 120 else f"{line[:117]}...")
