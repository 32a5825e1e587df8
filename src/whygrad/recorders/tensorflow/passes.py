"""The framework's own passes: the backward pass, and an optimizer's update.

What they run is most of a training step, and no request can learn through it unless a tape is open. So where none is,
a backward pass is noted as one operation from its targets to its gradients, and an update as nothing at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.log import Backpropagated, Log, Made
from whygrad.recorders.tensorflow.tapes import building
from whygrad.recorders.tensorflow.values import Known, Values

# For each Keras: the module, the class and the method that every update by one of its optimizers passes.
_UPDATES = {
    "keras": ("keras.src.optimizers.base_optimizer", "BaseOptimizer", "apply"),
    "tf_keras": ("tf_keras.src.optimizers.optimizer", "_BaseOptimizer", "apply_gradients"),
}


class Passes:
    """The hooks on what TensorFlow and Keras run by themselves."""

    def __init__(self, log: Log, values: Values, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.values = values
        self.fault = fault
        self.patches = Patches()
        self.awake: set[str] = set()

    def install(self) -> None:
        """Listen to the backward pass, and to the optimizers of every Keras that is imported by now."""
        from tensorflow.python.eager import imperative_grad

        self.patches.replace(imperative_grad, "imperative_grad", self._backward(imperative_grad.imperative_grad))
        self.wake()

    def wake(self) -> None:
        """Listen to the optimizers of a Keras that was imported since."""
        for keras, (module, name, method) in _UPDATES.items():
            cls = getattr(sys.modules.get(module), name, None)
            if cls is not None and keras not in self.awake and hasattr(cls, method):
                self.awake.add(keras)
                self.patches.replace(cls, method, self._update(getattr(cls, method)))

    def remove(self) -> None:
        """Put back everything that was found."""
        self.patches.undo()
        self.awake.clear()

    def _unseen(self) -> bool:
        """Whether what runs now runs eagerly and on no tape."""
        from tensorflow.python.eager import context

        local = self.log.local
        return not local.tapes and not local.busy and bool(context.executing_eagerly())

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        passes, local = self, self.log.local

        @wraps(original)
        def imperative_grad(
            tape: Any,
            target: Any,
            sources: Any,
            output_gradients: Any = None,
            sources_raw: Any = None,
            unconnected_gradients: Any = "none",
        ) -> Any:
            unseen = passes._unseen()
            wanted = passes._between(unconnected_gradients)
            local.busy = local.busy or unseen
            try:
                gradients = original(
                    tape, target, [*sources, *wanted], output_gradients, sources_raw, unconnected_gradients
                )
                passes._given(wanted, gradients)
                gradients = gradients[: len(sources)]
                if unseen:
                    passes._note([*target, *(output_gradients or ())], gradients)
                return gradients
            finally:
                if unseen:
                    local.busy = False
                    local.pending.clear()

        return imperative_grad

    def _between(self, unconnected: Any) -> list[Known]:
        """What else to ask for; nothing where TensorFlow would make zeros of it."""
        try:
            if "zero" in str(getattr(unconnected, "value", unconnected)).lower():
                return []
            return self.values.between(building())
        except BaseException as error:
            self.fault(error)
            return []

    def _given(self, wanted: Sequence[Known], gradients: Sequence[Any]) -> None:
        self.values.given(wanted, gradients[len(gradients) - len(wanted) :])

    def _note(self, inputs: Sequence[Any], gradients: Iterable[Any]) -> None:
        try:
            known = self.log.known
            made = [Made(t._id, t._datatype_enum(), t._shape_tuple()) for t in _tensors(gradients)]
            fresh = tuple({m.id: m for m in made if m.id not in known}.values())
            known.update([m.id for m in fresh])
            ids = tuple([t._id for t in _tensors(inputs)])
            scope = self.log.local.scope
            stack = frames.capture(sys._getframe(2))
            self.log.add(Backpropagated(ids, fresh, stack, scope[-1] if scope else ""))
        except BaseException as error:
            self.fault(error)

    def _update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        passes, local = self, self.log.local

        @wraps(original)
        def update(*args: Any, **kwargs: Any) -> Any:
            if not passes._unseen():
                return original(*args, **kwargs)
            local.busy = local.updating = True
            try:
                return original(*args, **kwargs)
            finally:
                local.busy = local.updating = False
                local.pending.clear()

        return update


def _tensors(given: Iterable[Any]) -> Iterator[Any]:
    """The tensors among gradients: ``None`` has none, sparse ones have several."""
    for one in given:
        parts = (one,) if hasattr(one, "_id") else (getattr(one, "values", None), getattr(one, "indices", None))
        yield from (part for part in parts if hasattr(part, "_id"))
