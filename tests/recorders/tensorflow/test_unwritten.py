"""Optimizers that leave what they are handed as it was, and what the script puts back before each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from recorders.tensorflow.test_values import findings_of
from tensorflow_useless import X, dense

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


class Rebinding(keras.optimizers.Optimizer):  # type: ignore[misc]
    def __init__(self, writes: bool = False) -> None:
        super().__init__(learning_rate=0.1, name="rebinding")
        self.writes = writes

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        step = tf.cast(learning_rate, variable.dtype) * gradient
        if self.writes:
            self.assign_sub(variable, step)
        variable = variable - step


def stepping(
    optimizer: Any, compiled: bool = False, steps: int = 4, before: Callable[..., Any] = lambda _: None
) -> None:
    layer = dense("layer")
    first = [weight * 0.0 + 2.0 for weight in layer.get_weights()]
    layer.set_weights(first)
    optimizer.build(layer.trainable_variables)

    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(X) - 1.0) ** 2)
        optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)

    step = tf.function(step) if compiled else step
    for _ in range(steps):
        before((layer, first))
        step()


def rebound() -> None:
    stepping(Rebinding())


def rebound_compiled() -> None:
    stepping(Rebinding(), compiled=True)


def written_compiled() -> None:
    stepping(Rebinding(writes=True), compiled=True)


def too_small() -> None:
    stepping(keras.optimizers.SGD(1e-9))


def waiting() -> None:
    stepping(keras.optimizers.SGD(0.1, gradient_accumulation_steps=8))


def waiting_compiled() -> None:
    stepping(keras.optimizers.SGD(0.1, gradient_accumulation_steps=8), compiled=True)


def put_back(steps: int) -> None:
    stepping(keras.optimizers.SGD(0.1), steps=steps, before=lambda given: given[0].set_weights(given[1]))


def put_back_often() -> None:
    put_back(7)


def tried_a_few_times() -> None:
    put_back(4)


def tried_for_long() -> None:
    put_back(20)  # more than is recorded: what became of the others is not known


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (rebound, "leaves it as it was"),
        (rebound_compiled, "`variable = variable - step` makes a tensor"),
        (too_small, "leaves it as it was"),
        (put_back_often, "puts back what the optimizer had changed"),
    ],
)
def test_what_never_moves(program: Callable[[], None], words: str) -> None:
    findings = [f for f in findings_of(program) if f.cause == "not-updated"]
    assert {p.path for f in findings for p in f.parameters} == {"layer/kernel", "layer/bias"}
    assert all(words in f.title for f in findings)


@pytest.mark.parametrize("program", [written_compiled, waiting, waiting_compiled, tried_a_few_times, tried_for_long])
def test_look_alikes_are_silent(program: Callable[[], None]) -> None:
    assert findings_of(program) == []
