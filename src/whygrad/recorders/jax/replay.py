"""Runs a tape again, forwards and backwards, operation by operation, and looks at what goes back.

Operations are pure, so that to run them again changes nothing; what is not (callbacks) is refused.
"""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy

from whygrad.graph import GradientSeen
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.tape import Choice, Entry, Program, Ran, Turns

# More operations than this are not run again: a loop of a thousand turns would take minutes.
MOST = 20_000
# Seconds of CPU time, for all runs there and back of one request: so many may be spent at any rate, and at most.
SHORTEST, LONGEST = 8.0, 16.0
_WORSE = ("unknown", "none", "zero", "present", "nonfinite")
Env = MutableMapping[int, Any]


class Refused(Exception):
    """The tape takes too long to be run again."""


@dataclass(slots=True)
class Measured:
    """What was seen on the way back.

    Attributes:
        seen: value to what came back to it, over all turns of a loop.
        zeros: values that were zero in every element, in every turn.
        points: value to the element at which an operation's derivative is not finite, or which is not so itself.
        breaks: the values in which a loss that is not finite begins not to be.
    """

    seen: dict[int, GradientSeen] = field(default_factory=dict)
    zeros: set[int] = field(default_factory=set)
    points: dict[int, str] = field(default_factory=dict)
    breaks: tuple[int, ...] = ()


def worth(values: Any) -> GradientSeen:
    """Zero in every element, not finite in some, or neither; ``unknown`` where there is nothing to look at."""
    if isinstance(values, jax.core.Tracer) or not is_float(compat.typeof(values)) or not numpy.size(values):
        return "unknown"
    numbers = numpy.asarray(values)
    if not numpy.isfinite(numbers).all():
        return "nonfinite"
    return "present" if (numbers != 0).any() else "zero"


def replay(program: Program, arrays: Mapping[int, Any], longest: float = LONGEST) -> Measured:
    """Run a program on the arrays of its values, and back from its target.

    Args:
        longest: seconds of CPU time that it may take.

    Raises:
        Refused: it is too long, or not whole.
    """
    if program.target is None:
        raise Refused
    run = _Run(longest)
    env: Env = {**program.arrays, **arrays}
    run.forward(program.entries, env)
    cotangents: Env = {program.target: jax.numpy.ones_like(env[program.target])}
    run.backward(program.entries, env, cotangents)
    for value in [*cotangents, *program.sources]:
        run.saw(value, cotangents.get(value))
    run.looked(env)
    loss = env[program.target]
    if run.spoiled and worth(loss) == "nonfinite":
        run.measured.points, run.measured.breaks = run.spoiled, tuple(run.spoiled)
    elif any(run.measured.seen.get(v) == "nonfinite" for v in program.sources):
        run.measured.points = {**run.measured.points, **run.spoiled}  # left out before the loss, and yet met on the way
    return run.measured


class _Run:
    def __init__(self, longest: float) -> None:
        self.measured = Measured()
        self.left = MOST
        self.end = time.process_time() + longest
        self.carried: dict[int, list[list[Any]]] = {}
        self.nonzero: set[int] = set()
        self.spoiled: dict[int, str] = {}

    # -- forwards -----------------------------------------------------------------------------------

    def forward(self, entries: Sequence[Entry], env: Env) -> None:
        for entry in entries:
            if isinstance(entry, Ran):
                self.spent()
                given = [env[v] for v in entry.given]
                made = dict(zip(entry.made, _leaves(entry.run(*given)), strict=True))
                env.update(made)
                self.spoilt(given, made)
            elif isinstance(entry, Turns):
                self._turns(entry, env)
            else:
                chosen = _chosen(entry, env)
                self.forward(entry.bodies[chosen], env)
                env.update(zip(entry.made, [env[v] for v in entry.results[chosen]], strict=True))

    def _turns(self, loop: Turns, env: Env) -> None:
        carry = [env[v] for v in loop.first]
        count = len(carry)
        before, stacked = [], []
        for turn in _order(loop):
            before.append(carry)
            local = self._turn(loop, env, carry, turn)
            results = [local[v] for v in loop.results]
            carry, more = results[:count], results[count:]
            stacked.append(more)
        self.carried[id(loop)] = before
        ys = stacked[::-1] if loop.backwards else stacked
        columns = [jax.numpy.stack(column) for column in zip(*ys, strict=True)]
        env.update(zip(loop.made, [*carry, *columns], strict=True))

    def _turn(self, loop: Turns, env: Env, carry: Sequence[Any], turn: int) -> Env:
        inside = dict(zip(loop.heads, carry, strict=True)) | {v: env[v][turn] for v in loop.slices}
        local: Env = ChainMap(inside, env)
        self.forward(loop.body, local)
        return local

    # -- backwards ----------------------------------------------------------------------------------

    def backward(self, entries: Sequence[Entry], env: Env, cotangents: Env) -> None:
        for entry in reversed(entries):
            if all(v not in cotangents for v in entry.made):
                continue
            if isinstance(entry, Ran):
                self._back(entry, env, cotangents)
            elif isinstance(entry, Turns):
                self._turns_back(entry, env, cotangents)
            else:
                self._choice_back(entry, env, cotangents)

    def spent(self) -> None:
        """One more operation; it must not take for ever."""
        self.left -= 1
        if self.left < 0 or time.process_time() > self.end:
            raise Refused

    def _back(self, entry: Ran, env: Env, cotangents: Env) -> None:
        self.spent()
        given = [env[v] for v in entry.given]
        floats = [i for i, value in enumerate(given) if is_float(compat.typeof(value))]

        def differentiable(*values: Any) -> list[Any]:
            full = list(given)
            for i, value in zip(floats, values, strict=True):
                full[i] = value
            return [o for o in _leaves(entry.run(*full)) if is_float(compat.typeof(o))]

        made = [v for v in entry.made if is_float(compat.typeof(env[v]))]
        if not floats or not made:
            return
        seeds = [cotangents[v] if v in cotangents else jax.numpy.zeros_like(env[v]) for v in made]
        back = compat.vjp(differentiable, *[given[i] for i in floats])[1](seeds)
        fine = all(worth(s) != "nonfinite" for s in seeds)
        for i, cotangent in zip(floats, back, strict=True):
            value = entry.given[i]
            if fine and worth(cotangent) == "nonfinite":
                self.measured.points.setdefault(value, _point(given[i], cotangent))
            _add(cotangents, value, cotangent)

    def _turns_back(self, loop: Turns, env: Env, cotangents: Env) -> None:
        count = len(loop.heads)
        carry = [cotangents.get(v) for v in loop.made[:count]]
        columns = [cotangents.get(v) for v in loop.made[count:]]
        slices: dict[int, dict[int, Any]] = {v: {} for v in loop.slices}
        order = _order(loop)
        for number in range(loop.length - 1, -1, -1):
            turn = order[number]
            local = self._turn(loop, env, self.carried[id(loop)][number], turn)
            inside: Env = {}
            parts = [*carry, *(None if c is None else c[turn] for c in columns)]
            for value, part in zip(loop.results, parts, strict=True):
                if part is not None:
                    _add(inside, value, part)
            self.backward(loop.body, local, inside)
            self.looked(local.maps[0] if isinstance(local, ChainMap) else local)
            for value in loop.own | set(loop.heads):
                self.saw(value, inside.get(value))
            carry = [inside.pop(v, None) for v in loop.heads]
            for value in loop.slices:
                slices[value][turn] = inside.pop(value, None)
            for value, cotangent in inside.items():
                if value not in loop.own:
                    _add(cotangents, value, cotangent)
        self._outside(loop, env, cotangents, carry, slices)

    def _outside(
        self, loop: Turns, env: Env, cotangents: Env, carry: Sequence[Any], slices: Mapping[int, Mapping[int, Any]]
    ) -> None:
        """Hand on what a loop gives to the values it began with."""
        for value, cotangent in zip(loop.first, carry, strict=True):
            if cotangent is not None:
                _add(cotangents, value, cotangent)
        for value, parts in slices.items():
            zero = jax.numpy.zeros_like(env[value][0])
            if any(p is not None for p in parts.values()):
                whole = [zero if parts[t] is None else parts[t] for t in range(loop.length)]
                _add(cotangents, value, jax.numpy.stack(whole))

    def _choice_back(self, choice: Choice, env: Env, cotangents: Env) -> None:
        chosen = _chosen(choice, env)
        for value, made in zip(choice.results[chosen], choice.made, strict=True):
            if made in cotangents:
                _add(cotangents, value, cotangents[made])
        self.backward(choice.bodies[chosen], env, cotangents)
        for number, (results, own) in enumerate(zip(choice.results, choice.own, strict=True)):
            for value in results if number != chosen else ():
                if value in own:
                    self.measured.seen.setdefault(value, "zero")

    # -- what is seen -------------------------------------------------------------------------------

    def saw(self, value: int, cotangent: Any) -> None:
        """Note what came back to a value; nothing is as good as zeros."""
        now: GradientSeen = "zero" if cotangent is None else worth(cotangent)
        self.measured.seen[value] = max(self.measured.seen.get(value, "unknown"), now, key=_WORSE.index)

    def spoilt(self, given: Sequence[Any], made: Mapping[int, Any]) -> None:
        """Note what an operation makes that is not finite, or no number, where nothing of the kind was given."""
        for value, number in made.items():
            if worth(number) == "nonfinite" and not any(
                worth(one) == "nonfinite" and (_is_nan(one) or not _is_nan(number)) for one in given
            ):
                self.spoiled.setdefault(value, _point(number, number))

    def looked(self, env: Mapping[int, Any]) -> None:
        """Note which values are zero in every element."""
        for value, number in env.items():
            if value not in self.nonzero:
                if worth(number) == "zero":
                    self.measured.zeros.add(value)
                else:
                    self.nonzero.add(value)
                    self.measured.zeros.discard(value)


def _is_nan(values: Any) -> bool:
    return bool(numpy.isnan(numpy.asarray(values)).any())


def _leaves(result: Any) -> list[Any]:
    return list(jax.tree_util.tree_leaves(result))


def _order(loop: Turns) -> list[int]:
    return list(range(loop.length))[::-1] if loop.backwards else list(range(loop.length))


def _chosen(choice: Choice, env: Env) -> int:
    return int(numpy.clip(int(env[choice.index]), 0, len(choice.bodies) - 1))


def _add(cotangents: Env, value: int, cotangent: Any) -> None:
    cotangents[value] = cotangents[value] + cotangent if value in cotangents else cotangent


def _point(value: Any, cotangent: Any) -> str:
    """The first element at which a cotangent is no number, or else not finite: its number and its place."""
    given = numpy.asarray(cotangent)
    bad = numpy.argwhere(numpy.isnan(given) if _is_nan(given) else ~numpy.isfinite(given))[0]
    number = float(numpy.asarray(value)[tuple(bad)].real)
    return f"{number:.6g}" + (f" at [{', '.join(map(str, bad))}]" if len(bad) else "")
