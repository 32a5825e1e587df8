"""A layer that nobody calls, in a class whose loss is computed by a method other than its forward pass."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Learner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 3)
        self.predictor = nn.Linear(3, 3)

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        return self.encoder(batch).square().mean()


class Switched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 3)
        self.predictor = nn.Linear(3, 3)
        self.deep = False

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(batch)
        if self.deep:
            hidden = self.predictor(hidden)
        return hidden.square().mean()


@pytest.mark.parametrize(("made", "place"), [(Learner, "self.encoder(batch)"), (Switched, "self.predictor(hidden)")])
def test_the_method_that_leaves_it_out(made: type[Learner | Switched], place: str) -> None:
    def program() -> None:
        learner = made()
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            learner.loss(x()).backward()
            optimizer.step()

    assert told(program) == [("not-called", place, ["learner.predictor.weight", "learner.predictor.bias"])]
