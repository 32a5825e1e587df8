"""Functions with a rule of differentiation of their own, as they are called: ``jax.custom_jvp``, ``jax.custom_vjp``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import Rules, Stop
from whygrad.recorders.jax.returns import place_of_return


@dataclass(frozen=True, slots=True)
class Call:
    """A call of such a function, under way."""

    ruled: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule does.

    Attributes:
        name: the function's.
        stops: the edges that it gives no derivative.
        where: the beginning of the rule, where it was found.
        run: calls the function with other arrays, if that can be done.
    """

    name: str
    stops: tuple[Stop, ...] = ()
    where: frames.Stack = ()
    run: Callable[..., Any] | None = None


def met(ruled: Any) -> dict[str, dict[str, frames.Stack]]:
    """Where the two parts of a reverse rule of the user's end, by the name of the function."""
    parts = {which: getattr(ruled, which, None) for which in ("fwd", "bwd")}
    places = {which: place_of_return(part) if part is not None else () for which, part in parts.items()}
    return {str(getattr(ruled, "__name__", "function")): places} if any(places.values()) else {}


def rule_of(rules: Rules, call: Call, given: Sequence[Any], out: Sequence[Any]) -> Rule:
    """What the rule of a called function does to each of its inputs."""
    ruled, args = call.ruled, call.args
    function = getattr(ruled, "fun", ruled)
    name = str(getattr(function, "__name__", "function"))
    fixed = set(getattr(ruled, "nondiff_argnums", ()))
    free = [n for n in range(len(args)) if n not in fixed]
    leaves, tree = jax.tree_util.tree_flatten([args[n] for n in free])
    if call.kwargs or len(leaves) != len(given):
        return Rule(name)

    kept = [value if n in fixed else None for n, value in enumerate(args)]

    def run(*values: Any) -> Any:
        full = list(kept)
        for n, value in zip(free, jax.tree_util.tree_unflatten(tree, values), strict=True):
            full[n] = value
        return ruled(*full)

    key = (id(ruled), tuple(str(args[n]) for n in sorted(fixed) if n < len(args)))
    code = getattr(function, "__code__", None)
    own = code is not None and frames.is_user_file(code.co_filename)
    types = [compat.typeof(v) for v in leaves], [compat.typeof(v) for v in out]
    stops = rules.stops_of_rule(run, key, *types, name, own)
    back = getattr(getattr(ruled, "bwd", None) or getattr(ruled, "jvp", None), "__code__", None)
    place: frames.Stack = () if back is None else ((back.co_filename, back.co_firstlineno, back.co_qualname, back, -1),)
    return Rule(name, stops, place, run)
