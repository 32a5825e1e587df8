"""What a watched run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whygrad.watching.course import Course
from whygrad.watching.health import Route
from whygrad.watching.judgement import Remark


@dataclass(frozen=True, slots=True)
class Watched:
    """A run, when it is over.

    Attributes:
        folder: where it was written; ``None`` where nothing was.
        courses: optimizer to its looks.
        notes: what could not be seen or written, one sentence each.
    """

    folder: Path | None
    courses: Mapping[str, Course]
    remarks: tuple[Remark, ...]
    routes: tuple[Route, ...]
    notes: tuple[str, ...]
