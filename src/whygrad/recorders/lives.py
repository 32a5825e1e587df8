"""What happens to Keras' layers and models over their lives: made, frozen, thawed, fitted.

These hooks stay on after recording has ended: they cost nothing in a training step, and a fault such as a layer
thawed between two calls of ``fit`` shows nowhere else.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from types import FrameType
from typing import Any

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.fitting import Fitting
from whygrad.recorders.fitting import given as given_to_fit
from whygrad.recorders.models import has_own_step, is_state, weights_of
from whygrad.recorders.patching import Patches
from whygrad.recorders.thawing import Thawing
from whygrad.recorders.tracebacks import exclude_ours

# For each Keras: the class whose ``__new__`` every layer passes, and the class of ``trainable``.
_HOMES = {
    "keras": (("keras.src.ops.operation", "Operation"), ("keras.src.layers.layer", "Layer")),
    "tf_keras": (("tf_keras.src.engine.base_layer", "Layer"), ("tf_keras.src.engine.base_layer", "Layer")),
}
# For each framework that a Keras may compute with: the class of ``fit``. Of Keras 3, one alone is ever imported.
_TRAINERS = {
    "tensorflow": {
        "keras": ("keras.src.backend.tensorflow.trainer", "TensorFlowTrainer"),
        "tf_keras": ("tf_keras.src.engine.training", "Model"),
    },
    "torch": {"keras": ("keras.src.backend.torch.trainer", "TorchTrainer")},
    "jax": {"keras": ("keras.src.backend.jax.trainer", "JAXTrainer")},
}


def packages(framework: str) -> tuple[str, ...]:
    """Each Keras that is imported by now and computes with this framework."""
    return tuple(name for name, (module, cls) in _TRAINERS[framework].items() if hasattr(sys.modules.get(module), cls))


class Lives:
    """The lasting hooks on Keras.

    Args:
        framework: what the Keras that is listened to computes with.
        told: gets the Graph of a ``fit`` that can not train what it should.
        fault: told of an error of ours.

    Attributes:
        made: layer to where the script made it.
        frozen: (layer, value, place) of every assignment to ``trainable``.
        fitting: what the ``fit`` that runs now was given.
        broke: told the model, the error and the place of a ``fit`` that raised.
        is_asked: whether a gradient was ever asked for a variable, as far as that is known.
    """

    def __init__(self, framework: str, told: Callable[[Graph], None], fault: Callable[[BaseException], None]) -> None:
        self.framework = framework
        self.told = told
        self.fault = fault
        self.patches = Patches()
        self.heard: set[str] = set()
        self.made: weakref.WeakKeyDictionary[Any, frames.Stack] = weakref.WeakKeyDictionary()
        self.fitting: Fitting | None = None
        self.broke: Callable[[Any, Exception, FrameType], None] = lambda model, error, frame: None
        self.is_asked: Callable[[Any], bool] = lambda variable: True
        self.thawing = Thawing()
        self.frozen: list[tuple[weakref.ref[Any], bool, frames.Stack]] = []
        self.born: dict[int, tuple[weakref.ref[Any], frames.Stack]] = {}
        # Model to the variables that its training step, once built, asks for.
        self.built: weakref.WeakKeyDictionary[Any, frozenset[int]] = weakref.WeakKeyDictionary()

    def start(self) -> None:
        """Listen to every Keras that is imported by now."""
        for name in packages(self.framework):
            homes = (*_HOMES[name], _TRAINERS[self.framework][name])
            classes = [getattr(sys.modules.get(module), cls, None) for module, cls in homes]
            if name in self.heard or any(cls is None for cls in classes):
                continue
            self.heard.add(name)
            exclude_ours(sys.modules.get(f"{name}.src.utils.traceback_utils"), self.patches)
            self._births(classes[0])
            variables = sys.modules.get("keras.src.backend.common.variables")
            if name == "keras" and variables is not None:
                self._variables(variables.Variable)
            self._freezes(classes[1])
            self._fits(classes[2])

    def stop(self) -> None:
        """Take the hooks off."""
        self.patches.undo()
        self.heard.clear()

    def freezes(self, variable: Any) -> Iterator[tuple[bool, frames.Stack, str]]:
        """Every (value, place, layer's name) at which a variable was frozen or thawed through a layer."""
        for reference, value, stack in self.frozen:
            layer = reference()
            if layer is not None and stack and any(own is variable for own in weights_of(layer)):
                yield value, stack, str(getattr(layer, "name", ""))

    def frozen_now(self) -> tuple[str, ...]:
        """The paths of the parameters whose layers the script has frozen, and not thawed since."""
        return tuple(str(getattr(variable, "path", variable.name)) for variable in self._frozen_variables())

    def nothing_left(self, stack: frames.Stack) -> Graph:
        """What a request would have asked for if the script had not frozen it."""
        return self._graph(self._frozen_variables(), stack, trainable=False)

    def _frozen_variables(self) -> Sequence[Any]:
        last = {id(layer): (layer, value) for reference, value, _ in self.frozen if (layer := reference()) is not None}
        found: dict[int, Any] = {}
        for layer, value in last.values():
            for variable in () if value else weights_of(layer):
                newest = [given for given, _, _ in self.freezes(variable)][-1:]
                if newest == [False] and not is_state(variable):
                    found[id(variable)] = variable
        return tuple(found.values())

    def _births(self, cls: Any) -> None:
        original, made, fault = cls.__new__, self.made, self.fault

        def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            layer = original(cls, *args, **kwargs)
            try:
                made[layer] = frames.capture(sys._getframe(1))
            except TypeError:
                pass  # not weakly referable: its birth stays unknown
            except Exception as error:
                fault(error)
            return layer

        self.patches.replace(cls, "__new__", staticmethod(wraps(original)(__new__)))

    def _variables(self, cls: Any) -> None:
        """Keras 3 may give a variable its value long after the line that asked for it."""
        original, born, fault = cls.__init__, self.born, self.fault

        @wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            try:
                number = id(self)
                born[number] = (weakref.ref(self, lambda _: born.pop(number, None)), frames.capture(sys._getframe(1)))
            except Exception as error:
                fault(error)

        self.patches.replace(cls, "__init__", __init__)

    def variables(self) -> Iterator[Any]:
        """The variables that live."""
        for reference, _ in list(self.born.values()):
            variable = reference()
            if variable is not None:
                yield variable

    def birth_of(self, variable: Any) -> frames.Stack:
        """Where a Keras variable was asked for; empty if that was not seen."""
        reference, stack = self.born.get(id(variable), (None, ()))
        return stack if reference is not None and reference() is variable else ()

    def _freezes(self, cls: Any) -> None:
        trainable, frozen, thawing, fault = cls.trainable, self.frozen, self.thawing, self.fault
        depth = 0

        def set_trainable(layer: Any, value: bool) -> None:
            nonlocal depth
            depth += 1
            try:
                trainable.fset(layer, value)
            finally:
                depth -= 1
            if depth:
                return  # Keras sets the flag of every layer below; the user's own assignment is the outermost
            try:
                frozen.append((weakref.ref(layer), bool(value), frames.capture(sys._getframe(1))))
                if value:
                    thawing.thawed()
            except Exception as error:
                fault(error)

        self.patches.replace(
            cls, "trainable", property(trainable.fget, set_trainable, trainable.fdel, trainable.__doc__)
        )

    def _fits(self, cls: Any) -> None:
        for name in ("fit", "train_on_batch"):
            self.patches.replace(cls, name, self._fitting(getattr(cls, name)))

    def _fitting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        lives = self

        @wraps(original)
        def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
            around, lives.fitting = lives.fitting, lives._before(self, sys._getframe(1), args, kwargs)
            try:
                return original(self, *args, **kwargs)
            except Exception as error:
                lives._broken(self, error, sys._getframe(1))
                raise
            finally:
                lives.fitting = around
                lives._after(self)

        return fit

    def _before(
        self, model: Any, frame: FrameType, arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Fitting | None:
        """What ``fit`` is given; that it can not train what it should is told."""
        try:
            stack = frames.capture(frame)
            self.thawing.begin(model, stack)
            self._look_at(model, stack)
            return given_to_fit(arguments, keywords)
        except Exception as error:
            self.fault(error)
            return None

    def _broken(self, model: Any, error: Exception, frame: FrameType) -> None:
        try:
            self.broke(model, error, frame)
        except Exception as fault:
            self.fault(fault)

    def _look_at(self, model: Any, stack: frames.Stack) -> None:
        """A training step that is built already trains what was trainable then; one may have nothing to train."""
        frozen = self._all_frozen(model)
        if frozen:
            self.told(self._graph(frozen, stack, trainable=False))
            return
        if getattr(model, "run_eagerly", False) or getattr(model, "train_function", None) is None:
            self.built.pop(model, None)
            return
        asked = self.built.get(model)
        if asked is None or (self.framework != "tensorflow" and has_own_step(model)):
            return  # where nothing is compiled for good, a step of the script's own may ask for what it likes
        stale = [v for v in model.trainable_variables if id(v) not in asked]
        if stale:
            self.told(self._graph(stale, stack))

    def _all_frozen(self, model: Any) -> list[Any]:
        """The weights that the script froze, where that leaves Keras' own training step nothing to train."""
        weights = [] if has_own_step(model) else weights_of(model)
        if not weights or model.trainable_variables:
            return []
        return [v for v in weights if next(self.freezes(v), None) and not is_state(v)]

    def _after(self, model: Any) -> None:
        try:
            thawed, during = self.thawing.end(model)
            variables = model.trainable_variables if during else ()
            late = [v for v in variables if self._is_late(v)]
            if late:
                self.told(self._graph(late, during))
            if model not in self.built and getattr(model, "train_function", None) is not None:
                # What was thawed in the middle of it is not in the step that was built before.
                left = {id(v) for v in model.trainable_variables if not (thawed and self._is_late(v))}
                self.built[model] = frozenset(left)
        except Exception as error:
            self.fault(error)

    def _is_late(self, variable: Any) -> bool:
        """Whether the script has thawed a variable, and no gradient was ever asked for it."""
        return [value for value, _, _ in self.freezes(variable)][-1:] == [True] and not self.is_asked(variable)

    def _graph(self, variables: Sequence[Any], stack: frames.Stack, trainable: bool = True) -> Graph:
        """A request without operations: what ``fit`` would have to ask for, and when it was thawed."""
        library = "" if self.framework == "tensorflow" else "keras"
        builder = GraphBuilder(self.framework, "keras.Model.fit", library)
        parameters = [
            Parameter(
                path=str(getattr(v, "path", v.name)),
                shape=tuple(v.shape),
                dtype=str(getattr(v.dtype, "name", v.dtype)),
                trainable=trainable,
                watched=False,
                gradient="none",
                history=tuple(
                    Event("thawed" if value else "frozen", frames.spans(place)[0], name)
                    for value, place, name in self.freezes(v)
                ),
            )
            for v in variables
        ]
        return builder.graph((), parameters, frames.spans(stack))
