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
