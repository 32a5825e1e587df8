"""Whether an array holds what another held."""

from __future__ import annotations

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
import numpy as np

from whygrad.recorders.jax.prints import Print

pytestmark = pytest.mark.jax


def test_the_same_numbers_are_known_again() -> None:
    array = jnp.arange(6.0)
    known = Print(array)
    assert known.is_of(array)
    assert known.is_of(np.arange(6.0, dtype=np.float32))
    assert not known.is_of(array.at[3].set(7.0))
    assert not known.is_of(array.astype(jnp.float16))
    assert not known.is_of(array.reshape(2, 3))


def test_of_what_has_no_numbers_only_the_very_same_is_known() -> None:
    key = jax.random.key(0)
    assert Print(key).is_of(key)
    assert not Print(key).is_of(jax.random.key(0))


def test_the_array_is_not_kept() -> None:
    array = jnp.arange(6.0)
    known = Print(array)
    assert known.seen is not None
    del array
    assert known.seen() is None
