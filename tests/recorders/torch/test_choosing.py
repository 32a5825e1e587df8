"""Parameters whose values only decide in Python what is computed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Chooser(nn.Module):
    def __init__(self, how: Callable[[Chooser, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.score, self.branches = nn.Linear(4, 2), nn.ModuleList([nn.Linear(4, 1), nn.Linear(4, 1)])
        self.how = how

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.how(self, given)


def by_condition(net: Chooser, given: torch.Tensor) -> torch.Tensor:
    out = net.branches[0](given)
    if net.score(given).mean() < 1e3:
        out = out + net.branches[1](given)
    return out


def by_number_of_turns(net: Chooser, given: torch.Tensor) -> torch.Tensor:
    out = net.branches[0](given) + net.branches[1](given)
    turns = net.score(given).mean().clamp(2, 2).item()
    for _ in range(int(turns)):
        out = out * 0.5
    return out


def by_index(net: Chooser, given: torch.Tensor) -> torch.Tensor:
    chosen = int(net.score(given).mean(0).argmax())
    return net.branches[chosen](given) + net.branches[1 - chosen](given)


def looked_at(net: Chooser, given: torch.Tensor) -> torch.Tensor:
    out = net.branches[0](given) + net.branches[1](given)
    score = net.score(given).mean()
    if score > 1e3:
        print(score)
    return out


def trained(how: Callable[[Chooser, torch.Tensor], torch.Tensor]) -> Callable[[], None]:
    def program() -> None:
        net = Chooser(how)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            net(x()).square().mean().backward()
            optimizer.step()

    return program


@pytest.mark.parametrize(
    ("how", "cause", "place"),
    [
        (by_condition, "non-differentiable-op", "net.score(given).mean() < 1e3"),
        (by_number_of_turns, "left-framework", "net.score(given).mean().clamp(2, 2).item()"),
        (by_index, "non-differentiable-op", "int(net.score(given).mean(0).argmax())"),
    ],
)
def test_what_decides_is_told_where_python_asks(
    how: Callable[[Chooser, torch.Tensor], torch.Tensor], cause: str, place: str
) -> None:
    assert told(trained(how)) == [(cause, place, ["net.score.weight", "net.score.bias"])]


def test_what_is_only_looked_at_is_not_used() -> None:
    [(cause, _, names)] = told(trained(looked_at))
    assert (cause, names) == ("unused-output", ["net.score.weight", "net.score.bias"])
