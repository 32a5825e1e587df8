"""Which steps are looked at: so few that watching takes two hundredths of the time, by what looks took."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

SHARE = 0.02
# Of the time: the hooks that count the steps, and what a look leaves in the caches, take the other half of the share.
LOOKS = SHARE / 2
# Steps 1, 2, 4 ... 32 of an optimizer are looked at whatever that costs, or a short run would show nothing.
FIRST_LOOKS = 6
# Not so for the optimizers beyond these: a script may make a new one for each step.
FIRST_OPTIMIZERS = 8


@dataclass(slots=True)
class _Turn:
    steps: int = 0
    looks: int = 0
    cost: float = 0.0
    due: bool = True


class Schedule:
    """Time passes into an account of which each look takes its cost.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._turns: dict[Hashable, _Turn] = {}
        self._credit = 0.0
        self._whole = 0.0  # the cost of a look at each optimizer
        self._latest = _Turn()  # whose look was the last
        self._then = clock()

    @property
    def expected(self) -> bool:
        """Whether the next step of some optimizer is going to be looked at."""
        return not self._turns or any(turn.due for turn in self._turns.values())

    def steps(self, optimizer: Hashable) -> int:
        """How many steps an optimizer has begun."""
        return self._turns[optimizer].steps if optimizer in self._turns else 0

    def begins(self, optimizer: Hashable) -> tuple[int, bool]:
        """A step begins: its number, and whether to look at it."""
        turn = self._turns.get(optimizer)
        if turn is None:
            turn = self._turns[optimizer] = _Turn(due=len(self._turns) < FIRST_OPTIMIZERS)
        turn.steps += 1
        return turn.steps, turn.due

    def ends(self, optimizer: Hashable, cost: float | None) -> None:
        """A step is over; ``cost``: what the look at it took, in seconds."""
        turn = self._turns[optimizer]
        if cost is not None:
            self._whole += cost - turn.cost
            turn.looks, turn.cost, self._latest = turn.looks + 1, cost, turn
            self._credit -= 0.0 if turn.looks <= FIRST_LOOKS else cost
        now = self._clock()
        # What is saved up while nobody trains is not spent all at once afterwards.
        self._credit = min(self._credit + LOOKS * (now - self._then), self._whole)
        self._then = now
        turn.due = self._is_due(turn)

    def _is_due(self, turn: _Turn) -> bool:
        following = turn.steps + 1
        if turn.looks < FIRST_LOOKS and len(self._turns) <= FIRST_OPTIMIZERS and following & turn.steps == 0:
            return True
        # Whoever is behind comes first: the others wait until there is enough for all.
        return self._credit >= (turn.cost if turn.looks < self._latest.looks else self._whole)
