"""A difference or quotient of two values that were computed alike, from the same: what they give back cancels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from whygrad.causes.alive.birth import Birth, name_of, tell
from whygrad.causes.cause import Explanation
from whygrad.causes.once import once
from whygrad.causes.words import Words
from whygrad.flow import Flow
from whygrad.graph import NOWHERE

_MEETING = frozenset("sub subtract div realdiv truediv true_divide divide".split())
_WORDS = Words(
    "`{code}` puts a value against itself: both sides are computed alike, from the same parameters",
    "both sides are the same in every step",
    "let one side be a constant: what was stored when the data were collected, or `stop_gradient` (`detach`) on it",
)


def against_itself(birth: Birth) -> Explanation | None:
    """What reads a parameter twice, in the same way, where the two meet."""
    case, value = birth.case, birth.edge.source
    if len({name_of(case, edge) for edge in birth.edges}) != 1 or len(birth.edges) < 2:
        return None
    below, alike = set(case.flow.forward([value])), _alike(case.flow)
    for made in sorted(below):
        edges = [edge for edge in case.flow.into(made) if edge.source in below]
        sides = [edge.source for edge in edges]
        meets = len(edges) == 2 and sides[0] != sides[1] and name_of(case, edges[0]) in _MEETING
        if meets and alike[sides[0]] == alike[sides[1]]:
            return tell(replace(birth, edge=edges[0]), _WORDS, "what the two sides give back adds up to nothing")
    return None


@once
def _alike(flow: Flow) -> list[int]:
    """For each value a number that is the same for values which the same operations make of the same."""
    graph, known = flow.graph, dict[Hashable, int]()
    found = list(range(graph.values))
    sources = {p.value for p in graph.parameters}
    for value in range(graph.values):
        op = graph.value_op[value]
        if op != NOWHERE and graph.inputs(op):  # what reads nothing may draw other numbers each time
            key: Hashable = (
                graph.op_name[op],
                list(graph.outputs(op)).index(value),
                tuple(found[v] for v in graph.inputs(op)),
            )
            found[value] = known.setdefault(key, value)
        elif op == NOWHERE and value not in sources and graph.value(value).shape == ():
            found[value] = known.setdefault(("number", graph.value(value).dtype), value)
    return found
