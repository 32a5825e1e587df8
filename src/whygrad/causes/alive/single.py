"""A softmax over an axis of size one: whatever comes in, one choice has all the weight."""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.alive.birth import Birth, configured, made, name_of, tell
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words

_SOFTMAXES = frozenset(
    "softmax log_softmax logsoftmax cross_entropy nll_loss softmaxcrossentropywithlogits "
    "sparsesoftmaxcrossentropywithlogits".split()
)
# The parts of a softmax that is written out, of its logarithm, and of the cross entropy.
_PARTS = frozenset(("exp", "log", "sub", "div", "reduce_sum", "reduce_max", "neg", "mul"))
_WORDS = Words(
    "`{code}` runs over an axis of size one, so that its result is constant",
    "constant whatever comes in",
    "normalise over the axis that holds the choices, or use a sigmoid for a single one",
)


def known_by_shape(case: Case, kind: str) -> Explanation | None:
    """A softmax whose shapes alone told the recorder, which put a barrier of this kind there."""
    cuts = cut_by(case, kind)
    if not cuts:
        return None
    told = explain_cut(case, cuts, _WORDS, made(case, cuts[0].op, cuts[0].stack))
    return replace(told, severity="warning")


def single(birth: Birth) -> Explanation | None:
    """A softmax as one operation."""
    is_one = birth.name in _SOFTMAXES and _is_over_one(birth)
    return tell(birth, _WORDS, at=configured(birth)) if is_one else None


def cancelled(birth: Birth) -> Explanation | None:
    """A softmax that is written out: its parts all read one value over a single choice, and their shares cancel."""
    edges = birth.edges
    if len(edges) < 2 or len({edge.source for edge in edges}) != 1:
        return None
    names = {name_of(birth.case, edge) for edge in edges}
    if not (_is_over_one(birth) and names <= _PARTS and names & {"exp", "reduce_sum"}):
        return None
    return tell(birth, _WORDS, "what its parts give back adds up to nothing")


def _is_over_one(birth: Birth) -> bool:
    return 1 in (birth.case.graph.value(birth.edge.source).shape or ())
