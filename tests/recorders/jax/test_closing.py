"""What a request is closed with: derivatives inside that are constant, arrays that a function takes from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("flax")

import flax.linen as nn
import jax
import jax.numpy as jnp

from hearing import Ear
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.recorders.jax.closing import ARGNUMS, SWAPPED

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
P = {"a": jnp.ones((1, 4)), "b": jnp.zeros(4), "c": jnp.full((4, 1), 0.5), "d": jnp.zeros(1)}
X = jnp.linspace(0.1, 1.0, 5)
Activation = Callable[[Any], Any]


def findings(ear: Ear) -> list[Finding]:
    return diagnose(ear.graphs[-1])


def solution(p: Any, x: Any, activation: Activation) -> Any:
    return (activation(jnp.array([x]) @ p["a"] + p["b"]) @ p["c"] + p["d"])[0]


def residual(p: Any, x: Any, activation: Activation) -> Any:
    twice = jax.grad(jax.grad(solution, 1), 1)(p, x, activation)
    return twice + jnp.sin(x)


@pytest.mark.parametrize("how", [lambda f: f, jax.jit])
def test_a_second_derivative_that_is_constant(how: Callable[..., Any], ear: Ear) -> None:
    how(jax.grad(lambda p: jnp.mean(jax.vmap(lambda x: residual(p, x, jax.nn.relu))(X) ** 2)))(P)
    (finding,) = findings(ear)
    assert (finding.cause, len(finding.parameters)) == ("non-differentiable-op", 4)
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith("jax.grad(jax.grad(solution, 1), 1)")


def test_a_second_derivative_that_is_not(ear: Ear) -> None:
    jax.grad(lambda p: jnp.mean(jax.vmap(lambda x: residual(p, x, jnp.tanh))(X) ** 2))(P)
    assert findings(ear) == []  # the last bias shifts the solution, and is not spoken of


def test_the_second_derivative_of_a_line_at_a_point(ear: Ear) -> None:
    jax.grad(lambda x: jax.grad(lambda x: 3.0 * x)(x))(2.0)
    assert [f.cause for f in findings(ear)] == []


class Net(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(1)(nn.relu(nn.Dense(3)(x)))


def test_the_place_at_which_an_array_is_taken_from_outside(ear: Ear) -> None:
    net, x = Net(), jnp.ones((2, 3))
    params = net.init(jax.random.key(0), x)
    jax.grad(lambda given: jnp.mean(net.apply(params, x) ** 2))(params)
    (finding,) = findings(ear)
    assert finding.cause == "wrong-source"
    assert finding.culprit is not None
    assert finding.culprit.code == "net.apply(params, x)"  # not the line of a layer inside


def layer(p: Any, x: Any) -> Any:
    return jax.nn.silu(x @ p["w"])


def test_the_same_where_functions_of_the_script_hand_it_on(ear: Ear) -> None:
    params = {"w": jnp.ones((3, 2))}
    jax.grad(lambda given: jnp.mean(layer(params, jnp.ones((2, 3))) + given["w"][0]))(params | {"b": jnp.ones(2)})
    jax.grad(lambda given: jnp.mean(layer(params, jnp.ones((2, 3))) ** 2))(params)
    (finding,) = findings(ear)
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith("layer(params, ")


def both(p: Any, x: Any) -> tuple[Any, Any]:
    out = layer(p, x)
    return jnp.mean((out > 0.5).astype(jnp.float32)), jnp.mean(out**2)


@pytest.mark.parametrize("way", [both, lambda p, x: both(p, x)[::-1]])
def test_the_loss_and_the_metric_in_the_wrong_order(way: Callable[..., Any], ear: Ear) -> None:
    jax.grad(way, has_aux=True)({"w": jnp.ones((3, 2))}, jnp.ones((2, 3)))
    found = findings(ear)
    assert [f.cause for f in found] == (["non-differentiable-op"] if way is both else [])
    assert all(SWAPPED in f.notes for f in found)


@pytest.mark.parametrize("asked", [0, 1])
@pytest.mark.parametrize("alike", [True, False])
def test_an_argument_that_has_no_way_where_one_before_it_has(ear: Ear, asked: int, alike: bool) -> None:
    def loss(judge: Any, maker: Any) -> Any:
        return jnp.sum(jax.lax.stop_gradient(maker["a"] @ maker["c"]) * judge["a"] + judge["b"])

    ask = jax.grad(loss, argnums=asked)
    ask(P, P if alike else P | {"d": jnp.ones(2)})
    found = findings(ear)
    told = [(f.cause, f.culprit and f.culprit.code) for f in found]
    if not asked:
        assert {cause for cause, _ in told} == {"not-called"}  # a part of it is not used
    else:
        assert (told == [("wrong-source", "jax.grad(loss, argnums=asked)")]) == alike
    assert ear.graphs[-1].notes == ((ARGNUMS.format("maker", "judge"),) if asked and not alike else ())


def tower(p: Any, ids: Any) -> Any:
    return jnp.tanh(p["emb"][ids] @ p["proj"])


def shrunk(p: Any) -> Any:
    return sum(jnp.sum(v**2) for v in jax.tree.leaves(p))


def scored(p: Any, x: Any) -> Any:
    user = tower(p["user"], x)
    tower(p["item"], x)
    score = jnp.sum(user * tower(p["user"], x), -1)
    return jnp.mean(jnp.square(score - 1.0)) + 0.1 * shrunk(p)


def test_a_weight_penalty_is_no_term_without_parameters(ear: Ear) -> None:
    part = {"emb": jnp.full((4, 3), 0.1), "proj": jnp.eye(3)}
    jax.grad(scored)({"user": part, "item": part}, jnp.arange(4))
    (finding,) = findings(ear)
    assert finding.penalised
    assert {p.path for p in finding.parameters} == {"p/item/emb", "p/item/proj"}
    assert finding.culprit is not None
    assert finding.culprit.line == scored.__code__.co_firstlineno + 2
