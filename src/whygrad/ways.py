"""The steps of a way from a parameter to a loss: edges, cuts, and trips outside of the framework."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.graph import Barrier, Crossing
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Trip:
    """A value that left the framework and, as the source text says, came back as another."""

    departure: Crossing
    arrival: Crossing


@dataclass(frozen=True, slots=True)
class Cut:
    """A barrier on the way from a parameter to a loss.

    Attributes:
        op: the operation, ``NOWHERE`` for a trip that was inferred from the source.
    """

    op: int
    barrier: Barrier
    stack: tuple[Span, ...]

    @property
    def span(self) -> Span | None:
        """Where the barrier stands: its own place, or the innermost user frame of its operation."""
        if self.barrier.where is not None:
            return self.barrier.where
        return self.stack[0] if self.stack else None


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of a way towards a loss: from ``source`` through ``op`` to ``sink``."""

    source: int
    op: int
    sink: int
    barrier: Barrier | None
