"""Layers that a forward pass makes: anew each time, or once and for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    def __init__(self, forward: Callable[[Net, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.body, self.way = nn.Linear(4, 4), forward
        self.late: nn.Module | None = None

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.way(self, self.body(given))


def anew(net: Net, h: torch.Tensor) -> torch.Tensor:
    head = nn.Linear(4, 1)
    made: torch.Tensor = head(h)
    return made


def once(net: Net, h: torch.Tensor) -> torch.Tensor:
    if net.late is None:
        net.late = nn.Linear(4, 1)
    made: torch.Tensor = net.late(h)
    return made


def scaled(net: Net, h: torch.Tensor) -> torch.Tensor:
    made: torch.Tensor = nn.LayerNorm(4)(h).tanh()
    return made


def program(forward: Callable[[Net, torch.Tensor], torch.Tensor]) -> Callable[[], None]:
    def run() -> None:
        nets = [Net(forward), Net(forward)]
        for net in nets:
            net(x())
        optimizer = torch.optim.SGD([p for net in nets for p in net.parameters()], lr=0.01)
        for _ in range(4):
            for net in nets:
                (net(x()) - 1).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    return run


def test_a_layer_made_in_each_pass_is_told() -> None:
    assert told(program(anew)) == [("untracked", "nn.Linear(4, 1)", ["Linear.weight", "Linear.bias"])]


@pytest.mark.parametrize("forward", [once, scaled])
def test_what_stays_or_only_scales_is_none(forward: Callable[[Net, torch.Tensor], torch.Tensor]) -> None:
    assert told(program(forward)) == []


class Centres(nn.Module):
    """A loss with parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.ones(3, 4))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return (given - self.centres[0]).square().mean()


class Judged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)

    @property
    def judge(self) -> Centres:
        return Centres()

    def loss(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.judge(self.body(given))
        return out


def test_a_loss_that_a_property_makes_anew() -> None:
    def run() -> None:
        net = Judged()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(4):
            optimizer.zero_grad()
            net.loss(x()).backward()
            optimizer.step()

    assert told(run) == [("untracked", "Centres()", ["Centres.centres"])]


def test_a_random_layer_that_only_disturbs_the_data() -> None:
    def run() -> None:
        net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(4):
            optimizer.zero_grad()
            net(nn.Linear(4, 4)(x())).square().mean().backward()
            optimizer.step()

    assert told(run) == []


def test_models_that_are_made_one_after_another_are_trained_or_looked_at() -> None:
    def run() -> None:
        for _ in range(4):
            net, judge = nn.Linear(4, 4), nn.Linear(4, 1)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for _ in range(2):
                optimizer.zero_grad()
                judge(net(x())).square().mean().backward()
                optimizer.step()
        for _ in range(4):
            nn.Linear(4, 1)(x()).square().mean().backward()

    assert told(run) == []
