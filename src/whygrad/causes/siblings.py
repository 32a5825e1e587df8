"""Where a parameter that nobody read would have been: where the text names it, or where what is beside it is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import takewhile

from whygrad import source
from whygrad.causes.cause import Case, functions_in, in_package, quoted
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import Parameter
from whygrad.span import Span

_NAMED = "this names it, and no operation of this loss reads it"


def missing_at(case: Case) -> tuple[Span, str] | None:
    """The place in a function that ran, and what to say of it.

    A part is told by the first step of its path that no parameter which was read shares.
    """
    read = _read_last(case.flow, case.opened)
    parts = tuple(case.parameter.path.split("/"))
    shared = next((n for n in range(len(parts), -1, -1) if parts[:n] in read), len(parts))
    if shared == len(parts):
        return None
    own = parts[shared]
    if not own.isdigit() and own not in _steps_read(case.flow, case.opened):
        named = next(_mentions(case, own), None)
        if named is not None:
            return named, _NAMED
    reader, last = read[parts[:shared]]
    stack = case.graph.stacks[case.graph.op_stack[reader]]
    place = _handled(tuple(s for s in stack if not in_package(s)), last.path.split("/")[shared])
    return (
        None
        if place is None
        else (place, f"{quoted(last.name)} is read here, and {quoted(case.parameter.name)} is not")
    )


@once
def _read_last(flow: Flow, opened: int) -> Mapping[tuple[str, ...], tuple[int, Parameter]]:
    """Of all parameters whose paths begin alike, the one that was read last, and by which operation."""
    found: dict[tuple[str, ...], tuple[int, Parameter]] = {}
    for parameter in flow.graph.parameters:
        readers = flow.recorded_readers(parameter.value) if parameter.value >= 0 else []
        if not readers or readers[-1] < opened:
            continue
        parts = tuple(parameter.path.split("/"))
        for beginning in (parts[:n] for n in range(len(parts) + 1)):
            if beginning not in found or found[beginning][0] < readers[-1]:
                found[beginning] = readers[-1], parameter
    return found


@once
def _steps_read(flow: Flow, opened: int) -> frozenset[str]:
    """The steps of the paths of all that was read."""
    return frozenset(step for path in _read_last(flow, opened) for step in path)


def _mentions(case: Case, name: str) -> Iterator[Span]:
    """Where functions that ran speak of a part: ``params["name"]``, ``self.name``, ``Dense(name="name")``.

    What stands around the request, such as a print of what was learned, is no part of the loss.
    """
    request = case.graph.request
    for function, span in functions_in(_inside(stack, request) for stack in case.graph.stacks):
        for node in ast.walk(function):
            place = source.range_of(node, span) if names(node, name) else None
            if place is not None:
                yield place


def _inside(stack: tuple[Span, ...], request: tuple[Span, ...]) -> tuple[Span, ...]:
    """The part of a call stack that does not lead to the request."""
    pairs = zip(reversed(stack), reversed(request), strict=False)
    around = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return stack[: len(stack) - around]


def names(node: ast.AST, name: str) -> bool:
    """Whether an expression takes the part of that name, or makes it."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Load) and getattr(node.slice, "value", None) == name
    if isinstance(node, ast.Call):
        return any(k.arg == "name" and getattr(k.value, "value", None) == name for k in node.keywords)
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr == name


def _handled(stack: tuple[Span, ...], part: str) -> Span | None:
    """The innermost frame that names the part, or goes over it in a loop; else the innermost of all."""
    for span in stack:
        statement = source.statement_at(span)
        if part.isdigit():
            loop = _loop_around(span)
            if loop is not None:
                return loop
        elif statement is not None and any(names(node, part) for node in ast.walk(statement)):
            return span
    return stack[0] if stack else None


def _loop_around(span: Span) -> Span | None:
    """What the innermost loop around a place, in its function, goes over."""
    function = source.function_at(span)
    loops = [n for n in ast.walk(function) if isinstance(n, ast.For) and source.covers(n, span)] if function else []
    return source.range_of(loops[-1].iter, span) if loops else None
