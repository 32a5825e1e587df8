"""The operations that are flat at some values: when each of them turns a gradient to zeros, and what to say of it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from whygrad import source
from whygrad.causes.alive import Way, name_of
from whygrad.causes.cause import Case
from whygrad.ways import Edge

_RECTIFIERS = ("relu", "relu6")
# They make zeros of zeros: dropout is a product or a choice between it and zeros.
_KEEPING = frozenset("mul multiply identity reshape cast selectv2 select maxpool avgpool transpose squeeze".split())
_FARTHEST = 20


def is_single(case: Case, edge: Edge) -> bool:
    """Whether the operation runs over an axis of size one."""
    shape = case.graph.value(edge.source).shape or ()
    return 1 in shape


def meets_zeros(case: Case, edge: Edge) -> bool:
    """Whether another operand was zero in every element: a tensor of several, or a parameter."""
    parameters = {p.value for p in case.graph.parameters}
    others = [v for v in case.graph.inputs(edge.op) if v != edge.source and v in case.graph.zeros]
    return any(v in parameters or _elements(case, v) > 1 for v in others)


def is_zero_itself(case: Case, edge: Edge) -> bool:
    """Whether what the operation was given was zero in every element, or else what it gave."""
    return edge.source in case.graph.zeros or edge.sink in case.graph.zeros


def is_naught(case: Case, edge: Edge) -> bool:
    """Whether the operation multiplies by a zero that is written there: no other step brings another factor."""
    span = case.graph.op(edge.op).span
    node = source.node_at(span) if span is not None else None
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return False
    return any(isinstance(n, ast.Constant) and n.value == 0 and n.value is not False for n in (node.left, node.right))


def dead_factor(case: Case, edge: Edge) -> Edge | None:
    """The rectifier whose units are all off, if what it gives is the factor of zeros."""
    for value in case.graph.inputs(edge.op):
        if value != edge.source and value in case.graph.zeros:
            found = _rectifier(case, value)
            if found is not None:
                return found
    return None


def _rectifier(case: Case, value: int) -> Edge | None:
    """The rectifier that zeros come from, straight or through operations that make nothing else of zeros."""
    way = [value]
    for one in way:  # grows on the way
        made = case.graph.value_op[one]
        inputs = case.graph.inputs(made) if made >= 0 else ()
        if not inputs:  # a constructor of zeros reads nothing
            continue
        found = Edge(inputs[0], made, one, None)
        name = name_of(case, found)
        if name in _RECTIFIERS and (one == value or case.graph.cotangents.get(inputs[0]) == "zero"):
            return found
        way.extend(v for v in inputs if name in _KEEPING and v not in way and len(way) < _FARTHEST)
    return None


def _elements(case: Case, value: int) -> int:
    count = 1
    for size in case.graph.value(value).shape or ():
        count *= size or 1
    return count


def _is_half(case: Case, edge: Edge) -> bool:
    """Whether half of what the operation is given to learn gets zeros: a direction, not a weight that met no state."""
    inputs = set(case.graph.inputs(edge.op))
    given = [p for p in case.graph.parameters if p.value in inputs]
    return 2 * sum(p.gradient == "zero" for p in given) >= len(given)


def _always(case: Case, edge: Edge) -> bool:
    return True


DEAD = Way(
    "every unit of `{code}` is off",
    "no unit that matters is on here",
    "leaky_relu, elu or gelu keep a slope; or start from smaller weights, a positive bias, a smaller learning rate",
)
CLIPPED = Way(
    "every value lies outside of the range of `{code}`",
    "flat outside of its range",
    "clip the gradient instead of the value, or start inside the range",
)
FLAT = Way(
    "`{code}` is saturated",
    "flat at these values",
    "compute the loss from the logits, scale the input down, or start with smaller weights",
)
SINGLE = Way(
    "`{code}` runs over an axis of size one, so that its result is constant",
    "constant whatever comes in",
    "normalise over the axis that holds the choices, or use a sigmoid for a single one",
)
MASKED = Way(
    "`{code}` multiplies it by zeros",
    "the other factor is zero in every element",
    "start one of the two factors with small random values, or look at where the zeros come from",
)
VERTEX = Way(
    "`{code}` is given nothing but zeros, where it has no slope",
    "every element is 0 here, in every step",
    "look at where the zeros come from: a difference of a thing and itself, such as one input that is read twice",
)
NAUGHT = Way(
    "`{code}` multiplies it by 0",
    "the factor is 0",
    "use what it computes in the loss, or take it out of the model and the optimizer",
)
LEFT_OUT = Way(
    "`{code}` takes other elements, never one that depends on it",
    "other elements are taken here",
    "use the part of the result that it computes",
)

FILLED = Way(
    "`{code}` overwrites every element that depends on it",
    "overwritten in every element that counts",
    "look at the mask: where it is true the value is filled in, so it may be inverted",
)

PART = Way(
    "of what `{code}` gives, the part that is computed with it is not used",
    "another part of the result is used",
    "use the part of the result that it computes, or leave it out (a second direction that nobody reads)",
)

UNTAKEN = Way(
    "`{code}` takes another branch in every step",
    "the branch that depends on it is never taken",
    "look at what chooses the branch: it may be a counter that never moves",
)
LIMITED = Way(
    "no value that depends on it gets past the limit of `{code}`",
    "the limit is taken for every element",
    "start inside the limits, keep a slope beyond them (leaky_relu, elu), or limit the gradient instead of the value",
)
HOOKED = Way(
    "the hook that `{code}` puts there answers zeros",
    "what the hook hands back is zero in every element",
    "let the hook hand back the gradient that is to go on, or nothing to leave it as it is",
)
IDLE = Way(
    "the loop hands back the state that it was given, so that its weights meet zeros in every turn",
    "the new state is not handed on here",
    "hand back the new state as the one that is carried on",
)

# What a layer may do to its own result by an argument.
ACTIVATIONS = (DEAD, CLIPPED, FLAT, SINGLE)

# By the operation's name, lower case: when it holds, and what to say.
WAYS: Mapping[str, tuple[Callable[[Case, Edge], bool], Way]] = {
    name: row
    for names, row in (
        (
            "softmax log_softmax logsoftmax cross_entropy nll_loss softmaxcrossentropywithlogits "
            "sparsesoftmaxcrossentropywithlogits",
            (is_single, SINGLE),
        ),
        ("cond", (_always, UNTAKEN)),
        ("register_hook", (_always, HOOKED)),
        ("max min", (_always, LIMITED)),
        ("square abs squareddifference", (is_zero_itself, VERTEX)),
        ("relu relu6 threshold clamp_min elu_ hardswish", (_always, DEAD)),
        ("clamp clip clip_by_value clipbyvalue hardtanh hardsigmoid", (_always, CLIPPED)),
        ("sigmoid tanh softsign erf sigmoid_focal_loss logistic", (_always, FLAT)),
        (
            "mul multiply linear matmul mm bmm addmm baddbmm einsum batchmatmulv2 conv1d conv2d conv3d dot_general "
            "conv_general_dilated",
            (meets_zeros, MASKED),
        ),
        ("masked_fill masked_fill_", (_always, FILLED)),
        (
            "gru lstm rnn_tanh rnn_relu",
            (_is_half, PART),
        ),
        (
            "getitem select narrow index_select gather slice stridedslice where select selectv2 maximum minimum "
            "select_n dynamic_slice",
            (_always, LEFT_OUT),
        ),
    )
    for name in names.split()
}
