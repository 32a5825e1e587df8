"""Updates that a script makes itself: into the parameter, or into a name alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_session import told, x
from whygrad.recorders.torch.log import Met

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Update = Callable[[nn.Module], None]


def rebound(net: nn.Module) -> None:
    with torch.no_grad():
        for p in net.parameters():
            p = p - 0.1 * p.grad


def rebound_and_recorded(net: nn.Module) -> None:
    for p in net.parameters():
        p = p - p.grad * 0.1


def in_place(net: nn.Module) -> None:
    with torch.no_grad():
        for p in net.parameters():
            p -= 0.1 * p.grad


def by_data(net: nn.Module) -> None:
    for p in net.parameters():
        p.data = p.data - 0.1 * p.grad


def looked_at(net: nn.Module) -> None:
    for p in net.parameters():
        _ahead = p - 0.1 * p.grad


def program(update: Update) -> Callable[[], None]:
    def run() -> None:
        net = nn.Linear(4, 1)
        for _ in range(5):
            net.zero_grad()
            (net(x()) - 1).square().mean().backward()
            update(net)

    return run


@pytest.mark.parametrize(
    ("update", "code"), [(rebound, "p - 0.1 * p.grad"), (rebound_and_recorded, "p - p.grad * 0.1")]
)
def test_a_name_that_is_bound_anew_is_told(update: Update, code: str) -> None:
    assert told(program(update)) == [("not-updated", code, ["net.weight", "net.bias"])]


@pytest.mark.parametrize("update", [in_place, by_data, looked_at])
def test_what_moves_or_is_no_update_is_silent(update: Update) -> None:
    assert told(program(update)) == []


def test_a_gradient_that_is_read_leads_to_where_it_came_from(ear: Ear) -> None:
    weight = torch.ones(4, requires_grad=True)
    (x() @ weight).square().mean().backward(create_graph=True)
    gradient = weight.grad
    assert gradient is not None
    gradient.square().sum()
    log = ear.recorder.log
    met = {entry.made.serial: entry.leaves for entry in log.entries if isinstance(entry, Met)}
    assert met[log.known(gradient)] == (log.known(weight),)
    weight.grad = None
