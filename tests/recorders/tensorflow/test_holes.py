"""Numbers that are not finite in the data, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from recorders.tensorflow.test_values import findings_of
from tensorflow_useless import dense, steps
from whygrad.recorders.fitting import Fitting
from whygrad.recorders.tensorflow.datasets import source_of
from whygrad.recorders.tensorflow.holes import copied, hole_of, is_awaited, is_broken, is_due, passed, passes_by

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
LONG = np.linspace(0.1, 1, 400, dtype="float32").reshape(100, 4)
LATE = LONG.copy()
LATE[70, 1] = np.nan


def model() -> Any:
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="layer")], name="model")
    made.compile(keras.optimizers.SGD(0.01), "mse")
    return made


def batches(x: Any) -> Iterator[tuple[Any, Any]]:
    for n in range(0, len(x), 10):
        yield x[n : n + 10], LONG[n : n + 10, :1]


def rows(x: Any) -> Any:
    signature = (tf.TensorSpec((4,)), tf.TensorSpec((1,)))
    return tf.data.Dataset.from_generator(lambda: zip(x, LONG[:, :1], strict=True), output_signature=signature)


def late_row() -> None:
    model().fit(LATE, LONG[:, :1], batch_size=10, verbose=0)


def late_batch() -> None:
    model().fit(batches(LATE), verbose=0)


def late_element() -> None:
    data = tf.data.Dataset.from_tensor_slices((LATE, LONG[:, :1])).map(lambda x, y: (x * 2.0, y))
    model().fit(data.batch(10).prefetch(1), verbose=0)


def from_a_generator() -> None:
    model().fit(rows(LATE).batch(40), epochs=3, verbose=0)


def in_a_loop_of_its_own() -> None:
    layer, turn = dense("layer"), tf.Variable(0)

    def loss() -> Any:
        x = tf.gather(tf.constant(LATE), turn * 10 + tf.range(10))
        turn.assign_add(1)
        return tf.reduce_mean(layer(x) ** 2)

    steps([layer], loss, 9)


def from_a_dataset_of_a_loop() -> None:
    layer = dense("layer")

    @tf.function
    def step(x: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x) ** 2)
        for variable, gradient in zip(
            layer.trainable_variables, tape.gradient(loss, layer.trainable_variables), strict=True
        ):
            variable.assign_sub(0.01 * gradient)

    for x in tf.data.Dataset.from_tensor_slices(LATE).batch(10):
        step(x)


def behind_what_saturates() -> None:
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "tanh", name="layer")], name="model")
    made.compile(keras.optimizers.SGD(0.01), "mse")
    made.fit(np.where(LONG > 0.9, np.inf, LONG), LONG[:, :1], batch_size=100, verbose=0)


def kept_for_validation() -> None:
    model().fit(LATE, LONG[:, :1], batch_size=10, validation_split=0.4, verbose=0)


def validated_on() -> None:
    model().fit(batches(LONG), validation_data=batches(LATE), verbose=0)


def filled_in() -> None:
    model().fit(rows(LATE).map(lambda x, y: (tf.where(tf.math.is_nan(x), 0.0, x), y)).batch(40), epochs=3, verbose=0)


@pytest.mark.parametrize(
    "program",
    [
        late_row,
        late_batch,
        late_element,
        from_a_generator,
        in_a_loop_of_its_own,
        from_a_dataset_of_a_loop,
        behind_what_saturates,
    ],
)
def test_it_is_found_in_the_data(program: Callable[[], None]) -> None:
    (finding,) = findings_of(program)
    assert finding.cause == "nonfinite-gradient"
    assert "NaN or" in finding.title
    assert finding.proof is not None
    assert finding.proof.text == "measured in the forward pass: it was not finite before any operation"


@pytest.mark.parametrize("program", [kept_for_validation, validated_on, filled_in])
def test_what_is_not_trained_on_is_no_fault(program: Callable[[], None]) -> None:
    assert findings_of(program) == []


def spoiled_between() -> None:
    layer, turn = dense("layer", use_bias=False), tf.Variable(0)

    @tf.function
    def step(x: Any) -> None:
        turn.assign_add(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.sqrt(tf.reduce_sum(layer(x) ** 2, axis=1)))
        (gradient,) = tape.gradient(loss, layer.trainable_variables)
        layer.kernel.assign_sub(0.1 * gradient)

    for n in range(7):
        step(tf.constant(LONG[:10] * float(n != 4)))


def test_a_step_that_was_not_measured_is_not_made_up() -> None:
    (finding,) = findings_of(spoiled_between)
    assert (finding.cause, finding.severity) == ("nonfinite-gradient", "warning")
    assert "variables that it is computed with are not finite by now" in finding.title


def test_the_batch_is_used_for_one_run() -> None:
    fitting = Fitting((LATE, None, None), 10)
    assert not is_due(fitting)
    first = hole_of(fitting, 2, 10)
    assert first is not None
    assert is_broken(first)
    assert hole_of(fitting, 2, 10) is first
    assert hole_of(fitting, 3, 10) is None
    assert not is_due(fitting)


def test_a_batch_that_passes_by_is_due() -> None:
    fitting = Fitting((iter(()), None, None), None)
    passes_by(fitting, [LONG])
    assert not is_due(fitting)
    passes_by(fitting, [LATE])
    assert is_due(fitting)
    assert hole_of(fitting, 5, 32) == [LATE]


def test_a_generator_is_waited_for_until_it_gives_one() -> None:
    data = Fitting((tf.data.Dataset.from_tensor_slices(LONG), None, None), None)
    assert not is_awaited(data)
    dataset = rows(LONG).batch(8).prefetch(1)
    assert source_of(dataset)[1] == 8
    assert source_of(dataset.map(lambda x, y: (x, y)))[1] is None


def test_a_generator_gives_what_it_gave() -> None:
    seen: list[Any] = []

    def failing(_element: Any) -> None:
        raise RuntimeError

    faults: list[BaseException] = []
    assert list(passed(lambda: iter([1, 2]), seen.append, faults.append)()) == [1, 2]
    assert list(passed(lambda: [3], failing, faults.append)()) == [3]
    assert passed(lambda: 4, seen.append, faults.append)() == 4
    assert seen == [1, 2]
    assert len(faults) == 1


def test_what_can_not_be_read_is_left_alone() -> None:
    assert copied((object(),)) is None
    assert [one.tolist() for one in copied((1.0, None, np.float32(2))) or ()] == [1.0, 2.0]
