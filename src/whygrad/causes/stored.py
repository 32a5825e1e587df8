"""Where a value of a function is put so that it outlives the call: a global, an attribute, a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from whygrad import source
from whygrad.span import Span

# Methods that put their arguments into the object that they are called on.
_KEEPS = frozenset(("add", "append", "appendleft", "extend", "insert", "put", "setdefault", "update", "__setitem__"))


def stored(stack: Sequence[Span]) -> Span | None:
    """The statement that stores what is made at a place, in that function or in a caller that it is returned to.

    Args:
        stack: where the value is made, innermost first.
    """
    for place in stack:
        statement, function = source.statement_at(place), source.function_at(place)
        if statement is None or function is None:
            return None
        if _stores(statement, function):
            return source.range_of(statement, place)
        names = source.targets_of(statement)
        after = [s for s in source.statements(function) if s.lineno > statement.lineno]
        for later in after:
            if _stores(later, function) and names & _put(later):
                return source.range_of(later, place)
        if not isinstance(statement, ast.Return) and not any(
            names & _put(s) for s in after if isinstance(s, ast.Return)
        ):
            return None
    return None


def _stores(statement: ast.stmt, function: source.FunctionNode) -> bool:
    """Whether a statement puts something where it is found after the function is over."""
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return any(_is_outside(target, function) for target in targets)
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _KEEPS


def _is_outside(target: ast.expr, function: source.FunctionNode) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return any(_is_outside(each, function) for each in target.elts)
    if isinstance(target, ast.Name):
        return target.id in _outer_names(function)
    return isinstance(target, (ast.Attribute, ast.Subscript))


def _outer_names(function: source.FunctionNode) -> set[str]:
    """The names that a function declares to be those of the module or of a function around it."""
    said: Iterator[ast.stmt] = source.statements(function)
    return {name for s in said if isinstance(s, (ast.Global, ast.Nonlocal)) for name in s.names}


def _put(statement: ast.stmt) -> set[str]:
    """The names whose objects a statement hands on."""
    value = getattr(statement, "value", None)
    parts: list[object] = [value]
    if isinstance(statement, ast.Expr) and isinstance(value, ast.Call):
        parts = [*value.args, *(keyword.value for keyword in value.keywords)]
    return set().union(*(source.names_in(part) for part in parts if isinstance(part, ast.AST)))
