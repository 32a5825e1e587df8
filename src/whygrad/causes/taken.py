"""The edit that has the loss built from a value that was dropped: made only where nothing else is lost by it."""

from __future__ import annotations

import ast
from dataclasses import replace

from whygrad import rewrite, source
from whygrad.causes.cause import Case, in_package
from whygrad.causes.learning import trained
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import Graph
from whygrad.span import Span


def taken_instead(case: Case, place: Span | None, dropped: Span | None, end: int) -> rewrite.Edits:
    """The expression that the loss takes, replaced by the name of the dropped value; or that bound where it is let go.

    Args:
        place: the expression; ``dropped``: where the dropped value was made.
        end: the dropped value.
    """
    if place is not None and place == dropped:
        return rewrite.bound_again(place, {})
    name, function = case.graph.labels.get(end, ("", ""))
    if place is None or dropped is None or in_package(place) or function != place.function or place.column is None:
        return rewrite.NONE
    if not name.isidentifier() or not _holds(name, dropped, place):
        return rewrite.NONE
    found = _expression(case, place)
    if found is None or not _fits(case.graph, end, found[1]) or not _feeds_as_many(case.flow, end):
        return rewrite.NONE
    return rewrite.replaced(found[0], name)


def _holds(name: str, dropped: Span, place: Span) -> bool:
    """Whether the name still holds the dropped value at the place."""
    binding = source.binding(name, place)
    made = source.statement_at(dropped)
    if binding is None or made is None or not source.holds_before(name, place):
        return False
    return source.statement_at(binding) is made


def _expression(case: Case, place: Span) -> tuple[Span, int] | None:
    """The expression that stands for one value which the loss takes, and that value."""
    graph, node = case.graph, source.node_at(place)
    inside = {op for op in range(case.opened, len(graph)) if _ran_at(graph, op, place)}
    taken = {
        (value, op)
        for inner in inside
        for value in graph.outputs(inner)
        if case.flow.carries(value)
        for op in case.flow.readers(value)
        if op not in inside
    }
    if isinstance(node, ast.Call) and len({value for value, _ in taken}) == 1:
        value, reader = next(iter(taken))
        # What a layer gives: a loss function's result is made of more than the value it takes.
        scopes = [graph.names[graph.op_scope[op]] for op in (graph.value_op[value], reader)]
        return (place, value) if scopes[0] != scopes[1] and scopes[0].startswith(scopes[1]) else None
    if isinstance(node, ast.BinOp) and len(inside) == 1:
        operands = list(zip(graph.inputs(next(iter(inside))), (node.left, node.right), strict=False))
        fed = [(value, side) for value, side in operands if value in case.flow.fed and case.flow.carries(value)]
        if len(operands) == 2 and len(fed) == 1 and isinstance(fed[0][1], ast.Name):
            span = source.range_of(fed[0][1], place)
            return (span, fed[0][0]) if span is not None else None
    return None


def _ran_at(graph: Graph, op: int, place: Span) -> bool:
    return any(span.place() == place.place() for span in graph.stacks[graph.op_stack[op]])


def _fits(graph: Graph, end: int, taken: int) -> bool:
    """Whether the dropped value has the shape of what it replaces, or of what that is combined with."""
    new, old = graph.value(end), graph.value(taken)
    shapes = {old.shape} | {
        graph.value(other).shape for op in graph.ops() if taken in op.inputs for other in op.inputs if other != taken
    }
    return new.dtype == old.dtype and bool(new.shape) and new.shape in shapes


@once
def _feeds_as_many(flow: Flow, end: int) -> bool:
    """Whether every parameter that gets a gradient now would still get it through the dropped value."""
    through = Flow(replace(flow.graph, targets=(end,)))
    return all(map(through.alive, trained(flow)))
