"""Where the way to the loss goes on without a value that nothing reads, and where the value was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from whygrad.causes.cause import Case, loss_span
from whygrad.causes.dropped import (
    beside,
    goes_nowhere,
    handed_back,
    handed_back_instead,
    is_let_go,
    loss_path,
    overwritten,
    rebound,
    takes_part,
)
from whygrad.causes.handing import chosen, handed_to, is_within, outside, together
from whygrad.causes.holder import along, holder, lets_go
from whygrad.causes.ignored import ignored_inside, shape_alone
from whygrad.causes.parts import doubled, other_part
from whygrad.span import Span

# The place that takes another value, and the place that made the one that is dropped; none where that is all one.
Places = tuple[Span | None, Span | None]


@dataclass(frozen=True)
class Lost:
    """A value that nothing on the way to the loss reads.

    Attributes:
        stack: the calls in which it was made, innermost first.
        later: the calls of what leads on to the loss after it.
    """

    case: Case
    end: int
    stack: tuple[Span, ...]
    later: list[tuple[Span, ...]]

    @cached_property
    def held(self) -> tuple[Span, set[str]]:
        """Where a function last holds it, and the names that do."""
        return holder(self.case, self.end, self.stack)

    @cached_property
    def beside(self) -> Span | None:
        """Where that function goes on without it."""
        dead, names = self.held
        return beside(dead, names, self.later, outside(dead, self.stack))


def takes_another(case: Case, end: int | None, stack: tuple[Span, ...]) -> Places:
    """Where the loss path goes on without a value, and where the value was made, both in one function.

    Args:
        end: a value that nothing on the way to the loss reads.
        stack: the calls in which it was made.
    """
    if end is None or not stack:
        return loss_span(case.graph), None
    lost = Lost(case, end, stack, list(loss_path(case, case.graph.value_op[end])))
    return next(places for way in _WAYS if (places := way(lost)) is not None)


def _bound_anew(lost: Lost) -> Places | None:
    place = lost.stack[0]
    return (place, None) if overwritten(lost.case, lost.end, place, lost.later) else None


def _other_part(lost: Lost) -> Places | None:
    place = other_part(lost.stack[0]) or rebound(lost.stack[0], lost.later)
    return (place, lost.stack[0]) if place is not None else None


def _ignored(lost: Lost) -> Places | None:
    place = ignored_inside(lost.stack, lost.later)
    return (place, lost.stack[0]) if place is not None else None


def _another_handed_back(lost: Lost) -> Places | None:
    place = handed_back_instead(lost.stack, lost.later)
    return (place, lost.stack[0]) if place is not None else None


def _twice(lost: Lost) -> Places | None:
    place = None if together(lost.held[0], lost.stack[0]) else doubled(lost.stack[0])
    return (place, lost.stack[0]) if place is not None else None


def _let_go(lost: Lost) -> Places | None:
    dead = lost.held[0]
    return (dead, dead) if is_let_go(dead) else None


def _shape_alone(lost: Lost) -> Places | None:
    dead, names = lost.held
    place = shape_alone(dead, names)
    return (place, dead) if place is not None else None


def _kept_to_itself(lost: Lost) -> Places | None:
    dead, names = lost.held
    place = handed_back(lost.case, dead, names, lost.stack) if lost.beside is None else None
    return (place, dead) if place is not None else None


def _nowhere(lost: Lost) -> Places | None:
    dead, names = lost.held
    return (dead, dead) if goes_nowhere(dead, names, lost.beside) else None


def _handed_on(lost: Lost) -> Places | None:
    dead = lost.held[0]
    place = handed_to(dead, lost.stack, lost.later)
    return (place, dead) if place is not None else None


def _on_the_way_up(lost: Lost) -> Places | None:
    """Where a library stands between the function and the holder, the function itself may know better."""
    for made, names in (lost.held, *along(lost.stack)):
        place = beside(made, names, lost.later, outside(made, lost.stack))
        if place is not None and (takes_part(place) or not is_within(place, made)):
            return place, made
    return None


def _dropped(lost: Lost) -> Places | None:
    dead, names = lost.held
    return (dead, None) if lets_go(dead, names) else None


def _elsewhere(lost: Lost) -> Places:
    """The first place of another function at which the way goes on, or else the loss."""
    mine = {span.function for span in lost.stack}
    others = (taken for taken in lost.later if taken[0].function not in mine)
    own = next((chosen([span for span in taken if span.function not in mine]) for taken in others), None)
    return (own or loss_span(lost.case.graph)), lost.held[0]


# Asked in this order; the last has an answer for everything.
_WAYS: tuple[Callable[[Lost], Places | None], ...] = (
    _bound_anew,
    _other_part,
    _ignored,
    _another_handed_back,
    _twice,
    _let_go,
    _shape_alone,
    _kept_to_itself,
    _nowhere,
    _handed_on,
    _on_the_way_up,
    _dropped,
    _elsewhere,
)
