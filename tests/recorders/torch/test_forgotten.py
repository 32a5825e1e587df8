"""Plain tensors of an optimizer: forgotten, or there for another reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def steps(w: torch.Tensor, b: torch.Tensor, before: Callable[[int], object] = lambda step: None) -> None:
    optimizer = torch.optim.SGD([w, b], lr=0.01)
    for step in range(4):
        before(step)
        (x() @ w + b).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_tensor_that_is_read_and_requires_nothing_is_told() -> None:
    def program() -> None:
        w = torch.ones(4, 1)
        steps(w, torch.zeros(1, requires_grad=True))

    assert told(program) == [("not-watched", "torch.ones(4, 1)", ["w"])]


def test_a_tensor_that_nothing_saw_made_is_told_where_its_name_is_bound() -> None:
    """The old constructors are no torch functions."""

    def program() -> None:
        w = torch.Tensor([[0.5], [0.5], [0.5], [0.5]])
        steps(w, torch.zeros(1, requires_grad=True))

    assert told(program) == [("not-watched", "x() @ w", ["w"])]  # it has another name where it is used

    def whole() -> None:
        w = torch.Tensor([[0.5], [0.5], [0.5], [0.5]])
        b = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([w, b], lr=0.01)
        for _ in range(4):
            (x() @ w + b).square().mean().backward()
            optimizer.step()

    assert told(whole) == [("not-watched", "torch.Tensor([[0.5], [0.5], [0.5], [0.5]])", ["w"])]


def test_tensors_that_take_turns_are_meant() -> None:
    def program() -> None:
        w, b = torch.ones(4, 1, requires_grad=True), torch.zeros(1, requires_grad=True)

        def turn(step: int) -> None:
            w.requires_grad_(step % 2 == 0)
            b.requires_grad_(step % 2 == 1)

        steps(w, b, turn)

    assert told(program) == []


def test_an_optimizer_of_nothing_that_only_shows_a_schedule() -> None:
    def program() -> None:
        shown = torch.optim.SGD([torch.zeros(1)], lr=0.1)
        steps(torch.ones(4, 1, requires_grad=True), torch.zeros(1, requires_grad=True), lambda step: shown.step())

    assert told(program) == []
