"""The course of a run: what was measured, thinned out so that a run of weeks fits into memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from whygrad.watching.health import StepHealth

MOST_KEPT = 256


@dataclass(slots=True)
class Course:
    """All looks at one optimizer.

    Attributes:
        looks: how many there were; ``kept``: the records that are left of them, the first and last always.
        clipped: how many of them saw clipping act; ``unclipped``: not act.
        nonfinite: path to the first step with elements that are not finite, and how many steps had them.
        skipped: steps that loss scaling left out; ``steps``: the number of the last step.
    """

    kept: list[StepHealth] = field(default_factory=list)
    looks: int = 0
    clipped: int = 0
    unclipped: int = 0
    nonfinite: dict[str, int] = field(default_factory=dict)
    nonfinite_steps: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    steps: int = 0
    _stride: int = 1

    def add(self, step: StepHealth) -> None:
        """Take in one look."""
        self.looks += 1
        self.steps = max(self.steps, step.step)
        acts = step.clipping.acts if step.clipping is not None else None
        self.clipped += acts is True
        self.unclipped += acts is False
        for parameter in step.parameters:
            if parameter.nonfinite:
                self.nonfinite.setdefault(parameter.path, step.step)
                self.nonfinite_steps[parameter.path] += 1
        if self._keeps_last():
            self.kept.append(step)
        else:
            self.kept[-1] = step
        if len(self.kept) > MOST_KEPT:
            self.kept = [*self.kept[:-1:2], self.kept[-1]]
            self._stride *= 2

    def _keeps_last(self) -> bool:
        """Whether the newest record so far stays, and is not merely the newest."""
        return len(self.kept) < 2 or (self.looks - 2) % self._stride == 0
