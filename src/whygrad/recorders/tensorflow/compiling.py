"""What is compiled while recording rests is recorded all the same.

A request inside of a compiled function is made once, when that is traced: it never comes round at its place, so in the
second of two calls of ``fit`` it would go unheard. What asks for nothing lets recording rest again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.tapes import building

if TYPE_CHECKING:
    from whygrad.recorders.tensorflow import TensorFlow


class Compiling:
    """Wakes a recorder for what is traced from eager code."""

    def __init__(self, recorder: TensorFlow, fault: Callable[[BaseException], None]) -> None:
        self.recorder, self.fault = recorder, fault
        self._awaited = False  # recording woke for a request that has not come yet

    def listen(self, patches: Patches) -> None:
        """Hear of functions that are traced."""
        from tensorflow.python.eager.polymorphic_function import tracing_compilation

        original, compiling = tracing_compilation._create_concrete_function, self

        @wraps(original)
        def _create_concrete_function(*args: Any, **kwargs: Any) -> Any:
            woken = compiling._begins()
            try:
                return original(*args, **kwargs)
            finally:
                if woken:
                    compiling._ended()

        patches.replace(tracing_compilation, "_create_concrete_function", _create_concrete_function)

    def asked(self) -> None:
        """A request is being traced: it is worth recording."""
        self._awaited = False

    def _begins(self) -> bool:
        try:
            if self.recorder.recording or building() is not None:
                return False
            self._awaited = True
            self.recorder.wake()
        except Exception as error:
            self.fault(error)
        return self.recorder.recording

    def _ended(self) -> None:
        try:
            if self._awaited:
                self.recorder.rest()
        except Exception as error:
            self.fault(error)
