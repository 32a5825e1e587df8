"""Loops of compiled functions: what a turn drops, and variables that every turn reads."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from tensorflow_training import X
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


def unrolled(x: Any, cell: Any, gate: Any) -> Any:
    state = tf.zeros((8, 4))
    for _ in tf.range(3):
        both = x + state
        opened = tf.sigmoid(both @ gate)
        state = tf.tanh(both @ cell)
        tf.debugging.assert_shapes([(opened, (8, 4))])
    return state


@pytest.mark.parametrize("compiled", ["loop", "step"])
def test_what_each_turn_drops_is_found_inside_the_loop(compiled: str, ear: Ear) -> None:
    cell, gate = tf.Variable(tf.eye(4), name="cell"), tf.Variable(tf.eye(4), name="gate")
    loop = tf.function(unrolled) if compiled == "loop" else unrolled

    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(loop(tf.constant(X), cell, gate))
        tape.gradient(loss, [cell, gate])

    step() if compiled == "loop" else tf.function(step)()
    (finding,) = diagnose(ear.graphs[-1])
    assert not agrees(ear.graphs[-1])
    assert finding.cause == "unused-output"
    assert [p.path for p in finding.parameters] == ["gate"]
    assert finding.culprit is not None
    assert finding.culprit.code == "both @ cell"


def test_a_tensor_that_no_tape_watches_is_none_in_a_loop_either(ear: Ear) -> None:
    plain, bias = tf.eye(4), tf.Variable(tf.zeros(4), name="bias")

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            state = tf.while_loop(lambda n, _: n < 3, lambda n, s: (n + 1, s + X @ plain + bias), (0, tf.zeros((8, 4))))
            loss = tf.reduce_sum(state[1])
        tape.gradient(loss, [plain, bias])

    step()
    (finding,) = diagnose(ear.graphs[-1])
    assert (finding.cause, [p.path for p in finding.parameters]) == ("not-watched", ["plain"])
    assert not agrees(ear.graphs[-1])
