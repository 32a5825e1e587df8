"""Gradients that exist and do not help, as whole runs: a session around the recorder, in one process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

import tensorflow_nonfinite as nonfinite
import tensorflow_useless as useless
from tensorflow_useless import X, dense
from whygrad.finding import Finding
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


def findings_of(program: Callable[[], None]) -> list[Finding]:
    session = Session(["program.py"], 10, lambda finding: None)
    recorder = TensorFlow()
    session.recorders.append(recorder)
    _ = keras.layers.Layer  # Keras is loaded lazily
    recorder.start(session)
    program()
    report = session.close(0, None)
    assert report.notes == ()
    return [f for f in report.findings if f.severity != "note"]


@pytest.mark.parametrize(
    ("program", "cause", "paths"),
    [
        (useless.dead_relu, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.dead_relu_for_long, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.dead_relu_compiled, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.nothing_but_zeros, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.fed_zeros, "zero-gradient", {"lost/simple_rnn_cell/kernel"}),
        (useless.settled_softmax, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (nonfinite.root_at_zero, "nonfinite-gradient", {"lost/kernel"}),
        (nonfinite.root_at_zero_compiled, "nonfinite-gradient", {"lost/kernel"}),
        (nonfinite.root_at_zero_fitted, "nonfinite-gradient", {"lost/kernel"}),
        (useless.handed_zeros, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.left_out, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.never_applied, "not-updated", {"lost/kernel", "lost/bias"}),
        (nonfinite.overflow_forward, "nonfinite-gradient", {"lost/kernel"}),
        (nonfinite.overflow_forward_compiled, "nonfinite-gradient", {"lost/kernel"}),
        (useless.read_twice, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.no_rate, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.no_rate_fitted, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.put_back, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.copied, "not-updated", {"lost/kernel", "lost/bias"}),
        (useless.dead_behind_noise, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (useless.dead_on_a_dataset, "zero-gradient", {"lost/kernel", "lost/bias", "model/lost_too/kernel"}),
        (useless.dead_on_a_generator, "zero-gradient", {"lost/kernel", "lost/bias", "model/lost_too/kernel"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_gradient_that_does_not_help(program: Callable[[], None], cause: str, paths: set[str]) -> None:
    findings = findings_of(program)
    assert {f.cause for f in findings} == {cause}
    assert {p.path for f in findings for p in f.parameters} == paths
    assert all(f.culprit is not None and f.culprit.file == program.__code__.co_filename for f in findings)


@pytest.mark.parametrize(
    ("program", "made"),
    [
        (useless.no_rate, "keras.optimizers.SGD(rate)"),
        (useless.no_rate_fitted, "keras.optimizers.SGD(0.0)"),
        (useless.no_rate_scheduled, "keras.optimizers.SGD(schedule)"),
    ],
)
def test_a_learning_rate_of_zero_is_told_where_the_optimizer_is_made(program: Callable[[], None], made: str) -> None:
    (finding,) = findings_of(program)
    assert finding.culprit is not None
    assert finding.culprit.code == made


@pytest.mark.parametrize(
    "program",
    [
        useless.factor_zero_at_first,
        useless.factor_zero_at_first_compiled,
        useless.bias_before_a_norm,
        useless.switched_on_late,
        useless.random_and_compiled,
        useless.two_optimizers,
        useless.front_filtered_away,
        useless.restored_between_tasks,
        useless.only_looked_at,
        nonfinite.infinite_beside,
    ],
)
def test_a_harmless_zero(program: Callable[[], None]) -> None:
    assert findings_of(program) == []


def test_a_compiled_step_is_measured_without_a_trace() -> None:
    """The copy that runs beside a step neither counts it twice nor draws its random numbers."""

    def trained() -> list[Any]:
        keras.utils.set_random_seed(0)
        layer, counter = dense("layer", 2), tf.Variable(0)
        generator = keras.random.SeedGenerator(1)
        optimizer = keras.optimizers.Adam(0.1)

        @tf.function
        def step() -> Any:
            counter.assign_add(1)
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(keras.random.dropout(layer(X), 0.5, seed=generator) ** 2)
            gradients = tape.gradient(value, layer.trainable_variables)
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))
            return value

        values = [float(step()) for _ in range(5)]
        return [values, counter.numpy(), layer.kernel.numpy().tolist(), generator.state.numpy().tolist()]

    plain = trained()
    recorded: list[Any] = []
    assert findings_of(lambda: recorded.extend(trained())) == []
    assert recorded == plain


def test_cotangents_are_let_go() -> None:
    recorder = TensorFlow()
    recorder.start(Session([], 10, lambda finding: None))
    layer = dense("layer")
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(tf.sqrt(layer(X) ** 2))
    gradient = weakref.ref(tape.gradient(value, layer.trainable_variables)[0])
    gc.collect()
    assert gradient() is None
    assert not recorder.hooks.values.latest.cotangents
    recorder.stop()
