"""Steps of optimizers that go like the one before, while nothing is recorded.

Most steps of a run are such: everything that the optimizer holds has a gradient again. To make a request of each would
cost more than looking; so they are counted, and told together before the next request that is made.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from whygrad.recorders.recorder import Asked
from whygrad.recorders.torch.originals import gradient_of


@dataclass(slots=True)
class Pace:
    """How many steps an optimizer made, and how many of the last had a learning rate of 0."""

    steps: int = 0
    idle: int = 0

    def step(self, moving: bool) -> None:
        """One more, which moves something or nothing."""
        self.steps += 1
        self.idle = 0 if moving else self.idle + 1


@dataclass(slots=True)
class Last:
    """What was told of an optimizer's last step, how many steps went the same way since, and its pace."""

    optimizer: weakref.ref[Any]
    asked: Asked
    pace: Pace
    again: int = 0


class Steady:
    """Counts them.

    Args:
        tell: takes a request that stands for several.
    """

    def __init__(self, tell: Callable[[Asked], None]) -> None:
        self.tell = tell
        self._known: dict[int, Last] = {}

    def learn(self, optimizer: Any, asked: Asked, pace: Pace) -> None:
        """A step was told; it may be gone by as one that served everything."""
        if asked.error is None and set(asked.seen) == {"present"}:
            self._known[id(optimizer)] = Last(weakref.ref(optimizer), asked, pace)
        else:
            self._known.pop(id(optimizer), None)

    def goes_on(self, optimizer: Any) -> bool:
        """Whether the step that begins is like the one that was told; it is counted then."""
        last, groups = self._known.get(id(optimizer)), optimizer.param_groups
        if last is None or last.optimizer() is not optimizer:
            return False
        with torch._C.DisableTorchFunction():  # no subclass of tensors hears our look
            held = [p for group in groups for p in group["params"] if p.requires_grad]
            served = len(held) == len(last.asked.paths) and all(gradient_of(p) is not None for p in held)
        if served:
            last.again += 1
            last.pace.step(not all(_is_zero(group.get("lr")) for group in groups))
        return served

    def told(self) -> None:
        """Tell what was counted."""
        for last in [one for one in self._known.values() if one.again]:
            times, last.again = last.again, 0
            self.tell(replace(last.asked, times=times))

    def forget(self) -> None:
        """Recording begins: every step is looked at."""
        self.told()
        self._known.clear()


def _is_zero(rate: Any) -> bool:
    """Whether a learning rate is the number 0; one that is a tensor is not looked at in every step."""
    return type(rate) in (float, int) and rate == 0
