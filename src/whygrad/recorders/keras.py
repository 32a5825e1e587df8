"""Keras' layers and models, for Keras 3 and for tf_keras: who runs, who was made where, what was frozen."""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, Protocol

from whygrad.graph import Layer
from whygrad.recorders import frames
from whygrad.recorders.lives import Lives, packages
from whygrad.recorders.ownership import attributes_of
from whygrad.recorders.patching import Patches
from whygrad.span import Span

# Where each Keras keeps its Layer.
_HOMES = {"keras": "keras.src.layers.layer", "tf_keras": "tf_keras.src.engine.base_layer"}
# The ways to call a layer.
_CALLS = ("__call__", "stateless_call")
_MOST_LAYERS = 20_000
_ALONE: tuple[str | None, str | None] = (None, None)


class Scopes(Protocol):
    """Where the layers being called are noted, per thread."""

    scope: tuple[str, ...]


class ThreadScopes(threading.local):
    """The paths of the layers being called in this thread, outermost first."""

    scope: tuple[str, ...] = ()


class Layers:
    """The recording hook on layer calls.

    Attributes:
        lives: where layers were made and frozen.
        calls: (path, place, layer) of the layer calls since the log was last cleared.
    """

    def __init__(self, scopes: Scopes, lives: Lives) -> None:
        self.scopes = scopes
        self.lives = lives
        self.patches = Patches()
        self.awake: set[str] = set()
        self.calls: list[tuple[str, frames.Stack, weakref.ref[Any]]] = []

    def wake(self, fault: Callable[[BaseException], None]) -> None:
        """Listen to every Keras that is imported by now."""
        for name in packages(self.lives.framework):
            home = sys.modules.get(_HOMES[name])
            if home is not None and name not in self.awake and hasattr(home, "Layer"):
                self.awake.add(name)
                for call in (c for c in _CALLS if hasattr(home.Layer, c)):
                    self._calls(home.Layer, call, fault)

    def rest(self) -> None:
        """Stop to listen."""
        self.patches.undo()
        self.awake.clear()
        self.calls.clear()

    def _calls(self, layer_class: Any, name: str, fault: Callable[[BaseException], None]) -> None:
        original = getattr(layer_class, name)
        layers = self

        @wraps(original)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            scopes = layers.scopes
            before, above = scopes.scope, frames.held.above
            try:
                layers._enter(self, sys._getframe())
            except Exception as error:
                fault(error)
            try:
                return original(self, *args, **kwargs)
            finally:
                scopes.scope, frames.held.above = before, above

        self.patches.replace(layer_class, name, called)

    def _enter(self, layer: Any, frame: FrameType) -> None:
        scopes = self.scopes
        path = f"{scopes.scope[-1]}/{layer.name}" if scopes.scope else str(layer.name)
        scopes.scope = (*scopes.scope, path)
        stack = frames.hold(frame)
        if len(self.calls) < _MOST_LAYERS:
            self.calls.append((path, stack, weakref.ref(layer)))


def layers_of(layers: Layers, spans: Callable[[frames.Stack], tuple[Span, ...]]) -> list[Layer]:
    """The layers that were made or called, as records."""
    calls: dict[str, list[Span]] = {}
    objects: dict[str, Any] = {}
    for path, stack, reference in layers.calls:
        layer = reference()
        if layer is not None:
            objects[path] = layer
            calls.setdefault(path, []).extend(spans(stack)[:1])
    for layer in list(layers.lives.made):
        name = getattr(layer, "name", None)
        if isinstance(name, str) and not any(o is layer for o in objects.values()):
            objects.setdefault(name, layer)
    holders = _holders(objects)
    return [
        Layer(
            path,
            _birth(layers, layer, spans),
            _forward(layer),
            *holders.get(id(layer), _ALONE),
            tuple(calls.get(path, ())),
        )
        for path, layer in objects.items()
    ]


def _birth(layers: Layers, layer: Any, spans: Callable[[frames.Stack], tuple[Span, ...]]) -> Span | None:
    stack = layers.lives.made.get(layer)
    return spans(stack)[0] if stack else None


def _forward(layer: Any) -> Span | None:
    """The range of the user's ``call``, if the class is the user's own."""
    function = inspect.unwrap(getattr(type(layer), "call", None) or type(layer).__call__)
    code = getattr(function, "__code__", None)
    if code is None or not frames.is_user_file(code.co_filename):
        return None
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    return Span(code.co_filename, code.co_firstlineno, None, last, None, code.co_qualname)


def _holders(objects: dict[str, Any]) -> dict[int, tuple[str | None, str | None]]:
    """By the ``id`` of what is held: the attribute that holds it, and the path of the first layer whose that is."""
    found: dict[int, tuple[str | None, str | None]] = {}
    wanted = {id(layer) for layer in objects.values()}
    for path, parent in objects.items():
        held = [(value, name) for name, value in attributes_of(parent) if id(value) in wanted and name[:1] != "_"]
        listed = [(layer, None) for layer in getattr(parent, "_layers", None) or ()]
        for value, attribute in [*held, *listed]:
            if value is not parent:
                found.setdefault(id(value), (attribute, path))
    return found
