"""What the results of a compiled call show of the gradients made in it, so that nothing need be run again to see it.

A gradient of zeros leaves zeros behind in what it alone feeds (itself, a momentum), or a parameter as it was, but for
its decay. Where nothing of it is seen, the gradients are taken as alive.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy

from whygrad.recorders.jax.flatten import CALLS
from whygrad.recorders.jax.ops import is_float

# No decay takes more than this from a parameter in one step.
_DECAYED = 0.5
# Of a large array so many elements are looked at first; the rest only if those say nothing else.
_SAMPLE = 512


def shown(closed: Any, gradients: set[Any]) -> tuple[int, ...]:
    """The positions of the results of a program that are computed from some of the gradients made in it."""
    results = computed_from(closed.jaxpr, gradients)
    return tuple(n for n, (hit, v) in enumerate(zip(results, closed.jaxpr.outvars, strict=True)) if hit and _floats(v))


def turns(jaxpr: Any, variables: set[Any]) -> int:
    """How often the part of a program runs in which the variables are made, as far as that is known."""
    for equation in jaxpr.eqns:
        inner = inside(equation)
        if inner is not None and not variables.isdisjoint(made(inner)):
            return turns(inner, variables) * (equation.params["length"] if equation.primitive.name == "scan" else 1)
    return 1


def suspects(
    args: Sequence[Any], out: Sequence[Any], positions: Sequence[int], shapes: Set[tuple[int, ...]]
) -> set[int]:
    """The results at these positions that are zero throughout, or the same as an argument, or that made smaller.

    Args:
        shapes: those of the gradients. What has another shape may be as it was for other reasons: a scale of the loss.
    """
    alike: dict[Any, list[Any]] = {}
    for arg in args:
        if hasattr(arg, "dtype") and is_float(arg) and arg.shape in shapes:
            alike.setdefault((arg.shape, str(arg.dtype)), []).append(arg)
    return {n for n in positions if _is_zero(out[n]) or _is_among(out[n], alike)}


def computed_from(jaxpr: Any, variables: set[Any]) -> list[bool]:
    """Of each result of a program, whether it is computed from some of the variables, wherever in it they are made."""
    return _results(jaxpr, set(), variables)


def _results(jaxpr: Any, given: set[Any], gradients: set[Any]) -> list[bool]:
    """Of each result, whether it is computed from the given variables or from a gradient."""
    tainted = given | gradients
    for equation in jaxpr.eqns:
        hit = [not hasattr(a, "val") and a in tainted for a in equation.invars]
        inner = inside(equation)
        if inner is not None:
            hits = _through(equation, inner, hit, gradients)
        else:
            within = any(not gradients.isdisjoint(made(j)) for j in _programs(equation))
            hits = [within or any(hit)] * len(equation.outvars)
        tainted |= {v for v, one in zip(equation.outvars, hits, strict=True) if one}
    return [not hasattr(v, "val") and v in tainted for v in jaxpr.outvars]


def _through(equation: Any, inner: Any, hit: list[bool], gradients: set[Any]) -> list[bool]:
    """The results of a call or a loop; what a loop hands back goes into its next turn."""
    while True:
        given = {v for v, one in zip(inner.invars, hit, strict=True) if one}
        hits = _results(inner, given, gradients)
        again = list(hit)
        for n, one in zip(carried(equation), hits, strict=False):
            again[n] = again[n] or one
        if again == hit:
            return hits
        hit = again


def carried(equation: Any) -> range:
    """The positions of what a loop carries on, among its inputs; its first results go there again."""
    first = equation.params["num_consts"] if equation.primitive.name == "scan" else 0
    return range(first, first + (equation.params["num_carry"] if equation.primitive.name == "scan" else 0))


def inside(equation: Any) -> Any | None:
    """The program inside of a call or a loop of a known number of turns."""
    name = equation.primitive.name
    found = equation.params.get("jaxpr" if name == "scan" else CALLS.get(name, ""))
    jaxpr = getattr(found, "jaxpr", found)
    return jaxpr if jaxpr is not None and len(jaxpr.invars) == len(equation.invars) else None


def _programs(equation: Any) -> list[Any]:
    """Every program among the parameters of an equation."""
    found = [p for v in equation.params.values() for p in (v if isinstance(v, (tuple, list)) else [v])]
    jaxprs = [getattr(p, "jaxpr", p) for p in found]
    return [j for j in jaxprs if hasattr(j, "eqns")]


def made(jaxpr: Any) -> set[Any]:
    """The variables that a program makes, inside of its own loops and calls as well."""
    found: set[Any] = set()
    for equation in jaxpr.eqns:
        found.update(equation.outvars)
        for inner in _programs(equation):
            found |= made(inner)
    return found


def _floats(variable: Any) -> bool:
    return is_float(getattr(variable, "aval", None))


def _is_zero(array: Any) -> bool:
    numbers = numpy.asarray(array)
    return bool(numbers.size) and not _part(numbers).any() and not numbers.any()


def _is_among(array: Any, alike: dict[Any, list[Any]]) -> bool:
    numbers = numpy.asarray(array)
    return bool(numbers.size) and any(
        like(_part(numbers), _part(numpy.asarray(one))) and like(numbers, numpy.asarray(one))
        for one in alike.get((numbers.shape, str(numbers.dtype)), ())
        for like in (_same, _smaller)
    )


def _same(one: Any, other: Any) -> bool:
    return bool((one == other).all())


def _smaller(one: Any, other: Any) -> bool:
    """Whether one array is the other, made smaller by one factor up to rounding, as weight decay alone does it."""
    if one.size < 2 or other.dtype.kind != "f":
        return False
    first, second = one.reshape(-1).astype("float64"), other.reshape(-1).astype("float64")
    largest = int(numpy.argmax(numpy.abs(second)))
    factor = first[largest] / second[largest] if second[largest] else 0.0
    near = 4 * numpy.finfo(other.dtype).eps * numpy.abs(second)
    return _DECAYED < factor < 1.0 and bool((numpy.abs(first - factor * second) <= near).all())


def _part(numbers: Any) -> Any:
    """Some of the elements, from all over an array."""
    flat = numbers.reshape(-1)
    return flat[:: max(1, flat.size // _SAMPLE)]
