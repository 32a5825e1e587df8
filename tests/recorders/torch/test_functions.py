"""Gradients that are asked of `torch.func`: parameters in a dict, cut ones named by their key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

Given = dict[str, Any]
Loss = Callable[[Given, torch.Tensor], torch.Tensor]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.body(given)))


class Unrecorded(Net):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            hidden = self.body(given)
        return self.head(hidden)


class Headless(Net):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.body(given)


def error_of(net: nn.Module) -> Loss:
    return lambda params, given: torch.func.functional_call(net, params, (given,)).square().mean()


def descend(net: nn.Module, gradient: Callable[[Given], Given]) -> None:
    params = {name: p.detach() for name, p in net.named_parameters()}
    for _ in range(5):
        answer = gradient(params)
        params = {name: p - 0.1 * answer[name].reshape(p.shape) for name, p in params.items()}


def by_grad(net: nn.Module) -> None:
    descend(net, lambda params: torch.func.grad(error_of(net))(params, x()))


def by_value_too(net: nn.Module) -> None:
    descend(net, lambda params: torch.func.grad_and_value(error_of(net))(params, x())[0])


def by_jacrev(net: nn.Module) -> None:
    descend(net, lambda params: torch.func.jacrev(error_of(net))(params, x()))


def by_vjp(net: nn.Module) -> None:
    def gradient(params: Given) -> Given:
        value, pullback = torch.func.vjp(lambda p: error_of(net)(p, x()), params)
        return pullback(torch.ones_like(value))[0]

    descend(net, gradient)


def by_sample(net: nn.Module) -> None:
    each = torch.func.vmap(torch.func.grad(error_of(net)), in_dims=(None, 0))
    descend(net, lambda params: {name: g.mean(0) for name, g in each(params, x()).items()})


WAYS = [by_grad, by_value_too, by_jacrev, by_vjp, by_sample]


@pytest.mark.parametrize("way", WAYS)
def test_a_healthy_function(way: Callable[[nn.Module], None]) -> None:
    assert told(lambda: way(Net())) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_inside(way: Callable[[nn.Module], None]) -> None:
    [(cause, code, names)] = told(lambda: way(Unrecorded()))
    assert (cause, code) == ("recording-off", "self.body(given)")
    assert names == ["params.body.weight", "params.body.bias"]


@pytest.mark.parametrize("way", WAYS)
def test_a_parameter_that_is_not_read(way: Callable[[nn.Module], None]) -> None:
    [(cause, _, names)] = told(lambda: way(Headless()))
    assert (cause, names) == ("not-called", ["params.head.weight", "params.head.bias"])


def test_a_function_that_gives_nothing_but_zeros() -> None:
    def program() -> None:
        net = Net()
        params = dict(net.named_parameters())
        lost = torch.func.grad(lambda given, params: error_of(net)(params, given).detach(), argnums=1)
        for _ in range(5):
            lost(x(), params)

    [finding] = findings_of(program)
    assert finding.cause == "stop-gradient"
    assert [p.path for p in finding.parameters] == [f"net.{n}" for n, _ in Net().named_parameters()]


def test_meta_learning_and_forces() -> None:
    def program() -> None:
        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(5):
            params = dict(net.named_parameters())
            inner = torch.func.grad(error_of(net))(params, x())
            fast = {name: p - 0.1 * inner[name] for name, p in params.items()}
            forces = torch.func.vmap(torch.func.grad(lambda given: net(given).squeeze()))(x())
            optimizer.zero_grad()
            (error_of(net)(fast, x()) + forces.square().mean()).backward()
            optimizer.step()

    assert told(program) == []
