"""What the gradients of one place are worth over the steps, and where on the way back they come to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from whygrad.graph import GradientSeen, Graph
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.replay import LONGEST, SHORTEST, Measured, Refused, replay
from whygrad.recorders.jax.tape import Program

# A gradient that is zero by its values is spoken of when so many steps in a row agree.
STEPS_TO_AGREE = 4
# Where all gradients of a place are zero, nothing moves that might change that.
STEPS_OF_ZEROS = 2


@dataclass(slots=True)
class Streaks:
    """How often in a row the gradient of each parameter of one place was zero; what it cost to look.

    Attributes:
        spent: seconds of CPU time that went into running its operations again; ``most``: how many may, as long as the
            script has run before the first time, between ``SHORTEST`` and ``LONGEST``.
        compiled: its operations were run once, which compiles them: what that has cost counts no more.
    """

    zero: dict[str, int] = field(default_factory=dict)
    spent: float = 0.0
    most: float | None = None
    steps: int = 0
    compiled: bool = False

    def judged(self, graph: Graph, worths: Mapping[int, GradientSeen], steps: int = 1) -> Graph:
        """The Graph with what this step's gradients are worth.

        Args:
            worths: by value of the Graph. A zero that too few steps agree on is ``unknown``.
            steps: how many they stand for.
        """
        alive = {p.value for p in graph.parameters if p.gradient == "present"}
        of_all = alive <= worths.keys() and all(worths[value] == "zero" for value in alive)
        fewest = STEPS_OF_ZEROS if of_all else STEPS_TO_AGREE
        parameters = []
        for parameter in graph.parameters:
            now = worths.get(parameter.value)
            if parameter.gradient == "present" and now is not None:
                count = self.zero[parameter.path] = self.zero.get(parameter.path, 0) + steps if now == "zero" else 0
                parameter = replace(parameter, gradient="unknown" if 0 < count < fewest else now)
            parameters.append(parameter)
        return replace(graph, parameters=tuple(parameters))

    def due(self, resting: bool) -> bool:
        """Whether this step is to be looked at, since some gradient was zero in the last one that was.

        A branch may be taken later, a unit come back: while nothing is recorded, at steps that are ever farther apart.
        """
        self.steps += 1
        sparse = resting and self.steps & (self.steps - 1) != 0
        return self.has_zeros() and not sparse

    def has_zeros(self) -> bool:
        """Whether some gradient was zero when it was looked at last."""
        return any(self.zero.values())

    def run_again(self, program: Program, arrays: Mapping[int, Any]) -> Measured | None:
        """Measure every operation; ``None`` where that can not be done, or has cost enough."""
        began = time.process_time()
        if self.most is None:
            self.most = min(max(began, SHORTEST), LONGEST)
        try:
            found = replay(program, arrays, self.most - self.spent)
        except Refused:
            self.spent = self.most
            return None
        except Exception:
            found = None  # it needs a mesh, an axis or a rule that is not there: nothing is known, nothing is claimed
        self.spent += time.process_time() - began
        if found is not None and not self.compiled:
            self.compiled, self.spent = True, 0.0
        return found


# What a gradient is worth that has a way, and is of no use.
USELESS = ("zero", "nonfinite")


def is_useless(graph: Graph) -> bool:
    """Whether a gradient that has a way is of no use."""
    return any(p.gradient in USELESS for p in graph.parameters)


def explained(graph: Graph, measured: Measured | None) -> Graph:
    """The Graph with what was seen on the way back."""
    if measured is None:
        return graph
    zeros = tuple(sorted(measured.zeros))
    return replace(
        graph, cotangents=dict(measured.seen), zeros=zeros, points=dict(measured.points), breaks=measured.breaks
    )


def with_a_way(graph: Graph, program: Program, found: Sequence[Any]) -> Iterator[Any]:
    """The variables of the gradients that are not zeros by the structure of the program."""
    alive = {p.value for p in graph.parameters if p.gradient == "present"}
    for value, gradient in zip(program.sources, found, strict=True):
        variable = compat.variable(gradient)
        if value in alive and variable is not None:
            yield variable
