"""Contributions that cancel: a softmax that is written out, over an axis of size one."""

from __future__ import annotations

from collections.abc import Sequence

from whygrad.causes.alive import name_of
from whygrad.causes.cause import Case
from whygrad.ways import Edge

# The parts of a softmax, of its logarithm, and of the cross entropy.
_PARTS = frozenset(("exp", "log", "sub", "div", "reduce_sum", "reduce_max", "neg", "mul"))


def cancels(case: Case, edges: Sequence[Edge]) -> bool:
    """Whether one value over a single choice is read by several parts of a softmax, whose shares add up to nothing."""
    shared = {edge.source for edge in edges}
    if len(edges) < 2 or len(shared) != 1:
        return False
    shape = case.graph.value(next(iter(shared))).shape or ()
    names = {name_of(case, edge) for edge in edges}
    return 1 in shape and names <= _PARTS and bool(names & {"exp", "reduce_sum"})
