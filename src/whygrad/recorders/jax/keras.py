"""Keras on JAX: which of a request's arrays stand for which of Keras' variables, and which layers run."""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import wraps
from types import FunctionType
from typing import Any

import jax

from whygrad.graph import NOWHERE, Event, Fault, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax.asked import raised_at
from whygrad.recorders.jax.faults import UNKNOWN, array_of, unknown_number
from whygrad.recorders.jax.returns import place_of_return
from whygrad.recorders.jax.trace import Trace
from whygrad.recorders.keras import Layers, ThreadScopes, layers_of
from whygrad.recorders.lives import Lives, packages
from whygrad.recorders.ownership import Owners
from whygrad.recorders.patching import Patches

_SCOPE = ("keras.src.backend.common.stateless_scope", "StatelessScope")
_SCHEDULES = "keras.src.optimizers.schedules."
_OPTIMIZER = ("keras.src.optimizers.base_optimizer", "BaseOptimizer")


class Keras:
    """Listens to Keras where it computes with JAX; does nothing where it does not.

    Args:
        told: gets the Graph of a ``fit`` that can not train what it should.
        rated: told where an optimizer was made, what gives its learning rate at a count of steps, and where a
            schedule of the script's own ends.
        stateless: listens to new values that the script asks the class of all optimizers for.
        fault: told of an error of ours.
    """

    def __init__(
        self,
        told: Callable[[Graph], None],
        rated: Callable[[frames.Stack, Callable[[int], float], frames.Stack], None],
        stateless: Callable[[type, Patches], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.rated, self.stateless, self.fault = rated, stateless, fault
        self.lives = Lives("jax", told, fault)
        self.scopes = ThreadScopes()
        self.layers = Layers(self.scopes, self.lives)
        self.patches, self.lasting = Patches(), Patches()
        self.heard = False

    def start(self) -> None:
        """Listen to the lives of a Keras that is imported by now."""
        if not self.heard and packages("jax"):
            self.heard = True
            self.lives.start()
            optimizer = getattr(sys.modules[_OPTIMIZER[0]], _OPTIMIZER[1])
            self.lasting.replace(optimizer, "__init__", self._making(optimizer.__init__))
            self.stateless(optimizer, self.lasting)

    def stop(self) -> None:
        """Take every hook off."""
        self.leave()
        self.lives.stop()
        self.lasting.undo()
        self.heard = False

    def enter(self, traces: Mapping[int, Trace]) -> None:
        """Listen to layers, and to what stands for variables, while these requests are open."""
        if self.heard:
            scope = getattr(sys.modules[_SCOPE[0]], _SCOPE[1])
            self.patches.replace(scope, "__init__", self._mapping(scope.__init__, traces))
            self.layers.wake(self.fault)

    def leave(self) -> None:
        """Listen no more."""
        self.patches.undo()
        self.layers.rest()

    def scope(self) -> str:
        """The path of the layer that runs now."""
        return self.scopes.scope[-1] if self.scopes.scope else ""

    def ended(self, trace: Trace) -> None:
        """A request's function has run: the layers that it called, and the variables that it was called with."""
        if not self.heard:
            return
        for variable in self.lives.variables():
            value = trace.differentiated(variable._value)
            if value is not None:
                trace.variables.setdefault(value, variable)
        if trace.variables:
            trace.builder.library = "keras"
            trace.layers = layers_of(self.layers, trace.flat.spans)

    def refused(self, text: str, error: BaseException) -> Graph | None:
        """What is behind an error of Keras' that ended the script before a gradient was asked for.

        Keras traces a model to learn its shapes, and puts an error of its own in the place of JAX's.
        """
        behind = unknown_number(error) if self.heard else None
        if behind is None:
            return None
        known = [v for v in self.lives.variables() if v.trainable]
        lost = [Parameter(str(v.path), tuple(v.shape), str(v.dtype), NOWHERE, gradient="none") for v in known]
        fault = Fault(UNKNOWN, frames.spans(raised_at(behind)), True, array_of(behind))
        return GraphBuilder("jax", "fit", "keras").graph((), lost, (), error=text, fault=fault)

    def named(self, trace: Trace, parameters: list[Parameter]) -> list[Parameter]:
        """The parameters of a request as Keras knows them, and with them its variables that nobody asked for."""
        if not trace.variables:
            return parameters
        owners = Owners(sys._getframe(1), self.lives, id)
        known = [self._named(p, trace.variables.get(p.value), owners, trace) for p in parameters]
        mapped = {id(v) for v in trace.variables.values()}
        return known + [self._unasked(v, n, owners, trace) for v, n in self._met(trace) if id(v) not in mapped]

    def _met(self, trace: Trace) -> Iterator[tuple[Any, int]]:
        """The trainable variables whose own values the function read, each with what stands for it."""
        for variable in self.lives.variables():
            value = trace.find(variable._value) if variable.trainable else None
            if value is not None:
                yield variable, value

    def _unasked(self, variable: Any, value: int, owners: Owners, trace: Trace) -> Parameter:
        shape = tuple(variable.shape)
        plain = Parameter("", shape, str(variable.dtype), value, asked=False)
        return self._named(plain, variable, owners, trace)

    def _named(self, parameter: Parameter, variable: Any | None, owners: Owners, trace: Trace) -> Parameter:
        if variable is None:
            return parameter
        made = self.lives.birth_of(variable)
        owner = owners.of(id(variable))
        history = [Event("made", trace.flat.spans(made)[0])] if made else []
        return replace(
            parameter,
            path=str(variable.path),
            written="",
            trainable=bool(variable.trainable),
            owner=owner.layer if owner is not None else None,
            holder=owner.path if owner is not None else None,
            tracked=owner.tracked if owner is not None else None,
            in_model=owner.in_model if owner is not None else None,
            history=(*history, *owners.freezes(variable, trace.flat.spans)),
        )

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        keras = self

        @wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            try:
                keras.rated(frames.capture(sys._getframe(1)), _rate_of(weakref.ref(self)), _end_of_own_schedule(self))
            except Exception as error:
                keras.fault(error)

        return __init__

    def _mapping(self, original: Callable[..., Any], traces: Mapping[int, Trace]) -> Callable[..., Any]:
        """What Keras is told to take for the values of its variables."""
        keras = self

        @wraps(original)
        def __init__(self: Any, state_mapping: Any = None, *args: Any, **kwargs: Any) -> None:
            given = list(state_mapping) if isinstance(state_mapping, Iterator) else state_mapping
            original(self, given, *args, **kwargs)
            try:
                for variable, value in given or ():
                    for trace in list(traces.values()):
                        if (known := trace.find(value)) is not None:
                            trace.variables.setdefault(known, variable)
            except Exception as error:
                keras.fault(error)

        return __init__


def _end_of_own_schedule(optimizer: Any) -> frames.Stack:
    given = getattr(optimizer, "_learning_rate", None)
    return place_of_return(given if isinstance(given, FunctionType) else type(given).__call__)


def _rate_of(known: weakref.ref[Any]) -> Callable[[int], float]:
    """What gives the learning rate of an optimizer at a count of steps, no number where that is not known.

    A schedule of the script's own is not ours to call.
    """

    def rate(count: int) -> float:
        given: Any = getattr(known(), "_learning_rate", None)
        if type(given).__module__.startswith(_SCHEDULES):
            return float(given(count))
        value = getattr(given, "_value", None)
        return float(value) if isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) else math.nan

    return rate
