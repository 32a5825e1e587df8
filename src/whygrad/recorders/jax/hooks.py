"""Where we listen while a request runs: JAX's interpreters of derivatives, and calls of functions with own rules."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

import jax

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import Rules, Stop
from whygrad.recorders.jax.trace import Trace
from whygrad.recorders.patching import Patches

# The methods that see every operation, and where among their arguments the traced values stand.
_METHODS = {"process_primitive": 1, "process_call": 2, "process_custom_jvp_call": 3, "process_custom_vjp_call": 4}
_RULED = (jax.custom_jvp, jax.custom_vjp)


class Hooks:
    """Listens while at least one trace is open; otherwise JAX is as it was found.

    Args:
        fault: told of an error of ours.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.private: compat.Private | None = None
        self.patches = Patches()
        self.open: dict[int, Trace] = {}
        self.calls = threading.local()
        self._lock = threading.Lock()

    def enter(self, trace: Trace) -> None:
        """Note what an interpreter runs from now on."""
        with self._lock:
            if not self.open:
                self._install()
            self.open[id(trace.interpreter)] = trace

    def leave(self, trace: Trace) -> None:
        """No more of it."""
        with self._lock:
            self.open.pop(id(trace.interpreter), None)
            if not self.open:
                self.patches.undo()

    def close(self) -> None:
        """Put everything back at once."""
        with self._lock:
            self.open.clear()
            self.patches.undo()

    def _install(self) -> None:
        assert self.private is not None
        for kind in self.private.traces:
            for name, position in _METHODS.items():
                original = vars(kind).get(name)
                if original is not None:
                    self.patches.replace(kind, name, self._listening(original, name, position))
        for ruled in _RULED:
            self.patches.replace(ruled, "__call__", self._calling(ruled.__call__))

    def _listening(self, original: Callable[..., Any], name: str, position: int) -> Callable[..., Any]:
        hooks = self

        @wraps(original)
        def method(self: Any, primitive: Any, *args: Any, **kwargs: Any) -> Any:
            trace = hooks.open.get(id(self))
            if trace is None or trace.interpreter is not self:
                return original(self, primitive, *args, **kwargs)
            given = list(args[position - 1])
            params = args[position] if name in ("process_primitive", "process_call") else kwargs
            frame = sys._getframe(1)
            try:
                out = original(self, primitive, *args, **kwargs)
            except Exception:
                hooks._safely(trace.refused, primitive, params, given, frame)
                raise
            if not isinstance(out, (list, tuple)) and getattr(primitive, "multiple_results", False):
                out = list(out)
            if name == "process_primitive":
                hooks._safely(trace.ran, primitive, params, given, out, frame)
            else:
                hooks._safely(hooks._ruled, trace, primitive, given, out, frame)
            return out

        return method

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Keep in mind which function with a rule of its own is being called, and with what."""
        hooks = self

        @wraps(original)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls = hooks.calls.__dict__.setdefault("stack", [])
            calls.append((self, args, kwargs))
            try:
                return original(self, *args, **kwargs)
            finally:
                calls.pop()

        return call

    def _ruled(self, trace: Trace, primitive: Any, given: Sequence[Any], out: Sequence[Any], frame: FrameType) -> None:
        calls = self.calls.__dict__.get("stack", [])
        name, stops, where = str(primitive.name), (), ()
        if calls and primitive.name.startswith("custom"):
            name, stops, where = _rule(trace.rules, *calls[-1], given, out)
        trace.ran_rule(name, stops, where, given, out, frame)

    def _safely(self, note: Callable[..., None], *args: Any) -> None:
        """An error of ours must not reach the user's function."""
        try:
            note(*args)
        except Exception as error:
            self.open.clear()
            self.fault(error)


def _rule(
    rules: Rules, ruled: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: Sequence[Any], out: Sequence[Any]
) -> tuple[str, tuple[Stop, ...], frames.Stack]:
    """What the rule of a function does to each of its inputs."""
    function = getattr(ruled, "fun", ruled)
    code = getattr(function, "__code__", None)
    name = str(getattr(function, "__name__", "function"))
    fixed = set(getattr(ruled, "nondiff_argnums", ()))
    free = [n for n in range(len(args)) if n not in fixed]
    leaves, tree = jax.tree_util.tree_flatten([args[n] for n in free])
    if kwargs or len(leaves) != len(given):
        return name, (), ()

    def run(*values: Any) -> Any:
        full = list(args)
        for n, value in zip(free, jax.tree_util.tree_unflatten(tree, values), strict=True):
            full[n] = value
        return ruled(*full)

    key = (id(ruled), tuple(str(args[n]) for n in sorted(fixed) if n < len(args)))
    own = code is not None and frames.is_user_file(code.co_filename)
    stops = rules.stops_of_rule(
        run, key, [compat.typeof(v) for v in leaves], [compat.typeof(v) for v in out], name, own
    )
    back = getattr(getattr(ruled, "bwd", None) or getattr(ruled, "jvp", None), "__code__", None)
    where = () if back is None else ((back.co_filename, back.co_firstlineno, back.co_qualname, back, -1),)
    return name, stops, where
