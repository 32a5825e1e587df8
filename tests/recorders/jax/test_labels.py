"""Labels and masks that do not fit the parameters: which parameters they say nothing of."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("optax")

import jax.numpy as jnp
import optax

from whygrad.recorders.jax.labels import unlabelled

pytestmark = pytest.mark.jax
P = {"a": {"w": jnp.ones(2), "b": jnp.ones(2)}, "o": jnp.ones(3)}
FAST, SLOW = optax.sgd(0.1), optax.sgd(0.01)


def labelled(labels: Any) -> Any:
    return optax.chain(optax.clip(1.0), optax.multi_transform({"fast": FAST, "slow": SLOW}, labels))


@pytest.mark.parametrize(
    ("optimizer", "left"),
    [
        (labelled({"a": {"w": "fast"}, "o": "slow"}), ["params/a/b"]),
        (labelled({"a": "fast"}), ["params/o"]),
        (labelled({"a": "fast", "o": "frozen"}), ["params/o"]),
        (labelled(lambda p: {"a": {"w": "fast"}, "o": "slow"}), ["params/a/b"]),
        (optax.masked(FAST, {"a": {"b": True}, "o": False}), ["params/a/w"]),
    ],
)
def test_what_is_left_out(optimizer: Any, left: list[str]) -> None:
    with pytest.raises((ValueError, TypeError)) as raised:
        optimizer.init(P)
    found = unlabelled(raised.value, ())
    assert found is not None
    assert found.fault.kind == "labels"
    assert [p.path for p in found.parameters] == left


def test_another_error() -> None:
    def refuses(params: Any) -> Any:
        raise ValueError("a matter of the script's own")

    optimizer = optax.multi_transform(
        {"all": optax.GradientTransformation(refuses, SLOW.update)}, {"a": "all", "o": "all"}
    )
    with pytest.raises(ValueError, match="the script's own") as raised:
        optimizer.init(P)
    assert unlabelled(raised.value, ()) is None
