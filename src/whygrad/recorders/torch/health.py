"""The health of gradients over a whole run: looks at some steps of every optimizer, and changes none.

The hooks are torch's own global ones; they are apart from those of the recording, which is over long before.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from whygrad.recorders.naming import unique
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.clips import Clips, clipping_of
from whygrad.recorders.torch.facts import has_closure
from whygrad.recorders.torch.identity import ByIdentity
from whygrad.recorders.torch.lives import Lives
from whygrad.recorders.torch.log import Log
from whygrad.recorders.torch.measure import gradients_of, norms_of, readable, sample
from whygrad.recorders.torch.names import names_from
from whygrad.recorders.torch.parameters import Known, describe
from whygrad.watching.health import Gradient, Move, StepHealth, finite, healthy_as
from whygrad.watching.watch import Watch, stopped


class Naming(Protocol):
    """What a recorder knows of names."""

    log: Log
    lives: Lives
    known: Known


@dataclass(slots=True)
class _Seen:
    """An optimizer, over the run; ``paths`` belong to the parameters with these ``ids``."""

    name: str
    steps: int = 0
    ids: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class _Look:
    """A step under way. ``before`` holds copies, never the script's tensors.

    Attributes:
        frame: the ``id`` of the frame that runs the step.
    """

    frame: int
    number: int
    cost: float = 0.0
    due: bool = False
    gradients: list[Gradient | None] = field(default_factory=list)
    before: list[tuple[Any, float] | None] = field(default_factory=list)
    scale: tuple[int, float] | None = None


class Health:
    """Watches PyTorch's optimizers.

    Args:
        naming: the recorder, whose names are used.
        watch: gets what is measured.
    """

    def __init__(self, naming: Naming, watch: Watch) -> None:
        self.naming, self.watch = naming, watch
        self.patches = Patches()
        self.clips = Clips(lambda: watch.schedule.expected, self._quietly, self._steps_of, self._skipped, self._fault)
        self._seen: ByIdentity[_Seen | None] = ByIdentity()
        self._looks: dict[int, _Look] = {}  # by ``id``: a step keeps its optimizer alive

    def install(self) -> None:
        """Watch from now on."""
        self.clips.install(self.patches)
        self.patches.defer(register_optimizer_step_pre_hook(self._before).remove)
        self.patches.defer(register_optimizer_step_post_hook(self._after).remove)

    def stop(self) -> None:
        """Take the hooks off."""
        self._looks.clear()
        self.patches.undo()

    def _steps_of(self, optimizer: Any) -> int:
        seen = self._seen.get(optimizer, None)
        return seen.steps if seen is not None else 0

    def _skipped(self, optimizer: Any) -> None:
        self.watch.skipped(self._known(optimizer).name)

    def _known(self, optimizer: Any) -> _Seen:
        seen = self._seen.get(optimizer, None)
        if seen is None:
            seen = self._seen[optimizer] = _Seen(self.watch.name(object(), type(optimizer).__name__))
        return seen

    def _fault(self, error: BaseException) -> None:
        self._looks.clear()
        self.patches.undo()
        self.watch.note(stopped("torch", error))

    def _quietly(self, body: Callable[[], Any]) -> Any:
        with self.naming.log.own_work(), torch.no_grad(), torch._C.DisableTorchFunction():
            return body()

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            frame = sys._getframe(1)
            if self._is_inside(frame) or not self.watch.here():
                return
            seen = self._known(optimizer)
            seen.steps, due = self.watch.schedule.begins(seen.name)
            look = self._looks[id(optimizer)] = _Look(id(frame), seen.steps, due=due and not _is_capturing())
            if look.due:
                start = time.perf_counter()
                self._quietly(lambda: self._begin(optimizer, seen, look, frame, has_closure(args, kwargs)))
                look.cost = time.perf_counter() - start
        except Exception as error:
            self._fault(error)

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            look, seen = self._looks.pop(id(optimizer), None), self._seen.get(optimizer, None)
            if look is None or seen is None:
                return
            if look.due:
                start = time.perf_counter()
                self._quietly(lambda: self._end(optimizer, seen, look, has_closure(args, kwargs)))
                look.cost += time.perf_counter() - start
            self.clips.stepped(optimizer)
            self.watch.schedule.ends(seen.name, look.cost if look.due else None)
        except Exception as error:
            self._fault(error)

    def _is_inside(self, frame: FrameType) -> bool:
        """Whether an optimizer runs this one: a wrapper's step is the step."""
        if not self._looks:
            return False
        running = {look.frame for look in self._looks.values()}
        around = frame.f_back
        while around is not None:
            if id(around) in running:
                return True
            around = around.f_back
        self._looks.clear()  # what is left of a step that raised
        return False

    def _begin(self, optimizer: Any, seen: _Seen, look: _Look, frame: FrameType, closure: bool) -> None:
        parameters = held(optimizer)
        ids = tuple(id(p) for p in parameters)
        if ids != seen.ids:
            seen.ids, seen.paths = ids, self._paths(parameters, frame)
        scaled = self.clips.scaler_of(optimizer)
        if scaled is not None:
            look.scale = scaled
        if not closure:  # a closure computes its gradients inside of the step
            look.gradients = _measured(optimizer, parameters)
        plain = [readable(p) for p in parameters]
        look.before = [None if each is None else sample(each) for each in plain]

    def _paths(self, parameters: Sequence[Any], frame: FrameType) -> tuple[str, ...]:
        naming = self.naming
        unknown = ("unknown",) * len(parameters)
        found = describe(parameters, unknown, names_from(frame), naming.known, naming.lives.modules)  # type: ignore[arg-type]
        return tuple(unique([each.path for each in found]))

    def _end(self, optimizer: Any, seen: _Seen, look: _Look, closure: bool) -> None:
        parameters = held(optimizer)
        if tuple(id(p) for p in parameters) != seen.ids or _overflowed(optimizer):
            return
        if closure:
            look.gradients = _measured(optimizer, parameters)
        clips = self.clips.clips_of(optimizer, frozenset(seen.ids))
        after = math.hypot(*(each.norm for each in look.gradients if each is not None))
        clipping = clipping_of(clips, finite(after), look.scale)
        before = [_before_clipping(clips, p, each) for p, each in zip(parameters, look.gradients, strict=True)]
        moves = self._moves(parameters, look)
        health = tuple(
            healthy_as(path, p.shape, each, move, norm, p.grad is None)
            for path, p, each, norm, move in zip(seen.paths, parameters, look.gradients, before, moves, strict=True)
        )
        scale = look.scale[1] if look.scale is not None else _own_scale(optimizer)
        self.watch.seen(StepHealth(seen.name, look.number, self.watch.seconds, health, clipping, scale))

    def _moves(self, parameters: Sequence[Any], look: _Look) -> list[Move | None]:
        """What the step did to each parameter; ``None`` where it is not to be read."""
        pairs = [(p, kept) for p, kept in zip(parameters, look.before, strict=True) if kept is not None]
        copies = [kept[0] for _, kept in pairs]
        weights = norms_of(copies)
        updates = norms_of([sample(readable(p))[0].sub_(copy) for (p, _), copy in zip(pairs, copies, strict=True)])
        numbers = zip(weights, updates, strict=True)
        found: list[Move | None] = []
        for kept in look.before:
            if kept is None:
                found.append(None)
                continue
            weight, update = next(numbers)
            found.append(Move(weight * kept[1], update * kept[1], kept[1] != 1.0))
        return found


def held(optimizer: Any) -> list[Any]:
    """What an optimizer is to train, each once."""
    found = {id(p): p for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    return list(found.values())


def _measured(optimizer: Any, parameters: Sequence[Any]) -> list[Gradient | None]:
    found = gradients_of([p.grad for p in parameters])
    scale = _own_scale(optimizer)
    if scale is None:
        return found
    return [each and Gradient(each.norm / scale, each.zeros, each.nonfinite) for each in found]


def _own_scale(optimizer: Any) -> float | None:
    """The loss scale that a fused optimizer divides out by itself."""
    scale = getattr(optimizer, "grad_scale", None)
    return float(scale) if isinstance(scale, torch.Tensor) else None


def _overflowed(optimizer: Any) -> bool:
    """Whether a fused optimizer leaves this step out, as loss scaling wants it."""
    found = getattr(optimizer, "found_inf", None)
    return isinstance(found, torch.Tensor) and bool(found)


def _before_clipping(clips: Sequence[Any], parameter: Any, gradient: Gradient | None) -> float | None:
    """The norm of one gradient before clipping, where one clipping was of them all."""
    if gradient is None or len(clips) != 1:
        return None
    (clip,) = clips
    if clip.how == "value":
        return finite(clip.norms.get(id(parameter), math.nan))
    factor = clip.factor()
    return finite(gradient.norm / factor) if factor else None


def _is_capturing() -> bool:
    """Whether a CUDA graph is being made: nothing may be read then."""
    return bool(torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())
