"""A blind test on oneself: which picture was inpainted?"""

from __future__ import annotations

import html
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import traitlets
from torch import Tensor

from inpaintlib import viz
from inpaintlib._check import as_image, as_mask, describe
from inpaintlib._proportion import Proportion, proportion
from inpaintlib.widgets.base import CourseWidget, module
from inpaintlib.widgets.pictures import rgb_bytes

__all__ = ["Answer", "RealOrFake"]

_ROUNDS = 20
_SHOWN = 6  # rounds in the still twin
_SIDES = {"pairs": ("left", "right"), "single": ("untouched", "filled")}


@dataclass(frozen=True)
class Answer:
    """One answer of a blind test.

    Attributes:
        picture: the index of the picture in what the widget was given.
        inpainter: who filled it, "" for an untouched picture that was shown alone.
        truth: "left" or "right" (the side of the untouched one), or "untouched" or "filled".
        guess: the same, as it was answered.
    """

    picture: int
    inpainter: str
    truth: str
    guess: str

    @property
    def right(self) -> bool:
        return self.truth == self.guess


@dataclass(frozen=True)
class _Round:
    picture: int
    inpainter: str  # "": nobody
    truth: int  # the number of the right button


class RealOrFake(CourseWidget):
    """Pairs of pictures, one as it was taken, one with a hole filled in: which is which? With a score, and how sure it is.

    The truth stays in Python until an answer is given: it is in none of the values that the browser gets. After an answer the
    widget says what was right, who filled the hole, and where it was.

    Args:
        originals: float (N, 3, H, W) in [0, 1]: untouched pictures.
        filled: name of an inpainter -> (N, 3, H, W), the same pictures with their holes filled; or one such tensor.
        masks: (N, 1, H, W), 1 = known, 0 = hole; outlined after each answer. Left out, no outline is shown.
        rounds: how many questions; at most N, by default 20 or as many as there are pictures. The inpainters take turns, in a random order.
        kind: "pairs" (the untouched picture and its filled copy, side by side: which one is untouched?) or "single" (one
            picture, half of the time filled: is it untouched?).
        seed: of pictures, sides and order; "Again" goes on to another order.

    Attributes:
        answers: a list of :class:`Answer`, those of the present run.
        score: right answers of all, with a 95 % interval. Guessing gets half of them.

    Raises:
        TypeError, ValueError: pictures or masks that do not fit, too few of them, or fillings that equal their original.
    """

    _esm = module("real_or_fake.js")

    _height = traitlets.Int().tag(sync=True)
    _width = traitlets.Int().tag(sync=True)
    _choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _question = traitlets.Unicode().tag(sync=True)
    _round = traitlets.Int(0).tag(sync=True)
    rounds = traitlets.Int().tag(sync=True)
    _pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)  # of this round only, RGB
    _reveal = traitlets.Dict().tag(sync=True)  # empty until the round is answered
    _tally = traitlets.Dict().tag(sync=True)
    _request = traitlets.Dict().tag(sync=True)
    # As in the painter: the browser counts what it asks for, Python what it has answered.
    _asked = traitlets.Int(0).tag(sync=True)
    _answered = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        originals: Tensor,
        filled: Mapping[str, Tensor] | Tensor,
        masks: Tensor | None = None,
        *,
        rounds: int | None = None,
        kind: Literal["pairs", "single"] = "pairs",
        seed: int = 0,
        **traits: Any,
    ) -> None:
        self._originals = as_image(originals, "originals", channels=3).detach().float().cpu()
        self._filled = _fillings(filled, self._originals)
        known = None if masks is None else as_mask(masks, self._originals).to(torch.uint8).cpu()
        self._masks = None if known is None else known.expand(len(self._originals), -1, -1, -1)
        if kind not in _SIDES:
            raise ValueError(f"kind is {kind!r}; expected 'pairs' or 'single'.")
        self.kind, self.seed, self._run = kind, seed, 0
        count = min(_ROUNDS, len(self._originals)) if rounds is None else rounds
        if not 1 <= count <= len(self._originals):
            raise ValueError(f"rounds is {count}; expected 1 to {len(self._originals)}, the number of pictures: each is shown once.")
        self._plan = self._drawn(count)
        self.answers: list[Answer] = []
        height, width = self._originals.shape[-2:]
        pairs = kind == "pairs"
        super().__init__(
            _height=height,
            _width=width,
            rounds=count,
            _choices=["The left one is untouched", "The right one is untouched"] if pairs else ["Untouched", "A hole was filled"],
            _question="Which picture is untouched?" if pairs else "Was a hole filled in this picture?",
            _pictures=self._shown(0),
            _tally=self._counted(),
            **traits,
        )

    @property
    def score(self) -> Proportion:
        """Right answers of all that were given, with the 95 % interval of their share."""
        return proportion(sum(answer.right for answer in self.answers), len(self.answers))

    def by_inpainter(self) -> dict[str, Proportion]:
        """The score for each inpainter; untouched pictures that were shown alone stand under "untouched"."""
        found: dict[str, list[bool]] = {}
        for answer in self.answers:
            found.setdefault(answer.inpainter or "untouched", []).append(answer.right)
        return {name: proportion(sum(right), len(right)) for name, right in sorted(found.items())}

    def answer(self, choice: int) -> None:
        """Answer the present question with its left (0) or its right (1) button; a second answer to it changes nothing."""
        if choice not in (0, 1):
            raise ValueError(f"choice is {choice!r}; expected 0 (left) or 1 (right).")
        if self._reveal:
            return
        now, sides = self._plan[self._round], _SIDES[self.kind]
        given = Answer(now.picture, now.inpainter, sides[now.truth], sides[choice])
        self.answers.append(given)
        filled = now.inpainter != ""
        place = (1 - now.truth if self.kind == "pairs" else 0) if filled else -1  # which of the pictures shown was filled
        outline = b"" if self._masks is None or not filled else self._masks[now.picture].contiguous().numpy().tobytes()
        original = rgb_bytes(self._originals[now.picture][None]) if filled and self.kind == "single" else b""
        with self.hold_sync():
            self._reveal = {
                "right": given.right,
                "words": self._words(now, given),
                "notes": [_note(now, k == place) for k in range(len(self._pictures))],
                "place": place,
                "outline": outline,
                "original": original,
            }
            self._tally = self._counted()

    def next(self) -> None:
        """Go on to the next question; an answer has to be given first."""
        if not self._reveal or self._round + 1 >= self.rounds:
            return
        self._show(self._round + 1)

    def again(self) -> None:
        """Start anew, with other sides and another order."""
        self._run += 1
        self._plan = self._drawn(self.rounds)
        self.answers = []
        self._show(0)

    def _show(self, number: int) -> None:
        with self.hold_sync():
            self._round = number
            self._reveal = {}
            self._pictures = self._shown(number)
            self._tally = self._counted()

    @traitlets.observe("_asked")
    def _on_asked(self, change: Any) -> None:
        request = self._request
        if request.get("do") == "answer" and request.get("round") == self._round and request.get("choice") in (0, 1):
            self.answer(request["choice"])
        elif request.get("do") == "next" and request.get("round") == self._round:
            self.next()
        elif request.get("do") == "again":
            self.again()
        self._answered = self._asked

    def _drawn(self, count: int) -> list[_Round]:
        """Pictures, inpainters and sides of all rounds."""
        dice = random.Random(f"{self.seed}-{self._run}")
        names = list(self._filled)
        turns = [names[k % len(names)] for k in range(count)]
        truths = [k % 2 for k in range(count)]
        dice.shuffle(turns)
        dice.shuffle(truths)
        left = list(range(len(self._originals)))
        dice.shuffle(left)
        plan = []
        for name, truth in zip(turns, truths, strict=True):
            untouched = self.kind == "single" and truth == 0
            found = next((k for k in left if untouched or not _same(self._filled[name][k], self._originals[k])), None)
            if found is None:
                raise ValueError(f"{name!r} filled every picture that is left exactly as its original, so there is nothing to tell apart.")
            left.remove(found)
            plan.append(_Round(found, "" if untouched else name, truth))
        return plan

    def _shown(self, number: int) -> list[bytes]:
        return [rgb_bytes(picture) for picture in self._of(self._plan[number])]

    def _of(self, now: _Round) -> list[Tensor]:
        """The pictures of a round, (1, 3, H, W) each."""
        original = self._originals[now.picture][None]
        if not now.inpainter:
            return [original]
        filled = self._filled[now.inpainter][now.picture][None]
        if self.kind == "single":
            return [filled]
        return [original, filled] if now.truth == 0 else [filled, original]

    def _words(self, now: _Round, given: Answer) -> str:
        verdict = "Right." if given.right else "Wrong."
        by = f" by {now.inpainter}" if now.inpainter and len(self._filled) > 1 else ""
        if self.kind == "pairs":
            other = _SIDES["pairs"][1 - now.truth]
            return f"{verdict} The {given.truth} one is untouched, the {other} one was filled{by}."
        return f"{verdict} A hole was filled{by}." if now.inpainter else f"{verdict} Nobody touched this picture."

    def _counted(self) -> dict[str, Any]:
        score = self.score
        by = [[name, str(part)] for name, part in self.by_inpainter().items()] if len(self._filled) > 1 or self.kind == "single" else []
        verdict = ""
        if score.of:
            verdict = "Guessing, 50 %, lies outside: you see a difference." if score.low > 0.5 else "Guessing, 50 %, lies within."
            if score.high < 0.5:
                verdict = "Guessing, 50 %, lies outside, above: you see a difference, and take it for the wrong one."
        numbers = {"share": score.share, "low": score.low, "high": score.high} if score.of else {}
        return {"of": score.of, "words": str(score), "verdict": verdict, "by": by, **numbers}

    def describe(self) -> str:
        pairs = "pairs of pictures, one of each untouched and one with a filled hole"
        what = pairs if self.kind == "pairs" else "pictures, some with a filled hole"
        size = f"{self._width} by {self._height} pixels"
        return f"A blind test: {self.rounds} {what}, {size} each, with the question which are untouched. So far: {self.score}."

    def still(self) -> str:
        shown, titles = [], []
        few = self._plan[:_SHOWN]
        for number, now in enumerate(few, 1):
            pictures = self._of(now)
            shown += [picture[0] for picture in pictures]
            titles += [f"{number} {side}" for side in _SIDES["pairs"]] if self.kind == "pairs" else [str(number)]
        drawing = viz.image_grid(shown, columns=min(6, len(shown)), titles=titles)
        caption = "Interactive in a running notebook, with a score: decide which pictures are untouched."
        truths = [f"{number}: {_SIDES[self.kind][now.truth]}" for number, now in enumerate(few, 1)]
        answer = ", ".join(truths) + (". That is the untouched side." if self.kind == "pairs" else ".")
        return (
            viz.figure_html(drawing, alt=self.describe(), caption=caption, max_bytes=80_000)
            + f'<details><summary style="cursor:pointer">Answers (decide first)</summary><p>{html.escape(answer)}</p></details>'
        )


def _fillings(filled: Mapping[str, Tensor] | Tensor, originals: Tensor) -> dict[str, Tensor]:
    named = {"an inpainter": filled} if isinstance(filled, Tensor) else filled
    if not isinstance(named, Mapping) or not named:
        raise TypeError(f"filled is {describe(filled)}; expected pictures (N, 3, H, W), or a mapping name -> such pictures.")
    found = {}
    for name, pictures in named.items():
        found[str(name)] = as_image(pictures, f"filled {name!r}", channels=3).detach().float().cpu()
        if found[str(name)].shape != originals.shape:
            raise ValueError(f"filled {name!r} is {describe(pictures)}, originals {describe(originals)}; expected the same shape.")
    return found


def _same(one: Tensor, other: Tensor) -> bool:
    return rgb_bytes(one[None]) == rgb_bytes(other[None])


def _note(now: _Round, filled: bool) -> str:
    return f"filled by {now.inpainter}" if filled else "untouched"
