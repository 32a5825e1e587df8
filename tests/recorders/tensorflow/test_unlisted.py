"""Requests that are given an empty list, and gradients handed over for other variables than their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from recorders.tensorflow.test_values import findings_of
from tensorflow_useless import X, dense
from whygrad.diagnose import diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
BOTH = {f"{name}/{part}" for name in ("one", "two") for part in ("kernel", "bias")}


class Kept(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="kept")
        self.part = keras.layers.Dense(1, name="part")

    def call(self, x: object) -> object:
        return self.part(x)


class Shelf:
    """An object that a model does not look into."""

    def __init__(self, layer: object) -> None:
        self.layer = layer


class Hidden(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="hidden")
        self.shelf = Shelf(keras.layers.Dense(1, name="part"))

    def call(self, x: object) -> object:
        return self.shelf.layer(x)  # type: ignore[operator]


class Forgetful(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="forgetful")
        self.head = keras.layers.Dense(1, name="head")

    def call(self, x: object) -> object:
        return self.head(keras.layers.Dense(3, name="hidden")(x))


def made_in_each_pass() -> None:
    model = Forgetful()
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(X) ** 2)
        tape.gradient(loss, model.trainable_variables)


def copies_for_each_task() -> None:
    meta = dense("meta")

    def adapted() -> object:
        copy = dense("copy")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((copy(X) - 1.0) ** 2)
        tape.gradient(loss, copy.trainable_variables)
        return copy

    for _ in range(4):
        with tf.GradientTape() as tape:
            noise = tf.Variable(tf.random.normal(X.shape), name="layer/noise")
            loss = tf.reduce_mean((meta(X + noise) - adapted()(X)) ** 2)  # type: ignore[operator]
        tape.gradient(loss, meta.trainable_variables)


def taken_before() -> None:
    model = Kept()
    variables = model.trainable_variables
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(X) ** 2)
        tape.gradient(loss, variables)


def taken_before_beside_others() -> None:
    model, other = Kept(), dense("other")
    variables = model.trainable_variables
    for _ in range(3):
        with tf.GradientTape() as tape, tf.GradientTape() as second:
            loss, more = tf.reduce_mean(model(X) ** 2), tf.reduce_mean(other(X) ** 2)
        tape.gradient(loss, variables)
        second.gradient(more, other.trainable_variables)


def nothing_to_take() -> None:
    model = Hidden()
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(X) ** 2)
        tape.gradient(loss, model.trainable_variables)


def part_without_weights() -> None:
    scaling, layer, teacher = keras.layers.Rescaling(0.5), dense("layer"), dense("teacher")
    for _ in range(3):
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((layer(scaling(X)) - teacher(X)) ** 2)
        for part in (scaling, layer):
            tape.gradient(loss, part.trainable_variables)


def taken_anew_and_empty() -> None:
    scaling, layer, teacher = keras.layers.Rescaling(0.5), dense("layer"), dense("teacher")
    for _ in range(3):
        for part in (scaling, layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((layer(scaling(X)) - teacher(X)) ** 2)
            tape.gradient(loss, part.trainable_variables)


def pairs(order: Callable[[list[object]], list[object]], compiled: bool = False) -> None:
    one, two = dense("one", 4), dense("two", 4)
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.build(one.trainable_variables + two.trainable_variables)

    def step() -> None:
        variables = one.trainable_variables + two.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((two(tf.nn.tanh(one(X))) - 1.0) ** 2)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, order(variables), strict=False))

    run = tf.function(step) if compiled else step
    for _ in range(6):
        run()


def swapped() -> None:
    pairs(lambda variables: variables[2:] + variables[:2])


def swapped_compiled() -> None:
    pairs(lambda variables: variables[2:] + variables[:2], compiled=True)


def for_the_second_half() -> None:
    pairs(lambda variables: variables[2:])


def given_twice() -> None:
    one, two = dense("one"), dense("two")
    first, second = keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01)
    for _ in range(4):
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((one(X) + two(X) - 1.0) ** 2)
        tape.gradient(loss, one.trainable_variables)
        gradients = tape.gradient(loss, two.trainable_variables)
        first.apply_gradients(zip(gradients, one.trainable_variables, strict=True))
        second.apply_gradients(zip(gradients, two.trainable_variables, strict=True))


def sound() -> None:
    pairs(lambda variables: variables)


def for_another_model(adapted: bool = False) -> None:
    slow, fast = dense("slow"), dense("fast")
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(5):
        if adapted:
            fast.set_weights(slow.get_weights())
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((fast(X) - 1.0) ** 2)
        gradients = tape.gradient(loss, fast.trainable_variables)
        optimizer.apply_gradients(zip(gradients, slow.trainable_variables, strict=True))


def first_order_copies() -> None:
    for_another_model(adapted=True)


def cut_short() -> None:
    one, two = dense("one", 4), dense("two", 4)
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((two(tf.nn.tanh(one(X))) - 1.0) ** 2) + tf.reduce_mean(one(X))
        gradients = tape.gradient(loss, two.trainable_variables + one.trainable_variables)
        optimizer.apply_gradients(zip(gradients, two.trainable_variables))  # noqa: B905


def cut_short_in_sums() -> None:
    one, two = dense("one", 4), dense("two", 4)
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(6):
        total = None
        for _part in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((two(tf.nn.tanh(one(X))) - 1.0) ** 2) + tf.reduce_mean(one(X))
            gradients = tape.gradient(loss, two.trainable_variables + one.trainable_variables)
            total = gradients if total is None else [a + b for a, b in zip(total, gradients, strict=True)]
        optimizer.apply_gradients(zip(total, two.trainable_variables))  # noqa: B905


def looked_at() -> None:
    layer, picture = dense("layer"), tf.Variable(X, name="picture")
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(picture) - 1.0) ** 2)
        gradients = tape.gradient(loss, [*layer.trainable_variables, picture])
        _ = abs(gradients[-1])
        optimizer.apply_gradients(zip(gradients, layer.trainable_variables))  # noqa: B905


@pytest.mark.parametrize(
    ("program", "cause", "paths", "words"),
    [
        (taken_before, "wrong-source", {"kept/part/kernel", "kept/part/bias"}, "was still empty"),
        (taken_before_beside_others, "wrong-source", {"kept/part/kernel", "kept/part/bias"}, "was still empty"),
        (nothing_to_take, "untracked", {"hidden/part/kernel", "hidden/part/bias"}, "does not track it"),
        (made_in_each_pass, "untracked", {"forgetful/hidden/kernel:0", "forgetful/hidden/bias:0"}, "makes it anew"),
        (swapped, "not-updated", BOTH, "do not belong to"),
        (swapped_compiled, "not-updated", BOTH, "do not belong to"),
        (for_the_second_half, "not-updated", BOTH, "do not belong to"),
        (for_another_model, "not-updated", {"fast/kernel", "fast/bias"}, "do not belong to"),
        (given_twice, "not-updated", {"one/kernel", "one/bias"}, "do not belong to"),
        (cut_short, "not-updated", {"one/kernel", "one/bias"}, "pairs the gradients with fewer variables"),
        (cut_short_in_sums, "not-updated", {"one/kernel", "one/bias"}, "pairs the gradients with fewer variables"),
    ],
)
def test_what_nobody_gets(program: Callable[[], None], cause: str, paths: set[str], words: str) -> None:
    (finding,) = findings_of(program)
    assert (finding.cause, {p.path for p in finding.parameters}) == (cause, paths)
    assert words in finding.title


@pytest.mark.parametrize(
    "program",
    [
        copies_for_each_task,
        part_without_weights,
        taken_anew_and_empty,
        sound,
        first_order_copies,
        looked_at,
    ],
)
def test_look_alikes_are_silent(program: Callable[[], None]) -> None:
    assert findings_of(program) == []


class Renewing(keras.layers.Layer):  # type: ignore[misc]
    """Makes its layer anew in each pass, which TensorFlow refuses when a step is traced a second time."""

    def call(self, x: Any) -> Any:
        return keras.layers.Dense(2)(x)


def test_what_is_made_anew_where_fit_refuses_it(ear: Ear) -> None:
    model = keras.Sequential([Renewing(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="singleton"):
        model.fit(X, X[:, :1], verbose=0)
    ear.recorder.finish("ValueError")
    (finding,) = [f for graph in ear.graphs for f in diagnose(graph)]
    assert finding.cause == "untracked"
    assert len(finding.parameters) == 2
    assert finding.culprit is not None
    assert finding.culprit.code == "keras.layers.Dense(2)(x)"
    assert "only the first time" in finding.notes[0]
