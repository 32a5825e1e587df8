"""The health of gradients over a whole run, at the optimizers of Keras 3 and tf_keras.

In eager code an optimizer is handed gradients with values. In a compiled step it is not: there its state and the
variables are compared before and after the step, and nothing is put into the step.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Protocol

from whygrad.recorders.arrays import move_of, sample
from whygrad.recorders.naming import unique
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.clips import Clips
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.parameters import held_names, number_of, path_of
from whygrad.recorders.tensorflow.passes import UPDATES
from whygrad.recorders.tensorflow.reading import array_of, gradient_at
from whygrad.recorders.tensorflow.slots import Formula, gradient_of, state_of
from whygrad.recorders.tensorflow.tapes import building
from whygrad.recorders.tensorflow.updates import pairs_of
from whygrad.watching.health import Gradient, Move, StepHealth, healthy_as
from whygrad.watching.watch import Watch, stopped

BLIND = (
    "in a compiled step the gradients are not to be seen from outside, and {} keeps no average of them "
    "to read them from: only updates are shown"
)


class Naming(Protocol):
    """What a recorder knows of names."""

    log: Log

    def names(self) -> Mapping[int, str]:
        """Number of a variable to the name that findings use."""


@dataclass(slots=True)
class _Look:
    """A step under way; all arrays are copies.

    Attributes:
        weights: a sample of each variable, ``None`` where it could not be read; ``states``: of the optimizer's.
    """

    variables: Sequence[Any]
    weights: list[tuple[Any, float] | None]
    gradients: list[Gradient | None] = field(default_factory=list)
    absent: tuple[bool, ...] = ()
    states: list[tuple[Any, float] | None] = field(default_factory=list)
    formula: Formula | None = None
    count: int = 0
    cost: float = 0.0


class Health:
    """Watches Keras' optimizers.

    Args:
        naming: the recorder, whose names are used.
        watch: gets what is measured.
    """

    def __init__(self, naming: Naming, watch: Watch) -> None:
        self.naming, self.watch = naming, watch
        self.patches = Patches()
        self.clips = Clips(lambda: watch.schedule.expected, self._quietly)
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._steps: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._traced: weakref.WeakKeyDictionary[Any, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()
        self._within: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any], ...]] = weakref.WeakKeyDictionary()
        self._heard: set[str] = set()
        self._running = False

    def install(self) -> None:
        """Watch from now on."""
        from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction

        self.patches.replace(ConcreteFunction, "_call_flat", self._calling(ConcreteFunction._call_flat))
        self.clips.install(self.patches)
        self.keras_imported()

    def keras_imported(self) -> None:
        """Watch the optimizers of a Keras that was imported since."""
        for keras, (module, name, method) in UPDATES.items():
            cls = getattr(sys.modules.get(module), name, None)
            if cls is not None and keras not in self._heard and hasattr(cls, method):
                self._heard.add(keras)
                self.patches.replace(cls, method, self._applying(getattr(cls, method)))

    def stop(self) -> None:
        """Take the hooks off."""
        self.patches.undo()

    def _fault(self, error: BaseException) -> None:
        self.patches.undo()
        self.watch.note(stopped("TensorFlow", error))

    def _quietly(self, body: Callable[[], Any]) -> Any:
        local = self.naming.log.local
        busy, local.busy = local.busy, True
        try:
            return body()
        except Exception as error:
            self._fault(error)
            return None
        finally:
            local.busy = busy

    def _applying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        health = self

        @wraps(original)
        def apply(self: Any, *args: Any, **kwargs: Any) -> Any:
            if building() is not None:
                health._quietly(lambda: health._note_traced(self))
                return original(self, *args, **kwargs)
            pairs = health._quietly(lambda: pairs_of(args, kwargs))
            due = pairs is not None and health._quietly(lambda: health._is_due(self))
            look = health._timed(lambda: health._begin_eager(self, *pairs)) if due else None
            result = original(self, *args, **kwargs)
            if pairs is not None:
                health._ended(self, look)
            return result

        return apply

    def _calling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        health = self

        @wraps(original)
        def _call_flat(self: Any, tensor_inputs: Any, captured_inputs: Any) -> Any:
            if not health._traced or health._running or building() is not None:
                return original(self, tensor_inputs, captured_inputs)
            looks = health._quietly(lambda: health._begun(self.graph)) or []
            health._running = bool(looks)
            try:
                result = original(self, tensor_inputs, captured_inputs)
            finally:
                health._running = False
            for optimizer, look in looks:
                health._ended(optimizer, look)
            return result

        return _call_flat

    def _begun(self, graph: Any) -> list[tuple[Any, _Look | None]]:
        """The optimizers that step in a compiled function, each with the look at its step."""
        optimizers = [(optimizer, self._is_due(optimizer)) for optimizer in self._optimizers_in(graph)]
        return [(one, self._timed(partial(self._begin, one)) if due else None) for one, due in optimizers]

    def _note_traced(self, optimizer: Any) -> None:
        graph = building()
        self._traced.setdefault(graph, weakref.WeakSet()).add(optimizer)
        self._within.clear()

    def _optimizers_in(self, graph: Any) -> list[Any]:
        """The optimizers whose update is a part of this compiled function, or of one that it calls."""
        known = self._within.get(graph)
        if known is None:
            found = {id(o): o for inner, held in self._traced.items() if _is_in(inner, graph) for o in held}
            known = self._within[graph] = tuple(weakref.ref(o) for o in found.values())
        return [optimizer for each in known if (optimizer := each()) is not None]

    def _is_due(self, optimizer: Any) -> bool:
        name = self._names.get(optimizer)
        if name is None:
            name = self._names[optimizer] = self.watch.name(object(), type(optimizer).__name__)
        steps, due = self.watch.schedule.begins(name)
        self._steps[optimizer] = steps
        return due and self.watch.here()

    def _timed(self, body: Callable[[], _Look | None]) -> _Look | None:
        start = time.perf_counter()
        look: _Look | None = self._quietly(body)
        if look is not None:
            look.cost = time.perf_counter() - start
        return look

    def _begin_eager(self, optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> _Look:
        look = _Look(variables, [_sampled(v) for v in variables])
        shapes = [tuple(v.shape) for v in variables]
        look.gradients = [gradient_at(g, shape) for g, shape in zip(gradients, shapes, strict=True)]
        look.absent = tuple(g is None for g in gradients)
        return look

    def _begin(self, optimizer: Any) -> _Look | None:
        """A compiled step: copies of what it is going to change."""
        variables = getattr(optimizer, "_trainable_variables", None)
        if not variables:
            return None  # it is built in the first step, which can not be looked at
        look = _Look(list(variables), [_sampled(v) for v in variables], count=_iterations(optimizer))
        state = state_of(optimizer)
        if state is not None and len(state[0]) == len(variables):
            look.states, look.formula = [_sampled(v) for v in state[0]], state[1]
        return look

    def _ended(self, optimizer: Any, look: _Look | None) -> None:
        if look is not None:
            start = time.perf_counter()
            self._quietly(lambda: self._end(optimizer, look))
            look.cost += time.perf_counter() - start
        cost = look.cost if look is not None else None
        self._quietly(lambda: self.watch.schedule.ends(self._names[optimizer], cost))

    def _end(self, optimizer: Any, look: _Look) -> None:
        blind = ""
        if not look.gradients:
            if _iterations(optimizer) != look.count + 1:
                return  # no step, or several in one call
            look.gradients = self._from_state(optimizer, look)
            look.absent = (False,) * len(look.variables)
            blind = "" if look.formula is not None else BLIND.format(type(optimizer).__name__)
        moves = [self._move(v, before) for v, before in zip(look.variables, look.weights, strict=True)]
        if _is_accumulating(optimizer) and not any(move is not None and move.update for move in moves):
            return  # the gradients were put aside
        clipping, before, gradients = self.clips.of(optimizer, look.gradients, look.formula is not None or bool(blind))
        rows = zip(self._paths(look.variables), look.variables, gradients, moves, before, look.absent, strict=True)
        health = tuple(healthy_as(p, tuple(v.shape), g, m, b, absent) for p, v, g, m, b, absent in rows)
        step = self._steps[optimizer]
        self.watch.seen(StepHealth(self._names[optimizer], step, self.watch.seconds, health, clipping, None, blind))

    def _from_state(self, optimizer: Any, look: _Look) -> list[Gradient | None]:
        formula, state = look.formula, state_of(optimizer)
        if formula is None or state is None:
            return [None] * len(look.variables)
        found: list[Gradient | None] = []
        for variable, old in zip(state[0], look.states, strict=True):
            new = _sampled(variable)
            both = old is not None and new is not None
            found.append(gradient_of(optimizer, formula, old[0], new[0], old[1]) if both else None)  # type: ignore[index]
        return found

    def _move(self, variable: Any, before: tuple[Any, float] | None) -> Move | None:
        after = _sampled(variable)
        return move_of(before, after) if before is not None and after is not None else None

    def _paths(self, variables: Sequence[Any]) -> list[str]:
        known = self.naming.names()
        held: Mapping[int, str] = {}
        if not all(isinstance(getattr(v, "path", None), str) or number_of(v) in known for v in variables):
            held = held_names(sys._getframe(1))[0]
        named = [known.get(number_of(v) or -1) or path_of(v, held, at) for at, v in enumerate(variables)]
        return unique(named)


def _sampled(variable: Any) -> tuple[Any, float] | None:
    array = array_of(variable)
    return None if array is None else sample(array)


def _iterations(optimizer: Any) -> int:
    array = array_of(optimizer.iterations)
    return -1 if array is None else int(array)


def _is_accumulating(optimizer: Any) -> bool:
    return bool(getattr(optimizer, "gradient_accumulation_steps", None))


def _is_in(inner: Any, graph: Any) -> bool:
    """Whether a function was traced within a graph, or is it."""
    while inner is not None and inner is not graph:
        inner = getattr(inner, "outer_graph", None)
    return inner is not None
