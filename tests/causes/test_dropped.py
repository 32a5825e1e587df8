"""What is let go of where it is made, and what stands in its place: which of the two lines is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from warm import Servers

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


@pytest.mark.jax
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
    pytest.importorskip("jax")
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("FORWARD", "\n    ".join(lines)), "utf-8")
    (finding,) = servers.report(script, tmp_path / "report.json", "jax")["findings"]
    assert (finding["cause"], [p["path"] for p in finding["parameters"]]) == ("unused-output", ["p/side"])
    first = PROGRAM.splitlines().index("    FORWARD") + 1
    assert finding["culprit"]["line"] == first + line


HANDED_ON = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.proj = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, inputs):
        hidden = self.proj(self.norm(inputs))
        return inputs


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = nn.Linear(6, 8), Block(), nn.Linear(8, 1)

    def forward(self, x):
        x = self.stem(x)
        BODY
        return self.head(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(4, 6)).square().mean().backward()
    optimizer.step()
"""


@pytest.mark.torch
@pytest.mark.parametrize(
    ("body", "text", "layer"),
    [
        ("x = self.block(x)", "        return inputs", "model.block.proj"),  # it hands on what it was given
        ("refined = self.block(x)", "        return self.head(x)", "model.block"),  # nobody takes what it hands on
    ],
)
def test_a_layer_that_hands_on_what_it_was_given(
    body: str, text: str, layer: str, tmp_path: Path, servers: Servers
) -> None:
    pytest.importorskip("torch")
    script = tmp_path / "train.py"
    script.write_text(HANDED_ON.replace("BODY", body), "utf-8")
    (finding,) = servers.report(script, tmp_path / "report.json", "torch")["findings"]
    assert (finding["cause"], len(finding["parameters"])) == ("unused-output", 4)
    assert finding["culprit"]["line"] == HANDED_ON.replace("BODY", body).splitlines().index(text) + 1
    assert finding["title"].endswith(f"the loss does not use the output of `{layer}`")
