"""What was measured at one step of an optimizer: frozen records, plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Gradient:
    """What a gradient is worth: its norm (``nan`` or ``inf`` as it comes), share of zeros, elements not finite."""

    norm: float
    zeros: float
    nonfinite: int


@dataclass(frozen=True, slots=True)
class Move:
    """What a step did to a parameter: the norm of what it was, and of its change; ``sampled``: from a part of it."""

    weight: float
    update: float
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class ParameterHealth:
    """One parameter at one step.

    Norms are Euclidean. ``None`` means that it was not to be seen, never zero.

    Attributes:
        path: the name that findings use.
        elements: how many numbers it holds; ``matrix``: it has two dimensions or more.
        gradient: the norm of what the optimizer was given; ``None`` also where that is not finite.
        before: the same before clipping, where clipping was seen.
        zeros: share of exact zeros in the gradient, 0 to 1.
        nonfinite: how many elements of the gradient are NaN or infinite.
        weight: the norm of the parameter before the step; ``update``: of its change by the step.
        sampled: ``weight`` and ``update`` were estimated from a part of the elements.
        absent: there was no gradient at all.
    """

    path: str
    elements: int
    matrix: bool
    gradient: float | None = None
    before: float | None = None
    zeros: float | None = None
    nonfinite: int = 0
    weight: float | None = None
    update: float | None = None
    sampled: bool = False
    absent: bool = False

    @property
    def ratio(self) -> float | None:
        """Update to weight; ``None`` for a parameter that was zero."""
        return self.update / self.weight if self.update is not None and self.weight else None


def healthy_as(
    path: str,
    shape: Sequence[int],
    gradient: Gradient | None,
    move: Move | None,
    before: float | None = None,
    absent: bool = False,
) -> ParameterHealth:
    """One parameter as it was measured.

    Args:
        before: the norm of its gradient before clipping, where that is known.
    """
    return ParameterHealth(
        path,
        math.prod(shape),
        len(shape) >= 2,
        gradient=finite(gradient.norm) if gradient is not None else None,
        before=before if before is None else finite(before),
        zeros=gradient.zeros if gradient is not None else None,
        nonfinite=gradient.nonfinite if gradient is not None else 0,
        weight=finite(move.weight) if move is not None else None,
        update=finite(move.update) if move is not None else None,
        sampled=move is not None and move.sampled,
        absent=absent,
    )


def finite(value: float) -> float | None:
    """The number, ``None`` for one that is not finite."""
    return value if math.isfinite(value) else None


def layer_of(path: str) -> str:
    """A parameter's path without its own name."""
    for sign in ("/", "."):
        head, found, _ = path.rpartition(sign)
        if found and head:
            return head
    return path


@dataclass(frozen=True, slots=True)
class Clipping:
    """A clipping that the optimizer's gradients went through.

    Attributes:
        how: of the total norm, of each parameter's norm, or of each value.
        before: the total norm that came in, ``None`` where it was not measured; ``after``: the same behind it.
        early: it came before the loss scale was divided out, so that the bound holds for scaled gradients.
    """

    how: Literal["total", "each", "value"]
    bound: float
    before: float | None
    after: float | None
    early: bool = False

    @property
    def acts(self) -> bool | None:
        """Whether it changed anything, ``None`` where that was not to be seen."""
        if self.after is None:
            return None
        if self.before is None:
            # A total norm that is the bound to the last digit is no accident.
            return self.after >= self.bound * (1 - 1e-4) if self.how == "total" else None
        return self.after < self.before * (1 - 1e-4)


@dataclass(frozen=True, slots=True)
class StepHealth:
    """One step of one optimizer.

    Attributes:
        optimizer: its name; ``step``: the number of this step of it, from 1.
        seconds: since watching began.
        clipping: the last clipping before the step, ``None`` where none was seen.
        scale: the factor of loss scaling where it is in force; all norms are those of unscaled gradients.
        blind: why no gradient could be seen, ``""`` where they were.
    """

    optimizer: str
    step: int
    seconds: float
    parameters: tuple[ParameterHealth, ...]
    clipping: Clipping | None = None
    scale: float | None = None
    blind: str = ""

    @property
    def total(self) -> float | None:
        """The norm of all gradients together; ``None`` where one is not finite or none was seen."""
        norms = [p.gradient for p in self.parameters if not p.absent]
        if not norms or any(norm is None for norm in norms):
            return None
        return math.hypot(*(norm for norm in norms if norm is not None))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parameter comes in the forward pass.

    Attributes:
        op: the operation that reads it first; ``where``: the line of that, ``made``: of its making.
        layer: the layer that ran the operation.
        reads: how many operations of one pass read it.
    """

    path: str
    op: str
    layer: str
    where: Span | None
    made: Span | None
    reads: int


@dataclass(frozen=True, slots=True)
class Squash:
    """An operation that flattens its input (``sigmoid``); ``after``: how many parameters were met before it."""

    name: str
    where: Span | None
    after: int


@dataclass(frozen=True, slots=True)
class Route:
    """The parameters of one gradient request in the order in which the forward pass meets them."""

    places: tuple[Place, ...]
    squashes: tuple[Squash, ...] = ()
