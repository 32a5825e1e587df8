"""The operations whose derivative is not finite at some values, and what to say of each."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from math import prod

from whygrad import source
from whygrad.causes.alive.birth import Birth, is_request, name_of, tell
from whygrad.causes.alive.unbounded import (
    BEGINS,
    DATA,
    EMPTY,
    FACTOR,
    FED,
    HELD,
    HIDDEN,
    LONE,
    NEGATIVE,
    OUTSIDE,
    SPOILED,
    UNDEFINED,
    WAYS,
    WHERE,
)
from whygrad.causes.cause import Case, Explanation, chain_of, loss_span
from whygrad.causes.learning import weights
from whygrad.causes.words import Words, explained
from whygrad.finding import Proof
from whygrad.span import Span
from whygrad.ways import Edge

# Roots: NaN below zero, and at zero infinite, or not to be derived.
_ROOTS = frozenset(("sqrt", "rsqrt", "pow"))
# What the backward pass of such an operation runs, which is given its result first.
_SLOPE = "grad"
_SLOPES = frozenset(("sqrtgrad", "rsqrtgrad", "reciprocalgrad", "invgrad"))
_CHOOSES = frozenset(("where", "select", "selectv2", "select_n", "masked_fill"))
# What may stand between, in which each element stays by itself; and how many of them.
_ELEMENTWISE = frozenset(
    "mul multiply __mul__ __rmul__ neg __neg__ negative add addv2 __add__ sub __sub__ square".split()
)
_FAR = 4
_SPREADS = frozenset("std var std_mean var_mean".split())
# What they give of finite numbers may be too large, and is never NaN.
_OF_INFINITE = frozenset("mul multiply sub add addv2 addn".split())
_PRODUCTS = frozenset(("mul", "multiply"))
# How the place of an element begins that is no number, in lower case.
_NO_NUMBER = "nan"
# What a dataset gives was computed by nobody who is looked at.
_GIVES = "IteratorGetNext"
_READS = frozenset(("readvariableop", "resourcegather"))
# What it says where that was made of an infinity which came in from outside.
_INFINITE = "infinite"
_BACKWARD = "what came back to this operation was finite, and what it gave not"
_ALONE = "what comes back around it was measured: it is the only operation in between with such a place"
_CAME_IN = "measured in the forward pass: it was not finite before any operation"
_NOT_NAN = "measured in the forward pass: nothing that this operation was given was NaN, and what it gave was"
_LEFT_OUT = (
    "measured in the forward pass: NaN begins here, and an operation that is given it hands back what is not finite"
)
_INNER = "measured: the loss is made of its slope, which is not finite there"
_FORWARD = "measured in the forward pass: what this operation was given was finite, and what it gave not"


def forward(case: Case) -> Explanation | None:
    """The forward pass itself stops being finite, on the way to a loss that is not finite either."""
    first = _first_break(case)
    if first is None:
        return None
    birth = Birth(case, first, (first,))
    if name_of(case, first) in _READS:
        return explained(HELD, loss_span(case.graph), chain_of(case))
    if first.source in case.graph.breaks:
        place = case.graph.op(first.op).span
        told = tell(birth, FED if place is not None and is_request(case, place) else DATA, at=place)
        return replace(told, proof=Proof("structural", True, _CAME_IN))
    undefined = _is_undefined(case, first)
    place = case.graph.op(first.op).span
    if undefined and place is not None and is_request(case, place):  # only what is trained on comes in there
        return replace(tell(birth, FED, at=place), proof=Proof("structural", True, _CAME_IN))
    slope = _slope_of(case, first)
    if slope is not None:
        told = tell(Birth(case, slope, (slope,)), WAYS[name_of(case, slope)])
        return replace(told, proof=Proof("structural", True, _INNER))
    told = tell(birth, UNDEFINED if undefined else _broken(birth))
    told = replace(told, proof=Proof("structural", True, _NOT_NAN if undefined else _FORWARD))
    return _at_point(case, told, "its result", first.sink)


def _slope_of(case: Case, first: Edge) -> Edge | None:
    """The operation whose slope is what breaks: the loss is made of a gradient of it."""
    graph = case.graph
    op = graph.value_op[first.source]
    if not name_of(case, first).endswith(_SLOPE) or op < 0 or not graph.inputs(op):
        return None
    edge = Edge(graph.inputs(op)[0], op, first.source, None)
    return edge if name_of(case, first) == f"{name_of(case, edge)}{_SLOPE}" in _SLOPES else None


def _broken(birth: Birth) -> Words:
    """What is said of an operation in the forward pass whose result is not finite."""
    if birth.name not in _ROOTS:
        return WAYS.get(birth.name, BEGINS)
    return NEGATIVE if birth.name == "sqrt" or _is_nan(birth.case, birth.edge.sink) else BEGINS


def _is_nan(case: Case, value: int) -> bool:
    """Whether an element of a value is known to be no number."""
    return case.graph.points.get(value, "").lower().startswith(_NO_NUMBER)


def hidden(birth: Birth) -> Explanation | None:
    """Numbers of the forward pass that are none and that the loss leaves out: what comes back to them is."""
    graph, flow = birth.case.graph, birth.case.flow
    spoiled = [v for v in graph.points if _is_nan(birth.case, v) and graph.value_op[v] >= 0]
    met = [v for v in spoiled if set(flow.forward([v], barriers=False)) & set(graph.inputs(birth.edge.op))]
    first = min(met, key=graph.value_op.__getitem__, default=None)
    if first is None or not graph.inputs(graph.value_op[first]):
        return None
    op = graph.value_op[first]
    told = tell(Birth(birth.case, Edge(graph.inputs(op)[0], op, first, None), ()), HIDDEN)
    return _at_point(birth.case, replace(told, proof=Proof("structural", True, _LEFT_OUT)), "its result", first)


def pole(birth: Birth) -> Explanation | None:
    """An operation that is given finite numbers on the way back, and gives others."""
    words = WAYS.get(birth.name)
    if words is None:
        return None
    chosen = _is_chosen_among(birth.case, birth.edge)
    told = tell(birth, WHERE if chosen else SPOILED if _is_smooth(birth) else words, _BACKWARD)
    return _at_point(birth.case, told, "its input", birth.edge.source)


def factor(birth: Birth) -> Explanation | None:
    """A product that hands back what is not finite, and was handed finite numbers: it is the other factor."""
    return tell(birth, FACTOR, _BACKWARD) if birth.name in _PRODUCTS else None


def fed(birth: Birth) -> Explanation | None:
    """A product with data that is not finite: the loss may be all the same, behind something that saturates."""
    graph, flow = birth.case.graph, birth.case.flow
    given = [value for value in graph.points if graph.value_op[value] < 0]
    if not set(graph.inputs(birth.edge.op)) & set(flow.forward(given, barriers=False)):
        return None
    place = graph.op(birth.edge.op).span
    is_inside = place is not None and is_request(birth.case, place)
    return replace(tell(birth, FED if is_inside else DATA, at=place), proof=Proof("structural", True, _CAME_IN))


def from_outside(case: Case) -> Explanation:
    """A loss that is not finite for a reason that lies in what goes into it."""
    spread = _spread_of_one(case)
    return explained(LONE if spread is not None else OUTSIDE, spread or loss_span(case.graph), chain_of(case))


def _spread_of_one(case: Case) -> Span | None:
    """Where the spread of a single number is taken on the way to the loss, which is no number."""
    graph, flow = case.graph, case.flow
    for op in (graph.op(n) for n in range(len(graph)) if graph.names[graph.op_name[n]] in _SPREADS):
        shapes = [graph.value(v).shape for v in (*op.inputs[:1], *op.outputs[:1])]
        sizes = [prod(size or 0 for size in shape) for shape in shapes if shape is not None]
        if len(sizes) == 2 and sizes[0] == sizes[1] and any(flow.influences(v) for v in op.outputs):
            return op.span
    return None


def _is_smooth(birth: Birth) -> bool:
    """Whether it is a power with a number of 1 or more as its exponent: finite numbers have a finite slope there."""
    place = birth.case.graph.op(birth.edge.op).span
    node = source.node_at(place) if birth.name == "pow" and place is not None else None
    given = [node.right] if isinstance(node, ast.BinOp) else node.args if isinstance(node, ast.Call) else []
    value = getattr(given[-1], "value", None) if given else None
    return isinstance(value, (int, float)) and value >= 1


def unmeasured(case: Case) -> list[Edge]:
    """The operations with a pole of which nothing was measured: those in the body of a function, a loop or a branch."""
    graph, flow, value = case.graph, case.flow, case.parameter.value
    todo, found = [value] if graph.cotangents and value >= 0 else [], dict[int, Edge]()
    met = set(todo)
    for one in todo:  # grows on the way
        ahead = [(reader, v) for reader in flow.readers(one) for v in graph.outputs(reader) if flow.carries(v)]
        for op, made in ahead:
            edge, seen = Edge(one, op, made, None), graph.cotangents.get(made, "unknown")
            if seen == "nonfinite":
                return []  # it comes from beyond
            if seen == "unknown" and made not in met:
                met.add(made)
                todo.append(made)
            is_hidden = seen == graph.cotangents.get(one, "unknown") == "unknown" and name_of(case, edge) in WAYS
            if is_hidden and not _is_smooth(Birth(case, edge, (edge,))):
                found.setdefault(op, edge)
    return list(found.values())


def suspected(case: Case, edges: Sequence[Edge]) -> Explanation | None:
    """The one operation with a pole that was not measured; of several it is not known which."""
    if len(edges) != 1:
        return None
    told = tell(Birth(case, edges[0], edges), WAYS[name_of(case, edges[0])])
    return replace(told, proof=Proof("inferred", True, _ALONE))


def _at_point(case: Case, told: Explanation, what: str, value: int) -> Explanation:
    """With the element that does it, where that is known."""
    point = case.graph.points.get(value)
    return told if point is None else replace(told, notes=(f"{what} is {point}",))


def _is_undefined(case: Case, edge: Edge) -> bool:
    """Whether an operation gives NaN because something infinite goes into it."""
    if not _is_nan(case, edge.sink):
        return False
    name = name_of(case, edge)
    return name in _OF_INFINITE or (_INFINITE in case.graph.points[edge.sink] and WAYS.get(name) is not EMPTY)


def _first_break(case: Case) -> Edge | None:
    """Where the forward pass itself stops being finite, on the way to a loss that is not finite either.

    What was not finite before anything was computed stands for itself, and the operation that reads it is its place.
    """
    graph, flow = case.graph, case.flow
    for value in sorted(graph.breaks, key=graph.value_op.__getitem__):
        op = graph.value_op[value]
        if op < 0 or not graph.inputs(op) or graph.op(op).name.startswith(_GIVES):
            readers = [one for one in flow.readers(value) if any(map(flow.influences, graph.outputs(one)))]
            if readers and value not in weights(flow):
                return Edge(value, readers[0], graph.outputs(readers[0])[0], None)
        elif flow.influences(value):
            edge = Edge(graph.inputs(op)[0], op, value, None)
            if name_of(case, edge) in WAYS or name_of(case, edge) in _SLOPES or value in graph.points:
                return edge
    return None


def _is_chosen_among(case: Case, edge: Edge) -> bool:
    """Whether all that comes of the operation's result, element by element, goes into one that takes some elements."""
    graph, flow, value = case.graph, case.flow, edge.sink
    for _ in range(_FAR):
        readers = [op for op in flow.readers(value) if any(flow.carries(made) for made in graph.outputs(op))]
        names = {graph.op(op).name.lower() for op in readers}
        if len(readers) != 1 or not names <= _ELEMENTWISE:
            return bool(readers) and names <= _CHOOSES
        value = graph.outputs(readers[0])[0]
    return False
