"""Small models of PyTorch and their training, for the tests of its recorder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def train(*modules: nn.Module, loss: Callable[[], torch.Tensor], steps: int = 2) -> None:
    parameters = [p for m in modules for p in m.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def x(*shape: int) -> torch.Tensor:
    return torch.linspace(-1, 1, int(torch.tensor(shape).prod())).reshape(shape)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))


def plain() -> None:
    model = mlp()
    train(model, loss=lambda: model(x(8, 4)).square().mean())
