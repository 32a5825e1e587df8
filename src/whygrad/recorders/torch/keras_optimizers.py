"""Keras' optimizers on PyTorch: what they are handed is what is asked for; and their learning rates."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

import torch

from whygrad.graph import Parameter
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.facts import holding
from whygrad.recorders.torch.steps import Steps

# What every reading of a learning rate passes, whatever computes it.
_RATE = "_get_current_learning_rate"


class Optimizers:
    """Hears them.

    Args:
        steps: told of what an optimizer is handed.
        fault: told of an error of ours.
    """

    def __init__(self, steps: Steps, fault: Callable[[BaseException], None]) -> None:
        self.steps, self.fault = steps, fault
        self._depth = 0
        self._built: weakref.WeakSet[Any] = weakref.WeakSet()
        self._made: weakref.WeakKeyDictionary[Any, frames.Stack] = weakref.WeakKeyDictionary()

    def start(self, optimizers: Any, patches: Patches) -> None:
        """Hear this class and those made of it."""
        patches.replace(optimizers, "__init__", self._making(optimizers.__init__))
        patches.replace(optimizers, "apply", self._applying(optimizers.apply))
        patches.replace(optimizers, "build", self._building(optimizers.build))
        if hasattr(optimizers, _RATE):
            patches.replace(optimizers, _RATE, self._rating(getattr(optimizers, _RATE)))

    def built(self) -> list[Any]:
        """The variables that the living ones were built for."""
        return [v for o in list(self._built) for v in getattr(o, "_trainable_variables", ())]

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        optimizers = self

        @wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            optimizers._guarded(optimizers._note, self, sys._getframe(1))

        return __init__

    def _note(self, optimizer: Any, frame: FrameType) -> None:
        self._made[optimizer] = frames.capture(frame)

    def _building(self, original: Callable[..., Any]) -> Callable[..., Any]:
        optimizers = self

        @wraps(original)
        def build(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            optimizers._guarded(optimizers._hold, self)
            return result

        return build

    def _hold(self, optimizer: Any) -> None:
        if optimizer not in self._built:
            self._built.add(optimizer)
            variables = [v for v in getattr(optimizer, "_trainable_variables", ()) if v.trainable]
            held = [(0, Parameter(v.path, tuple(v.shape), str(v.dtype), gradient="present")) for v in variables]
            self.steps.made(optimizer, holding(held, self._made.get(optimizer, ()), "keras"))

    def _rating(self, original: Callable[..., Any]) -> Callable[..., Any]:
        optimizers = self

        @wraps(original)
        def rate(self: Any) -> Any:
            result = original(self)
            if optimizers._depth:
                optimizers._guarded(optimizers.steps.rated, self, getattr(result, "_value", result), sys._getframe(1))
            return result

        return rate

    def _applying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        optimizers = self

        @wraps(original)
        def apply(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
            if optimizers._depth:
                return original(self, grads, trainable_variables)
            given = None if trainable_variables is None else list(trainable_variables)
            optimizers._depth += 1
            optimizers._guarded(optimizers._before, self, given, sys._getframe(1))
            try:
                return original(self, grads, given)
            finally:
                optimizers._depth -= 1
                optimizers._guarded(optimizers.steps.ended, self)

        return apply

    def _before(self, optimizer: Any, given: Sequence[Any] | None, frame: FrameType) -> None:
        variables = given if given is not None else getattr(optimizer, "_trainable_variables", ())
        self.steps.asks(optimizer, [v for v in values_of(variables) if v.requires_grad], frame)
        self.steps.pause(True)

    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        try:
            body(*arguments)
        except Exception as error:
            self.fault(error)


def values_of(variables: Sequence[Any]) -> list[Any]:
    """The tensors that variables hold; a tensor given in place of a variable is its own."""
    found = [getattr(v, "_value", v) for v in variables]
    return [t for t in found if isinstance(t, torch.Tensor)]
