"""Steps that go like the one before are counted while nothing is recorded; any other is told at once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from whygrad.recorders.recorder import Asked
from whygrad.recorders.torch import Torch

pytestmark = pytest.mark.torch


class Told(Ear):
    """Keeps what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Asked] = []

    def asked(self, request: Asked) -> None:
        self.heard.append(request)

    def times(self) -> list[int]:
        return [one.times for one in self.heard]


@pytest.fixture
def told() -> Iterator[Told]:
    told, recorder = Told(), Torch()
    told.recorder = recorder
    recorder.start(told)
    recorder.rest()
    yield told
    recorder.stop()
    assert not told.faults, told.faults


def trainer(optimizer: Any, model: Any, head: Any = None) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        h = model(torch.ones(2, 3))
        (h if head is None else head(h)).square().mean().backward()
        optimizer.step()

    return step


def test_steps_like_the_one_before_are_told_together(told: Told) -> None:
    model = nn.Linear(3, 3)
    step = trainer(torch.optim.SGD(model.parameters(), lr=0.1), model)
    for _ in range(6):
        step()
    assert told.times() == [1]
    told.recorder.finish(None)
    assert told.times() == [1, 5]
    first, others = told.heard
    assert (others.site, others.paths, others.seen) == (first.site, first.paths, ("present", "present"))


def test_a_step_without_a_gradient_is_told_at_once_and_in_order(told: Told) -> None:
    model, unused = nn.Linear(3, 3), nn.Linear(3, 1)
    optimizer = torch.optim.SGD([*model.parameters(), *unused.parameters()], lr=0.1)
    whole, part = trainer(optimizer, model, unused), trainer(optimizer, model)
    for _ in range(3):
        whole()
    part()
    part()
    whole()
    assert told.times() == [1, 2, 1, 1, 1]
    assert ["none" in one.seen for one in told.heard] == [False, False, True, True, False]


def test_what_is_frozen_later_is_noticed(told: Told) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    step = trainer(torch.optim.SGD(model.parameters(), lr=0.1), model)
    step()
    step()
    model[0].requires_grad_(False)
    step()
    assert [(one.times, len(one.paths)) for one in told.heard] == [(1, 4), (1, 4), (1, 2)]


def test_several_optimizers_take_turns(told: Told) -> None:
    models = [nn.Linear(3, 3), nn.Linear(3, 3)]
    steps = [trainer(torch.optim.Adam(model.parameters()), model) for model in models]
    for _ in range(4):
        for step in steps:
            step()
    told.recorder.finish(None)
    assert sorted(told.times()) == [1, 1, 3, 3]


def test_recording_looks_at_every_step(told: Told) -> None:
    model = nn.Linear(3, 3)
    step = trainer(torch.optim.SGD(model.parameters(), lr=0.1), model)
    for _ in range(3):
        step()
    told.recorder.wake()
    step()
    step()
    assert told.times() == [1, 2, 1, 1]
    assert told.heard[-1].graph is not None


def test_nothing_is_kept_alive(told: Told) -> None:
    model = nn.Linear(3, 3)
    step = trainer(torch.optim.SGD(model.parameters(), lr=0.1), model)
    for _ in range(3):
        step()
    gone = weakref.ref(model.weight)
    del model, step
    gc.collect()
    assert gone() is None


def test_an_error_is_told_with_its_place(told: Told) -> None:
    model = nn.Linear(3, 3)
    step = trainer(torch.optim.SGD(model.parameters(), lr=0.1), model)
    for _ in range(3):
        step()
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(()).backward()
    assert told.times() == [1, 2, 1]
    assert told.heard[-1].error is not None
    assert told.heard[-1].site[0] == "raised"
