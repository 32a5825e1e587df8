"""Gradients that are taken from some parameters only, between the backward pass and the step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Parameters = list[nn.Parameter]


def set_to_none(own: Parameters) -> None:
    for p in own:
        p.grad = None


def zeroed(own: Parameters) -> None:
    for p in own:
        p.grad.zero_()


def masked(own: Parameters) -> None:
    for p in own:
        p.grad *= torch.zeros_like(p)


def replaced(own: Parameters) -> None:
    for p in own:
        p.grad = torch.zeros_like(p)


def scaled(own: Parameters) -> None:
    for p in own:
        p.grad *= 0.5


def trained(taken: Callable[[Parameters], None], steps: int = 6, until: int = 6) -> Callable[[], None]:
    """A step takes away the gradients of the first layer, up to a step."""

    def program() -> None:
        net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for step in range(steps):
            optimizer.zero_grad()
            net(x()).square().mean().backward()
            if step < until:
                taken(list(net[0].parameters()))
            optimizer.step()

    return program


@pytest.mark.parametrize(
    ("taken", "place"),
    [
        (set_to_none, "p.grad = None"),
        (zeroed, "p.grad.zero_()"),
        (masked, "p.grad *= torch.zeros_like(p)"),
        (replaced, "p.grad = torch.zeros_like(p)"),
    ],
)
def test_what_takes_the_gradient_of_some_is_told(taken: Callable[[Parameters], None], place: str) -> None:
    assert told(trained(taken)) == [("not-updated", place, ["net.0.weight", "net.0.bias"])]


def test_what_leaves_something_or_ends_before_the_script_is_silent() -> None:
    assert told(trained(scaled)) == []
    assert told(trained(set_to_none, 16, 12)) == []
    assert told(trained(set_to_none, 4, 2)) == []


def test_gradients_that_are_cleared_between_two_losses() -> None:
    def program() -> None:
        body, head, side = nn.Linear(4, 3), nn.Linear(3, 1), nn.Linear(3, 1)
        optimizer = torch.optim.SGD([p for m in (body, head, side) for p in m.parameters()], lr=0.01)
        for _ in range(4):
            hidden = body(x()).tanh()
            for loss in (side(hidden).square().mean(), head(hidden).square().mean()):
                optimizer.zero_grad()
                loss.backward(retain_graph=True)
            optimizer.step()

    assert told(program) == [("not-updated", "optimizer.zero_grad()", ["side.weight", "side.bias"])]


def test_two_optimizers_in_turn_are_silent() -> None:
    def program() -> None:
        first, second = nn.Linear(4, 3), nn.Linear(3, 1)
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.01) for m in (first, second)]
        for _ in range(6):
            for optimizer in optimizers:
                second(first(x())).square().mean().backward()
                optimizer.step()
                for p in [*first.parameters(), *second.parameters()]:
                    p.grad = None

    assert told(program) == []
