"""A product whose other factor is zero in every element."""

from __future__ import annotations

import ast
from dataclasses import replace
from math import prod

from whygrad import source
from whygrad.causes.alive.birth import Birth, name_of, tell
from whygrad.causes.alive.idle import handed_back
from whygrad.causes.cause import Case, Explanation, in_package
from whygrad.causes.learning import computed_with, values_trained, weights
from whygrad.causes.words import Words
from whygrad.graph import Graph
from whygrad.span import Span
from whygrad.spec import CARRY
from whygrad.ways import Edge

MULTIPLIES = frozenset(
    "mul multiply linear matmul mm bmm addmm baddbmm einsum batchmatmulv2 conv1d conv2d conv3d dot_general "
    "conv_general_dilated".split()
)
_VARIABLE = "resource"
_SIZES = ("int", "uint", "bool")
_HANDED_ON = frozenset((CARRY, "Identity"))
_TIMES = frozenset(("mul", "rmul", "multiply"))
_MASKED = Words(
    "`{code}` multiplies it by zeros",
    "the other factor is zero in every element",
    "start one of the two factors with small random values, or look at where the zeros come from",
)
_BLANKED = Words(
    "`{code}` gives zeros in every element, and nothing comes back through them",
    "zeros from here on: one of the two factors is a constant, and zero in every element",
    "look at the constant: a mask that lets nothing through, or an index that is off",
)
_NAUGHT = Words(
    "`{code}` multiplies it by 0",
    "the factor is 0",
    "use what it computes in the loss, or take it out of the model and the optimizer",
    wrong_cure="`+ 0 * p.sum()` only keeps the missing gradient from being noticed: what learns from it is nothing",
)
_ALL_OF_IT = Words(
    "`{code}` multiplies the loss by 0",
    "the factor is 0",
    "leave the factor out: nothing is learned from a loss that is always 0",
)
_NOTHING = Words(
    "`{code}` multiplies all that is to be learned from by 0",
    "the other factor is 0",
    "look at where the 0 comes from: a weight that is never raised, or a number that is too small for its dtype",
)
_IDLE = Words(
    "the loop hands back the state that it was given, so that its weights meet zeros in every turn",
    "the new state is not handed on here",
    "hand back the new state as the one that is carried on",
)
_FIRST = Words(
    "`{code}` runs over one step only, and its state of before that is zero",
    "the state that these weights meet is what the layer begins with",
    "hand it sequences of more than one step where that is not meant: look at which axis is that of time",
)


def naught(birth: Birth) -> Explanation | None:
    """A zero that is written there: no other step brings another factor."""
    span = birth.case.graph.op(birth.edge.op).span if birth.name in _TIMES else None
    node = source.node_at(span) if span is not None else None
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    is_zero = any(
        isinstance(n, ast.Constant) and n.value == 0 and n.value is not False for n in (node.left, node.right)
    )
    whole = set(birth.case.graph.targets) & set(birth.case.graph.outputs(birth.edge.op))
    return tell(birth, _ALL_OF_IT if whole else _NAUGHT) if is_zero else None


def idle(birth: Birth) -> Explanation | None:
    """The state of a recurrent loop that never moves from its first zeros."""
    place = handed_back(birth.case, birth.edge) if _meets_zeros(birth.case, birth.edge) else None
    return tell(birth, _IDLE, "the state is zero in every turn", place) if place is not None else None


def first_state(birth: Birth) -> Explanation | None:
    """Weights for what was before, in a library's layer that never gets beyond its first step: nothing is broken."""
    if not all(_meets_zeros(birth.case, edge) and _is_first(birth.case, edge) for edge in birth.edges):
        return None
    return replace(tell(birth, _FIRST), severity="note")


def _is_first(case: Case, edge: Edge) -> bool:
    """Whether the zeros are a constant that a library's layer around the operation makes."""
    graph = case.graph
    others = [v for v in graph.inputs(edge.op) if v in graph.zeros and v != edge.source]
    ops = [_begun(graph, v) for v in others]
    return bool(ops) and all(op >= 0 and _makes_its_own(graph, op, edge.op) for op in ops)


def _begun(graph: Graph, value: int) -> int:
    """The operation that made a value, or the loop that begins with it."""
    op = graph.value_op[value]
    while op >= 0 and _is_handed_on(graph, op) and graph.value_op[graph.inputs(op)[0]] >= 0:
        op = graph.value_op[graph.inputs(op)[0]]
    return op


def _is_handed_on(graph: Graph, op: int) -> bool:
    return graph.names[graph.op_name[op]] in _HANDED_ON


def _makes_its_own(graph: Graph, op: int, reader: int) -> bool:
    scope = graph.names[graph.op_scope[op]]
    layer = graph.layer(scope) if scope else None
    around = f"{graph.names[graph.op_scope[reader]]}/".startswith(f"{scope}/")
    # The sizes of a constant may be computed.
    inputs = graph.inputs(op)[:1] if _is_handed_on(graph, op) else graph.inputs(op)
    # What is read from a store of tensors (a handle) is no constant either.
    kinds = [graph.value(v).dtype for v in inputs]
    made = (graph.value_op[v] >= 0 for v, kind in zip(inputs, kinds, strict=True) if not kind.startswith(_SIZES))
    constant = _VARIABLE not in kinds and not any(made)
    return around and layer is not None and layer.forward is None and constant


def masked(birth: Birth) -> Explanation | None:
    """Zeros on every way: where one way meets something else, that is a gradient that vanishes over many turns."""
    if not all(_meets_zeros(birth.case, edge) for edge in birth.edges):
        return None
    place = next((span for span in _blanked(birth.case, birth.edge) if not in_package(span)), None)
    return tell(birth, _BLANKED, at=place) if place is not None else tell(birth, _MASKED)


def _blanked(case: Case, edge: Edge) -> tuple[Span, ...]:
    """The frames of the product that made the other factor zero: of something that learns and a constant of zeros."""
    graph, held = case.graph, weights(case.flow)
    learned = computed_with(case.flow, values_trained(case.flow))
    op = edge.op
    for _ in range(len(graph)):  # a loop may lead back to its own head
        zeros = [v for v in graph.inputs(op) if v in graph.zeros and v != edge.source]
        before = next((v for v in zeros if v in learned), None)
        if before is not None:
            op = graph.value_op[before]
            continue
        constant = zeros and held.isdisjoint(zeros) and not (learned | held).isdisjoint(graph.inputs(op))
        multiplies = graph.names[graph.op_name[op]].lower().strip("_") in MULTIPLIES
        return graph.op(op).stack if op != edge.op and constant and multiplies else ()
    return ()


def nothing_left(birth: Birth) -> Explanation | None:
    """A number that is 0 times all that there is to learn from: where other terms learn, its weight may still rise."""
    graph, edges = birth.case.graph, birth.edges
    others = {v for v in graph.inputs(birth.edge.op) if v != birth.edge.source and v in graph.zeros}
    dead = all(p.gradient == "zero" for p in graph.parameters if p.asked)
    alone = len({edge.op for edge in edges}) == 1 and name_of(birth.case, birth.edge) in _TIMES
    return tell(birth, _NOTHING) if dead and alone and others and birth.edge.source not in graph.zeros else None


def _meets_zeros(case: Case, edge: Edge) -> bool:
    """Whether the other factor was zero in every element: a tensor of several, or a parameter."""
    if name_of(case, edge) not in MULTIPLIES:
        return False
    others = [v for v in case.graph.inputs(edge.op) if v != edge.source and v in case.graph.zeros]
    return any(v in weights(case.flow) or _elements(case, v) > 1 for v in others)


def _elements(case: Case, value: int) -> int:
    return prod(size or 1 for size in case.graph.value(value).shape or ())
