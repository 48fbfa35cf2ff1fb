"""The product around the subject: units, notebooks, checks and grading of the inpainting course.

``python -m course <verb>`` is the way in; ``inpaintlib`` is what the lessons teach and knows nothing of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "CourseError", "Tree"]

ROOT = Path(__file__).resolve().parent.parent


class CourseError(Exception):
    """Something that the person at the keyboard can mend; the message says how, and no traceback is shown."""


@dataclass(frozen=True)
class Tree:
    """Where everything lies below one root; tests build small courses of their own in a temporary folder.

    >>> Tree(Path("somewhere")).lesson("masks").as_posix()
    'somewhere/course/units/masks/lesson.py'
    """

    root: Path = ROOT

    @property
    def syllabus(self) -> Path:
        return self.root / "course" / "syllabus.toml"

    @property
    def bibliography(self) -> Path:
        return self.root / "course" / "bibliography.bib"

    @property
    def glossary(self) -> Path:
        return self.notebooks / "glossary.md"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def exercises(self) -> Path:
        return self.root / "exercises"

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def lesson(self, slug: str) -> Path:
        return self.root / "course" / "units" / slug / "lesson.py"

    def exercise(self, slug: str) -> Path:
        return self.root / "course" / "units" / slug / "exercise.py"

    def shown(self, path: Path) -> str:
        """The path as a person types it: relative to the root where it lies inside, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
