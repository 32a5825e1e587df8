"""Which leaves a backward pass leads to.

Autograd's graph tells it, node by node. Where it told before that a pass from the same place leads to what optimizers
hold and to nothing else, it is enough to see that all of this had no gradient before the pass, and has one after it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from whygrad.recorders.torch import edges
from whygrad.recorders.torch.originals import gradient_of

MOST_PLACES = 100


@dataclass(slots=True)
class Reach:
    """Of one pass: what it starts from, and the leaves. Lives only as long as the pass.

    Attributes:
        ids: the leaves by ``id``.
        supposed: the graph has not been asked.
    """

    targets: Sequence[Any]
    leaves: list[Any]
    ids: frozenset[int]
    supposed: bool


@dataclass(frozen=True, slots=True)
class Usual:
    """What a place led to: the leaves, in number as many as optimizers held."""

    leaves: tuple[weakref.ref[Any], ...]
    ids: frozenset[int]
    held: int


class Reached:
    """Finds them.

    Args:
        held: what the living optimizers hold.
    """

    def __init__(self, held: Callable[[], list[Any]]) -> None:
        self._held = held
        self._usual: dict[Hashable, Usual] = {}

    def before(self, place: Hashable, targets: Sequence[Any]) -> Reach:
        """A pass is about to begin."""
        with torch._C.DisableTorchFunction():  # no subclass of tensors hears our look
            usual, held = self._usual.get(place), self._held()
            if usual is not None and usual.held == len(held):
                leaves = [reference() for reference in usual.leaves]
                if all(leaf is not None and gradient_of(leaf) is None for leaf in leaves):
                    return Reach(targets, leaves, usual.ids, supposed=True)
            return self._asked(place, targets, held)

    def _asked(self, place: Hashable, targets: Sequence[Any], held: list[Any]) -> Reach:
        leaves = edges.leaves_of(targets)
        ids = frozenset([id(leaf) for leaf in leaves])
        if len(self._usual) >= MOST_PLACES:
            self._usual.clear()
        self._usual.pop(place, None)
        if ids == {id(p) for p in held if p.requires_grad}:
            self._usual[place] = Usual(tuple([weakref.ref(leaf) for leaf in leaves]), ids, len(held))
        return Reach(targets, leaves, ids, supposed=False)

    def after(self, reach: Reach) -> bool:
        """The pass has ended, or failed.

        Returns:
            whether the leaves are others than was said before.
        """
        if not reach.supposed:
            return False
        with torch._C.DisableTorchFunction():
            if all(gradient_of(p) is not None for p in reach.leaves):
                return False
            reach.leaves, reach.supposed = edges.leaves_of(reach.targets), False
            reach.ids = frozenset([id(leaf) for leaf in reach.leaves])
        return True
