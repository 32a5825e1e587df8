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
    """The gradients that requests gave, by their ids."""

    def __init__(self) -> None:
        self._given: dict[Hashable, Answered] = {}

    def answered(self, site: Hashable, sources: Iterable[Any], answers: Iterable[Any]) -> None:
        """A request gave these for those. One tensor may be the gradient of several."""
        owners: dict[int, set[int]] = {}
        for source, answer in zip(sources, answers, strict=False):
            gradient, number = _id_of(answer), number_of(source)
            if gradient is not None and number is not None:
                owners.setdefault(gradient, set()).add(number)
        self._given[site] = Answered(owners, frozenset().union(*owners.values()))

    def swapped(self, gradients: Sequence[Any], variables: Sequence[Any]) -> set[int]:
        """The variables whose gradient is handed over for another one of the same request.

        Where the other one is of another request or of none, that may be meant (a copy that was adapted).
        """
        found: set[int] = set()
        for gradient, variable in zip(gradients, variables, strict=False):
            number, given = number_of(variable), _id_of(gradient)
            for answered in self._given.values() if given is not None else ():
                owners = answered.owners.get(given, set())  # type: ignore[arg-type]
                if owners and number in answered.numbers and number not in owners:
                    found |= owners
        return found


def _id_of(gradient: Any) -> int | None:
    number = getattr(getattr(gradient, "values", gradient), "_id", None)
    return number if isinstance(number, int) else None
