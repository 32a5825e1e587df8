"""Values that leave torch for NumPy or Python, and the numbers and arrays in which they come back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.fingerprints import Fingerprints
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.log import Crossed, Log

# Bound now: what we read is no call of the script's, which may replace them.
_float, _numpy, _detach = torch.Tensor.float, torch.Tensor.numpy, torch.Tensor.detach


class Crossings:
    """Notes departures and arrivals; holds no tensor and no array."""

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.fault = fault
        self.marks = Fingerprints()

    def install(self, patches: Patches) -> None:
        """``torch.from_numpy`` is the one entry that the function mode does not see."""
        original = torch.from_numpy
        crossings = self

        @wraps(original)
        def from_numpy(array: Any) -> Any:
            tensor = original(array)
            if patches.on and crossings.log.departed and not crossings.log.local.busy:
                try:
                    crossings.entered(tensor, "from_numpy", frames.capture(_caller()))
                except Exception as error:
                    crossings.fault(error)
            return tensor

        patches.replace(torch, "from_numpy", from_numpy)

    def left(self, tensor: Any, how: str, result: Any, frame: Any) -> None:
        """A tensor's value was taken out."""
        serial = self.log.known(tensor)
        if not serial:
            return  # nothing recorded leads to it
        self.log.departed = True
        self.log.add(Crossed(serial, how, frames.capture(frame), 0, True))
        if how != "__bool__":
            self.marks.remember(result, serial)

    def entered(self, tensor: Any, how: str, stack: frames.Stack) -> None:
        """A tensor was made of Python or NumPy values."""
        with self.log.own_work():
            origin = 0 if tensor.requires_grad and how == "first use" else self._origin(_detach(tensor))
            self.log.add(Crossed(self.log.serial(tensor), how, stack, origin, False, tensor.dtype))

    def _origin(self, tensor: Any) -> int:
        if tensor.device.type != "cpu" or tensor.layout is not torch.strided:
            return 0
        try:
            array = _numpy(tensor if tensor.dtype is not torch.bfloat16 else _float(tensor))
        except (RuntimeError, TypeError):
            return 0  # a wrapper without memory of its own
        return self.marks.origin(array) or 0

    def operands(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
        """For each Python number among a call's arguments, the departed tensor that it is equal to (0: none)."""
        return tuple(
            self.marks.number(value) or 0 for value in (*args, *kwargs.values()) if type(value) in (float, int)
        )


def _caller() -> Any:
    import sys

    return sys._getframe(2)
