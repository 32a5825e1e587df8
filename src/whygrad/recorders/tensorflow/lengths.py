"""Values that are divided by their own length along an axis of size one: only their sign is left.

The parts of such a normalisation all carry a gradient, and what they hand back adds up to nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

from whygrad.graph import Barrier
from whygrad.recorders.tensorflow.ops import Facts

_SQUARES = frozenset(("Square",))
# They leave the square of a single entry as it is, or take a lower bound in its place.
_KEEPS = frozenset(("Sum", "Maximum", "Identity"))
_LENGTHS = frozenset(("Sqrt", "Rsqrt"))
_BOUNDS = frozenset(("Minimum", "Maximum"))
# By what makes the length: what divides by it.
_DIVIDES = {"Rsqrt": frozenset(("Mul",)), "Sqrt": frozenset(("RealDiv", "DivNoNan"))}


class Lengths:
    """Follows the squares and lengths of single entries through a Graph that is built."""

    def __init__(self) -> None:
        self._squares: dict[int, int] = {}
        self._lengths: dict[int, tuple[str, int]] = {}

    def barriers(self, facts: Facts, inputs: Sequence[int], outputs: Sequence[int]) -> list[Barrier]:
        """The barriers of an operation that divides a single entry by its own length.

        Args:
            inputs: the values that it was given, and ``outputs`` those that it made.
        """
        if not inputs or not outputs:  # a check, a file that is written
            return []
        if not _is_single(facts.outputs[0][1]) or facts.inputs[0][1] != facts.outputs[0][1]:
            return []
        kind, made = facts.op_type, outputs[0]
        if kind in _SQUARES:
            self._squares[made] = inputs[0]
        elif kind in _KEEPS and inputs[0] in self._squares:
            self._squares[made] = self._squares[inputs[0]]
        elif kind in _BOUNDS and inputs[0] in self._lengths:
            self._lengths[made] = self._lengths[inputs[0]]
        elif kind in _LENGTHS and inputs[0] in self._squares:
            self._lengths[made] = (kind, self._squares[inputs[0]])
        elif self._is_sign(kind, inputs):
            return [Barrier(i, 0, "zero-gradient", "a length along an axis of size one", zeros=True) for i in (0, 1)]
        return []

    def _is_sign(self, kind: str, inputs: Sequence[int]) -> bool:
        if len(inputs) != 2 or inputs[1] not in self._lengths:
            return False
        length, value = self._lengths[inputs[1]]
        return value == inputs[0] and kind in _DIVIDES[length]


def _is_single(shape: Sequence[int | None] | None) -> bool:
    return bool(shape) and shape is not None and shape[-1] == 1
