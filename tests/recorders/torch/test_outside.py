"""A loss that is a number of Python's or NumPy's, of which the script asks a backward pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from warm import Servers

pytestmark = pytest.mark.torch

SCRIPT = """
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(8, 4)
model, other = nn.Linear(4, 1), nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{more}
loss = {loss}  # the loss
loss.backward()
optimizer.step()
"""
NUMBERS = {
    "np.mean(model(x).detach().numpy() ** 2)": "numpy.float32",
    "np.square(model(x).detach().numpy())": "numpy.ndarray",
    "sum(v * v for v in model(x).flatten().tolist())": "Python float",
    "model(x).mean().item()": "Python float",
}


@pytest.mark.parametrize("loss", NUMBERS)
def test_where_the_value_left_is_told(loss: str, tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "program.py"
    script.write_text(SCRIPT.format(loss=loss, more=""), "utf-8")
    report = servers.report(script, tmp_path / "report.json", "torch")
    (finding,) = report["findings"]
    assert finding["cause"] == "left-framework"
    assert f"the loss is a {NUMBERS[loss]}, computed from" in finding["title"]
    assert "# the loss" in script.read_text("utf-8").splitlines()[finding["culprit"]["line"] - 1]
    assert [p["path"] for p in finding["parameters"]] == ["model.weight", "model.bias"]
    assert report["script"]["error"].startswith("AttributeError: ")


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        ("model", ""),  # no number at all
        ("None", ""),
        ("model(x).mean()", "try:\n    (0.5).backward()\nexcept AttributeError:\n    pass"),  # it is caught
    ],
)
def test_what_is_no_such_request_is_none(loss: str, more: str, tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "program.py"
    script.write_text(SCRIPT.format(loss=loss, more=more), "utf-8")
    report = servers.report(script, tmp_path / "report.json", "torch")
    assert report["findings"] == []
