"""The words around the tables: how each was made, the rule of the ranks, and the page that holds them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inpaintlib.leaderboard.measures import INFO, NAMES, NO_JUDGE

if TYPE_CHECKING:
    from inpaintlib.leaderboard.board import Group, Leaderboard

__all__ = ["FIGURES", "RULE", "of_overview", "of_table", "page"]

RULE = (
    "Inpainters stand in the order of their mean. Two neighbours get different ranks only if their paired difference, image by image, "
    "is certain: the 95 % interval of a bootstrap over images lies beyond 0 by more than half of the table's last digit. Else they share "
    "a rank. A rank may therefore hold a chain, A like B and B like C, although A and C can be told apart; the table says so where the "
    "first and the last of a rank can. After a shared rank the counting goes on with the number of those ahead: 1, 2, 2, 4. The interval "
    "says how sure a difference is for other images of the same kind, not for another training run; and of twenty differences that do not "
    "exist, one will look certain by chance."
)
FIGURES = ("leaderboard_time.png", "leaderboard_hole_size.png")


def of_table(board: Leaderboard, group: Group, by: str) -> str:
    """How a table was made, who shares a rank by a chain, and what is missing."""
    ranking = group.rankings[by]
    first = f"The first {group.images:,} images" if group.images < _most(board) else f"{group.images:,} images"
    words = [
        f"{first}, masks {group.kind} ({group.hole:.1%} hole on average). All results are composited: known pixels kept. Means over images"
        + (" with 95 % confidence intervals." if group.images > 1 else "."),
        f"Ranked by {INFO[by].title.replace(', dB', '')}; who shares a rank cannot be told apart from the neighbour."
        if ranking.ranks and ranking.ranks[0] is not None
        else "Too few images to give ranks.",
    ]
    for chain in ranking.chains:
        gap = chain.difference
        digits = INFO[by].digits
        words.append(
            f"Rank {ranking.rank_of(chain.first)} is a chain: {chain.first} is ahead of {chain.last} by {gap.mean:.{digits}f} "
            f"({gap.low:.{digits}f} to {gap.high:.{digits}f}), but no place between them is certain."
        )
    if ranking.leaders:
        words.append("Bold or starred: the best of a column, and whoever cannot be told apart from it.")
    words += [f"† {line.inpainter}: {line.note}." for line in group.lines if line.note]
    words.append(f"Time: {board.made.get('clock', 'as measured')}.")
    if missing := [name for name in board.inpainters if name not in group.names() and not _failed(board, name, group.kind)]:
        words.append(f"Not here, since they were given fewer images: {', '.join(missing)}.")
    if failed := [name for name in board.inpainters if _failed(board, name, group.kind)]:
        words.append(f"Left out: {', '.join(failed)} (see the reasons below the tables).")
    if "perceptual" not in group.rankings:
        words.append(f"There are {NO_JUDGE}.")
    return " ".join(words)


def of_overview(board: Leaderboard, metric: str, groups: list[Group]) -> str:
    """What the overview shows."""
    counts = sorted({group.images for group in groups})
    first = "the first " if counts[-1] < _most(board) else ""
    here = set().union(*(group.names() for group in groups))
    missing = [name for name in board.inpainters if name not in here]
    words = (
        f"{INFO[metric].title} on {first}{' or '.join(f'{c:,}' for c in counts)} images, composited, with the rank on each kind of mask in "
        "brackets; bold or starred: the best, and whoever cannot be told apart from it. Irregular holes are named by their share of the "
        "image in per cent."
    )
    return words + (f" On fewer images, or nowhere: {', '.join(missing)}." if missing else "")


def page(board: Leaderboard) -> str:
    """The page that is stored beside the JSON."""
    made = board.made
    counts = sorted({group.images for group in board.groups})
    time, size = board.figure_time(), (board.figure_hole_size() if _has_buckets(board) else None)
    parts = [
        "# Leaderboard",
        f"Every inpainter of the course on the same images and the same frozen masks. {board.images}",
        f"Made by\n\n    {made['command']}\n\non {made['hardware']}, {made['date']}. Written by that command; nothing here is typed. "
        f"{made['judge'][0].upper() + made['judge'][1:]}.",
        "Your own inpainter enters with `--add path/file.py:function`; see `python -m inpaintlib.leaderboard --help`.",
        f"## How to read the ranks\n\n{RULE}",
        "## At a glance",
        *(board.overview(images=None if count == counts[-1] else count).to_markdown() for count in reversed(counts)),
        "## Quality against time",
        f"![{time.alt}]({FIGURES[0]})\n\n*{time.caption}*",
    ]
    if size is not None:
        parts += ["## Quality against hole size", f"![{size.alt}]({FIGURES[1]})\n\n*{size.caption}*"]
    for kind in board.kinds:
        parts.append(f"## {kind}")
        tables = [g for g in board.groups if g.kind == kind]
        parts += [board.table(kind, g.images, metrics=NAMES).to_markdown() for g in tables]
    if board.failures:
        parts += ["## Left out", "\n".join(f"- {line}" for line in left_out(board))]
    rows = [f"| {g.kind} | {g.images:,} | {g.hole:.1%} | `{g.masks_sha256}` | `{g.images_sha256}` |" for g in board.groups]
    head = "| masks | images | hole | SHA-256 of the masks | SHA-256 of the images |\n|---|--:|--:|---|---|"
    parts += ["## What identifies masks and images", "\n".join([head, *rows])]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def left_out(board: Leaderboard) -> list[str]:
    """One line for each inpainter and reason, with the kinds that it concerns."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for each in board.failures:
        kinds.setdefault((each["inpainter"], each["why"]), []).append(each["kind"])
    return [f"{name} ({', '.join(where)}): {why}" for (name, why), where in kinds.items()]


def _failed(board: Leaderboard, name: str, kind: str) -> bool:
    return any(each["inpainter"] == name and each["kind"] == kind for each in board.failures)


def _most(board: Leaderboard) -> int:
    return max(group.images for group in board.groups)


def _has_buckets(board: Leaderboard) -> bool:
    return sum(kind.startswith("irregular-") for kind in board.kinds) > 1
