"""What is asked when an optimizer steps, and what was asked before."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_session import told, x
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


def test_a_part_that_was_replaced_gets_nothing_by_hand() -> None:
    def program() -> None:
        model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model[1] = nn.Linear(3, 1)
        for _ in range(3):
            parameters = list(model.parameters())
            for p, gradient in zip(parameters, torch.autograd.grad(model(x()).sum(), parameters), strict=True):
                p.grad = gradient
            optimizer.step()

    assert told(program) == [("replaced-parameter", "nn.Linear(3, 1)", ["model.1.weight", "model.1.bias"])]


def test_an_optimizer_may_hold_more_than_is_asked_for_by_hand() -> None:
    def program() -> None:
        model, alone = nn.Linear(4, 1), nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([*model.parameters(), alone], lr=0.1)
        for _ in range(3):
            (model.weight.grad,) = torch.autograd.grad((model(x()) * alone).sum(), [model.weight])
            optimizer.step()

    assert told(program) == []


def test_what_is_frozen_for_one_loss_is_not_what_that_loss_lacks() -> None:
    def program() -> None:
        generator, critic = nn.Linear(4, 4), nn.Linear(4, 1)
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (generator, critic)]
        critic.requires_grad_(False)
        (-critic(generator(x()).detach()).mean()).backward()
        optimizers[0].step()

    names = ["generator.weight", "generator.bias"]
    assert told(program, RuntimeError) == [("stop-gradient", "generator(x()).detach()", names)]
