"""The steps of optimizers: what an optimizer holds when it steps is what was asked for.

The losses of a step are those whose backward ran since the optimizer's last one, and of these the ones that gave it
something. The hooks are torch's own global ones, which are public.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.asking import Backward, Request, answer, site_of


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
    """

    def __init__(
        self,
        heard: Callable[[Request], None],
        pending: list[Backward],
        pause: Callable[[bool], None],
        now: Callable[[], int],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.heard, self.pending, self.pause, self.now, self.fault = heard, pending, pause, now, fault
        self.optimizers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._stepped: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Hook into the optimizers."""
        patches.defer(register_optimizer_step_pre_hook(self._before).remove)
        patches.defer(register_optimizer_step_post_hook(self._after).remove)

    def held(self) -> list[Any]:
        """What the living optimizers hold."""
        return [p for o in list(self.optimizers) for g in o.param_groups for p in g["params"]]

    def last(self) -> int:
        """Where in the log an optimizer last ended its step."""
        return max(self._stepped.values(), default=0)

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            if not _has_closure(args, kwargs):  # a closure computes the loss inside the step
                self._stepping(optimizer, sys._getframe(1))
                self.pause(True)
        except BaseException as error:
            self.fault(error)

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            if _has_closure(args, kwargs):
                self._stepping(optimizer, sys._getframe(1))
            else:
                self.pause(False)
            self._stepped[optimizer] = self.now()
        except BaseException as error:
            self.fault(error)

    def _stepping(self, optimizer: Any, frame: FrameType) -> None:
        self.optimizers.add(optimizer)
        sources = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        if not sources:
            return
        opened, held = self._stepped.get(optimizer, 0), {id(p) for p in sources}
        calls = [c for c in self.pending if c.mark >= opened or not c.known]
        mine = [c for c in calls if c.leaves & held] or calls[-1:]
        for call in mine:
            call.consumed = True
        got = frozenset().union(*(c.got for c in calls))
        stack = frames.capture(frame)
        last = mine[-1] if mine else None
        self.heard(
            Request(
                last.api if last is not None else f"torch.optim.{type(optimizer).__name__}.step",
                ("step", *site_of(stack)),
                last.stack if last is not None else stack,
                frame,
                sources,
                tuple(answer(p, got) for p in sources),
                tuple(c.mark for c in mine if c.mark >= 0),
                opened,
            )
        )


def _has_closure(args: Any, kwargs: Any) -> bool:
    return any(callable(one) for one in (*args[1:], *kwargs.values()))
