"""Lazy modules: their parameters have neither shape nor values before the first call, and none if there is no call."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x
from torch_training import train

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.below, self.norm, self.above = nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.LazyLinear(1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.above(self.norm(self.below(given)))
        return out


@pytest.mark.parametrize("dry", [True, False])
def test_they_are_followed_once_they_are_made(dry: bool) -> None:
    def program() -> None:
        model = Model()
        if dry:
            model(x())
        train(model, loss=lambda: model(x()).square().mean())

    assert told(program) == []


def test_one_that_is_never_called_is_told() -> None:
    def program() -> None:
        model = Model()
        model.unused = nn.LazyLinear(3)
        beside = torch.zeros(3)
        torch.optim.SGD([beside, *model.parameters()], lr=0.1)
        train(model, loss=lambda: model(x()).square().mean())

    (finding,) = findings_of(program)
    assert finding.cause == "not-called"
    assert [(p.path, p.shape) for p in finding.parameters] == [("model.unused.weight", ()), ("model.unused.bias", ())]
