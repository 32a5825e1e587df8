"""Edits, applied to the lines they touch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from whygrad.finding import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """Where an edit's text stands in the new lines, read as one text, and whether it took another's place."""

    start: int
    end: int
    replaces: bool


@dataclass(frozen=True, slots=True)
class Hunk:
    """Neighbouring lines from ``first`` on, before and after the edits that touch them."""

    first: int
    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def last(self) -> int:
        """The last line that is touched."""
        return self.first + self.before.removesuffix("\n").count("\n")


def hunks(edits: Iterable[Edit], lines: Sequence[str]) -> list[Hunk]:
    """The edits of one file whose lines these are; none at all if one of them does not fit the lines."""
    groups: list[list[Edit]] = []
    for edit in sorted(edits, key=lambda edit: (edit.line, edit.column)):
        if groups and edit.line <= max(other.end_line for other in groups[-1]):
            groups[-1].append(edit)
        else:
            groups.append([edit])
    made = [_hunk(group, lines) for group in groups] if lines else []
    return [hunk for hunk in made if hunk] if all(made) else []


def _hunk(edits: Sequence[Edit], lines: Sequence[str]) -> Hunk | None:
    first, last = edits[0].line, max(edit.end_line for edit in edits)
    before = lines[max(first - 1, 0) : last]
    text, after, reached = "".join(before), "", 0
    changes: list[Change] = []
    for edit in edits:
        start = _offset(before, edit.line - first, edit.column - 1)
        end = _offset(before, edit.end_line - first, edit.end_column - 1)
        if not reached <= start <= end or not 1 <= first <= len(lines) + 1:
            return None
        after += text[reached:start]
        changes.append(Change(len(after), len(after) + len(edit.text), end > start))
        after += edit.text
        reached = end
    return Hunk(first, text, after + text[reached:], tuple(changes))


def _offset(lines: Sequence[str], line: int, column: int) -> int:
    """Where a place lies in the lines read as one text; -1 if it is not there."""
    lengths = [*map(len, lines), 0]
    fits = 0 <= line < len(lengths) and 0 <= column <= lengths[line]
    return sum(lengths[:line]) + column if fits else -1
