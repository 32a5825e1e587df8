"""Which module is being called: torch's own global forward hooks, which are public."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules import module as torch_module

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.log import Log, Ran

_MOST_CALLS = 20_000
# In evaluation they have a path of their own, which they leave alone where functions are listened to.
_OTHERWISE = ("TransformerEncoder", "TransformerEncoderLayer", "MultiheadAttention")


class Modules:
    """Notes the calls of modules.

    Attributes:
        calls: (module's number, place) of every call while recording.
        known: number to module.
    """

    def __init__(self, log: Log, fault: Callable[[BaseException], None], quiet: Callable[[bool], None]) -> None:
        self.log = log
        self.fault = fault
        self.quiet = quiet
        self.calls: list[tuple[int, frames.Stack]] = []
        self.known: dict[int, weakref.ref[Any]] = {}
        self._numbers: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._silent: list[Any] = []

    def install(self, patches: Patches) -> None:
        """Hook into every module's call."""
        before = torch_module.register_module_forward_pre_hook(self._enter)
        patches.defer(before.remove)
        after = torch_module.register_module_forward_hook(self._leave, always_call=True)
        patches.defer(after.remove)

    def number(self, module: Any) -> int:
        """The number by which the log knows a module."""
        found = self._numbers.get(module)
        if found is None:
            found = self._numbers[module] = len(self._numbers) + 1 + max(self.known, default=0)
            self.known[found] = weakref.ref(module)
        return found

    def clear(self) -> None:
        """Forget the calls."""
        self.calls.clear()

    def _enter(self, module: Any, args: Any) -> None:
        local = self.log.local
        if local.busy:
            return
        try:
            number = self.number(module)
            local.scope = (*local.scope, number)
            if len(self.calls) < _MOST_CALLS:
                self.calls.append((number, frames.capture(sys._getframe(1))))
            if not module.training and type(module).__name__ in _OTHERWISE and not self._silent:
                self._silent.append(module)
                self.quiet(True)
        except BaseException as error:
            self.fault(error)

    def _leave(self, module: Any, args: Any, output: Any) -> None:
        local = self.log.local
        if local.busy:
            return
        try:
            if self._silent and self._silent[-1] is module:
                self._silent.pop()
                self.quiet(False)
                self._whole(module, args, output)
            number = self._numbers.get(module)
            if number in local.scope:
                local.scope = local.scope[: len(local.scope) - 1 - local.scope[::-1].index(number)]
        except BaseException as error:
            self.fault(error)

    def _whole(self, module: Any, args: Any, output: Any) -> None:
        """A module that ran unheard is one operation: of its arguments and parameters."""
        from whygrad.recorders.torch.mode import made_of

        given = [a for a in args if isinstance(a, torch.Tensor)]
        inputs = [*given, *module.parameters()]
        outputs = [t for t in (output if isinstance(output, tuple) else (output,)) if isinstance(t, torch.Tensor)]
        log = self.log
        log.add(
            Ran(
                type(module).__name__,
                tuple([log.serial(t) for t in inputs]),
                tuple([t.requires_grad for t in inputs]),
                tuple([made_of(log, t) for t in outputs]),
                torch.is_grad_enabled(),
                frames.capture(sys._getframe(2)),
                log.local.scope[-1] if log.local.scope else 0,
            )
        )
