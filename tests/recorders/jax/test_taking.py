"""Where an array is taken from outside: in the function that names it, inside of loops and compiled functions too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from hearing import Ear
from whygrad.diagnose import diagnose

pytestmark = pytest.mark.jax
X = jnp.ones((4, 3))
params = {"w": jnp.ones((3, 3)), "b": jnp.zeros(3)}


def named_above(h: Any) -> Any:
    own = params  # <- named_above
    shift = h + 1.0
    return shift @ own["w"]


def on_the_line(h: Any) -> Any:
    return h @ params["w"]  # <- on_the_line


class Model:
    def __init__(self) -> None:
        self.params = params

    def layer(self, given: Any, h: Any) -> Any:
        own = self.params["w"]  # <- of an object
        return jnp.tanh(h @ own) * given["b"]

    def loss(self, given: Any) -> Any:
        return jax.lax.scan(lambda h, _: (self.layer(given, h), None), X, None, length=2)[0].sum()


def looped(layer: Callable[[Any], Any], h: Any) -> Any:
    return jax.lax.scan(lambda one, _: (layer(one), None), h, None, length=2)[0]


def chosen(layer: Callable[[Any], Any], h: Any) -> Any:
    return jax.lax.cond(h.sum() > 0, layer, lambda one: one, h)


def compiled(layer: Callable[[Any], Any], h: Any) -> Any:
    return jax.jit(layer)(h)


def plain(layer: Callable[[Any], Any], h: Any) -> Any:
    return layer(h)


@pytest.mark.parametrize("around", [plain, looped, chosen, compiled])
@pytest.mark.parametrize("layer", [named_above, on_the_line])
def test_the_line_that_names_it(
    layer: Callable[[Any], Any], around: Callable[[Callable[[Any], Any], Any], Any], ear: Ear
) -> None:
    jax.grad(lambda p: jnp.mean(around(layer, X) + p["b"]))(params)
    (finding,) = diagnose(ear.graphs[-1])
    (marked,) = (
        n
        for n, line in enumerate(Path(__file__).read_text("utf-8").splitlines(), 1)
        if f"# <- {layer.__name__}" in line
    )
    assert finding.cause == "wrong-source"
    assert [p.path for p in finding.parameters] == ["p/w"]
    assert finding.culprit is not None
    assert finding.culprit.line == marked


def test_an_attribute_of_an_object_that_a_method_reads(ear: Ear) -> None:
    jax.grad(Model().loss)(params)
    (finding,) = [f for f in diagnose(ear.graphs[-1]) if f.cause == "wrong-source"]
    lines = Path(__file__).read_text("utf-8").splitlines()
    assert finding.culprit is not None
    assert lines[(finding.culprit.line or 0) - 1].endswith("# <- of an object")
