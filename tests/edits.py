"""Edits applied to a text, as the report shows them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from whygrad.finding import Edit
from whygrad.render.patch import hunks
from whygrad.span import Span


def applied(edits: Iterable[Edit], text: str) -> str:
    """The text with the edits of one file in it."""
    lines = text.splitlines(keepends=True)
    made = hunks(edits, lines)
    assert made, "the edits do not fit the text"
    for hunk in reversed(made):
        lines[hunk.first - 1 : hunk.last] = [hunk.after]
    return "".join(lines)


class Text:
    """A file, the places of its code, and what edits make of it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file, self.text = folder / "train.py", text
        self.file.write_text(text, "utf-8")

    def at(self, code: str) -> Span:
        start = self.text.index(code)
        head, whole = self.text[:start], self.text[: start + len(code)]
        line, end_line = head.count("\n") + 1, whole.count("\n") + 1
        column, end = start - head.rfind("\n"), start + len(code) - whole.rfind("\n")
        return Span(str(self.file), line, column, end_line, end, "<module>", code)

    def after(self, edits: Iterable[Edit]) -> str | None:
        made = tuple(edits)
        return applied(made, self.text) if made else None
