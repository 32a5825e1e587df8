"""From a line that TorchScript names to the one expression on it that an operation was made of."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping
from dataclasses import replace

from whygrad.recorders.torch import ops
from whygrad.recorders.torch.log import Ran
from whygrad.span import Span

# So long is a place that has no instruction.
_LINE_ALONE = 5
_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.MatMult: "matmul",
    ast.Pow: "pow",
    ast.Mod: "remainder",
    ast.FloorDiv: "floor_divide",
}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


def narrowed(stack: tuple[Span, ...], entry: Ran) -> tuple[Span, ...]:
    """The stack of an operation; where the first place is a line alone, with the range of the one expression of it."""
    if not stack or len(entry.stack[0]) != _LINE_ALONE:
        return stack
    place = stack[0]
    lines = linecache.getlines(place.file)
    if place.line is None or place.line > len(lines):
        return stack
    whole = lines[place.line - 1].strip()
    found = _expressions("".join(lines), place.line, ops.plain(entry.name))
    if len(found) != 1:
        return (replace(place, code=whole), *stack[1:])
    node = found[0]
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    exact = replace(
        place,
        column=_characters(lines[node.lineno - 1], node.col_offset) + 1,
        end_line=end_line,
        end_column=_characters(lines[end_line - 1], end) + 1,
        code=ast.get_source_segment("".join(lines), node),
    )
    return (exact, *stack[1:])


def _expressions(text: str, line: int, name: str) -> list[ast.expr]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    here = [node for node in ast.walk(tree) if isinstance(node, ast.expr) and node.lineno == line]
    return [node for node in here if name in (_called(node), _operator(node))]


def _called(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _operator(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):
        return _OPERATORS.get(type(node.op), "")
    return _COMPARISONS.get(type(node.ops[0]), "") if isinstance(node, ast.Compare) else ""


def _characters(line: str, offset: int) -> int:
    return len(line.encode("utf-8")[:offset].decode("utf-8", "replace"))
