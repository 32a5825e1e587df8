"""A derivative without a graph as a term of the loss beside others, known from one that is a constant on purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Loss = Callable[[nn.Module], torch.Tensor]


def slope(net: nn.Module, at: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(net(at).sum(), at)[0]


def program(loss: Loss) -> Callable[[], None]:
    def run() -> None:
        net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (net(x()).square().mean() + loss(net)).backward()
            optimizer.step()

    return run


def penalty(net: nn.Module) -> torch.Tensor:
    return 0.1 * (slope(net, x().requires_grad_()).norm(dim=1) - 1).pow(2).mean()


def residual(net: nn.Module) -> torch.Tensor:
    at = x().requires_grad_()
    return (slope(net, at) + net(at)).square().mean()


def weight(net: nn.Module) -> torch.Tensor:
    return slope(net, x().requires_grad_()).norm() * net(x()).mean()


def attack(net: nn.Module) -> torch.Tensor:
    at = x().requires_grad_()
    moved: torch.Tensor = net(at + 0.1 * slope(net, at)).mean()
    return moved


def inner_steps(net: nn.Module) -> torch.Tensor:
    fast = dict(net.named_parameters())
    for _ in range(2):
        loss = torch.func.functional_call(net, fast, (x(),)).square().mean()
        gradients = torch.autograd.grad(loss, list(fast.values()))
        fast = {name: p - 0.1 * g for (name, p), g in zip(fast.items(), gradients, strict=True)}
    last: torch.Tensor = torch.func.functional_call(net, fast, (x(),)).mean()
    return last


@pytest.mark.parametrize("loss", [penalty, residual])
def test_a_term_that_teaches_nothing(loss: Loss) -> None:
    [finding] = findings_of(program(loss))
    assert (finding.cause, finding.severity, finding.partly) == ("recording-off", "warning", True)
    assert finding.culprit is not None
    assert finding.culprit.code == "torch.autograd.grad(net(at).sum(), at)"
    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits] == [", create_graph=True"]
    assert {"net.0.weight", "net.2.weight"} <= {p.path for p in finding.parameters}


@pytest.mark.parametrize("loss", [weight, attack, inner_steps])
def test_a_constant_on_purpose(loss: Loss) -> None:
    assert findings_of(program(loss)) == []
