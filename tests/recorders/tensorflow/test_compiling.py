"""Compiled steps: recording rests after some of their runs, and what is compiled later is recorded all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

import tensorflow_nonfinite as nonfinite
import tensorflow_useless as useless
from whygrad.finding import Report
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


class Run:
    """A session around the recorder, in this process."""

    def __init__(self, steps: int = 4) -> None:
        self.session, self.recorder = Session(["program.py"], steps, lambda finding: None), TensorFlow()
        self.session.recorders.append(self.recorder)
        _ = keras.layers.Layer  # Keras is loaded lazily
        self.recorder.start(self.session)

    def report(self) -> Report:
        report = self.session.close(0, None)
        assert report.notes == ()
        return report


def compiled(name: str = "weights", through: Callable[[Any], Any] = lambda h: h) -> Callable[[], Any]:
    """A training step with a tape inside."""
    w = tf.Variable([[0.5], [0.25]], name=name)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(through(tf.ones((4, 2)) @ w) - 3.0))
        (gradient,) = tape.gradient(loss, [w])
        if gradient is not None:
            w.assign_sub(0.1 * gradient)
        return loss

    return step


def fitted(optimizer: str = "sgd") -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.fit(tf.ones((64, 4)), tf.ones((64, 1)), batch_size=2, epochs=1, verbose=0)
    model.predict(tf.ones((4, 4)), verbose=0)


def stepped() -> None:
    step = compiled()
    for _ in range(20):
        step()


@pytest.mark.parametrize("program", [fitted, stepped])
def test_recording_rests_after_some_runs(program: Callable[[], None]) -> None:
    from tensorflow.python.eager import context
    from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction

    original, run = ConcreteFunction._call_flat, Run()
    assert ConcreteFunction._call_flat is not original
    program()
    assert not run.recorder.recording
    assert not context.context().op_callbacks
    assert ConcreteFunction._call_flat is original, "everything has been measured"
    assert run.report().findings == ()


@pytest.mark.parametrize(
    ("before", "program", "cause"),
    [
        (stepped, useless.dead_relu_compiled, "zero-gradient"),
        (stepped, useless.no_rate_fitted, "not-updated"),
        (stepped, lambda: compiled("lost", tf.stop_gradient)(), "stop-gradient"),
        (fitted, nonfinite.root_at_zero_fitted, "nonfinite-gradient"),
    ],
)
def test_what_is_compiled_later_is_recorded(
    before: Callable[[], None], program: Callable[[], None], cause: str
) -> None:
    run = Run()
    before()
    assert not run.recorder.recording
    program()
    assert [f.cause for f in run.report().findings if f.severity != "note"] == [cause]


def test_what_asks_for_nothing_lets_recording_rest() -> None:
    run = Run()
    stepped()
    heard = []
    tf.function(lambda x: (heard.append(run.recorder.recording), x + 1)[1])(1.0)
    assert heard == [True]
    assert not run.recorder.recording
    run.report()


def test_only_what_runs_is_measured() -> None:
    run = Run()
    fitted("adam")
    ran = [one.runs for one in run.recorder.runs._all]
    assert len(ran) == 2, "Keras' step is traced twice, once to make variables"
    assert min(ran) == 0 < max(ran)
    run.report()


def test_two_compiled_steps_make_one_step_of_a_loop() -> None:
    run = Run(steps=4)
    first, second = compiled(), compiled()
    for number in range(12):
        first()
        assert run.recorder.recording == (number < 5)
        second()
    assert not run.recorder.recording
    run.report()
