"""What the ways of the link "applied" share: where the gradient is given, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.finding import Label
from whygrad.graph import Event
from whygrad.span import Span

# Judges one reason, given what the recorder noted last; ``None`` where it may be meant so.
Way = Callable[[Case, Event], Explanation | None]


def tell(case: Case, words: Words, place: Span | None, detail: str = "") -> Explanation:
    """The explanation of a place at which a gradient is lost after the backward pass."""
    request, history = case.graph.request[:1], case.parameter.history
    seen = {place.place()} if place is not None else set()
    labels = [Label(span, "the backward pass gives it here") for span in request if span.place() not in seen]
    seen |= {label.span.place() for label in labels}
    used = next((e.span for e in history if e.kind == "updated" and e.span is not None), None)
    if used is not None and used.place() not in seen:
        labels.append(Label(used, "its first step was for other variables, here"))
    return explained(words, place, alone(case), *labels, detail=detail)
