"""Trips outside the framework that only the source text shows: from where a value left to the constant made of it.

A trip is claimed where, in the function that both places were called from, the expression that came in
depends through local names on the expression that went out.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from whygrad import source
from whygrad.flow import Flow
from whygrad.graph import Crossing, Graph
from whygrad.span import Span
from whygrad.ways import Trip

MOST_PAIRS = 400
# Functions of NumPy, and methods of its functions, that write to their first argument.
_WRITERS = frozenset("at copyto put place putmask".split())
_INDICES = ("int", "uint")


def trips(graph: Graph, flow: Flow, values: Sequence[int], opened: int) -> list[Trip]:
    """The trips from what the given values influence to constants that reach a loss.

    Args:
        values: the parameters that lack a gradient.
        opened: departures before this operation are another story (a replay buffer, a log).
    """
    influenced = set(flow.forward(values))
    leaving = [d for d in graph.departures if d.value in influenced and d.seq >= opened and d.stack]
    entering = _distinct([a for a in graph.arrivals if flow.influences(a.value) and a.stack])
    found = []
    known: dict[tuple[object, object], bool] = {}
    leaving = [d for d in leaving if not _is_choice(graph, flow, d.value)]
    for arrival in entering:
        for departure in leaving:
            if departure.seq > arrival.seq:
                continue
            places = (_places(departure), _places(arrival))
            if places not in known:
                known[places] = _flows(departure.stack, arrival.stack)
            if known[places]:
                found.append(Trip(departure, arrival))
            if len(found) > MOST_PAIRS:
                return found
    return found


def _is_choice(graph: Graph, flow: Flow, value: int) -> bool:
    """Whether a value is an index that was computed off the record: which action to take is no part of a loss."""
    if not graph.value(value).dtype.startswith(_INDICES):
        return False
    made = (graph.value_op[one] for one in flow.backward([value]))
    return any(barrier.kind == "recording-off" for op in made if op >= 0 for barrier in graph.barriers.get(op, ()))


def last_departure(graph: Graph, flow: Flow, value: int, opened: int) -> Crossing | None:
    """The last time that something a value influences left the framework."""
    influenced = set(flow.forward([value]))
    return next((d for d in reversed(graph.departures) if d.value in influenced and d.seq >= opened), None)


def _distinct(crossings: Sequence[Crossing]) -> list[Crossing]:
    """The last crossing of each place: a loop enters many times, and what each turn left behind ends in the last."""
    return list({_places(c): c for c in crossings}.values())


def _places(crossing: Crossing) -> tuple[object, ...]:
    return tuple([span.place() for span in crossing.stack])


def _flows(leaving: tuple[Span, ...], entering: tuple[Span, ...]) -> bool:
    """Whether the value that left flows, by name, into the one that came in."""
    common = _common(leaving, entering)
    if common is None:
        return False
    out, into = common
    function = source.function_at(out)
    if function is None:
        return False
    if out.place() == into.place():
        return False
    start, end = source.statement_at(out), source.statement_at(into)
    if start is None or end is None:
        return False
    if start is end:
        return _inside(out, into) or _inside(into, out)
    tainted = source.targets_of(start) | _written(start)
    if isinstance(start, ast.Return):
        return False
    return _reaches(function, tainted, end, into)


def _reaches(function: source.FunctionNode, tainted: set[str], end: ast.stmt, into: Span) -> bool:
    body = list(source.statements(function))
    changed = True
    while changed:
        changed = False
        for statement in body:
            bound = source.targets_of(statement)
            if bound - tainted and _reads(statement) & tainted:
                tainted |= bound
                changed = True
    node = source.node_at(into)
    return bool(source.names_in(node if node is not None else end) & tainted)


def _written(statement: ast.stmt) -> set[str]:
    """What a function of NumPy's, called on a line of its own, changes in place: ``np.add.at(sums, index, values)``."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _WRITERS:
        return set()
    return source.bound(call.args[0]) if call.args else set()


def _reads(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return source.names_in(statement.iter)
    value = getattr(statement, "value", None)
    return source.names_in(value) if isinstance(value, ast.AST) else set()


def _inside(inner: Span, outer: Span) -> bool:
    if None in (inner.line, inner.column, outer.line, outer.column):
        return inner.line == outer.line
    begin = (inner.line, inner.column) >= (outer.line, outer.column)
    return begin and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)


def _common(leaving: tuple[Span, ...], entering: tuple[Span, ...]) -> tuple[Span, Span] | None:
    """The two places in the innermost function that both stacks share."""
    for out in leaving:
        for into in entering:
            if out.file == into.file and out.function == into.function:
                outside = out.called_from[:1], into.called_from[:1]
                if [s.place() for s in outside[0]] == [s.place() for s in outside[1]] or not outside[0]:
                    return out, into
    return None
