"""Fields of a module that a filter of Equinox leaves out, and that look like parameters."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("equinox")

import equinox as eqx
import jax
import jax.numpy as jnp

from hearing import Ear
from whygrad.diagnose import diagnose

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
X = jnp.ones((4, 3))


class Scaled(eqx.Module):
    linear: eqx.nn.Linear
    scale: jax.Array = eqx.field(static=True)  # <- scale
    shift: jax.Array
    eps: float
    rate: float = eqx.field(static=True)

    def __init__(self, shift: Any, scale: Any) -> None:
        self.linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
        self.scale = scale
        self.shift = shift  # <- shift
        self.eps, self.rate = 1e-5, 0.1

    def __call__(self, x: Any) -> Any:
        return self.linear(x) * self.scale * self.rate + self.shift + self.eps


class Nested(eqx.Module):
    blocks: list[Scaled]

    def __call__(self, x: Any) -> Any:
        return self.blocks[0](x)


@pytest.mark.parametrize(
    ("shift", "scale", "told"),
    [
        (jnp.zeros(2), jnp.ones(1), ["scale"]),
        (0.5, 2.0, ["shift"]),
        (jnp.zeros(2), 2.0, []),
        (jnp.zeros(2), jnp.arange(1), []),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_left_out(shift: Any, scale: Any, told: list[str], nested: bool, ear: Ear) -> None:
    inner = Scaled(shift, scale)
    model = Nested([inner]) if nested else inner
    eqx.filter_grad(lambda m: jnp.mean(jax.vmap(m)(X) ** 2))(model)
    found = diagnose(ear.graphs[-1])
    assert [p.path.rpartition("/")[2] for f in found for p in f.parameters] == told
    assert {(f.cause, f.severity) for f in found} == ({("untracked", "warning")} if told else set())
    with open(__file__, encoding="utf-8") as text:
        lines = text.read().splitlines()
    for finding, name in zip(found, told, strict=True):
        assert finding.culprit is not None
        assert f"# <- {name}" in lines[(finding.culprit.line or 1) - 1]
