"""A subclass of tensors hears of the script's own operations, and of no look of ours."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_training import mlp, train, x
from whygrad.diagnose import diagnose
from whygrad.recorders.torch import Torch

pytestmark = pytest.mark.torch
heard: list[str] = []


class Loud(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        heard.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Any) -> Any:
        return given * 2

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient * 2


def given() -> Any:
    return x(8, 4).as_subclass(Loud)


def program() -> list[str]:
    torch.manual_seed(0)
    heard.clear()
    model, at = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 1)), given()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(4):
        at.requires_grad_()
        slope = torch.autograd.grad(model(at).sum(), at, create_graph=True)[0]
        out = Doubled.apply(model(at)) + slope.detach().mean()
        out[:, 0] = out[:, 0] * 1.5
        out = out * 1.0
        out.register_hook(lambda gradient: gradient * 1.0)
        float(out.detach().sum())
        optimizer.zero_grad()
        (out.square().mean() + slope.square().mean()).backward()
        optimizer.step()
    return list(heard)


def test_it_hears_what_it_would() -> None:
    alone = program()
    recorder, ear = Torch(), Ear()
    recorder.start(ear)
    guided = program()
    recorder.stop()
    assert not ear.faults, ear.faults
    assert alone
    assert guided == alone


def test_what_is_done_with_it_is_recorded(ear: Ear) -> None:
    model = mlp()
    train(model, loss=lambda: model(given()).detach().sum() + 0 * model[2].bias.sum())
    assert {f.cause for f in diagnose(ear.graphs[0])} == {"stop-gradient"}
