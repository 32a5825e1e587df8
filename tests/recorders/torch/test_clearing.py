"""Steps without a backward pass, backward passes without a step, and what only looks like either."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def loss_of(net: nn.Module) -> torch.Tensor:
    made: torch.Tensor = (net(x()) - 1).square().mean()
    return made


def no_backward() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(4):
        loss_of(net)
        optimizer.step()


def one_by_one() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(4):
        loss_of(net).backward()
        for parameter in net.parameters():
            assert parameter.grad is not None
            parameter.grad.data.zero_()
        optimizer.step()


def no_step() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    for _ in range(4):
        optimizer.zero_grad()
        loss_of(net).backward()


def by_hand() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(4):
        with torch.no_grad():
            error = loss_of(net)
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter) * error
        optimizer.step()


def a_schedule_shown(before: Callable[[], None] = lambda: None) -> None:
    before()
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(12):
        optimizer.step()
        schedule.step()


def trained() -> None:
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        loss_of(net).backward()
        optimizer.step()


def a_schedule_shown_later() -> None:
    a_schedule_shown(trained)


def summed() -> None:
    net = nn.Linear(4, 1)
    torch.optim.SGD(net.parameters(), lr=0.01).zero_grad()
    for _ in range(4):
        loss_of(net).backward()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (no_backward, "optimizer.step()"),
        (one_by_one, "parameter.grad.data.zero_()"),
        (no_step, "torch.optim.SGD(net.parameters(), lr=0.02)"),
    ],
)
def test_half_of_a_step_is_told(program: Callable[[], None], code: str) -> None:
    assert told(program) == [("not-updated", code, ["net.weight", "net.bias"])]


@pytest.mark.parametrize("program", [by_hand, a_schedule_shown, a_schedule_shown_later, summed, trained])
def test_what_is_whole_or_meant_is_silent(program: Callable[[], None]) -> None:
    assert told(program) == []
