"""What the script puts back after each step of an optimizer, and what only looks like it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = pytest.mark.torch

Model = tuple[nn.Module, torch.optim.Optimizer]


def steps(after: Callable[[nn.Module, torch.optim.Optimizer], object], times: int = 6) -> Callable[[], None]:
    """A program that does something after each step."""

    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(times):
            optimizer.zero_grad()
            model(x()).square().mean().backward()
            optimizer.step()
            after(model, optimizer)

    return program


def loads(model: nn.Module) -> Callable[[nn.Module, torch.optim.Optimizer], object]:
    state = copy.deepcopy(model.state_dict())
    return lambda trained, optimizer: trained.load_state_dict(state)


def averages(start: nn.Module) -> Callable[[nn.Module, torch.optim.Optimizer], object]:
    def write(trained: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for parameter, kept in zip(trained.parameters(), start.parameters(), strict=True):
            parameter.data.copy_(kept.data)

    return write


@pytest.mark.parametrize(
    ("after", "code"),
    [(loads, "trained.load_state_dict(state)"), (averages, "parameter.data.copy_(kept.data)")],
)
def test_what_is_put_back_after_each_step_is_told_where_it_is_written(
    after: Callable[[nn.Module], Callable[[nn.Module, torch.optim.Optimizer], object]], code: str
) -> None:
    expected = [("not-updated", code, ["model.weight", "model.bias"])]
    torch.manual_seed(0)
    start = nn.Linear(4, 1)
    assert told(steps(after(start))) == expected


def test_an_average_that_follows_is_no_return() -> None:
    start = nn.Linear(4, 1)

    def follow(trained: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            for parameter, kept in zip(trained.parameters(), start.parameters(), strict=True):
                kept.lerp_(parameter, 0.1)
                parameter.copy_(kept)

    assert told(steps(follow)) == []


def test_who_begins_anew_with_the_optimizer_too_means_it() -> None:
    start, kept = nn.Linear(4, 1), [None]

    def reset(trained: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        kept[0] = kept[0] or copy.deepcopy(optimizer.state_dict())  # type: ignore[assignment]
        trained.load_state_dict(start.state_dict())
        optimizer.load_state_dict(kept[0])  # type: ignore[arg-type]

    assert told(steps(reset)) == []


def clamped(scale: nn.Parameter) -> None:
    scale.data.clamp_(max=1.0)


def replaced(scale: nn.Parameter) -> None:
    scale.data = scale.data.clamp(max=1.0)


@torch.no_grad()
def chosen(scale: nn.Parameter) -> None:
    scale.copy_(torch.where(scale > 1, torch.ones(1), scale))


@pytest.mark.parametrize("bound", [clamped, replaced, chosen])
def test_a_bound_is_no_return(bound: Callable[[nn.Parameter], None]) -> None:
    def program() -> None:
        scale = nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD([scale], lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            (-scale).sum().backward()
            optimizer.step()
            bound(scale)

    assert told(program) == []


def test_a_few_returns_may_be_a_trial() -> None:
    assert told(steps(loads(nn.Linear(4, 1)), times=3)) == []
