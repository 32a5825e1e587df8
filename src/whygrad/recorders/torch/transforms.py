"""``torch.func``: functions that call the user's with wrapped tensors; here the wraps are tied to what they wrap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import made_of, meet, scan

# Transforms that take a function and return one; what comes out depends on all that the function gave.
NAMES = ("vmap", "jacrev", "jacfwd", "hessian", "grad", "grad_and_value", "functionalize")


class Transforms:
    """The hooks on ``torch.func`` and ``torch.vmap``.

    Attributes:
        asked: told of a ``torch.func.grad`` call: its targets, the wrapped and the given sources, and the answer.
    """

    def __init__(self, log: Log, crossings: Crossings, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.crossings = crossings
        self.fault = fault

    def install(self, patches: Patches) -> None:
        """Patch the public names; the script imports them after torch itself."""
        for name in NAMES:
            wrapper = self._transform(getattr(torch.func, name), name)
            patches.replace(torch.func, name, wrapper)
            if name == "vmap":
                patches.replace(torch, "vmap", wrapper)

    def _transform(self, original: Any, name: str) -> Any:
        transforms = self

        @wraps(original)
        def transform(func: Any, *settings: Any, **named: Any) -> Any:
            run = _Run(transforms, name)
            transformed = original(run.inner(func), *settings, **named)

            @wraps(transformed)
            def call(*args: Any, **kwargs: Any) -> Any:
                run.given(args, kwargs)
                result = transformed(*args, **kwargs)
                run.result(result, sys._getframe(1))
                return result

            return call

        return transform


class _Run:
    """One transformed function: outer arguments are tied to inner ones, inner results to outer ones."""

    def __init__(self, transforms: Transforms, name: str) -> None:
        self.transforms = transforms
        self.name = name
        self._outer: list[int] = []
        self._inner: list[int] = []

    def inner(self, func: Any) -> Any:
        """The user's function, its arguments tied to those that were given outside."""

        @wraps(func)
        def called(*args: Any, **kwargs: Any) -> Any:
            local = self.transforms.log.local
            self._guarded(self._entered, (args, kwargs))
            local.transforms += 1
            try:
                result = func(*args, **kwargs)
            finally:
                local.transforms -= 1
            self._guarded(self._left, result)
            return result

        return called

    def given(self, args: Any, kwargs: Any) -> None:
        """The arguments of the transformed function."""
        self._inner = []
        self._guarded(self._note_given, (args, kwargs))

    def result(self, result: Any, frame: Any) -> None:
        """What the transformed function returned."""
        self._guarded(self._note_result, result, frame)

    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        log = self.transforms.log
        if log.local.busy:
            return
        log.local.busy = True
        try:
            body(*arguments)
        except BaseException as error:
            self.transforms.fault(error)
        finally:
            log.local.busy = False

    def _note_given(self, given: Any) -> None:
        log = self.transforms.log
        self._outer = [log.known(t) or meet(log, self.transforms.crossings, t) for t in tensors_in(given)]

    def _entered(self, given: Any) -> None:
        wrapped = tensors_in(given)
        if len(wrapped) == len(self._outer):
            for outer, tensor in zip(self._outer, wrapped, strict=True):
                if outer != self.transforms.log.known(tensor):
                    self._tie((outer,), [tensor], sys._getframe(1))

    def _left(self, result: Any) -> None:
        log = self.transforms.log
        self._inner += [log.known(t) or log.serial(t) for t in tensors_in(result)]

    def _note_result(self, result: Any, frame: Any) -> None:
        outputs = tensors_in(result)
        if self._inner and outputs:
            self._tie(tuple(self._inner), outputs, frame)

    def _tie(self, inputs: tuple[int, ...], outputs: Sequence[Any], frame: Any) -> None:
        log = self.transforms.log
        made = tuple([made_of(log, t) for t in outputs])
        scope = log.local.scope[-1] if log.local.scope else 0
        log.add(Ran(self.name, inputs, (False,) * len(inputs), made, True, frames.capture(frame), scope))


def tensors_in(value: Any) -> list[Any]:
    """The tensors of an argument tree, in order."""
    found: list[Any] = []
    scan((value,), found)
    return found
