"""A function of a library that makes leaves of its own of a parameter: a norm that is split off, a part rebuilt."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.ways import Cut

WORDS = Words(
    "`{code}` makes new leaves of it, and what the loss comes from are these",
    "new leaves are made here, which nobody asks for",
    "make the optimizer after this call, of what the call has made",
)
_STOPS = frozenset(("detach", "data", "Parameter", "stop_gradient"))


def new_leaves(case: Case) -> Explanation | None:
    """What a call made of the parameter has taken its place in the model, and gets the gradient."""
    cuts = cut_by(case, "stop-gradient")
    if not cuts or not is_inside(cuts[0]):
        return None
    graph = case.graph
    made = graph.outputs(cuts[0].op)[cuts[0].barrier.output]
    if not any(p.value == made and not p.asked and case.flow.alive(p) for p in graph.parameters):
        return None
    return explain_cut(case, cuts, WORDS)


def is_inside(cut: Cut) -> bool:
    """Whether a function of a library stops a gradient, and not the text of the place."""
    call = source.node_at(cut.span) if cut.span is not None and cut.op >= 0 else None
    return isinstance(call, ast.Call) and not _called(call) & _STOPS


def _called(call: ast.Call) -> set[str]:
    """The names of the functions that are called within an expression."""
    functions = [node.func for node in ast.walk(call) if isinstance(node, ast.Call)]
    return {str(getattr(f, "attr", getattr(f, "id", ""))) for f in functions}
