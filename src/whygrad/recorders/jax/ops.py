"""Which edges of an operation carry no derivative, asked of JAX itself; and what kind of cut each one is.

No list says which operations are differentiable. One table names the kinds, for the words only.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy

from whygrad.recorders import frames
from whygrad.recorders.jax import compat

# What a cut edge is a fact of, by the operation; everything else has no useful derivative.
KINDS = {
    "stop_gradient": "stop-gradient",
    "convert_element_type": "integer-dtype",
    "bitcast_convert_type": "integer-dtype",
    "pure_callback": "left-framework",
    "io_callback": "left-framework",
    "ffi_call": "left-framework",
}
CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
_COMPILED = ("jit", "pjit")
# What makes other zeros of zeros, of one operand.
_SPREADING = ("broadcast_in_dim", "convert_element_type", "reshape", "copy")
_STEP = "non-differentiable-op"


@dataclass(frozen=True, slots=True)
class Stop:
    """No derivative passes from input ``input`` to output ``output``."""

    input: int
    output: int
    kind: str
    detail: str
    selects: bool = False


def is_float(aval: Any) -> bool:
    """Whether gradients exist for values of this type."""
    try:
        return bool(jax.numpy.issubdtype(aval.dtype, jax.numpy.inexact))
    except (AttributeError, TypeError):
        return False


class Rules:
    """What JAX says of each operation, asked once per operation, types and small parameters."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Stop, ...]] = {}

    def stops(
        self, primitive: Any, params: dict[str, Any], ins: Sequence[Any], outs: Sequence[Any]
    ) -> tuple[Stop, ...]:
        """The edges of an equation without a derivative."""
        key = (primitive.name, _types(ins), _types(outs), _small(primitive.name, params))
        found = self._known.get(key)
        if found is None:
            kept = bound(primitive, params)

            def run(*values: Any) -> Any:
                return primitive.bind(*values, **kept)

            kind = KINDS.get(primitive.name) or (custom_kind(params) if primitive.name in CUSTOM else _STEP)
            fixed = params.get("num_consts", 0) if primitive.name in CUSTOM else 0
            found = self._known[key] = _ask(run, ins, outs, kind, primitive.name, fixed)
        return found

    def stops_of_rule(
        self, rule: Callable[..., Any], key: Hashable, ins: Sequence[Any], outs: Sequence[Any], name: str, own: bool
    ) -> tuple[Stop, ...]:
        """The same for a function with a rule of its own, called by the user.

        Args:
            rule: takes the flat arguments.
            key: identity of the function and of what it was given beside arrays.
            name: what to call it.
            own: the user's own rule, not a library's.
        """
        key = (key, _types(ins), _types(outs))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _ask(rule, ins, outs, "custom-gradient" if own else _STEP, name)
        return found


def bound(primitive: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an equation in the form in which its operation is called."""
    found: dict[str, Any] = primitive.get_bind_params(dict(params)) if primitive.name in CUSTOM else params
    return found


def custom_kind(params: dict[str, Any]) -> str:
    """Whose rule of differentiation it is: the user's, or that of a library, whose operation it then is."""
    found = compat.head(getattr(params.get("call_jaxpr"), "jaxpr", None))
    return "custom-gradient" if found is not None and frames.is_user_file(found[1]) else _STEP


def _types(avals: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(getattr(a, "dtype", a)) for a in avals)


def _small(name: str, params: dict[str, Any]) -> Hashable:
    """The parameters that could decide which edges carry a derivative: flags, modes and types, no shapes."""
    if name in CUSTOM:
        return compat.head(getattr(params.get("call_jaxpr"), "jaxpr", None)), id(params.get("call_jaxpr"))
    return tuple((k, str(v)) for k, v in sorted(params.items()) if isinstance(v, (bool, str, enum.Enum, numpy.dtype)))


def _ask(
    run: Callable[..., Any], ins: Sequence[Any], outs: Sequence[Any], kind: str, name: str, fixed: int = 0
) -> tuple[Stop, ...]:
    """Trace the backward pass of one operation, and see from which outputs each input can be reached.

    The first ``fixed`` inputs are constants of a function with a rule of its own, which JAX does not differentiate.
    """
    sources = [i for i, a in enumerate(ins) if is_float(a) and i >= fixed]
    sinks = [o for o, a in enumerate(outs) if is_float(a)]
    stops = [Stop(i, o, kind, name) for i in sources for o in range(len(outs)) if o not in sinks]
    if sources and sinks:
        # An index or a condition only chooses among the other inputs.
        stops += [Stop(i, o, _STEP, name, True) for i, a in enumerate(ins) if not is_float(a) for o in sinks]
        refused, reached = _reached(run, ins, outs, sources, sinks)
        if refused is not None and kind == "custom-gradient":
            # What the rule hands back is wrong in form, and JAX is going to say so: none of its edges is to blame.
            refused, reached = None, {(i, o) for i in sources for o in sinks}
        refusal = kind if kind == "left-framework" else "no-registered-gradient"
        told = (refusal, refused) if refused is not None else (kind, name)
        stops += [Stop(i, o, *told) for i in sources for o in sinks if (i, o) not in reached]
    return tuple(stops)


def _reached(
    run: Callable[..., Any], ins: Sequence[Any], outs: Sequence[Any], sources: list[int], sinks: list[int]
) -> tuple[str | None, set[tuple[int, int]]]:
    """What JAX refuses to differentiate, as it says it; and the edges that its backward pass has."""
    forwards = _forwards(run, _plain(ins), sources, sinks)
    return _backwards(run, ins, outs, sources, sinks) if forwards is None else (None, forwards)


def _forwards(
    run: Callable[..., Any], given: Sequence[Any], sources: list[int], sinks: list[int]
) -> set[tuple[int, int]] | None:
    """The edges that carry a tangent, in half the time; ``None`` where the way back may be another one, or refused."""

    def derivative(values: Sequence[Any], tangents: Sequence[Any]) -> Any:
        def differentiable(*floats: Any) -> list[Any]:
            result = jax.tree_util.tree_leaves(run(*_replaced(values, sources, floats)))
            return [result[o] for o in sinks]

        return compat.jvp(differentiable, [values[i] for i in sources], tangents)[1]

    try:
        program = compat.make_jaxpr(derivative)(given, [given[i] for i in sources])
    except Exception:
        return None
    first = len(given)
    if not _goes_backwards(program.jaxpr, set(program.jaxpr.invars[first:])):
        return None
    reach = dependence(program.jaxpr)
    return {(i, o) for row, o in enumerate(sinks) for place, i in enumerate(sources) if first + place in reach[row]}


def _goes_backwards(program: Any, tangents: set[Any]) -> bool:
    """Whether each operation on tangents is one that JAX has a way back for, and holds no program of its own."""
    for equation in program.eqns:
        given = [not hasattr(a, "val") and a in tangents for a in equation.invars]
        if not any(given):
            continue
        inner = equation.params.get("jaxpr") if equation.primitive.name in _COMPILED else None
        if inner is not None:
            inside = {v for v, one in zip(inner.jaxpr.invars, given, strict=True) if one}
            if not _goes_backwards(inner.jaxpr, inside):
                return False
        elif not compat.goes_backwards(equation.primitive) or any(map(_is_program, equation.params.values())):
            return False
        tangents.update(equation.outvars)
    return True


def _is_program(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(hasattr(part, "eqns") or hasattr(part, "jaxpr") for part in parts)


def _backwards(
    run: Callable[..., Any], ins: Sequence[Any], outs: Sequence[Any], sources: list[int], sinks: list[int]
) -> tuple[str | None, set[tuple[int, int]]]:
    """The same of the backward pass itself."""
    every = {(i, o) for i in sources for o in sinks}

    def differentiable(values: Sequence[Any], *floats: Any) -> list[Any]:
        result = jax.tree_util.tree_leaves(run(*_replaced(values, sources, floats)))
        return [result[o] for o in sinks]

    def backward(values: Sequence[Any], cotangents: Sequence[Any]) -> Any:
        floats = [values[i] for i in sources]
        return compat.vjp(partial(differentiable, values), *floats)[1](list(cotangents))

    given = _plain(ins)
    try:
        program = compat.make_jaxpr(backward)(given, _plain([outs[o] for o in sinks]))
    except Exception:
        try:
            # Under vmap the user's own function knows smaller arrays than the interpreter: its own types count.
            forward = compat.make_jaxpr(differentiable)(given, *[given[i] for i in sources])
        except Exception:
            return None, every  # it does not run outside its place (a named axis): nothing is known or claimed
        try:
            program = compat.make_jaxpr(backward)(given, _plain(forward.out_avals))
        except (NotImplementedError, ValueError, TypeError) as error:
            return " ".join(str(error).split())[:200], set()
        except Exception:
            return None, every
    reach = dependence(program.jaxpr)
    first = len(ins)
    return None, {
        (i, o) for row, i in enumerate(sources) for place, o in enumerate(sinks) if first + place in reach[row]
    }


def _replaced(values: Sequence[Any], positions: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """The values, with others in their place at these positions."""
    found = dict(zip(positions, others, strict=True))
    return [found.get(i, value) for i, value in enumerate(values)]


def _plain(avals: Sequence[Any]) -> list[Any]:
    return [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals]


def dependence(program: Any) -> list[set[int]]:
    """For each output of a program the positions of the inputs that it is computed from; what is times 0 is of none."""
    origin: dict[Any, set[int]] = {v: {n} for n, v in enumerate(program.invars)}
    zeros: set[Any] = set()

    def of(atom: Any) -> set[int]:
        return set() if hasattr(atom, "val") else origin.get(atom, set())

    def is_zero(atom: Any) -> bool:
        return not numpy.any(atom.val) if hasattr(atom, "val") else atom in zeros

    for equation in program.eqns:
        name = equation.primitive.name
        inner = equation.params.get("jaxpr") if name in _COMPILED else None
        if (name == "mul" and any(map(is_zero, equation.invars))) or (
            name in _SPREADING and is_zero(equation.invars[0])
        ):
            zeros.update(equation.outvars)
        elif inner is not None:
            rows = dependence(inner.jaxpr)
            for var, row in zip(equation.outvars, rows, strict=True):
                origin[var] = set().union(*(of(equation.invars[n]) for n in row)) if row else set()
        else:
            every = set().union(*(of(a) for a in equation.invars)) if equation.invars else set()
            origin.update((var, every) for var in equation.outvars)
    return [of(v) for v in program.outvars]
