"""The framework's own passes: the backward pass, and an optimizer's update.

What they run is most of a training step, and no request can learn through it unless a tape is open. So where none is,
a backward pass is noted as one operation from its targets to its gradients, and an update as nothing at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from types import FrameType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.lives import packages
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow import autograph, quiet
from whygrad.recorders.tensorflow.log import Backpropagated, Log, Made
from whygrad.recorders.tensorflow.quiet import Quiet
from whygrad.recorders.tensorflow.rates import Rates
from whygrad.recorders.tensorflow.tapes import building
from whygrad.recorders.tensorflow.updates import Updates, pairs_of
from whygrad.recorders.tensorflow.values import Known, Values

# For each Keras: the module, the class and the method that every update by one of its optimizers passes.
UPDATES = {
    "keras": ("keras.src.optimizers.base_optimizer", "BaseOptimizer", "apply"),
    "tf_keras": ("tf_keras.src.optimizers.optimizer", "_BaseOptimizer", "apply_gradients"),
}


class Passes:
    """The hooks on what TensorFlow and Keras run by themselves.

    Args:
        silence: spares this thread our callback, and returns how to hear again.
        listening: makes this thread heard, and returns how to end that.
    """

    def __init__(
        self,
        log: Log,
        values: Values,
        fault: Callable[[BaseException], None],
        silence: Callable[[], Callable[[], None]],
        listening: Callable[[], Callable[[], None]],
    ) -> None:
        self.log, self.silence = log, silence
        self.values = values
        self.updates = Updates()
        self.rates = Rates(log, self.updates, listening, fault)
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
        for keras in packages("tensorflow"):
            module, name, method = UPDATES[keras]
            cls = getattr(sys.modules.get(module), name, None)
            if cls is not None and keras not in self.awake and hasattr(cls, method):
                self.awake.add(keras)
                self.patches.replace(cls, method, self._update(getattr(cls, method)))
                self.patches.replace(cls, "__init__", self._make(cls.__init__))
                self.rates.listen(self.patches, cls, keras)

    def remove(self) -> None:
        """Put back everything that was found."""
        self.patches.undo()
        self.awake.clear()

    def _unseen(self) -> bool:
        """Whether what runs now runs eagerly and on no tape."""
        try:
            from tensorflow.python.eager import context

            local = self.log.local
            return not local.tapes and not local.busy and bool(context.executing_eagerly())
        except Exception as error:
            self.fault(error)
            return False

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
            unseen, above = passes._unseen(), frames.held.above
            wanted = passes._between(unconnected_gradients)
            local.busy = local.busy or unseen
            heard = passes._silenced() if unseen else None
            passed = passes._traced(sys._getframe())
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
                frames.held.above = above
                if passed is not None:
                    passes._ended(passed)
                if heard is not None:
                    passes._over(heard)

        return imperative_grad

    def _traced(self, frame: FrameType) -> Quiet | None:
        """What is traced below this frame comes from one line of the script."""
        try:
            frames.hold(frame)
            return quiet.begin(self.log, self.silence, frame)
        except Exception as error:
            self.fault(error)
            return None

    def _ended(self, passed: Quiet) -> None:
        try:
            quiet.end(self.log, passed)
        except Exception as error:
            self.fault(error)

    def _silenced(self) -> Callable[[], None]:
        try:
            return self.silence()
        except Exception as error:
            self.fault(error)
            return lambda: None

    def _over(self, heard: Callable[[], None]) -> None:
        """What TensorFlow did for itself is over."""
        try:
            self.log.local.busy = self.log.local.updating = False
            self.log.local.pending.clear()
            heard()
        except Exception as error:
            self.fault(error)

    def _between(self, unconnected: Any) -> list[Known]:
        """What else to ask for; nothing where TensorFlow would make zeros of it."""
        try:
            if "zero" in str(getattr(unconnected, "value", unconnected)).lower():
                return []
            return self.values.between(building())
        except Exception as error:
            self.fault(error)
            return []

    def _given(self, wanted: Sequence[Known], gradients: Sequence[Any]) -> None:
        try:
            self.values.given(wanted, gradients[len(gradients) - len(wanted) :])
        except Exception as error:
            self.fault(error)

    def _note(self, inputs: Sequence[Any], gradients: Iterable[Any]) -> None:
        try:
            known = self.log.known
            made = [Made(t._id, t._datatype_enum(), t._shape_tuple()) for t in _tensors(gradients)]
            fresh = tuple({m.id: m for m in made if m.id not in known}.values())
            known.update([m.id for m in fresh])
            ids = tuple([t._id for t in _tensors(inputs)])
            scope = self.log.local.scope
            stack = autograph.capture(sys._getframe(2))
            self.log.add(Backpropagated(ids, fresh, stack, scope[-1] if scope else ""))
        except Exception as error:
            self.fault(error)

    def _make(self, original: Callable[..., Any]) -> Callable[..., Any]:
        passes = self

        @wraps(original)
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            try:
                passes.updates.made(optimizer, autograph.capture(sys._getframe(1)))
            except Exception as error:
                passes.fault(error)

        return __init__

    def _update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        passes, local = self, self.log.local

        @wraps(original)
        def update(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if args and isinstance(args[0], zip):
                args = (list(args[0]), *args[1:])  # it can be read once only
            unseen = passes._unseen()
            if not local.busy:
                passes._applied(optimizer, args, kwargs, sys._getframe(1))
            above = frames.held.above
            if unseen:
                local.busy = local.updating = True
            heard = passes._silenced() if unseen else None
            passed = passes._traced(sys._getframe())
            begin = passes._begun()
            try:
                result = original(optimizer, *args, **kwargs)
                if unseen or begin is not None:
                    passes._stepped(args, kwargs, begin)
                return result
            except (KeyError, ValueError):
                passes._refused(optimizer, args, kwargs, sys._getframe(1))
                raise
            finally:
                frames.held.above = above
                if passed is not None:
                    passes._ended(passed)
                if heard is not None:
                    passes._over(heard)

        return update

    def _applied(self, optimizer: Any, args: Sequence[Any], kwargs: Mapping[str, Any], frame: Any) -> None:
        local = self.log.local
        local.busy = True
        try:
            pairs = pairs_of(args, kwargs)
            if pairs is not None:
                self.updates.applied(optimizer, *pairs, autograph.capture(frame))
        except Exception as error:
            self.fault(error)
        finally:
            local.busy = False

    def _refused(self, optimizer: Any, args: Sequence[Any], kwargs: Mapping[str, Any], frame: Any) -> None:
        try:
            pairs = pairs_of(args, kwargs)
            if pairs is not None:
                self.updates.refused(optimizer, pairs[1], autograph.capture(frame))
        except Exception as error:
            self.fault(error)

    def _begun(self) -> int | None:
        """How many operations a function had that is being traced before an update began; ``None`` if none is."""
        try:
            graph = None if self.log.local.busy else building()
            return None if graph is None else len(graph.get_operations())
        except Exception as error:
            self.fault(error)
            return None

    def _stepped(self, args: Sequence[Any], kwargs: Mapping[str, Any], begin: int | None) -> None:
        try:
            pairs = pairs_of(args, kwargs)
            if pairs is not None and begin is not None:
                self.updates.traced(building(), begin, pairs[1])
            elif pairs is not None:
                self.updates.stepped(pairs[1])
        except Exception as error:
            self.fault(error)


def _tensors(given: Iterable[Any]) -> Iterator[Any]:
    """The tensors among gradients: ``None`` has none, sparse ones have several."""
    for one in given:
        parts = (one,) if hasattr(one, "_id") else (getattr(one, "values", None), getattr(one, "indices", None))
        yield from (part for part in parts if hasattr(part, "_id"))
