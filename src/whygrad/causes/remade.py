"""Parameters of a layer that the forward pass makes anew each time, and drops again."""

from __future__ import annotations

from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.graph import Parameter

# Said of what no forward pass made.
BESIDE = "beside"
_ANEW = Words(
    "`{code}` makes it anew each time, and no model holds it",
    "a new layer is made here each time, with new weights",
    "make the layer once, in `__init__` of the model, and call it here",
    "more than one is made at this place, and a gradient would reach this one too",
)


def is_renewed(parameter: Parameter) -> bool:
    """Whether the script makes another one in its place in each forward pass."""
    return bool(parameter.history) and parameter.history[-1].kind == "renewed"


def renewed(case: Case) -> Explanation | None:
    """It would get a gradient, and is gone before the next step."""
    event = case.parameter.history[-1]
    if not case.flow.alive(case.parameter) or (event.detail == BESIDE and not _meets_what_learns(case)):
        return None
    return explained(_ANEW, event.span, alone(case))


def _meets_what_learns(case: Case) -> bool:
    """Whether it is combined with what other parameters computed; of the data alone, it may be there for its noise."""
    graph, flow = case.graph, case.flow
    own = [p.value for p in graph.parameters if is_renewed(p)]
    mine, leaves = set(own), {p.value for p in graph.parameters}
    for value in own:  # grows on the way
        for op in flow.readers(value):
            if any(v in flow.fed for v in graph.inputs(op) if v not in mine and v not in leaves):
                return True
            fresh = [v for v in graph.outputs(op) if v not in mine]
            own += fresh
            mine.update(fresh)
    return False
