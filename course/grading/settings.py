"""What decides over a mark besides the submission: exercise, key, limits, sandbox; and a fingerprint of all of it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path

from course import ROOT
from course.grading.exercise import HIDDEN, load
from course.grading.grade import grade_one
from course.grading.limits import Limits
from course.grading.network import load_pictures
from course.grading.result import FORMAT, SubmissionResult
from course.grading.sandbox import Sandbox

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How a class is graded; the same settings and the same file give the same marks, in any process and on any machine.

    Args:
        topic: the unit whose exercise it is.
        key: the instructor's, at least 16 bytes; None for visible cases only.
        hidden: how many hidden cases a task has.
        limits: what a submission may use.
        unsafe: without a sandbox.
        hide: folders that student code must not see wherever they lie.
    """

    topic: str
    key: bytes | None
    hidden: int = HIDDEN
    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False
    hide: tuple[str, ...] = ()

    def grade(self, path: Path, name: str = "", weights: Path | None = None, pictures: Path | None = None) -> SubmissionResult:
        """Grade what one student handed in: a notebook, and weights where a task asks for some, which are judged on these pictures.

        Raises:
            CourseError: there is no such exercise, or no sandbox here; not for anything that a submission does.
        """
        return grade_one(
            path, load(self.topic, self.key, self.hidden), self.sandbox, name, weights=weights, pictures=load_pictures(pictures)
        )

    @functools.cached_property
    def sandbox(self) -> Sandbox:
        """Where submissions run.

        Raises:
            CourseError: there is no bubblewrap, and ``unsafe`` was not asked for.
        """
        return Sandbox(self.limits, self.unsafe, tuple(Path(folder) for folder in self.hide))

    def fingerprint(self, digest: str) -> str:
        """What a stored result must carry to be still good for a file with that SHA-256.

        It changes with the file, the key, the limits and the code of the unit; so a result is taken up again only if grading anew would
        give the same.
        """
        parts = [str(FORMAT), digest, self.topic, str(self.hidden), str(sorted(vars(self.limits).items())), str(self.unsafe)]
        parts.append(hmac.digest(self.key, b"fingerprint", "sha256").hex() if self.key is not None else "")
        return hashlib.sha256("\n".join([*parts, self._code]).encode()).hexdigest()

    @functools.cached_property
    def _code(self) -> str:
        folder = ROOT / "course" / "units" / self.topic
        texts = [path.read_bytes() for path in sorted(folder.glob("*.py")) if path.stem not in ("lesson", "exercise", "mutants")]
        return hashlib.sha256(b"\0".join(texts)).hexdigest()

    def to_json(self) -> str:
        """One line; it holds the key."""
        return json.dumps({**dataclasses.asdict(self), "key": self.key.hex() if self.key is not None else None})

    @classmethod
    def from_json(cls, line: str) -> Settings:
        """Back from :meth:`to_json`.

        >>> settings = Settings("convolution", bytes(16))
        >>> Settings.from_json(settings.to_json()) == settings
        True
        """
        stored = json.loads(line)
        key, limits, hide = stored["key"], Limits(**stored["limits"]), tuple(stored["hide"])
        return cls(**{**stored, "key": bytes.fromhex(key) if key is not None else None, "limits": limits, "hide": hide})
