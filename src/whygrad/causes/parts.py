"""Which part of a list, tuple or dict is taken: the others are let go of there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.span import Span


def other_part(place: Span) -> Span | None:
    """Where another part is taken of what holds the value of the expression at a place, and never its own.

    Such as ``[old, new(x)][0]``; or ``both = [old, new(x)]``, of which the function reads ``both[0]`` alone.
    """
    statement = source.statement_at(place)
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.Subscript) and _takes_another(node.slice, node.value, place):
            return source.range_of(node, place)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, function = statement.targets[0], source.function_at(place)
    if not isinstance(target, ast.Name) or function is None or _own_key(statement.value, place) is None:
        return None
    taken = list(_readings(function, target.id))
    if taken and all(node is not None and _takes_another(node.slice, statement.value, place) for node in taken):
        return source.range_of(taken[0], place) if taken[0] is not None else None
    return None


def _readings(function: source.FunctionNode, name: str) -> Iterator[ast.Subscript | None]:
    """Each reading of a name: the part that is taken, ``None`` where it is the whole."""
    parts = {id(n.value): n for n in ast.walk(function) if isinstance(n, ast.Subscript)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            yield parts.get(id(node))


def _takes_another(index: ast.expr, display: ast.expr, place: Span) -> bool:
    own, taken = _own_key(display, place), _constant(index)
    if own is None or taken is None:
        return False
    if isinstance(display, (ast.List, ast.Tuple)) and isinstance(taken, int) and taken < 0:
        taken += len(display.elts)
    return taken != own


def _own_key(display: ast.expr, place: Span) -> object:
    """The position or key under which a display of a list, tuple or dict holds the expression at a place."""
    if isinstance(display, (ast.List, ast.Tuple)) and not any(isinstance(e, ast.Starred) for e in display.elts):
        return next((i for i, each in enumerate(display.elts) if source.covers(each, place)), None)
    if isinstance(display, ast.Dict) and all(key is not None for key in display.keys):
        pairs = zip(display.keys, display.values, strict=True)
        return next((_constant(key) for key, value in pairs if source.covers(value, place)), None)
    return None


def _constant(node: ast.expr | None) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return -node.operand.value if isinstance(node.operand.value, int) else None
    return node.value if isinstance(node, ast.Constant) else None


def doubled(place: Span) -> Span | None:
    """Where a call is given a list that names one value twice, after another of its function was made and left out.

    Such as ``cat([h, h])`` behind ``context = ...``.

    Args:
        place: where the other value is made.
    """
    statement, function = source.statement_at(place), source.function_at(place)
    if not isinstance(statement, ast.Assign) or function is None:
        return None
    own = source.targets_of(statement)
    for following in source.statements(function):
        for call in ast.walk(following) if following.lineno > statement.lineno else ():
            given = call.args if isinstance(call, ast.Call) else []
            for display in given:
                if isinstance(display, (ast.List, ast.Tuple)) and _names_twice(display.elts, own):
                    return source.range_of(display, place)
    return None


def _names_twice(elements: list[ast.expr], own: set[str]) -> bool:
    names = [each.id for each in elements if isinstance(each, ast.Name)]
    return len(names) > len(set(names)) and own.isdisjoint(names)
