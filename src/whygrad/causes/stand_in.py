"""What the loss is computed with in the place of parameters that nothing reads: a copy, a target, an older snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from whygrad.causes.cause import Case, Explanation, code_of, in_package, quoted
from whygrad.causes.once import once
from whygrad.causes.switched import switch_around
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.flow import Flow
from whygrad.graph import Graph, Parameter, Shape
from whygrad.span import Span

_COPIES = frozenset("clone Parameter detach data:get contiguous to requires_grad_ unrecorded".split())


def read_instead(case: Case) -> Explanation | None:
    """The call that reads others of the very shapes of all that is asked for and never read."""
    lost = _lost(case.flow, case.opened)
    place = _place(case.flow, case.opened) if case.parameter in lost else None
    if place is None:
        return None
    code = code_of(place)
    return Explanation(
        f"{quoted(code)} is computed with other weights of the same shapes",
        place,
        (Label(place, "what is read here is not what is asked for"),),
        (Step("parameter", case.parameter.name, case.parameter.made()), Step("cut", f"[{code}]", place)),
        fix=Fix(f"compute it with {quoted(_shared([p.name for p in lost]))}"),
        proof=Proof("structural", True, "nothing of this loss reads it, and others of the same shapes are read here"),
    )


@once
def _lost(flow: Flow, opened: int) -> tuple[Parameter, ...]:
    """What is asked for and that no operation of this loss reads."""
    asked = [p for p in flow.graph.parameters if p.asked and not flow.influences(p.value)]
    return tuple(p for p in asked if p.value < 0 or not any(op >= opened for op in flow.recorded_readers(p.value)))


@once
def _place(flow: Flow, opened: int) -> Span | None:
    """The innermost call on the way to the loss that reads leaves of just the shapes that are lost."""
    own: Counter[Shape | None] = Counter(p.shape for p in _lost(flow, opened))
    if len(own) < 2 or None in own:
        return None
    places: dict[tuple[object, ...], tuple[Span, dict[int, Shape | None]]] = {}
    for stack, value in _leaves_read(flow, opened):
        if (shape := flow.graph.value(value).shape) in own and not any(
            switch_around(span) is not None for span in stack
        ):
            for span in stack:
                places.setdefault(span.place(), (span, {}))[1][value] = shape
    found = [span for span, read in places.values() if Counter(read.values()) == own and not in_package(span)]
    return max(found, key=lambda span: len(span.stack()), default=None)


def _leaves_read(flow: Flow, opened: int) -> Iterator[tuple[tuple[Span, ...], int]]:
    """Where each leaf or copy that is not asked for is read on the way to the loss."""
    graph: Graph = flow.graph
    asked = {p.value for p in graph.parameters if p.asked}
    for op in range(opened, len(graph)):
        if not _copies(graph, op) and any(flow.influences(value) for value in graph.outputs(op)):
            for value in graph.inputs(op):
                if value not in asked and _copies(graph, graph.value_op[value]):
                    yield graph.stacks[graph.op_stack[op]], value


def _copies(graph: Graph, op: int) -> bool:
    """Whether an operation hands its input on as it is; what no operation made is taken as it is, too."""
    return op < 0 or graph.names[graph.op_name[op]] in _COPIES


def _shared(names: list[str]) -> str:
    """So much of their paths as some names share; the first one where that is nothing."""
    parts = [name.split(".") for name in names]
    length = next((n for n, step in enumerate(zip(*parts, strict=False)) if len(set(step)) > 1), 0)
    return ".".join(parts[0][:length]) or names[0]
