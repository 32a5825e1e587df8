"""A loss to which the training loop of Keras gives no weight: ``compile(..., loss_weights=[1.0, 0.0])``."""

from __future__ import annotations

from whygrad import source
from whygrad.causes.alive.birth import Birth, tell
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.span import Span
from whygrad.ways import Edge

_WORDS = Words(
    "the loss of its output has a weight of 0",
    "the weight that is given to the loss here is 0",
    "give that loss a weight, or freeze what only it trains",
)
_ARGUMENT = "loss_weights"


def weightless(birth: Birth) -> Explanation | None:
    """The product of a loss and its weight."""
    return tell(birth, _WORDS, at=_weights_given(birth.case)) if _is_weightless(birth.case, birth.edge) else None


def _is_weightless(case: Case, edge: Edge) -> bool:
    """Whether a loss is multiplied by a scalar 0 between the script's call of the training loop and any layer."""
    op, request = case.graph.op(edge.op), case.graph.request
    if op.name.lower() not in ("mul", "multiply") or op.scope or not request or not op.stack:
        return False
    if op.stack[0].place() != request[0].place() or not any(v in case.graph.zeros for v in op.inputs):
        return False
    if edge.source in case.graph.zeros or case.graph.value(edge.source).shape != ():
        return False
    return all(case.graph.value(v).shape in ((), None) for v in op.inputs)  # torch shows none of a constant


def _weights_given(case: Case) -> Span | None:
    """The one call in the file of the request that is given weights of losses."""
    place = case.graph.request[0]
    module = source.tree(place.file)
    calls = source.calls(module, "compile") if module is not None else []
    given = [call for call in calls if any(keyword.arg == _ARGUMENT for keyword in call.keywords)]
    return source.range_of(given[0], place) if len(given) == 1 else None
