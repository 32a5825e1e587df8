"""The edits that are offered for PyTorch: applied to the program, they bring the gradient back."""

from __future__ import annotations

from pathlib import Path

import pytest

from edits import applied
from warm import Servers
from whygrad.finding import Edit

pytestmark = pytest.mark.torch

HEAD = """
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 4), torch.randn(16, 1)
"""
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 1)
        {made}

    {other}

    def forward(self, x):
        {forward}


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
"""
BLOCKS = "for block in {held}:\n            x = torch.tanh(block(x))\n        return self.head(self.body(x))"
BODY = "return self.head(torch.tanh(self.body(x)))"


def net(made: str = "pass", forward: str = BODY, other: str = "name = 'net'") -> str:
    return HEAD + NET.format(made=made, forward=forward, other=other)


MENDED = {
    "a list of layers": (
        net("self.more = [nn.Linear(4, 4) for _ in range(2)]", BLOCKS.format(held="self.more")),
        "self.more = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])",
    ),
    "a list that grows": (
        net("self.more = []\n        self.more.append(nn.Linear(4, 4))", BLOCKS.format(held="self.more")),
        "self.more = nn.ModuleList()",
    ),
    "a list of parameters": (
        net("self.gains = [nn.Parameter(torch.ones(4))]", "return self.head(self.body(x) * self.gains[0])"),
        "self.gains = nn.ParameterList([nn.Parameter(torch.ones(4))])",
    ),
    "a list of parameters that grows": (
        net(
            "self.gains = []\n        self.gains.append(nn.Parameter(torch.ones(4)))",
            "return self.head(self.body(x) * self.gains[0])",
        ),
        "self.gains = nn.ParameterList()",
    ),
    "a dict of layers": (
        net("self.more = {'a': nn.Linear(4, 4)}", BLOCKS.format(held="self.more.values()")),
        "self.more = nn.ModuleDict({'a': nn.Linear(4, 4)})",
    ),
    "a plain tensor": (
        net("self.gain = torch.ones(4, requires_grad=True)", "return self.head(self.body(x) * self.gain)"),
        "self.gain = nn.Parameter(torch.ones(4, requires_grad=True))",
    ),
    "a block under no_grad": (
        net(forward="with torch.no_grad():\n            h = self.body(x)\n        return self.head(h)"),
        "        h = self.body(x)\n",
    ),
    "a method under no_grad": (
        net(
            other="@torch.no_grad()\n    def f(self, x):\n        return self.body(x)",
            forward="return self.head(self.f(x))",
        ),
        "\n    def f(self, x):",
    ),
    "a number taken out": (
        net("self.gain = nn.Parameter(torch.ones(()))", "return self.head(self.body(x)) * self.gain.item()"),
        "return self.head(self.body(x)) * self.gain\n",
    ),
    "an exponential of Python's": (
        net("self.gain = nn.Parameter(torch.ones(()))", "return self.head(self.body(x)) * math.exp(self.gain)"),
        "* torch.exp(self.gain)",
    ),
    "a sample": (
        net(forward="return self.head(torch.distributions.Normal(self.body(x), 1.0).sample())"),
        "torch.distributions.Normal(self.body(x), 1.0).rsample()",
    ),
    "a leaf that was not followed": (
        HEAD + "w = torch.zeros(4, 1)\nF.mse_loss(x @ w * nn.Linear(4, 1)(x), y).backward()\nprint(w.grad)\n",
        "w = torch.zeros(4, 1).requires_grad_()",
    ),
    "a leaf of an optimizer": (
        HEAD
        + "w = torch.zeros(4, 1)\nb = torch.zeros(1, requires_grad=True)\noptimizer = torch.optim.SGD([w, b], 0.1)\n"
        + "for _ in range(2):\n    F.mse_loss(x @ w + b, y).backward()\n    optimizer.step()\n",
        "w = torch.zeros(4, 1).requires_grad_()",
    ),
    "a sum of numbers": (
        HEAD + "model = nn.Linear(4, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\ntotal = 0\n"
        "for one in x:\n    total += model(one).square().sum().item()\ntotal.backward()\noptimizer.step()\n",
        "total += model(one).square().sum()\n",
    ),
    "a step that is only named": (net().replace("optimizer.step()", "optimizer.step"), "    optimizer.step()"),
    "a backward pass that is only named": (net().replace("loss.backward()", "loss.backward"), "    loss.backward()"),
    "a head that was swapped": (
        HEAD + "model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))\n"
        "optimizer = torch.optim.SGD(model.parameters(), 0.1)\nmodel[1] = nn.Linear(4, 1)\n"
        "for _ in range(3):\n    F.mse_loss(model(x), y).backward()\n    optimizer.step()\n",
        "model[1] = nn.Linear(4, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\n",
    ),
}
# Where the one change that lies near would not be enough, or would break something.
LEFT_ALONE = {
    "layers in lists of lists": net(
        "self.more = [[nn.Linear(4, 4)], [nn.Linear(4, 4)]]",
        "for (block,) in self.more:\n            x = block(x)\n        return self.head(self.body(x))",
    ),
    "a buffer changed under no_grad": net(
        "self.register_buffer('mean', torch.zeros(4))",
        "with torch.no_grad():\n            h = self.body(x)\n            self.mean.mul_(0.9)\n"
        "        return self.head(h)",
    ),
    "a number that a constant is made of": net(
        "self.gain = nn.Parameter(torch.ones(()))",
        "gain = torch.tensor(self.gain.item())\n        return self.head(self.body(x)) * gain",
    ),
    "an array": net(
        forward="h = self.body(x)\n        return self.head(torch.from_numpy(np.tanh(h.detach().numpy())))"
    ),
    "classes, drawn": net(
        forward="return self.head(F.one_hot(torch.distributions.Categorical(logits=self.body(x)).sample(), 4).float())"
    ),
}


def offered(text: str, folder: Path, servers: Servers) -> list[Edit]:
    (folder / "program.py").write_text(text, "utf-8")
    report = servers.report(folder / "program.py", folder / "report.json", "torch")
    findings = [f for f in report["findings"] if f["severity"] != "note"]
    assert findings
    return [Edit(**edit) for finding in findings for edit in (finding["fix"] or {"edits": []})["edits"]]


@pytest.mark.parametrize("name", MENDED)
def test_the_edit_brings_the_gradient_back(name: str, tmp_path: Path, servers: Servers) -> None:
    text, line = MENDED[name]
    after = applied(dict.fromkeys(offered(text, tmp_path, servers)), text)
    assert line in after
    (tmp_path / "program.py").write_text(after, "utf-8")
    report = servers.report(tmp_path / "program.py", tmp_path / "report.json", "torch")
    assert [f["title"] for f in report["findings"] if f["severity"] != "note"] == []
    assert report["script"]["status"] == 0


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_no_edit_is_better_than_half_of_one(name: str, tmp_path: Path, servers: Servers) -> None:
    assert offered(LEFT_ALONE[name], tmp_path, servers) == []
