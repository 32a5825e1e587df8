"""What an optimizer refused: there never was a loss, and only how its parameters came to be is asked."""

from __future__ import annotations

from whygrad import source
from whygrad.causes.applied.left_out import root_of
from whygrad.causes.cause import Case

# The kinds of fault, as in ``graph_error``, and the causes that may stand behind one.
NO_LEAF = "non-leaf"
REFUSALS = frozenset((NO_LEAF, "empty", "nothing-asked", "no-tensor"))
# A number was asked for that is not known while a function is only traced.
UNKNOWN_NUMBER = "unknown-number"
# An optimizer was handed the gradient of something else than it was made for.
OTHER_SOURCE = "other-source"
BEHIND = ("replaced-parameter", "frozen")


def is_refused(case: Case) -> bool:
    """Whether the request is an optimizer that could not be made, or one for the gradients of nothing."""
    return case.graph.fault is not None and case.graph.fault.kind in REFUSALS


def is_computed(case: Case) -> bool:
    """Whether an optimizer was handed a tensor that the script computes outside of any layer."""
    fault, op = case.graph.fault, case.graph.value_op[case.parameter.value] if case.parameter.value >= 0 else -1
    return fault is not None and fault.kind == NO_LEAF and op >= 0 and not case.graph.op(op).scope


def behind(case: Case) -> tuple[str, ...]:
    """The causes that may stand behind an error for which there never was a loss to ask about."""
    assert case.graph.fault is not None
    if case.graph.fault.kind == UNKNOWN_NUMBER:
        return ("left-framework",)
    if case.graph.fault.kind == OTHER_SOURCE:
        return ("wrong-source",)
    return BEHIND if is_refused(case) else ()


def is_meant(case: Case) -> bool:
    """Whether the optimizer was to get this parameter: where its line names some models, those of these alone."""
    statement = source.statement_at(case.graph.request[0]) if case.graph.request else None
    names = source.names_in(statement) if statement is not None else set()
    roots = {root_of(p.path) for p in case.graph.parameters} & names
    return not roots or root_of(case.parameter.path) in roots
