"""Gradients that are cleared, or clipped away, after a backward pass: where, and how often no step had used them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils import clip_grad

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.asking import Backward
from whygrad.recorders.torch.compiled import passed_over
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.undone import writer_of
from whygrad.recorders.torch.worth import worth

if TYPE_CHECKING:
    from whygrad.recorders.torch.emptied import Emptied
    from whygrad.recorders.torch.steps import Steps

CLIPS = ("clip_grad_norm_", "clip_grad_value_")


class Clearing:
    """Listens to what clears gradients.

    Args:
        steps: of the optimizers.

    Attributes:
        times: how often gradients of a new backward pass were cleared.
        emptied: told of each step that an optimizer is about to take.
    """

    emptied: Emptied

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.times = 0
        self._passes = 0
        self._last: tuple[int, frames.Stack] = (-1, ())

    def install(self, patches: Patches) -> None:
        """Wrap what clears gradients."""
        for cls in (torch.optim.Optimizer, torch.nn.Module):
            patches.replace(cls, "zero_grad", self._listening(cls.zero_grad))
        for name in CLIPS:  # a bound of 0 leaves nothing
            wrapper = self._listening(getattr(clip_grad, name), clears=False)
            for home in (clip_grad, torch.nn.utils):
                patches.replace(home, name, wrapper)

    def _listening(self, original: Callable[..., Any], clears: bool = True) -> Callable[..., Any]:
        clearing, steps = self, self.steps

        @passed_over
        @wraps(original)
        def clear(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling():
                if steps.pending and steps.pending[-1].mark >= 0:
                    clearing._last = (steps.now(), frames.capture(sys._getframe(1)))
                if clears and steps.passes > clearing._passes:
                    clearing._passes, clearing.times = steps.passes, clearing.times + 1
                if clears and args and isinstance(args[0], torch.optim.Optimizer):
                    try:
                        steps.cleared(args[0])
                    except Exception as error:
                        steps.fault(error)
            steps.pause(True)
            try:
                return original(*args, **kwargs)
            finally:
                steps.pause(False)

        return clear

    def lost(self, calls: list[Backward], sources: Sequence[Any], got: Mapping[int, GradientSeen]) -> frames.Stack:
        """Where the gradients of this step were cleared, if all of them are gone again."""
        (when, stack), log = self._last, self.steps.recorder.log
        begun, since = (choose([c.mark for c in calls], default=-1) for choose in (max, min))
        # Asked first is what costs least: mostly nothing stands in the log between a backward pass and the step.
        if not calls or not (when > since or log.emptied or (since >= 0 and log.now > since + 1)):
            return ()
        if not any(got.get(id(p)) == "present" for p in sources):
            return ()
        if since >= 0:
            self.emptied.look(since, sources, got, stack if when > since else (), calls[-1].stack)
        left = [g for p in sources if (g := gradient_of(p)) is not None]
        if not all(worth(g) == "zero" for g in left):
            return ()
        # Where nothing clears them as a whole, the script may write zeros to each by hand.
        return stack if when > begun else writer_of(log, begun, left) if begun >= 0 else ()
