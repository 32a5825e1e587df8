"""A gradient that comes through a computation from before the parameter was changed: it was made once, and kept."""

from __future__ import annotations

from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.graph import Parameter

KIND = "outdated"
_WORDS = Words(
    "`{code}` was computed once, and no later step computes it anew from what the parameter has become",
    "computed here, before the optimizer had changed it",
    "compute it anew for each loss, inside the loop",
    "the optimizer changed it in every step, and what the losses came from was always the same computation",
    "warning",
    "`retain_graph=True` lets the old computation be differentiated again, and brings no new numbers into it",
)


def is_outdated(parameter: Parameter) -> bool:
    """Whether its gradient belongs to numbers that it has no more."""
    return bool(parameter.history) and parameter.history[-1].detail == KIND


def outdated(case: Case) -> Explanation:
    """It is computed with once, and trained all the time."""
    return explained(_WORDS, case.parameter.history[-1].span, alone(case))
