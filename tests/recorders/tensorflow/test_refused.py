"""Losses that Keras refuses, zeros that TensorFlow can not make, optimizers that were built for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from whygrad.finding import Finding
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def findings_of(program: Callable[[], None], error: type[Exception] | None) -> list[Finding]:
    """What is told of a program that raises."""
    session, recorder = Session(["program.py"], 10, lambda finding: None), TensorFlow()
    session.recorders.append(recorder)
    _ = keras.layers.Layer  # Keras is loaded lazily
    recorder.start(session)
    said = None
    if error is None:
        program()
    else:
        with pytest.raises(error) as raised:
            program()
        said = f"{error.__name__}: {raised.value}"
    report = session.close(0 if said is None else 1, said)
    assert not [note for note in report.notes if "stopped to listen" in note]
    return [f for f in report.findings if f.severity != "note"]


def fitted(loss: Callable[[Any, Any], Any]) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    model.fit(X, Y, epochs=1, verbose=0)


def test_a_loss_without_a_shape_has_left_tensorflow() -> None:
    def mean_square(a: Any, b: Any) -> Any:
        return np.mean((a - b) ** 2).astype("float32")

    def program() -> None:
        fitted(lambda y, p: tf.numpy_function(mean_square, [y, p], tf.float32))

    (finding,) = findings_of(program, ValueError)
    assert finding.cause == "left-framework"
    assert len(finding.parameters) == 4
    assert any("no shape" in note for note in finding.notes)


def test_another_error_in_fit_is_none_of_our_business() -> None:
    def program() -> None:
        fitted(lambda y, p: tf.concat([p, tf.ones((3, 3, 3))], 0))

    assert findings_of(program, ValueError) == []


def test_zeros_for_a_variable_of_keras() -> None:
    used, unused = keras.Variable([1.0], name="used"), keras.Variable([1.0], name="unused")

    def program() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(used * 2.0)
        tape.gradient(loss, [used, unused], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    (finding,) = findings_of(program, AttributeError)
    assert finding.cause == "graph-error"
    assert "zeros" in finding.title


def test_an_optimizer_that_was_built_for_nothing() -> None:
    model = keras.Sequential([keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)

    def program() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - Y) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    (finding,) = findings_of(program, ValueError)
    assert finding.cause == "not-updated"
    assert "no variables at all" in finding.title


class At(keras.callbacks.Callback):  # type: ignore[misc]
    """Thaws a layer when something happens."""

    def __init__(self, layer: Any, epoch: int, event: str) -> None:
        super().__init__()
        self.layer, self.epoch, self.event = layer, epoch, event

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.event == "epoch" and epoch == self.epoch:
            self.layer.trainable = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.event == "end":
            self.layer.trainable = True


def thawing(epoch: int, event: str, again: bool = False) -> None:
    body, head = keras.layers.Dense(3, name="body"), keras.layers.Dense(1)
    body.trainable = False
    model = keras.Sequential([keras.Input((2,)), body, head])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[At(body, epoch, event)])
    if again:
        model.compile("sgd", "mse")
        model.fit(X, Y, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("epoch", "event", "again", "count"),
    [(1, "epoch", False, 1), (0, "epoch", False, 0), (2, "epoch", False, 0), (0, "end", True, 0)],
)
def test_a_layer_that_is_thawed_in_the_middle_of_fit(epoch: int, event: str, again: bool, count: int) -> None:
    found = findings_of(lambda: thawing(epoch, event, again), None)
    assert [(f.cause, len(f.parameters)) for f in found] == [("frozen", 2)] * count
