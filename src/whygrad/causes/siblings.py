"""Where a parameter that nobody read would have been: where the text names it, or where what is beside it is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.cause import Case, in_package, quoted
from whygrad.graph import Parameter
from whygrad.span import Span

_NAMED = "this names it, and no operation of this loss reads it"


def missing_at(case: Case) -> tuple[Span, str] | None:
    """The place in a function that ran, and what to say of it.

    A part is told by the first step of its path that no parameter which was read shares.
    """
    read = [p for p in case.graph.parameters if _readers(case, p)]
    parts = case.parameter.path.split("/")
    shared = max((_common(parts, p.path.split("/")) for p in read), default=0)
    if not read or shared >= len(parts):
        return None
    own = parts[shared]
    if not own.isdigit() and not any(own in p.path.split("/") for p in read):
        named = next(_mentions(case, own), None)
        if named is not None:
            return named, _NAMED
    beside = [p for p in read if _common(parts, p.path.split("/")) == shared]
    last = max(beside, key=lambda p: _readers(case, p)[-1])
    stack = case.graph.stacks[case.graph.op_stack[_readers(case, last)[-1]]]
    place = _handled(tuple(s for s in stack if not in_package(s)), last.path.split("/")[shared])
    return (
        None
        if place is None
        else (place, f"{quoted(last.name)} is read here, and {quoted(case.parameter.name)} is not")
    )


def _readers(case: Case, parameter: Parameter) -> list[int]:
    return (
        [op for op in case.flow.recorded_readers(parameter.value) if op >= case.opened] if parameter.value >= 0 else []
    )


def _common(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _mentions(case: Case, name: str) -> Iterator[Span]:
    """Where functions that ran speak of a part: ``params["name"]``, ``self.name``, ``Dense(name="name")``."""
    seen = set()
    for stack in case.graph.stacks:
        for span in stack:
            function = None if in_package(span) else source.function_at(span)
            if function is None or isinstance(function, ast.Module) or function in seen:
                continue
            seen.add(function)
            for node in ast.walk(function):
                if names(node, name):
                    place = source.range_of(node, span)
                    if place is not None:
                        yield place


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
