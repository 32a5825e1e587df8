"""What a watched run came to, for a terminal: a table of layers, remarks, and where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from whygrad.render.gutter import place
from whygrad.render.look import Look, draw, paint
from whygrad.render.neutral import neutral
from whygrad.render.prose import remark, wrapped
from whygrad.watching.course import Course
from whygrad.watching.judgement import FEWEST_LOOKS, Remark
from whygrad.watching.rows import Row, rows_of
from whygrad.watching.watched import Watched

_MOST_ROWS = 40
_ENDS = 4  # rows shown at either end, whatever is said of them
_INDENT = 4


def health(watched: Watched, causes: Mapping[str, str], look: Look) -> str:
    """The table, then the remarks, then the verdict; no newline at the end.

    Args:
        causes: path of a parameter to the cause of a finding about it.
    """
    parts = []
    if watched.courses:
        rows = list(rows_of(watched.courses, watched.routes, watched.remarks))
        parts.append(draw(_table(rows, len(watched.courses) > 1, look), look))
    lines = [line for each in watched.remarks for line in _remark(each, causes, look)]
    lines += [line for note in watched.notes for line in remark("note", note, look)]
    lines += _verdict(watched, look)
    return "\n".join([*parts, paint(lines, look)])


def _table(rows: Sequence[Row], several: bool, look: Look) -> Table:
    table = Table(box=None, pad_edge=False, header_style="faint", padding=(0, 2, 0, 0))
    table.add_column("layer", overflow="fold")
    for head in ("gradient norm", "zeros", "update/weight"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("remark")
    for row in _shown(rows):
        if isinstance(row, int):
            table.add_row(Text(f"... {row} more", "faint"))
            continue
        name = f"{row.layer} ({row.optimizer})" if several else row.layer
        table.add_row(
            Text(neutral(name, look)),
            f"{_short(row.first)} -> {_short(row.last)}",
            "-" if row.zeros is None else f"{row.zeros:.0%}",
            _short(row.ratio),
            Text(", ".join(row.remarks), "warning"),
        )
    return table


def _shown(rows: Sequence[Row]) -> Iterator[Row | int]:
    """The rows, or of very many those that something is said of and the ends; a number for those left out."""
    kept = list(range(len(rows)))
    if len(rows) > _MOST_ROWS:
        ends = {*kept[:_ENDS], *kept[-_ENDS:]}
        said = [at for at in kept if rows[at].remarks and at not in ends][: _MOST_ROWS - 2 * _ENDS]
        kept = sorted(ends.union(said))
    last = -1
    for at in kept:
        if at > last + 1:
            yield at - last - 1
        yield rows[at]
        last = at


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def _remark(each: Remark, causes: Mapping[str, str], look: Look) -> list[Text]:
    known = dict.fromkeys(causes[path] for path in each.paths if path in causes)
    words = each.text
    if known:
        words += f"; the finding `{'`, `'.join(known)}` says why"
    elif each.cause:
        words += f" (`whygrad explain {each.cause}`)"
    if each.where is not None:
        words += f" --> {place(each.where, look)}"
    return remark("warning" if each.warns else "note", words, look)


def _verdict(watched: Watched, look: Look) -> Iterator[Text]:
    seen = ", ".join(f"{_looks(course)} of {name}" for name, course in watched.courses.items())
    warnings = sum(each.warns for each in watched.remarks)
    if not watched.courses:
        words = "no step of an optimizer was seen, and nothing was written"
    elif warnings:
        words = f"{warnings} warning{'s' if warnings > 1 else ''} about the gradients; looked at {seen}"
    elif _is_blind(watched.courses.values()):
        words = f"gradients could not be seen; looked at {seen}"
    elif max(course.looks for course in watched.courses.values()) < FEWEST_LOOKS:
        words = f"too few steps to judge the gradients by; looked at {seen}"
    else:
        words = f"the gradients look healthy; looked at {seen}"
    yield from _spoken(words, look)
    if watched.folder is not None:
        parent = look.path(str(watched.folder.parent))
        shown = look.path(str(watched.folder))
        yield from _spoken(f"written to {shown}; to see it: tensorboard --logdir {parent}", look)


def _is_blind(courses: Iterable[Course]) -> bool:
    return all(look.blind for course in courses for look in course.kept)


def _looks(course: Course) -> str:
    return f"{course.looks} of {course.steps} step{'s' if course.steps != 1 else ''}"


def _spoken(words: str, look: Look) -> list[Text]:
    return wrapped(Text.assemble(("whygrad watch:", "title"), f" {neutral(words, look)}"), look.width, _INDENT)
