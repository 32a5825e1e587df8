"""The recorder of PyTorch in the situations that every recorder is tried in."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from conformance import SITUATIONS, Framework, check
from whygrad.recorders.torch import Torch

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

MODEL = """
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
x = torch.linspace(-1, 1, 32).reshape(8, 4)
y = x.sum(1, keepdim=True)
hidden, pred = nn.Linear(4, 5), nn.Linear(5, 1)
model = nn.Sequential(hidden, nn.Tanh(), pred)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
STEPS = """
for step in range(4):
    optimizer.zero_grad()
    {forward}
    loss.backward()
    optimizer.step()
result = [p.tolist() for p in model.parameters()]
"""


def steps(*forward: str, before: str = "") -> str:
    return MODEL + before + STEPS.replace("{forward}", "\n    ".join(forward))


CUSTOM = """
class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value * 2

    @staticmethod
    def backward(ctx, gradient):
        return None  # <- here

"""
TURNS = """
other = nn.Linear(5, 1)
optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (model, other)]
for step in range(4):
    for optimizer, head in zip(optimizers, (pred, other)):
        optimizer.zero_grad()
        loss = (head(torch.tanh(hidden(x))) - y).square().mean()
        loss.backward()
        optimizer.step()
result = [p.tolist() for p in (*model.parameters(), *other.parameters())]
"""
PROGRAMS = {
    "healthy": steps("loss = (model(x) - y).square().mean()"),
    "two parts trained in turn": MODEL + TURNS,
    "a stop beside a live way": steps("out = model(x)", "loss = (out - 0.5 * out.detach() - y).square().mean()"),
    "an argmax for a metric": steps(
        "out = model(x)", "right = (out.argmax(1) == 0).float().mean()", "loss = (out - y).square().mean()"
    ),
    "NumPy for the log": steps(
        "out = model(x)", "seen = float(np.mean(out.detach().numpy()))", "loss = (out - y).square().mean()"
    ),
    "the script's own exception": steps(
        "loss = (model(x) - y).square().mean()", "if step == 2:", "    raise LookupError('no such batch')"
    ),
    "a layer that is bypassed": steps(
        "out = model(x)", "loss = (hidden(x).sum(1, keepdim=True) - y).square().mean()  # <- here"
    ),
    "a layer that is never called": steps("loss = (hidden(x) - y).square().mean()  # <- here"),
    "a stop on the only way": steps(
        "out = model(x).detach()  # <- here", "loss = (out - y).square().mean().requires_grad_()"
    ),
    "computed unrecorded": steps(
        "with torch.no_grad():  # <- here",
        "    features = hidden(x)  # <- here",
        "loss = (pred(torch.tanh(features)) - y).square().mean()",
    ),
    "through NumPy": steps(
        "features = torch.from_numpy(np.tanh(hidden(x).detach().numpy()))  # <- here",
        "loss = (pred(features) - y).square().mean()",
    ),
    "an argmax on the way": steps(
        "chosen = hidden(x).argmax(1)  # <- here", "loss = (pred(torch.eye(5)[chosen]) - y).square().mean()"
    ),
    "a cast to integers": steps(
        "whole = hidden(x).mul(4).long()  # <- here", "loss = (pred(whole.float()) - y).square().mean()"
    ),
    "a custom gradient without an answer": steps(
        "loss = (pred(Scaled.apply(hidden(x))) - y).square().mean()", before=CUSTOM
    ),
    "asked of another object": MODEL
    + """
other = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
for step in range(4):
    loss = (model(x) - y).square().mean()
    grads = torch.autograd.grad(loss, list(other.parameters()), allow_unused=True)  # <- here
result = [float(loss)]
""",
}
TORCH = Framework(Torch, ("torch",), PROGRAMS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_situation(situation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(TORCH, situation, tmp_path / "program.py", monkeypatch)
