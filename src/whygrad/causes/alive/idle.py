"""A recurrent state that never moves: the step function hands it back as it came."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, in_package
from whygrad.span import Span
from whygrad.ways import Edge


def handed_back(case: Case, edge: Edge) -> Span | None:
    """Where the function around an operation returns, first of all, the state that the operation reads, unchanged.

    Args:
        edge: of an operation whose other factor is zero.
    """
    place = next((s for s in case.graph.op(edge.op).stack if not in_package(s)), None)
    node = source.node_at(place) if place is not None else None
    function = source.function_at(place) if place is not None else None
    if place is None or node is None or not isinstance(function, ast.FunctionDef) or not function.args.args:
        return None
    state = function.args.args[0].arg
    if state == "self" and len(function.args.args) > 1:
        state = function.args.args[1].arg
    body = list(source.statements(function))
    if state not in source.names_in(node) or any(state in source.targets_of(s) for s in body):
        return None
    returns = [s for s in body if isinstance(s, ast.Return)]
    if returns and all(_first(s) == state for s in returns):
        return source.range_of(returns[-1], place)
    return None


def _first(statement: ast.Return) -> str | None:
    """The name of the first part of what is returned, of several."""
    value = statement.value
    first = value.elts[0] if isinstance(value, ast.Tuple) and len(value.elts) > 1 else None
    return first.id if isinstance(first, ast.Name) else None
