"""What a solution's cell shows, as a markdown cell for the student's notebook: it stays when the student runs the cell below it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

__all__ = ["cell"]

#: Folded, since `look` draws nearly the same below it; the empty line after it makes markdown of what is inside.
FOLD = "<details>\n<summary><strong>What it shows once your code is right</strong> (open)</summary>"
_DATA_URI = re.compile(r"data:(image/[\w+.-]+);base64,(.*)", re.DOTALL)


class _Pictures(HTMLParser):
    """Embedded pictures of a piece of HTML with their text alternatives, and the caption."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[tuple[str, str, str]] = []  # type, base64, alt
        self.caption = ""
        self._in_caption = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._in_caption = self._in_caption or tag == "figcaption"
        if tag == "img" and (match := _DATA_URI.match(values.get("src") or "")):
            self.pictures.append((match.group(1), "".join(match.group(2).split()), values.get("alt") or ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_caption = self._in_caption and tag != "figcaption"

    def handle_data(self, data: str) -> None:
        if self._in_caption:
            self.caption += data


def cell(slug: str, name: str, solution: dict[str, Any]) -> list[dict[str, Any]]:
    """The markdown cell that shows what the solution's cell of that name shows; an empty list where it shows nothing yet.

    Args:
        slug: the unit.
        name: the cell's name or number in the source.
        solution: the stored solution notebook.
    """
    outputs: list[dict[str, Any]] = next((c.get("outputs", []) for c in solution["cells"] if c["id"] == f"{slug}-{name}"), [])
    parts: list[str] = []
    attachments: dict[str, dict[str, str]] = {}

    def attach(kind: str, content: str, alt: str) -> None:
        file = f"expected-{len(attachments) + 1}.{kind.split('/')[1].split('+')[0]}"
        attachments[file] = {kind: content}
        parts.append(f"![{_plain(alt) or 'the expected picture'}](attachment:{file})")

    for output in outputs:
        data = output.get("data", {})
        if "text/html" in data:
            found = _Pictures()
            found.feed("".join(data["text/html"]))
            for picture in found.pictures:
                attach(*picture)
            parts += [f"*{_plain(found.caption)}*"] if found.caption.strip() else []
        elif "image/png" in data:
            attach("image/png", "".join("".join(data["image/png"]).split()), "")
        elif text := "".join(output.get("text") or data.get("text/plain") or []):
            parts.append(f"```text\n{text.rstrip()}\n```")
    if not parts:
        return []
    raw: dict[str, Any] = {
        "cell_type": "markdown",
        "id": f"{slug}-{name}"[:55] + "-expected",
        "metadata": {},
        "source": "\n\n".join([FOLD, *parts, "</details>"]).splitlines(keepends=True),
    }
    return [{**raw, "attachments": attachments} if attachments else raw]


def _plain(text: str) -> str:
    """One line without what markdown would read as its own."""
    return re.sub(r"([\[\]*_`])", r"\\\1", " ".join(text.split()))
