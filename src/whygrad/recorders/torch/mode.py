"""The function mode: every torch function, method, operator and property passes through it while we record.

``TorchFunctionMode`` is public. It is put at the bottom of the stack of modes, under those of the script, and taken
out again from wherever it then is; the functions for that are private and looked up when recording begins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from types import CodeType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from whygrad.recorders import frames
from whygrad.recorders.torch import edges, ops
from whygrad.recorders.torch.called import Facts, facts_of, name_of, variant
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import made_of, meet, scan
from whygrad.recorders.torch.values import Values

Tensor = torch.Tensor
Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

# Functions without meaning for a gradient; each property of a tensor that is not named elsewhere is one of them.
IGNORED = frozenset(
    "size dim ndimension numel nelement stride is_floating_point is_complex is_contiguous is_same_size is_signed "
    "element_size data_ptr storage storage_offset untyped_storage register_hook register_post_accumulate_grad_hook "
    "retain_grad backward grad __len__ __hash__ __repr__ __str__ __format__ __dir__ __contains__ _set_grad_enabled "
    "get_device is_shared is_pinned is_inference is_nonzero_static has_names is_conj is_neg is_distributed "
    "is_coalesced _is_view __deepcopy__ __reduce_ex__ __setstate__ _is_all_true share_memory_ is_tensor "
    "set_default_dtype get_default_dtype _record_function_enter_new typename save _assert_async".split()
)
LEAVING = frozenset("item tolist numpy __array__ __float__ __int__ __bool__ __index__ __complex__".split())
ENTERING = frozenset("tensor as_tensor asarray full new_tensor new_full".split())
_OPTIMIZERS = os.path.join("torch", "optim", "")
_PARAMETER = os.path.join("torch", "nn", "parameter.py")
PROPERTIES = frozenset(("data", "T", "mT", "H", "mH", "real", "imag"))


class Mode(TorchFunctionMode):  # type: ignore[misc]
    """Notes what runs. Its own errors go to ``fault`` and never to the script."""

    def __init__(
        self,
        log: Log,
        crossings: Crossings,
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
        self.off = False
        self._handlers: dict[Any, Handler | None] = {}
        self._verified: set[tuple[Any, ...]] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch in place of the function, with this mode off."""
        if kwargs is None:
            kwargs = {}
        if self.off or self.log.local.busy:
            return func(*args, **kwargs)
        try:
            handler = self._handlers[func]
        except KeyError:
            handler = self._handlers[func] = self._found(func)
        except TypeError:  # a function object that can not be hashed
            handler = self._found(func)
        return func(*args, **kwargs) if handler is None else handler(func, args, kwargs)

    def _found(self, func: Any) -> Handler | None:
        try:
            return self._handler(func)
        except Exception as error:
            self.fault(error)
            return None

    def _handler(self, func: Any) -> Handler | None:
        name = str(getattr(func, "__name__", ""))
        if name in ("__get__", "__set__", "__delete__"):
            return self._property(func, str(getattr(getattr(func, "__self__", None), "__name__", "")), name)
        if name in IGNORED or getattr(func, "__module__", "") == "torch.nn.init" or "profiler" in str(func):
            return None
        if name in LEAVING:
            return self._leaves
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

    def _leaves(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = func(*args, **kwargs)
        try:
            self.crossings.left(args[0], func.__name__, result, sys._getframe(2))
        except Exception as error:
            self.fault(error)
        return result

    def _operation(self, facts: Facts, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        log, key = self.log, None
        inputs: list[Any] = []
        try:
            scan(args, inputs)
            if kwargs:
                scan(kwargs.values(), inputs)
            grads = tuple([t.requires_grad for t in inputs])
            recording = torch.is_grad_enabled()
            before: Sequence[edges.Edge] = ()
            if recording and len(inputs) > 1 and True in grads:
                key = self._unverified(facts, func, inputs, grads, kwargs)
                before = edges.edges_of(inputs) if key is not None else ()
            serials = log.serials(inputs)
            if 0 in serials:
                serials = tuple([number or self._met(t) for number, t in zip(serials, inputs, strict=True)])
        except Exception as error:
            self.fault(error)
            return func(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._failed(error, facts.name, serials)
            raise
        try:
            outputs = [result] if isinstance(result, Tensor) else _outputs(facts, args, result)
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

    def _unverified(
        self, facts: Facts, func: Any, inputs: list[Any], grads: tuple[bool, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        """What stands for this way to call a function, if autograd's graph is yet to be asked about it."""
        # `interpolation="lower"` and the like may leave an argument out of the way back.
        key = (func, grads, *[word for word in kwargs.values() if type(word) is str]) if kwargs else (func, grads)
        if key in self._verified or self.log.local.transforms:
            return None
        # Through a view the gradient of what is written goes to what the view is of, past the view's own edge.
        return None if facts.writes and inputs[0]._base is not None else key

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
        if _is_torchs_own(frame.f_code):
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
            if _in_sampler(frame):
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

    def _met(self, tensor: Any) -> int:
        return self.log.known(tensor) or meet(self.log, self.crossings, tensor)

    def _failed(self, error: BaseException, name: str, serials: tuple[int, ...]) -> None:
        try:
            self.raised(error, name, frames.capture(sys._getframe(3)), serials)
        except Exception as fault:
            self.fault(fault)

    def join(self) -> None:
        """Take the place under every mode of the script."""
        from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

        above = [_pop_mode() for _ in range(_len_torch_function_stack())]
        for mode in (self, *reversed(above)):
            _push_mode(mode)

    def leave(self) -> bool:
        """Leave the stack of this thread; inside one of our own handlers the mode is not on it, and stays silent.

        Returns:
            whether it was there.
        """
        from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

        above = [_pop_mode() for _ in range(_len_torch_function_stack())]
        for mode in reversed(above):
            if mode is not self:
                _push_mode(mode)
        return any(mode is self for mode in above)


def _outputs(facts: Facts, args: tuple[Any, ...], result: Any) -> list[Any]:
    """The tensors that a call gave or wrote to."""
    found: list[Any] = []
    if result is None and args and facts.writes:
        scan(args[:1], found)
    else:
        scan((result,), found)
    return found


@cache
def _is_torchs_own(code: CodeType) -> bool:
    """Whether a frame's calls are none of the script's: an optimizer's work around a closure, a parameter's copy."""
    copies = code.co_name == "__deepcopy__" and code.co_filename.endswith(_PARAMETER)
    return _OPTIMIZERS in code.co_filename or copies


def _in_sampler(frame: Any) -> bool:
    """Whether a library's sampling function is what switched recording off."""
    while frame is not None and not frames.is_user_file(frame.f_code.co_filename):
        if frame.f_code.co_name in ops.SAMPLERS and "distributions" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False
