"""Watched runs of PyTorch in this process, and what tests ask of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from whygrad.watching.health import ParameterHealth, StepHealth
from whygrad.watching.watched import Watched

Program = Callable[[], None]
Run = Callable[[Program], Watched]


def first(watched: Watched, optimizer: str = "SGD") -> StepHealth:
    return watched.courses[optimizer].kept[0]


def by_name(look: StepHealth) -> dict[str, ParameterHealth]:
    return {each.path: each for each in look.parameters}


def warnings_of(watched: Watched) -> list[str]:
    return [each.kind for each in watched.remarks if each.warns]


def mlp(*sizes: int, between: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), between()]
    return nn.Sequential(*layers[:-1])


def train(net: nn.Module, optimizer: Any, steps: int = 12, before: Callable[[], Any] = lambda: None) -> None:
    for _ in range(steps):
        data = torch.randn(16, 8)
        optimizer.zero_grad()
        (net(data) - data.sum(1, keepdim=True)).square().mean().backward()
        before()
        optimizer.step()
