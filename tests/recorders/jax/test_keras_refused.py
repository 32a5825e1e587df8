"""A ``fit`` that Keras refuses while it builds the model: what stands behind its error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
import numpy as np

from whygrad.diagnose import diagnose
from whygrad.recorders.jax.keras import Keras

pytestmark = pytest.mark.jax
VARIABLES = [
    SimpleNamespace(path=f"net/{n}", shape=(2,), dtype="float32", trainable=n != "mean") for n in ("w", "mean")
]


def built() -> None:
    try:
        jax.eval_shape(lambda x: x - np.asarray(x).mean(), jnp.ones(3))
    except Exception as error:
        raise RuntimeError(f"could not build the model: {error}") from None


def refused(error: BaseException, heard: bool = True) -> object:
    keras = Keras(lambda graph: None, lambda *_: None, lambda *_: None, pytest.fail)
    keras.heard = heard
    keras.lives.variables = lambda: iter(VARIABLES)  # type: ignore[method-assign]
    return keras.refused(f"RuntimeError: {error}", error)


def test_the_number_that_was_not_known_is_told() -> None:
    with pytest.raises(RuntimeError) as raised:
        built()
    graph = refused(raised.value)
    assert graph is not None
    (finding,) = diagnose(graph)
    assert finding.cause == "left-framework"
    assert finding.culprit is not None
    assert finding.culprit.code == "np.asarray(x)"
    assert finding.fix is not None
    assert "Keras' own operations" in finding.fix.summary
    assert [p.path for p in finding.parameters] == ["net/w"]


def test_of_another_error_nothing_is_said() -> None:
    assert refused(RuntimeError("no data")) is None
    with pytest.raises(RuntimeError) as raised:
        built()
    assert refused(raised.value, heard=False) is None
