"""What is let go of where it is made, and what stands in its place: which of the two lines is told."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jax")

from warm import Servers

pytestmark = [pytest.mark.jax]
PROGRAM = """
import jax
import jax.numpy as jnp

x = jax.random.normal(jax.random.key(0), (8, 3))
p = {"side": jnp.eye(3), "in": jnp.eye(3), "out": jnp.ones((3, 1))}


def dense(w, v):
    return jnp.tanh(v @ w), jnp.sum(w)


def loss(p, x, t):
    FORWARD
    return jnp.mean((h @ p["out"] - 1.0) ** 2)


for _ in range(4):
    jax.grad(loss)(p, x, x + 1.0)
"""


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (("side = jnp.tanh(t @ p['side'])", "h = jnp.tanh(x @ p['in'])"), 0),  # of something else: only dropped
        (("side = jnp.tanh(x @ p['side'])", "h = jnp.tanh(x @ p['in'])"), 1),  # of the same: bypassed
        (("x @ p['side']", "h = jnp.tanh(x @ p['in'])"), 0),
        (("x, _ = jnp.tanh(x), jnp.sum(p['side'])", "h = jnp.tanh(x @ p['in'])"), 1),
        (("x, _ = dense(p['in'], x)[0], 0", "_ = dense(p['side'], t)", "h = x"), 1),
    ],
)
def test_the_line_that_is_told(lines: tuple[str, ...], line: int, tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("FORWARD", "\n    ".join(lines)), "utf-8")
    (finding,) = servers.report(script, tmp_path / "report.json", "jax")["findings"]
    assert (finding["cause"], [p["path"] for p in finding["parameters"]]) == ("unused-output", ["p/side"])
    first = PROGRAM.splitlines().index("    FORWARD") + 1
    assert finding["culprit"]["line"] == first + line
