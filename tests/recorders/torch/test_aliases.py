"""Optimizers that hold tensors in the place of the parameters whose memory these share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Held = Callable[[nn.Module], Iterable[torch.Tensor]]


def stored(net: nn.Module) -> Iterable[torch.Tensor]:
    return net.state_dict().values()


def data(net: nn.Module) -> Iterable[torch.Tensor]:
    return [p.data for p in net.parameters()]


def trained(held: Held, by_hand: bool = False, frozen: bool = False) -> Callable[[], None]:
    def program() -> None:
        net, head = nn.Linear(4, 3).requires_grad_(not frozen), nn.Linear(3, 1)
        aliases = list(held(net))
        optimizer = torch.optim.SGD(aliases, lr=0.01)
        own = torch.optim.SGD(head.parameters(), lr=0.01)
        for _ in range(4):
            net.zero_grad()
            head(net(x())).square().mean().backward()
            for alias, parameter in zip(aliases, net.parameters(), strict=True):
                alias.grad = parameter.grad if by_hand else None
            optimizer.step()
            own.step()

    return program


@pytest.mark.parametrize("held", [stored, data])
def test_an_optimizer_of_other_tensors_is_told(held: Held) -> None:
    assert told(trained(held)) == [("not-updated", "torch.optim.SGD(aliases, lr=0.01)", ["net.weight", "net.bias"])]


def test_gradients_that_are_handed_over_and_frozen_parameters_are_silent() -> None:
    assert told(trained(data, by_hand=True)) == []
    assert told(trained(stored, frozen=True)) == []
