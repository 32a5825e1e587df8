"""A function that is handed a value, or another in its place: the call that has chosen is blamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x
from torch_training import train

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Computes with what it is given: the choice is the caller's."""
    return torch.dist(one, other).square()


def of_the_wrong_part(out: dict[str, torch.Tensor]) -> torch.Tensor:
    return distance(out["body"], x())


class Headed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, given: torch.Tensor) -> dict[str, torch.Tensor]:
        h = self.body(given)
        return {"body": h, "head": self.head(h)}


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.rate = nn.Linear(4, 1), nn.Parameter(torch.tensor(0.1))

    def adapted(self) -> torch.Tensor:
        return self.body.weight.detach() * self.rate

    def query(self, weight: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Is given the weight, and goes on without it."""
        out: torch.Tensor = self.body(given)
        return out.square().mean()

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.query(self.adapted(), one) for one in given]).mean()


def headed() -> None:
    net = Headed()
    train(net, loss=lambda: of_the_wrong_part(net(x())), steps=3)


def adapted() -> None:
    net = Adapted()
    train(net, loss=lambda: net(x()), steps=3)


@pytest.mark.parametrize(
    ("program", "where", "names"),
    [
        (headed, 'distance(out["body"], x())', ["net.head.weight", "net.head.bias"]),
        (adapted, "self.body(given)", ["net.rate"]),
    ],
)
def test_the_call_that_has_chosen(program: Callable[[], None], where: str, names: list[str]) -> None:
    assert told(program) == [("unused-output", where, names)]


def test_a_list_of_parameters_runs_nowhere() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.rates = nn.Linear(4, 1), nn.ParameterList([torch.full((4,), 0.1)])

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            _scaled = self.body(given) * self.rates[0]
            out: torch.Tensor = self.body(given)
            return out

    net = Listed()
    (finding,) = findings_of(lambda: train(net, loss=lambda: net(x()).square().mean(), steps=3))
    assert "the loss does not use what is computed with `net.rates`" in finding.title
