"""An error of ours, wherever it happens, does not reach the script, and is said once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from faults import wrongs
from whygrad.session import Session

pytestmark = pytest.mark.torch
X = torch.linspace(0.1, 1, 32).reshape(8, 4)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return gradient * 2


def program() -> list[Any]:
    """A bit of everything that a recorder listens to."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(4, 1))
    net.extra = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    scale = torch.ones(4, requires_grad=True)
    results: list[Any] = []
    for _ in range(2):
        hidden = net[0](X)
        with torch.no_grad():
            seen = hidden.mean().item() + float(hidden.detach().numpy().sum())
        out = Doubled.apply(net[3](net[2](torch.relu(hidden)))).clamp(-5, 5)
        out[0] = 0
        loss = (out - torch.tensor([seen])).square().mean() + out.round().sum() * 0 + hidden.data.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        (gradient,) = torch.autograd.grad((scale * X).sum().sqrt(), [scale])
        (scale * 3).sum().backward()
        with torch.no_grad():
            scale -= 0.1 * scale.grad
            scale.grad.zero_()
        results += [loss.item(), seen, gradient.tolist(), scale.tolist(), [p.sum().item() for p in net.parameters()]]
    return results


def recorder(run: Session) -> Any:
    from whygrad.recorders.torch import Torch

    return Torch()


def test_an_error_of_ours_changes_nothing_and_is_said() -> None:
    wrong = wrongs(program, recorder, torch.overrides._get_current_function_mode)
    assert not wrong, "\n".join(wrong)
