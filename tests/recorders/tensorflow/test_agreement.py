"""TensorFlow's ways to train, each healthy and cut: TensorFlow's own answer, the graph's, and the words agree.

A program is given ``through``, which it puts between its lower part (named ``below``) and the loss. In the healthy
program it is the identity; in the cut one it is ``cut``, whose one line is the culprit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import tensorflow as tf
import tf_keras

from hearing import Ear
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.graph import Graph

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
Through = Callable[[Any], Any]
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def same(t: Any) -> Any:
    return t * 1.0


def cut(t: Any) -> Any:
    return tf.stop_gradient(t) * 1.0


CULPRIT = inspect.getsourcelines(cut)[1] + 1


# -- Keras: each program is run with Keras 3 and with tf_keras ------------------------------------------------


def small(k: Any, through: Through, heads: int = 1) -> Any:
    inputs = k.Input((4,))
    hidden = k.layers.Dense(3, "tanh", name="below")(inputs)
    hidden = k.layers.Lambda(through, output_shape=(3,))(hidden)
    return k.Model(inputs, [k.layers.Dense(1, name=f"above_{i}", dtype="float32")(hidden) for i in range(heads)])


def fit(k: Any, model: Any, optimizer: Any = "sgd", **how: Any) -> None:
    model.compile(optimizer, "mse", **how)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)


def fitted(k: Any, through: Through) -> None:
    fit(k, small(k, through))


def fitted_with_jit(k: Any, through: Through) -> None:
    fit(k, small(k, through), jit_compile=True)


def fitted_eagerly(k: Any, through: Through) -> None:
    fit(k, small(k, through), run_eagerly=True)


def fitted_many_steps_at_once(k: Any, through: Through) -> None:
    fit(k, small(k, through), steps_per_execution=2)


def fitted_clipped(k: Any, through: Through) -> None:
    fit(k, small(k, through), k.optimizers.Adam(0.1, global_clipnorm=1.0))


def fitted_accumulating(k: Any, through: Through) -> None:
    more = {} if k is tf_keras else {"gradient_accumulation_steps": 2}
    fit(k, small(k, through), k.optimizers.SGD(0.1, **more))


def fitted_in_half_precision(k: Any, through: Through) -> None:
    before = k.mixed_precision.global_policy() if k is tf_keras else k.mixed_precision.dtype_policy()
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        fit(k, small(k, through), "adam")
    finally:
        k.mixed_precision.set_global_policy(before)


def scaled_by_hand(k: Any, through: Through) -> None:
    model, optimizer = small(k, through), k.mixed_precision.LossScaleOptimizer(k.optimizers.SGD(0.1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(X, training=True)[0] - Y))
        scaled = optimizer.get_scaled_loss(loss) if k is tf_keras else optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_variables)
    if k is tf_keras:
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(
        [(g, v) for g, v in zip(gradients, model.trainable_variables, strict=False) if g is not None]
    )


def fitted_on_two_losses(k: Any, through: Through) -> None:
    model = small(k, through, heads=2)
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])
    model.fit(X, [Y, Y], verbose=0)


def trained_on_batch(k: Any, through: Through) -> None:
    model = small(k, through)
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)


def fitted_by_own_step(k: Any, through: Through) -> None:
    class Own(k.Model):  # type: ignore[name-defined,misc]
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True)[0] - y))
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(
                [(g, v) for g, v in zip(gradients, variables, strict=False) if g is not None]
            )
            return {"loss": loss}

    inner = small(k, through)
    fit(k, Own(inner.inputs, inner.outputs))


def two_replicas() -> Any:
    """TensorFlow's collective operations do not stand several strategies in one process: so without them."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())


def fitted_on_two_replicas(k: Any, through: Through) -> None:
    with two_replicas().scope():
        fit(k, small(k, through))


KERAS = [
    fitted,
    fitted_with_jit,
    fitted_eagerly,
    fitted_many_steps_at_once,
    fitted_clipped,
    fitted_accumulating,
    fitted_in_half_precision,
    scaled_by_hand,
    fitted_on_two_losses,
    trained_on_batch,
    fitted_by_own_step,
    fitted_on_two_replicas,
]

# -- TensorFlow: each program gives a step, which is run eagerly and traced -------------------------------------


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
        total = [t if g is None else t + g for t, g in zip(total, gradients, strict=False)]
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


def judged(graphs: Iterable[Graph]) -> set[tuple[str, str, int | None]]:
    """(parameter, cause, line) of every finding, after the checks that hold for every graph."""
    found = set()
    for graph in graphs:
        spec.check(graph)
        assert agrees(graph) == []
        for finding in diagnose(graph):
            line = None if finding.culprit is None else finding.culprit.line
            found.update((p.path, finding.cause, line) for p in finding.parameters)
    return found


def check(ear: Ear, is_cut: bool) -> None:
    assert ear.graphs
    found = judged(ear.graphs)
    below = {p.path for graph in ear.graphs for p in graph.parameters if p.asked and "below" in p.path}
    assert below
    assert found == ({(path, "stop-gradient", CULPRIT) for path in below} if is_cut else set())


@pytest.mark.parametrize("through", [same, cut])
@pytest.mark.parametrize("k", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("program", KERAS)
def test_training_with_keras(program: Callable[[Any, Through], None], k: Any, through: Through, ear: Ear) -> None:
    program(k, through)
    check(ear, through is cut)


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
