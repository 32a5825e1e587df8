"""What is frozen while the first steps are recorded, and thawed when nothing is recorded any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Then = Callable[[nn.Module, torch.optim.Optimizer], None]


def thawed(then: Then, each: Then = lambda body, optimizer: None) -> Callable[[], None]:
    def program() -> None:
        body, head = nn.Linear(4, 3), nn.Linear(3, 1)
        body.requires_grad_(False)
        optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
        for step in range(30):
            if step == 13:
                body.requires_grad_(True)
                then(body, optimizer)
            (head(body(x()).tanh()) - 1).square().mean().backward()
            optimizer.step()
            each(body, optimizer)
            optimizer.zero_grad()
            body.zero_grad()

    return program


def nothing(body: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    pass


def handed_over(body: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.add_param_group({"params": list(body.parameters())})


def frozen_again(body: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    body.requires_grad_(False)


def moved_by_hand(body: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    with torch.no_grad():
        for parameter in body.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad


def test_what_no_optimizer_gets_when_it_is_thawed() -> None:
    place = "torch.optim.SGD(head.parameters(), lr=0.01)"
    assert told(thawed(nothing)) == [("not-updated", place, ["body.weight", "body.bias"])]


@pytest.mark.parametrize(
    "program", [thawed(handed_over), thawed(nothing, moved_by_hand), thawed(nothing, frozen_again)]
)
def test_what_is_looked_after_when_it_is_thawed(program: Callable[[], None]) -> None:
    assert told(program) == []
