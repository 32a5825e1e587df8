"""Parameters that a weight penalty alone moves: the data's own way to the loss is broken, and nobody hears of it."""

from __future__ import annotations

from collections.abc import Sequence

from whygrad import provenance
from whygrad.causes import CAUSES, CHAIN
from whygrad.causes.cause import Case, Explanation, code_of
from whygrad.causes.layers import layer_of
from whygrad.finding import Affected, Finding, Headline
from whygrad.flow import Flow
from whygrad.graph import Graph, Parameter
from whygrad.penalty import Penalties, penalties

_LINKS = ("read", "reaching", "carried")


def penalised(flow: Flow, asked: frozenset[str]) -> list[Finding]:
    """A warning for every parameter with a gradient that no data is in; the cause is the first broken link of the data.

    Args:
        flow: the whole graph's.
        asked: paths of the parameters that any request of the same step asked for.
    """
    graph = flow.graph
    suspects = [p for p in graph.parameters if p.asked and p.is_variable and flow.alive(p)]
    found = penalties(flow) if suspects and graph.error is None else None
    if found is None:
        return []
    data = _without(graph, found, suspects)
    merged: dict[object, tuple[str, Explanation, list[Parameter]]] = {}
    for parameter in suspects:
        told = (
            None
            if data.alive(parameter) or not _is_among(parameter, found, data)
            else _broken(Case(graph, data, parameter, _opened(graph), asked))
        )
        if told is not None:
            place = told[1].culprit.place() if told[1].culprit is not None else told[1].reason
            merged.setdefault((told[0], place), (*told, []))[2].append(parameter)
    return [_finding(found, *one) for one in merged.values()]


def _is_among(parameter: Parameter, found: Penalties, data: Flow) -> bool:
    """Whether it is penalised like others that data reaches; a layer of Keras has a penalty of its own.

    A term that the script writes for one parameter alone may be what it is to learn from. Where data reaches none, and
    all that is asked for is only to be small, the loss depends on it by another way, which is cut.
    """
    graph = data.graph
    if graph.framework == "tensorflow" or graph.library:
        return True
    asked = {p.value for p in graph.parameters if p.asked}
    alive = {value for value in asked if data.carries(value)}
    if not alive:
        return data.influences(parameter.value) and asked <= found.shrunk
    return any(parameter.value in group and group & alive for group in found.together)


def _opened(graph: Graph) -> int:
    return graph.recording.first_op


def _without(graph: Graph, found: Penalties, suspects: Sequence[Parameter]) -> Flow:
    """The flow of the data alone."""
    data = Flow(graph, (), found.operations)
    lost = [p.value for p in suspects if not data.influences(p.value)]
    if not lost or not graph.arrivals or not graph.departures:
        return data
    return Flow(graph, provenance.trips(graph, data, lost, _opened(graph)), found.operations)


def _broken(case: Case) -> tuple[str, Explanation] | None:
    """The first broken link of the data's way; a layer that is not known may have no other use by design."""
    if not case.flow.readers(case.parameter.value) and layer_of(case) is None:
        return None
    for link, ids in CHAIN:
        for id in ids if link in _LINKS else ():
            explanation = CAUSES[id].explain(case)
            if explanation is not None:
                return id, explanation
    return None


def _finding(found: Penalties, cause: str, explanation: Explanation, parameters: Sequence[Parameter]) -> Finding:
    line = f" (`{code_of(found.where)}`, line {found.where.line})" if found.where is not None else ""
    alone = "from a weight penalty alone"
    headline = Headline(f"gets its gradient {alone}", f"get their gradients {alone}", explanation.reason)
    return Finding(
        cause=cause,
        severity="warning",
        title=headline.of([p.name for p in parameters]),
        headline=headline,
        parameters=tuple(Affected(p.path, p.shape, p.dtype, "present", p.written) for p in parameters),
        culprit=explanation.culprit,
        labels=explanation.labels,
        chain=explanation.chain,
        notes=(*explanation.notes, f"no data is in what moves it: the penalty{line} draws it towards zero"),
        fix=explanation.fix,
        proof=explanation.proof,
        penalised=True,
    )
