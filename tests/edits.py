"""Edits applied to a text, as the report shows them."""

from __future__ import annotations

from collections.abc import Iterable

from whygrad.finding import Edit
from whygrad.render.patch import hunks


def applied(edits: Iterable[Edit], text: str) -> str:
    """The text with the edits of one file in it."""
    lines = text.splitlines(keepends=True)
    made = hunks(edits, lines)
    assert made, "the edits do not fit the text"
    for hunk in reversed(made):
        lines[hunk.first - 1 : hunk.last] = [hunk.after]
    return "".join(lines)
