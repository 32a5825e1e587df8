"""The laws of a well-formed Graph, one line each. Tests check every Graph that they make."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator

from whygrad.errors import LawBroken
from whygrad.graph import NOWHERE, Graph

CARRY = "carry"


def _inputs_precede_outputs(graph: Graph) -> Iterator[str]:
    makers, start = graph.value_op, graph.in_start
    for op in range(len(graph)):
        for value in graph.in_value[start[op] : start[op + 1]]:
            if makers[value] >= op and graph.op(op).name != CARRY:
                yield f"op {op} {graph.op(op).name} reads value {value} of a later op {makers[value]}"


def _one_producer(graph: Graph) -> Iterator[str]:
    seen = array("q", [NOWHERE]) * graph.values
    for op in range(len(graph)):
        for value in graph.outputs(op):
            if seen[value] != NOWHERE:
                yield f"value {value} is made by op {seen[value]} and again by op {op}"
            seen[value] = op
            if graph.value_op[value] != op:
                yield f"value {value} names op {graph.value_op[value]} as its producer, not {op}"


def _barriers_sit_on_pairs(graph: Graph) -> Iterator[str]:
    for op, barriers in graph.barriers.items():
        inputs, outputs = len(graph.inputs(op)), len(graph.outputs(op))
        for b in barriers:
            if not (0 <= b.input < inputs and 0 <= b.output < outputs):
                yield f"op {op} has a barrier on ({b.input}, {b.output}) but {inputs} inputs, {outputs} outputs"
        if len({(b.input, b.output) for b in barriers}) != len(barriers):
            yield f"op {op} has two barriers on one pair"


def _values_exist(graph: Graph) -> Iterator[str]:
    for value in (*graph.targets, *(p.value for p in graph.parameters), *graph.labels):
        if value != NOWHERE and not 0 <= value < graph.values:
            yield f"value {value} is named but does not exist"


def _spans_are_places(graph: Graph) -> Iterator[str]:
    for stack in graph.stacks:
        for span in stack:
            if (span.line is not None and span.line < 1) or (span.column is not None and span.column < 1):
                yield f"span {span.place()} counts from zero"


def _parameters_have_one_name(graph: Graph) -> Iterator[str]:
    for path, count in Counter(p.path for p in graph.parameters).items():
        if count > 1:
            yield f"two parameters are called {path}"


LAWS: tuple[Callable[[Graph], Iterator[str]], ...] = (
    _inputs_precede_outputs,
    _one_producer,
    _barriers_sit_on_pairs,
    _values_exist,
    _spans_are_places,
    _parameters_have_one_name,
)


def check(graph: Graph) -> None:
    """Raise ``LawBroken`` with every breach of a law in ``graph``."""
    breaches = [breach for law in LAWS for breach in law(graph)]
    if breaches:
        raise LawBroken("; ".join(breaches[:10]))
