"""What no lesson may type: measured numbers, and the numbers of other units.

A measured number is printed by the notebook, a published one comes from ``published.toml``; typed into prose, both go stale unseen. Numbers
that are no measurements (arithmetic, limits, the given of a task) stand in the unit's ``givens.toml`` with what makes them givens:

    "48 dB" = { computed = "20 * log10(255)" }       # checked: the number must come out
    "PSNR of 78 dB" = { published = "s1.vanilla.psnr" }  # checked against published.toml
    "60 s" = { why = "the limit of a notebook" }
"""

from __future__ import annotations

import ast
import io
import math
import operator
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import CourseError, Tree, source
from course.syllabus import Unit

__all__ = ["Given", "Text", "check", "measured", "numbered", "texts"]

_ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_TENS = "ten twenty thirty forty fifty sixty seventy eighty ninety hundred"
WORDS = {word: n for n, word in enumerate(_ONES.split(), 1)} | {word: 10 * n for n, word in enumerate(_TENS.split(), 1)}
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth"
_DIGITS = r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?"
_NUMBER = rf"(?:{_DIGITS}|\b(?:{'|'.join(WORDS)})\b)"
_UNIT = (
    r"(?:dB|decibels?|ms|milliseconds?|µs|s(?:ec)?|seconds?|min|minutes?|hours?|[kMG]i?B|(?:kilo|mega|giga)bytes?|(?:\w+ )?parameters?|"
    r"per ?cent|%|(?:images|pictures|frames|steps) (?:a|per) second|times (?:as )?(?:fast|slow|quick)(?:er)?)"
)
_AMOUNT = re.compile(
    rf"(?P<number>{_NUMBER})(?: (?:thousand|million|billion))?"
    rf"(?:[ \u00a0-]{_UNIT}|%|[kMG]B|dB|ms|(?<!\d\d\d0)s)(?!\w)(?! confidence)",  # the 1990s last no time
    re.IGNORECASE,
)
_SCORE = re.compile(
    r"\b(?:PSNR|SSIM|MSE|MAE|LPIPS|FID|Dice|IoU|precision|recall|accuracy|loss)\b(?: score)?"
    r"(?:,? (?:of|is|was|are|were|be|at|by|to|about|around|nearly|over|above|below|under|than|reach(?:es|ed)?|scor(?:es|ed)|only|just))*"
    rf" [\"“]?(?P<number>{_DIGITS})(?![\w.]*\d)",
    re.IGNORECASE,
)
_COUNT = rf"(?:\d+|{'|'.join(WORDS)})"
_NUMBERED = re.compile(
    rf"\b(?:lesson|unit|notebook|chapter)s? (?:no\.? ?|number |#)?{_COUNT}\b"
    rf"|\b(?:{ORDINALS.replace(' ', '|')}|\d+(?:st|nd|rd|th)) (?:lesson|unit|notebook|chapter)\b"
    r"|\b\d\d_[a-z]\w*\.ipynb",
    re.IGNORECASE,
)
_SKIPPED = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|\]\([^)]*\)|\[@[^\]]*\]|<[^>]+>", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """A piece of what a student reads, and where it stands."""

    where: str
    words: str


@dataclass(frozen=True)
class Given:
    """A number that is no measurement; one of the three says why."""

    phrase: str
    computed: str = ""
    published: str = ""
    why: str = ""


def measured(text: str) -> Iterator[re.Match[str]]:
    """Numbers with a unit of measurement, or behind the name of a measure.

    >>> [match.group() for match in measured("It took 3.5 s, reached 31 dB, and has seven million parameters.")]
    ['3.5 s', '31 dB', 'seven million parameters']
    >>> [match.group() for match in measured("a Dice of 0.60 after 20 layers of 3 x 3")]
    ['Dice of 0.60']
    """
    found = [*_AMOUNT.finditer(text), *_SCORE.finditer(text)]
    return iter(sorted((match for match in found if not any(_inside(match, other) for other in found)), key=lambda match: match.start()))


def _inside(one: re.Match[str], other: re.Match[str]) -> bool:
    return one is not other and other.start() <= one.start() and one.end() <= other.end() and other.span() != one.span()


def numbered(text: str) -> list[str]:
    """Places that name a unit by its number, which changes when one is put in before it.

    >>> numbered("as in lesson 6, and in the third unit"), numbered("the next lesson is one of many")
    (['lesson 6', 'third unit'], [])
    """
    return [match.group() for match in _NUMBERED.finditer(text)]


def plain(text: str) -> str:
    """Prose on one line, without code, formulas, addresses of links and the signs of markdown for emphasis."""
    return " ".join(re.sub(r"[*]", "", _SKIPPED.sub(" ` ", text)).split())


def texts(tree: Tree, unit: Unit) -> Iterator[Text]:
    """All that a student reads of a unit: goals, prose, captions, text alternatives, printed words, comments, explained answers."""
    import inspect

    yield Text("syllabus.toml", plain(". ".join([unit.title, *unit.goals])))
    for path in (tree.lesson(unit.slug), tree.exercise(unit.slug)):
        for cell in source.read(path) if path.exists() else []:
            where = f"{path.name}, cell {cell.name}"
            if cell.kind == "markdown":
                yield Text(where, plain(cell.source))
            else:
                for words in _words_of_code(cell.source):
                    yield Text(where, plain(inspect.cleandoc(words)))
    glossary = tree.lesson(unit.slug).with_name("glossary.toml")
    for name, meaning in tomllib.loads(glossary.read_text("utf-8")).items() if glossary.exists() else ():
        yield Text(f"glossary.toml, {name}", plain(meaning))
    questions = glossary.with_name("questions.toml")
    for name, entry in tomllib.loads(questions.read_text("utf-8")).items() if questions.exists() else ():
        # The question itself and its choices are the given of a task.
        for answer in [entry.get("explain", ""), *entry.get("remarks", {}).values()]:
            yield Text(f"questions.toml, {name}", plain(answer))


def _words_of_code(code: str) -> Iterator[str]:
    """String constants and comments. What an f-string computes is not typed, so its constant parts are read one by one."""
    from IPython.core.inputtransformer2 import TransformerManager

    program = TransformerManager().transform_cell(code)
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    for token in tokenize.generate_tokens(io.StringIO(program).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# ")


def givens(path: Path) -> list[Given]:
    """The givens of a unit; an empty list where it has none.

    Raises:
        CourseError: an entry has none or several of computed, published and why.
    """
    table = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    found = []
    for phrase, entry in table.items():
        if not isinstance(entry, dict) or len(entry) != 1 or not entry.keys() <= {"computed", "published", "why"}:
            raise CourseError(f"{path.name}: {phrase!r} is {entry!r}; expected one of computed, published and why.")
        found.append(Given(" ".join(phrase.split()), **entry))
    return found


def check(found: Sequence[Text], allowed: Sequence[Given], published: Callable[[str], float]) -> list[str]:
    """What is wrong with the numbers of a unit, in words; empty when nothing is.

    Args:
        found: what a student reads, from :func:`texts`.
        allowed: the unit's givens.
        published: the value of a published figure by its key.
    """
    wrong: list[str] = []
    used: set[str] = set()
    for text in found:
        wrong += [f"{text.where}: {place!r} will be wrong when a unit is put in before it; link by slug" for place in numbered(text.words)]
        for match in measured(text.words):
            covers = [given for given in allowed if _covers(given.phrase, text.words, match)]
            used.update(given.phrase for given in covers)
            if not covers:
                around = text.words[max(0, match.start() - 30) : match.end() + 20]
                wrong.append(f"{text.where}: {match.group()!r} is typed (... {around} ...). Let a cell print it, or name it in givens.toml")
    wrong += [f"givens.toml: {given.phrase!r} stands nowhere any more" for given in allowed if given.phrase not in used]
    return wrong + [problem for given in allowed for problem in _disagrees(given, published)]


def _covers(phrase: str, text: str, match: re.Match[str]) -> bool:
    start = text.find(phrase)
    while start >= 0:
        if start <= match.start() and match.end() <= start + len(phrase):
            return True
        start = text.find(phrase, start + 1)
    return False


def _disagrees(given: Given, published: Callable[[str], float]) -> Iterator[str]:
    """Whether the number in a phrase is the one that it is said to be, to the digits that it shows."""
    if given.why:
        return
    numbers = list(dict.fromkeys(match["number"] for match in measured(given.phrase)))  # in "PSNR of 78 dB" it is found twice
    if len(numbers) != 1:
        yield f"givens.toml: {given.phrase!r} holds {len(numbers)} numbers; one can be checked. Name them one by one"
        return
    value = published(given.published) if given.published else _value(given.computed)
    digits = len(numbers[0].partition(".")[2]) if numbers[0][0].isdigit() else 0
    typed = float(WORDS.get(numbers[0].casefold(), 0) or numbers[0].replace(",", ""))
    if abs(typed - value) >= 10.0**-digits:  # rounded or cut off
        yield f"givens.toml: {given.phrase!r} should be {value:g}, by {given.published or given.computed}"


_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def _value(expression: str) -> float:
    """The value of a sum in digits, + - * / **, brackets and the functions of :mod:`math`."""

    def of(node: Any) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](of(node.left), of(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](of(node.operand))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(math, node.func.id):
            return getattr(math, node.func.id)(*map(of, node.args))
        raise CourseError(f"givens.toml: {expression!r} cannot be computed; expected numbers, + - * / ** and functions of math.")

    return of(ast.parse(expression, mode="eval").body)
