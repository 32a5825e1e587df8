"""Weight penalties: the part of a loss that is made of parameters and constants alone, and knows no data.

A penalty is a number that joins the rest of the loss by addition. What is computed for it and for nothing else can be
left out of the graph, and what remains shows whether the data reaches a parameter. Data is every value that is not
known to be a constant, so that in doubt there is no penalty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from whygrad.flow import Flow
from whygrad.graph import NOWHERE, Graph
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Names:
    """What a framework calls the operations that matter here.

    Attributes:
        adding: they hand a gradient on as it is, or shared out evenly.
        scaling: they multiply it by their other inputs.
        reading: they hand on the value of a parameter.
        along: their further inputs say only how to go about it (an axis, a shape).
        pointwise: their result has the rank of their largest input.
        beside: they put numbers beside each other, each with an axis of length one.
    """

    adding: frozenset[str]
    scaling: frozenset[str]
    reading: frozenset[str]
    along: frozenset[str]
    pointwise: frozenset[str]
    beside: frozenset[str] = frozenset()


# What they are given is drawn to somewhere else than zero.
_SHIFTING = frozenset("add radd sub subtract rsub".split())
# What they are given is drawn to zero, where nothing else was added before.
_POWERS = frozenset("Square Abs Pow L2Loss pow square abs norm integer_pow sqrt Sqrt".split())
# What was not recorded may know data.
_UNRECORDED = "unrecorded"
# By framework.
NAMES: Mapping[str, Names] = {
    "tensorflow": Names(
        frozenset("Add AddV2 AddN Sub Neg Identity Cast Pack Sum Mean Reshape Squeeze ExpandDims".split()),
        frozenset("Mul RealDiv DivNoNan".split()),
        frozenset("ReadVariableOp Identity Cast".split()),
        frozenset("Sum Mean Prod Max Min Reshape Squeeze ExpandDims Transpose".split()),
        frozenset("Add AddV2 Sub Mul RealDiv DivNoNan Pow Maximum Minimum".split()),
    ),
    "torch": Names(
        frozenset("add radd sub subtract neg to sum mean reshape squeeze unsqueeze stack".split()),
        frozenset("mul rmul multiply div divide true_divide truediv".split()),
        frozenset("to".split()),
        frozenset("sum mean prod max amax min amin reshape squeeze unsqueeze transpose permute".split()),
        frozenset("add radd sub subtract mul rmul multiply div divide true_divide truediv pow".split()),
    ),
    "jax": Names(
        frozenset(
            "add add_any sub neg convert_element_type reduce_sum reshape squeeze broadcast_in_dim concatenate".split()
        ),
        frozenset("mul div".split()),
        frozenset("convert_element_type copy".split()),
        frozenset(),
        frozenset("add sub mul div pow max min".split()),
        frozenset(("concatenate",)),
    ),
}


@dataclass(frozen=True, slots=True)
class Penalties:
    """The penalties of one loss.

    Attributes:
        operations: those that serve them and nothing else.
        where: the place of the last one.
        together: the parameters, by value, that are penalised at one place.
        shrunk: those of which a penalty wants nothing but that they are small.
    """

    operations: frozenset[int]
    where: Span | None
    together: tuple[frozenset[int], ...] = ()
    shrunk: frozenset[int] = frozenset()


def penalties(flow: Flow) -> Penalties | None:
    """The penalties in the loss of a graph; ``None`` where there are none."""
    graph = flow.graph
    names = NAMES.get(graph.framework)
    if names is None or not graph.targets:
        return None
    search = _Search(graph, names)
    joins = search.joins()
    if not joins:
        return None
    where = search.place(max(value for _, value in joins))
    return Penalties(_serving(flow, search, joins), where, search.together(joins), search.shrunk(joins))


def _serving(flow: Flow, search: _Search, joins: set[tuple[int, int]]) -> frozenset[int]:
    """The operations whose every use, up to the loss, is a penalty."""
    graph, last = flow.graph, max(flow.graph.value_op[target] for target in flow.graph.targets)
    serving: set[int] = set()
    for op in sorted(search.behind(value for _, value in joins), reverse=True):
        uses = [(reader, value) for value in graph.outputs(op) for reader in flow.readers(value) if reader <= last]
        if all(reader in serving or (reader, value) in joins for reader, value in uses):
            serving.add(op)
    return frozenset(serving)


class _Search:
    """Looks backwards from the loss of one graph."""

    def __init__(self, graph: Graph, names: Names) -> None:
        self.graph = graph
        self.names = names
        self._parameters = {p.value for p in graph.parameters if p.value != NOWHERE and p.trainable}
        # Whether a value knows no data, and whether it depends on a parameter.
        self._known: dict[int, tuple[bool, bool]] = {}

    def joins(self) -> set[tuple[int, int]]:
        """Every (addition, penalty) where a penalty meets what knows data, on a way that adds and scales only."""
        found: set[tuple[int, int]] = set()
        todo = list(self.graph.targets)
        seen = set(todo)
        for value in todo:  # grows on the way
            op = self.graph.value_op[value]
            if op == NOWHERE or self._free(value):
                continue
            for source in self._handed_on(op):
                if self._is_penalty(op, source):
                    found.add((op, source))
                elif source not in seen:
                    seen.add(source)
                    todo.append(source)
        return found

    def together(self, joins: Iterable[tuple[int, int]]) -> tuple[frozenset[int], ...]:
        """The parameters that the penalties of each place draw towards zero."""
        places: dict[object, set[int]] = {}
        for op, value in joins:
            span = self.graph.op(op).span
            behind = self.behind([value])
            shifted = {each for one in behind if self._name(one) in _SHIFTING for each in self.graph.inputs(one)}
            read = {each for one in behind for each in self.graph.inputs(one)} - shifted
            places.setdefault(span.place() if span is not None else None, set()).update(read & self._parameters)
        return tuple(frozenset(found) for found in places.values())

    def shrunk(self, joins: Iterable[tuple[int, int]]) -> frozenset[int]:
        """The parameters of penalties that are made of powers and sums of them alone."""
        found: set[int] = set()
        for _, value in joins:
            behind = self.behind([value])
            if all(self._name(op) in _POWERS or self._sums(op) for op in behind):
                found |= self._parameters & {each for op in behind for each in self.graph.inputs(op)}
        return frozenset(found)

    def _sums(self, op: int) -> bool:
        """Whether an operation hands on a number, or adds some up, or scales what is one parameter's."""
        name, numbers = self._name(op), all(self.graph.value(v).shape == () for v in self.graph.outputs(op))
        if name in _SHIFTING:
            return numbers
        constant = any(self._free(v) and not self._known[v][1] for v in self._inputs(op))
        return name in self.names.adding or (name in self.names.scaling and (constant or self._is_square(op)))

    def _is_square(self, op: int) -> bool:
        return len(set(self.graph.inputs(op))) == 1

    def behind(self, values: Iterable[int]) -> set[int]:
        """The operations that the given values are computed by."""
        todo = list(values)
        found: set[int] = set()
        for value in todo:
            op = self.graph.value_op[value]
            if op != NOWHERE and op not in found and not self._written(op):
                found.add(op)
                todo.extend(self._inputs(op))
        return found

    def place(self, value: int) -> Span | None:
        """Where a value was computed."""
        op = self.graph.value_op[value]
        stack = self.graph.stacks[self.graph.op_stack[op]] if op != NOWHERE else ()
        return stack[0] if stack else None

    def _name(self, op: int) -> str:
        return self.graph.names[self.graph.op_name[op]]

    def _inputs(self, op: int) -> list[int]:
        inputs = list(self.graph.inputs(op))
        return inputs[:1] if self._name(op) in self.names.along else inputs

    def _handed_on(self, op: int) -> list[int]:
        """The inputs that get the gradient of an operation without anything of the data in it."""
        inputs, name = self._inputs(op), self._name(op)
        if name in self.names.adding:
            return inputs
        if name in self.names.scaling and all(self._free(value) for value in inputs[1:]):
            return inputs[:1]
        return inputs[1:] if name in self.names.scaling and self._free(inputs[0]) and len(inputs) == 2 else []

    def _is_penalty(self, op: int, value: int) -> bool:
        """Whether a sum takes a penalty there: one number of several, from a curved function of parameters alone."""
        inputs = self._inputs(op)
        shape = (1,) if self._name(op) in self.names.beside else ()
        numbers = all(self.graph.value(each).shape == shape for each in inputs)
        if len(inputs) < 2 or not numbers or not self._free(value) or not self._known[value][1]:
            return False
        return any(self._curved(behind) for behind in self.behind([value]))

    def _curved(self, op: int) -> bool:
        name = self._name(op)
        varying = sum(self._free(value) and self._known[value][1] for value in self._inputs(op))
        straight = name in self.names.adding | self.names.reading or (name in self.names.scaling and varying < 2)
        return bool(varying) and not straight

    def _written(self, op: int) -> bool:
        """What a variable was given earlier is no way into a loss."""
        return any(barrier.kind == "state-write" for barrier in self.graph.barriers.get(op, ()))

    def _free(self, value: int) -> bool:
        """Whether a value is made of parameters and constants alone."""
        todo = [value]
        while todo:
            current = todo[-1]
            if current in self._known:
                todo.pop()
                continue
            op = self.graph.value_op[current]
            made = op != NOWHERE and self._name(op) != _UNRECORDED and bool(self.graph.inputs(op))
            if not made or current in self._parameters or self._written(op):
                self._known[current] = self._leaf(current, op)
                continue
            self._numbers(current, op)
            unknown = [each for each in self._inputs(op) if each not in self._known]
            if unknown:
                # A loop comes back to what is still open: nothing is claimed of loops.
                self._known.update({each: (False, False) for each in unknown if each in todo})
                todo.extend(each for each in unknown if each not in todo)
                continue
            known = [self._known[each] for each in self._inputs(op)]
            self._known[current] = (all(free for free, _ in known), any(varies for _, varies in known))
        return self._known[value][0]

    def _numbers(self, value: int, op: int) -> None:
        """What makes a single number, one for one, was given single numbers, even where that was not recorded."""
        if self._name(op) in self.names.pointwise and self.graph.value(value).shape == ():
            for each in self.graph.inputs(op):
                given = self.graph.value(each)
                if given.shape is None and given.op == NOWHERE and each not in self._parameters:
                    self._known[each] = (True, False)

    def _leaf(self, value: int, op: int) -> tuple[bool, bool]:
        if value in self._parameters:
            return True, True
        written = op != NOWHERE and self._written(op)
        return written or self.graph.value(value).shape == (), False
