"""Stops that are meant to be constants, beside another way that is cut: which of the two is to blame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from hearing import Ear, heard
from whygrad.diagnose import diagnose
from whygrad.recorders.jax import Jax

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
X = jax.random.normal(jax.random.PRNGKey(0), (8, 3))
CODES = jax.random.normal(jax.random.PRNGKey(1), (5, 3))
Loss = Callable[[Any], Any]


@pytest.fixture
def ear() -> Iterator[Ear]:
    yield from heard(Jax())


def quantiser(p: Any) -> Any:
    z = jnp.tanh(X @ p["enc"])
    codes = jnp.argmin(((z[:, None] - p["book"]) ** 2).sum(-1), 1)
    q = p["book"][codes]
    return jnp.mean((q @ p["dec"] - X) ** 2) + jnp.mean((q - jax.lax.stop_gradient(z)) ** 2)


def policy(p: Any) -> Any:
    logits = jax.lax.stop_gradient(X @ p["enc"])
    action = jax.random.categorical(jax.random.PRNGKey(2), X @ p["enc"])
    chosen = jnp.take_along_axis(logits, action[:, None], 1)
    return -jnp.mean(chosen * (X @ p["dec"]))


def quantised(p: Any) -> Any:
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(p["enc"])))
    return jnp.mean((X @ (jnp.round(p["enc"] / scale) * scale) - X) ** 2)


@pytest.mark.parametrize(
    ("loss", "cause", "code", "help"),
    [
        (quantiser, "non-differentiable-op", "jnp.argmin(", "x + jax.lax.stop_gradient(q - x)"),
        (quantised, "non-differentiable-op", "jnp.round(", "x + jax.lax.stop_gradient(q - x)"),
        (policy, "stop-gradient", "jax.lax.stop_gradient(", "remove the call"),
    ],
)
def test_what_is_blamed(loss: Loss, cause: str, code: str, help: str, ear: Ear) -> None:
    jax.grad(loss)({"enc": jnp.eye(3), "book": CODES, "dec": jnp.eye(3)})
    (finding,) = [f for f in diagnose(ear.graphs[0]) if any(p.path == "p/enc" for p in f.parameters)]
    assert (finding.cause, [p.path for p in finding.parameters]) == (cause, ["p/enc"])
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith(code)
    assert finding.fix is not None
    assert help in finding.fix.summary
