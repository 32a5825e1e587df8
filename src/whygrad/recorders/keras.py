"""Keras' layers and models, for Keras 3 and for tf_keras: who runs, who was made where, what was frozen."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from whygrad.graph import Layer
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.span import Span

# Where each Keras keeps its Layer, the class whose ``__new__`` every layer passes, and its Model.
_HOMES = {
    "keras": ("keras.src.layers.layer", "keras.src.ops.operation", "Operation"),
    "tf_keras": ("tf_keras.src.engine.base_layer", "tf_keras.src.engine.base_layer", "Layer"),
}
_MOST_LAYERS = 20_000


class Scopes(Protocol):
    """Where the layers being called are noted, per thread."""

    scope: tuple[str, ...]


class Layers:
    """The hooks on Keras' layers.

    Attributes:
        made: layer to where the script made it.
        frozen: (layer, value, place) of every assignment to ``trainable``.
        calls: (path, place) of layer calls since the log was last cleared.
    """

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self.patches = Patches()
        self.births = Patches()
        self.awake: set[str] = set()
        self.made: weakref.WeakKeyDictionary[Any, frames.Stack] = weakref.WeakKeyDictionary()
        self.frozen: list[tuple[weakref.ref[Any], bool, frames.Stack]] = []
        self.calls: list[tuple[str, frames.Stack, weakref.ref[Any]]] = []
        self.models: list[tuple[str, weakref.ref[Any], frames.Stack]] = []

    def wake(self, fault: Callable[[BaseException], None]) -> None:
        """Listen to every Keras that is imported by now."""
        for name, (layer_home, birth_home, birth_class) in _HOMES.items():
            home = sys.modules.get(layer_home)
            if home is None or name in self.awake or not hasattr(home, "Layer"):
                continue
            self.awake.add(name)
            self._calls(home.Layer, fault)
            self._births(getattr(sys.modules[birth_home], birth_class), home.Layer, fault)

    def rest(self) -> None:
        """Stop to listen to calls; places of birth and freezing are kept."""
        self.patches.undo()
        self.births.undo()
        self.awake.clear()
        self.calls.clear()

    stop = rest

    def _calls(self, layer_class: Any, fault: Callable[[BaseException], None]) -> None:
        original = layer_class.__call__
        layers = self

        @wraps(original)
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            scopes = layers.scopes
            before = scopes.scope
            try:
                layers._enter(self, sys._getframe(1))
            except BaseException as error:
                fault(error)
            try:
                return original(self, *args, **kwargs)
            finally:
                scopes.scope = before

        self.patches.replace(layer_class, "__call__", __call__)

    def _enter(self, layer: Any, frame: Any) -> None:
        scopes = self.scopes
        path = f"{scopes.scope[-1]}/{layer.name}" if scopes.scope else str(layer.name)
        scopes.scope = (*scopes.scope, path)
        if len(self.calls) < _MOST_LAYERS:
            self.calls.append((path, frames.capture(frame), weakref.ref(layer)))

    def _births(self, birth_class: Any, layer_class: Any, fault: Callable[[BaseException], None]) -> None:
        original = birth_class.__new__
        made = self.made

        def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            layer = original(cls, *args, **kwargs)
            try:
                made[layer] = frames.capture(sys._getframe(1))
            except TypeError:
                pass  # not weakly referable: its birth stays unknown
            except BaseException as error:
                fault(error)
            return layer

        self.births.replace(birth_class, "__new__", staticmethod(wraps(original)(__new__)))
        trainable = layer_class.trainable
        frozen = self.frozen

        def set_trainable(layer: Any, value: bool) -> None:
            trainable.fset(layer, value)
            try:
                stack = frames.capture(sys._getframe(1))
                # Keras sets the flag of every layer below; only the user's own line counts.
                frozen.append((weakref.ref(layer), bool(value), stack))
            except BaseException as error:
                fault(error)

        hooked = property(trainable.fget, set_trainable, trainable.fdel, trainable.__doc__)
        self.births.replace(layer_class, "trainable", hooked)


def layers_of(layers: Layers, spans: Callable[[frames.Stack], tuple[Span, ...]]) -> list[Layer]:
    """The layers that were made or called, as records."""
    calls: dict[str, list[Span]] = {}
    objects: dict[str, Any] = {}
    for path, stack, reference in layers.calls:
        layer = reference()
        if layer is not None:
            objects[path] = layer
            calls.setdefault(path, []).extend(spans(stack)[:1])
    for layer in list(layers.made):
        name = getattr(layer, "name", None)
        if isinstance(name, str) and not any(o is layer for o in objects.values()):
            objects.setdefault(name, layer)
    return [
        Layer(path, _birth(layers, layer, spans), _forward(layer), *_holder(layer, objects), tuple(calls.get(path, ())))
        for path, layer in objects.items()
    ]


def _birth(layers: Layers, layer: Any, spans: Callable[[frames.Stack], tuple[Span, ...]]) -> Span | None:
    stack = layers.made.get(layer)
    return spans(stack)[0] if stack else None


def _forward(layer: Any) -> Span | None:
    """The range of the user's ``call``, if the class is the user's own."""
    function = inspect.unwrap(getattr(type(layer), "call", None) or type(layer).__call__)
    code = getattr(function, "__code__", None)
    if code is None or not frames.is_user_file(code.co_filename):
        return None
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    return Span(code.co_filename, code.co_firstlineno, None, last, None, code.co_qualname)


def _holder(layer: Any, objects: dict[str, Any]) -> tuple[str | None, str | None]:
    """The attribute that holds a layer, and the path of the layer whose attribute it is."""
    for path, parent in objects.items():
        if parent is layer:
            continue
        for name, value in list(vars(parent).items()):
            if value is layer and not name.startswith("_"):
                return name, path
    return None, None
