"""Which inputs and outputs of a compiled step are parameters, and which are Optax' averages of their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.tree_util import keystr

from whygrad.recorders.jax.ops import is_float

# Optax' states by the name of the field: whether a gradient is weighed before it is added.
AVERAGES = {"mu": True, "trace": False}
_STATE = frozenset((*AVERAGES, "nu"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One parameter of a compiled step, by positions among its flat inputs and outputs.

    Attributes:
        name: its path below the tree of parameters, steps joined by ``/``.
        average: (position before, position after) of the average of its gradients.
        decay: what the average is multiplied by; ``None`` where the program does not show it.
        weighed: whether a gradient comes in times one minus that.
    """

    name: str
    before: int
    after: int
    average: tuple[int, int]
    decay: float | None
    weighed: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled function that makes a step of an optimizer; ``argument`` holds the parameters."""

    argument: str
    leaves: tuple[Leaf, ...]


def plan_of(p: Any, args: Sequence[Any], out: Sequence[Any]) -> Plan | None:
    """What there is to watch in a compiled call, ``None`` where it is no step of an optimizer."""
    given, made = _paths(p.in_tree, args), _paths(p.out_tree, out)
    states_in, states_out = _averages(given, args), _averages(made, out)
    shared = states_in.keys() & states_out.keys()
    if not shared:
        return None
    names = frozenset(name for _, name in shared)
    before, after = _parameters(given, args, names), _parameters(made, out, names)
    leaves = []
    jaxpr = p.params["jaxpr"].jaxpr
    for field, name in sorted(shared, key=lambda each: states_in[each]):
        if name in before and name in after:
            at, then = states_in[field, name], states_out[field, name]
            decay = _decay(jaxpr, jaxpr.invars[at])
            leaves.append(Leaf(name, before[name], after[name], (at, then), decay, AVERAGES[field]))
    argument = str(p.arg_names[leaves[0].before]).partition("[")[0].partition(".")[0] if leaves and p.arg_names else ""
    return Plan(argument, tuple(leaves)) if leaves else None


def _paths(tree: Any, leaves: Sequence[Any]) -> list[tuple[str, ...]]:
    whole = jax.tree_util.tree_unflatten(tree, list(leaves))
    found, _ = jax.tree_util.tree_flatten_with_path(whole)
    return [tuple(keystr((key,), simple=True) for key in path) for path, _ in found]


def _averages(paths: Sequence[tuple[str, ...]], leaves: Sequence[Any]) -> dict[tuple[str, str], int]:
    """(field, name of the parameter) to the position of an average."""
    found: dict[tuple[str, str], int] = {}
    for at, path in enumerate(paths):
        field = next((each for each in AVERAGES if each in path), None)
        if field is not None and _is_array(leaves[at]):
            found.setdefault((field, "/".join(path[path.index(field) + 1 :])), at)
    return found


def _parameters(paths: Sequence[tuple[str, ...]], leaves: Sequence[Any], names: frozenset[str]) -> dict[str, int]:
    """Name to position, in the one tree that holds most of the names."""
    trees: dict[str, dict[str, int]] = {}
    for at, path in enumerate(paths):
        if not _STATE.intersection(path) and _is_array(leaves[at]):
            for head, name in _splits(path):
                if name in names:
                    trees.setdefault(head, {})[name] = at
    return max(trees.values(), key=len, default={})


def _splits(path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return (("/".join(path[:cut]), "/".join(path[cut:])) for cut in range(len(path)))


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and is_float(jax.typeof(leaf))


def _decay(jaxpr: Any, variable: Any) -> float | None:
    """The one number that a program multiplies an average by; ``None`` for several or none."""
    found = set(_factors(jaxpr, variable))
    return found.pop() if len(found) == 1 else None


def _factors(jaxpr: Any, variable: Any) -> Iterator[float]:
    for equation in jaxpr.eqns:
        if not any(each is variable for each in equation.invars):
            continue
        inner = equation.params.get("jaxpr")
        if inner is not None and hasattr(inner, "jaxpr"):
            pairs = zip(equation.invars, inner.jaxpr.invars, strict=False)
            for outer, own in pairs:
                if outer is variable:
                    yield from _factors(inner.jaxpr, own)
        elif equation.primitive.name == "mul":
            numbers = [each.val for each in equation.invars if hasattr(each, "val")]
            yield from (float(number) for number in numbers if getattr(number, "size", 1) == 1)
