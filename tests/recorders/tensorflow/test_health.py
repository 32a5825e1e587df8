"""Looks at Keras' optimizers: eager, compiled and in ``fit``; the numbers are right, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import keras
import numpy
import tensorflow as tf

from watching_run import watched_run
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.watching.health import StepHealth
from whygrad.watching.watched import Watched

pytestmark = pytest.mark.tensorflow
Run = Callable[[Callable[[], None]], Watched]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def watched(program: Callable[[], None]) -> Watched:
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        return watched_run(program, TensorFlow(), tmp_path / "run-1")[0]

    return watched


def net(*widths: int, activation: str = "relu") -> Any:
    hidden = [keras.layers.Dense(width, activation) for width in widths]
    return keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(1)])


def data(rows: int = 64) -> tuple[Any, Any]:
    x = numpy.random.default_rng(0).normal(size=(rows, 8)).astype("float32")
    return x, x.sum(1, keepdims=True)


def looks(watched: Watched, optimizer: str) -> list[StepHealth]:
    return watched.courses[optimizer].kept


def stepper(model: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return gradients

    return step


def test_the_numbers_are_those_of_an_eager_step(run: Run) -> None:
    kept: list[Any] = []

    def program() -> None:
        model = net(4)
        before = [v.numpy() for v in model.trainable_variables]
        gradients = stepper(model, keras.optimizers.SGD(0.5))(*data())
        kept.extend(zip(before, [v.numpy() for v in model.trainable_variables], gradients, strict=True))

    look = looks(run(program), "SGD")[0]
    assert look.parameters[0].path == "sequential/dense/kernel"
    for health, (before, after, gradient) in zip(look.parameters, kept, strict=True):
        assert health.gradient == pytest.approx(numpy.linalg.norm(gradient.numpy()), rel=1e-5)
        assert health.zeros == pytest.approx((gradient.numpy() == 0).mean())
        assert health.weight == pytest.approx(numpy.linalg.norm(before), abs=1e-6)
        assert health.update == pytest.approx(numpy.linalg.norm(after - before), rel=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.SGD(0.01, momentum=0.9),
        lambda: keras.optimizers.RMSprop(0.01),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    ],
)
def test_gradients_of_a_compiled_step_are_read_off_the_optimizer(run: Run, make: Callable[[], Any]) -> None:
    kept: list[list[float]] = []

    def program() -> None:
        model = net(16, activation="tanh")
        step = tf.function(stepper(model, make()))
        x, y = map(tf.constant, data())
        kept.extend([float(tf.norm(g)) for g in step(x, y)] for _ in range(10))

    (course,) = run(program).courses.values()
    assert course.kept[0].step == 1
    assert course.looks >= 3
    for look in course.kept:
        assert not look.blind
        assert [p.gradient for p in look.parameters] == pytest.approx(kept[look.step - 1], rel=1e-3)


def test_fit_is_watched_from_outside_and_changes_nothing(run: Run) -> None:
    def losses() -> Any:
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((8,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.Adam(0.01, global_clipnorm=1e-3), "mse")
        history = model.fit(*data(), epochs=4, batch_size=8, verbose=0, validation_data=data())
        return history.history, model.get_weights()

    plain, seen = losses(), []
    watched = run(lambda: seen.append(losses()))
    assert seen[0][0] == plain[0]
    assert all((a == b).all() for a, b in zip(seen[0][1], plain[1], strict=True))
    assert watched.courses["Adam"].steps == 32
    assert [(r.kind, r.warns) for r in watched.remarks] == [("clipping", False)]
    assert looks(watched, "Adam")[-1].total == pytest.approx(1e-3, rel=1e-3)


def test_what_a_compiled_step_does_not_show_is_said(run: Run) -> None:
    def program() -> None:
        model = net(4)
        model.compile(keras.optimizers.SGD(0.01), "mse")
        model.fit(*data(), epochs=4, batch_size=16, verbose=0)

    watched = run(program)
    look = looks(watched, "SGD")[-1]
    assert all(p.gradient is None and p.update for p in look.parameters)
    assert "in a compiled step the gradients are not to be seen" in watched.notes[0]
    assert watched.remarks == ()


def test_deep_sigmoids_vanish_in_fit(run: Run) -> None:
    def program() -> None:
        model = net(*[16] * 9, activation="sigmoid")
        model.compile("adam", "mse")
        model.fit(*data(), epochs=6, batch_size=16, verbose=0)

    (remark,) = run(program).remarks
    assert remark.kind == "vanishing"
    assert "times a sigmoid lies between" in remark.text


def test_clipping_in_eager_code(run: Run) -> None:
    def by_setting() -> None:
        step = stepper(model := net(4), keras.optimizers.SGD(0.01, global_clipnorm=1e-3))
        for _ in range(9):
            step(*data())
        del model

    def by_hand() -> None:
        model, optimizer = net(4), keras.optimizers.SGD(0.01)
        for _ in range(9):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(data()[0]) - data()[1]))
            gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, model.trainable_variables), 1e-3)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    watched = run(lambda: (by_hand(), by_setting())[0])
    assert [(r.kind, r.optimizer, r.warns) for r in watched.remarks] == [
        ("clipping", "SGD", True),
        ("clipping", "SGD (2)", True),
    ]
    for name in watched.courses:
        look = looks(watched, name)[0]
        assert look.total == pytest.approx(1e-3, rel=1e-3)
        assert look.clipping is not None
        assert look.clipping.before is not None
        assert look.clipping.before > 0.1


def test_slices_count_each_row_once(run: Run) -> None:
    def program() -> None:
        table, optimizer = tf.Variable(tf.ones((10, 4)), name="table"), keras.optimizers.SGD(0.1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, [1, 1, 2]))
        optimizer.apply_gradients([(tape.gradient(loss, table), table)])

    (health,) = looks(run(program), "SGD")[0].parameters
    assert health.gradient == pytest.approx((4 * 2**2 + 4) ** 0.5)
    assert health.zeros == pytest.approx(0.8)
