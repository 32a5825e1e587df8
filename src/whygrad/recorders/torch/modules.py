"""Which module is being called, heard at ``Module._call_impl``.

torch's public global hooks would do as well, but ``torch.compile`` warns of them in the script's output.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import edges
from whygrad.recorders.torch.followed import Followed
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import made_of

_MOST_CALLS = 20_000
# In evaluation they have a path of their own, which they leave alone where functions are listened to.
_OTHERWISE = ("TransformerEncoder", "TransformerEncoderLayer", "MultiheadAttention")


class Modules:
    """Notes the calls of modules.

    Attributes:
        calls: (module's number, place) of every call while recording.
        known: number to module.
        newborn: told of the first call of a module, by its ``id``.
        lent: the serial of a parameter that was made in a module's call, to the number of the module that computes
            with it and its name there; ``None`` until one does.
    """

    def __init__(self, log: Log, fault: Callable[[BaseException], None], quiet: Callable[[bool], None]) -> None:
        self.log = log
        self.fault = fault
        self.quiet = quiet
        self.calls: list[tuple[int, frames.Stack]] = []
        self.known: dict[int, weakref.ref[Any]] = {}
        self.lent: dict[int, tuple[int, str] | None] = {}
        self.newborn: dict[int, Callable[[Any], None]] = {}
        self.followed = Followed(log, fault)
        self._numbers: dict[int, int] = {}  # by ``id``, good for as long as ``known`` still leads to the module
        self._silent: list[Any] = []

    def install(self, patches: Patches) -> None:
        """Patch the call of every module."""
        modules, cls, local, held = self, torch.nn.Module, self.log.local, frames.held
        original, compiling, scripted = cls._call_impl, cls.compile, torch.jit.ScriptModule

        @wraps(original)
        def _call_impl(self: Any, *args: Any, **kwargs: Any) -> Any:
            if local.busy or not patches.on:
                return original(self, *args, **kwargs)
            before, above, output = local.scope, held.above, None
            modules._enter(self, before, sys._getframe())
            try:
                output = original(self, *args, **kwargs)
            finally:
                if modules._silent or isinstance(self, scripted):
                    modules._guarded(modules._left, self, args, output)
                local.scope, held.above = before, above
            return output

        @wraps(compiling)
        def compile(self: Any, *args: Any, **kwargs: Any) -> None:
            if cls._call_impl is not _call_impl:
                compiling(self, *args, **kwargs)
                return
            cls._call_impl = original  # a module compiled in place keeps the function that it finds
            try:
                compiling(self, *args, **kwargs)
            finally:
                cls._call_impl = _call_impl

        self.followed.install(patches)
        patches.replace(cls, "_call_impl", _call_impl)
        patches.replace(cls, "compile", compile)

    def number(self, module: Any) -> int:
        """The number by which the log knows a module."""
        found = self._numbers.get(id(module))
        if found is None or self.known[found]() is not module:
            found = self._numbers[id(module)] = len(self.known) + 1
            self.known[found] = weakref.ref(module)
        return found

    def clear(self) -> None:
        """Forget the calls."""
        self.calls.clear()
        self.lent.clear()
        self.newborn.clear()

    def met(self, parameter: Any, serial: int) -> None:
        """A parameter that was made in a module's call is computed with; the module being called may hold it."""
        scope = self.log.local.scope
        module = self.known[scope[-1]]() if scope else None
        for name, held in module._parameters.items() if module is not None else ():
            if held is parameter:
                self.lent[serial] = (scope[-1], name)

    def tie(self) -> None:
        """FSDP lends whole parameters to the modules for the time of a call, in the place of their parts."""
        for serial, (number, name) in [(serial, home) for serial, home in self.lent.items() if home is not None]:
            module = self.known[number]()
            part = module._parameters.get(name) if module is not None else None
            if hasattr(part, "to_local"):
                self.log.stands_for(part, serial)

    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        try:
            body(*arguments)
        except Exception as error:
            self.fault(error)

    def _enter(self, module: Any, scope: tuple[int, ...], frame: Any) -> None:
        """A module is called; what is captured in the call need not walk over the frames above it."""
        try:
            number = self.number(module)
            if self.newborn and id(module) in self.newborn:
                self.newborn.pop(id(module))(module)
            self.log.local.scope = (*scope, number)
            stack = frames.hold(frame)
            if len(self.calls) < _MOST_CALLS:
                self.calls.append((number, stack))
            if not module.training and type(module).__name__ in _OTHERWISE and not self._silent:
                self._silent.append(module)
                self.quiet(True)
        except Exception as error:
            self.fault(error)

    def _left(self, module: Any, args: Any, output: Any) -> None:
        if not self._silent:  # nothing of TorchScript is heard
            self._whole(module, args, output)
        elif self._silent[-1] is module:
            self._silent.pop()
            self.quiet(False)
            self._whole(module, args, output)

    def _whole(self, module: Any, args: Any, output: Any) -> None:
        """A module that ran unheard is one operation, of its arguments and parameters; one of TorchScript is more."""
        given = [a for a in args if isinstance(a, torch.Tensor)]
        inputs = [*given, *module.parameters()]
        outputs = [t for t in (output if isinstance(output, tuple) else (output,)) if isinstance(t, torch.Tensor)]
        log = self.log
        grads = tuple([t.requires_grad for t in inputs])
        whole = Ran(
            type(module).__name__,
            tuple([log.serial(t) for t in inputs]),
            grads,
            tuple([made_of(log, t) for t in outputs]),
            torch.is_grad_enabled(),
            frames.capture(sys._getframe(4)),
            log.local.scope[-1] if log.local.scope else 0,
            edges.missing(inputs, grads, edges.edges_of(inputs), outputs) if torch.is_grad_enabled() else None,
        )
        self.followed.module(module, args, whole)
