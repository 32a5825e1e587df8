"""What results show of gradients: healthy steps are never run again, and steps with zeros are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from hearing import Ear
from jax_healthy import HEALTHY, X, Y, net
from whygrad.recorders.jax import Jax, compat, measured, signs

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
Update = Callable[[Callable[..., Any]], Callable[..., Any]]


def adam(loss: Callable[..., Any]) -> Callable[..., Any]:
    def step(p: Any, m: Any) -> tuple[Any, Any]:
        gradient = jax.grad(loss)(p)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        return jax.tree.map(lambda p, m: p - 0.01 * (m + 0.1 * p), p, m), m  # with a decay that moves all

    return step


def decaying(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda p, m: (jax.tree.map(lambda p, g: p - 0.01 * (g + 0.1 * p), p, jax.grad(loss)(p)), m)


def replays(
    monkeypatch: pytest.MonkeyPatch, loss: Callable[..., Any], params: Any, scanned: int = 0, update: Update = adam
) -> int:
    """How often six compiled steps are run again; of ``scanned`` turns each, if it is given."""
    counted = []
    original = measured.replay
    monkeypatch.setattr(measured, "replay", lambda *a: counted.append(1) or original(*a))
    one = update(loss)
    many = jax.jit(lambda p, m: jax.lax.scan(lambda c, _: (one(*c), None), (p, m), None, length=scanned)[0])
    step = many if scanned else jax.jit(one)
    recorder = Jax()
    recorder.start(Ear())
    p, m = params, jax.tree.map(jnp.zeros_like, params)
    for _ in range(6):
        p, m = step(p, m)
    recorder.stop()
    return len(counted)


def dead(p: Any) -> Any:
    return jnp.mean((jax.nn.relu(X @ p["l1"]["w"] - 100.0) @ p["l2"]["w"] - Y) ** 2)


@pytest.mark.parametrize("scanned", [0, 3])
@pytest.mark.parametrize("update", [adam, decaying])
def test_a_healthy_step_is_never_run_again(update: Update, scanned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    loss, params = HEALTHY["regression"]()
    assert replays(monkeypatch, loss, params, scanned, update) == 0


@pytest.mark.parametrize("scanned", [0, 3])
@pytest.mark.parametrize("update", [adam, decaying])
def test_what_zeros_leave_behind_is_looked_into(update: Update, scanned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = net(3, 4, 1)
    assert replays(monkeypatch, dead, {"l1": {"w": first["w"]}, "l2": {"w": second["w"]}}, scanned, update) >= 4


def test_results_that_depend_on_a_gradient() -> None:
    def step(p: Any, x: Any) -> Any:
        gradient = {}

        def turn(c: Any, _: Any) -> Any:
            gradient["g"] = jax.grad(lambda c: jnp.sum(jnp.tanh(c) * x))(c)
            return c - gradient["g"], jnp.sum(c)

        final, sums = jax.lax.scan(turn, p, None, length=5)
        return final, sums, x * 2, jnp.argmax(final)

    closed = jax.make_jaxpr(jax.jit(step))(jnp.ones(3), jnp.ones(3))
    (scan,) = [e for e in closed.jaxpr.eqns[0].params["jaxpr"].jaxpr.eqns if e.primitive.name == "scan"]
    body = scan.params["jaxpr"].jaxpr
    (made,) = [e.invars[1] for e in body.eqns if e.outvars[0] is body.outvars[0]]  # final is c - g
    assert signs.shown(closed, {made}) == (0, 1)
    assert signs.shown(closed, set()) == ()
    assert signs.turns(closed.jaxpr, {made}) == 5


def test_zeros_and_what_stays_as_it_was() -> None:
    p = jnp.arange(2000.0)
    out = [jnp.zeros(3), p + 0.0, p.at[1999].set(1.0), jnp.zeros(2000).at[1999].set(1.0), jnp.ones(3)]
    assert signs.suspects([p, 3, jax.random.key(0)], out, range(5), {(2000,)}) == {0, 1}
    assert signs.suspects([p], out, [2, 3], {(2000,)}) == set()
    assert signs.suspects([p], out, [1], {(2000, 2)}) == set()  # no gradient has that shape


@pytest.mark.parametrize(
    ("change", "seen"),
    [(lambda p: 0.99 * p, True), (lambda p: 0.99 * p + 1e-4, False), (lambda p: 1e-9 * jnp.tanh(p), False)],
)
def test_what_only_decays(change: Callable[..., Any], seen: bool) -> None:
    p = jax.random.normal(jax.random.key(0), (7, 3))
    assert signs.suspects([p], [jax.jit(change)(p)], [0], {(7, 3)}) == ({0} if seen else set())


def test_the_shortcut_is_taken_again_once_recording_rests() -> None:
    compiling = compat.compiling()
    assert compiling is not None
    step = jax.jit(lambda p: p - 0.1 * jax.grad(lambda p: jnp.sum(p**2))(p))
    recorder = Jax()
    recorder.start(Ear())
    p = step(step(jnp.ones(3)))
    recorder.stop()
    p = step(p)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, compat.RUN, None)
        step(p)  # would fail if it still came by Python
