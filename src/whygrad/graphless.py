"""Terms of a loss made of derivatives without a graph: nothing is learned from them, and the other terms hide it.

A residual of a differential equation, a penalty on a gradient's norm: what ``create_graph=True`` is missing for. A
derivative that only weighs another term, or goes through a model again (an attack, an inner step), is a constant by
intention.
"""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes import recording_off
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.learning import computed_with, trained, values_trained, weights
from whygrad.finding import Affected, Finding, Headline
from whygrad.flow import Flow
from whygrad.graph import NO_GRAPH, Parameter

# What a term is summed up by, element by element or over them, and in which of it values meet on a par.
_ON_A_PAR = frozenset("add sub radd rsub subtract cat stack mse_loss l1_loss smooth_l1_loss huber_loss".split())
_ON_THE_WAY = _ON_A_PAR | frozenset(
    "mul rmul multiply div divide true_divide rtruediv truediv neg pow rpow square abs sqrt exp log sin cos tanh clamp "
    "mean sum norm vector_norm linalg_norm linalg_vector_norm getitem select reshape view squeeze unsqueeze flatten "
    "transpose permute to float double clone contiguous".split()
)


def graphless(flow: Flow, asked: frozenset[str]) -> list[Finding]:
    """A warning for every such derivative.

    Args:
        flow: the whole graph's.
        asked: paths of the parameters that any request of the same step asked for.
    """
    graph = flow.graph
    if graph.error is not None or NO_GRAPH not in graph.names:
        return []
    found: dict[object, tuple[Explanation, list[Parameter]]] = {}
    for op in range(graph.recording.first_op, len(graph)):
        term = _term(flow, op) if graph.names[graph.op_name[op]] == NO_GRAPH else None
        alone = Flow(replace(graph, targets=(term,))) if term is not None else None
        for parameter in trained(flow) if alone is not None else ():
            if alone is None or alone.alive(parameter) or not alone.influences(parameter.value):
                continue
            told = recording_off.explain(Case(alone.graph, alone, parameter, graph.recording.first_op, asked))
            if told is not None and told.culprit is not None:
                found.setdefault(told.culprit.place(), (told, []))[1].append(parameter)
    return [_finding(*one) for one in found.values()]


def _term(flow: Flow, op: int) -> int | None:
    """What is made of a derivative of what is trained, and joins what learns by addition on its way to the loss."""
    graph, learning = flow.graph, computed_with(flow, values_trained(flow))
    if learning.isdisjoint(graph.inputs(op)):
        return None
    todo: list[tuple[int, int | None]] = [(value, None) for value in graph.outputs(op)]
    seen = set(todo)
    for value, term in todo:  # grows on the way
        if value in graph.targets and term is not None:
            return term
        for reader in flow.readers(value):
            others = set(graph.inputs(reader)) - {value}
            joined = term if term is not None or learning.isdisjoint(others) else value
            if not _goes_on(flow, reader, others, joined == value):
                continue
            new = [(sink, joined) for sink in graph.outputs(reader) if flow.influences(sink)]
            todo.extend(one for one in new if one not in seen)
            seen.update(new)
    return None


def _goes_on(flow: Flow, reader: int, others: set[int], joins: bool) -> bool:
    name = flow.graph.names[flow.graph.op_name[reader]].strip("_")
    return name in (_ON_A_PAR if joins else _ON_THE_WAY) and (not joins or weights(flow).isdisjoint(others))


def _finding(told: Explanation, parameters: list[Parameter]) -> Finding:
    headline = Headline("learns nothing from a term of the loss", "learn nothing from a term of the loss", told.reason)
    return Finding(
        cause=recording_off.ID,
        severity="warning",
        title=headline.of([p.name for p in parameters]),
        headline=headline,
        parameters=tuple(Affected(p.path, p.shape, p.dtype, "present", p.written) for p in parameters),
        culprit=told.culprit,
        labels=told.labels,
        chain=told.chain,
        notes=("other terms of the loss give gradients, so that nothing shows",),
        fix=told.fix,
        proof=told.proof,
        partly=True,
    )
