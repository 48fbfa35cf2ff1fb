"""What makes a lesson readable without sight of its pictures or of its colours: headings, text alternatives, contrast, palette.

Functions here look at stored notebooks and at style sheets and say in words what is wrong; ``tests/test_accessible.py`` runs them.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

from course.glossary import headings

__all__ = ["colours_alone", "contrast", "css_problems", "figure_problems", "heading_problems", "html_problems", "seen_by"]

CONTRAST = 4.5  # of text. Source: Web Content Accessibility Guidelines 2.1, success criterion 1.4.3
VOID = {"img", "br", "hr", "input", "meta", "link", "wbr", "col"}
#: How dichromats see linear RGB. Source: G. Machado, M. Oliveira, L. Fernandes, A Physiologically-based Model for Simulation of Color
#: Vision Deficiency, IEEE Transactions on Visualization and Computer Graphics 15, 2009, severity 1.0.
DICHROMATS = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def heading_problems(notebook: dict[str, Any]) -> list[str]:
    """What is wrong with the order of headings: one of level 1, at the top, and no level left out on the way down."""
    prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = [(level, words) for _, level, words in headings(prose)]
    ones = [words for level, words in found if level == 1]
    wrong = [] if len(ones) == 1 else [f"{len(ones)} headings of level 1 ({', '.join(ones)}); expected one, the title"]
    if found and found[0][0] != 1:
        wrong.append(f"the first heading, {found[0][1]!r}, has level {found[0][0]}; expected the title, level 1")
    steps = itertools.pairwise(found)
    return wrong + [f"{words!r} has level {level} below {above!r} of level {up}" for (up, above), (level, words) in steps if level > up + 1]


class _Reader(HTMLParser):
    """Walks HTML: pictures with their text alternatives and captions, and text with the colours that inline styles give it."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[dict[str, str | None]] = []
        self.captions: list[str] = []
        self.texts: list[tuple[str, str, str]] = []  # words, colour, background; "" where the page decides
        self._open: list[tuple[str, str, str]] = [("", "", "")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "figure":
            self.captions.append("")
        if tag == "img" or (tag == "svg" and values.get("aria-hidden") != "true"):
            self.pictures.append({"tag": tag, "alt": values.get("alt") if tag == "img" else values.get("aria-label")})
        if tag not in VOID:
            _, colour, back = self._open[-1]
            style = _declarations(values.get("style") or "")
            self._open.append((tag, style.get("color", colour), style.get("background", style.get("background-color", back))))

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index][0] == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _, _ in self._open]
        if data.strip() and not {"script", "style"} & set(tags):
            self.texts.append((data.strip(), *self._open[-1][1:]))
        if "figcaption" in tags and self.captions:
            self.captions[-1] += data


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def figure_problems(notebook: dict[str, Any]) -> list[str]:
    """Pictures in outputs and in prose whose text alternative is missing or only repeats the caption."""
    wrong = []
    for cell in notebook["cells"]:
        for kind, alternative, caption in _pictures(cell):
            if alternative is None or not alternative.strip() or alternative == "the expected picture":
                wrong.append(f"cell {cell['id']}: {kind} without a text alternative")
            elif caption and _same(alternative) == _same(caption):
                wrong.append(f"cell {cell['id']}: the text alternative only repeats the caption, {caption!r}")
    return wrong


def _pictures(cell: dict[str, Any]) -> Iterator[tuple[str, str | None, str]]:
    """(what it is, its text alternative, its caption) for each picture of a cell."""
    if cell["cell_type"] == "markdown":
        text = "".join(cell["source"])
        for match in re.finditer(r"!\[((?:[^\]\\]|\\.)*)\]\([^)]*\)(?:\s*\n\s*\n\*([^*\n]+)\*)?", text):
            yield "a picture", match[1], match[2] or ""
        for picture in _read(text).pictures:
            yield f"<{picture['tag']}>", picture["alt"], ""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        html = "".join(data.get("text/html", []))
        read = _read(html)
        for picture in read.pictures:
            yield f"<{picture['tag']}>", picture["alt"], " ".join(read.captions)
        if not html:
            yield from ((f"an output of type {mime}", None, "") for mime in data if mime.startswith("image/"))


def _same(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


def html_problems(html: str) -> list[str]:
    """Text whose inline colours differ too little from its inline background; what the page's theme decides is left to the theme.

    Text on a background of its own in a colour of the theme's would vanish in a dark theme; that is named too.
    """
    wrong = []
    for words, colour, back in _read(html).texts:
        if bool(colour) != bool(back):
            wrong.append(f"{words[:40]!r} sets {'its colour' if colour else 'its background'} and leaves the other to the theme")
        wrong += [f"{words[:40]!r}: {what}" for what in _faint(colour, _hexes(back))] if colour and back else []
    return wrong


def css_problems(css: str, ink: str, paper: str) -> list[str]:
    """Rules of a style sheet whose text has too little contrast.

    Args:
        css: the style sheet; a variable counts as what it falls back to where no theme sets it.
        ink: the colour of text that a rule says nothing of, and
        paper: of the background, as #rrggbb.
    """
    text = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    variables: dict[str, str] = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", text))
    plain: dict[str, dict[str, str]] = {}  # of a selector without its states, such as :hover, which inherit from it
    wrong = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        own = {name.replace("background-color", "background"): value for name, value in _declarations(body).items()}
        for selector in (" ".join(part.split()) for part in re.split(r",(?![^(]*\))", selectors)):
            base = re.sub(r":[\w-]+(?:\((?:[^()]|\([^()]*\))*\))?", "", selector)
            style = plain.setdefault(base, {}) | own
            if base == selector:
                plain[base] = style
            colour = (_hexes(_resolved(style.get("color", ""), variables)) or [ink])[0]
            backs = _hexes(_resolved(style.get("background", ""), variables)) or [paper]
            wrong += [f"{selector}: {what}" for what in _faint(colour, backs)]
    return wrong


def _declarations(style: str) -> dict[str, str]:
    parts = (part.partition(":") for part in style.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts if value.strip()}


def _resolved(value: str, variables: dict[str, str]) -> str:
    """A value with its variables and mixtures of colours worked out."""
    for _ in range(4):  # a variable may name another
        value = re.sub(r"var\((--[\w-]+)\)", lambda match: variables.get(match[1], ""), value)
        value = re.sub(r"var\(--[\w-]+,\s*([^()]+)\)", r"\1", value)
    return re.sub(r"color-mix\(in srgb, (#\w+) (\d+)%, (#\w+)\)", lambda m: _mixed(m[1], int(m[2]) / 100, m[3]), value)


def _mixed(one: str, share: float, other: str) -> str:
    both = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(255 * (share * a + (1 - share) * b)):02x}" for a, b in both)


def _hexes(value: str) -> list[str]:
    return re.findall(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b", value)


def _faint(colour: str, backs: Sequence[str]) -> Iterator[str]:
    for back in backs:
        if (ratio := contrast(colour, back)) < CONTRAST:
            yield f"{colour} on {back} has a contrast of {ratio:.2f}; at least {CONTRAST} is needed"


def _rgb(colour: str) -> tuple[float, ...]:
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    return tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))


def _linear(colour: str) -> tuple[float, ...]:
    return tuple(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in _rgb(colour))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21. Source: WCAG 2.1.

    >>> round(contrast("#000000", "#fff"), 1), round(contrast("#767676", "#ffffff"), 2)
    (21.0, 4.54)
    """
    low, high = sorted(sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), _linear(colour), strict=True)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def seen_by(colour: str, kind: str) -> tuple[float, ...]:
    """sRGB values in [0, 1] as a dichromat sees them.

    Args:
        colour: #rrggbb.
        kind: protanopia, deuteranopia or tritanopia.
    """
    light = _linear(colour)
    seen = [min(1.0, max(0.0, sum(w * v for w, v in zip(row, light, strict=True)))) for row in DICHROMATS[kind]]
    return tuple(12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055 for value in seen)


def colours_alone(code: str) -> list[str]:
    """Lines in a cell's code that are told apart by a colour alone: a colour given, neither marker nor dashes.

    Lines without a colour take both from the course's style. Source: WCAG 2.1, success criterion 1.4.1.

    >>> colours_alone("ax.plot(x, y, color=viz.BLUE)")
    ['ax.plot(x, y, color=viz.BLUE)']
    >>> colours_alone("ax.plot(x, y, '--', color=viz.BLUE); ax.plot(x, y)")
    []
    >>> colours_alone("for line in ('-', '--'): ax.plot(y, line, color=viz.BLUE)")
    []
    """
    from IPython.core.inputtransformer2 import TransformerManager

    wrong = []
    program = ast.parse(TransformerManager().transform_cell(code))
    dashed = any(isinstance(node, ast.Constant) and node.value in ("-", "--", "-.", ":") for node in ast.walk(program))
    for node in ast.walk(program):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("plot", "scatter", "errorbar")):
            continue
        names = {keyword.arg for keyword in node.keywords}  # None is **options, which may hold anything
        places = sum(2 if isinstance(place, ast.Starred) else 1 for place in node.args)  # the third is a format: "--"
        if len(node.args) > 1 and dashed and isinstance(node.args[-1], ast.Name):
            continue  # ax.plot(y, line, ...), where line runs over formats
        if names & {"color", "c"} and not names & {"marker", "linestyle", "ls", "fmt", None} and places < 3:
            wrong.append(ast.unparse(node))
    return wrong
