"""Zeros and NaN that begin inside of the loops, branches and functions of a compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from whygrad.finding import Finding
from whygrad.recorders.tensorflow import TensorFlow, unrolled
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
Forward = Callable[[Any, Any], Any]


def trained(forward: Forward, start: float) -> tuple[list[Finding], list[float]]:
    """What is found of some compiled steps, and the weights after them."""
    session, recorder = Session(["program.py"], 10, lambda finding: None), TensorFlow()
    session.recorders.append(recorder)
    recorder.start(session)
    w = tf.Variable([[start, start], [start, start]], name="w")
    x = tf.constant([[1.0, 2.0], [0.5, 1.0]])

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(forward(x, w) - 1.5))
        (gradient,) = tape.gradient(loss, [w])
        w.assign_sub(0.1 * gradient)

    for _ in range(8):
        step()
    report = session.close(0, None)
    assert report.notes == ()
    return [f for f in report.findings if f.severity != "note"], w.numpy().ravel().tolist()


def plain(forward: Forward, start: float) -> list[float]:
    """The weights of the same steps without us."""
    w, x = tf.Variable([[start, start], [start, start]]), tf.constant([[1.0, 2.0], [0.5, 1.0]])
    for _ in range(8):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(forward(x, w) - 1.5))
        w.assign_sub(0.1 * tape.gradient(loss, w))
    return w.numpy().ravel().tolist()  # type: ignore[no-any-return]


def in_a_loop(act: Forward) -> Forward:
    def forward(x: Any, w: Any) -> Any:
        h = x
        for _ in tf.range(3):
            h = act(h, w)
        return h

    return forward


def in_scan(act: Forward) -> Forward:
    return lambda x, w: tf.scan(lambda h, row: act(h + row[None], w), x, tf.zeros((1, 2)))


def in_a_branch(act: Forward) -> Forward:
    return lambda x, w: tf.cond(tf.reduce_sum(x) > 0.0, lambda: act(x, w), lambda: tf.tanh(x @ w))


def in_a_function(act: Forward) -> Forward:
    return tf.function(lambda x, w: act(x, w))  # type: ignore[no-any-return]


def with_noise(act: Forward) -> Forward:
    return lambda x, w: tf.map_fn(lambda row: act(row[None], w)[0], x + 0.01 * tf.random.normal((2, 2)))


def off(h: Any, w: Any) -> Any:
    return tf.nn.relu(h @ w - 90.0)


def outside(h: Any, w: Any) -> Any:
    return tf.clip_by_value(h @ w, 70.0, 90.0)


def at_zero(h: Any, w: Any) -> Any:
    return tf.sqrt(h @ w)


def alive(h: Any, w: Any) -> Any:
    return tf.nn.relu(h @ w + 0.1)


@pytest.mark.parametrize(
    ("place", "act", "start", "cause", "code"),
    [
        (in_a_loop, off, 0.25, "zero-gradient", "tf.nn.relu(h @ w - 90.0)"),
        (in_a_loop, at_zero, 0.0, "nonfinite-gradient", "tf.sqrt(h @ w)"),
        (in_scan, outside, 0.25, "zero-gradient", "tf.clip_by_value(h @ w, 70.0, 90.0)"),
        (in_a_branch, off, 0.25, "zero-gradient", "tf.nn.relu(h @ w - 90.0)"),
        (in_a_function, outside, 0.25, "zero-gradient", "tf.clip_by_value(h @ w, 70.0, 90.0)"),
        (with_noise, at_zero, 0.0, "nonfinite-gradient", "tf.sqrt(h @ w)"),
        (with_noise, off, 0.25, "zero-gradient", "tf.nn.relu(h @ w - 90.0)"),
    ],
)
def test_where_it_begins(
    place: Callable[[Forward], Forward], act: Forward, start: float, cause: str, code: str
) -> None:
    (finding,), _ = trained(place(act), start)
    assert finding.cause == cause
    assert finding.culprit is not None
    assert finding.culprit.code == code


@pytest.mark.parametrize("place", [in_a_loop, in_a_branch])
def test_what_learns_is_left_alone(place: Callable[[Forward], Forward]) -> None:
    found, weights = trained(place(alive), 0.25)
    assert found == []
    assert weights == pytest.approx(plain(place(alive), 0.25))


def test_a_zero_of_one_turn_is_none() -> None:
    def forward(x: Any, w: Any) -> Any:
        total = tf.zeros((2, 2))
        for turn in tf.range(3):
            total += tf.nn.relu(x @ w - 2.0 * tf.cast(turn, tf.float32) + 0.5)
        return total

    found, _ = trained(forward, 0.25)
    assert found == []


def test_a_run_that_is_too_long_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unrolled, "MOST_OPERATIONS", 5)
    assert trained(in_a_loop(off), 0.25)[0] == []


def test_a_gradient_of_the_scripts_own_tells_nothing() -> None:
    @tf.custom_gradient
    def same(h: Any) -> tuple[Any, Any]:
        return h + 0.0, lambda g: g

    found, _ = trained(in_a_loop(lambda h, w: same(off(h, w))), 0.25)
    assert found == []


def test_a_recurrent_layer_over_one_step_is_no_fault() -> None:
    layer = tf.keras.layers.SimpleRNN(2)
    layer.build((2, 1, 2))

    def forward(x: Any, w: Any) -> Any:
        return layer((x @ w)[:, None])

    session, recorder = Session(["program.py"], 10, lambda finding: None), TensorFlow()
    session.recorders.append(recorder)
    recorder.start(session)
    variables = layer.trainable_variables

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(forward(tf.ones((2, 2)), tf.ones((2, 2))) - 1.5))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.1 * gradient)

    for _ in range(8):
        step()
    assert [f.severity for f in session.close(0, None).findings] == ["note"]
