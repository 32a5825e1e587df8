"""The arrays that variables of a compiled program had in one call: only what leads to them is run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from whygrad.recorders.jax.flatten import CALLS
from whygrad.recorders.jax.ops import bound


class Elsewhere(Exception):
    """A variable is not in the program, or what leads to it can not be run again."""


def holds(jaxpr: Any, variables: set[Any]) -> bool:
    """Whether a program has all of the variables, inside its loops and calls as well."""
    return variables <= set(_variables(jaxpr))


def _variables(jaxpr: Any) -> Iterator[Any]:
    yield from jaxpr.invars
    yield from jaxpr.constvars
    for equation in jaxpr.eqns:
        yield from equation.outvars
        inner = _inside(equation)
        if inner is not None:
            yield from _variables(inner.jaxpr)


def _inside(equation: Any) -> Any | None:
    """The program inside an equation, if it runs once, or as the body of a loop whose first turn can be had."""
    name = equation.primitive.name
    if name == "scan":
        return equation.params["jaxpr"]
    inner = equation.params.get(CALLS[name]) if name in CALLS and name != "shard_map" else None
    return inner if hasattr(inner, "consts") else None


def arrays(closed: Any, args: Sequence[Any], wanted: set[Any]) -> dict[Any, Any]:
    """The arrays of the wanted variables in a call with these arguments; in a loop, those of its first turn.

    Raises:
        Elsewhere: it can not be done without running something that reaches outside.
    """
    found: dict[Any, Any] = {}
    _run(closed.jaxpr, closed.consts, args, wanted, found)
    if wanted - found.keys():
        raise Elsewhere
    return found


def _run(jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], wanted: set[Any], found: dict[Any, Any]) -> None:
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))
    for equation, inner in _needed(jaxpr, wanted):
        given = [a.val if hasattr(a, "val") else env[a] for a in equation.invars]
        if inner is not None:
            _run(inner.jaxpr, inner.consts, _first(equation, given), wanted, found)
        else:
            if equation.effects or "callback" in equation.primitive.name:
                raise Elsewhere
            made = equation.primitive.bind(*given, **bound(equation.primitive, equation.params))
            env.update(zip(equation.outvars, made if equation.primitive.multiple_results else [made], strict=True))
    found.update({v: env[v] for v in wanted if v in env})


def _first(equation: Any, given: Sequence[Any]) -> list[Any]:
    """What the program inside an equation is given, in the first turn if it is a loop."""
    if equation.primitive.name != "scan":
        return list(given)
    params = equation.params
    whole = params["num_consts"] + params["num_carry"]
    first = -1 if params["reverse"] else 0
    return [*given[:whole], *(xs[first] for xs in given[whole:])]


def _needed(jaxpr: Any, wanted: set[Any]) -> list[tuple[Any, Any | None]]:
    """The equations that lead to wanted variables, with the program inside that holds some of them."""
    need, kept = set(wanted), []
    for equation in reversed(jaxpr.eqns):
        inner = _inside(equation)
        inside = inner if inner is not None and not wanted.isdisjoint(_variables(inner.jaxpr)) else None
        made = not need.isdisjoint(equation.outvars)
        for entry in ([(equation, None)] if made else []) + ([(equation, inside)] if inside is not None else []):
            kept.append(entry)
            need.update(a for a in equation.invars if not hasattr(a, "val"))
    return kept[::-1]
