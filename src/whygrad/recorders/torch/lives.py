"""The lives of modules, parameters and optimizers: where each was made, frozen, thawed, and what it was called."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.compiled import passed_over, unseen


class Lives:
    """Listens from torch's import on, and goes on when recording has ended.

    A module is told by its identity: one may have an ``__eq__`` and ``__hash__`` that do not work while it is made.

    Attributes:
        modules: module to the place that made it.
        optimizers: optimizer to the place that made it.
        backward_hooks: module to the place that last put a hook on its gradients.
        module_made: told of every new module and the place that made it.
        optimizer_made: told of every new optimizer and the frame that made it.
        schedule_made: told of the optimizer of every new schedule and the place that made it.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.patches = Patches()
        self.modules = WeakIdKeyDictionary()
        self.optimizers = WeakIdKeyDictionary()
        self.backward_hooks = WeakIdKeyDictionary()
        self.module_made: Callable[[Any, frames.Stack], None] = lambda module, stack: None
        self.optimizer_made: Callable[[Any, Any], None] = lambda optimizer, frame: None
        self.schedule_made: Callable[[Any, frames.Stack], None] = lambda optimizer, stack: None
        self.optimizer_failed: Callable[[BaseException, Any, Any], None] = lambda error, given, frame: None
        self._made: dict[int, tuple[weakref.ref[Any], frames.Stack]] = {}
        self._froze: dict[int, tuple[weakref.ref[Any], list[tuple[bool, frames.Stack]]]] = {}

    def start(self) -> None:
        """Patch the constructors."""
        self._modules("__init__")
        self._modules("__setstate__")  # copies and unpickled modules
        for name in ("register_full_backward_hook", "register_full_backward_pre_hook"):
            self._backward_hooks(name)
        self._optimizers()
        self._schedules()

    def stop(self) -> None:
        """Take the hooks off."""
        self.patches.undo()

    def parameter_made(self, parameter: Any, stack: frames.Stack) -> None:
        """``nn.Parameter(...)`` was called."""
        self._made[id(parameter)] = (weakref.ref(parameter), stack)

    def froze(self, tensor: Any, value: bool, stack: frames.Stack) -> None:
        """``requires_grad`` of a tensor was set."""
        known = self._froze.get(id(tensor))
        if known is None or known[0]() is not tensor:
            known = self._froze[id(tensor)] = (weakref.ref(tensor), [])
        if len(known[1]) < 20:
            known[1].append((value, stack))
        else:
            known[1][-1] = (value, stack)

    def birth_of(self, parameter: Any) -> frames.Stack:
        """Where a parameter was made; empty if that was not seen."""
        known = self._made.get(id(parameter))
        return known[1] if known is not None and known[0]() is parameter else ()

    def freezes(self, tensor: Any) -> Iterator[tuple[bool, frames.Stack]]:
        """Every (value, place) at which ``requires_grad`` of a tensor was set."""
        known = self._froze.get(id(tensor))
        if known is not None and known[0]() is tensor:
            yield from known[1]

    def _modules(self, name: str) -> None:
        original = getattr(torch.nn.Module, name)
        lives = self

        @passed_over
        @wraps(original)
        def made(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if not torch.compiler.is_compiling():
                lives._guarded(lives._module, self, sys._getframe(1))
            return result

        self.patches.replace(torch.nn.Module, name, made)

    def _module(self, module: Any, frame: Any) -> None:
        if module not in self.modules:
            self.modules[module] = stack = frames.capture(_outside(frame, module))
            self.module_made(module, stack)

    def _backward_hooks(self, name: str) -> None:
        original = getattr(torch.nn.Module, name)
        lives = self

        @passed_over
        @wraps(original)
        def register(self: Any, *args: Any, **kwargs: Any) -> Any:
            lives._guarded(lives._hooked, self, sys._getframe(1))
            return original(self, *args, **kwargs)

        self.patches.replace(torch.nn.Module, name, register)

    def _hooked(self, module: Any, frame: Any) -> None:
        self.backward_hooks[module] = frames.capture(frame)

    def _optimizers(self) -> None:
        original = torch.optim.Optimizer.__init__
        lives = self

        @passed_over
        @wraps(original)
        def __init__(self: Any, params: Any, *args: Any, **kwargs: Any) -> None:
            # In a form that can be looked at twice: a generator becomes the list it makes. What it goes through may be
            # a model that nothing else holds, and is to live until its parameters have a name.
            model = lives._walked_by(params)
            given = list(params) if isinstance(params, Iterator) else params
            try:
                original(self, given, *args, **kwargs)
            except BaseException as error:
                lives._guarded(lives.optimizer_failed, error, given, sys._getframe(1))
                raise
            lives._guarded(lives._optimizer, self, sys._getframe(1))
            del model

        self.patches.replace(torch.optim.Optimizer, "__init__", __init__)

    def _walked_by(self, params: Any) -> Any:
        """The module whose parameters a generator gives."""
        try:
            frame = getattr(params, "gi_frame", None)
            return frame.f_locals.get("self") if frame is not None else None
        except Exception as error:
            self.fault(error)

    def _schedules(self) -> None:
        base = torch.optim.lr_scheduler.LRScheduler
        original = base.__init__
        lives = self

        @passed_over
        @wraps(original)
        def __init__(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(self, optimizer, *args, **kwargs)
            lives._guarded(lives._schedule, self, optimizer, sys._getframe(1))

        self.patches.replace(base, "__init__", __init__)

    def _schedule(self, schedule: Any, optimizer: Any, frame: Any) -> None:
        self.schedule_made(optimizer, frames.capture(_outside(frame, schedule)))

    def _optimizer(self, optimizer: Any, frame: Any) -> None:
        self.optimizers[optimizer] = frames.capture(_outside(frame, optimizer))
        self.optimizer_made(optimizer, frame)

    @unseen
    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        try:
            body(*arguments)
        except Exception as error:
            self.fault(error)


def _outside(frame: Any, made: Any) -> Any:
    """The first frame that is not the object's own constructor: there somebody asked for the object."""
    while frame is not None and frame.f_code.co_name == "__init__" and _is_of(frame, made):
        frame = frame.f_back
    return frame


def _is_of(frame: Any, made: Any) -> bool:
    arguments = frame.f_code.co_varnames[: frame.f_code.co_argcount]
    if not arguments:
        return False
    return any(name == arguments[0] and value is made for name, value in frames.local_variables(frame))
