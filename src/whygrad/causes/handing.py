"""Values that are handed to a function, and what that takes instead: which of the calls has chosen."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from whygrad import source
from whygrad.causes.cause import in_package
from whygrad.span import Span


def together(one: Span, other: Span) -> bool:
    """Whether two places are in one function."""
    return one.file == other.file and one.function == other.function


def alike(one: list[object], other: list[object]) -> bool:
    """Whether two lists of calls around a function are the same, so far as both were kept."""
    known = min(len(one), len(other))
    return one[:known] == other[:known]


def outside(place: Span, stack: Sequence[Span]) -> list[object]:
    """The places of the calls that led to the function around a place of a stack."""
    return [s.place() for s in stack[next((n for n, s in enumerate(stack) if s.place() == place.place()), -1) + 1 :]]


def is_within(one: Span, other: Span) -> bool:
    """Whether one of two places is a part of the other: they can not stand in each other's stead, then."""
    return _begins_in(one, other) or _begins_in(other, one)


def _begins_in(one: Span, other: Span) -> bool:
    if one.file != other.file or one.column is None or other.column is None:
        return False
    begins = [((s.line or 0), (s.column or 0)) for s in (one, other)]
    return begins[1] <= begins[0] < ((other.end_line or 0), (other.end_column or 0))


def handed_to(dead: Span, stack: Sequence[Span], later: Sequence[Sequence[Span]]) -> Span | None:
    """Where a function that is given a value, as an argument of its call, goes on without it.

    Args:
        dead: the call of the stack that still holds the value; ``stack``: those in which it was made.
        later: the calls of what leads on to the loss after that.
    """
    reach = next((n for n, s in enumerate(stack) if s.place() == dead.place()), -1)
    for made in stack[: reach + 1]:
        for taken in later:
            n = next((n for n, s in enumerate(taken) if together(s, made)), 0)
            if n and alike(outside(taken[n], taken), outside(made, stack)) and _is_given(made, taken[n]):
                return chosen(taken[:n])
    return None


def _is_given(made: Span, call: Span) -> bool:
    """Whether what is made at a place is an argument of a call, as it is."""
    node, own = source.node_at(call), source.node_at(made)
    given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
    return own is not None and any(own is one for one in given)


def chosen(taken: Sequence[Span]) -> Span:
    """Of the calls of a computation, innermost first, the one that chooses what is computed with.

    A function that computes with its arguments alone, each as a whole, leaves the choice to its caller.
    """
    own = [span for span in taken if not in_package(span)] or list(taken)
    return next((span for span in own if not _hands_on(span)), own[-1])


def _hands_on(place: Span) -> bool:
    node, function = source.node_at(place), source.function_at(place)
    if node is None or not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    arguments = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    local = arguments.union(*(source.targets_of(s) for s in source.statements(function)))
    whole = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & local
    parts = {
        n.value.id
        for n in ast.walk(node)
        if isinstance(n, (ast.Attribute, ast.Subscript)) and isinstance(n.value, ast.Name)
    }
    return bool(whole) and whole <= arguments and not parts & local
