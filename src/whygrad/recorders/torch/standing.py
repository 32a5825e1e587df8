"""Whether the steps of an optimizer leave every number as it was, though it has gradients and a learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from whygrad.recorders.torch.names import Home
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.undone import marks

# So many parameters, from all over what it holds, stand for the rest; so many elements of a gradient are looked at.
_MOST, _SAMPLE = 8, 64


@dataclass(slots=True)
class Standing:
    """Looks at what an optimizer changes until something has moved, which is at its first step as a rule.

    Attributes:
        steps: how many of its steps have changed nothing; -1 once one has.
        apart: the names of those that began as zeros: however small an update is, it moves these.
    """

    steps: int = 0
    apart: frozenset[str] = frozenset()
    _chosen: list[int] = field(default_factory=list)
    _first: list[Any] = field(default_factory=list)

    def begins(self, held: Sequence[Any], named: Callable[[Any], Home | None]) -> None:
        """A step begins: some of what has a gradient is remembered, once.

        Args:
            named: what the script calls a parameter.
        """
        if self.steps or self._chosen:
            return
        with torch._C.DisableTorchFunction(), torch.no_grad():
            felt = [number for number, p in enumerate(held) if _is_felt(gradient_of(p))]
            zeros = [number for number in felt if not _is_felt(held[number])]
            felt = [number for number in felt if number not in zeros]
            self._chosen = felt[:: max(1, -(-len(felt) // _MOST))]
            self._first = marks([held[number] for number in self._chosen])
        self.apart = frozenset(home.path for number in zeros if (home := named(held[number])) is not None)

    def ends(self, held: Sequence[Any]) -> None:
        """The step is over."""
        if self.steps < 0 or not self._chosen:
            return
        if max(self._chosen) >= len(held):
            self.steps = -1
            return
        with torch._C.DisableTorchFunction(), torch.no_grad():
            now = marks([held[number] for number in self._chosen])
            same = all(one is not None and torch.equal(one, other) for one, other in zip(self._first, now, strict=True))
        self.steps = self.steps + 1 if same else -1
        if not same:
            self._first = []


def _is_felt(gradient: Any) -> bool:
    """Whether a tensor has some finite number that is not 0 where it is looked at."""
    [mark] = marks([gradient]) if gradient is not None else [None]
    return mark is not None and bool(((mark != 0) & torch.isfinite(mark))[:_SAMPLE].any())
