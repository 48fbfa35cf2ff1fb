"""The page about a class: how the points are spread, what was hard, which mistakes are common, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course.grading.gradebook import FAILED, FINAL, MISSING, READ, Gradebook
from course.grading.page import page, safe, table, words
from course.grading.rules import rounded
from course.grading.similar import Pair
from course.grading.summary import Item, Mistake, items, mistakes, totals

__all__ = ["class_page"]

KEEP = (
    "These files hold personal data. Keep them where only those who mark can read them, and delete the folder once the time to appeal is "
    "over: often one term after the marks are final; ask your office for the rule. Keep the key for as long as marks may be checked. For "
    "anything longer, and for sharing, there is --anonymous; who has the key can still undo the pseudonyms, so delete it then."
)


def class_page(book: Gradebook, title: str, alike: Sequence[Pair], to_look_at: Mapping[str, Sequence[str]]) -> str:
    """The page for the instructor.

    Args:
        book: the marks.
        title: the title of the unit.
        alike: submissions that are alike, by id of the student.
        to_look_at: what a person has to decide, by heading; see :func:`course.grading.look.to_look_at`.
    """
    parts = [_numbers(book), _spread(book), _hard(items(book)), _common(mistakes(book)), _alike(book, alike)]
    parts += [_ranking(book, task) for task in book.tasks]
    parts += [_look(to_look_at), f'<h2>Keeping this</h2><p class="small">{KEEP}</p>']
    return page(f"{title}: the class", "\n".join(parts))


def _numbers(book: Gradebook) -> str:
    states = {state: sum(row.state == state for row in book.rows) for state in (FINAL, READ, MISSING, FAILED)}
    late = sum(row.late.days > 0 for row in book.rows)
    said = "; ".join(f"{count} {state}" for state, count in states.items() if count)
    return f"<p>{len(book.rows)} students: {said}; {late} late. {rounded(book.out_of)} points can be earned.</p>"


def _spread(book: Gradebook) -> str:
    values = [100 * value for value in totals(book)]
    if not values:
        return "<p>Nothing was graded.</p>"
    from inpaintlib.viz import theme

    with theme.style():
        figure, axes = theme.figure(height=2.8)
        plot: Any = axes.flat[0]
        counts, _, _ = plot.hist(values, bins=range(0, 110, 10), color=theme.BLUE, edgecolor="white")
        plot.set(xlabel="part of all points, %", ylabel="students", xlim=(0, 100))
        plot.yaxis.get_major_locator().set_params(integer=True)
    low, middle, high = _quartiles(values)
    counted = ", ".join(f"{int(count)} in {10 * i} to {10 * i + 10} %" for i, count in enumerate(counts) if count)
    words = f"Half of the class has between {low:.0f} % and {high:.0f} %; the median is {middle:.0f} %."
    caption = f"{words} Before anything is taken off for being late; what waits for a reader counts as 0."
    return f"<h2>Points</h2>{theme.figure_html(figure, alt=f'Histogram of points: {counted}.', caption=caption)}"


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    import numpy as np

    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(low), float(middle), float(high)


def _hard(found: list[Item]) -> str:
    if not found:
        return ""
    names, means = [item.task for item in found], [100 * item.mean for item in found]
    picture = _bars(names, means, "mean part of the points, %", "The hardest task stands at the top.", 100)
    rows: list[list[object]] = []
    for item in found:
        sign = "-" if item.discrimination is None else f"{item.discrimination:+.2f}"
        ways = ", ".join(f"{status} {count}" for status, count in item.statuses.items())
        rows.append([item.task, f"{100 * item.mean:.0f} %", sign, ways])
    note = (
        "Discrimination is the correlation of a task's points with those of all other tasks. Near 0, or below, the task does not tell "
        "strong from weak students: read it and its checks again. With fewer than 30 students it is a rough number."
    )
    head = ["task", "mean", "discrimination", "how it ended"]
    return f'<h2>The hardest checks</h2>{picture}{table(head, rows)}<p class="small">{note}</p>'


def _common(found: list[Mistake]) -> str:
    if not found:
        return "<h2>Common mistakes</h2><p>No known mistake was recognised.</p>"
    top = found[:12]
    caption = "Known mistakes that explain the wrong answers of a task, all or many of them."
    picture = _bars([f"{m.task}: {m.id}" for m in top], [m.count for m in top], "students", caption)
    rows: list[list[object]] = [[m.task, m.id, m.count, m.hint] for m in found]
    return f"<h2>Common mistakes</h2>{picture}{table(['task', 'mistake', 'students', 'hint'], rows)}"


def _ranking(book: Gradebook, task: str) -> str:
    """The networks of the class, the best first."""
    places = book.places(task)
    found = {row.student.id: (row, mark.result.measured) for row in book.graded for mark in row.marks if mark.task == task and mark.result}
    rows: list[list[object]] = []
    digests = [measured["digest"] for _, measured in found.values() if measured]
    for student, place in places.items():
        row, measured = found[student]
        assert measured is not None
        twin = "the same file as another" if digests.count(measured["digest"]) > 1 else ""
        gain = f"{measured['gain']:+.2f} ± {measured['half']:.2f}"
        rows.append([place, row.student.shown, gain, f"{measured['psnr']:.2f}", measured["model"], f"{measured['parameters']:,}", twin])
    if not rows:
        return ""
    note = (
        "Means over the same hidden pictures, known pixels kept, with half a 95 % interval over pictures; two networks that differ by less "
        "than that may stand the other way round on other pictures."
    )
    head = ["place", "student", "above the baseline, dB", "PSNR, dB", "model", "numbers", ""]
    return f'<h2>Ranking: {safe(task)}</h2>{table(head, rows)}<p class="small">{note}</p>'


def _bars(names: Sequence[str], values: Sequence[float], label: str, caption: str, limit: float | None = None) -> str:
    from inpaintlib.viz import theme

    with theme.style():
        figure, axes = theme.figure(height=0.9 + 0.36 * len(names))
        plot: Any = axes.flat[0]
        bars = plot.barh(range(len(names)), values, color=theme.BLUE)
        plot.bar_label(bars, fmt="%.0f", padding=3)
        plot.set_yticks(range(len(names)), [name[:40].replace("$", r"\$") for name in names])
        plot.invert_yaxis()
        plot.set(xlabel=label, xlim=(0, limit or 1.12 * max([*values, 1])))
        plot.xaxis.get_major_locator().set_params(integer=True)
    alt = "; ".join(f"{name}: {value:.0f}" for name, value in zip(names, values, strict=True))
    return theme.figure_html(figure, alt=f"Bars, {label}. {alt}.", caption=caption)


def _alike(book: Gradebook, alike: Sequence[Pair]) -> str:
    shown = {row.student.id: row.student.shown for row in book.rows}
    rows: list[list[object]] = [[shown.get(p.a, p.a), shown.get(p.b, p.b), f"{100 * p.likeness:.0f} %", p.shingles] for p in alike]
    note = (
        "A place to look, not a verdict. Names, comments and layout are ignored, and so is what was handed out; what half of the class "
        "wrote counts for nothing. Short tasks have few good answers, and friends learn together: read both notebooks, and talk to both."
    )
    listed = table(["", "", "in common", "pieces"], rows) if rows else "<p>None.</p>"
    return f'<h2>Submissions that are alike</h2><p class="small">{note}</p>{listed}'


def _look(lists: Mapping[str, Sequence[str]]) -> str:
    parts = [f"<h3>{words(head)}</h3><ul>{''.join(f'<li>{words(x)}</li>' for x in found)}</ul>" for head, found in lists.items()]
    return f"<h2>To look at</h2>{''.join(parts) or '<p>Nothing.</p>'}"
