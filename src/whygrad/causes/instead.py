"""What to use, or to call, in the place of what takes a value out of a framework."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from whygrad import source
from whygrad.causes.cause import ANY, Case, quoted, spoken
from whygrad.span import Span
from whygrad.ways import Cut

# Python's own functions that compare values, and what compares them in the framework.
_PICKING: Mapping[str, Mapping[str, str]] = {
    "tensorflow": {"min": "`tf.minimum`", "max": "`tf.maximum`"},
    "torch": {"min": "`torch.clamp(..., max=...)`", "max": "`torch.clamp(..., min=...)`"},
    "jax": {"min": "`jnp.minimum`", "max": "`jnp.maximum`"},
    "keras": {"min": "`keras.ops.minimum`", "max": "`keras.ops.maximum`"},
    ANY: {},
}
# The methods of a Keras model that run it and hand out arrays of NumPy.
_PREDICT = frozenset(("predict", "predict_on_batch"))
CALLED = "call the model itself, inside the block that records: `{model}(...)`"


def predicting(culprit: Span | None) -> str:
    """The model whose method hands out arrays of NumPy here."""
    node = source.node_at(culprit) if culprit is not None else None
    called = node.func if isinstance(node, ast.Call) else None
    return ast.unparse(called.value) if isinstance(called, ast.Attribute) and called.attr in _PREDICT else ""


def itself(case: Case, cut: Cut) -> str | None:
    """What to use where a parameter itself was taken out, and not what was computed with it."""
    graph, value = case.graph, case.parameter.value
    taken = any(
        d.value == value and d.stack and cut.span is not None and d.stack[0].place() == cut.span.place()
        for d in graph.departures
    )
    return f"use {quoted(case.parameter.name)} itself, in place of the number that it had" if taken else None


def picking(case: Case, culprit: Span | None) -> str | None:
    """What does in the framework what a built-in of Python's does here."""
    node = source.node_at(culprit) if culprit is not None else None
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    return spoken(_PICKING, case).get(name)
