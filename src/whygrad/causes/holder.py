"""Which function still holds a value that nobody reads: where it was made, or the caller it was returned to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from typing import TypeGuard

from whygrad import source
from whygrad.causes.cause import Case
from whygrad.graph import NOWHERE
from whygrad.span import Span

# Calls that hand back what a layer gives and, after it, its state.
_STATELESS = frozenset(("stateless_call",))
# Calls that only wait for a result to be there.
_WAITS = frozenset(("block_until_ready",))
# Methods that put what they are given into a list, a dict or a set.
_STORING = frozenset("append appendleft extend insert add update setdefault".split())
# Which parts of a returned tuple or dict hold the value; None: the returned object as a whole.
Parts = frozenset[object] | None


def holder(case: Case, value: int, stack: tuple[Span, ...]) -> tuple[Span, set[str]]:
    """The frame that holds a value, and its names there.

    Args:
        value: a value that ends somewhere.
        stack: the frames in which it was made, innermost first.
    """
    label = case.graph.labels.get(value)
    if label is not None:
        root = label[0].split(".")[0].split("[")[0]
        for span in stack:
            if span.function == label[1]:
                return span, {root}
    names = bound_by(stack[0], _first_of(stack[0]))
    asked = case.graph.request[0].place() if case.graph.request else None
    for index, span in enumerate(stack):
        returned, parts = _returned(span, names)
        # What a differentiated function hands back beside the loss goes no further on the way to the loss.
        if not returned or index + 1 == len(stack) or stack[index + 1].place() == asked:
            return span, names
        above = bound_by(stack[index + 1], parts if parts is not None else _first_of(stack[index + 1]))
        if _all_lead_on(case, above, stack[index + 1]):
            return span, names
        names = above
    return stack[-1], names


def along(stack: tuple[Span, ...]) -> Iterator[tuple[Span, set[str]]]:
    """Each frame in which a value was made, with the names that may hold it there, as far as it is handed back."""
    names: set[str] = bound_by(stack[0], _first_of(stack[0])) if stack else set()
    for span, above in zip(stack, (*stack[1:], None), strict=True):
        yield span, names
        returned, parts = _returned(span, names)
        names = bound_by(above, parts if parts is not None else _first_of(above)) if returned and above else set()


def _all_lead_on(case: Case, names: set[str], place: Span) -> bool:
    """Whether each of these names holds a tensor from which a gradient comes: none of them is what nobody reads."""
    held = {name: value for value, (name, function) in case.graph.labels.items() if function == place.function}
    return bool(names) and all(name in held and case.flow.carries(held[name]) for name in names)


def _first_of(place: Span) -> Parts:
    """Which part of its result a call hands the value on as, where that is known of the call."""
    node = source.node_at(place)
    function = node.func if isinstance(node, ast.Call) else None
    stateless = isinstance(function, ast.Attribute) and function.attr in _STATELESS
    return frozenset((0,)) if stateless else None


def is_dropped(case: Case, place: Span, part: int | None = None) -> Span | None:
    """Where the result of a call is let go of, if nobody reads it there.

    Args:
        place: the call, with those around it.
        part: the part of a tuple that counts; ``None`` for the whole.
    """
    if part is not None:
        statement = source.statement_at(place)  # in `wait_for(step(..))` somebody looks at it
        alone = isinstance(statement, ast.Expr) and source.node_at(place) is statement.value
        return place if alone or is_unread(place, bound_by(place, frozenset((part,)))) else None
    held, names = holder(case, NOWHERE, (place, *place.called_from))
    statement, function = source.statement_at(held), source.function_at(held)
    if isinstance(statement, ast.Expr):
        return held
    if not names or function is None or isinstance(statement, ast.Return):
        return None
    return held if is_unread(held, names) else None


def others_read(place: Span, part: int | None) -> bool:
    """Whether another part of what a call hands back is read there, and not only waited for."""
    statement, function = source.statement_at(place), source.function_at(place)
    if part is None or statement is None or function is None:
        return False
    others = source.targets_of(statement) - bound_by(place, frozenset((part,)))
    waited = {id(n) for s in source.statements(function) if _is_wait(s) for n in ast.walk(s)}
    return not all(is_unread(place, {name}, waited) for name in others)


def _is_wait(statement: ast.stmt) -> bool:
    function = (
        statement.value.func if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else None
    )
    return isinstance(function, ast.Attribute) and function.attr in _WAITS


def lets_go(place: Span, names: set[str]) -> bool:
    """Whether a function never reads some of the names that what it was given is taken apart into."""
    return len(names) > 1 and any(is_unread(place, {name}) for name in names)


def is_unread(place: Span, names: set[str], apart: Set[int] = frozenset()) -> bool:
    """Whether all of these are plain names that the function around a place never reads, some nodes apart."""
    function = source.function_at(place)
    if not names or function is None:
        return False
    read = {n.id for n in _loads(function) if id(n) not in apart}
    return all(name.isidentifier() and name not in read for name in names)


def _loads(function: ast.AST) -> Iterator[ast.Name]:
    """The names that a function reads, with those that functions inside it take from around themselves."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
            yield child
        inside = _loads(child)
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            own = source.locals_of(child)
            inside = (name for name in inside if name.id not in own)
        yield from inside


def bound_by(place: Span, parts: Parts) -> set[str]:
    """The names that hold (the given parts of) the value of the expression at a place."""
    statement = source.statement_at(place)
    if statement is None or isinstance(statement, ast.Expr):
        return source.targets_of(statement) if statement is not None and _stores(statement.value, place) else set()
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple) and len(statement.targets) == 1:
        target, given = statement.targets[0], statement.value.elts  # side by side: `a, b = f(x), g(x)`
        if isinstance(target, ast.Tuple) and len(target.elts) == len(given):
            chosen = [t for t, each in zip(target.elts, given, strict=True) if source.covers(each, place)]
            if len(chosen) == 1 and not isinstance(chosen[0], ast.Starred):
                return source.bound(chosen[0])
    if isinstance(statement, ast.Assign) and parts is not None and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, (ast.Tuple, ast.List)) and source.covers(statement.value, place):
            chosen = [t for i, t in enumerate(target.elts) if i in parts]
            return set().union(*(source.bound(t) for t in chosen)) if chosen else set()
    return source.targets_of(statement)


def _stores(call: ast.expr, place: Span) -> bool:
    """Whether a call puts what is made at a place, one of its arguments, into the object whose method it is."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _STORING:
        return False
    return any(source.covers(given, place) for given in call.args)


def is_returned(place: Span, names: set[str]) -> bool:
    """Whether the function around a place hands back what these names hold."""
    return bool(names) and _returned(place, names)[0]


def _returned(place: Span, names: set[str]) -> tuple[bool, Parts]:
    """Whether the function around a place returns what these names hold, or the place itself; and as which parts."""
    function = source.function_at(place)
    if function is None or isinstance(function, (ast.Module, ast.Lambda)):
        return False, None
    for statement in source.statements(function):
        if isinstance(statement, ast.Return) and statement.value is not None:
            kept = {name for name in names if not _is_bound_anew(function, name, place, statement)}
            parts = _parts(statement.value, _spread(function, kept, place.line or 0), place)
            if parts is not None:
                return True, None if parts == frozenset(("all",)) else parts
    return False, None


def _is_bound_anew(function: source.FunctionNode, name: str, place: Span, end: ast.stmt) -> bool:
    """Whether a function certainly binds a name to something else between a place and one of its returns."""
    body = function.body if not isinstance(function, ast.Lambda) else []
    between = [s for s in body if (place.line or 0) < s.lineno < end.lineno and isinstance(s, ast.Assign)]
    return any(name in source.targets_of(s) and name not in source.names_in(s.value) for s in between)


def _parts(value: ast.expr, held: set[str], place: Span) -> frozenset[object] | None:
    """Where in a returned expression the value is; ``None`` if it is not in it."""
    if isinstance(value, (ast.Tuple, ast.List)):
        inside: frozenset[object] = frozenset(i for i, e in enumerate(value.elts) if _holds(e, held, place))
    elif isinstance(value, ast.Dict):
        inside = frozenset(
            getattr(k, "value", None) for k, v in zip(value.keys, value.values, strict=True) if _holds(v, held, place)
        )
    else:
        return frozenset(("all",)) if _holds(value, held, place) else None
    return inside or None


def _holds(node: ast.expr, held: set[str], place: Span) -> bool:
    lent = [part for part in ast.walk(node) if is_lent(part)]
    return bool(_carried(node) & held) or (
        source.covers(node, place) and not any(source.covers(call.func, place) for call in lent)
    )


def is_lent(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a call computes with a part of an object (``out.hidden.mean(1)``): that part has a reader, then."""
    function = node.func if isinstance(node, ast.Call) else None
    return isinstance(function, ast.Attribute) and isinstance(function.value, (ast.Attribute, ast.Subscript))


def _is_read(node: ast.AST) -> bool:
    """Whether an expression computes with a part of an object by taking elements (``out.hidden[:, 0]``)."""
    index = node.slice if isinstance(node, ast.Subscript) else None
    return isinstance(index, ast.Tuple) and any(isinstance(each, ast.Slice) for each in index.elts)


def _carried(node: ast.AST) -> set[str]:
    """The names whose objects may be, or be in, what an expression gives."""
    if _is_read(node):
        return set()
    if isinstance(node, (ast.Name, ast.Attribute)):
        return source.names_in(node)
    lent = node.func if is_lent(node) else None
    return set().union(*(_carried(child) for child in ast.iter_child_nodes(node) if child is not lent))


def _spread(function: source.FunctionNode, names: set[str], first: int) -> set[str]:
    """These names and all that may hold the same in the function, by its statements from a line on."""
    changed = True
    while changed:
        changed = False
        for statement in source.statements(function):
            value = getattr(statement, "value", None)
            if not isinstance(value, ast.AST) or isinstance(statement, ast.Return) or statement.lineno < first:
                continue
            if _carried(value) & names:
                new = source.targets_of(statement) - names
                names |= new
                changed = changed or bool(new)
    return names
