"""Gradients that the loss of another request is made of: forces of an energy, residuals of a field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from whygrad.graph import Graph
from whygrad.recorders.reaching import carried, leading_to

_UNTAPED = "recording-off"
Pair = tuple[frozenset[int], frozenset[int]]


@dataclass(slots=True)
class Inner:
    """The values of a Graph that other requests differentiated, and what they made of them.

    Args:
        pairs: for each request the ids of the tensors that were differentiated, and of the gradients.
    """

    pairs: Sequence[Pair] = ()
    values: dict[int, list[int]] = field(default_factory=dict)
    _ids: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self._ids = frozenset(number for pair in self.pairs for ids in pair for number in ids)

    def made(self, number: int, value: int) -> None:
        """A value stands for a tensor; a function that is called twice makes two."""
        if number in self._ids:
            self.values.setdefault(number, []).append(value)

    def shifts(self, graph: Graph) -> set[int]:
        """The values that only shift a quantity whose derivative the loss is made of: they have none by nature."""
        known = [(self._values(targets), self._values(answers)) for targets, answers in self.pairs]
        if not any(targets and answers for targets, answers in known):
            return set()
        influence = replace(graph, barriers={})
        read = carried(influence)
        differentiated = _made_of(known, read)
        before = 0
        while len(differentiated) > before:  # derivatives of derivatives
            before = len(differentiated)
            differentiated |= _made_of(known, leading_to(influence, differentiated))
        # Nothing would reach it on a tape that recorded all of this either.
        taped = {op: tuple(b for b in held if b.kind != _UNTAPED) for op, held in graph.barriers.items()}
        recorded = replace(graph, barriers=taped)
        return leading_to(recorded, differentiated) - read if differentiated else set()

    def _values(self, ids: Iterable[int]) -> set[int]:
        return {value for number in ids for value in self.values.get(number, ())}


def _made_of(known: Iterable[tuple[set[int], set[int]]], read: set[int]) -> set[int]:
    """What was differentiated for gradients that are read."""
    return {value for targets, answers in known if answers & read for value in targets}
