"""Gradients that a loss is made of: with a graph of their own they lead back, without one they are constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

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


ASKED: dict[str, Callable[[nn.Module], Any]] = {
    "generator": lambda model: model.parameters(),
    "view": lambda model: dict(model.named_parameters()).values(),
    "dict": lambda model: dict(model.named_parameters()),
    "edge": lambda model: torch.autograd.graph.get_gradient_edge(model.get_parameter("0.weight")),
}


@pytest.mark.parametrize("kind", ASKED)
def test_parameters_are_asked_for_in_any_form(kind: str) -> None:
    answers = []

    def program() -> None:
        model = mlp()
        answers.extend(torch.autograd.grad(model(x()).square().mean(), ASKED[kind](model)) for _ in range(3))

    assert told(program) == []
    assert [len(each) for each in answers] == [1 if kind == "edge" else 4] * 3


@pytest.mark.parametrize("kind", ["generator", "view", "dict"])
def test_one_that_gets_none_is_told_in_any_form(kind: str) -> None:
    def program() -> None:
        model = mlp()
        torch.autograd.grad(model[0](x()).square().mean(), ASKED[kind](model))

    ((cause, _, names),) = told(program, RuntimeError)
    assert cause == "not-called"
    assert set(names) == {"model.2.weight", "model.2.bias"}


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
