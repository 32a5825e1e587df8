"""What a function does around one of its calls: with its answer, with its arguments, and in the next turn of a loop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.holder import bound_by, is_unread
from whygrad.span import Span

_LOOPS = (ast.For, ast.AsyncFor, ast.While)

# What makes new parameters of old ones, in any library of pure functions.
_MAKERS = frozenset(("map", "tree_map", "apply_updates", "apply_gradients"))


def dropped_beside(place: Span) -> Span | None:
    """Where something is computed of a request's arguments and its answer, in the same function, that nobody reads.

    Args:
        place: the request.
    """
    for statement, value, asked in _computed_beside(place):
        made = set() if isinstance(statement, ast.Expr) else source.targets_of(statement)
        if isinstance(value, ast.Call) and not made & asked:
            alone = isinstance(statement, ast.Expr) and _gives_something(value, place)
            if alone or (isinstance(statement, ast.Assign) and is_unread(place, made)):
                return source.range_of(value, place)
    return None


def _gives_something(call: ast.Call, place: Span) -> bool:
    """Whether what is called is known to hand something back: by its name, or by its text in the same file."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    module = source.tree(place.file)
    own = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef) and n.name == name] if module else []
    returns = (s for function in own for s in source.statements(function) if isinstance(s, ast.Return))
    return name in _MAKERS or any(s.value is not None for s in returns)


def updated_beside(place: Span) -> Span | None:
    """Where the function around a request first computes with its arguments and its answer.

    Args:
        place: the request.
    """
    return next((source.range_of(value, place) for _, value, _ in _computed_beside(place)), None)


def put_back(place: Span) -> Span | None:
    """Where a loop binds anew what a call in it has bound, before the call is made again.

    Args:
        place: the call.
    """
    call, function = source.statement_at(place), source.function_at(place)
    if not isinstance(call, ast.Assign) or function is None:
        return None
    loop = innermost_loop(function, call)
    inside = [s for s in ast.walk(loop) if isinstance(s, ast.Assign) and s is not call] if loop is not None else []
    again = (s for s in inside if source.targets_of(s) & source.targets_of(call) & source.names_in(call.value))
    return next((source.range_of(s.value, place) for s in again), None)


def overwritten(place: Span, part: int | None) -> bool:
    """Whether a loop reads nothing of what a call in it gives before the next turn puts its own in the place.

    Args:
        part: the part of a tuple that counts; ``None`` for the whole.
    """
    statement, function = source.statement_at(place), source.function_at(place)
    names = bound_by(place, frozenset((part,)) if part is not None else None)
    loop = innermost_loop(function, statement) if function is not None and statement is not None else None
    if loop is None or not names or not isinstance(statement, ast.Assign):
        return False
    return not any(isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in names for n in ast.walk(loop))


def takes_from_outside(request: Span, call: Span) -> bool:
    """Whether a request reads what it is asked of under the name to which a call of its function binds the result."""
    asked, bound = source.node_at(request), source.statement_at(call)
    if not isinstance(asked, ast.Call) or not isinstance(bound, ast.Assign):
        return False
    return any(source.names_in(given) & source.targets_of(bound) for given in asked.args)


def innermost_loop(function: source.FunctionNode, statement: ast.stmt) -> ast.stmt | None:
    """The innermost loop of a function around a statement."""
    loops = [s for s in source.statements(function) if isinstance(s, _LOOPS) and statement in ast.walk(s)]
    return loops[-1] if loops else None


def _computed_beside(place: Span) -> Iterator[tuple[ast.stmt, ast.expr, set[str]]]:
    """The statements of a request's function that read its arguments and its answer: what of, and names of both."""
    request, function, call = source.statement_at(place), source.function_at(place), source.node_at(place)
    if request is None or function is None or not isinstance(call, ast.Call):
        return
    answer = source.targets_of(request)
    asked = set().union(*(source.names_in(a) for a in call.args)) if call.args else set[str]()
    for statement in source.statements(function):
        value = getattr(statement, "value", None)
        if isinstance(value, ast.expr) and statement is not request:
            read = source.names_in(value)
            if read & answer and read & asked:
                yield statement, value, asked | answer
