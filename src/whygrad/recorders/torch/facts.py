"""What an optimizer did, for when it is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.torch.values import worth

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch

# Fewer steps, or backward passes without one, may be a short trial.
FEWEST_STEPS, FEWEST_PASSES = 3, 10
# Gradients that are cleared are used up: nothing is being summed for a later step.
FEWEST_CLEARED = 2


@dataclass(slots=True)
class Facts:
    """What it held, its steps, and which of its groups ever had a learning rate that was not 0.

    Attributes:
        parameters: those that have a name; ``groups``: of each, the number of its group.
        began: the log's next entry when it was made.
        place: where it was made; ``schedule``: where the schedule was made that changed its learning rate.
        library: whose optimizer it is, if not torch's own; ``asked``: where it was handed gradients first, then.
        unasked: where it first took a step before any backward pass, and had no gradient.
        skipped: how many steps a loss scaler left out so far; ``shelved``: what was asked in the first of these.
    """

    parameters: tuple[Parameter, ...]
    groups: tuple[int, ...] = ()
    began: int = 0
    steps: int = 0
    rates: set[int] = field(default_factory=set)
    place: frames.Stack = ()
    schedule: frames.Stack = ()
    library: str = ""
    asked: frames.Stack = ()
    unasked: frames.Stack = ()
    skipped: int = 0
    shelved: Graph | None = None

    def stepped(self, optimizer: Any) -> None:
        """It takes a step."""
        self.steps += 1
        self.shelved = None
        groups = enumerate(groups_of(optimizer))
        self.rates.update(number for number, group in groups if number not in self.rates and has_rate(group))

    def scheduled(self, optimizer: Any, place: frames.Stack) -> None:
        """A schedule was made for it, which changes the rates that it was made with."""
        if any(has_rate({"lr": g.get("initial_lr", g.get("lr", 1.0))}) for g in groups_of(optimizer)):
            self.schedule = place

    def rated(self, rate: Any, asked: frames.Stack) -> None:
        """It uses a learning rate for all that it holds."""
        self.asked = self.asked or asked
        self.steps += 1
        if not self.rates and has_rate({"lr": rate}):
            self.rates.add(0)

    def is_settled(self, optimizer: Any) -> bool:
        """Whether nothing is to be learned from more of its steps."""
        return self.steps >= FEWEST_PASSES and len(self.rates) == len(groups_of(optimizer))

    def moved(self) -> list[Parameter]:
        """What it could change."""
        return [p for p, group in zip(self.parameters, self.groups, strict=True) if group in self.rates]


def groups_of(optimizer: Any) -> Sequence[Any]:
    """The groups of parameters of an optimizer."""
    return list(getattr(optimizer, "param_groups", ()))


def has_rate(group: Mapping[str, Any]) -> bool:
    """Whether a group has a learning rate other than 0."""
    rate = group.get("lr", 1.0)
    return worth(rate) != "zero" if isinstance(rate, torch.Tensor) else rate != 0


def held_by(recorder: Torch, optimizer: Any) -> list[tuple[int, Parameter]]:
    """What a new optimizer holds, by the number of its group and by name."""
    groups = enumerate(optimizer.param_groups)
    held = [(number, p) for number, group in groups for p in group["params"] if p.requires_grad]
    return [
        (number, Parameter(home.path, tuple(p.shape), str(p.dtype).removeprefix("torch."), gradient="present"))
        for number, p in held
        if (home := recorder.known.home(p)) is not None
    ]
