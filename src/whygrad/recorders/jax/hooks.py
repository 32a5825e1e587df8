"""Where we listen while a request runs: JAX's interpreters of derivatives, and calls of functions with own rules."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

import jax

from whygrad.recorders.jax import compat
from whygrad.recorders.jax.inside import Inside, followed
from whygrad.recorders.jax.keras import Keras
from whygrad.recorders.jax.rules import Call, Rule, met, rule_of
from whygrad.recorders.jax.trace import Trace
from whygrad.recorders.patching import Patches

# The methods that see every operation, and where among their arguments the traced values stand.
_METHODS = {"process_primitive": 1, "process_call": 2, "process_custom_jvp_call": 3, "process_custom_vjp_call": 4}
_MAPPED = "process_shard_map"
_RULED = (jax.custom_jvp, jax.custom_vjp)


class Hooks:
    """Listens while at least one trace is open; otherwise JAX is as it was found.

    Args:
        keras: listens with us.
        fault: told of an error of ours.
    """

    def __init__(self, keras: Keras, fault: Callable[[BaseException], None]) -> None:
        self.keras = keras
        self.fault = fault
        self.private: compat.Private | None = None
        self.patches = Patches()
        self.open: dict[int, Trace] = {}
        self.inner: dict[int, Any] = {}
        self.calls = threading.local()
        self._lock = threading.Lock()

    def enter(self, trace: Trace) -> None:
        """Note what an interpreter runs from now on."""
        with self._lock:
            if not self.open:
                self._install()
                self.keras.enter(self.open)
            self.open[id(trace.interpreter)] = trace

    def leave(self, trace: Trace) -> None:
        """No more of it."""
        with self._lock:
            self.open.pop(id(trace.interpreter), None)
            if not self.open:
                self.patches.undo()
                self.keras.leave()

    def close(self) -> None:
        """Put everything back at once."""
        with self._lock:
            self.open.clear()
            self.inner.clear()
            self.patches.undo()
            self.keras.leave()

    def _install(self) -> None:
        assert self.private is not None
        for kind in self.private.traces:
            for name, position in _METHODS.items():
                original = vars(kind).get(name)
                if original is not None:
                    self.patches.replace(kind, name, self._listening(original, name, position))
            mapped = vars(kind).get(_MAPPED)
            if mapped is not None:
                self.patches.replace(kind, _MAPPED, self._following(mapped))
        for kind in self.private.tracers:
            self.patches.replace(kind, "to_concrete_value", self._leaving(kind.to_concrete_value))  # type: ignore[attr-defined]
        for ruled in _RULED:
            self.patches.replace(ruled, "__call__", self._calling(ruled.__call__))

    def _listening(self, original: Callable[..., Any], name: str, position: int) -> Callable[..., Any]:
        hooks = self

        @wraps(original)
        def method(self: Any, primitive: Any, *args: Any, **kwargs: Any) -> Any:
            trace = hooks._of(self)
            if trace is None:
                return original(self, primitive, *args, **kwargs)
            given = list(args[position - 1])
            params = args[position] if name in ("process_primitive", "process_call") else kwargs
            frame = sys._getframe(1)
            try:
                out = original(self, primitive, *args, **kwargs)
            except Exception:
                hooks._safely(hooks._refused, trace, name, primitive, params, given, frame)
                raise
            if not isinstance(out, (list, tuple)) and getattr(primitive, "multiple_results", False):
                out = list(out)
            if name == "process_primitive":
                hooks._safely(trace.ran, primitive, params, given, out, frame)
            else:
                hooks._safely(hooks._ruled, trace, primitive, given, out, frame)
            return out

        return method

    def _of(self, interpreter: Any) -> Trace | None:
        """The trace of what an interpreter runs."""
        try:
            trace, known = self.open.get(id(interpreter)), self.inner.get(id(interpreter))
            return trace if trace is not None and (trace.interpreter is interpreter or known is interpreter) else None
        except Exception as error:
            self.fault(error)
            return None

    def _following(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Follow a mapped function, which another interpreter runs."""
        hooks = self

        @wraps(original)
        def method(self: Any, primitive: Any, function: Any, args: Any, *rest: Any, **params: Any) -> Any:
            trace, private = hooks._of(self), hooks.private
            if trace is None or private is None:
                return original(self, primitive, function, args, *rest, **params)
            inside = Inside(trace, args, private.traces, sys._getframe(1))
            watched = followed(inside, function, lambda inner: hooks._entered(trace, inner), hooks._safely)
            try:
                out = original(self, primitive, watched, args, *rest, **params)
            finally:
                hooks._left(inside.interpreter)
            hooks._safely(inside.ended, out)
            return out

        return method

    def _entered(self, trace: Trace, interpreter: Any) -> None:
        if interpreter is not None:
            with self._lock:
                self.inner[id(interpreter)] = interpreter
                self.open[id(interpreter)] = trace

    def _left(self, interpreter: Any) -> None:
        with self._lock:
            if self.inner.pop(id(interpreter), None) is not None:
                self.open.pop(id(interpreter), None)

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Keep in mind which function with a rule of its own is being called, and with what."""
        hooks = self

        @wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls = hooks.calls.__dict__.setdefault("stack", [])
            calls.append(Call(self, args, kwargs))
            try:
                return original(self, *args, **kwargs)
            finally:
                calls.pop()

        return call

    def _leaving(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """See the user take a number out of a traced value."""
        hooks = self

        @wraps(original)
        def to_concrete_value(self: Any) -> Any:
            found = original(self)
            trace = hooks.open.get(id(self._trace))
            if found is not None and trace is not None:
                hooks._safely(hooks._taken, trace, self, sys._getframe(1))
            return found

        return to_concrete_value

    def _taken(self, trace: Trace, value: Any, frame: FrameType) -> None:
        method = compat.number_taken(frame)
        if method is not None:
            trace.departed(value, method, frame)

    def _ruled(self, trace: Trace, primitive: Any, given: Sequence[Any], out: Sequence[Any], frame: FrameType) -> None:
        calls: list[Call] = self.calls.__dict__.get("stack", [])
        rule = Rule(str(primitive.name))
        if calls and rule.name.startswith("custom"):
            rule = rule_of(trace.rules, calls[-1], given, out)
            trace.rules_met.update(met(calls[-1].ruled))
        trace.ran_rule(rule, given, out, frame)

    def _refused(self, trace: Trace, method: str, primitive: Any, params: Any, given: Any, frame: FrameType) -> None:
        if method == "process_primitive":
            trace.refused(primitive, params, given, frame)
            return
        for call in self.calls.__dict__.get("stack", ())[-1:]:
            trace.rules_met.update(met(call.ruled))
        trace.refused_rule(str(primitive.name), given, frame)

    def _safely(self, note: Callable[..., None], *args: Any) -> None:
        """An error of ours must not reach the user's function."""
        try:
            note(*args)
        except Exception as error:
            self.open.clear()
            self.fault(error)
