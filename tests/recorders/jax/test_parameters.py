"""What arrays are called."""

from __future__ import annotations

import pytest

pytest.importorskip("flax")

import jax.numpy as jnp
from flax import nnx

from whygrad.recorders.jax.parameters import named_leaves

pytestmark = pytest.mark.jax


def test_a_variable_of_flax_stands_for_its_array() -> None:
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    found = list(named_leaves([nnx.state(model)], ["params"]))
    assert [(each.path, each.written) for each in found] == [
        ("params/bias", "params['bias']"),
        ("params/kernel", "params['kernel']"),
    ]
    assert [each.leaf.shape for each in found] == [(3,), (2, 3)]


def test_a_part_of_the_scripts_own_that_is_called_value_keeps_its_name() -> None:
    (found,) = named_leaves([{"value": jnp.ones(1)}], ["params"])
    assert found.path == "params/value"
