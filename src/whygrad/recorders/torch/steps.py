"""The steps of optimizers: what an optimizer holds when it steps is what was asked for.

The losses of a step are those whose backward ran since the optimizer's last one, and of these the ones that gave it
something. The hooks are torch's own global ones, which are public.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.asking import Backward, Request, stepping
from whygrad.recorders.torch.clearing import Clearing
from whygrad.recorders.torch.compiled import unseen
from whygrad.recorders.torch.facts import FEWEST_STEPS, Facts, Unapplied, has_closure, params_of, unapplied
from whygrad.recorders.torch.forgotten import forgotten, read
from whygrad.recorders.torch.identity import ByIdentity
from whygrad.recorders.torch.log import Stepped
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.steady import Pace
from whygrad.recorders.torch.thaws import Thaws
from whygrad.recorders.torch.undone import writer_of
from whygrad.recorders.torch.worth import unheard

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


class Steps:
    """Hears every optimizer.

    Args:
        heard: told of every step that asks for something.
        pending: the backward calls that no optimizer took up yet.
        pause: told when an optimizer begins and ends its own work.
        now: the number that the log's next entry will have.
        fault: told of an error of ours.

    Attributes:
        optimizers: those that live.
        passes: how many backward passes ran.
        also_held: what optimizers hold that are not torch's own.
        goes_on: whether an optimizer's step needs no look, since it goes like the one before.
        shelve: makes the Graph of a request that may come to matter when the script has ended.
        let_go: whether a module held a parameter once, and none does now.
        recorder: of the log in which is what was computed with what optimizers hold.
    """

    recorder: Torch

    def __init__(
        self,
        heard: Callable[[Request], None],
        pending: list[Backward],
        pause: Callable[[bool], None],
        now: Callable[[], int],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.heard, self.pending, self.pause, self.now, self.fault = heard, pending, pause, now, fault
        self.optimizers: ByIdentity[bool] = ByIdentity()
        self.passes, self.thaws = 0, Thaws(self.held)
        self.also_held: Callable[[], list[Any]] = list
        self.goes_on: Callable[[Any], bool] = lambda optimizer: False
        self.shelve: Callable[[Request], Graph | None] = lambda request: None
        self.let_go: Callable[[Any], bool] = lambda tensor: False
        # The log's next number when ``autograd.grad`` last answered, the entry of that, ids of what it was asked for.
        self._answered: tuple[int, int, frozenset[int]] = (-1, -1, frozenset())
        self._stepped: ByIdentity[int] = ByIdentity()
        self._facts: ByIdentity[Facts | None] = ByIdentity()
        self._lives: list[Facts] = []
        self.clearing = Clearing(self)

    def install(self, patches: Patches) -> None:
        """Hook into the optimizers, and into what clears gradients."""
        self.clearing.install(patches)
        patches.defer(register_optimizer_step_pre_hook(self._before).remove)
        patches.defer(register_optimizer_step_post_hook(self._after).remove)

    def made(self, optimizer: Any, facts: Facts) -> None:
        """A new optimizer, and what is known of it."""
        self.met(optimizer)
        facts.began, facts.before = self.now(), [(other, other.pace.steps) for other in self._lives]
        self._facts[optimizer] = facts
        self._lives.append(facts)

    def answered(self, mark: int, sources: Sequence[Any]) -> None:
        """``autograd.grad`` was asked for these, at an entry of the log: the script may put its answers in place."""
        self._answered = (self.now(), mark, frozenset(id(s) for s in sources))

    def met(self, optimizer: Any) -> None:
        """An optimizer that lives."""
        self.optimizers[optimizer] = True

    def cleared(self, optimizer: Any) -> None:
        """An optimizer clears the gradients of what it holds."""
        if (facts := self._facts.get(optimizer, None)) is not None:
            facts.cleared(self.passes)

    def scheduled(self, optimizer: Any, place: frames.Stack) -> None:
        """A schedule was made for an optimizer."""
        if (facts := self._facts.get(optimizer, None)) is not None:
            facts.scheduled(optimizer, place)

    def rated(self, optimizer: Any, rate: Any, frame: FrameType) -> None:
        """An optimizer without groups uses a learning rate in a step."""
        if (facts := self._facts.get(optimizer, None)) is not None:
            facts.rated(rate, facts.asked or frames.capture(frame))

    def unapplied(self) -> Iterator[Unapplied]:
        """What optimizers held and could not change, when the script has ended."""
        return unapplied(self._lives, self.passes, self.clearing.times, self._answered[0] >= 0)

    def never_let_through(self) -> Iterator[Graph]:
        """Of each optimizer whose every step a loss scaler left out, what was asked in the first."""
        for facts in self._lives:
            if not facts.steps and facts.skipped >= FEWEST_STEPS and facts.shelved is not None:
                yield facts.never_let_through(facts.shelved)

    def pace_of(self, optimizer: Any) -> Pace:
        """What its further steps are to be counted by."""
        facts = self._facts.get(optimizer, None)
        return facts.pace if facts is not None else Pace()

    @unseen
    def skipped(self, optimizer: Any, frame: FrameType, scale: float) -> None:
        """A loss scaler has left out an optimizer's step: at the beginning that is how it finds its scale."""
        facts = self._facts.get(optimizer, None)
        if facts is None or facts.steps:
            return
        self.pause(True)
        try:
            facts.skipped, facts.scale = facts.skipped + 1, scale
            calls = [c for c in self.pending if c.mark >= 0]
            if facts.skipped == 1 and calls:
                sources = [p for p in params_of(optimizer) if p.requires_grad]
                request = self._asked(optimizer, sources, frame, facts.place, calls, 0)
                facts.shelved = self.shelve(replace(request, skipped=frames.capture(frame)))
        except Exception as error:
            self.fault(error)
        finally:
            self.ended(optimizer)

    def led_to(self, leaves: frozenset[int]) -> None:
        """A backward pass led to the leaves with these ids."""
        for optimizer in self.optimizers:
            if (facts := self._facts.get(optimizer, None)) is not None:
                facts.led_to(leaves, params_of(optimizer))

    @property
    def any(self) -> bool:
        """Whether the script ever made an optimizer, or stepped one."""
        return bool(self._lives or self.optimizers)

    def held(self) -> list[Any]:
        """What the living optimizers hold."""
        return [p for o in list(self.optimizers) for p in params_of(o)] + self.also_held()

    def meant(self) -> list[Any]:
        """What they are to change: all that they hold where that is frozen throughout."""
        held = self.held()
        return [p for p in held if p.requires_grad] or held

    def last(self) -> int:
        """Where in the log an optimizer last ended its step."""
        return max(self._stepped.values(), default=0)

    @unseen
    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            self.clearing.emptied.look_again()
            if not has_closure(args, kwargs):  # a closure computes the loss inside the step
                if self.goes_on(optimizer):
                    for call in self.pending:
                        call.consumed = True
                    return
                self.pause(True)  # before our own reading too: the mode need not hear it
                with unheard():
                    self._stepping(optimizer, sys._getframe(1))
                if (facts := self._facts.get(optimizer, None)) is not None:
                    writer = partial(writer_of, self.recorder.log, self._stepped.get(optimizer, 0))
                    facts.undone.begins(optimizer, params_of(optimizer), writer)
                    facts.standing.begins(params_of(optimizer), self.recorder.known.home)
        except Exception as error:
            self.fault(error)

    @unseen
    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            if has_closure(args, kwargs):
                with unheard():
                    self._stepping(optimizer, sys._getframe(1))
                self._stepped[optimizer] = self.now()
            else:
                self.ended(optimizer)
        except Exception as error:
            self.fault(error)

    def ended(self, optimizer: Any) -> None:
        """An optimizer's own work is done."""
        if (facts := self._facts.get(optimizer, None)) is not None:
            held = params_of(optimizer)
            facts.undone.ends(held)
            facts.standing.ends(held)
        self.pause(False)
        self._stepped[optimizer] = self.now()

    def _stepping(self, optimizer: Any, frame: FrameType) -> None:
        self.met(optimizer)
        facts = self._facts.get(optimizer, None)
        if self.recorder.recording:
            changed, log = [p for p in params_of(optimizer) if gradient_of(p) is not None], self.recorder.log
            shapes, serials = frozenset(tuple(p.shape) for p in changed), frozenset(map(log.known, changed))
            log.stepped.append(Stepped(self.now(), frames.capture(frame), shapes, serials))
        if facts is not None:
            facts.stepped(optimizer)
            self.thaws.look(frame, facts.place)
        opened = self._stepped.get(optimizer, 0)
        sources = [p for p in params_of(optimizer) if p.requires_grad] + forgotten(self.recorder, optimizer, opened)
        if facts is not None and self._is_idle(facts, sources, max(opened, facts.began), frame):
            return
        settled = facts is None or (facts.is_settled(optimizer) and self.thaws.is_idle())
        self.asks(optimizer, sources, frame, facts.place if facts else (), by=optimizer if settled else None)

    def _is_idle(self, facts: Facts, sources: Sequence[Any], opened: int, frame: FrameType) -> bool:
        """Whether a step has nothing to step with, and that is not for want of a way to the loss.

        Nothing was computed with what it holds: a script shows its schedule. Or it was, and no backward pass ran yet.

        Args:
            opened: the entry of the log where the step begins.
        """
        calls = any(c.mark >= opened or not c.known for c in self.pending)
        if calls or self._answered[0] >= opened or any(gradient_of(p) is not None for p in sources):
            facts.unasked = ()
            return False
        if not read(self.recorder.log, sources, opened):
            return True
        if not self.passes and self._answered[0] < 0 and facts.steps <= 1:
            facts.unasked = frames.capture(frame)
        return bool(facts.unasked)

    def asks(
        self, optimizer: Any, sources: Sequence[Any], frame: FrameType, place: frames.Stack = (), by: Any = None
    ) -> None:
        """An optimizer is about to use the gradients of these.

        Args:
            place: where it was made; ``by``: it, where its next steps may go by unseen.
        """
        if not sources:
            return
        opened, held = self._stepped.get(optimizer, 0), {id(p) for p in sources}
        calls = [c for c in self.pending if c.mark >= opened or not c.known]
        when, mark, given = self._answered
        marks: tuple[int, ...] = ()
        if not calls and when >= opened and given & held:
            # Its gradients were put there by hand, and judged when ``autograd.grad`` gave them.
            sources = [p for p in sources if id(p) not in given and gradient_of(p) is None and self.let_go(p)]
            if not sources:
                return
            marks = (mark,) if mark >= 0 else ()
        mine = [c for c in calls if c.leaves & held] or calls[-1:]
        facts = self._facts.get(optimizer, None)
        if facts is not None and self.recorder.recording:
            facts.outdated.look(self.recorder.log, self.recorder.known.named(sources), calls, opened)
        for call in mine:
            call.consumed = True
        request = self._asked(optimizer, sources, frame, place, calls, opened)
        self.heard(replace(request, marks=marks) if marks else replace(request, by=by))

    def _asked(
        self,
        optimizer: Any,
        sources: Sequence[Any],
        frame: FrameType,
        place: frames.Stack,
        calls: Sequence[Backward],
        opened: int,
    ) -> Request:
        request, mine = stepping(f"torch.optim.{type(optimizer).__name__}.step", sources, frame, calls, opened)
        return replace(request, cleared=self.clearing.lost(mine, sources, request.got), optimizer=place)
