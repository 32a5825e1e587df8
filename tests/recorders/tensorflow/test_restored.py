"""What the script writes between the runs of a compiled step: the first values after each, or a new beginning."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from recorders.tensorflow.test_unwritten import stepping
from recorders.tensorflow.test_values import findings_of

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


def begun_again(every: int, steps: int) -> None:
    """The first weights are put back before each so many steps of a compiled function."""
    done = [0]

    def before(given: Any) -> None:
        layer, first = given
        done[0] += 1
        if done[0] % every == 0:
            layer.set_weights(first)

    stepping(tf.keras.optimizers.SGD(0.1), compiled=True, steps=steps, before=before)


def test_what_is_put_back_after_each_step_of_a_compiled_function() -> None:
    (finding,) = findings_of(lambda: begun_again(every=1, steps=8))
    assert finding.cause == "not-updated"
    assert "`layer.set_weights(first)` puts back what the optimizer had changed" in finding.title
    assert {p.path for p in finding.parameters} == {"layer/kernel", "layer/bias"}


@pytest.mark.parametrize(("every", "steps"), [(2, 14), (1, 4)])
def test_a_new_beginning_and_a_few_trials_are_silent(every: int, steps: int) -> None:
    assert findings_of(lambda: begun_again(every, steps)) == []
