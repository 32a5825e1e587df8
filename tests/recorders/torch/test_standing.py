"""Optimizers whose steps leave every number as it was, and some that only begin like that."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x
from torch_training import train

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Own(torch.optim.Optimizer):
    """Computes new numbers, and writes them nowhere for the first ``idle`` steps."""

    def __init__(self, params: Any, idle: int) -> None:
        super().__init__(params, {"lr": 0.01})
        self.idle = idle

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.idle -= 1
        for p in (p for group in self.param_groups for p in group["params"]):
            moved = p - 0.01 * p.grad
            if self.idle < 0:
                p.copy_(moved)


@pytest.mark.parametrize(("idle", "found"), [(12, True), (11, False), (0, False)])
def test_an_optimizer_of_the_scripts_own(idle: int, found: bool) -> None:
    def program() -> None:
        net = nn.Linear(4, 1)
        optimizer = Own(net.parameters(), idle)
        for _ in range(12):
            optimizer.zero_grad()
            net(x()).square().mean().backward()
            optimizer.step()

    expected = [("not-updated", "Own(net.parameters(), idle)", ["net.weight", "net.bias"])]
    assert told(program) == (expected if found else [])


def test_updates_that_are_lost_in_rounding() -> None:
    def program() -> None:
        net = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).to(torch.bfloat16)
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-7)
        for _ in range(12):
            optimizer.zero_grad()
            net(x().bfloat16()).float().square().sum().backward()
            optimizer.step()

    [(cause, where, names)] = told(program)
    assert (cause, where) == ("not-updated", "torch.optim.SGD(net.parameters(), lr=1e-7)")
    assert "net.1.bias" not in names  # it began as zeros, and those are moved by whatever is added
    assert "net.0.weight" in names


def test_a_few_steps_may_be_a_trial() -> None:
    def program() -> None:
        net = nn.Linear(4, 1).to(torch.bfloat16)
        train(net, loss=lambda: net(x().bfloat16()).float().square().mean() * 1e-9, steps=4)

    assert told(program) == []
