"""What a class agreed on, in one file, ``grading.toml``: points, deadline, what a late day costs.

    unit = "convolution"
    deadline = 2026-11-01T23:59:00
    timezone = "Europe/Berlin"
    grace_minutes = 15
    penalty_per_day = 10        # per cent of what was earned, for each day begun
    days_accepted = 5           # later ones earn nothing
    images = "hidden-images"    # a folder of your own, where a task asks for a trained network

    [points]
    correlate = 4

    [extensions]
    "ada@example.org" = 2026-11-04T23:59:00
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from course import CourseError

__all__ = ["Late", "Rules", "nearest", "read_rules", "read_time", "rounded"]

TIMES = ("roster", "files")
KEYS = ("unit", "deadline", "timezone", "grace_minutes", "penalty_per_day", "days_accepted", "times", "hidden_cases", "images")
TABLES = ("points", "extensions")
FORMATS = (
    "%A, %d %B %Y, %I:%M %p",  # Moodle, English
    "%A, %d %B %Y, %H:%M",
    "%A, %B %d, %Y, %I:%M %p",
    "%Y-%m-%d %H:%M:%S %Z",
    "%d.%m.%Y %H:%M",
)
MONTHS = ("januar", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember")
GERMAN = re.compile(r"(\d{1,2})\. ([A-Za-zä]+) (\d{4}), (\d{1,2}):(\d{2})$")


@dataclass(frozen=True)
class Late:
    """How late: days begun, the part of the points that is left, and a sentence."""

    days: int = 0
    kept: Fraction = Fraction(1)
    said: str = ""


@dataclass(frozen=True)
class Rules:
    """The policy of one exercise.

    Args:
        unit: which; None to find it in the notebooks.
        deadline: with a time zone; None for none.
        zone: of times that name none.
        grace: after the deadline, that costs nothing.
        penalty: part of what was earned, for each day begun.
        accepted: late days after which nothing is earned; None for no such day.
        times: "roster" (a column of it, Moodle's worksheet has one) or "files" (when they were last changed).
        hidden: hidden cases of a task; None for the usual number.
        points: task -> what it is worth here.
        extensions: id, login or email of a student -> their own deadline.
        images: a folder of the instructor's own, on which networks are judged; None for test images chosen by the key.
    """

    unit: str | None = None
    deadline: datetime | None = None
    zone: tzinfo = UTC
    grace: timedelta = timedelta(0)
    penalty: Fraction = Fraction(0)
    accepted: int | None = None
    times: str = "roster"
    hidden: int | None = None
    points: dict[str, Fraction] = field(default_factory=dict)
    extensions: dict[str, datetime] = field(default_factory=dict)
    images: Path | None = None

    def late(self, time: datetime | None, *names: str, marked: bool = False) -> Late:
        """How late something is.

        Args:
            time: when it was handed in; None if nobody knows.
            names: whatever the student is known by, for an extension.
            marked: whether Canvas marked it late; where no time is known it then counts as one day.
        """
        own = {name.casefold() for name in names}
        deadline = next((end for name, end in self.extensions.items() if name.casefold() in own), self.deadline)
        if deadline is None:
            return Late()
        if time is None:
            return self._days(1, "Canvas marked it late; counted as one day") if marked else Late()
        over = time - deadline
        if over <= self.grace or over <= timedelta(0):
            return Late()
        return self._days(math.ceil(over / timedelta(days=1)), f"handed in {_shown(over)} after the deadline")

    def _days(self, days: int, said: str) -> Late:
        kept = max(Fraction(0), 1 - days * self.penalty)
        if self.accepted is not None and days > self.accepted:
            kept = Fraction(0)
        cost = rounded(100 * (1 - kept))
        return Late(days, kept, f"{said[0].upper()}{said[1:]}: {cost} % of the points are taken off.")

    def time(self, text: str) -> datetime | None:
        """A time as a roster writes it, in the zone of the rules; None if it cannot be read."""
        found = read_time(text)
        return found.replace(tzinfo=self.zone) if found is not None and found.tzinfo is None else found


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence about what was probably meant, to follow another; or an empty string.

    >>> nearest("convolv", ["correlate", "convolve"])
    " Did you mean 'convolve'?"
    """
    near = difflib.get_close_matches(word.casefold(), plain := {name.casefold(): name for name in known}, n=1)
    return f" Did you mean {plain[near[0]]!r}?" if near else ""


def read_time(text: str) -> datetime | None:
    """A time as Moodle (in English or German), Canvas, ISO 8601 or a German spreadsheet write it.

    >>> read_time("Sunday, 1 November 2026, 11:59 PM") == read_time("Sonntag, 1. November 2026, 23:59")
    True
    """
    text = text.strip()
    if german := GERMAN.search(text):
        day, month, year, hour, minute = german.groups()
        try:
            return datetime(int(year), MONTHS.index(month.casefold()) + 1, int(day), int(hour), int(minute))
        except ValueError:
            return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in FORMATS:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        return found.replace(tzinfo=UTC) if "%Z" in form and text.endswith("UTC") else found
    return None


def rounded(value: Fraction) -> Decimal:
    """To two places, halves up, without trailing zeros: the same on every machine.

    >>> rounded(Fraction(1, 3)), rounded(Fraction(10)), rounded(Fraction(1, 8))
    (Decimal('0.33'), Decimal('10'), Decimal('0.13'))
    """
    exact = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact.normalize()


def _shown(over: timedelta) -> str:
    hours, minutes = divmod(math.ceil(over.total_seconds() / 60), 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes and not days else ""]
    return " ".join(part for part in parts if part)


def read_rules(path: Path | None) -> Rules:
    """Read ``grading.toml``; without a file, what a unit says, and no deadline.

    Raises:
        CourseError: it cannot be read, or says something that cannot be meant; the message names the entry.
    """
    if path is None:
        return Rules()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"The rules {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
    for key in table:
        if key not in (*KEYS, *TABLES):
            meant = nearest(key, (*KEYS, *TABLES))
            raise CourseError(f"{path}: there is no entry {key!r}.{meant} Known are {', '.join((*KEYS, *TABLES))}.")
    return _Reader(path, table).rules()


class _Reader:
    """Checks one entry after the other."""

    def __init__(self, path: Path, table: Mapping[str, Any]) -> None:
        self.path, self.table = path, table

    def rules(self) -> Rules:
        zone = self._zone()
        deadline = self.table.get("deadline")
        hidden, accepted = self._number("hidden_cases", None, 0, 200), self._number("days_accepted", None, 0, 1000)
        times = self.table.get("times", "roster")
        if times not in TIMES:
            raise self._wrong("times", times, " or ".join(map(repr, TIMES)))
        unit = self.table.get("unit")
        images = self.table.get("images")
        if images is not None and not isinstance(images, str):
            raise self._wrong("images", images, "a folder, seen from this file")
        if unit is not None and not isinstance(unit, str):
            raise self._wrong("unit", unit, "the slug of a unit")
        return Rules(
            unit=unit,
            deadline=None if deadline is None else self._time("deadline", deadline, zone),
            zone=zone,
            grace=timedelta(minutes=float(self._number("grace_minutes", Fraction(0), 0, 10_000) or 0)),
            penalty=(self._number("penalty_per_day", Fraction(0), 0, 100) or Fraction(0)) / 100,
            accepted=None if accepted is None else int(accepted),
            times=times,
            hidden=None if hidden is None else int(hidden),
            points={name: self._amount(f"points.{name}", value, 0, 1000) for name, value in self._table("points").items()},
            extensions={name: self._time(f"extensions.{name}", value, zone) for name, value in self._table("extensions").items()},
            images=None if images is None else (self.path.parent / images).resolve(),
        )

    def _wrong(self, key: str, value: object, expected: str) -> CourseError:
        return CourseError(f"{self.path}: {key} is {value!r}; expected {expected}.")

    def _table(self, key: str) -> dict[str, Any]:
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, value, f"a table, [{key}]")
        return value

    def _zone(self) -> tzinfo:
        name, deadline = self.table.get("timezone"), self.table.get("deadline")
        if name is None:
            return (deadline.tzinfo if isinstance(deadline, datetime) else None) or UTC
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            raise self._wrong("timezone", name, 'a name such as "Europe/Berlin"') from None

    def _time(self, key: str, value: object, zone: tzinfo) -> datetime:
        if type(value) is date:
            value = datetime(value.year, value.month, value.day, 23, 59, 59)  # a day ends in the evening
        if not isinstance(value, datetime):
            raise self._wrong(key, value, "a date and time without quotation marks, 2026-11-01T23:59:00")
        return value if value.tzinfo else value.replace(tzinfo=zone)

    def _number(self, key: str, default: Fraction | None, low: int, high: int) -> Fraction | None:
        return self._amount(key, self.table[key], low, high) if key in self.table else default

    def _amount(self, key: str, value: object, low: int, high: int) -> Fraction:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._wrong(key, value, f"a number from {low} to {high}")
        return Fraction(str(value))
