"""The requests: ``jax.grad`` and its sisters, wrapped so that each call is recorded as it runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

import jax

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.asked import Request, form_of, given_arrays, given_leaves, raised_at
from whygrad.recorders.jax.equinox import left_out
from whygrad.recorders.jax.hooks import Hooks
from whygrad.recorders.jax.leaks import Leaks
from whygrad.recorders.jax.nnx import Variables
from whygrad.recorders.jax.ops import Rules
from whygrad.recorders.jax.parameters import Named, argument_names, attribute, named_leaves
from whygrad.recorders.jax.tape import Tape
from whygrad.recorders.jax.trace import Trace
from whygrad.recorders.patching import Patches

# Functions that hand back a function, and functions that differentiate at once. True: backwards.
BUILDERS = {"grad": True, "value_and_grad": True, "jacrev": True, "jacobian": True, "jacfwd": False, "hessian": True}
DIRECT = {"vjp": True, "linearize": False, "jvp": False}

# Libraries whose own functions of the same names end in these.
WRAPPERS = ("equinox", "flax", "haiku", "keras", "optax")

# The function, the numbers of the arguments that it is differentiated by, all its arguments, where that was said.
Given = tuple[Any, Any, Any, frames.Stack]
Apart = Callable[[Request, Any, bool, Sequence[Any], dict[str, Any]], tuple[Graph, Graph] | None]


class Requests:
    """The watch on requests; ``heard`` is told of each, once it is answered.

    Attributes:
        apart: gives the Graphs of a request, what it differentiates, with or without something beside the loss, and the
            arguments of that, where JAX's interpreters are not known.
        passed: told of those that are not wanted, before they run, and of the arrays that they are asked of.
    """

    def __init__(
        self,
        hooks: Hooks,
        wanted: Callable[[str, frames.Stack], bool],
        heard: Callable[[Request], None],
        fault: Callable[[BaseException], None],
        variables: Variables,
        leaks: Leaks,
    ) -> None:
        self.hooks = hooks
        self.leaks = leaks
        self.variables = variables
        self.wanted = wanted
        self.heard = heard
        self.fault = fault
        self.passed: Callable[[str, frames.Stack, Callable[[], Sequence[Any]]], None] = lambda *_: None
        self.apart: Apart | None = None
        self.rules = Rules()
        self.patches = Patches()
        self.active = threading.local()

    def install(self) -> None:
        """Wrap them."""
        for name, reverse in BUILDERS.items():
            self.patches.replace(jax, name, self._builder(getattr(jax, name), name, reverse))
        for name, reverse in DIRECT.items():
            self.patches.replace(jax, name, self._direct(getattr(jax, name), name, reverse))

    def remove(self) -> None:
        """Unwrap them."""
        self.patches.undo()

    @property
    def stack(self) -> list[Request]:
        """The requests under way in this thread, the innermost last."""
        found: list[Request] = self.active.__dict__.setdefault("stack", [])
        return found

    def _builder(self, original: Callable[..., Any], name: str, reverse: bool) -> Callable[..., Any]:
        requests = self

        @wraps(original)
        def transformation(fun: Any, *args: Any, **kwargs: Any) -> Any:
            if not callable(fun) or not requests._is_users(sys._getframe(1), name):
                return original(fun, *args, **kwargs)
            aux = bool(args[1] if len(args) > 1 else kwargs.get("has_aux", False))
            argnums = args[0] if args else kwargs.get("argnums", 0)
            answer = original(requests._probe(fun, aux), *args, **kwargs)
            made = requests._place(sys._getframe(1))

            @wraps(answer)
            def asked(*a: Any, **k: Any) -> Any:
                given = (fun, argnums, a, made)
                return requests._run(f"jax.{name}", reverse, given, aux, lambda: answer(*a, **k))

            return asked

        return transformation

    def _direct(self, original: Callable[..., Any], name: str, reverse: bool) -> Callable[..., Any]:
        requests = self

        @wraps(original)
        def transformation(fun: Any, *args: Any, **kwargs: Any) -> Any:
            if not callable(fun) or not requests._is_users(sys._getframe(1), name):
                return original(fun, *args, **kwargs)
            probe = requests._probe(fun, bool(kwargs.get("has_aux", False)))
            given = (fun, (), (), ())
            return requests._run(f"jax.{name}", reverse, given, False, lambda: original(probe, *args, **kwargs))

        return transformation

    def _place(self, frame: FrameType) -> frames.Stack:
        try:
            return frames.capture(frame)
        except Exception as error:
            self.fault(error)
            return ()

    def _is_users(self, frame: FrameType, name: str) -> bool:
        try:
            return _is_users(frame, name)
        except Exception as error:
            self.fault(error)
            return False

    def _run(
        self, api: str, reverse: bool, given: tuple[Any, Any, Any, Any], aux: bool, call: Callable[[], Any]
    ) -> Any:
        """Make the call, recorded if that is wanted."""
        request = self._opened(api, reverse, given)
        if request is None:
            return call()
        request.aux = aux
        try:
            request.answer = call()
            return request.answer
        except Exception as error:
            request.error = error
            raise
        finally:
            self._closed(request)

    def _opened(self, api: str, reverse: bool, given: Given) -> Request | None:
        try:
            stack = frames.capture(sys._getframe(3))
            if not stack or not self.wanted(api, stack):
                self.passed(api, stack, lambda: given_arrays(given[1], given[2]))
                return None
            request = Request(api, stack, reverse, tuple(self.stack))
            request.function, request.argnums, _, request.made = given
            request.given = given_leaves(*given[:3])
            self.stack.append(request)
            return request
        except Exception as error:
            self.fault(error)
            return None

    def _closed(self, request: Request) -> None:
        try:
            if request in self.stack:
                self.stack.remove(request)
            if request.trace is not None:
                self.hooks.leave(request.trace)
            self.heard(request)
            request.answer = request.function = None
            if request.trace is not None:
                request.trace.flat.tape = Tape()  # it holds the user's arrays
        except Exception as error:
            self.fault(error)

    def _probe(self, fun: Any, aux: bool) -> Callable[..., Any]:
        """The user's function, with a trace opened before it runs and closed after it."""
        requests = self

        @wraps(fun)
        def differentiated(*args: Any, **kwargs: Any) -> Any:
            trace = requests._begun(fun, aux, args, kwargs)
            if trace is None:
                return fun(*args, **kwargs)
            try:
                out = fun(*args, **kwargs)
            except Exception as error:
                requests._ended(trace, None, aux, error)
                raise
            requests._ended(trace, out, aux, None)
            return out

        return differentiated

    def _begun(self, fun: Any, aux: bool, args: tuple[Any, ...], keywords: dict[str, Any]) -> Trace | None:
        request = self.stack[-1] if self.stack else None
        private = self.hooks.private
        if request is None or request.trace is not None:
            return None
        try:
            if private is None:
                if self.apart is not None and request.graphs is None:
                    request.graphs = self.apart(request, fun, aux, args, keywords)
                return None
            interpreter = private.current()
            if not isinstance(interpreter, private.traces):
                return None
            keras = self.hooks.keras
            trace = Trace(request.api, interpreter, private.tracer, self.rules, request.reverse, keras.scope)
            for named in named_leaves(args, argument_names(fun, len(args))):
                trace.add_leaf(named, compat.traced_by(named.leaf, interpreter))
            for value, path, made in self.variables.left_out(fun):
                name = argument_names(fun, 1)[0]
                trace.add_leaf(Named(value, f"{name}/{path}", attribute(name, path), name), False, made)
            for part in left_out(args):
                name = argument_names(fun, 1)[0]
                trace.add_part(part, Named(part.value, f"{name}/{part.path}", attribute(name, part.path), name))
            request.trace = trace
            self.hooks.enter(trace)
            return trace
        except Exception as error:
            self.fault(error)
            return None

    def _ended(self, trace: Trace, out: Any, aux: bool, error: BaseException | None) -> None:
        try:
            if error is None:
                self.stack[-1].form = form_of(out)
                trace.keeps(jax.tree_util.tree_leaves(out))
                loss = out[0] if aux and isinstance(out, tuple) and out else out
                results = [v for v in jax.tree_util.tree_leaves(loss) if hasattr(v, "dtype")]
                trace.returned(results, out[1] if aux and isinstance(out, tuple) and len(out) == 2 else None)
                if isinstance(loss, float):
                    trace.target_text = "Python float"
                for outer in self.stack[:-1]:
                    if outer.trace is not None:
                        outer.trace.derives(
                            {v for v in map(outer.trace.below, results) if v is not None}, self.stack[-1].stack
                        )
            else:
                self._broken(trace, error)
            self.hooks.keras.ended(trace)
            self.hooks.leave(trace)
            self.leaks.ended(trace)
        except Exception as fault:
            self.fault(fault)

    def _broken(self, trace: Trace, error: BaseException) -> None:
        """The function raised: if a traced value was asked for its number, it left JAX there."""
        raised = compat.raised_by(error, trace.tracer)
        value = trace.below(raised[0]) if raised is not None else None
        if raised is not None and value is not None and not trace.broken:
            trace.left(value, raised[1], raised_at(error))
        trace.broken = True


def _is_users(frame: FrameType, name: str) -> bool:
    """Whether the user asks, in his own file or through a library that asks in his name."""
    package = frames.package_of(frame.f_code.co_filename)
    if package is None:
        return frames.is_user_file(frame.f_code.co_filename)
    return package in WRAPPERS and name in ("grad", "value_and_grad")
