"""Lengths along an axis of size one leave a sign, and along a longer one a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from tensorflow_training import X
from whygrad import spec
from whygrad.diagnose import diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

WAYS: dict[str, Callable[[Any], Any]] = {
    "l2_normalize": lambda t: tf.math.l2_normalize(t, axis=-1),
    "layer": tf.keras.layers.UnitNormalization(),
    "by hand": lambda t: t / tf.sqrt(tf.reduce_sum(tf.square(t), axis=-1, keepdims=True)),
}


def judged(way: Callable[[Any], Any], entries: int, compiled: bool, ear: Ear) -> list[Any]:
    w = tf.Variable(tf.ones((4, entries)) / 4, name="w")

    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(way(X @ w) * 0.5)
        return tape.gradient(loss, w)

    (tf.function(step) if compiled else step)()
    (graph,) = ear.graphs
    spec.check(graph)
    return diagnose(graph)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_a_single_entry_keeps_its_sign_alone(name: str, compiled: bool, ear: Ear) -> None:
    (finding,) = judged(WAYS[name], 1, compiled, ear)
    assert (finding.cause, finding.severity) == ("zero-gradient", "warning")
    assert "only its sign is left" in finding.title


@pytest.mark.parametrize("name", WAYS)
def test_of_several_entries_the_direction_is_left(name: str, ear: Ear) -> None:
    assert judged(WAYS[name], 3, False, ear) == []


def test_what_is_not_divided_by_its_own_length(ear: Ear) -> None:
    other = tf.constant(X[:, :1] + 2.0)
    assert judged(lambda t: t * tf.math.rsqrt(tf.square(other)), 1, False, ear) == []


def test_operations_that_give_nothing_back_are_passed_over(ear: Ear) -> None:
    def checked(t: Any) -> Any:
        tf.debugging.Assert(tf.constant(True), [t])
        tf.raw_ops.WriteFile(filename="/dev/null", contents=tf.constant("x"))
        return t

    assert judged(checked, 1, False, ear) == []
    assert not ear.faults
