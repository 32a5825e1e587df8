"""``autograd.Function``: one operation per ``apply``, and what the user's backward function answers."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.nn.modules._functions import BackwardHookFunction

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Applied, Backward, Log
from whygrad.recorders.torch.tensors import made_of, meet
from whygrad.recorders.torch.worth import is_zero

Tensor = torch.Tensor


class Functions:
    """The hooks on ``autograd.Function``.

    Attributes:
        hooked_at: where a hook was put on the gradients of a module; torch runs it from functions of its own.
    """

    def __init__(self, log: Log, crossings: Crossings, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.crossings = crossings
        self.fault = fault
        # The context of an apply is the node of its outputs: it lives as long as the graph does.
        self.hooked_at: Callable[[Any], frames.Stack] = lambda module: ()
        self._backwards: weakref.WeakKeyDictionary[Any, Backward] = weakref.WeakKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Patch ``Function.apply`` and what autograd calls on the way back."""
        functions = self
        apply = vars(torch.autograd.Function)["apply"]
        original = apply.__func__

        @wraps(original)
        def observed(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if functions.log.local.busy or not patches.on:
                return original(cls, *args, **kwargs)
            if cls.__name__ == "CheckpointFunction" and cls.__module__ == "torch.utils.checkpoint":
                return functions._checkpoint(original, cls, args, kwargs)
            return functions._apply(original, cls, args, kwargs)

        patches.replace(torch.autograd.Function, "apply", classmethod(observed))
        backward = BackwardCFunction.apply

        @wraps(backward)
        def answered(self: Any, *gradients: Any) -> Any:
            answer = backward(self, *gradients)
            try:
                if patches.on:
                    functions._answered(self, gradients, answer)
            except Exception as error:
                functions.fault(error)
            return answer

        patches.replace(BackwardCFunction, "apply", answered)

    def _apply(self, original: Any, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        log, local = self.log, self.log.local
        inputs = [a for a in args if isinstance(a, Tensor)]
        try:
            recording = torch.is_grad_enabled()
            with log.own_work():
                grads = tuple([t.requires_grad for t in inputs])
                serials = tuple([log.known(t) or meet(log, self.crossings, t) for t in inputs])
        except Exception as error:
            self.fault(error)
            return original(cls, *args, **kwargs)
        local.busy = True  # what runs inside is the function's own business: its backward speaks for it
        try:
            result = original(cls, *args, **kwargs)
        finally:
            local.busy = False
        try:
            with log.own_work():
                self._note(cls, args, serials, grads, recording, result, sys._getframe(2))
        except Exception as error:
            self.fault(error)
        return result

    def _note(
        self,
        cls: Any,
        args: tuple[Any, ...],
        serials: tuple[int, ...],
        grads: tuple[bool, ...],
        recording: bool,
        result: Any,
        frame: Any,
    ) -> None:
        log = self.log
        outputs = [t for t in (result if isinstance(result, (tuple, list)) else (result,)) if isinstance(t, Tensor)]
        seen = Backward(_users_code(cls), tuple(i for i, a in enumerate(args) if isinstance(a, Tensor)))
        node = next((o.grad_fn for o in outputs if o.grad_fn is not None), None)
        if node is not None:
            self._backwards[node] = seen
        scope = log.local.scope[-1] if log.local.scope else 0
        made = tuple([made_of(log, t) for t in outputs])
        stack = self._registered(frame) if cls is BackwardHookFunction else ()
        stack = stack or frames.capture(frame)
        log.add(Applied(cls.__name__, serials, grads, made, recording, stack, scope, seen))

    def _registered(self, frame: Any) -> frames.Stack:
        """Where the script put the hook for which torch applies a function of its own."""
        hook = frames.local_variables(frame)
        module = next((getattr(value, "module", None) for name, value in hook if name == "self"), None)
        return self.hooked_at(module) if module is not None else ()

    def _checkpoint(self, original: Any, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A reentrant checkpoint runs its function with grad mode off, and is differentiable if an input is."""
        local = self.log.local
        before = local.checkpoint
        alive = any(isinstance(a, Tensor) and a.requires_grad for a in args)
        try:
            local.checkpoint = (_out_of_packages(frames.capture(sys._getframe(2))), alive)
        except Exception as error:
            self.fault(error)
        try:
            return original(cls, *args, **kwargs)
        finally:
            local.checkpoint = before

    def _answered(self, node: Any, gradients: tuple[Any, ...], answer: Any) -> None:
        seen = self._backwards.get(node)
        if seen is None:
            return
        answers = answer if isinstance(answer, tuple) else (answer,)
        alive = any(isinstance(g, Tensor) and not is_zero(g) for g in gradients)
        zero = {i for i, one in enumerate(answers) if isinstance(one, Tensor) and is_zero(one)}
        if alive:
            seen.zero = zero if not seen.calls else seen.zero & zero
            seen.calls += 1
        seen.none = {i for i, one in enumerate(answers) if one is None}


def _users_code(cls: Any) -> Any:
    """The backward function, if the user wrote it."""
    function = getattr(cls, "backward", None)
    code = getattr(function, "__code__", None)
    if code is None or cls.backward is torch.autograd.Function.backward:
        code = getattr(getattr(cls, "vjp", None), "__code__", None)
    return code if code is not None and frames.is_user_file(code.co_filename) else None


def _out_of_packages(stack: frames.Stack) -> frames.Stack:
    """The stack from the first frame on that is the script's own, where there is one."""
    for index, place in enumerate(stack):
        if not isinstance(place[0], str) and frames.package_of(place[0].co_filename) is None:
            return stack[index:]
    return stack
