"""Trace: what one differentiated function did, noted while JAX runs it for the user.

Nothing that the function sees is replaced. JAX's own interpreter of the request is listened to, and values are
told apart by identity, through weak references.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import jax

from whygrad.graph import Barrier, Crossing, Layer
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.equinox import LeftOut
from whygrad.recorders.jax.flatten import Flattener
from whygrad.recorders.jax.ops import Rules, is_float
from whygrad.recorders.jax.parameters import Named
from whygrad.recorders.jax.places import here
from whygrad.recorders.jax.rules import Rule
from whygrad.recorders.jax.taking import holding, holding_inside, reader_in, reader_of
from whygrad.recorders.jax.tape import Program


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array among the arguments of a differentiated function.

    Attributes:
        path: the name the user knows; ``written``: how the script writes it.
        differentiated: the request asks for its gradient.
        argument: the name of the argument that holds it.
        made: where the user made it, if it is a variable that no filter selects.
        kept: whether the function left it as it was.
        apart: why a filter of Equinox left it out, which can not be written.
    """

    path: str
    written: str
    argument: str
    value: int
    shape: tuple[int, ...]
    dtype: str
    differentiated: bool
    made: frames.Stack = ()
    kept: bool = True
    apart: str = ""


class Trace:
    """What one run of a differentiated function did.

    Args:
        interpreter: JAX's own, which runs the function.
        reverse: the request goes backwards.
        scope: the path of the layer that runs now.

    Attributes:
        targets: values of what is differentiated, once it is known; ``target_text``: what it is if it is no array.
        rules_met: by the name of a function with a rule of its own, where its two rules end.
        inner: values of what was differentiated inside this function; ``derived``: where that was last done.
        beside: a number that the function hands back beside what is differentiated.
        takers: by the id of a constant of the function, where it was taken from outside, if that is known.
        variables: value to the variable of Keras that it stands for; ``layers``: Keras' layers.
    """

    def __init__(
        self,
        api: str,
        interpreter: Any,
        tracer: type,
        rules: Rules,
        reverse: bool,
        scope: Callable[[], str] = str,
    ) -> None:
        self.interpreter = interpreter
        self.scope = scope
        self.variables: dict[int, Any] = {}
        self.layers: list[Layer] = []
        self.tracer = tracer
        self.rules = rules
        self.builder = GraphBuilder("jax", api)
        self.flat = Flattener(self.builder, rules, reverse, self._constant)
        self.leaves: list[Leaf] = []
        self.targets: list[int] = []
        self.inner: set[int] = set()
        self.derived: frames.Stack = ()
        self.beside: int | None = None
        self.rules_met: dict[str, dict[str, frames.Stack]] = {}
        self.broken = False
        self.target_text: str | None = None
        self.takers: dict[int, frames.Stack] = {}
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._outside: dict[int, tuple[weakref.ref[Any], int, str]] = {}

    def add_leaf(self, named: Named, differentiated: bool, made_at: frames.Stack = ()) -> None:
        """An array of the arguments."""
        value, path, written, argument = named
        aval = compat.typeof(value)
        made = self.flat.value(aval)
        self._know(value, made)
        self.flat.tape.given[made] = compat.underneath(value, self.interpreter)
        shape, dtype = tuple(aval.shape), str(aval.dtype)
        self.leaves.append(Leaf(path, written, argument, made, shape, dtype, differentiated, made_at))
        if differentiated:
            outside = getattr(value, "primal", None)
            seen = compat.reference(outside)
            if seen is not None:
                self._outside[id(outside)] = (seen, made, argument)

    def add_part(self, part: LeftOut, named: Named) -> None:
        """Something in a module that a filter of Equinox left out."""
        if isinstance(part.value, float):
            value, shape, dtype = self.builder.value("float", ()), (), "float"
            self.leaves.append(Leaf(named.path, named.written, named.argument, value, shape, dtype, False, part.made))
        else:
            self.add_leaf(named, False, part.made)
        self.leaves[-1] = replace(self.leaves[-1], apart=part.kind)

    def of(self, value: Any, frame: FrameType | None = None) -> int:
        """The value of an object: known, the copy outside of what is differentiated, or new here."""
        found = self.find(value)
        if found is not None:
            return found
        made = self.flat.value(compat.typeof(value))
        self.flat.tape.given[made] = compat.underneath(value, self.interpreter)
        outside = self._outside.get(id(value))
        if outside is not None and outside[0]() is value:
            where = self.flat.spans(self.takers.get(id(value)) or holding(frame, value))
            barrier = Barrier(0, 0, "wrong-source", outside[2], False, where[0] if where else None)
            self.builder.op("closed_over", [outside[1]], [made], where, "", [barrier])
        elif frame is not None and not isinstance(value, self.tracer):
            self.builder.arrivals.append(
                Crossing(made, self.builder.next_op, "constant", self.flat.spans(frames.capture(frame)))
            )
        self._know(value, made)
        return made

    def find(self, value: Any) -> int | None:
        """The value of an object that was met."""
        known = self._known.get(id(value))
        return known[1] if known is not None and known[0]() is value else None

    def known(self) -> Iterator[tuple[weakref.ref[Any], int]]:
        """Every object that was met, and its value."""
        yield from self._known.values()

    def differentiated(self, value: Any) -> int | None:
        """What stands in the function for an array outside that it is differentiated by."""
        known = self._outside.get(id(value))
        return known[1] if known is not None and known[0]() is value else None

    def below(self, value: Any) -> int | None:
        """The value of what an object of a transformation inside stands for here."""
        return next((f for f in map(self.find, compat.below(value)) if f is not None), None)

    def _know(self, value: Any, made: int) -> None:
        seen = compat.reference(value)
        if seen is not None:
            self._known[id(value)] = (seen, made)

    def stands_for(self, value: Any, known: int, name: str, stack: frames.Stack) -> None:
        """An object is what a known value becomes by an operation that only hands it on."""
        (made,) = self.flat.plain(name, [known], [compat.typeof(value)], (), stack)
        self._know(value, made)

    def same(self, outer: Any, inner: Any, name: str, stack: frames.Stack) -> None:
        """The same for an object that may be new here."""
        self.stands_for(inner, self.of(outer), name, stack)

    def ran(self, primitive: Any, params: dict[str, Any], given: Sequence[Any], out: Any, frame: FrameType) -> None:
        """An operation ran."""
        self.builder.scope = self.scope()
        self._take(primitive.name, params, given, frame)
        results = list(out) if isinstance(out, (list, tuple)) else [out]
        values = [self.of(v, frame) for v in given]
        ins, outs = [compat.typeof(v) for v in given], [compat.typeof(v) for v in results]
        made = self.flat.equation(primitive, params, values, ins, outs, here(frame))
        for result, value in zip(results, made, strict=True):
            self._know(result, value)

    def _take(self, name: str, params: dict[str, Any], given: Sequence[Any], frame: FrameType) -> None:
        """See where a loop or a compiled function takes an array from outside that it was given as an argument."""
        for position, value in enumerate(given):
            if self._is_new_outside(value):
                self._taken(reader_of(name, params, position), value, here(frame), frame)

    def _constant(self, value: Any, jaxpr: Any, variable: Any, outer: frames.Stack) -> int:
        """The value of an object that a program inside holds as a constant."""
        if self._is_new_outside(value):
            self._taken(reader_in(jaxpr, variable), value, outer, sys._getframe(1))
        return self.of(value)

    def _is_new_outside(self, value: Any) -> bool:
        return self.differentiated(value) is not None and self.find(value) is None

    def _taken(self, reader: Any | None, value: Any, outer: frames.Stack, frame: FrameType) -> None:
        if reader is not None:
            self.takers[id(value)] = holding_inside(reader, value, outer, frame)

    def ran_rule(self, rule: Rule, given: Sequence[Any], results: Sequence[Any], frame: FrameType) -> None:
        """A function with a rule of differentiation of its own ran."""
        self.builder.scope = self.scope()
        values = [self.of(v, frame) for v in given]
        outs = [compat.typeof(v) for v in results]
        made = self.flat.plain(rule.name, values, outs, rule.stops, frames.capture(frame), rule.where)
        self.flat.tape.ran(rule.run, values, made)
        for result, value in zip(results, made, strict=True):
            self._know(result, value)

    def program(self) -> Program | None:
        """What ran, to be run again; ``None`` where that can not be done."""
        tape = self.flat.tape
        if self.broken or tape.broken or len(self.targets) != 1:
            return None
        arrays, variables = dict(tape.literals), {}
        for value, low in tape.given.items():
            variable = compat.variable(low)
            if variable is not None:
                variables[value] = variable
            else:
                arrays[value] = compat.number(low)
        if any(isinstance(array, self.tracer) for array in arrays.values()):
            return None  # a value of another transformation: one example of a batch, a derivative
        sources = tuple(leaf.value for leaf in self.leaves if leaf.differentiated)
        return Program(tuple(tape.entries), arrays, variables, self.targets[0], sources)

    def sources(self) -> dict[int, Any | None]:
        """By value what is differentiated: an array, a variable of what is compiled, ``None`` where that is hidden."""
        given = self.flat.tape.given
        return {leaf.value: compat.origin(given.get(leaf.value)) for leaf in self.leaves if leaf.differentiated}

    def departed(self, value: Any, method: str, frame: FrameType) -> None:
        """A number was taken out of a traced value, which works while its number is known."""
        known = self.find(value)
        if known is not None:
            stack = self.flat.spans(frames.capture(frame))
            self.builder.departures.append(Crossing(known, self.builder.next_op, method, stack))

    def refused(self, primitive: Any, params: dict[str, Any], given: Sequence[Any], frame: FrameType) -> None:
        """JAX raised in an operation: the way to the loss would have gone on from here."""
        if self.broken:
            return
        self.broken = True
        ins = [compat.typeof(v) for v in given]
        outs = _outputs(primitive, params, ins)
        values = [self.of(v, frame) for v in given]
        self.targets = self.flat.equation(primitive, params, values, ins, outs, here(frame))

    def refused_rule(self, name: str, given: Sequence[Any], frame: FrameType) -> None:
        """JAX raised in a function with a rule of its own: the way would have gone on from here."""
        if not self.broken:
            self.broken = True
            values = [self.of(v, frame) for v in given]
            self.targets = self.flat.plain(name, values, [compat.typeof(given[0])], (), here(frame)) if given else []

    def left(self, value: int, method: str, stack: frames.Stack) -> None:
        """A traced value was asked for a number that it does not have, and JAX raised."""
        self.broken = True
        made = self.builder.value("float32")
        barrier = Barrier(0, 0, "left-framework", method)
        self.builder.op(method, [value], [made], self.flat.spans(stack), "", [barrier])
        self.targets = [made]

    def derives(self, values: set[int], stack: frames.Stack) -> None:
        """Something of these values is differentiated inside this function."""
        if values:
            self.inner |= values
            self.derived = stack

    def keeps(self, results: Sequence[Any]) -> None:
        """What the function handed back of its state: variables that are not in it were written."""
        back = {self.find(v) for v in results}
        self.leaves = [replace(x, kept=x.value in back) if x.made and not x.apart else x for x in self.leaves]

    def returned(self, values: Sequence[Any], beside: Any = None) -> None:
        """The function came to its end with these results, and handed back something else."""
        if getattr(beside, "shape", None) == () and is_float(beside):
            self.beside = self.find(beside)
        floats = [v for v in values if is_float(compat.typeof(v))]
        self.targets = [self.of(v) for v in floats or values]


def _outputs(primitive: Any, params: dict[str, Any], ins: Sequence[Any]) -> list[Any]:
    """The types of what an operation would have given."""

    try:
        shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in ins]
        return list(compat.make_jaxpr(lambda *v: primitive.bind(*v, **params))(*shapes).out_avals)
    except Exception:
        return [next((a for a in ins if is_float(a)), ins[0])]
