"""Which gradient belongs to which variable, and whether an optimizer is handed them in pairs that belong together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from whygrad.recorders.tensorflow.parameters import number_of


class Answered(NamedTuple):
    """The latest gradients of a place: id of a gradient to the numbers of its variables, and all of these."""

    owners: dict[int, set[int]]
    numbers: frozenset[int]


class Pairing:
    """The gradients that requests gave, by their ids.

    Attributes:
        matched: the variables that an optimizer was handed with a gradient that may be theirs.
        lent: those whose gradient was handed over for a variable that nobody asks for.
    """

    def __init__(self) -> None:
        self._given: dict[Hashable, Answered] = {}
        self.matched: set[int] = set()
        self.lent: set[int] = set()

    def answered(self, site: Hashable, sources: Iterable[Any], answers: Iterable[Any]) -> None:
        """A request gave these for those. One tensor may be the gradient of several."""
        owners: dict[int, set[int]] = {}
        for source, answer in zip(sources, answers, strict=False):
            gradient, number = _id_of(answer), number_of(source)
            if gradient is not None and number is not None:
                owners.setdefault(gradient, set()).add(number)
        self._given[site] = Answered(owners, frozenset().union(*owners.values()))

    def handed(self, gradients: Sequence[Any], variables: Sequence[Any]) -> set[int]:
        """An optimizer was handed these; the variables that are paired with the gradient of another, and that other.

        Where nobody asks for the gradient of a variable, that of another may be meant (a copy that was adapted): that
        one is noted as lent.
        """
        found: set[int] = set()
        asked = frozenset().union(*(answered.numbers for answered in self._given.values()))
        for gradient, variable in zip(gradients, variables, strict=False):
            number, owners = number_of(variable), self._owners(_id_of(gradient))
            if number is None or not owners or number in owners:
                self.matched |= {number} if number is not None else set()
            elif number in asked:
                found |= {number, *owners}
            else:
                self.lent |= owners
        return found

    def owners(self) -> dict[int, set[int]]:
        """The latest gradients, by their ids, and the numbers of the variables that each belongs to."""
        return {gradient: numbers for one in self._given.values() for gradient, numbers in one.owners.items()}

    def _owners(self, gradient: int | None) -> set[int]:
        known = (answered.owners.get(gradient, set()) for answered in self._given.values()) if gradient else ()
        return set().union(*known)


def _id_of(gradient: Any) -> int | None:
    number = getattr(getattr(gradient, "values", gradient), "_id", None)
    return number if isinstance(number, int) else None
