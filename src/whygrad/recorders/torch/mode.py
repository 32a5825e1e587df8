"""The function mode: every torch function, method, operator and property passes through it while we record.

``TorchFunctionMode`` is public. It is put at the bottom of the stack of modes, under those of the script, and taken
out again from wherever it then is; the functions for that are private and looked up when recording begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from whygrad.recorders import frames
from whygrad.recorders.torch import edges
from whygrad.recorders.torch.called import (
    Facts,
    facts_of,
    in_sampler,
    is_torchs_own,
    name_of,
    options,
    outputs_of,
    variant,
)
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.modules import Modules
from whygrad.recorders.torch.originals import is_torchs, original_of
from whygrad.recorders.torch.subclasses import HEARD, PLAIN, Aloud
from whygrad.recorders.torch.tensors import made_of, meet, scan
from whygrad.recorders.torch.values import Values

Tensor = torch.Tensor
Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

# Functions without meaning for a gradient; each property of a tensor that is not named elsewhere is one of them.
IGNORED = frozenset(
    "size dim ndimension numel nelement stride is_floating_point is_complex is_contiguous is_same_size is_signed "
    "element_size data_ptr storage storage_offset untyped_storage register_post_accumulate_grad_hook "
    "retain_grad backward grad __len__ __hash__ __repr__ __str__ __format__ __dir__ __contains__ _set_grad_enabled "
    "get_device is_shared is_pinned is_inference is_nonzero_static has_names is_conj is_neg is_distributed "
    "is_coalesced _is_view __deepcopy__ __reduce_ex__ __setstate__ _is_all_true share_memory_ is_tensor "
    "set_default_dtype get_default_dtype _record_function_enter_new typename save _assert_async".split()
)
LEAVING = frozenset("item tolist numpy __array__ __float__ __int__ __bool__ __index__ __complex__".split())
ENTERING = frozenset("tensor as_tensor asarray full new_tensor new_full".split())
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
        self.froze, self.read, self.raised, self.fault = froze, read, raised, fault
        self.met, self.lent = modules.met, modules.lent
        self.off = False
        self._handlers: dict[Any, Handler | None] = {}
        self._verified: set[tuple[Any, ...]] = set()

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
        if name in IGNORED or getattr(func, "__module__", "") == "torch.nn.init" or "profiler" in str(func):
            return None
        if name in LEAVING:
            return self._leaves
        if name == "register_hook":
            return self._hooks
        return self._requires_grad if name == "requires_grad_" else self._operations(func)

    def _operations(self, func: Any) -> Handler:
        return partial(self._operation, facts_of(name_of(func)))

    def _property(self, func: Any, name: str, access: str) -> Handler | None:
        if access == "__get__":
            if name == "grad":
                return self._reads_gradient
            return self._operations(func) if name in PROPERTIES else None
        if name == "requires_grad":
            return self._requires_grad
        return self._operations(func) if name == "data" and access == "__set__" else None

    def _reads_gradient(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        gradient = func(*args, **kwargs)
        try:
            frame = sys._getframe(2)
            if frames.is_user_file(frame.f_code.co_filename):
                self.read(args[0], gradient, frame)
        except Exception as error:
            self.fault(error)
        return gradient

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
        log.add(Ran("register_hook_", self._serials([tensor]), (True,), made, True, frames.capture(frame), scope))

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

    def _operation(self, facts: Facts, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key: tuple[Any, ...] | None = None
        inputs: list[Any] = []
        try:
            scan(args, inputs)
            if kwargs:
                scan(kwargs.values(), inputs)
            grads = tuple([t.requires_grad for t in inputs])
            recording = torch.is_grad_enabled()
            before: Sequence[edges.Edge] = ()
            if recording and len(inputs) > 1 and True in grads:
                key = self._unverified(facts, (func, grads, *options(args, kwargs)), inputs[0])
                before = edges.edges_of(inputs) if key is not None else ()
            serials = self._serials(inputs)
        except Exception as error:
            self.fault(error)
            return func(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._failed(error, facts.name, serials)
            raise
        try:
            outputs = [result] if isinstance(result, Tensor) else outputs_of(facts, args, result)
            if outputs:
                cut = None
                if key is not None:
                    cut = edges.missing(inputs, grads, before, outputs)
                    if not cut and any(o.requires_grad for o in outputs):
                        self._verified.add(key)
                if self._note(facts, args, kwargs, serials, grads, outputs, recording, cut):
                    self._measure(inputs, outputs)
        except Exception as error:
            self.fault(error)
        return result

    def _unverified(self, facts: Facts, key: tuple[Any, ...], first: Any) -> tuple[Any, ...] | None:
        """What stands for this way to call a function, if autograd's graph is yet to be asked about it."""
        if key in self._verified or self.log.local.transforms:
            return None
        # Through a view the gradient of what is written goes to what the view is of, past the view's own edge.
        return None if facts.writes and first._base is not None else key

    def _note(
        self,
        facts: Facts,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        serials: tuple[int, ...],
        grads: tuple[bool, ...],
        outputs: list[Any],
        recording: bool,
        cut: frozenset[tuple[int, int]] | None,
    ) -> bool:
        """Write the operation down, if it is one of the script's.

        Returns:
            whether what goes back through it is to be measured.
        """
        log, frame = self.log, sys._getframe(3)
        if is_torchs_own(frame.f_code):
            return False
        local, stack = log.local, frames.capture(frame)
        kind = variant(facts, args, kwargs) if kwargs or facts.norm else facts
        name, transforms, scope = kind.name, local.transforms, local.scope
        numbers: tuple[int, ...] = ()
        where: frames.Stack = ()
        if log.departed:
            if name in ENTERING and not serials:
                self.crossings.entered(outputs[0], name, stack)
                return False
            if kind.arithmetic:
                numbers = self.crossings.operands(args, kwargs)
        alive = recording and True in grads and not transforms
        if not recording and True in grads:
            if in_sampler(frame):
                name = f"sample:{name}"
            checkpoint = local.checkpoint
            if checkpoint is not None:
                where, recording = checkpoint[0], checkpoint[1]
                name, alive = (name, not transforms) if recording else (f"checkpoint:{name}", False)
        made = tuple([made_of(log, t) for t in outputs])
        if transforms and recording:
            made = tuple([one._replace(requires_grad=True) for one in made])
        # ``tuple.__new__`` is what the class's own would call, a Python frame later.
        entry = (name, serials, grads, made, recording, stack, scope[-1] if scope else 0, cut, numbers, where)
        log.add(tuple.__new__(Ran, entry))
        return alive and (facts.pole or self.values.everything) and not facts.writes

    def _measure(self, inputs: list[Any], outputs: list[Any]) -> None:
        local = self.log.local
        local.busy = True
        try:
            self.values.listen(self.log.now - 1, inputs, outputs)
        finally:
            local.busy = False

    def _serials(self, tensors: list[Any]) -> tuple[int, ...]:
        serials = self.log.serials(tensors)
        if 0 not in serials and not self.lent:
            return serials
        return tuple([self._met(tensor, number) for tensor, number in zip(tensors, serials, strict=True)])

    def _met(self, tensor: Any, number: int) -> int:
        if not number:
            return self.log.known(tensor) or meet(self.log, self.crossings, tensor)
        if number in self.lent and self.lent[number] is None:
            self.met(tensor, number)
        return number

    def _failed(self, error: BaseException, name: str, serials: tuple[int, ...]) -> None:
        try:
            self.raised(error, name, frames.capture(sys._getframe(3)), serials)
        except Exception as fault:
            self.fault(fault)
