"""The operations that are flat at some values, and what to say of each."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from whygrad import source
from whygrad.causes.alive.birth import Birth, configured, library_layer, tell
from whygrad.causes.cause import Explanation
from whygrad.causes.words import Words
from whygrad.ways import Edge

_CLIPPED = Words(
    "every value lies outside of the range of `{code}`",
    "flat outside of its range",
    "clip the gradient instead of the value, or start inside the range",
)
_FLAT = Words(
    "`{code}` is saturated",
    "flat at these values",
    "compute the loss from the logits, scale the input down, or start with smaller weights",
)
_SETTLED = Words(
    "`{code}` passes nothing on",
    "one entry of each row has all the weight, or what follows weighs all entries alike",
    "scale the input down or start with smaller weights, and look at what is computed of the result",
)
_LIMITED = Words(
    "no value that depends on it gets past the limit of `{code}`",
    "the limit is taken for every element",
    "start inside the limits, keep a slope beyond them (leaky_relu, elu), or limit the gradient instead of the value",
)
_LEFT_OUT = Words(
    "`{code}` takes other elements, never one that depends on it",
    "other elements are taken here",
    "use the part of the result that it computes",
)
_FILLED = Words(
    "`{code}` overwrites every element that depends on it",
    "overwritten in every element that counts",
    "look at the mask: where it is true the value is filled in, so it may be inverted",
)
_UNTAKEN = Words(
    "`{code}` takes another branch in every step",
    "the branch that depends on it is never taken",
    "look at what chooses the branch: it may be a counter that never moves",
)
HOOKED = Words(
    "the hook that `{code}` puts there answers zeros",
    "what the hook hands back is zero in every element",
    "let the hook hand back the gradient that is to go on, or nothing to leave it as it is",
)
_DROPPED = Words(
    "`{code}` drops every element, in every step",
    "nothing is left behind this",
    "look at its probability: it is a fraction, and 1 drops everything",
)
_VERTEX = Words(
    "`{code}` is given nothing but zeros, where it has no slope",
    "every element is 0 here, in every step",
    "look at where the zeros come from: a difference of a thing and itself, such as one input that is read twice",
)
_SAME = Words(
    "`{code}` compares a thing with itself, where it has no slope",
    "what is compared here is equal in every element, in every step",
    "look at what it is given: one of the two is to be something else, such as the target or the other input",
)
_CURVED = Words(
    "`{code}` takes the derivative of a rectifier's slope, and that is zero everywhere",
    "a rectifier has no second derivative",
    "use an activation that is curved (tanh, swish, softplus) where the loss is made of second derivatives",
)
_PART = Words(
    "of what `{code}` gives, the part that is computed with it is not used",
    "another part of the result is used",
    "use the part of the result that it computes, or leave it out (a second direction that nobody reads)",
)

# They pass the gradient on inside of their range alone.
_QUANTISED = "fakequantwithminmaxargs fakequantwithminmaxvars fakequantwithminmaxvarsperchannel"
# By the operation's name: what an operation does whenever zeros begin at it.
_WAYS: Mapping[str, Words] = {
    name: words
    for names, words in (
        ("cond", _UNTAKEN),
        ("register_hook backwardhookfunction", HOOKED),
        ("max min", _LIMITED),
        ("clamp clip clip_by_value clipbyvalue hardtanh hardsigmoid " + _QUANTISED, _CLIPPED),
        ("sigmoid tanh softsign erf sigmoid_focal_loss logistic", _FLAT),
        ("softmax", _SETTLED),
        ("masked_fill", _FILLED),
        ("dropout alpha_dropout feature_alpha_dropout dropout1d dropout2d dropout3d", _DROPPED),
        (
            "getitem select narrow index_select gather slice stridedslice where selectv2 maximum minimum "
            "select_n dynamic_slice",
            _LEFT_OUT,
        ),
    )
    for name in names.split()
}
# What a layer may do to its own result by an argument.
_ACTIVATIONS = (_CLIPPED, _FLAT, _SETTLED)
_CLIPS = frozenset(("clip_by_value", "clip"))
# They take the larger or the smaller of two, element by element.
_COMPARES = frozenset(("maximum", "minimum"))
# They have a slope everywhere but at zero.
_VERTICES = frozenset(("square", "abs", "squareddifference", "pow", "integer_pow"))
_COMPARISONS = frozenset(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"))
# The slopes of rectifiers, which are themselves steps.
_SLOPES = frozenset(("relugrad", "relu6grad", "leakyrelugrad"))
# Layers in one operation, which may run in two directions.
_RECURRENT = frozenset(("gru", "lstm", "rnn_tanh", "rnn_relu"))


def flat(birth: Birth) -> Explanation | None:
    """An operation that passes nothing on for what it was given."""
    words = _WAYS.get(birth.name)
    if words is None:
        return None
    if words is _LEFT_OUT and _is_clipping(birth):
        words = _CLIPPED
    elif birth.name in _COMPARES and not _is_computed_beside(birth):
        words = _LIMITED
    at = library_layer(birth) if words is _DROPPED else configured(birth) if words in _ACTIVATIONS else None
    return tell(birth, words, at=at)


def _is_computed_beside(birth: Birth) -> bool:
    """Whether a parameter takes part in the other operand."""
    inputs = birth.case.graph.inputs(birth.edge.op)
    return any(value in birth.case.flow.fed for value in inputs if value != birth.edge.source)


def _is_clipping(birth: Birth) -> bool:
    """Whether the script calls it clipping: some frameworks choose between elements for that."""
    span = birth.case.graph.op(birth.edge.op).span
    node = source.node_at(span) if span is not None else None
    function = node.func if isinstance(node, ast.Call) else None
    return (getattr(function, "attr", None) or getattr(function, "id", None)) in _CLIPS


def at_vertex(birth: Birth) -> Explanation | None:
    """An operation without a slope at zero that was given zeros, or gave them."""
    zeros = birth.case.graph.zeros
    if birth.name in _COMPARISONS and birth.edge.sink in zeros:
        return tell(birth, _SAME)
    if birth.name not in _VERTICES or not {*zeros} & {birth.edge.source, birth.edge.sink}:
        return None
    limit = _limit_before(birth)
    return tell(limit, _LIMITED) if limit is not None else tell(birth, _VERTEX)


def _limit_before(birth: Birth) -> Birth | None:
    """The limit that makes the zeros, where that is what an operation is given: nothing gets past it either."""
    graph = birth.case.graph
    op = graph.value_op[birth.edge.source]
    if op < 0 or birth.edge.source not in graph.zeros or not graph.inputs(op):
        return None
    below = [v for v in graph.inputs(op) if v in birth.case.flow.fed]
    found = replace(birth, edge=Edge((below or graph.inputs(op))[0], op, birth.edge.source, None))
    return found if found.name in _COMPARES and not _is_computed_beside(found) else None


def curved(birth: Birth) -> Explanation | None:
    """The slope of a rectifier, differentiated; beside what learns of first derivatives that takes nothing away."""
    asked = [p for p in birth.case.graph.parameters if p.asked]
    alone = all(p.gradient != "present" for p in asked)
    return tell(birth, _CURVED) if birth.name in _SLOPES and alone else None


def part_unused(birth: Birth) -> Explanation | None:
    """A direction of a recurrent layer: half of what it is given to learn gets zeros.

    Less than that are weights that met no state.
    """
    inputs = set(birth.case.graph.inputs(birth.edge.op))
    given = [p for p in birth.case.graph.parameters if p.value in inputs]
    is_half = 2 * sum(p.gradient == "zero" for p in given) >= len(given)
    return tell(birth, _PART) if birth.name in _RECURRENT and is_half else None
