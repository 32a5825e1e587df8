"""Numbers that are handed back beside the loss only to be shown: what they are made of is what the loss leaves out."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, in_package
from whygrad.graph import NOWHERE
from whygrad.span import Span


def made_of(case: Case, end: int | None) -> int | None:
    """The value that the one name stands for which a number beside the loss is computed from; else the value itself.

    Args:
        end: a value that nothing on the way to the loss reads.
    """
    place = _place(case, end) if end is not None and case.graph.value(end).shape == () else None
    name = _shown(place) if place is not None else None
    if end is None or place is None or name is None:
        return end
    seen, todo = {end}, [end]
    for value in todo:  # grows on the way
        if any(_binds(span, name, place) for span in _stack(case, value)):
            return value
        new = sorted({e.source for e in case.flow.into(value) if e.barrier is None} - seen, reverse=True)
        seen.update(new)
        todo += new
    return end


def _stack(case: Case, value: int) -> tuple[Span, ...]:
    op = case.graph.value_op[value]
    return case.graph.stacks[case.graph.op_stack[op]] if op != NOWHERE else ()


def _place(case: Case, value: int) -> Span | None:
    place = next(iter(_stack(case, value)), None)
    return None if place is None or in_package(place) else place


def _shown(place: Span) -> str | None:
    """The one variable of its function that a number is computed from, which stands behind the loss in a return."""
    statement, function = source.statement_at(place), source.function_at(place)
    given = statement.value if isinstance(statement, ast.Return) else None
    if not isinstance(given, ast.Tuple) or function is None:
        return None
    beside = next((part for part in given.elts[1:] if source.covers(part, place)), None)
    node = source.node_at(place)
    if beside is None or node is None:
        return None
    known = set().union(*(source.targets_of(s) for s in source.statements(function)))
    names = source.names_in(node) & known
    return names.pop() if len(names) == 1 else None


def _binds(span: Span, name: str, place: Span) -> bool:
    statement = source.statement_at(span) if (span.file, span.function) == (place.file, place.function) else None
    return isinstance(statement, ast.Assign) and name in source.targets_of(statement)
