"""The recorder as a guest: it changes no number, keeps no tensor, leaves no hook, records nothing needless."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from tensorflow_training import X, Y, mlp, train
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.recorders.frames import OURS
from whygrad.recorders.tensorflow import TensorFlow

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


def _namespaces() -> list[dict[str, Any]]:
    from keras.src.layers.layer import Layer
    from keras.src.optimizers.base_optimizer import BaseOptimizer
    from tensorflow.python.eager import backprop, imperative_grad, record
    from tensorflow.python.eager.polymorphic_function import tracing_compilation
    from tensorflow.python.eager.polymorphic_function.atomic_function import AtomicFunction
    from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction
    from tensorflow.python.framework import constant_op, ops
    from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable

    owners = (
        backprop.GradientTape, record, AtomicFunction, constant_op, ops._EagerTensorBase, BaseResourceVariable, Layer,
        threading.Thread, imperative_grad, BaseOptimizer, ConcreteFunction, tracing_compilation,
    )  # fmt: skip
    return [dict(vars(owner)) for owner in owners]


def test_every_hook_is_gone_after_stop() -> None:
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    from whygrad.recorders.tensorflow.crossings import _slots

    _ = keras.layers.Layer
    before, slot = _namespaces(), _slots(ops.EagerTensor)
    recorder = TensorFlow()
    recorder.start(Ear())
    during = _namespaces()
    train(mlp())
    recorder.stop()
    assert any(a != b for a, b in zip(before, during, strict=True))
    assert _namespaces() == before
    assert _slots(ops.EagerTensor) == slot
    assert context.context().op_callbacks == []


def test_the_frameworks_own_passes_run_without_our_callback(ear: Ear) -> None:
    from tensorflow.python.eager import context

    inside: list[int] = []

    class Looking(keras.optimizers.SGD):
        def update_step(self, *args: Any, **kwargs: Any) -> None:
            inside.append(len(context.context().op_callbacks))
            super().update_step(*args, **kwargs)

    weight, optimizer = tf.Variable(1.0), Looking(0.1)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = weight * 2.0
        optimizer.apply_gradients([(tape.gradient(loss, weight), weight)])
        assert len(context.context().op_callbacks) == 1
    assert inside == [0, 0]


def test_no_tensor_is_kept_alive(ear: Ear) -> None:
    with tf.GradientTape() as tape:
        w = tf.Variable([1.0, 2.0])
        hidden = w * 3.0
        alive = weakref.ref(hidden)
        loss = tf.reduce_sum(hidden)
    tape.gradient(loss, [w])
    del hidden, tape, loss
    assert alive() is None


def test_what_a_dataset_closes_over_is_not_kept_alive(ear: Ear) -> None:
    def looked_up() -> weakref.ref[Any]:
        table = tf.range(10.0)
        batches = tf.data.Dataset.range(4).map(lambda row: tf.gather(table, row))
        assert [float(each) for each in batches] == [0.0, 1.0, 2.0, 3.0]
        return weakref.ref(table)

    alive = looked_up()
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("way", ["eager", "function", "fit"])
def test_a_training_step_leaves_no_tensor_alive(way: str, ear: Ear) -> None:
    alive: list[weakref.ref[Any]] = []

    class Probe(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            if tf.executing_eagerly():
                alive.append(weakref.ref(x))
            return x * 1.0

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5), Probe(), keras.layers.Dense(1)])
    alive.clear()
    if way == "fit":
        model.compile("sgd", "mse", run_eagerly=True)
        model.fit(X, Y, verbose=0)
    else:
        forward = tf.function(lambda x: x * 2.0) if way == "function" else tf.identity

        def step() -> None:
            hidden = forward(tf.constant(X))
            alive.append(weakref.ref(hidden))
            train(model, hidden)

        step()
    assert alive
    assert [one() for one in alive] == [None] * len(alive)


def test_a_backward_pass_is_one_cut_operation(ear: Ear) -> None:
    w, v = tf.Variable([2.0, 3.0], name="w"), tf.Variable([1.0, 1.0], name="v")
    with tf.GradientTape() as inner:
        loss = tf.reduce_sum(w * w)
    (slope,) = inner.gradient(loss, [w])
    with tf.GradientTape() as tape:
        tape.watch(slope)
        loss = tf.reduce_sum(slope * v) + tf.reduce_sum(slope)
    tape.gradient(loss, [w, v])
    graph = ear.graphs[-1]
    spec.check(graph)
    assert agrees(graph) == []
    assert [op.name for op in graph.ops()].count("gradient") == 2  # one per request
    (finding,) = diagnose(graph)
    assert [p.path for p in finding.parameters] == ["w"]
    assert finding.cause == "recording-off"


def test_an_optimizer_is_not_recorded_unless_a_tape_is_open(ear: Ear) -> None:
    w, optimizer = tf.Variable(2.0), keras.optimizers.SGD(0.1)
    optimizer.build([w])
    recorder = ear.recorder
    before = len(recorder.log.entries)
    optimizer.apply([tf.constant(1.0)], [w])
    assert len(recorder.log.entries) == before
    with tf.GradientTape():
        optimizer.apply([tf.constant(1.0)], [w])
    assert len(recorder.log.entries) > before


def test_recording_changes_no_number() -> None:
    def losses() -> list[float]:
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
        )
        optimizer, seen = keras.optimizers.Adam(0.1), []
        for _ in range(10):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(X, training=True) - Y))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            seen.append(float(loss))
        return seen

    plain = losses()
    recorder = TensorFlow()
    recorder.start(Ear())
    recorded = losses()
    recorder.stop()
    assert recorded == plain


def test_tensorflow_keeps_no_frame_of_ours_with_an_operation(ear: Ear) -> None:
    made: list[Any] = []

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(x * x)
        made.append(tape.gradient(loss, x))
        return loss

    step(tf.ones(2))
    files = [frame.filename for frame in made[0].op.traceback]
    assert __file__ in files
    assert not any(file.startswith(OURS) for file in files)
    assert ear.graphs[0].request[0].file == __file__  # and not the file that AutoGraph has written
