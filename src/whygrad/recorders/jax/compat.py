"""Every private name of JAX that is used; where a release lacks one, that is said and ``apart`` goes the public way."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType, FrameType, TracebackType
from typing import Any

import jax
from jax.extend import source_info_util
from jax.extend.core import Var

from whygrad.recorders import frames

# Taken before anything is replaced: what we ask of JAX ourselves must not come back to us.
vjp, jvp, make_jaxpr, typeof = jax.vjp, jax.jvp, jax.make_jaxpr, jax.typeof

# How to step from a value of one transformation to the value below it.
_BELOW = ("primal", "val")


class MissingName(Exception):
    """This release of JAX has no such name where it was looked for."""


@dataclass(frozen=True, slots=True)
class Private:
    """What is private to JAX.

    Attributes:
        traces: the classes of the interpreters that differentiate.
        tracers: the classes of the values that they trace.
        tracer: the class of all traced values.
        current: the interpreter that runs the user's function now.
    """

    traces: tuple[type, ...]
    tracers: tuple[type, ...]
    tracer: type
    current: Callable[[], Any]


def private() -> Private:
    """The private names of the JAX that is installed; ``MissingName`` where one is not there."""
    try:
        from jax._src import core
        from jax._src.interpreters import ad

        context = core.trace_ctx
        traces = (ad.LinearizeTrace, ad.JVPTrace)
        tracers = (ad.LinearizeTracer, ad.JVPTracer)
        for tracer in tracers:
            tracer.to_concrete_value  # noqa: B018
        for trace in traces:
            trace.process_primitive, trace.process_custom_jvp_call, trace.process_custom_vjp_call  # noqa: B018
        assert context.trace is not None
        return Private(traces, tracers, core.Tracer, lambda: context.trace)
    except (ImportError, AttributeError) as error:
        raise MissingName(_APART.format(jax.__version__, error)) from None


_APART = (
    "operations of JAX {} are not followed as they run by this version ({}): each differentiated function is traced "
    "once more by the public jax.make_jaxpr, in a copy of this process, and functions that need numbers or "
    "differentiate inside, zeros, NaN and parameters that stay as they are are not seen"
)

_UNMEASURED = "calls of compiled functions of JAX {} are not followed by this version ({})"
# Where a compiled function is run from Python, and what says that its next call must come by there again.
RUN, AGAIN = "_run_python_pjit", "_need_to_rebuild_with_fdo"


def compiling() -> Any:
    """The room of JAX in which compiled functions are called; ``MissingName`` where it is built otherwise."""
    try:
        from jax._src import pjit
    except ImportError as error:
        raise MissingName(_UNMEASURED.format(jax.__version__, error)) from None
    for name in (RUN, AGAIN):
        if not hasattr(pjit, name):
            raise MissingName(_UNMEASURED.format(jax.__version__, f"no {name}"))
    return pjit


@dataclass(frozen=True, slots=True)
class Executable:
    """A compiled function as the shortcut calls it.

    Attributes:
        run: takes the arrays of the ``kept`` positions among ``constants`` and arguments.
    """

    run: Callable[[Sequence[Any]], Any]
    kept: frozenset[int]
    constants: tuple[Any, ...]


def executable(result: Any) -> Executable | None:
    """What a call by Python, which gave this, was compiled to, if the shortcut could be taken from then on."""
    compiled, constants = (result[5], result[7]) if isinstance(result, tuple) and len(result) == 8 else (None, ())
    call = getattr(compiled, "unsafe_call", None)
    run = getattr(getattr(call, "xla_executable", None), "execute_sharded", None)
    if run is None or getattr(call, "ordered_effects", True) or getattr(call, "has_unordered_effects", True):
        return None
    kept = getattr(call, "kept_var_idx", None)
    return None if kept is None else Executable(run, frozenset(kept), tuple(constants))


def goes_backwards(primitive: Any) -> bool:
    """Whether JAX certainly knows how to go back through what is linear in its inputs; what raises is not asked."""
    try:
        from jax.interpreters.ad import primitive_transposes
    except ImportError:
        return False
    return primitive in primitive_transposes and not primitive.name.startswith("custom")


# What makes the error of a traced value that has left its function.
ESCAPED = "escaped_tracer_error"


def escaping() -> Any | None:
    """The room of JAX in which that error is made, ``None`` where it is made otherwise."""
    try:
        from jax._src import core
    except ImportError:
        return None
    return core if hasattr(core, ESCAPED) else None


def birth(value: Any) -> Sequence[tuple[CodeType, int]]:
    """The frames in which a value under compilation was made, innermost first."""
    return _raw(getattr(getattr(value, "_line_info", None), "traceback", None))


# How deep in what a compiled function hands back the result of the script's function lies, by who called it.
_DEPTHS = {None: 0, "equinox": 1}


def depth_of_result(frame: FrameType | None) -> int | None:
    """How deep the script's own result lies in that of a compiled function, called in a frame of JAX's; if known."""
    while frame is not None and frames.package_of(frame.f_code.co_filename) == "jax":
        frame = frame.f_back
    return _DEPTHS.get(frames.package_of(frame.f_code.co_filename)) if frame is not None else None


def traced_by(value: Any, trace: Any) -> bool:
    """Whether an interpreter follows a value."""
    return getattr(value, "_trace", None) is trace


def underneath(value: Any, trace: Any) -> Any:
    """What a value of an interpreter stands for below it; itself if it is none of its values."""
    return getattr(value, "primal", value) if traced_by(value, trace) else value


def variable(value: Any) -> Any | None:
    """The variable that a value under compilation is, in the program being compiled."""
    found = getattr(value, "val", None) if isinstance(value, jax.core.Tracer) else None
    return found if isinstance(found, Var) else None


def origin(value: Any) -> Any | None:
    """What a value is below all transformations: a variable of what is compiled, an array, ``None`` if unknown."""
    *_, last = below(value)
    return None if isinstance(last, jax.core.Tracer) else last


def number(value: Any) -> Any:
    """What a value under compilation is known to be, itself where that is not known."""
    found = getattr(value, "val", None) if isinstance(value, jax.core.Tracer) else None
    return getattr(found, "val", value)


def below(value: Any) -> Iterator[Any]:
    """A value and what it stands for in the transformations below."""
    for _ in range(16):
        yield value
        name = next((n for n in _BELOW if _has(value, n)), None)
        if name is None:
            return
        value = getattr(value, name)


def _has(value: Any, name: str) -> bool:
    return name in getattr(type(value), "__slots__", ())


def flat_values(tree: Any) -> list[Any]:
    """The arrays in the form in which JAX hands them on inside."""
    return list(getattr(tree, "vals", tree))


def is_ref(aval: Any) -> bool:
    """Whether a type is that of a mutable array."""
    return type(aval).__name__ == "AbstractRef"


def reference(value: Any) -> weakref.ref[Any] | None:
    """A weak reference, ``None`` for what cannot have one (Python numbers)."""
    try:
        return weakref.ref(value)
    except TypeError:
        return None


def places(equation: Any) -> Sequence[tuple[CodeType, int]]:
    """The frames in which an equation was traced, innermost first."""
    return _raw(getattr(equation.source_info, "traceback", None))


@cache
def hide_own_frames() -> None:
    """Keep our frames out of what JAX says of operations."""
    source_info_util.register_exclusion(frames.OURS)


def context() -> Sequence[tuple[CodeType, int]]:
    """The frames in which the operation was traced that JAX runs now, where it runs a program by Python."""
    try:
        from jax._src.source_info_util import _source_info_context
    except ImportError:
        return ()
    return _raw(getattr(getattr(_source_info_context, "context", None), "traceback", None))


def _raw(traceback: Any) -> Sequence[tuple[CodeType, int]]:
    if traceback is None:
        return ()
    codes, offsets = traceback.raw_frames()
    return list(zip(codes, offsets, strict=True))


def head(jaxpr: Any) -> tuple[str, str, int] | None:
    """Name, file and first line of the function that a program was traced from."""
    return _parsed(getattr(getattr(jaxpr, "debug_info", None), "func_src_info", None))


def head_of_rule(rule: Any) -> tuple[str, str, int] | None:
    """The same of a user's rule of differentiation, as an equation holds it."""
    return _parsed(getattr(getattr(rule, "debug_info", None), "func_src_info", None))


def _parsed(text: str | None) -> tuple[str, str, int] | None:
    name, at, place = (text or "").partition(" at ")
    file, colon, line = place.rpartition(":")
    return (name, file, int(line)) if at and colon and line.isdigit() else None


def raised_by(error: BaseException, tracer: type) -> tuple[Any, str] | None:
    """The traced value whose own method raised (``__array__``, ``__float__``), and the name of the method."""
    found = None
    for frame in _frames(error.__traceback__):
        value = frame.f_locals.get("self") if frame.f_code.co_name.startswith(("__", "to")) else None
        if isinstance(value, tracer):
            found = value, frame.f_code.co_name
    return found


def is_within(error: BaseException) -> bool:
    """Whether an error was raised while a library ran a function of the user's: frames of one lie before his.

    It need not be JAX that calls it: Flax and Equinox have wraps of their own.
    """
    behind_library = False
    for frame in _frames(error.__traceback__):
        file = frame.f_code.co_filename
        if frames.is_user_file(file) and behind_library:
            return True
        behind_library = behind_library or frames.package_of(file) not in (None, "whygrad")
    return False


def _frames(traceback: TracebackType | None) -> Iterator[Any]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def number_taken(frame: FrameType) -> str | None:
    """By which method the user takes the number out of a traced value, if the frame is that of doing so."""
    name = frame.f_code.co_name
    if name in ("__int__", "__index__", "__float__", "__complex__"):
        return name
    outer = frame.f_back
    return "item" if name == "concrete_or_error" and outer is not None and outer.f_code.co_name == "_item" else None


def versions() -> dict[str, str]:
    """Of JAX and the libraries on it that are in use."""
    modules = {name: sys.modules.get(name) for name in ("jax", "flax", "equinox", "optax")}
    return {n: str(getattr(m, "__version__", "unknown")) for n, m in modules.items() if m is not None}
