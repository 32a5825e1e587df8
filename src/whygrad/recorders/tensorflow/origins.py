"""Where numbers stop being finite: which tensors hold infinite ones or NaN, and in which of them that began.

An infinite number is often meant (a mask of `-inf`), and NaN never is. So NaN begins where nothing that comes in holds
it; an infinity that comes in is to blame only where an operation has made that of finite numbers. A list of tensors
inside of a function is sealed: it holds what was put into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

Content = Literal["finite", "infinite", "nan", "sealed"]
_MOST_ROOTS = 4
_SPOKEN: Mapping[Content, str] = {"infinite": "infinite", "nan": "NaN"}
# What a root is called that was made of an infinity which nothing recorded has made.
_OF_INFINITE = "NaN, of an infinite number that goes in"
BROKEN: frozenset[Content] = frozenset(("infinite", "nan"))


def content(tensor: Any) -> Content:
    """What an eager tensor of floating point holds; of anything else but lists it is finite."""
    import numpy

    if not hasattr(tensor, "_numpy_internal") or not tensor.dtype.is_floating:
        return "sealed" if is_sealed(tensor) else "finite"
    array = numpy.asarray(tensor._numpy_internal())
    with numpy.errstate(all="ignore"):
        total = float(array.sum(dtype=numpy.float32))  # by far the cheapest look, and it settles nearly every case
    if numpy.isfinite(total) or bool(numpy.isfinite(array).all()):
        return "finite"
    return "nan" if bool(numpy.isnan(array).any()) else "infinite"


def is_sealed(tensor: Any) -> bool:
    """Whether a tensor stands for a list of others, as the loops of compiled functions keep them."""
    return bool(tensor.dtype.name == "variant")


class Origins:
    """Tensors that are not finite, by their ids; empty as long as all is well.

    Attributes:
        states: what each holds.
    """

    def __init__(self) -> None:
        self.states: dict[int, Content] = {}
        self._roots: dict[int, tuple[int, ...]] = {}
        self._given: set[int] = set()
        self._of_given: set[int] = set()

    def clear(self) -> None:
        """Forget all of them."""
        self.states.clear()
        self._roots.clear()
        self._given.clear()
        self._of_given.clear()

    def came_in(self, number: int, holds: Content) -> None:
        """A tensor that nothing recorded has made."""
        if holds in BROKEN:
            self.states[number], self._roots[number] = holds, (number,)
            self._given.add(number)

    def ran(self, inputs: Sequence[int], outputs: Iterable[tuple[int, Content]]) -> None:
        """An operation ran, and this is what it gave."""
        bad = [number for number in inputs if number in self.states]
        for number, holds in outputs:
            if holds == "sealed" and bad:
                nan = any(self.states[one] == "nan" for one in bad)
                self.states[number], self._roots[number] = "nan" if nan else "infinite", self._roots_of(bad)
            elif holds in BROKEN:
                self.states[number], self._roots[number] = holds, self._begun(number, holds, bad)

    def given(self) -> Mapping[int, str]:
        """What nothing recorded has made and is not finite, and what it holds, in words."""
        return {number: _SPOKEN[self.states[number]] for number in self._given}

    def of(self, targets: Iterable[int]) -> Mapping[int, str]:
        """In which tensors that began, as far as it was followed up to these, and what they hold, in words."""
        roots = {root for target in targets for root in self._roots.get(target, ())}
        return {root: _OF_INFINITE if root in self._of_given else _SPOKEN[self.states[root]] for root in roots}

    def _begun(self, number: int, holds: Content, bad: Sequence[int]) -> tuple[int, ...]:
        spoiled = [one for one in bad if self.states[one] == "nan"] if holds == "nan" else bad
        if not spoiled and all(root in self._given for one in bad for root in self._roots[one]):
            self._of_given.update((number,) if bad else ())
            return (number,)  # of finite numbers, or of an infinity that the script has put there
        return self._roots_of(spoiled or bad)

    def _roots_of(self, bad: Sequence[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(root for one in bad for root in self._roots[one]))[:_MOST_ROOTS]
