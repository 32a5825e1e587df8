"""Gradients that a loss is made of: with a graph of their own they lead back, without one they are constants."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from torch_session import findings_of, told, x
from torch_training import mlp, train

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
NAMES = ["model.0.weight", "model.0.bias", "model.2.weight"]


def program(graph: bool, beside: bool = False) -> None:
    model, factor = mlp(), torch.nn.Linear(4, 1)
    given = x().requires_grad_()

    def loss() -> torch.Tensor:
        out = model(given)
        slope = torch.autograd.grad(out.sum(), given, create_graph=graph, retain_graph=True)[0]
        residual = (factor(slope) - 1).square().mean()
        return residual + out.square().mean() if beside else residual

    train(model, factor, loss=loss, steps=4)


def test_without_a_graph_it_is_a_constant() -> None:
    (finding,) = findings_of(lambda: program(False))
    assert finding.cause == "recording-off"
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith("torch.autograd.grad(out.sum()")
    assert {p.path for p in finding.parameters} >= set(NAMES)
    assert finding.fix is not None
    assert finding.fix.summary == "pass `create_graph=True`"


def test_with_a_graph_or_beside_a_living_way_it_is_none() -> None:
    assert told(lambda: program(False, beside=True)) == []
    assert told(lambda: program(True, beside=True)) == []
    assert told(lambda: program(True)) == []  # the last bias only shifts what is differentiated


def test_gradients_that_an_optimizer_takes() -> None:
    def by_hand() -> None:
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(4):
            gradients = torch.autograd.grad(model(x()).square().mean(), list(model.parameters()))
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()

    assert told(by_hand) == []
