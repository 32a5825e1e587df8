"""Running statistics of Flax linen that a step makes anew, and that the next step does not get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("flax")

import flax.linen as nn
import jax
import jax.numpy as jnp

from hearing import Ear
from jax_steps import ROUNDS, X
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.recorders.jax import Jax
from whygrad.recorders.jax.moves import CALLS_TO_AGREE

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool) -> Any:
        return nn.BatchNorm(use_running_average=not train)(nn.Dense(2)(x))


NET = Net()
VARIABLES = NET.init(jax.random.PRNGKey(0), X[0], True)


def step(params: Any, stats: Any, x: Any) -> tuple[Any, Any]:
    def loss(params: Any) -> Any:
        out, new = NET.apply({"params": params, "batch_stats": stats}, x, True, mutable=["batch_stats"])
        return jnp.mean((out - x[:, :2]) ** 2), new["batch_stats"]

    gradients, new = jax.grad(loss, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients), new


def looped(params: Any, stats: Any, x: Any) -> tuple[Any, Any]:
    return jax.lax.scan(lambda carry, _: (step(*carry, x), None), (params, stats), length=2)[0]


def train(one: Callable[..., Any], carried: bool, used: bool, moves: bool = True) -> None:
    params, stats = VARIABLES["params"], VARIABLES["batch_stats"]
    for n in ROUNDS:
        new, made = one(params, stats, X[n % len(X)])
        params, stats = new if moves else params, made if carried else stats
    if used:
        NET.apply({"params": params, "batch_stats": stats}, X[0], False)


def told(*how: Any) -> list[Finding]:
    jax.clear_caches()
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    recorder.linen_imported(nn)
    try:
        train(*how)
        recorder.finish(None)
    finally:
        recorder.stop()
    assert not ear.faults, ear.faults
    return [f for graph in ear.graphs for f in diagnose(graph) if "batch_stats" in f.parameters[0].path]


@pytest.mark.parametrize("one", [step, jax.jit(step)], ids=["eager", "compiled"])
def test_statistics_that_are_dropped_and_read(one: Callable[..., Any]) -> None:
    (found,) = told(one, False, True)
    assert (found.cause, found.severity) == ("not-updated", "warning")
    assert [p.path for p in found.parameters] == ["batch_stats/BatchNorm_0/mean", "batch_stats/BatchNorm_0/var"]
    assert found.culprit is not None
    assert found.culprit.line == step.__code__.co_firstlineno + 5  # they are handed back to there
    assert found.title.endswith("makes new ones in each step, and the next step begins with the old ones")


def test_statistics_that_the_loss_itself_lets_go_of() -> None:
    def dropping(params: Any, stats: Any, x: Any) -> tuple[Any, Any]:
        def loss(params: Any) -> Any:
            out, _ = NET.apply({"params": params, "batch_stats": stats}, x, True, mutable=["batch_stats"])
            return jnp.mean((out - x[:, :2]) ** 2)

        return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params)), stats

    (found,) = told(dropping, True, True)
    assert found.culprit is not None
    assert found.culprit.line == dropping.__code__.co_firstlineno + 2


def test_statistics_that_a_compiled_step_holds_as_constants() -> None:
    inner = jax.jit(lambda params, x: step(params, VARIABLES["batch_stats"], x))
    assert len(told(lambda params, _, x: inner(params, x), False, True)) == 1


@pytest.mark.parametrize("one", [step, jax.jit(step)], ids=["eager", "compiled"])
@pytest.mark.parametrize(("carried", "used", "moves"), [(True, True, True), (False, False, True), (False, True, False)])
def test_what_is_no_fault(one: Callable[..., Any], carried: bool, used: bool, moves: bool) -> None:
    assert told(one, carried, used, moves) == []


def test_a_loop_that_carries_them_may_begin_anew() -> None:
    assert told(jax.jit(looped), False, True) == []


def test_another_pass_may_make_the_statistics_that_are_read() -> None:
    def passes(params: Any, stats: Any, x: Any) -> Any:
        out = step(params, stats, x)
        fresh = stats
        for part in X:
            fresh = NET.apply({"params": params, "batch_stats": fresh}, part, True, mutable=["batch_stats"])[1]
            fresh = fresh["batch_stats"]
        return out

    assert told(passes, False, True) == []


@pytest.mark.parametrize("compiled", [True, False])
def test_statistics_that_are_meant_to_stay(compiled: bool) -> None:
    def frozen(params: Any, stats: Any, x: Any) -> tuple[Any, Any]:
        def loss(params: Any) -> Any:
            out, back = NET.apply({"params": params, "batch_stats": stats}, x, False, mutable=["batch_stats"])
            return jnp.mean((out - x[:, :2]) ** 2), back["batch_stats"]

        gradients, back = jax.grad(loss, has_aux=True)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients), back

    assert told(jax.jit(frozen) if compiled else frozen, True, True) == []


def test_so_many_steps_agree() -> None:
    assert len(ROUNDS) >= CALLS_TO_AGREE
