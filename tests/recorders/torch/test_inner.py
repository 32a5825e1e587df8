"""Derivatives of derivatives: what only shifts what is differentiated inside has no gradient by nature."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_training import train, x
from whygrad.diagnose import diagnose

pytestmark = pytest.mark.torch


class Energy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.last, self.spare = nn.Linear(3, 8), nn.Linear(8, 1), nn.Linear(8, 1)

    def forward(self, at: Any) -> Any:
        return self.last(torch.tanh(self.body(at)))


def told(ear: Ear, model: nn.Module) -> dict[str, set[str]]:
    return {f.cause: {p.path.rpartition("model.")[2] for p in f.parameters} for g in ear.graphs for f in diagnose(g)}


def forces(model: nn.Module, at: Any) -> Any:
    at.requires_grad_()
    return -torch.autograd.grad(model(at).sum(), at, create_graph=True)[0]


def test_the_last_bias_of_an_energy_whose_forces_are_fitted_is_not_spoken_of(ear: Ear) -> None:
    model = Energy()
    del model.spare
    train(model, loss=lambda: (forces(model, x(8, 3)) - 1.0).square().mean())
    assert told(ear, model) == {}


def mapped(model: Any, at: Any) -> Any:
    return -torch.func.vmap(torch.func.grad(lambda one: model(one)[0]))(at)


def test_nor_is_it_where_the_forces_come_from_a_function(ear: Ear) -> None:
    model = Energy()
    train(model, loss=lambda: (mapped(model, x(8, 3)) - 1.0).square().mean())
    assert told(ear, model) == {"not-called": {"spare.weight", "spare.bias"}}


def test_what_a_stop_cuts_off_from_such_forces_is_told(ear: Ear) -> None:
    model = Energy()
    cut = Energy.forward
    model.forward = lambda at: cut(model, at) * model.spare(torch.ones(8)).detach()  # type: ignore[method-assign]
    train(model, loss=lambda: (mapped(model, x(8, 3)) - 1.0).square().mean())
    assert told(ear, model) == {"stop-gradient": {"spare.weight", "spare.bias"}}


def test_a_second_derivative_is_no_fault(ear: Ear) -> None:
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

    def residual() -> Any:
        at = x(8, 1).requires_grad_()
        first = torch.autograd.grad(model(at).sum(), at, create_graph=True)[0]
        return (torch.autograd.grad(first.sum(), at, create_graph=True)[0] - 1.0).square().mean()

    train(model, loss=residual)
    assert told(ear, model) == {}


def test_what_nothing_reads_beside_it_is_told(ear: Ear) -> None:
    model = Energy()
    train(model, loss=lambda: (forces(model, x(8, 3)) - 1.0).square().mean())
    assert told(ear, model) == {"not-called": {"spare.weight", "spare.bias"}}


def test_an_energy_of_which_only_the_value_is_read_keeps_its_faults(ear: Ear) -> None:
    model = Energy()

    def loss() -> Any:
        aside = model.spare(torch.tanh(model.body(x(8, 3))))
        return (forces(model, x(8, 3)) - 1.0).square().mean() + 0.0 * aside.detach().mean()

    train(model, loss=loss)
    assert told(ear, model) == {"stop-gradient": {"spare.weight", "spare.bias"}}
