"""Edits that move the statements of a block, or take a block away: exactly what they say, or none at all."""

from __future__ import annotations

import ast
import linecache

from whygrad import source
from whygrad.finding import Edit
from whygrad.rewrite import NONE, Edits
from whygrad.span import Span


def moved_inside(place: Span, opened: Span) -> Edits:
    """The one-line assignment around a place, moved into the ``with`` block that opens beside it."""
    moved, block = source.statement_at(place), source.statement_at(opened)
    body = _body_of(opened.file, block)
    if not isinstance(moved, ast.Assign) or not isinstance(block, ast.With) or moved not in body:
        return NONE
    first = next((s for s in block.body if not _watches_another(s, moved)), block.body[0])
    if moved.lineno != moved.end_lineno or first.lineno == block.lineno or not _alone(place.file, moved):
        return NONE
    distance = body.index(block) - body.index(moved)
    if distance == 1 and not source.targets_of(moved) & set().union(*map(source.names_in, block.items)):
        text = linecache.getline(place.file, moved.lineno).strip()
        indented = " " * first.col_offset + text + "\n"
        gone = Edit(place.file, moved.lineno, 1, moved.lineno + 1, 1, "")
        return (gone, Edit(place.file, first.lineno, 1, first.lineno, 1, indented))
    if distance == -1:
        deeper = " " * (first.col_offset - moved.col_offset)
        return (Edit(place.file, moved.lineno, 1, moved.lineno, 1, deeper),)
    return NONE


def _watches_another(statement: ast.stmt, moved: ast.Assign) -> bool:
    """Whether a statement only tells the recorder to follow something that is there before: that stays first."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    watches = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "watch"
    return watches and not source.targets_of(moved) & source.names_in(statement)


def begun_with(opened: Span, method: str, name: str) -> Edits:
    """A first line ``recorder.method(name)`` in the ``with`` block that opens at a place.

    The name must be bound before the block, and not in it.
    """
    block = source.statement_at(opened)
    if not isinstance(block, ast.With) or not name.isidentifier() or len(block.items) != 1:
        return NONE
    held, first = block.items[0].optional_vars, block.body[0]
    inside = [s for each in block.body for s in ast.walk(each) if isinstance(s, ast.stmt)]
    rebound = any(name in source.targets_of(statement) for statement in inside if not isinstance(statement, ast.Expr))
    if not isinstance(held, ast.Name) or first.lineno == block.lineno or rebound:
        return NONE
    if not source.holds_before(name, opened):
        return NONE
    line = " " * first.col_offset + f"{held.id}.{method}({name})\n"
    return (Edit(opened.file, first.lineno, 1, first.lineno, 1, line),)


def without_block(opened: Span) -> Edits:
    """A ``with`` line taken away, and what stands in its block moved out to where it stood.

    Args:
        opened: the one expression behind ``with``.
    """
    block = source.statement_at(opened)
    if not isinstance(block, ast.With) or len(block.items) != 1 or block.items[0].optional_vars is not None:
        return NONE
    first, last = block.body[0], block.body[-1]
    end = last.end_lineno or last.lineno
    if first.lineno == block.lineno or source.range_of(block.items[0].context_expr, opened) != opened:
        return NONE
    if any(_runs_over_lines(node) for node in ast.walk(block)):
        return NONE
    deeper = first.col_offset - block.col_offset
    lines = [n for n in range(block.lineno + 1, end + 1) if linecache.getline(opened.file, n).strip()]
    if any(linecache.getline(opened.file, n)[: first.col_offset].strip() for n in lines):
        return NONE
    line = Edit(opened.file, block.lineno, 1, block.lineno + 1, 1, "")
    return (line, *(Edit(opened.file, n, 1, n, 1 + deeper, "") for n in lines))


def _runs_over_lines(node: ast.AST) -> bool:
    """Whether a node is a text that the indentation of its lines belongs to."""
    text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
    return text and getattr(node, "lineno", 0) != getattr(node, "end_lineno", 0)


def without_decorator(decorator: Span) -> Edits:
    """The line of a decorator taken away."""
    function = source.function_at(decorator)
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or decorator.line is None:
        return NONE
    mine = [d for d in function.decorator_list if d.lineno == decorator.line == d.end_lineno]
    return (Edit(decorator.file, decorator.line, 1, decorator.line + 1, 1, ""),) if mine else NONE


def moved_behind(earlier: Span, later: Span) -> Edits:
    """A one-line assignment moved behind a later statement of its block, if nothing between speaks of what it binds.

    Nothing between may bind again what it reads, either, but the later statement itself, for whose sake it moves.
    """
    moved, there = source.statement_at(earlier), source.statement_at(later)
    block = _body_of(earlier.file, moved)
    if not isinstance(moved, ast.Assign) or there is None or there not in block or moved.lineno != moved.end_lineno:
        return NONE
    between = block[block.index(moved) + 1 : block.index(there) + 1]
    if not between or not _alone(earlier.file, moved) or not _alone(earlier.file, there):
        return NONE
    bound, read = source.targets_of(moved), source.names_in(moved.value)
    if any(read & source.targets_of(s) for s in between[:-1] if not isinstance(s, ast.Expr)):
        return NONE
    if any(bound & {part for name in source.names_in(s) for part in (name, name.partition(".")[0])} for s in between):
        return NONE
    end = (there.end_lineno or there.lineno) + 1
    line = linecache.getline(earlier.file, moved.lineno).rstrip("\n") + "\n"
    gone = Edit(earlier.file, moved.lineno, 1, moved.lineno + 1, 1, "")
    return (gone, Edit(earlier.file, end, 1, end, 1, line))


def _body_of(file: str, statement: ast.stmt | None) -> list[ast.stmt]:
    """The block in which a statement stands."""
    module = source.tree(file)
    for node in ast.walk(module) if module is not None and statement is not None else ():
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and statement in block:
                return block
    return []


def _alone(file: str, statement: ast.stmt) -> bool:
    """Whether nothing else stands on a statement's lines."""
    first, last = (linecache.getline(file, n or statement.lineno) for n in (statement.lineno, statement.end_lineno))
    rest = last.encode("utf-8")[statement.end_col_offset or 0 :].decode("utf-8").strip()
    return not first[: statement.col_offset].strip() and (not rest or rest.startswith("#"))
