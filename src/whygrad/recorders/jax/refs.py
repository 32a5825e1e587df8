"""Mutable arrays (``jax.new_ref``): what one holds now, as a value of its own after each write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jax.tree_util import tree_structure

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import Stop, is_float

# Operations that only read.
_READS = ("get", "freeze")
_WHOLE = tree_structure(())
Plain = Callable[[str, Sequence[int], Sequence[Any], Sequence[Stop], frames.Stack], list[int]]


class Refs:
    """What every mutable array holds, by the value that stands for the array itself.

    Args:
        plain: writes an operation, and gives the values of its outputs.
    """

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        self.held: dict[int, int] = {}

    def now(self, values: Sequence[int]) -> list[int]:
        """What mutable arrays among these hold; others as they are."""
        return [self.held.get(v, v) for v in values]

    def among(self, values: Sequence[int], avals: Sequence[Any]) -> dict[int, Any]:
        """The mutable arrays among these, with their types."""
        return {v: a for v, a in zip(values, avals, strict=True) if compat.is_ref(a)}

    def used(
        self,
        name: str,
        params: Mapping[str, Any],
        given: Sequence[int],
        ins: Sequence[Any],
        outs: Sequence[Any],
        stack: frames.Stack,
    ) -> list[int]:
        """Lay out an operation on mutable arrays.

        Args:
            given: the values of its inputs, the array that is used first; ``ins``, ``outs``: their types.
        """
        held, chosen = self.now(given), [n for n, a in enumerate(ins) if not is_float(a)]
        arrays = self.among(given, ins)
        first, kind = next(iter(arrays.items()))
        selects = [Stop(n, 0, "non-differentiable-op", name, True) for n in chosen]
        if name in _READS:
            return self.plain(name, held, outs, selects, stack)
        if name not in ("swap", "addupdate"):  # it may read and write all of them
            made = self.plain(name, held, [*outs, *arrays.values()], (), stack)
            self.held.update(zip(arrays, made[len(outs) :], strict=True))
            return made[: len(outs)]
        before = self.plain("get", [self.now([first])[0]], outs, (), stack) if outs else []
        if name == "swap" and params.get("tree") == _WHOLE:
            held, selects = held[1:], [Stop(s.input - 1, 0, s.kind, s.detail, True) for s in selects]
        (self.held[first],) = self.plain(name, held, [kind], selects, stack)
        return before

    def merge(self, branches: Sequence[Mapping[int, int]], index: int, avals: Mapping[int, Any], stack: Any) -> None:
        """Several ways may have been taken: what arrays hold is that of one of them.

        Args:
            branches: what every way left in the arrays.
            index: the value that chooses; ``avals``: the arrays that the ways were given.
        """
        for array, aval in avals.items():
            ends = [branch.get(array, array) for branch in branches]
            if len(set(ends)) > 1:
                stops = [Stop(0, 0, "non-differentiable-op", "cond", True)]
                (self.held[array],) = self.plain("cond", [index, *ends], [aval], stops, stack)
            else:
                self.held[array] = ends[0]
