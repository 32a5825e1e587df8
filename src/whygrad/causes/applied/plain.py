"""What the recorder saw to be wrong beyond doubt, and where: it only wants saying."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from whygrad import rewrite, source
from whygrad.causes.applied.plain_words import PLAIN
from whygrad.causes.applied.unapplied import bound_again, tell
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.graph import Event
from whygrad.span import Span

# How a learning rate in force is read.
_RATES: Mapping[str, str] = {
    "keras": "`float(optimizer.learning_rate)`",
    "tensorflow": "`float(optimizer.learning_rate)`",
    "jax": "`schedule(1000)`",
    ANY: "`optimizer.param_groups[0]['lr']`",
}

_ASSIGNMENTS = (ast.Assign, ast.AugAssign)
# The argument of an optimizer that is its learning rate; Keras takes it as the first, too.
_RATE_NAMES = frozenset(("lr", "learning_rate"))


def slowed(case: Case, event: Event) -> Explanation | None:
    """A group that no rate moves; a 0 that the script writes there is meant."""
    text = source.tree(event.span.file) if event.span is not None else None
    meant = text is None or any(_writes_zero(node) for node in ast.walk(text))
    return None if meant else plain(case, event)


def _writes_zero(node: ast.AST) -> bool:
    """Whether a learning rate of 0 is written in a dict or as an argument."""
    if isinstance(node, ast.Dict):
        pairs = [(getattr(k, "value", None), v) for k, v in zip(node.keys, node.values, strict=True)]
    else:
        pairs = [(node.arg, node.value)] if isinstance(node, ast.keyword) else []
    return any(name == "lr" and isinstance(v, ast.Constant) and v.value == 0 for name, v in pairs)


def plain(case: Case, event: Event) -> Explanation | None:
    """The gradient was there, and what happened then kept it from the parameter."""
    edits = bound_again(event.span) if event.detail == "unreturned" else rewrite.NONE
    words = PLAIN[_finer(event)]
    return tell(case, words, _whole(event.span), event.note or spoken(_RATES, case), edits)


def _finer(event: Event) -> str:
    """The row for a reason, by what stands at its place."""
    if event.detail == "rate" and _says_another(event.span):
        return "rate changed"
    call = source.node_at(event.span) if event.detail == "cleared" and event.span is not None else None
    name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
    return "clipped away" if name.startswith("clip") else event.detail


def _whole(place: Span | None) -> Span | None:
    """The whole assignment, where a place is what is assigned to."""
    node = source.node_at(place) if place is not None else None
    statement = source.statement_at(place) if place is not None else None
    if (
        place is None
        or not isinstance(getattr(node, "ctx", None), ast.Store)
        or not isinstance(statement, _ASSIGNMENTS)
    ):
        return place
    return source.range_of(statement, place) or place


def _says_another(place: Span | None) -> bool:
    """Whether the optimizer that is made at a place is given a number other than 0 as its learning rate."""
    call = source.node_at(place) if place is not None else None
    if not isinstance(call, ast.Call):
        return False
    named = [k.value for k in call.keywords if k.arg in _RATE_NAMES]
    numbers = [getattr(v, "value", None) for v in (*named, *call.args[:1])]
    return any(isinstance(n, (int, float)) and n != 0 for n in numbers)
