"""TensorFlow's ways to make a step, eager and traced, each healthy and cut: all answers agree.

A program is given ``through``, which it puts between its lower part (named ``below``) and the loss. In the healthy
program it is the identity; in the cut one it is ``cut``, whose one line is the culprit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import tensorflow as tf

from hearing import Ear
from tensorflow_through import Through, X, Y, check, cut, judged, same, two_replicas

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


class Module(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.below = tf.Variable(tf.ones((4, 3)), name="below")
        self.above = tf.Variable(tf.ones((3, 1)), name="above")

    def __call__(self, x: Any, through: Through) -> Any:
        return through(x @ self.below) @ self.above


def mean_square(t: Any) -> Any:
    return tf.reduce_mean(tf.square(t))


def module(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        loss = mean_square(net(X, through) - Y)
    tape.gradient(loss, net.trainable_variables)


def ragged(through: Through, net: Module) -> None:
    rows = tf.RaggedTensor.from_row_lengths(tf.constant(X), [3, 0, 5])
    with tf.GradientTape() as tape:
        hidden = rows.with_values(through(rows.values @ net.below))
        loss = mean_square(tf.reduce_sum(hidden, 1).to_tensor() if hidden.ragged_rank > 1 else
                           tf.reduce_sum(hidden, 1) @ net.above)  # fmt: skip
    tape.gradient(loss, [net.below, net.above])


def sparse(through: Through, net: Module) -> None:
    given = tf.sparse.from_dense(tf.constant(np.where(X > 0, X, 0)))
    with tf.GradientTape() as tape:
        loss = mean_square(through(tf.sparse.sparse_dense_matmul(given, net.below)) @ net.above)
    tape.gradient(loss, [net.below, net.above])


def indexed_slices(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        loss = mean_square(through(tf.gather(net.below, [0, 2, 2])) @ net.above)
    tape.gradient(loss, [net.below, net.above])


def tensor_array(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        rows = tf.TensorArray(tf.float32, 3)
        for i in tf.range(3):
            rows = rows.write(i, through(tf.constant(X) @ net.below) @ net.above * tf.cast(i, tf.float32))
        loss = mean_square(rows.stack())
    tape.gradient(loss, [net.below, net.above])


def recomputed(through: Through, net: Module) -> None:
    again = tf.recompute_grad(lambda x: tf.tanh(x @ net.below))
    with tf.GradientTape() as tape:
        loss = mean_square(through(again(tf.constant(X))) @ net.above)
    tape.gradient(loss, [net.below, net.above])


def nested_persistent(through: Through, net: Module) -> None:
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape(persistent=True) as inner:
            loss = mean_square(net(X, through))
        slopes = inner.gradient(loss, [net.above])
        penalty = mean_square(slopes[0])
    outer.gradient(loss, [net.below, net.above])
    outer.gradient(penalty, [net.below, net.above])


def jacobian(through: Through, net: Module) -> None:
    with tf.GradientTape(persistent=True) as tape:
        out = net(X[:2], through)
    tape.jacobian(out, [net.below, net.above])


def batch_jacobian(through: Through, net: Module) -> None:
    below = tf.constant(X, name="below")
    with tf.GradientTape() as tape:
        tape.watch(below)
        out = through(below * 2.0) @ net.below
    tape.batch_jacobian(out, below)


def zeros_for_none(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        loss = mean_square(net(X, through))
    tape.gradient(loss, [net.below, net.above], unconnected_gradients=tf.UnconnectedGradients.ZERO)


def watched_by_hand(through: Through, net: Module) -> None:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(net.trainable_variables)
        loss = mean_square(net(X, through))
    tape.gradient(loss, net.trainable_variables)


def accumulated(through: Through, net: Module) -> None:
    total = [tf.zeros_like(v) for v in net.trainable_variables]
    for part in (X[:4], X[4:]):
        with tf.GradientTape() as tape:
            loss = mean_square(net(part, through)) / 2.0
        gradients = tape.gradient(loss, net.trainable_variables)
        total = [t if g is None else t + g for t, g in zip(total, gradients, strict=True)]
    tf.clip_by_global_norm(total, 1.0)


def branches_and_loops(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        hidden = tf.constant(X) @ net.below
        hidden = tf.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, tf.tanh(h)), (0, hidden))[1]
        hidden = tf.cond(tf.reduce_sum(hidden) > 1e6, lambda: through(hidden * 2.0), lambda: through(hidden))
        loss = mean_square(hidden @ net.above)
    tape.gradient(loss, [net.below, net.above])


def python_function(through: Through, net: Module) -> None:
    with tf.GradientTape() as tape:
        # What is lost inside comes back as the number zero, which only elementwise operations take.
        hidden = tf.ensure_shape(tf.py_function(through, [net.below * 2.0], tf.float32), (4, 3))
        loss = mean_square(hidden @ net.above)
    tape.gradient(loss, [net.below, net.above])


STEPS = [
    module,
    ragged,
    sparse,
    indexed_slices,
    tensor_array,
    recomputed,
    nested_persistent,
    jacobian,
    batch_jacobian,
    zeros_for_none,
    watched_by_hand,
    accumulated,
    branches_and_loops,
    python_function,
]


@pytest.mark.parametrize("through", [same, cut])
@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_tensorflow(step: Callable[..., None], traced: bool, through: Through, ear: Ear) -> None:
    run = tf.function(step) if traced else step
    run(through, Module())
    check(ear, through is cut)


@pytest.mark.parametrize("through", [same, cut])
@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
def test_a_step_on_two_replicas(traced: bool, through: Through, ear: Ear) -> None:
    strategy = two_replicas()
    with strategy.scope():
        net = Module()

    def step() -> None:
        strategy.run(module, args=(through, net))

    (tf.function(step) if traced else step)()
    check(ear, through is cut)


@pytest.mark.parametrize("through", [same, cut])
def test_a_saved_model_is_trained_on(through: Through, ear: Ear, tmp_path: Any) -> None:
    net = Module()
    saved = tf.function(lambda x: net(x, through), input_signature=[tf.TensorSpec((None, 4))])
    whole = tf.Module()
    whole.net, whole.run = net, saved
    tf.saved_model.save(whole, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    with tf.GradientTape() as tape:
        loss = mean_square(loaded.run(tf.constant(X)))  # the line of the cut is not kept in the file
    tape.gradient(loss, [loaded.net.below, loaded.net.above])
    found = {(path, cause) for path, cause, _ in judged(ear.graphs)}
    assert found == ({("below", "stop-gradient")} if through is cut else set())
