"""Where we listen to torch while recording: the function mode, and what it does not see.

That is: ``autograd.Function.apply``, ``nn.Parameter(...)``, ``from_numpy``, the modules being called, other threads.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import compiled, functions, mode, modules, operations, warned
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.functions import Functions
from whygrad.recorders.torch.lives import Lives
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.mode import Mode
from whygrad.recorders.torch.modules import Modules
from whygrad.recorders.torch.replicas import Replicas
from whygrad.recorders.torch.stack import join, leave
from whygrad.recorders.torch.tensors import made_of, meet
from whygrad.recorders.torch.transforms import Transforms
from whygrad.recorders.torch.values import Values

Raised = Callable[[BaseException, str, frames.Stack, tuple[int, ...]], None]


class Hooks:
    """The recording hooks of one recorder.

    Args:
        log: where everything is noted.
        lives: told of frozen tensors and of parameters that were made.
        read: told of a tensor whose ``.grad`` the script reads, and the frame that does.
        raised: told of an exception inside an operation, the operation, the place and the inputs.
        fault: told of an error of ours; it never reaches the user.
    """

    def __init__(
        self,
        log: Log,
        lives: Lives,
        read: Callable[[Any, Any, Any], None],
        raised: Raised,
        fault: Callable[[BaseException], None],
    ) -> None:
        self.log = log
        self.lives = lives
        self.fault = fault
        self.patches = Patches()
        self.crossings = Crossings(log, fault)
        self.values = Values(fault)
        self.modules = Modules(log, fault, self._quiet)
        self.functions = Functions(log, self.crossings, fault)
        self.functions.hooked_at = lambda module: lives.backward_hooks.get(module, ())
        self.transforms = Transforms(log, self.crossings, fault)
        self.replicas = Replicas(log, fault)
        self._read, self._raised = read, raised
        self._modes: list[Mode] = []
        self._leaving: list[Mode] = []

    def install(self) -> None:
        """Start to listen: all hooks or none."""
        self.patches = Patches()
        try:
            self._parameters()
            self._variables()
            self.replicas.install(self.patches)
            self._threads()
            files = (mode.__file__, operations.__file__, functions.__file__, modules.__file__)
            warned.install(self.patches, frozenset(files))
            self.crossings.install(self.patches)
            self.functions.install(self.patches)
            self.transforms.install(self.patches)
            self.modules.install(self.patches)
            compiled.install(self.patches, self.log)
            self._listen()
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Put back everything that was found; modes of other threads fall silent where they are."""
        for one in self._modes:
            one.off = True
        self._leaving += self._modes
        self._modes.clear()
        self.sweep()
        self.patches.undo()

    def sweep(self) -> None:
        """Take silent modes off the stack. One in whose handler we are is not there now, and comes back after it."""
        for one in self._leaving:
            leave(one)
        if not self._leaving or not _in_handler(sys._getframe(1)):
            self._leaving.clear()

    def pause(self, paused: bool) -> None:
        """Take this thread's mode off the stack while an optimizer works, or put it back.

        A mode that hears a call and is silent costs as much as one that notes it.
        """
        local = self.log.local
        if paused and local.paused is None:
            for one in self._modes:
                if leave(one):
                    local.paused = one
                    break
        elif not paused and local.paused is not None:
            one, local.paused = local.paused, None
            if not one.off:
                join(one)

    def _listen(self) -> Mode:
        one = Mode(
            self.log, self.crossings, self.modules, self.values, self.lives.froze, self._read, self._raised, self.fault
        )
        join(one)
        self._modes.append(one)
        return one

    def _quiet(self, quiet: bool) -> None:
        """Take this thread's mode off the stack for a module that runs otherwise where there is one, or put it back."""
        for one in self._modes:
            leave(one)
        if not quiet and self._modes:
            join(self._modes[0])

    def _threads(self) -> None:
        """Modes are per thread; a thread started while we record gets its own."""
        original, hooks, patches = threading.Thread.run, self, self.patches

        @wraps(original)
        def run(thread: threading.Thread) -> None:
            if not patches.on:
                original(thread)
                return
            own = hooks._listen()
            try:
                original(thread)
            finally:
                own.off = True
                leave(own)
                if own in hooks._modes:
                    hooks._modes.remove(own)

        self.patches.replace(threading.Thread, "run", run)

    def _parameters(self) -> None:
        """``nn.Parameter(x)`` makes a leaf of what it is given."""
        original: Any = getattr(torch.nn.Parameter, "__new__")  # noqa: B009 - typed without arguments
        hooks, patches = self, self.patches

        @wraps(original)
        def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            parameter = original(cls, *args, **kwargs)
            if patches.on and not hooks.log.local.busy:
                try:
                    hooks._made(parameter, args, kwargs, sys._getframe(1))
                except Exception as error:
                    hooks.fault(error)
            return parameter

        self.patches.replace(torch.nn.Parameter, "__new__", staticmethod(__new__))

    def _variables(self) -> None:
        """``Variable(x)``, which stood for a tensor once, gives another one that has the numbers of ``x`` alone."""
        kind, patches, hooks = type(torch.autograd.Variable), self.patches, self

        @wraps(type.__call__)
        def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            made = type.__call__(cls, *args, **kwargs)
            if patches.on and not hooks.log.local.busy:
                try:
                    hooks._wrapped("detach", made, args, kwargs, frames.capture(sys._getframe(1)))
                except Exception as error:
                    hooks.fault(error)
            return made

        self.patches.replace(kind, "__call__", __call__)

    def _made(self, parameter: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: Any) -> None:
        stack = frames.capture(frame)
        self.lives.parameter_made(parameter, stack)
        if self.log.local.scope:
            self.modules.lent[self.log.serial(parameter)] = None
        self._wrapped("Parameter", parameter, args, kwargs, stack)

    def _wrapped(
        self, name: str, made: Any, args: tuple[Any, ...], kwargs: dict[str, Any], stack: frames.Stack
    ) -> None:
        log, data = self.log, args[0] if args else kwargs.get("data")
        if not isinstance(data, torch.Tensor) or data is made:
            return
        serial = log.known(data) or meet(log, self.crossings, data)
        log.add(
            Ran(
                name,
                (serial,),
                (data.requires_grad,),
                (made_of(log, made),),
                torch.is_grad_enabled(),
                stack,
                log.local.scope[-1] if log.local.scope else 0,
            )
        )


def _in_handler(frame: Any) -> bool:
    """Whether a frame stands inside the handler of a mode."""
    while frame is not None:
        if frame.f_code is Mode.__torch_function__.__code__:
            return True
        frame = frame.f_back
    return False
