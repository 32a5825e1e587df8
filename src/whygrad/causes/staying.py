"""The edit that keeps a value inside the framework: another function of the same meaning, or a conversion left out."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from whygrad import imports, rewrite, source
from whygrad.causes.cause import ANY, Case, in_package, spoken
from whygrad.span import Span

# Functions of one array that mean the same under one name in NumPy or ``math`` and in each framework.
_SAME = frozenset("exp sqrt sin cos tan tanh sinh cosh abs square".split())
_OWN: Mapping[str, str] = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax.numpy", "keras": "keras.ops"}
# Those that are called otherwise there.
_OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "tensorflow": {
        "log": "math.log",
        "fabs": "abs",
        "clip": "clip_by_value",
        "mean": "reduce_mean",
        "sum": "reduce_sum",
        "maximum": "maximum",
        "minimum": "minimum",
    },
    "torch": {"log": "log", "fabs": "abs", "log1p": "log1p", "clip": "clip", "mean": "mean", "sum": "sum"},
    ANY: {"log": "log", "log1p": "log1p", "clip": "clip", "mean": "mean", "sum": "sum"},
}
_OUTSIDE = frozenset(("math", "numpy"))
# They give a number of Python's: left out, what they were given stays what it was.
_CONVERSIONS = frozenset(("float", "item"))
# They make a constant, whatever they are given.
_CONSTANTS = frozenset("tensor as_tensor from_numpy constant convert_to_tensor array asarray Variable full".split())


def kept_inside(case: Case, place: Span | None) -> rewrite.Edits:
    """The one call that takes a value out, made into what keeps it in.

    None where what becomes of the result is not plain arithmetic: another call may want a number or an array.

    Args:
        place: the call.
    """
    node = source.node_at(place) if place is not None else None
    if place is None or not isinstance(node, ast.Call) or in_package(place) or not _is_computed_with(place, node):
        return rewrite.NONE
    if any(_named(source.node_at(back)) in _CONSTANTS for back in _ways_back(case)):
        return rewrite.NONE
    if _named(node) in _CONVERSIONS:
        if isinstance(node.func, ast.Attribute) and node.args:
            return rewrite.NONE  # `item(0)` takes one of several
        return rewrite.unwrapped(place, _CONVERSIONS)
    own = _own_function(case, place, node)
    return rewrite.calling(place, own) if own is not None else rewrite.NONE


def _named(node: ast.AST | None) -> str:
    """The last name of what is called."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _ways_back(case: Case) -> list[Span]:
    """Where what left on the parameter's way came back."""
    graph, edges = case.graph, case.flow.way(case.parameter.value)
    trips = [edge for edge in edges if edge.barrier is not None and edge.barrier.kind == "left-framework"]
    sinks = {edge.sink for edge in trips}
    stacks = [graph.stacks[graph.op_stack[edge.op]] for edge in trips if edge.op >= 0]
    stacks += [arrival.stack for arrival in graph.arrivals if arrival.value in sinks]
    return [stack[0] for stack in stacks if stack]


def _own_function(case: Case, place: Span, call: ast.Call) -> str | None:
    """What does in the framework what a function of NumPy or ``math`` does, given the same."""
    module, name = _module_and_name(place.file, call.func)
    if module not in _OUTSIDE or call.keywords or not call.args or any(_converts(arg) for arg in call.args):
        return None
    instead = name if name in _SAME else spoken(_OTHERWISE, case).get(name)
    own = imports.spelled(place.file, _OWN[case.graph.library or case.graph.framework])
    return f"{own}.{instead}" if own is not None and instead is not None else None


def _module_and_name(file: str, function: ast.expr) -> tuple[str, str]:
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return "", ""
    said = function.value.id
    return next((module for module in _OUTSIDE if imports.spelled(file, module) == said), ""), function.attr


def _converts(node: ast.expr) -> bool:
    """Whether an argument is no tensor any more when the call gets it."""
    calls = (n.func.attr for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return not _CONVERSIONS.union(("numpy", "tolist")).isdisjoint(calls)


def _is_computed_with(place: Span, call: ast.Call) -> bool:
    """Whether the result is only added to, multiplied and compared, or bound to a name, in its own statement."""
    statement = source.statement_at(place)
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) or statement.value is None:
        return False
    around = [n for n in ast.walk(statement.value) if n is not call and any(each is call for each in ast.walk(n))]
    return all(isinstance(n, ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop) or _picks(n) for n in around)


def _picks(node: ast.AST) -> bool:
    """``min(..., 100.0)`` takes tensors too."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max")
