"""The learning rate that an optimizer of Keras uses, whatever computes it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from whygrad.graph import GradientSeen
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.beside import Refused, captured, run_beside
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.tapes import building
from whygrad.recorders.tensorflow.updates import Updates, read
from whygrad.recorders.tensorflow.values import worth

# For each Keras: what every reading of a learning rate passes.
_METHODS = {"keras": "_get_current_learning_rate", "tf_keras": "_compute_current_learning_rate"}


class Rates:
    """Hears the rates.

    Args:
        updates: is told of them.
        listening: makes this thread heard, and returns how to end that.
    """

    def __init__(
        self,
        log: Log,
        updates: Updates,
        listening: Callable[[], Callable[[], None]],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.log, self.updates, self.listening, self.fault = log, updates, listening, fault

    def listen(self, patches: Patches, optimizers: Any, keras: str) -> None:
        """Hear a class of optimizers of one Keras."""
        name = _METHODS[keras]
        if hasattr(optimizers, name):
            patches.replace(optimizers, name, self._heard(getattr(optimizers, name)))

    def _heard(self, original: Callable[..., Any]) -> Callable[..., Any]:
        rates = self

        @wraps(original)
        def rate(optimizer: Any) -> Any:
            end = rates._listened()
            try:
                result = original(optimizer)
            finally:
                rates._unheard(end)
            try:
                held = getattr(optimizer, "_current_learning_rate", None)
                held = getattr(optimizer, "_learning_rate", None) if held is None else held
                rates._rated(optimizer, held if result is None else result)  # legacy Keras answers nothing
            except Exception as error:
                rates.fault(error)
            return result

        return rate

    def _listened(self) -> Callable[[], None]:
        """Hear what computes a rate while an update is traced; how to end that."""
        try:
            return self.listening() if building() is not None else lambda: None
        except Exception as error:
            self.fault(error)
            return lambda: None

    def _unheard(self, end: Callable[[], None]) -> None:
        try:
            end()
        except Exception as error:
            self.fault(error)

    def _rated(self, optimizer: Any, rate: Any) -> None:
        if building() is None:
            self.updates.rated(optimizer, read(rate))
        elif not hasattr(rate, "assign") and hasattr(rate, "op"):
            stack, _ = self.log.traced.get(rate.graph, {}).get(rate.op.name, ((), ""))
            self.updates.compiled(optimizer, self._later(weakref.ref(rate.graph), rate.name), stack)
        elif hasattr(rate, "assign"):
            variable = weakref.ref(rate)
            self.updates.compiled(optimizer, lambda: worth(read(variable())), ())

    def _later(self, graph: weakref.ref[Any], name: str) -> Callable[[], GradientSeen]:
        """What a traced tensor is worth, as often as it is asked for."""

        def rate() -> GradientSeen:
            found = graph()
            try:
                return "unknown" if found is None else run_beside(found, [name], captured(found), self.log)[name]
            except Refused:
                return "unknown"

        return rate
