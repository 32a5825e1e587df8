"""A group of an optimizer that its learning rate never moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x
from whygrad.recorders.torch.facts import has_rate

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
SLOW = 1 // 10


def trained(rate: float, schedule: Callable[[torch.optim.Optimizer], Any] = lambda optimizer: None) -> None:
    body, head = nn.Linear(4, 3), nn.Linear(3, 1)
    groups = [{"params": body.parameters(), "lr": rate}, {"params": head.parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    schedule(optimizer)
    for _ in range(12):
        optimizer.zero_grad()
        (head(body(x()).tanh()) - 1).square().mean().backward()
        optimizer.step()


def test_a_group_without_a_rate() -> None:
    [(cause, place, names)] = told(lambda: trained(0.01 * SLOW))
    assert (cause, place, names) == ("not-updated", "torch.optim.SGD(groups, lr=0.01)", ["body.weight", "body.bias"])


def waits(optimizer: torch.optim.Optimizer) -> object:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda epoch: float(epoch > 20), lambda epoch: 1.0])


def test_a_group_that_waits_for_its_schedule() -> None:
    assert told(lambda: trained(0.01, waits)) == []


@pytest.mark.parametrize(
    ("group", "expected"),
    [({"lr": float(SLOW)}, False), ({"lr": 0.1}, True), ({}, True), ({"lr": torch.tensor(0.0)}, False)],
)
def test_a_rate(group: Mapping[str, Any], expected: bool) -> None:
    assert has_rate(group) is expected


def scheduled(schedule: Callable[[torch.optim.Optimizer], Any], steps: int = 24) -> Callable[[], None]:
    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        rates = schedule(optimizer)
        for _ in range(steps):
            optimizer.zero_grad()
            model(x()).square().mean().backward()
            optimizer.step()
            rates.step()

    return program


def falls(optimizer: torch.optim.Optimizer, steps: int) -> Any:
    return torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)


def test_a_schedule_that_ends_long_before_the_script() -> None:
    place = "torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)"
    assert told(scheduled(lambda o: falls(o, 4))) == [("not-updated", place, ["model.weight", "model.bias"])]


def test_a_schedule_that_ends_with_the_script_or_comes_back() -> None:
    assert told(scheduled(lambda o: falls(o, 23))) == []
    assert told(scheduled(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 3))) == []


def test_a_step_that_is_never_reached_is_told_where_it_is_written() -> None:
    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for number in range(12):
            (model(x()).square().mean() / 16).backward()
            if (number + 1) % 16 == 0:
                optimizer.step()

    assert told(program) == [("not-updated", "optimizer.step()", ["model.weight", "model.bias"])]


def test_an_optimizer_that_is_only_made_is_told_there() -> None:
    def program() -> None:
        model = nn.Linear(4, 1)
        unused = torch.optim.SGD(model.parameters(), lr=0.02)
        for _ in range(12):
            model(x()).square().mean().backward()
        unused.zero_grad()

    assert [(cause, place) for cause, place, _ in told(program)] == [
        ("not-updated", "torch.optim.SGD(model.parameters(), lr=0.02)")
    ]


def test_an_optimizer_that_is_replaced_before_training_begins_is_silent() -> None:
    def program() -> None:
        for _ in range(2):
            model = nn.Linear(4, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(12):
            optimizer.zero_grad()
            model(x()).square().mean().backward()
            optimizer.step()

    assert told(program) == []


def two(forgotten: bool, clears: bool = True) -> None:
    """Of two optimizers that take turns one is perhaps never stepped."""
    actor, critic = nn.Linear(4, 1), nn.Linear(4, 1)
    first, second = torch.optim.SGD(actor.parameters(), 0.1), torch.optim.SGD(critic.parameters(), 0.1)
    for _ in range(4):
        first.zero_grad()
        actor(x()).square().mean().backward()
        first.step()
        if clears:
            second.zero_grad()
        (critic(x()) - 1).square().mean().backward()
        if not forgotten:
            second.step()


def test_an_optimizer_that_clears_and_never_steps_beside_one_that_does() -> None:
    expected = ("not-updated", "second.step()", ["critic.weight", "critic.bias"])
    assert told(lambda: two(forgotten=True)) == [expected]
    assert told(lambda: two(forgotten=False)) == []


def test_what_is_not_cleared_may_be_summed_for_a_later_step() -> None:
    assert told(lambda: two(forgotten=True, clears=False)) == []
