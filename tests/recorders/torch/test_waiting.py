"""A loss of which no backward pass is asked, beside others that have theirs."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def entropies(asked: bool, looked_at: bool = False) -> None:
    """A policy weighs its entropy with a temperature that has an optimizer and a loss of its own."""
    policy, heat = nn.Linear(4, 1), torch.zeros(1, requires_grad=True)
    first, second = torch.optim.SGD(policy.parameters(), 0.1), torch.optim.SGD([heat], 0.1)
    for _ in range(4):
        out = policy(x())
        (heat.exp().detach() * out).mean().backward()
        first.step()
        first.zero_grad()
        wanted = (heat.exp() * out.detach()).mean()
        if asked:
            wanted.backward()
        if looked_at:
            wanted.item()
        second.step()
        second.zero_grad()


def test_a_loss_that_no_pass_is_asked_of() -> None:
    assert told(lambda: entropies(asked=False)) == [("not-updated", "second.step()", ["heat"])]


def test_the_detach_beside_it_is_meant() -> None:
    assert told(lambda: entropies(asked=True)) == []


def test_what_is_looked_at_before_the_step_may_be_a_metric() -> None:
    found = told(lambda: entropies(asked=False, looked_at=True))
    assert found == [("stop-gradient", "heat.exp().detach()", ["heat"])]
