"""What was computed with a parameter once, before it was changed, and is differentiated in each step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
ROWS = torch.tensor([0, 2, 1, 1, 0, 2, 2, 0])


def stepped(optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward(retain_graph=True)
        optimizer.step()


@pytest.mark.parametrize(("steps", "found"), [(5, True), (3, False)])
def test_a_table_that_is_looked_up_once(steps: int, found: bool) -> None:
    def program() -> None:
        table, head = nn.Embedding(3, 4), nn.Linear(4, 1)
        optimizer = torch.optim.SGD([*table.parameters(), *head.parameters()], lr=0.1)
        rows = table(ROWS)
        stepped(optimizer, lambda: head(rows).square().mean(), steps)

    assert told(program) == ([("not-called", "table(ROWS)", ["table.weight"])] if found else [])


def test_a_view_that_is_made_once_sees_what_becomes_of_it() -> None:
    def program() -> None:
        weight = nn.Parameter(torch.full((1, 4), 0.1))
        turned = weight.t()
        stepped(torch.optim.SGD([weight], lr=0.1), lambda: (x() @ turned).square().mean(), 5)

    assert told(program) == []


def test_one_forward_pass_for_two_optimizers_and_several_passes_for_one() -> None:
    def program() -> None:
        made, judge = nn.Linear(4, 4), nn.Linear(4, 1)
        makes, judges = torch.optim.SGD(made.parameters(), lr=0.01), torch.optim.SGD(judge.parameters(), lr=0.01)
        for _ in range(5):
            fake = made(x())
            stepped(judges, lambda fake=fake: judge(fake).square().mean(), 1)
            made.zero_grad()
            for goal in range(3):
                (judge(fake) - goal).square().mean().backward(retain_graph=goal < 2)
            makes.step()

    assert told(program) == []
