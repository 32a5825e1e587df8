"""One source line and the marks beneath it, trimmed to the room there is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from rich.cells import cell_len
from rich.text import Text

from whygrad.render.gutter import Gutter
from whygrad.render.look import Look
from whygrad.render.neutral import pieces
from whygrad.render.prose import wrapped

_CUT = "..."
_LEAST_WORDS = 24
_SIGNS = {"|": "", "-": "removed", "+": "added"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A stroke under a range of a line, from 0, the end exclusive, with the words that belong to it.

    The style is the stroke's; the words have the one named after it.

    Attributes:
        runs_on: the range goes on in the lines below.
    """

    start: int
    end: int
    stroke: str
    style: str
    words: str = ""
    runs_on: bool = False

    @property
    def drawn(self) -> str:
        """The stroke at its full length."""
        return self.stroke * (self.end - self.start) + _CUT * self.runs_on

    @property
    def said(self) -> str:
        """The style of the words."""
        return f"said.{self.style}"

    @property
    def beside(self) -> int:
        """Where words beside the stroke start."""
        return self.start + len(self.drawn) + 1


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a line that is shown; ``shift`` cells of the whole line stand to its left."""

    text: str
    shift: int

    def under(self, mark: Mark, room: int) -> Mark:
        """A mark of the whole line, moved to where it stands in the window."""
        start = max(mark.start - self.shift, 0)
        limit = min(cell_len(self.text), room - len(_CUT) * mark.runs_on)
        return replace(mark, start=start, end=min(mark.end - self.shift, max(limit, start + 1)))


class Line:
    """A source line that knows at which cell each of its characters stands."""

    def __init__(self, source: str, look: Look) -> None:
        self._pieces = pieces(source.rstrip(), look)
        self._cells = list(accumulate(map(cell_len, self._pieces), initial=0))

    @property
    def width(self) -> int:
        """Cells of the whole line."""
        return self._cells[-1]

    def in_cells(self, mark: Mark) -> Mark:
        """A mark in characters, turned into cells; at least one cell wide, also past the line's end."""
        start, end = (self._cells[min(max(at, 0), len(self._pieces))] for at in (mark.start, mark.end))
        return replace(mark, start=start, end=max(end, start + 1))

    def window(self, start: int, end: int, room: int) -> _Window:
        """As much of the line as there is room for, with the cells from ``start`` to ``end`` in sight."""
        first, last = self._bounds(start, end, room)
        low, high = bisect_left(self._cells, first), bisect_right(self._cells, last) - 1
        head = _CUT if low else ""
        tail = _CUT if high < len(self._pieces) else ""
        return _Window(head + "".join(self._pieces[low:high]) + tail, self._cells[low] - len(head))

    def _bounds(self, start: int, end: int, room: int) -> tuple[int, int]:
        one_cut, two_cuts = room - len(_CUT), room - 2 * len(_CUT)
        if self.width <= room:
            return 0, self.width
        if end <= one_cut:
            return 0, one_cut
        first = start - max(two_cuts - (end - start), 0) // 2
        if first <= 0:
            return 0, one_cut
        if first + one_cut >= self.width:
            return self.width - one_cut, self.width
        return first, first + two_cuts


def lines(number: int, source: str, marks: Iterable[Mark], gutter: Gutter) -> list[Text]:
    """The line with its marks; marks too far apart for one window show the line once each."""
    line = Line(source, gutter.look)
    shown: list[Text] = []
    for group in _in_sight(line, marks, gutter.room):
        window = line.window(group[0].start, max(mark.end for mark in group), gutter.room)
        placed = [window.under(mark, gutter.room) for mark in group]
        shown.append(gutter.line(Text(window.text), number))
        rows = _joined(placed, gutter.room) or _stacked(placed, gutter.room)
        shown += [gutter.line(row) for row in rows]
    return shown or [unmarked(number, source, gutter)]


def unmarked(number: int, source: str, gutter: Gutter, sign: str = "|", at: int = 0) -> Text:
    """The line without marks, behind ``sign``, with the character at ``at`` in sight."""
    line = Line(source, gutter.look)
    spot = line.in_cells(Mark(at, at, "", ""))
    window = line.window(spot.start, spot.end, gutter.room)
    return gutter.line(Text(window.text, _SIGNS[sign]), number, sign, _SIGNS[sign] or "edge")


def _in_sight(line: Line, marks: Iterable[Mark], room: int) -> list[list[Mark]]:
    groups: list[list[Mark]] = []
    for mark in sorted(map(line.in_cells, marks), key=lambda mark: (mark.start, -mark.end)):
        group = groups[-1] if groups else []
        end = max([mark.end, *(other.end for other in group)])
        if group and (line.width <= room or end - group[0].start <= room - 2 * len(_CUT)):
            group.append(mark)
        else:
            groups.append([mark])
    return groups


def _joined(marks: Sequence[Mark], room: int) -> list[Text]:
    """All strokes on one row, the last words beside them if they fit, the others hanging from threads.

    Empty where strokes or words would collide, and where a single mark needs no thread.
    """
    last = marks[-1]
    beside = last.beside + cell_len(last.words) <= room
    hung = [mark for mark in marks if mark.words and not (beside and mark is last)]
    apart = all(left.beside <= right.start for left, right in pairwise(marks))
    fit = all(mark.start + cell_len(mark.words) <= room for mark in hung)
    if not (apart and fit) or (not beside and len(marks) == 1):
        return []
    rows = [_row(*map(_stroke, marks), (last.beside, last.words if beside else "", last.said))]
    if hung:
        rows.append(_row(*map(_thread, hung)))
    while hung:
        *hung, mark = hung
        rows.append(_row(*map(_thread, hung), (mark.start, mark.words, mark.said)))
    return rows


def _stacked(marks: Sequence[Mark], room: int) -> list[Text]:
    """A row of its own for each mark, and its words beside it or, where they do not fit, below it."""
    rows: list[Text] = []
    for mark in marks:
        if not mark.words or mark.beside + cell_len(mark.words) <= room:
            rows.append(_row(_stroke(mark), (mark.beside, mark.words, mark.said)))
        else:
            rows += [_row(_stroke(mark)), *_below(mark, room)]
    return rows


def _below(mark: Mark, room: int) -> list[Text]:
    """The words under the stroke; where the window's edge is near, they move to the left."""
    block = wrapped(Text(mark.words, mark.said), max(room - mark.start, min(_LEAST_WORDS, room)), 0)
    left = max(0, min(mark.start, room - max(row.cell_len for row in block)))
    return [Text(" " * left).append_text(row) for row in block]


def _stroke(mark: Mark) -> tuple[int, str, str]:
    return mark.start, mark.drawn, mark.style


def _thread(mark: Mark) -> tuple[int, str, str]:
    return mark.start, "|", mark.style


def _row(*parts: tuple[int, str, str]) -> Text:
    """A row with each part at its cell."""
    row = Text()
    for start, words, style in parts:
        row.append(" " * (start - row.cell_len)).append(words, style)
    row.rstrip()
    return row
