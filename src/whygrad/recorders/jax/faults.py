"""What JAX's own errors are about: the place that broke a request, not the one that raised."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import jax

from whygrad.graph import Fault
from whygrad.recorders import frames
from whygrad.recorders.jax.asked import Request, raised_at
from whygrad.recorders.jax.returns import place_of_return

# A kind of fault, the place that broke the request (none: the one that raised), and what else is to be told.
Found = tuple[str, frames.Stack, str]
Finder = Callable[[Request], Found]

# A number that is not known while JAX traces: which may have a reason in what the function does.
UNKNOWN = "unknown-number"
# What a function hands back, and whether ``has_aux`` was said, to the kind of fault.
_SCALARS: Mapping[tuple[str, bool], str] = {
    ("nothing", False): "no-loss",
    ("nothing", True): "no-loss",
    ("scalar second", True): "aux-first",
    ("scalar first", False): "aux-unsaid",
}


def _no_scalar(request: Request) -> Found:
    kind = _SCALARS.get((request.form, request.aux), "array-loss")
    return kind, request.made if kind == "aux-unsaid" else place_of_return(request.function), ""


def _at_return(kind: str) -> Finder:
    return lambda request: (kind, place_of_return(request.function), "")


def _where_made(kind: str) -> Finder:
    return lambda request: (kind, request.made, "")


def _where_raised(kind: str) -> Finder:
    return lambda request: (kind, raised_at(request.error) if request.error is not None else (), "")


def _no_array(request: Request) -> Found:
    wrong = [named.written or named.path for aval, named in request.given if aval is None]
    return "no-array", request.stack, wrong[0] if wrong else ""


def _of_rule(which: str) -> Finder:
    """The rule of differentiation of which JAX says what form it must have, if only one was met."""

    def found(request: Request) -> Found:
        met = request.trace.rules_met if request.trace is not None else {}
        places = {places[which] for places in met.values() if places[which]}
        return f"{which}-form", next(iter(places)) if len(places) == 1 else (), ""

    return found


MESSAGES: Mapping[str, Finder] = {
    "Gradient only defined for scalar-output functions": _no_scalar,
    "expected function with aux output to return a two-element tuple": _where_made("aux-missing"),
    "grad requires real-valued outputs": _at_return("no-real-loss"),
    "differentiating with respect to argnums": _where_made("argnums"),
    "is not a valid JAX type": _no_array,
    "Custom VJP bwd rule must produce": _of_rule("bwd"),
    "must produce a pair (list or tuple of length two)": _of_rule("fwd"),
    "No VJP defined for custom_vjp": _where_raised("no-rule"),
    "can't apply forward-mode autodiff (jvp) to a custom_vjp": _where_raised("reverse-only"),
    "in a position indicated by nondiff_argnums": _where_raised("no-constant"),
}
# So many errors are looked at that were raised one for another.
_DEEPEST = 10
# Errors of JAX's that say that it was asked for what is not known while it traces.
_UNKNOWN = tuple(
    getattr(jax.errors, name)
    for name in (
        "ConcretizationTypeError",
        "TracerArrayConversionError",
        "TracerIntegerConversionError",
        "NonConcreteBooleanIndexError",
    )
    if hasattr(jax.errors, name)
)


def fault_of(request: Request, elsewhere: Callable[[BaseException], Fault | None]) -> Fault | None:
    """What the error of a request is about, if it is one that JAX makes of requests.

    Args:
        elsewhere: knows of faults that may have happened before the request.
    """
    error = request.error
    if error is None:
        return None
    message = str(error)
    found = next((find(request) for text, find in MESSAGES.items() if text in message), None)
    if found is None:
        before = elsewhere(error)
        if before is not None or not isinstance(error, _UNKNOWN):
            return before
        found = (UNKNOWN, raised_at(error), array_of(error))
    kind, stack, detail = found
    return Fault(kind, frames.spans(stack or request.stack), bool(stack), detail)


def unknown_number(error: BaseException) -> BaseException | None:
    """The error of that kind that others stand for, the newest of them first."""
    known: BaseException | None = error
    for _ in range(_DEEPEST):
        if known is None or isinstance(known, _UNKNOWN):
            return known
        known = known.__cause__ or known.__context__
    return None


def array_of(error: BaseException) -> str:
    """What was to be made of a traced value: an ``array`` of NumPy's, or nothing that is known."""
    return "array" if isinstance(error, jax.errors.TracerArrayConversionError) else ""


def last_error(text: str) -> BaseException | None:
    """The exception that a script ended in.

    Args:
        text: the same as ``Type: message``.
    """
    error = getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) and text.startswith(type(error).__name__) else None
