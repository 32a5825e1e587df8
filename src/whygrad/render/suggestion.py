"""A fix: what to change in words, and the lines as they would read."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import takewhile

from rich.text import Text

from whygrad.finding import Edit, Fix
from whygrad.render import marks
from whygrad.render.gutter import Gutter, place
from whygrad.render.marks import Mark
from whygrad.render.patch import Hunk, hunks
from whygrad.render.prose import remark
from whygrad.span import Span

_MOST_HUNKS = 4
_MOST_LINES = 12


def suggestion(fix: Fix, home: str | None, gutter: Gutter) -> list[Text]:
    """The fix, with the lines it changes; ``home`` is the file that the reader is looking at already."""
    by_file: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_file.setdefault(edit.file, []).append(edit)
    shown = remark("help", fix.summary, gutter.look)
    for file, edits in by_file.items():
        made = hunks(edits, linecache.getlines(file))
        if made and file != home:
            shown.append(gutter.arrow(Span(file, made[0].first)))
        shown.append(gutter.bar())
        shown += _in_code(made, gutter) if made else _in_words(edits, gutter)
    return shown


def _in_words(edits: Sequence[Edit], gutter: Gutter) -> list[Text]:
    """For edits that do not fit the source at hand."""
    shown: list[Text] = []
    for edit in edits:
        start = place(Span(edit.file, edit.line, edit.column), gutter.look)
        if (edit.line, edit.column) == (edit.end_line, edit.end_column):
            shown += gutter.aside(f"at {start}: insert `{edit.text}`")
        else:
            what = f"write `{edit.text}`" if edit.text else "delete"
            shown += gutter.aside(f"from {start} to {edit.end_line}:{edit.end_column}: {what}")
    return shown


def _in_code(made: Sequence[Hunk], gutter: Gutter) -> list[Text]:
    shown: list[Text] = []
    previous = made[0].first
    for hunk in made[:_MOST_HUNKS]:
        if hunk.first > previous + 1:
            shown.append(gutter.gap())
        shown += _marked(hunk, gutter) or _difference(hunk, gutter)
        previous = hunk.last
    left_out = len(made) - _MOST_HUNKS
    return [*shown, gutter.gap(), *gutter.aside(f"and {left_out} more changes")] if left_out > 0 else shown


def _marked(hunk: Hunk, gutter: Gutter) -> list[Text]:
    """The new line with its new words underlined; nothing where that would not show the whole change."""
    one_line = len(_lines(hunk.before)) == len(_lines(hunk.after)) == 1
    if not one_line or any(change.start == change.end for change in hunk.changes):
        return []
    under = [Mark(made.start, made.end, "~" if made.replaces else "+", "added") for made in hunk.changes]
    return marks.lines(hunk.first, hunk.after, under, gutter)


def _difference(hunk: Hunk, gutter: Gutter) -> list[Text]:
    """Old lines with ``-``, new ones with ``+``, the ones between them as they are."""
    old, new = (_lines(text) for text in (hunk.before, hunk.after))
    shown: list[Text] = []
    for tag, low, high, new_low, new_high in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        sign = "|" if tag == "equal" else "-"
        spot = _agreed(old[low], new[new_low]) if tag == "replace" else 0
        shown += [marks.unmarked(hunk.first + at, old[at], gutter, sign, spot) for at in range(low, high)]
        added = range(new_low, new_high) if tag != "equal" else ()
        shown += [marks.unmarked(hunk.first + at, new[at], gutter, "+", spot) for at in added]
    left_out = len(shown) - _MOST_LINES
    if left_out > 1:
        shown[_MOST_LINES:] = [gutter.line(Text(f"... and {left_out} more lines", "faint"))]
    return shown


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.removesuffix("\n").split("\n")] if text else []


def _agreed(old: str, new: str) -> int:
    """How many characters both begin with."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))))
