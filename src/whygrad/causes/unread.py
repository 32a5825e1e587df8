"""What to say of a value that nothing on the way to the loss reads, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from whygrad import source
from whygrad.causes.cause import ANY, Case, code_of, quoted, spoken
from whygrad.causes.layers import called_at, layer_of, runs
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import Layer
from whygrad.span import Span


class Words(NamedTuple):
    """What is said of ``{layer}``."""

    reason: str
    label: str
    proof: str


RAN = Words(
    "the loss does not use the output of {layer}",
    "{layer} runs here, and nothing on the way to the loss reads what it gives",
    "{layer} ran, and no operation leads from it to the loss",
)
PART = Words(
    "the loss uses only a part of what {layer} gives",
    "{layer} runs here, and nothing on the way to the loss reads one part of what it gives",
    "{layer} ran, and no operation leads from this part to the loss",
)
USED = Words(
    "the loss does not use what is computed with {layer}",
    "{layer} is used here, and nothing on the way to the loss reads what comes of it",
    "{layer} was read, and no operation leads from it to the loss",
)
_INSTEAD = "the loss is built from this instead"
BARE = "no parameter takes part in this term of the loss"
_INSIDE = "no loss that is made in here reads it"
_OVERWRITTEN = "the next turn of the loop puts its own result in the place of this one"
_LET_GO = "a part of what this gives is never read"

# What to do where a library makes the losses.
_FIT = "give the output that {layer} leads to a loss of its own: by its name in `compile`, with a target in `fit`"
INSIDE: Mapping[str, str] = {
    "keras": _FIT,
    "tensorflow": _FIT,
    ANY: "use the output of {layer} in the loss",
}


def spoken_of(case: Case, dropped: Span | None) -> tuple[str, Words]:
    """The layer that gives what is dropped, else that which holds the parameter, or the parameter used by itself."""
    parameter = case.parameter
    if (giver := called_at(case, dropped)) is not None:
        return giver, PART if dropped is not None and _is_used_in_part(case.flow, dropped) else RAN
    layer = layer_of(case)
    if not parameter.is_variable or layer is None or _only_keeps(case, layer):
        return parameter.owner or parameter.name, USED
    inside = dropped is not None and layer.forward is not None and layer.forward.spans(dropped)
    return (parameter.name, USED) if inside else (parameter.owner or parameter.name, RAN)


def _only_keeps(case: Case, layer: Layer) -> bool:
    """Whether nothing runs in a layer, such as a list of parameters, in a graph that knows what runs where."""
    names = {op.scope for op in map(case.graph.op, case.flow.readers(case.parameter.value))}
    return any(names) and not runs(case, layer)


def cure(case: Case, name: str, layer: str, place: Span | None, dropped: Span | None) -> str:
    """What to do: with the name of the value where it has one, else with the call that gives it."""
    if name:
        return f"build the loss from {quoted(name)}"
    if dropped is not None and place is not None:
        if _is_used_in_part(case.flow, dropped):
            return f"use all parts of what {quoted(code_of(dropped))} gives on the way to the loss"
        return f"use what {quoted(code_of(dropped))} gives in the loss"
    if place is not None and trains(case, place):
        return spoken(INSIDE, case).format(layer=quoted(layer))
    return f"use the output of {quoted(layer)} in the loss"


def taking(case: Case, place: Span, own: bool) -> str:
    """What is said of the place that takes another tensor, or lets go of its ``own``."""
    if trains(case, place):
        return _INSIDE
    if own:
        return _OVERWRITTEN if source.is_repeated(place) else _LET_GO
    return _INSTEAD


@once
def _is_used_in_part(flow: Flow, dropped: Span) -> bool:
    """Whether something else that comes of the call at a place does lead to the loss."""
    graph = flow.graph
    here = {n for n, stack in enumerate(graph.stacks) if any(s.place() == dropped.place() for s in stack)}
    return any(graph.op_stack[op] in here and any(map(flow.carries, graph.outputs(op))) for op in range(len(graph)))


def trains(case: Case, place: Span) -> bool:
    """Whether a place is the one call that makes the loss and asks for gradients."""
    return any(asked.place() == place.place() for asked in case.graph.request[:1])
