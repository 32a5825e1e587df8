"""New running statistics that a model hands back beside its output, and that the next step never gets."""

from __future__ import annotations

from whygrad.causes.applied.unapplied import tell
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.holder import bound_by, is_returned
from whygrad.causes.words import Words
from whygrad.graph import Event

_REASON = "`{code}` makes new ones in each step, and the next step begins with the old ones"
_PROOF = "each step began with the same running statistics, and the model is applied elsewhere without making new ones"
_HERE = Words(
    _REASON,
    "the new ones are in the second part of what this hands back, and never come back here",
    "hand them on: return them from the loss function (`has_aux=True`), and give them to the next step and to the "
    "model where it is only used",
    _PROOF,
    "warning",
)
_ABOVE = Words(
    _REASON,
    "the new ones come back from here, and do not get to where the next step takes the old ones from",
    "put them there, beside the new parameters (`state.replace(batch_stats=...)`)",
    _PROOF,
    "warning",
)


def statistics(case: Case, event: Event) -> Explanation | None:
    """Where they are let go of: by the function that makes them, or by the one that called it."""
    if event.span is None:
        return None
    around = event.span.called_from[:1]
    if around and is_returned(event.span, bound_by(event.span, frozenset((1,)))):
        return tell(case, _ABOVE, around[0])
    return tell(case, _HERE, event.span)
