"""Walks the chain for each parameter, merges what shares a culprit, and names what stays unexplained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from whygrad import provenance
from whygrad.causes import CAUSES, LINKS
from whygrad.causes.applied.reasons import UNASKED
from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.constants import beside_constants
from whygrad.causes.once import once
from whygrad.causes.outdated import is_outdated, outdated
from whygrad.causes.refusals import behind, is_meant, is_refused
from whygrad.causes.remade import is_renewed
from whygrad.causes.unlisted import is_unlisted
from whygrad.causes.wrong_cures import AWAITED, argued
from whygrad.finding import Affected, Finding, Gradient, Headline, Label, Proof, Severity
from whygrad.flow import Flow
from whygrad.graph import Graph, Parameter
from whygrad.graphless import graphless
from whygrad.penalised import penalised
from whygrad.span import Span
from whygrad.spec import CARRY

UNEXPLAINED = "unexplained"
_RAISED = "graph-error"
Told = tuple[str, Explanation, list[Parameter]]


def diagnose(graph: Graph, asked: frozenset[str] = frozenset()) -> list[Finding]:
    """The findings of one request.

    Args:
        graph: what happened.
        asked: paths of the parameters that any request of the same step asked for.
    """
    asked = asked | {p.path for p in graph.parameters if p.asked}
    flow = _flow(graph)
    lone = [] if graph.ended else penalised(flow, asked)
    by_a_penalty = {p.path for finding in lone for p in finding.parameters}  # which may well be zero where that begins
    found: dict[object, Told] = {}
    for parameter in graph.parameters:
        if parameter.path in by_a_penalty or not (
            is_unapplied(parameter) if graph.ended else _suspect(parameter, flow)
        ):
            continue
        case = beside_constants(Case(graph, flow, parameter, graph.recording.first_op, asked))
        cause, explanation = _explain(case)
        if explanation is None:
            continue
        place = explanation.culprit.place() if explanation.culprit is not None else None
        key = (cause, place, explanation.reason if place is None else "")
        if key not in found:
            cures = (*explanation.wrong_cures, *argued(case, cause))
            found[key] = (cause, replace(explanation, wrong_cures=cures), [])
        elif found[key][1].fix != explanation.fix:
            found[key] = (cause, _without_edits(found[key][1]), found[key][2])
        found[key][2].append(parameter)
    # What raised for the reason of another parameter leaves this one without a gradient by the way.
    told = _folded([one for one in found.values() if one[0] != _RAISED] or list(found.values()), graph)
    findings = [_finding(graph, *one) for one in told]
    return findings if graph.ended else [*findings, *lone, *graphless(flow, asked)]


def _folded(found: Sequence[Told], graph: Graph) -> list[Told]:
    """One finding per cause and expression: what lies within another's culprit is told with that."""
    kept: list[Told] = []
    for one in sorted(found, key=lambda told: -_extent(told[1].culprit)):
        around = next((other for other in kept if other[0] == one[0] and _within(one, other)), None)
        if around is None:
            kept.append(one)
            continue
        parameters = sorted([*around[2], *one[2]], key=graph.parameters.index)
        same = around[1].fix == one[1].fix
        kept[kept.index(around)] = (around[0], around[1] if same else _without_edits(around[1]), parameters)
    return sorted(kept, key=lambda told: graph.parameters.index(told[2][0]))


def _extent(span: Span | None) -> int:
    return len((span.code if span is not None else None) or "")


def _within(one: Told, other: Told) -> bool:
    inner, outer = one[1].culprit, other[1].culprit
    if inner is None or outer is None or None in (*inner.place(), *outer.place()):
        return False
    return (
        inner.file == outer.file
        and inner.function == outer.function
        and _begin(outer) <= _begin(inner)
        and (_end(inner) <= _end(outer))
    )


def _begin(span: Span) -> tuple[int, int]:
    return (span.line or 0, span.column or 0)


def _end(span: Span) -> tuple[int, int]:
    return (span.end_line or 0, span.end_column or 0)


def _without_edits(explanation: Explanation) -> Explanation:
    """An edit is shown where it mends every parameter behind the culprit."""
    fix = explanation.fix
    return explanation if fix is None else replace(explanation, fix=replace(fix, edits=()))


def agrees(graph: Graph) -> list[str]:
    """The parameters for which the graph's verdict is not the framework's; a correct recorder gives none.

    Zeros go with either verdict: they may be the value, or stand for nothing.
    """
    flow = Flow(graph)
    decided = [p for p in graph.parameters if p.asked and p.gradient not in ("unknown", "zero")]
    return [p.path for p in decided if flow.alive(p) == (p.gradient == "none") and not zero_filled(p, flow)]


def _flow(graph: Graph) -> Flow:
    """The flow, with trips outside the framework where parameters are lost without a barrier to show."""
    flow = Flow(graph)
    lost = [
        p.value
        for p in graph.parameters
        if _suspect(p, flow) and p.asked and p.value >= 0 and not flow.influences(p.value)
    ]
    if not lost or not graph.arrivals or not graph.departures:
        return flow
    trips = provenance.trips(graph, flow, lost, graph.recording.first_op)
    return Flow(graph, trips) if trips else flow


def _suspect(parameter: Parameter, flow: Flow) -> bool:
    """Asked and got nothing, or a zero that the graph knows; or never asked, though its model holds it."""
    if not parameter.asked:
        lost = is_unlisted(parameter) or is_renewed(parameter)
        return parameter.tracked is False or is_unapplied(parameter) or lost
    if is_unapplied(parameter):
        return True
    if parameter.gradient == "none":
        return True
    if parameter.gradient == "zero":
        return not flow.alive(parameter) or bool(flow.graph.cotangents)
    if parameter.gradient == "nonfinite":
        return True
    # Traced zeros can not be looked at.
    return parameter.gradient == "present" and zero_filled(parameter, flow)


def zero_filled(parameter: Parameter, flow: Flow) -> bool:
    """Whether the gradient is there only because zeros were filled in, by a loop or in place of an answer.

    Every way to the loss is cut, and one of them inside a loop or at a barrier that hands back zeros; or there is none
    from a loop that reads it.
    """
    if flow.alive(parameter):
        return False
    if not flow.influences(parameter.value):
        return _is_read_in_a_loop(parameter, flow)
    edges = list(flow.way(parameter.value))
    loops = _loops(flow)
    if any(edge.op in loops or (edge.barrier is not None and _is_inside(edge.op, loops)) for edge in edges):
        return True
    return any(edge.barrier is not None and edge.barrier.zeros for edge in edges) or _meets_zeros(parameter, flow)


def _is_read_in_a_loop(parameter: Parameter, flow: Flow) -> bool:
    """Whether an operation reads it between the head of a loop and what a turn ends in."""
    readers = flow.readers(parameter.value) if parameter.value >= 0 else []
    loops = _loops(flow) if readers else {}
    return any(_is_inside(reader, loops) for reader in readers)


@once
def _loops(flow: Flow) -> Mapping[int, int]:
    """The heads of loops, and for each the operation that a turn of it ends in."""
    graph = flow.graph
    heads = [op for op in range(len(graph)) if graph.names[graph.op_name[op]] == CARRY]
    return {op: graph.value_op[graph.inputs(op)[1]] for op in heads}


def _is_inside(op: int, loops: Mapping[int, int]) -> bool:
    return any(head < op < end for head, end in loops.items())


def _meets_zeros(parameter: Parameter, flow: Flow) -> bool:
    graph = flow.graph
    zeros = [(op, b) for op, barriers in graph.barriers.items() for b in barriers if b.zeros]
    reached = set(flow.forward([parameter.value])) if zeros else set()
    return any(graph.inputs(op)[b.input] in reached and flow.influences(graph.outputs(op)[b.output]) for op, b in zeros)


def _explain(case: Case) -> tuple[str, Explanation | None]:
    if is_refused(case) and not is_meant(case):
        return UNEXPLAINED, None
    if not case.parameter.asked:
        unlisted = "wrong-source" if is_unlisted(case.parameter) else "not-updated"
        cause = "untracked" if case.parameter.tracked is False or is_renewed(case.parameter) else unlisted
        return cause, CAUSES[cause].explain(case)
    if is_outdated(case.parameter):
        return "not-called", outdated(case)
    if is_unapplied(case.parameter):
        return "not-updated", CAUSES["not-updated"].explain(case)
    useless = case.parameter.gradient in ("zero", "nonfinite") and case.flow.alive(case.parameter)
    causes = (*LINKS["alive"], *LINKS["applied"]) if useless else tuple(CAUSES)
    if case.graph.fault is not None and not case.graph.targets:  # there never was a loss to ask about
        causes = (*behind(case), _RAISED)
    for id in causes:
        explanation = CAUSES[id].explain(case)
        if explanation is not None:
            return id, explanation
    # A value without a known reason is no finding: many a zero is harmless.
    return UNEXPLAINED, None if useless else _unexplained(case)


def _unexplained(case: Case) -> Explanation:
    place = case.graph.request[0] if case.graph.request else None
    return Explanation(
        "whygrad can not explain it",
        place,
        (Label(place, "asked here"),) if place is not None else (),
        alone(case),
        ("this is a defect of whygrad: please report it with the script, or the part that makes this parameter",),
        proof=Proof(
            "structural", False, "the recorded graph shows a way for the gradient, and the framework gave none"
        ),
        severity="warning",
    )


def _finding(graph: Graph, cause: str, explanation: Explanation, parameters: Sequence[Parameter]) -> Finding:
    headline = Headline(*_fared(graph, parameters), explanation.reason)
    awaits = (AWAITED,) if any(p.awaited for p in parameters) else ()
    severity: Severity = explanation.severity
    return Finding(
        cause=cause,
        severity=severity,
        title=headline.of([p.name for p in parameters]),
        headline=headline,
        parameters=tuple(_affected(p) for p in parameters),
        culprit=explanation.culprit,
        labels=explanation.labels,
        chain=explanation.chain,
        notes=(*explanation.notes, *graph.notes, *awaits),
        fix=explanation.fix,
        wrong_cures=explanation.wrong_cures,
        proof=explanation.proof,
        unasked=not parameters[0].asked,
        awaited=bool(awaits),
        raised=graph.error,
        doubtful=explanation.doubtful,
    )


def _fared(graph: Graph, parameters: Sequence[Parameter]) -> tuple[str, str]:
    """How one parameter fared, and how several did."""
    if graph.fault is not None and not graph.request:  # it raised outside of any request
        return "is trained no further", "are trained no further"
    given = _given(parameters)
    return (f"gets {given}", f"get {given}") if parameters[0].asked else ("is not trained", "are not trained")


def is_unapplied(parameter: Parameter) -> bool:
    """Whether it has its gradient, and nobody applies it."""
    return _is_lost(parameter) and parameter.gradient in ("present", "unknown")


def _is_lost(parameter: Parameter) -> bool:
    return bool(parameter.history) and parameter.history[-1].kind in ("zeroed", "kept")


def _is_unasked(parameter: Parameter) -> bool:
    """Whether nobody ever asked for its gradient, so that there was none to be applied."""
    return _is_lost(parameter) and parameter.history[-1].detail in UNASKED


def _given(parameters: Sequence[Parameter]) -> str:
    if any(map(_is_unasked, parameters)):
        return "no gradient"
    if any(map(is_outdated, parameters)):
        return "the gradient of an old computation"
    if any(is_unapplied(p) for p in parameters):
        return "a gradient that is not applied"
    if all(p.gradient == "nonfinite" for p in parameters):
        return "a gradient that is not finite"
    return "only zeros" if all(p.asked and p.gradient in ("zero", "present") for p in parameters) else "no gradient"


def _affected(parameter: Parameter) -> Affected:
    gradients: dict[str, Gradient] = {"zero": "zero", "nonfinite": "nonfinite", "present": "zero"}
    seen: Gradient = gradients.get(parameter.gradient, "none") if parameter.asked else "none"
    gradient = "present" if is_unapplied(parameter) and not _is_unasked(parameter) else seen
    return Affected(parameter.path, parameter.shape, parameter.dtype, gradient, parameter.written)
