"""From generated code to the user's line and columns."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from tensorflow_training import mlp, train
from whygrad.diagnose import diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


def rounded(h: Any) -> Any:
    return tf.map_fn(
        lambda row: tf.tanh(tf.round(row)),  # here
        h,
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_a_lambda_on_a_line_of_its_own_is_told_at_that_line(compiled: bool, ear: Ear) -> None:
    train(mlp(), around=tf.function(rounded) if compiled else rounded)
    (finding,) = diagnose(ear.graphs[-1])
    assert finding.culprit is not None
    assert finding.culprit.code == "tf.round(row)"
    assert finding.culprit.file == __file__
    assert finding.culprit.line == rounded.__code__.co_firstlineno + 2
