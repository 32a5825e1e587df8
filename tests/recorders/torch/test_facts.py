"""A group of an optimizer that its learning rate never moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x
from whygrad.recorders.torch.facts import has_rate

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
SLOW = 1 // 10


def trained(rate: float, schedule: Callable[[torch.optim.Optimizer], Any] = lambda optimizer: None) -> None:
    body, head = nn.Linear(4, 3), nn.Linear(3, 1)
    groups = [{"params": body.parameters(), "lr": rate}, {"params": head.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    schedule(optimizer)
    for _ in range(12):
        optimizer.zero_grad()
        (head(body(x()).tanh()) - 1).square().mean().backward()
        optimizer.step()


def test_a_group_without_a_rate() -> None:
    [(cause, place, names)] = told(lambda: trained(0.01 * SLOW))
    assert (cause, place, names) == ("not-updated", "torch.optim.SGD(groups, lr=0.01)", ["body.weight", "body.bias"])


def waits(optimizer: torch.optim.Optimizer) -> object:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda epoch: float(epoch > 20), lambda epoch: 1.0])


def test_a_group_that_waits_for_its_schedule() -> None:
    assert told(lambda: trained(0.01, waits)) == []


@pytest.mark.parametrize(
    ("group", "expected"),
    [({"lr": float(SLOW)}, False), ({"lr": 0.1}, True), ({}, True), ({"lr": torch.tensor(0.0)}, False)],
)
def test_a_rate(group: Mapping[str, Any], expected: bool) -> None:
    assert has_rate(group) is expected
