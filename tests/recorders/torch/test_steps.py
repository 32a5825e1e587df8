"""What is asked when an optimizer steps, and what was asked before."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from whygrad.diagnose import diagnose

pytestmark = pytest.mark.torch


def test_gradients_put_there_by_hand_are_judged_once(ear: Ear) -> None:
    body, head = nn.Linear(3, 3), nn.Linear(3, 1)
    parameters = [*body.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(2):
        loss = head(body(torch.ones(2, 3)).detach()).sum()
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
    assert [[f.cause for f in diagnose(graph)] for graph in ear.graphs] == [["stop-gradient"], ["stop-gradient"]]


def test_an_optimizer_of_other_parameters_than_those_asked_for_is_heard(ear: Ear) -> None:
    model, other = nn.Linear(3, 1), nn.Linear(3, 1)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(model(torch.ones(2, 3)).sum(), parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    asked = [[p.path for p in graph.parameters if p.asked and p.gradient == "none"] for graph in ear.graphs]
    assert asked == [[], ["other.weight", "other.bias"]]
