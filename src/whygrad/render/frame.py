"""The code frame: labels under the source lines they speak of, file by file."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from textwrap import dedent

from rich.text import Text

from whygrad.finding import Label
from whygrad.render import marks
from whygrad.render.gutter import Gutter
from whygrad.render.marks import Line, Mark
from whygrad.render.neutral import neutral
from whygrad.span import Span


def frame(labels: Sequence[Label], style: str, gutter: Gutter) -> list[Text]:
    """The labels in their source lines, the first with carets in ``style``, the others with dashes.

    Where the source cannot be read, the words stand under the place alone. Asides may follow.
    """
    shown: list[Text] = []
    for there in _by_file(labels):
        span = there[0].span
        if shown and shown[-1] != gutter.bar():
            shown.append(gutter.bar())
        shown.append(gutter.arrow(span, ":::" if shown else "-->"))
        shown += _block(there, labels[0], style, gutter) if source(span) else _in_words(there[0], gutter)
    return shown


def source(span: Span) -> str:
    """The first line of the span's source without its newline; empty where there is nothing to show."""
    return linecache.getline(span.file, span.line).rstrip() if span.line else ""


def _by_file(labels: Sequence[Label]) -> list[list[Label]]:
    """One group per readable file, in order of appearance; a label without source is a group by itself."""
    groups: dict[tuple[str, int], list[Label]] = {}
    for index, label in enumerate(labels):
        groups.setdefault((label.span.file, -1 if source(label.span) else index), []).append(label)
    return list(groups.values())


def _in_words(label: Label, gutter: Gutter) -> list[Text]:
    code = [f"`{line}`" for line in (label.span.code or "").splitlines()[:1]]
    words = ": ".join(filter(None, (*code, label.text)))
    return [gutter.bar(), *gutter.aside(words)] if words else []


def _block(labels: Sequence[Label], primary: Label, style: str, gutter: Gutter) -> list[Text]:
    """All labels of one file, in the order of their lines."""
    by_line: dict[int, list[Mark]] = {}
    for label in labels:
        stroke, colour = ("^", style) if label is primary else ("-", "aside")
        by_line.setdefault(label.span.line or 0, []).append(_mark(label, stroke, colour, gutter))
    numbers = sorted(by_line)
    # One line left out takes as much room as the sign that says so.
    numbers = sorted({*numbers, *(low + 1 for low, high in pairwise(numbers) if high == low + 2)})
    texts = {number: linecache.getline(labels[0].span.file, number).rstrip() for number in numbers}
    margin = _margin(list(texts.values()), gutter)
    shown: list[Text] = []
    for previous, number in pairwise([numbers[0] - 1, *numbers]):
        if number > previous + 1:
            shown.append(gutter.gap())
        moved = [replace(m, start=m.start - margin, end=m.end - margin) for m in by_line.get(number, ())]
        shown += marks.lines(number, texts[number][margin:], moved, gutter)
    return [gutter.bar(), *shown, gutter.bar()]


def _mark(label: Label, stroke: str, style: str, gutter: Gutter) -> Mark:
    """The label's range on its first line: what is not known of it is taken as wide as the line."""
    span, text = label.span, source(label.span)
    indent = len(text) - len(text.lstrip())
    runs_on = span.end_line is not None and span.end_line != span.line
    start = min(max(span.column - 1, 0), len(text)) if span.column else indent
    end = len(text)
    if span.column and not runs_on:
        end = span.end_column - 1 if span.end_column else start + 1
    words = neutral(label.text, gutter.look)
    return Mark(start, max(end, start), stroke, style, words, runs_on)


def _margin(texts: Sequence[str], gutter: Gutter) -> int:
    """How many characters of common indentation to leave out, where room is short."""
    if all(Line(text, gutter.look).width <= gutter.room for text in texts):
        return 0
    return len(texts[0]) - len(dedent("\n".join(texts)).split("\n")[0])
