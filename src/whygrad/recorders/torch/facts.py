"""What an optimizer did, for when it is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from whygrad.graph import Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.torch.aliases import Alias, aliases
from whygrad.recorders.torch.outdated import Outdated
from whygrad.recorders.torch.standing import Standing
from whygrad.recorders.torch.steady import Pace
from whygrad.recorders.torch.tensors import shape_of
from whygrad.recorders.torch.undone import Undone
from whygrad.recorders.torch.worth import worth

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch
    from whygrad.recorders.torch.names import Names

# Fewer steps, or backward passes without one, may be a short trial.
FEWEST_STEPS, FEWEST_PASSES = 3, 10
# What a loss scaler begins with, where nothing else is said.
USUAL_SCALE = 2.0**16
# Gradients that are cleared are used up: nothing is being summed for a later step.
FEWEST_CLEARED = 2


@dataclass(slots=True)
class Facts:
    """What it held, its steps, and which of its groups ever had a learning rate that was not 0.

    Attributes:
        parameters: those that have a name; ``groups``: of each, the number of its group.
        began: the log's next entry when it was made.
        reached: whether a backward pass that was recorded led to what it holds before it took a step.
        place: where it was made; ``schedule``: where the schedule was made that changed its learning rate.
        library: whose optimizer it is, if not torch's own; ``asked``: where it was handed gradients first, then.
        emptied: how often it cleared what backward passes had given; ``passes``: how many had run the last time.
        unasked: where it first took a step before any backward pass, and had no gradient.
        skipped: how many steps a loss scaler left out so far; ``shelved``: what was asked in the first of these.
        scale: of the loss, at the last of them.
        stopped: where the first schedule was made that left it without a learning rate.
        undone: whether the script puts back what its steps change; ``standing``: whether they change nothing;
            ``outdated``: what they change and nobody computes with again; ``pace``: of all its steps.
        before: the optimizers that were there when it was made, and how many steps each had made by then.
        aliases: the parameters in whose place it holds tensors that are not they.
    """

    parameters: tuple[Parameter, ...]
    groups: tuple[int, ...] = ()
    began: int = 0
    steps: int = 0
    reached: bool = False
    emptied: int = 0
    passes: int = 0
    rates: set[int] = field(default_factory=set)
    place: frames.Stack = ()
    schedule: frames.Stack = ()
    library: str = ""
    asked: frames.Stack = ()
    unasked: frames.Stack = ()
    skipped: int = 0
    scale: float = 0.0
    shelved: Graph | None = None
    stopped: frames.Stack = ()
    undone: Undone = field(default_factory=Undone)
    standing: Standing = field(default_factory=Standing)
    outdated: Outdated = field(default_factory=Outdated)
    pace: Pace = field(default_factory=Pace)
    aliases: tuple[Alias, ...] = ()
    before: Sequence[tuple[Facts, int]] = ()

    def stepped(self, optimizer: Any) -> None:
        """It takes a step."""
        self.steps += 1
        self.shelved = None
        for alias in self.aliases:
            alias.look()
        moving = {number for number, group in enumerate(groups_of(optimizer)) if has_rate(group)}
        self.rates |= moving
        self.pace.step(bool(moving))

    def led_to(self, leaves: frozenset[int], held: Iterable[Any]) -> None:
        """A backward pass led to the leaves with these ids, and it holds these parameters."""
        if not (self.steps or self.reached or self.library):  # a library's steps by itself
            self.reached = any(id(p) in leaves for p in held)

    def cleared(self, passes: int) -> None:
        """It clears gradients, after so many backward passes of the run."""
        if self.reached and passes > self.passes:
            self.emptied += 1
        self.passes = passes

    def scheduled(self, optimizer: Any, place: frames.Stack) -> None:
        """A schedule was made for it, which changes the rates that it was made with."""
        if any(has_rate({"lr": g.get("initial_lr", g.get("lr", 1.0))}) for g in groups_of(optimizer)):
            self.schedule = place
            if not self.stopped and not any(map(has_rate, groups_of(optimizer))):
                self.stopped = place

    def rated(self, rate: Any, asked: frames.Stack) -> None:
        """It uses a learning rate for all that it holds."""
        self.asked = self.asked or asked
        self.steps += 1
        if not self.rates and has_rate({"lr": rate}):
            self.rates.add(0)

    def is_settled(self, optimizer: Any) -> bool:
        """Whether nothing is to be learned from more of its steps."""
        return self.steps >= FEWEST_PASSES and len(self.rates) == len(groups_of(optimizer))

    def never_let_through(self, shelved: Graph) -> Graph:
        """What was asked in the first step that a loss scaler left out, if it left out all of them."""
        if self.scale <= USUAL_SCALE:
            return shelved
        note = f"{self.scale:.3g}"
        return replace(shelved, parameters=tuple(_over(p, note) for p in shelved.parameters))

    def left_alone(self) -> tuple[Parameter, ...]:
        """The parameters in whose place it holds other tensors, if none of them has moved."""
        for alias in self.aliases:
            alias.look()
        return () if any(alias.moved for alias in self.aliases) else tuple(a.parameter for a in self.aliases)

    def is_wasted(self, passes: int) -> bool:
        """Whether what so many backward passes of the run gave it is summed up for no later step."""
        return passes >= FEWEST_PASSES or self.emptied >= FEWEST_CLEARED

    def moved(self) -> list[Parameter]:
        """What it could change."""
        return [p for p, group in zip(self.parameters, self.groups, strict=True) if group in self.rates]


def holding(
    held: Sequence[tuple[int, Parameter]],
    place: frames.Stack,
    library: str = "",
    aliases: Iterable[Alias] = (),
) -> Facts:
    """What is known of a new optimizer.

    Args:
        held: what it holds, by group and name; ``place``, ``library``, ``aliases``: as in ``Facts``.
    """
    parameters, groups = tuple(p for _, p in held), tuple(group for group, _ in held)
    return Facts(parameters, groups, place=place, library=library, aliases=tuple(aliases))


def _over(parameter: Parameter, scale: str) -> Parameter:
    """The same, with a word on a scale that is much too large."""
    events = (
        replace(e, detail="skipped, scaled", note=scale) if e.detail == "skipped" else e for e in parameter.history
    )
    return replace(parameter, history=tuple(events))


class Unapplied(NamedTuple):
    """What an optimizer did, of what it could not change, why, the place of that, and what else is known."""

    facts: Facts
    parameters: tuple[Parameter, ...]
    why: str
    place: frames.Stack
    note: str = ""


def unapplied(lives: Sequence[Facts], passes: int, cleared: int, answered: bool) -> Iterator[Unapplied]:
    """What optimizers held and could not change, when the script has ended.

    Args:
        lives: all optimizers of the run; ``passes``: how many backward passes ran.
        cleared: how often the gradients of new ones were cleared; ``answered``: ``autograd.grad`` gave some as well.
    """
    nobody = cleared >= FEWEST_CLEARED and not any(facts.steps for facts in lives)
    for facts in lives:
        over = [id(other) for other, steps in facts.before if other.pace.steps == steps]
        applied = {p.path for other in lives if id(other) not in over for p in other.moved()}
        held = tuple(p for p in facts.parameters if p.path not in applied)  # an optimizer may wrap another
        if facts.steps >= FEWEST_STEPS and not facts.rates:
            place = facts.stopped or facts.schedule or facts.place
            yield Unapplied(facts, held, "schedule" if facts.schedule else "rate", place)
        elif facts.steps >= FEWEST_PASSES and not facts.schedule and held:
            yield Unapplied(facts, held, "rate of a group", facts.place)
        elif facts.unasked and not passes and not answered:
            yield Unapplied(facts, facts.parameters, "no backward", facts.unasked)
        elif not (facts.steps or facts.skipped) and facts.reached and (nobody or facts.is_wasted(passes)):
            yield Unapplied(facts, held, "no step", facts.place)
        elif facts.steps >= FEWEST_STEPS and (kept := facts.left_alone()) and passes and not answered:
            yield Unapplied(facts, kept, "alias", facts.place)
        elif facts.standing.steps >= FEWEST_PASSES and facts.rates and not facts.library:
            stands = tuple(p for p in facts.moved() if p.path not in facts.standing.apart)
            yield Unapplied(facts, stands, "stands", facts.place)
        elif certain := facts.outdated.certain():
            for p in (p for p in facts.moved() if p.path in certain):
                yield Unapplied(facts, (p,), "outdated", certain[p.path])
        elif facts.undone.is_certain:
            yield Unapplied(facts, tuple(facts.moved()), "undone", facts.undone.writer)
        elif facts.schedule and facts.pace.idle >= max(FEWEST_PASSES, facts.pace.steps / 2):
            much = f"the last {facts.pace.idle} of {facts.pace.steps} steps"
            yield Unapplied(facts, tuple(facts.moved()), "schedule at its end", facts.schedule, much)


def groups_of(optimizer: Any) -> Sequence[Any]:
    """The groups of parameters of an optimizer."""
    return list(getattr(optimizer, "param_groups", ()))


def params_of(optimizer: Any) -> list[Any]:
    """What an optimizer holds, in the order of its groups."""
    return [p for group in groups_of(optimizer) for p in group["params"]]


def has_rate(group: Mapping[str, Any]) -> bool:
    """Whether a group has a learning rate other than 0."""
    rate = group.get("lr", 1.0)
    return worth(rate) != "zero" if isinstance(rate, torch.Tensor) else rate != 0


def held_by(recorder: Torch, optimizer: Any) -> list[tuple[int, Parameter]]:
    """What a new optimizer holds, by the number of its group and by name."""
    groups = enumerate(optimizer.param_groups)
    held = [(number, p) for number, group in groups for p in group["params"] if p.requires_grad]
    return [
        (number, Parameter(home.path, shape_of(p), str(p.dtype).removeprefix("torch."), gradient="present"))
        for number, p in held
        if (home := recorder.known.home(p)) is not None
    ]


def known_of(recorder: Torch, optimizer: Any, names: Names) -> Facts:
    """What is known of a new optimizer of torch's.

    Args:
        names: what the script calls what it holds.
    """
    place, held = recorder.lives.optimizers.get(optimizer, ()), params_of(optimizer)
    return holding(held_by(recorder, optimizer), place, aliases=aliases(held, recorder.lives, names))


def has_closure(args: Any, kwargs: Any) -> bool:
    """Whether a step was handed a function that computes the loss."""
    return any(callable(one) for one in (*args[1:], *kwargs.values()))
