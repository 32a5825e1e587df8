"""Stops that are meant: the stopped value is the constant that another one, which learns, is measured against."""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.cause import Case
from whygrad.causes.learning import values_trained
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import Graph

_STOP = "stop-gradient"
# What leads to a constant by itself: another stop, a pass that nothing recorded, a copy kept for later.
_ASIDE = frozenset((_STOP, "recording-off", "state-write"))


def beside_constants(case: Case) -> Case:
    """The case as it is without the ways through stops that are meant, where another way is cut as well.

    The encoder of a quantiser meets a stop in the codebook's own loss and an argmin on the way that it should learn by.
    """
    flow, value = case.flow, case.parameter.value
    if not flow.influences(value) or flow.carries(value):
        return case
    stops = flow.cuts(value)
    if any(cut.barrier.kind != _STOP or cut.op < 0 for cut in stops):
        return case
    other = _hiding(flow, frozenset(cut.op for cut in stops))
    if not other.influences(value) or not _is_way_of_its_own(other, value, flow):
        return case
    places = [(cut.op, cut.barrier.output) for cut in stops]
    meant = (weighs_what_learns(flow, *place) or value in _scaled_by(flow, *place, other) for place in places)
    return replace(case, flow=other) if all(meant) else case


@once
def _hiding(flow: Flow, ops: frozenset[int]) -> Flow:
    return Flow(flow.graph, flow.trips, flow.hidden | ops)


def _is_way_of_its_own(flow: Flow, value: int, whole: Flow) -> bool:
    """Whether no stop cuts the way, and no index on it picks among what the value leads to as well."""
    graph = flow.graph
    cuts = flow.cuts(value)
    if not cuts or any(cut.barrier.selects or cut.barrier.kind in _ASIDE for cut in cuts):
        return False
    reached: set[int] = set()
    for edge in flow.way(value):
        if edge.barrier is not None and edge.barrier.selects:
            reached = reached or set(whole.forward([value]))
            if any(other in reached for n, other in enumerate(graph.inputs(edge.op)) if n != edge.barrier.input):
                return False
    return True


@once
def _scaled_by(flow: Flow, op: int, output: int, other: Flow) -> frozenset[int]:
    """What the values that a stopped one meets are made of, on the other way: a scale or a norm of the same parameter.

    Args:
        op, output: of the cut that stops it.
        other: the flow without the stops.
    """
    graph = flow.graph
    met = [
        value
        for edge in flow.way(graph.outputs(op)[output])
        for value in (graph.inputs(edge.op) if edge.op >= 0 else ())
        if value != edge.source and other.influences(value) and graph.value(value).shape
    ]
    return frozenset(other.backward(met))


@once
def weighs_what_learns(flow: Flow, op: int, output: int) -> bool:
    """Whether a stopped value meets one that learns: it may be meant to be a constant there (an advantage, a target).

    Args:
        op, output: of the cut that stops it.
    """
    graph, learning = flow.graph, values_trained(flow)
    for edge in flow.way(graph.outputs(op)[output]) if learning else ():
        others = [value for value in graph.inputs(edge.op) if value != edge.source] if edge.op >= 0 else []
        if any(value in flow.fed and not _is_weight(graph, value, learning) for value in others):
            return True
    return False


def _is_weight(graph: Graph, value: int, learning: frozenset[int]) -> bool:
    """Whether a value is a parameter, as it is read or reshaped: a weight that is applied is no target."""
    while value not in learning:
        op = graph.value_op[value]
        if op < 0 or not graph.inputs(op):
            return False
        value, *others = graph.inputs(op)
        if any(_is_computed(graph, other) for other in others):
            return False
    return True


def _is_computed(graph: Graph, value: int) -> bool:
    """Whether it is a number that something made, or an index that was chosen: neither only reads a parameter."""
    op = graph.value_op[value]
    barriers = graph.barriers.get(op, ())
    if graph.value(value).dtype.startswith("float"):
        return all(barrier.kind != "state-write" for barrier in barriers)
    return _is_chosen(graph, value)


def _is_chosen(graph: Graph, value: int) -> bool:
    """Whether an index was computed from numbers, by comparing them."""
    todo, seen = [value], {value}
    for each in todo:
        op = graph.value_op[each]
        for source in graph.inputs(op) if op >= 0 else ():
            if graph.value(source).dtype.startswith("float"):
                return True
            if source not in seen:
                seen.add(source)
                todo.append(source)
    return False
