"""The health of gradients over a whole run, around compiled steps that hold an optimizer of Optax.

A compiled step shows what goes in and what comes out. From the parameters, and the averages of gradients that Optax
keeps, before and after it follows what it did; nothing is put into it. JAX calls such a step past Python once it knows
it; that is kept from it for as long as it costs little beside the step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import jax
import numpy

from whygrad.recorders.arrays import difference, move_of, sample
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.detour import Detour
from whygrad.recorders.jax.eager import Eager
from whygrad.recorders.jax.optimizing import Leaf, Plan, plan_of
from whygrad.recorders.naming import unique
from whygrad.recorders.patching import Patches
from whygrad.watching.health import Gradient, StepHealth, healthy_as
from whygrad.watching.schedule import SHARE
from whygrad.watching.watch import Watch, stopped

# What a call costs more where JAX may not take its shortcut, in seconds; and the steps for which it never may.
DETOUR = 5e-4
FIRST_STEPS = 33
NO_STATE = "its state keeps no average of the gradients that they could be read from: only updates are shown"
TOO_SHORT = (
    "after step {} it was not looked at any more: JAX calls it past Python, "
    "and to keep it from that costs more than two hundredths of so short a step"
)
NOT_SEEN = (
    "in JAX, steps of Optax are watched that run outside of `jax.jit`, or are compiled whole with the parameters "
    "and a state with averages among arguments and results; none was seen "
    "(`nnx.jit` and `eqx.filter_jit` hand over arrays without names)"
)


@dataclass(slots=True)
class _Step:
    """A compiled function that makes steps.

    Attributes:
        plan: ``None`` until its first call is over.
        since: when its second call began, by which steps are timed.
    """

    name: str
    plan: Plan
    calls: int = 0
    since: float = 0.0
    left: bool = False


@dataclass(slots=True)
class _Look:
    """Copies from before a step, by leaf."""

    number: int
    weights: list[tuple[Any, float]] = field(default_factory=list)
    averages: list[tuple[Any, float]] = field(default_factory=list)
    cost: float = 0.0


class Health:
    """Watches compiled steps.

    Args:
        watch: gets what is measured.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.patches = Patches()
        # By the id of a program, which the entry keeps alive; ``None``: no step of an optimizer.
        self._steps: dict[int, tuple[Any, _Step | None]] = {}
        self.eager = Eager(watch, self._named, self._fault)
        self.detour = Detour()

    def install(self) -> None:
        """Watch from now on."""
        try:
            compiling = compat.compiling()
        except compat.MissingName:
            self.watch.note("this version of JAX has no place where compiled steps could be watched")
            return
        self.patches.replace(compiling, compat.RUN, self._running(getattr(compiling, compat.RUN)))
        self.detour.install(self.patches, compiling)

    def stop(self) -> None:
        """Take the hooks off."""
        seen = self.eager.heard or any(step for _, step in self._steps.values())
        if not seen and self.watch.has_met("jax"):
            self.watch.note(NOT_SEEN)
        self._steps.clear()
        self.eager.stop()
        self.patches.undo()

    def _fault(self, error: BaseException) -> None:
        self._steps.clear()
        self.eager.stop()
        self.patches.undo()
        self.watch.note(stopped("JAX", error))

    def _running(self, original: Callable[..., Any]) -> Callable[..., Any]:
        health = self

        @wraps(original)
        def run(p: Any, args: Sequence[Any], *rest: Any, **more: Any) -> Any:
            if any(isinstance(a, jax.core.Tracer) for a in args) or not health.watch.here():
                return original(p, args, *rest, **more)
            step, look = health._guarded(health._begun, p, args) or (None, None)
            result = original(p, args, *rest, **more)
            health.detour.hold(bool(health._guarded(health._ended, p, args, result, step, look)))
            return result

        return run

    def _guarded(self, body: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return body(*arguments)
        except Exception as error:
            self._fault(error)
            return None

    def _begun(self, p: Any, args: Sequence[Any]) -> tuple[_Step | None, _Look | None]:
        _, step = self._steps.get(id(p.params["jaxpr"].jaxpr), (None, None))
        if step is None or step.left:
            return step, None
        number, due = self.watch.schedule.begins(step.name)
        step.calls = number
        if number == 2:
            step.since = time.perf_counter()
        if not due:
            return step, None
        jax.block_until_ready([args[leaf.before] for leaf in step.plan.leaves])  # the wait is not ours
        start = time.perf_counter()
        look = _Look(number)
        for leaf in step.plan.leaves:
            look.weights.append(sample(numpy.asarray(args[leaf.before])))
            look.averages.append(sample(numpy.asarray(args[leaf.average[0]])))
        look.cost = time.perf_counter() - start
        return step, look

    def _ended(self, p: Any, args: Sequence[Any], result: Any, step: _Step | None, look: _Look | None) -> bool:
        """Returns: whether JAX is to take no shortcut next time."""
        out = result[1]
        key = id(p.params["jaxpr"].jaxpr)
        if key not in self._steps:
            step = self._planned(p, args, out)
            self._steps[key] = (p.params["jaxpr"].jaxpr if step is not None else None, step)
            return step is not None
        if step is None or step.left:
            return False
        if look is not None:
            jax.block_until_ready([out[leaf.after] for leaf in step.plan.leaves])
            start = time.perf_counter()
            self._seen(step, look, out)
            look.cost += time.perf_counter() - start
        self.watch.schedule.ends(step.name, look.cost if look is not None else None)
        step.left = step.calls >= FIRST_STEPS and not self._is_long(step)
        if step.left:
            self.watch.note(f"{step.name}: {TOO_SHORT.format(step.calls)}")
        return not step.left

    def _is_long(self, step: _Step) -> bool:
        return (time.perf_counter() - step.since) / max(step.calls - 1, 1) * SHARE >= DETOUR

    def _planned(self, p: Any, args: Sequence[Any], out: Sequence[Any]) -> _Step | None:
        if any(getattr(a, "is_deleted", bool)() for a in args):
            shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) if hasattr(a, "shape") else a for a in args]
        else:
            shapes = list(args)
        plan = plan_of(p, shapes, out)
        if plan is None:
            return None
        step = _Step(self.watch.name(object(), str(p.params.get("name", "step"))), plan)
        self.watch.schedule.begins(step.name)  # the first call, which compiles
        self.watch.schedule.ends(step.name, None)
        return step

    def _seen(self, step: _Step, look: _Look, out: Sequence[Any]) -> None:
        leaves = step.plan.leaves
        paths = self._named([leaf.name for leaf in leaves], step.plan.argument)
        rows = []
        for leaf, path, weight, average in zip(leaves, paths, look.weights, look.averages, strict=True):
            array = numpy.asarray(out[leaf.after])
            move = move_of(weight, sample(array))
            gradient = _gradient(leaf, average, sample(numpy.asarray(out[leaf.average[1]])))
            rows.append(healthy_as(path, array.shape, gradient, move))
        blind = "" if any(leaf.decay is not None for leaf in leaves) else NO_STATE
        self.watch.seen(StepHealth(step.name, look.number, self.watch.seconds, tuple(rows), blind=blind))

    def _named(self, below: Sequence[str], argument: str = "") -> list[str]:
        """The names that findings use, which are those of the loss' own arguments."""
        known = {path.partition("/")[2]: path for path in self.watch.paths()}
        return unique([known.get(name, f"{argument}/{name}".strip("/")) for name in below])


def _gradient(leaf: Leaf, before: tuple[Any, float], after: tuple[Any, float]) -> Gradient | None:
    if leaf.decay is None:
        return None
    (old, factor), (new, _) = before, after
    given = (new - leaf.decay * old) / (1 - leaf.decay if leaf.weighed else 1.0)
    return difference(given, old, new, factor)
