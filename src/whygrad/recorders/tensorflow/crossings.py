"""Values that leave TensorFlow for NumPy or Python, and the constants in which they come back.

Leaving is seen at ``_EagerTensorBase._numpy`` (behind ``.numpy()``, ``float()``, ``int()``, ``bool()``) and, for
``np.asarray(t)``, ``np.sin(t)`` and their like, in the C buffer protocol of EagerTensor. Coming back is seen where
Python converts, and at the first use of a tensor that nothing made.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.fingerprints import COMMON, MOST_ELEMENTS, fingerprint
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.log import Crossed, Log, Made, Met


class Crossings:
    """Fingerprints of what left, to recognise it when it comes back. Holds no array."""

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.fault = fault
        self.left: dict[Hashable, int] = {}
        self.numbers: dict[float, int] = {}

    def install(self, patches: Patches) -> None:
        """Patch the Python exits and the one Python entry; the buffer protocol where its layout is as expected."""
        from tensorflow.python.framework import constant_op, ops

        crossings = self
        base = ops._EagerTensorBase
        to_numpy = base._numpy

        @wraps(to_numpy)
        def _numpy(self: Any) -> Any:
            array = to_numpy(self)
            if not crossings.log.local.busy:
                crossings.leaving(self, array, "numpy", sys._getframe(1))
            return array

        patches.replace(base, "_numpy", _numpy)
        convert = constant_op.convert_to_eager_tensor

        @wraps(convert)
        def convert_to_eager_tensor(value: Any, ctx: Any, dtype: Any = None) -> Any:
            tensor = convert(value, ctx, dtype)
            if crossings.log.departed and not crossings.log.local.busy:
                crossings.entering(tensor, value, sys._getframe(1))
            return tensor

        patches.replace(constant_op, "convert_to_eager_tensor", convert_to_eager_tensor)
        _buffers(self, ops.EagerTensor, patches)

    def leaving(self, tensor: Any, array: Any, how: str, frame: Any) -> None:
        """A tensor's value was taken out."""
        local = self.log.local
        local.busy = True
        try:
            number = tensor._id
            self.log.departed = True
            self.log.add(Crossed(number, how, frames.capture(frame), None, True))
            self._remember(tensor, array)
        except Exception as error:
            self.fault(error)
        finally:
            local.busy = False

    def _remember(self, tensor: Any, array: Any) -> None:
        import numpy

        number = tensor._id
        array = numpy.asarray(tensor._numpy_internal() if array is None else array)
        if array.size == 1:
            value = float(array.reshape(-1)[0]) if array.dtype.kind == "f" else None
            if value is not None and value not in COMMON:
                self.numbers[value] = number
            return
        mark = fingerprint(array)
        if mark is not None:
            self.left[mark] = number

    def entering(self, tensor: Any, value: Any, frame: Any) -> None:
        """Python turned a number, list or array into a tensor."""
        local = self.log.local
        local.busy = True
        try:
            if not isinstance(value, (str, bytes)) and tensor is not value:
                self.log.add(Met(Made(tensor._id, tensor._datatype_enum(), tensor._shape_tuple())))
                self.arrived(tensor, tensor._id, "converted", frames.capture(frame))
                self.log.known.add(tensor._id)
        except Exception as error:
            self.fault(error)
        finally:
            local.busy = False

    def arrived(self, tensor: Any, number: int, how: str, stack: frames.Stack) -> None:
        """A constant came in; note which departed value it equals, if any but its own."""
        origin = self._origin(tensor)
        self.log.add(Crossed(number, how, stack, None if origin == number else origin, False))

    def _origin(self, tensor: Any) -> int | None:
        import numpy

        if tensor.dtype.is_floating and self.numbers and tensor.shape.num_elements() <= MOST_ELEMENTS:
            for value in numpy.asarray(tensor._numpy_internal(), dtype=numpy.float64).reshape(-1):
                if float(value) in self.numbers:
                    return self.numbers[float(value)]
        if not self.left or not (tensor.dtype.is_floating or tensor.dtype.is_integer):
            return None
        mark = fingerprint(numpy.asarray(tensor._numpy_internal()))
        return None if mark is None else self.left.get(mark)


class _Buffer(ctypes.Structure):
    _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t)]


_WORD = ctypes.sizeof(ctypes.c_void_p)
_AS_BUFFER = 20  # the word of PyTypeObject that points to the buffer functions
_GETBUFFER = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
_kept: list[Any] = []  # a C function pointer handed to CPython must never be freed


def _slots(cls: type) -> tuple[int, int]:
    """The addresses in ``bf_getbuffer`` and ``bf_releasebuffer`` of a type; zeros if it has none."""
    table = ctypes.c_void_p.from_address(id(cls) + _AS_BUFFER * _WORD).value
    if not table:
        return (0, 0)
    get, release = (ctypes.c_void_p.from_address(table + i * _WORD).value or 0 for i in (0, 1))
    return (get, release)


def _layout_is_as_expected() -> bool:
    """Whether this CPython keeps the buffer functions where we look, judged on types that we know."""
    if sys.implementation.name != "cpython":
        return False
    return all(_slots(bytearray)) and bool(_slots(bytes)[0]) and not any((*_slots(int), *_slots(str)))


def _buffers(crossings: Crossings, cls: type, patches: Patches) -> None:
    """Hear ``np.asarray(tensor)`` and the like, which no Python function sees."""
    if not _layout_is_as_expected() or not _slots(cls)[0]:
        return
    table = ctypes.c_void_p.from_address(id(cls) + _AS_BUFFER * _WORD).value
    slot = ctypes.c_void_p.from_address(table or 0)
    address = slot.value or 0
    original = _GETBUFFER(address)

    def getbuffer(tensor: Any, view: Any, flags: int) -> int:
        try:
            status = int(original(tensor, view, flags))
        except BaseException:
            return -1  # no buffer of this kind: callers such as NumPy then try another way
        if status == 0 and not crossings.log.local.busy:
            crossings.leaving(tensor, None, "buffer", sys._getframe(1))
        return status

    ours = _GETBUFFER(getbuffer)
    _kept.extend((ours, original))
    ours_address = ctypes.cast(ours, ctypes.c_void_p).value

    def restore() -> None:
        if slot.value == ours_address:
            slot.value = address

    slot.value = ours_address
    patches.defer(restore)
