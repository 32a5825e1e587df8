"""An ear on the recorder of JAX."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hearing import Ear, heard


@pytest.fixture
def ear() -> Iterator[Ear]:
    from whygrad.recorders.jax import Jax

    yield from heard(Jax())
