"""The function mode: every torch function, method, operator and property passes through it while we record.

``TorchFunctionMode`` is public. It is put at the bottom of the stack of modes, under those of the script, and taken
out again from wherever it then is; the functions for that are private and looked up when recording begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from whygrad.recorders import frames
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.modules import Modules
from whygrad.recorders.torch.operations import Handler, Operations
from whygrad.recorders.torch.originals import is_torchs, original_of
from whygrad.recorders.torch.subclasses import HEARD, PLAIN, Aloud
from whygrad.recorders.torch.tensors import made_of
from whygrad.recorders.torch.values import Values

# Functions without meaning for a gradient; each property of a tensor that is not named elsewhere is one of them.
IGNORED = frozenset(
    "size dim ndimension numel nelement stride is_floating_point is_complex is_contiguous is_same_size is_signed "
    "element_size data_ptr storage storage_offset untyped_storage register_post_accumulate_grad_hook "
    "retain_grad backward grad __len__ __hash__ __repr__ __str__ __format__ __dir__ __contains__ "
    "get_device is_shared is_pinned is_inference is_nonzero_static has_names is_conj is_neg is_distributed "
    "is_coalesced _is_view __deepcopy__ __reduce_ex__ __setstate__ _is_all_true share_memory_ is_tensor "
    "set_default_dtype get_default_dtype _record_function_enter_new typename save _assert_async".split()
)
LEAVING = frozenset("item tolist numpy __array__ __float__ __int__ __bool__ __index__ __complex__".split())
PROPERTIES = frozenset(("data", "T", "mT", "H", "mH", "real", "imag"))


class Mode(TorchFunctionMode):  # type: ignore[misc]
    """Notes what runs. Its own errors go to ``fault`` and never to the script."""

    def __init__(
        self,
        log: Log,
        crossings: Crossings,
        modules: Modules,
        values: Values,
        froze: Callable[[Any, bool, frames.Stack], None],
        read: Callable[[Any, Any, Any], None],
        raised: Callable[[BaseException, str, frames.Stack, tuple[int, ...]], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        """Args: what to tell of a set ``requires_grad``, a read ``.grad``, an exception, and a fault of ours."""
        super().__init__()
        self.log, self.crossings, self.values = log, crossings, values
        self.froze, self.read, self.fault = froze, read, fault
        self.operations = Operations(log, crossings, modules, values, raised, fault)
        self.off = False
        self._handlers: dict[Any, Handler | None] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch in place of the function, with this mode off."""
        if kwargs is None:
            kwargs = {}
        try:
            handler = self._handlers[func]
        except (KeyError, TypeError):  # not met before, or it can not be hashed
            func, handler = self._found(func, sys._getframe(1))
        if handler is None or self.off or self.log.local.busy:
            return func(*args, **kwargs)
        if types and HEARD is not None and not PLAIN.issuperset(types):
            with torch._C.DisableTorchFunction():
                return handler(Aloud(func), args, kwargs)
        return handler(func, args, kwargs)

    def _found(self, func: Any, caller: FrameType) -> tuple[Any, Handler | None]:
        """What is to run, and who handles it; a script's own replacement is looked at each time."""
        try:
            if not is_torchs(func):
                func = original_of(func, caller)
                if not is_torchs(func):
                    return func, self._handler(func)
            if func not in self._handlers:
                self._handlers[func] = self._handler(func)
            return func, self._handlers[func]
        except Exception as error:
            self.fault(error)
            return func, None

    def _handler(self, func: Any) -> Handler | None:
        name = str(getattr(func, "__name__", ""))
        if name in ("__get__", "__set__", "__delete__"):
            return self._property(func, str(getattr(getattr(func, "__self__", None), "__name__", "")), name)
        if name == "_set_grad_enabled":
            return self._switches
        if name in IGNORED or getattr(func, "__module__", "") == "torch.nn.init" or "profiler" in str(func):
            return None
        if name in LEAVING:
            return self._leaves
        if name == "register_hook":
            return self._hooks
        return self._requires_grad if name == "requires_grad_" else self.operations.of(func)

    def _property(self, func: Any, name: str, access: str) -> Handler | None:
        if access == "__get__":
            if name == "grad":
                return self._reads_gradient
            return self.operations.of(func) if name in PROPERTIES else None
        if name == "requires_grad":
            return self._requires_grad
        if name == "grad":
            return self._sets_gradient
        return self.operations.of(func) if name == "data" and access == "__set__" else None

    def _reads_gradient(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        gradient = func(*args, **kwargs)
        try:
            frame = sys._getframe(2)
            if frames.is_user_file(frame.f_code.co_filename):
                self.read(args[0], gradient, frame)
        except Exception as error:
            self.fault(error)
        return gradient

    def _sets_gradient(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        try:
            frame = sys._getframe(2)
            if frames.is_user_file(frame.f_code.co_filename):
                self.log.emptied[self.log.serial(args[0])] = (self.log.now, frames.capture(frame))
        except Exception as error:
            self.fault(error)
        return result

    def _switches(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        was_on = torch.is_grad_enabled()
        result = func(*args, **kwargs)
        try:
            if was_on and args and not args[0]:
                self.log.switched = frames.capture(sys._getframe(2))
        except Exception as error:
            self.fault(error)
        return result

    def _requires_grad(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        try:
            self.froze(args[0], bool(args[0].requires_grad), frames.capture(sys._getframe(2)))
        except Exception as error:
            self.fault(error)
        return result

    def _hooks(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A hook of the script's may answer another gradient: what it is given is measured, and what it answers."""
        tensor, entry = args[0], self.log.now
        looks = self.values.everything and tensor.grad_fn is not None and tensor._base is None
        if looks:
            self._quietly(self.values.measure, tensor, (entry, 0, True))
        self._quietly(self.values.hooked, tensor, sys._getframe(2))
        result = func(*args, **kwargs)
        if looks:
            self._quietly(self.values.measure, tensor, (entry, 0, False))
            self._quietly(self._hooked, tensor, sys._getframe(2))
        return result

    def _hooked(self, tensor: Any, frame: FrameType) -> None:
        log = self.log
        scope = log.local.scope[-1] if log.local.scope else 0
        made = (made_of(log, tensor),)
        log.add(
            Ran("register_hook_", self.operations.serials([tensor]), (True,), made, True, frames.capture(frame), scope)
        )

    def _quietly(self, body: Callable[..., None], *arguments: Any) -> None:
        try:
            with self.log.own_work():
                body(*arguments)
        except Exception as error:
            self.fault(error)

    def _leaves(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        try:
            self.crossings.left(args[0], func.__name__, result, sys._getframe(2))
        except Exception as error:
            self.fault(error)
        return result
