"""What the script writes to variables between the runs of a compiled step."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.recorders import frames
from whygrad.recorders.tensorflow.updates import Updates, mark, read


@dataclass(slots=True)
class Writes:
    """How often in a row, each time after one more step of its optimizer, a variable got its first value again.

    Attributes:
        at: how many steps the optimizer had made at the last of these writes.
    """

    times: int = 0
    at: int = -1


class Restored:
    """Hears what is written, and notes what only undoes the step before.

    Args:
        updates: what is asked for, and what optimizers are handed.
    """

    def __init__(self, updates: Updates) -> None:
        self.updates = updates
        self._writes: dict[int, Writes] = {}

    def written(self, handle: int, stack: frames.Stack) -> None:
        """The script has written to a variable, outside of every traced function.

        Args:
            handle: the variable's.
        """
        known = self.updates.requested.get(handle)
        variable = known.variable() if known is not None else None
        if known is None or variable is None or not known.compiled:
            return
        done, writes = self._steps(handle), self._writes.setdefault(handle, Writes())
        if done == writes.at:
            return
        same = done is not None and mark(variable) == known.at_first
        follows = same and writes.at + 1 == done
        writes.times, writes.at = (writes.times + 1 if follows else int(same)), -1 if done is None else done
        known.kept = known.shifted = writes.times
        known.writer = stack

    def _steps(self, handle: int) -> int | None:
        """How many steps the optimizer of a variable has made."""
        held = next((one for one in self.updates.optimizers if handle in one.numbers), None)
        done = read(getattr(held.optimizer(), "iterations", None)) if held is not None else None
        return None if done is None else int(done)
