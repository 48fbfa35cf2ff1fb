"""The leaderboard itself: what was measured, averaged and ranked; how it is stored, and how it reads."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inpaintlib._comparison import Interval, mean_interval
from inpaintlib._files import write_atomically
from inpaintlib._tables import Cell, as_html, as_markdown, as_text
from inpaintlib.leaderboard.measures import BRIEF, INFO, column
from inpaintlib.leaderboard.ranking import Chain, Difference, Ranking, rank

if TYPE_CHECKING:
    from inpaintlib.leaderboard.figures import Picture
    from inpaintlib.leaderboard.measure import Measured

__all__ = ["FORMAT", "Group", "Leaderboard", "Line", "Table"]

FORMAT = "inpaintlib leaderboard 1"
ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Line:
    """What one inpainter reached in a group; ``values`` has an interval for each metric, ``milliseconds`` are for an image."""

    inpainter: str
    values: dict[str, Interval]
    milliseconds: float
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Inpainters on the same images and the same masks: the only place where ranks are given.

    Attributes:
        kind: of the masks.
        images: how many; always the first ones.
        hole: their share of the image, on average.
        images_sha256, masks_sha256: what identifies exactly these.
        lines: one an inpainter.
        rankings: metric to :class:`~inpaintlib.leaderboard.ranking.Ranking`.
    """

    kind: str
    images: int
    hole: float
    images_sha256: str
    masks_sha256: str
    lines: tuple[Line, ...]
    rankings: dict[str, Ranking]

    @classmethod
    def of(cls, kind: str, images: int, hole: float, hashes: tuple[str, str], measured: dict[str, Measured], seed: int = 0) -> Group:
        """Average and rank those who were measured on at least the first ``images`` images."""
        there = {name: m for name, m in measured.items() if len(m) >= images}
        cut = {name: {key: v[:images] for key, v in m.values.items()} for name, m in there.items()}
        lines = tuple(
            Line(name, {key: mean_interval(v) for key, v in cut[name].items()}, m.milliseconds, m.note) for name, m in there.items()
        )
        columns = [key for key in INFO if cut and all(key in values for values in cut.values())]
        rankings = {
            key: rank({name: values[key] for name, values in cut.items()}, INFO[key].better, INFO[key].digits, seed=seed) for key in columns
        }
        return cls(kind, images, hole, *hashes, lines, rankings)

    def line(self, inpainter: str) -> Line:
        return next(line for line in self.lines if line.inpainter == inpainter)

    def names(self) -> set[str]:
        return {line.inpainter for line in self.lines}


@dataclass(frozen=True, repr=False)
class Table:
    """A table with its caption: prints as text, shows as a table in a notebook; :meth:`to_markdown` is for reports."""

    head: tuple[str, ...]
    body: tuple[tuple[Cell, ...], ...]
    caption: str

    def __str__(self) -> str:
        return f"{as_text(self.head, self.body)}\n\n{textwrap.fill(self.caption, 100)}"

    __repr__ = __str__

    def to_markdown(self) -> str:
        """The table in Markdown, its caption below."""
        return f"{as_markdown(self.head, self.body)}\n\n{self.caption}\n"

    def _repr_html_(self) -> str:
        return as_html(self.head, self.body, self.caption)


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """Every inpainter on the same frozen masks. ``load()`` gives the one that comes with the course.

    Attributes:
        images: in a sentence, which images these are.
        groups: kind and number of images to :class:`Group`; a kind has two where slow inpainters were given fewer images.
        inpainters: name to what is known about it: ``about``, ``parameters``, ``fingerprint``.
        failures: who is missing from which kind, and why: dicts with ``inpainter``, ``kind``, ``why``.
        made: the judge of perceptual distance (or None), hardware, clock, versions, date, command.
    """

    images: str
    groups: tuple[Group, ...]
    inpainters: dict[str, dict[str, Any]]
    failures: tuple[dict[str, str], ...] = ()
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of masks, in order."""
        return tuple(dict.fromkeys(group.kind for group in self.groups))

    def group(self, kind: str, images: int | None = None) -> Group:
        """The inpainters that were measured on one kind of mask, on all images or on the first ``images``.

        Raises:
            KeyError: nothing of the kind was measured.
        """
        there = [group for group in self.groups if group.kind == kind]
        if not there:
            raise KeyError(f"there are no masks {kind!r} in this leaderboard; expected one of {', '.join(self.kinds)}.")
        chosen = there[:1] if images is None else [group for group in there if group.images == images]
        if not chosen:
            raise KeyError(f"nothing was measured on {images} images of {kind!r}; expected {' or '.join(str(g.images) for g in there)}.")
        return chosen[0]

    def table(self, kind: str, images: int | None = None, *, by: str = "psnr", metrics: Sequence[str] = BRIEF) -> Table:
        """One kind of mask: a line an inpainter, the best first.

        Args:
            kind: one of :attr:`kinds`.
            images: None for all images (and those inpainters that were given all); or the smaller number that slow ones were given,
                for a table of everybody on these.
            by: the metric that ranks.
            metrics: the columns, names in ``measures.NAMES``; by default those that fit across a page.

        Raises:
            KeyError: no such kind, number of images or metric.
        """
        from inpaintlib.leaderboard.captions import of_table

        group = self.group(kind, images)
        if by not in group.rankings:
            raise KeyError(f"these tables cannot be ranked by {by!r}; expected one of {', '.join(group.rankings)}.")
        columns = [column(name) for name in metrics]
        head = ("inpainter", "rank", *(f"{m.title} {ARROWS[m.better]}" for m in columns), "ms an image", "parameters")
        body = []
        for place, name in zip(group.rankings[by].ranks, group.rankings[by].order, strict=True):
            line = group.line(name)
            cells = [_cell(line, m.name, group) for m in columns]
            known = self.inpainters[name]["parameters"]
            parameters = "not known" if known is None else f"{known:,}" if known else "none"
            sign = " †" if line.note else ""
            body.append((Cell(name + sign), Cell(_place(place)), *cells, Cell(f"{line.milliseconds:.2f}"), Cell(parameters)))
        return Table(head, tuple(body), of_table(self, group, by))

    def overview(self, metric: str = "psnr", images: int | None = None) -> Table:
        """One metric on all kinds of masks, each mean with its rank in brackets; the best on average first.

        Args:
            metric: a name in ``measures.NAMES``.
            images: as in :meth:`table`.

        Raises:
            KeyError: no such metric or number of images.
        """
        from inpaintlib.leaderboard.captions import of_overview

        groups = [self.group(kind, images) for kind in self.kinds]
        if any(metric not in group.rankings for group in groups):
            raise KeyError(f"not every table holds {metric!r}; expected one of {', '.join(groups[0].rankings)}.")
        info = INFO[metric]
        sign = 1 if info.better == "higher" else -1
        means = {
            name: [group.line(name).values[metric].mean if name in group.names() else math.nan for group in groups]
            for name in self.inpainters
            if any(name in group.names() for group in groups)
        }
        whole = sorted((n for n in means if not any(map(math.isnan, means[n]))), key=lambda n: -sign * sum(means[n]))
        body = []
        for name in [*whole, *(n for n in means if n not in whole)]:
            cells = [Cell("–")] * len(groups)
            for i, group in enumerate(groups):
                if name in group.names():
                    place = group.rankings[metric].rank_of(name)
                    cells[i] = Cell(f"{means[name][i]:.{info.digits}f} ({_place(place)})", name in group.rankings[metric].leaders)
            body.append((Cell(name), *cells))
        return Table(("inpainter", *self.kinds), tuple(body), of_overview(self, metric, groups))

    def figure_time(self, kind: str | None = None, images: int | None = None) -> Picture:
        """Quality against time (a logarithmic axis), with its text alternative and caption. In a notebook it shows itself.

        Args:
            kind: of masks; by default the first one, lines.
            images: by default as many as the slowest were given, so that everybody is in it on the same images.
        """
        from inpaintlib.leaderboard.figures import quality_against_time

        return quality_against_time(self, kind, images)

    def figure_hole_size(self, metric: str = "psnr_hole", images: int | None = None) -> Picture:
        """Quality against hole size, over the buckets of irregular holes, with its text alternative and caption.

        Args:
            metric: a name in ``measures.NAMES``.
            images: as in :meth:`table`.

        Raises:
            KeyError: no such metric.
            ValueError: fewer than two buckets were measured.
        """
        from inpaintlib.leaderboard.figures import quality_against_hole_size

        return quality_against_hole_size(self, metric, images)

    def to_markdown(self) -> str:
        """The whole page: rules, overview, figures, a table for each kind, and what identifies masks and images."""
        from inpaintlib.leaderboard.captions import page

        return page(self)

    def __repr__(self) -> str:
        most = max(group.images for group in self.groups)
        return f"Leaderboard of {len(self.inpainters)} inpainters on {len(self.kinds)} kinds of masks, {most:,} images each"

    def __str__(self) -> str:
        return str(self.overview())

    def _repr_html_(self) -> str:
        return self.overview()._repr_html_()

    def save(self, path: str | Path) -> None:
        """Write it as JSON, a line for each group, so that a change can be read."""
        about = {"format": FORMAT, "images": self.images, "inpainters": self.inpainters, "failures": self.failures, "made": self.made}
        lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in about.items()]
        groups = ",\n".join(json.dumps(_plain(asdict(group)), ensure_ascii=False) for group in self.groups)
        write_atomically(Path(path), ("{\n" + ",\n".join(lines) + ',\n"groups": [\n' + groups + "\n]}\n").encode())

    @classmethod
    def load(cls, path: str | Path) -> Leaderboard:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is something else.
        """
        try:
            held = json.loads(Path(path).read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{Path(path).name} is damaged or no leaderboard: {error}.") from None
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            raise ValueError(f"{Path(path).name} is no leaderboard of this version; make it with python -m inpaintlib.leaderboard.")
        try:
            groups = tuple(_group(each) for each in held["groups"])
            return cls(held["images"], groups, held["inpainters"], tuple(held["failures"]), held["made"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{Path(path).name} is damaged, or was changed by hand: {type(error).__name__} {error}.") from None


def _cell(line: Line, metric: str, group: Group) -> Cell:
    """Strong: the best in this column, or not to be told apart from it."""
    if metric not in line.values:
        return Cell("–")
    leads = metric in group.rankings and line.inpainter in group.rankings[metric].leaders
    return Cell(line.values[metric].text(INFO[metric].digits), leads)


def _place(place: int | None) -> str:
    return "–" if place is None else str(place)


def _plain(value: Any) -> Any:
    """Numbers to six digits, which is more than any table prints; NaN, which JSON does not know, as null."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value


def _group(held: dict[str, Any]) -> Group:
    def interval(pair: list[float | None]) -> Interval:
        return Interval(*(math.nan if v is None else v for v in pair))

    lines = tuple(Line(**(each | {"values": {key: interval(v) for key, v in each["values"].items()}})) for each in held["lines"])
    rankings = {}
    for key, each in held["rankings"].items():
        gaps = tuple(Difference(*gap) for gap in each["gaps"])
        chains = tuple(Chain(first, last, Difference(*gap)) for first, last, gap in each["chains"])
        rankings[key] = Ranking(tuple(each["order"]), tuple(each["ranks"]), gaps, tuple(each["leaders"]), chains)
    return Group(**(held | {"lines": lines, "rankings": rankings}))
