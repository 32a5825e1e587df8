"""What is known of TensorFlow's operations without asking it, beside what it answers."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf
from tensorflow.python.framework import ops as framework

from whygrad.recorders.tensorflow.ops import COMMON, Facts, Table, _probe, trainable

pytestmark = pytest.mark.tensorflow
CALLS = {
    "Add": lambda x: tf.raw_ops.Add(x=x, y=x),
    "AddV2": lambda x: x + x,
    "BiasAdd": lambda x: tf.nn.bias_add(x, x[0]),
    "Sub": lambda x: x - 1.0,
    "Mul": lambda x: x * x[0],
    "Neg": lambda x: -x,
    "Square": lambda x: tf.square(x),
    "MatMul": lambda x: x @ tf.ones((3, 1)),
    "BatchMatMulV2": lambda x: x[None] @ tf.ones((1, 3, 1)),
    "Conv2D": lambda x: tf.nn.conv2d(tf.ones((1, 4, 4, 1)), tf.ones((2, 2, 1, 1)), 1, "VALID"),
    "Relu": lambda x: tf.nn.relu(x),
    "Tanh": lambda x: tf.tanh(x),
    "Mean": lambda x: tf.reduce_mean(x),
    "Sum": lambda x: tf.reduce_sum(x, 0),
    "GatherV2": lambda x: tf.gather(x, [0, 1]),
}


def facts_of(name: str) -> Facts:
    """Those of the one operation of its name that a call runs."""
    graph = tf.function(CALLS[name]).get_concrete_function(tf.TensorSpec((2, 3))).graph
    op: Any = next(op for op in graph.get_operations() if op.type == name)
    spec = [[(t.dtype.as_datatype_enum, tuple(t.shape)) for t in side] for side in (op.inputs, op.outputs)]
    return Facts(name, tuple(spec[0]), tuple(spec[1]), node=op)


def test_each_common_operation_is_called() -> None:
    assert set(CALLS) == COMMON


@pytest.mark.parametrize("name", sorted(COMMON))
def test_what_is_never_probed_carries_to_every_input_that_can_have_a_gradient(name: str) -> None:
    facts = facts_of(name)
    silent, zero = _probe(facts, framework.gradient_registry.lookup(name))
    floats = {i for i, (dtype, _) in enumerate(facts.inputs) if trainable(dtype)}
    assert floats
    assert not floats & (silent | zero)
    assert not floats & {barrier.input for barrier in Table().barriers(facts)}
