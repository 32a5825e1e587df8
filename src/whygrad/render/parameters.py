"""The parameters behind a finding, as an aligned list."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from whygrad.finding import Affected
from whygrad.render.look import Look
from whygrad.render.neutral import neutral
from whygrad.render.prose import remark

_MOST = 8
_INDENT = " " * len("note: ")


def listing(parameters: Sequence[Affected], look: Look) -> list[Text]:
    """How many they are, and the first of them with as many columns as fit."""
    shown = parameters[:_MOST] if len(parameters) > _MOST + 1 else parameters
    rows = [_columns(parameter, look) for parameter in shown]
    if len({parameter.gradient for parameter in parameters}) == 1:
        rows = [row[:-1] for row in rows]
    table = _aligned(rows)
    while len(rows[0]) > 1 and max(map(cell_len, table)) > look.width:
        rows = [row[:-1] for row in rows]
        table = _aligned(rows)
    if len(shown) < len(parameters):
        table.append(f"{_INDENT}and {len(parameters) - len(shown)} more")
    return [*remark("note", f"{len(parameters)} parameters are affected:", look), *map(Text, table)]


def _columns(parameter: Affected, look: Look) -> list[str]:
    gradient = f"gradient: {parameter.gradient}"
    columns = (parameter.name, _shape(parameter.shape), parameter.dtype or "", gradient)
    return [neutral(column, look) for column in columns]


def _shape(shape: tuple[int | None, ...] | None) -> str:
    return "[...]" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [_INDENT + "  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def _padded(words: str, width: int) -> str:
    return words + " " * (width - cell_len(words))
