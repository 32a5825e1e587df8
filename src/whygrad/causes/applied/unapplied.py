"""What the ways of the link "applied" share: where the gradient is given, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from whygrad import rewrite
from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.finding import Label
from whygrad.graph import Event
from whygrad.span import Span

# Judges one reason, given what the recorder noted last; ``None`` where it may be meant so.
Way = Callable[[Case, Event], Explanation | None]


# What hands back new parameters: in the place of which argument, or of the object whose method it is.
_NEW = {"apply_updates": 0, "apply_gradients": None}


def bound_again(place: Span | None) -> rewrite.Edits:
    """The new parameters bound to the name of the old ones, where a call of a library's makes the one of the other."""
    return rewrite.bound_again(place, _NEW) if place is not None else rewrite.NONE


def tell(
    case: Case, words: Words, place: Span | None, detail: str = "", edits: rewrite.Edits = rewrite.NONE
) -> Explanation:
    """The explanation of a place at which a gradient is lost after the backward pass."""
    request, history = case.graph.request[:1], case.parameter.history
    seen = {place.place()} if place is not None else set()
    labels = [Label(span, "the backward pass gives it here") for span in request if span.place() not in seen]
    seen |= {label.span.place() for label in labels}
    used = next((e.span for e in history if e.kind == "updated" and e.span is not None), None)
    if used is not None and used.place() not in seen:
        labels.append(Label(used, "its first step was for other variables, here"))
    told = explained(words, place, alone(case), *labels, detail=detail)
    return replace(told, fix=replace(told.fix, edits=edits)) if told.fix is not None else told
