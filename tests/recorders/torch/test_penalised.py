"""Parameters of PyTorch that a weight penalty alone moves, and terms of a loss that only look like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, x

pytestmark = pytest.mark.torch


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.side, self.head = nn.Linear(4, 3), nn.Linear(3, 2), nn.Linear(3, 1)
        self.level = nn.Parameter(torch.ones(()))

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.body(given).tanh()
        return self.head(hidden), self.side(hidden)


def trained(loss: Callable[[Net], torch.Tensor], level: bool = False) -> Callable[[], None]:
    def program() -> None:
        model = Net()
        model.level.requires_grad_(level)
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            loss(model).backward()
            optimizer.step()

    return program


def data(model: Net) -> torch.Tensor:
    return model(x())[0].square().mean()


def squares(model: Net) -> torch.Tensor:
    return data(model) + 0.01 * sum(p.pow(2).sum() for p in model.parameters() if p.requires_grad)


def norms(model: Net) -> torch.Tensor:
    found = data(model)
    for p in model.parameters():
        if p.requires_grad:
            found = found + 0.01 * torch.linalg.vector_norm(p)
    return found


@pytest.mark.parametrize("loss", [squares, norms])
def test_a_branch_that_only_the_penalty_moves(loss: Callable[[Net], torch.Tensor]) -> None:
    [finding] = findings_of(trained(loss))
    assert finding.penalised
    assert (finding.cause, finding.severity) == ("unused-output", "warning")
    assert [p.path for p in finding.parameters] == ["model.side.weight", "model.side.bias"]


def test_a_term_for_one_parameter_alone_may_be_what_it_learns_from() -> None:
    def loss(model: Net) -> torch.Tensor:
        hidden, side = model(x())
        return hidden.square().mean() + side.square().mean() + (model.level - 3.0) ** 2

    assert findings_of(trained(loss, level=True)) == []


def test_a_term_that_draws_to_a_value_is_no_penalty() -> None:
    def loss(model: Net) -> torch.Tensor:
        hidden, side = model(x())
        prior = (model.level - 3.0) ** 2 + (model.head.bias - 1.0).square().sum()
        return hidden.square().mean() + side.square().mean() + prior

    assert findings_of(trained(loss, level=True)) == []


def test_what_the_data_reaches_is_healthy() -> None:
    assert findings_of(trained(lambda model: squares(model) + model(x())[1].square().mean())) == []
