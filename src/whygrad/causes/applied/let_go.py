"""New parameters that nobody reads: the next step begins with the old ones again."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TypeGuard

from whygrad import source
from whygrad.causes.applied.timed import has_clock, may_be_timed
from whygrad.causes.applied.unapplied import bound_again, tell
from whygrad.causes.around import dropped_beside, overwritten, put_back, takes_from_outside
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.holder import is_dropped, others_read
from whygrad.causes.renewed import rebinds
from whygrad.causes.words import Words
from whygrad.finding import Label
from whygrad.graph import Event
from whygrad.span import Span

# Keras' method that hands out copies of a model's variables.
_WEIGHTS = ".get_weights()"

_WORDS = Words(
    "what `{code}` hands back is dropped",
    "this hands back new parameters, and leaves the old as they are",
    "bind the result to the name that the next step reads",
    "each update began with the very same arrays, and nothing reads what it gave",
)


_AGAIN = Words(
    "`{code}` begins with the same parameters in every step",
    "what the step before has made of them is not taken up",
    "hand the next step what this one gives back, and do not put the old parameters in its place",
    "each step began with the same numbers; other results of the step before came back, the new parameters did not",
)


_CAPTURED = Words(
    "the compiled function around `{code}` holds the parameters of its first call as constants",
    "what stands outside of the function is read once, when it is compiled",
    "pass them to the compiled function as an argument, and ask for the gradient by that",
    "the compiled program has them as constants, and so began with the same numbers in each call",
)


_REBOUND = Words(
    "`{code}` makes a new tensor, and the parameter stays as it was",
    "the name stands for the new value now, and the parameter keeps the old one",
    "change it in place, under `torch.no_grad()`: `p -= rate * p.grad`",
    "it was computed from the gradient in each step, and the parameter held the same numbers each time",
)

_EDITED = Words(
    "`{code}` makes new numbers in NumPy, and the variable stays as it was",
    "a copy is changed here, and nothing writes it back",
    "write it back (`model.set_weights(weights)`), or change the variable itself: `variable.assign_sub(rate * g)`",
    "its gradient left for NumPy here, the variable was asked for again and again, and nothing moved it",
    "warning",
)


def let_go(case: Case, event: Event) -> Explanation | None:
    """What a call hands back; only its time may be wanted, all the more where it is the same call again and again.

    What a loop reads when it is over is that of the last turn: those before were made for nothing.
    """
    place = _let_go(case, event)
    if place is None and event.span is not None and overwritten(event.span, event.part) and not has_clock(event.span):
        return tell(case, _AGAIN, event.span)
    wanted = place is not None and not _is_beside(event) and may_be_timed(place)
    return _told(case, None if wanted else place)


def let_go_beside(case: Case, event: Event) -> Explanation | None:
    """The new parameters among what a call hands back, of which something else is read there."""
    return _told(case, _let_go(case, event) if _is_beside(event) else None)


def begun_again(case: Case, event: Event) -> Explanation | None:
    """The new parameters, where something else that the call hands back does go into the next."""
    place = _let_go(case, event)
    if place is not None or event.span is None:
        return _told(case, place)
    return tell(case, _AGAIN, put_back(event.span) or event.span)


def captured(case: Case, event: Event) -> Explanation | None:
    """What a compiled function took from around it, where what the call gives is bound to the same name."""
    request = case.graph.request[0] if case.graph.request else None
    if event.span is None or request is None or not takes_from_outside(request, event.span):
        return None
    told = tell(case, _CAPTURED, request)
    return replace(told, labels=(*told.labels, Label(event.span, "called here, and not given them")))


def given_again(case: Case, event: Event) -> Explanation | None:
    """What is made of the gradient and of the parameters, by the script itself."""
    return _told(case, dropped_beside(event.span) if event.span is not None else None)


def rebound(case: Case, event: Event) -> Explanation | None:
    """A new value that takes the name of a parameter, in a loop over them for instance, and nothing else."""
    return tell(case, _REBOUND, event.span) if event.span is not None and rebinds(event.span) else None


def edited(case: Case, event: Event) -> Explanation | None:
    """A step of gradient descent in NumPy: the gradient is taken off an array in its place."""
    statement = source.statement_at(event.span) if event.span is not None else None
    if event.span is None or not _descends(statement):
        return None
    return tell(case, _EDITED, source.range_of(statement, event.span) or event.span)


def _descends(statement: ast.stmt | None) -> TypeGuard[ast.stmt]:
    """Whether something is taken off what a statement binds anew; off the weights, where it makes a list."""
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, ast.Sub)
    if not isinstance(statement, ast.Assign):
        return False
    value, target = statement.value, ast.unparse(statement.targets[0])
    if isinstance(value, ast.ListComp):
        taken = ast.unparse(value.generators[0].iter)
        return isinstance(value.elt, ast.BinOp) and isinstance(value.elt.op, ast.Sub) and _WEIGHTS in taken
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub) and ast.unparse(value.left) == target


def _let_go(case: Case, event: Event) -> Span | None:
    return is_dropped(case, event.span, event.part) if event.span is not None else None


def _is_beside(event: Event) -> bool:
    return event.span is not None and others_read(event.span, event.part)


def _told(case: Case, place: Span | None) -> Explanation | None:
    """Where somebody reads the result, what for is not known."""
    return tell(case, _WORDS, place, edits=bound_again(place)) if place is not None else None
