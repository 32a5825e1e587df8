"""A loss that waits for its backward pass while the optimizer of what it is made of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad.graph import NOWHERE, Event, Graph
from whygrad.recorders import frames
from whygrad.recorders.reaching import leading_to
from whygrad.recorders.torch.asking import Request


def waiting(closed: Graph, request: Request, called: Mapping[int, str]) -> Graph:
    """The Graph of a step that got nothing from any pass, told as what it is if a loss of its own was left waiting.

    That is a scalar to which all that was asked for has a way, computed when the passes that did run had theirs, and
    read by nothing. What the optimizer holds may have a cut way to the other losses, which is meant then.

    Args:
        called: the script's names for values.
    """
    asked = [p for p in closed.parameters if p.asked]
    if not request.step or request.error is not None or request.cleared or not closed.targets:
        return closed
    if not asked or any(p.gradient != "none" or p.value == NOWHERE for p in asked):
        return closed
    for value in reversed(_unread(closed)):
        if {p.value for p in asked} <= leading_to(closed, {value}):
            spans, name = frames.spans(request.step), called.get(value)
            event = Event("kept", spans[0], "another's backward", note=f"`{name}`" if name else "its own loss")
            waits = [replace(p, value=NOWHERE, gradient="unknown", history=(event,)) for p in asked]
            return replace(closed, request=spans, targets=(), parameters=tuple(waits))
    return closed


def _unread(closed: Graph) -> list[int]:
    """The scalars after the last loss that a backward pass was asked of which no operation reads, and nobody looks at.

    Metrics are looked at where they are made; a loss is printed after the step.
    """
    last = max(closed.value_op[target] for target in closed.targets)
    outputs = [v for op in range(last + 1, len(closed)) for v in closed.outputs(op)]
    read = set(closed.in_value) | {crossing.value for crossing in closed.departures}
    return [v for v in outputs if v not in read and _is_scalar(closed, v)]


def _is_scalar(closed: Graph, value: int) -> bool:
    shape = closed.shapes[closed.value_shape[value]]
    return shape is not None and all(size == 1 for size in shape) and "float" in closed.names[closed.value_dtype[value]]
