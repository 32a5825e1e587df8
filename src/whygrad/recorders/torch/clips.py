"""What happens to gradients between the backward pass and the optimizer: clipping and loss scaling."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import wraps
from types import GeneratorType
from typing import Any, Literal

import torch
from torch.nn.utils import clip_grad

from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.measure import gradients_of
from whygrad.watching.health import Clipping

_MOST_CLIPS = 64


@dataclass(slots=True)
class Clip:
    """One call of a clipping function.

    Attributes:
        total: the total norm before, as the function returned it (by its own kind of norm); NaN of one by value.
        norms: of a clipping by value, ``id`` of a parameter to its norm before, where that was measured.
        when: orders it among the other events.
    """

    how: Literal["total", "value"]
    bound: float
    when: int
    total: float = math.nan
    norms: dict[int, float] = field(default_factory=dict)

    def factor(self) -> float | None:
        """By what every gradient was multiplied."""
        if self.how == "value":
            return None
        return min(1.0, self.bound / (self.total + 1e-6)) if math.isfinite(self.total) else None


class Clips:
    """Hears the clipping functions and the gradient scaler.

    Args:
        expected: whether the next step is going to be looked at.
        quiet: runs a function so that nothing of it is recorded as the script's.
        steps: how many steps an optimizer has made; ``skipped``: told of each that a scaler left out.
        fault: told of an error of ours.
    """

    def __init__(
        self,
        expected: Callable[[], bool],
        quiet: Callable[[Callable[[], Any]], Any],
        steps: Callable[[Any], int],
        skipped: Callable[[Any], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self._expected, self._quiet, self._fault = expected, quiet, fault
        self._steps, self._skipped = steps, skipped
        self._clips: dict[int, Clip] = {}  # by the first parameter
        self._now = 0
        self._stepped: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._unscaled: weakref.WeakKeyDictionary[Any, tuple[int, float]] = weakref.WeakKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Wrap them where they are looked up."""
        for name, how in (("clip_grad_norm_", "total"), ("clip_grad_value_", "value")):
            wrapper = self._clipping(getattr(clip_grad, name), how)
            for home in (clip_grad, torch.nn.utils):
                patches.replace(home, name, wrapper)
        scaler = torch.amp.GradScaler
        patches.replace(scaler, "unscale_", self._unscaling(scaler.unscale_))
        patches.replace(scaler, "step", self._scaled(scaler.step))

    def stepped(self, optimizer: Any) -> None:
        """An optimizer has ended its step."""
        self._now += 1
        self._stepped[optimizer] = self._now

    def clips_of(self, optimizer: Any, held: Collection[int]) -> list[Clip]:
        """The clippings since its last step that were of its parameters, by their ids."""
        since = self._stepped.get(optimizer, 0)
        return [clip for key, clip in self._clips.items() if key in held and clip.when >= since]

    def scaler_of(self, optimizer: Any) -> tuple[int, float] | None:
        """When the loss scale was last divided out for it, and the scale."""
        when, scale = self._unscaled.get(optimizer, (-1, 1.0))
        return (when, scale) if when >= self._stepped.get(optimizer, 0) else None

    def _clipping(self, original: Callable[..., Any], how: Any) -> Callable[..., Any]:
        clips = self

        @wraps(original)
        def clip(parameters: Any, bound: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or not clips._expected():
                return original(parameters, bound, *args, **kwargs)
            if isinstance(parameters, GeneratorType):
                parameters = list(parameters) or parameters  # an empty one is warned of
            norms = clips._guarded(clips._before, parameters, how)
            result = original(parameters, bound, *args, **kwargs)
            clips._guarded(clips._clipped, parameters, bound, how, result, norms)
            return result

        @wraps(original)
        def by_name(*args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(("parameters", _BOUNDS[how]), args, strict=False)), **kwargs}
            if not {"parameters", _BOUNDS[how]} <= given.keys():
                return original(*args, **kwargs)
            return clip(given.pop("parameters"), given.pop(_BOUNDS[how]), *args[2:], **given)

        return by_name

    def _guarded(self, body: Callable[..., Any], *arguments: Any) -> Any:
        """Look at numbers, on the quiet."""
        try:
            return self._quiet(lambda: body(*arguments))
        except Exception as error:
            self._fault(error)
            return None

    def _before(self, parameters: Any, how: str) -> dict[int, float]:
        held = [p for p in _listed(parameters) if isinstance(p, torch.Tensor)]
        return _norms(held) if how == "value" else {}

    def _clipped(self, parameters: Any, bound: Any, how: Any, result: Any, norms: dict[int, float] | None) -> None:
        listed = _listed(parameters)
        if not listed:
            return
        self._now += 1
        if len(self._clips) >= _MOST_CLIPS:
            self._clips.clear()
        total = float(result) if how == "total" else math.nan
        self._clips[id(listed[0])] = Clip(how, float(bound), self._now, total, norms or {})

    def _unscaling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        clips = self

        @wraps(original)
        def unscale_(self: Any, optimizer: Any) -> None:
            original(self, optimizer)
            if clips._expected():
                clips._guarded(clips._divided, optimizer, self._scale)

        return unscale_

    def _divided(self, optimizer: Any, scale: Any) -> None:
        self._now += 1
        self._unscaled[optimizer] = (self._now, float(scale))

    def _scaled(self, original: Callable[..., Any]) -> Callable[..., Any]:
        clips = self

        @wraps(original)
        def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            before = clips._steps(optimizer)
            result = original(self, optimizer, *args, **kwargs)
            if self.is_enabled() and clips._steps(optimizer) == before:
                clips._guarded(clips._skipped, optimizer)
            return result

        return step


def _listed(parameters: Any) -> Any:
    """What is clipped, where it can be gone through twice."""
    listed = [parameters] if isinstance(parameters, torch.Tensor) else parameters
    return listed if isinstance(listed, (list, tuple)) else []


_BOUNDS = {"total": "max_norm", "value": "clip_value"}


def _norms(parameters: Any) -> dict[int, float]:
    measured = gradients_of([p.grad for p in parameters])
    return {id(p): each.norm for p, each in zip(parameters, measured, strict=True) if each is not None}


def clipping_of(clips: list[Clip], after: float | None, unscaled: tuple[int, float] | None) -> Clipping | None:
    """The last of the clippings, as a record.

    Args:
        after: the total norm that the optimizer was given.
        unscaled: when the loss scale was divided out, and the scale.
    """
    if not clips:
        return None
    clip = max(clips, key=lambda each: each.when)
    early = unscaled is not None and unscaled[0] > clip.when
    scale = unscaled[1] if unscaled is not None and early else 1.0
    if clip.how == "value":
        before = math.hypot(*clip.norms.values()) / scale if clip.norms else None
        return Clipping("value", clip.bound, before, after if len(clips) == 1 else None, early)
    total, factor = clip.total / scale, clip.factor()
    if factor is None:
        return Clipping("total", clip.bound, None, None, early)
    return Clipping("total", clip.bound, total, total * factor, early)
