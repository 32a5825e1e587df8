"""The recorder of JAX in the situations that every recorder is tried in."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jax")

from conformance import SITUATIONS, Framework, check
from whygrad.recorders.jax import Jax

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]

MODEL = """
import jax
import jax.numpy as jnp
import numpy as np

x = jnp.linspace(-1, 1, 32).reshape(8, 4)
y = x.sum(1, keepdims=True)
keys = jax.random.split(jax.random.key(0), 3)
params = {"hidden": jax.random.normal(keys[0], (4, 5)), "pred": jax.random.normal(keys[1], (5, 1))}
"""
STEPS = """
def loss_fn(params):
    {forward}
    return loss

for step in range(4):
    grads = jax.grad(loss_fn)(params)
    params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
result = jax.tree.map(lambda p: p.tolist(), params)
"""


def steps(*forward: str, before: str = "") -> str:
    return MODEL + before + STEPS.replace("{forward}", "\n    ".join(forward))


CUSTOM = """
@jax.custom_vjp
def scaled(value):
    return value * 2

def backward(kept, gradient):
    return (jnp.zeros_like(gradient),)  # <- here

scaled.defvjp(lambda value: (value * 2, None), backward)
"""
TURNS = """
def loss_fn(part, rest):
    weights = {**part, **rest}
    return jnp.mean((jnp.tanh(x @ weights["hidden"]) @ weights["pred"] - y) ** 2)

for step in range(4):
    for name in ("hidden", "pred"):
        part = {name: params.pop(name)}
        grads = jax.grad(loss_fn)(part, params)
        params[name] = part[name] - 0.1 * grads[name]
result = [params[name].tolist() for name in sorted(params)]
"""
OTHER = """
def loss_fn(given):
    return jnp.mean((jnp.tanh(x @ params["hidden"]) @ params["pred"] - y) ** 2)  # <- here

for step in range(4):
    grads = jax.grad(loss_fn)(params)
result = grads["pred"].tolist()
"""
PROGRAMS = {
    "healthy": steps("loss = jnp.mean((jnp.tanh(x @ params['hidden']) @ params['pred'] - y) ** 2)"),
    "two parts trained in turn": MODEL + TURNS,
    "a stop beside a live way": steps(
        "out = jnp.tanh(x @ params['hidden']) @ params['pred']",
        "loss = jnp.mean((out - 0.5 * jax.lax.stop_gradient(out) - y) ** 2)",
    ),
    "an argmax for a metric": steps(
        "h = jnp.tanh(x @ params['hidden'])",
        "right = jnp.argmax(h, 1) == 0",
        "loss = jnp.mean((h @ params['pred'] - y) ** 2)",
    ),
    "NumPy for the log": steps(
        "jax.debug.callback(lambda h: float(np.mean(h)), x @ params['hidden'])",
        "loss = jnp.mean((jnp.tanh(x @ params['hidden']) @ params['pred'] - y) ** 2)",
    ),
    "the script's own exception": steps(
        "loss = jnp.mean((jnp.tanh(x @ params['hidden']) @ params['pred'] - y) ** 2)",
        "if step == 2:",
        "    raise LookupError('no such batch')",
    ),
    "a layer that is bypassed": steps(
        "h = jnp.tanh(x @ params['hidden'])", "out = h @ params['pred']", "loss = jnp.mean((h - y) ** 2)  # <- here"
    ),
    "a layer that is never called": steps("loss = jnp.mean((jnp.tanh(x @ params['hidden']) - y) ** 2)  # <- here"),
    "a stop on the only way": steps(
        "h = jax.lax.stop_gradient(jnp.tanh(x @ params['hidden']))  # <- here",
        "loss = jnp.mean((h @ params['pred'] - y) ** 2)",
    ),
    "through NumPy": steps(
        "h = np.tanh(x @ params['hidden'])  # <- here", "loss = jnp.mean((h @ params['pred'] - y) ** 2)"
    ),
    "an argmax on the way": steps(
        "chosen = jnp.argmax(x @ params['hidden'], 1)  # <- here",
        "loss = jnp.mean((jnp.eye(5)[chosen] @ params['pred'] - y) ** 2)",
    ),
    "a cast to integers": steps(
        "whole = (x @ params['hidden'] * 4).astype(int)  # <- here",
        "loss = jnp.mean((whole.astype(float) @ params['pred'] - y) ** 2)",
    ),
    "a custom gradient without an answer": steps(
        "loss = jnp.mean((scaled(x @ params['hidden']) @ params['pred'] - y) ** 2)", before=CUSTOM
    ),
    "asked of another object": MODEL + OTHER,
}
MISSING = {"computed unrecorded": "whatever runs inside of a request of JAX's is part of it"}
JAX = Framework(Jax, ("jax",), PROGRAMS, MISSING)


@pytest.mark.parametrize("situation", sorted(set(SITUATIONS) - set(MISSING)))
def test_a_situation(situation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(JAX, situation, tmp_path / "program.py", monkeypatch)
