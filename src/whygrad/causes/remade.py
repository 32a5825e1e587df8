"""Parameters of a layer that the forward pass makes anew each time, and drops again."""

from __future__ import annotations

from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.graph import Parameter

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
    place = case.parameter.history[-1].span
    return explained(_ANEW, place, alone(case)) if case.flow.alive(case.parameter) else None
