"""What torch's own errors in a backward pass are about: the line is named that they do not name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


@torch.library.custom_op("whygrad_tests::doubled", mutates_args=())
def doubled(given: torch.Tensor) -> torch.Tensor:
    return given * 2


def states(net: nn.Linear) -> torch.Tensor:
    """Each state is written into the buffer of which the one before is read."""
    found = torch.zeros(5, 8, 4)
    for n in range(4):
        found[n + 1] = torch.tanh(net(found[n]) + x())
    return found.sum()


def penalised(net: nn.Linear) -> torch.Tensor:
    given = x()[None, None].requires_grad_()
    out = nn.functional.scaled_dot_product_attention(net(given), given, given)
    (slope,) = torch.autograd.grad(out.sum(), given, create_graph=True)
    return slope.square().sum()


def shape_of(net: nn.Linear) -> torch.Tensor:
    return torch.distributions.Gamma(net(x()).exp(), 1.0).cdf(torch.ones(())).mean()


def own(net: nn.Linear) -> torch.Tensor:
    out: torch.Tensor = doubled(net(x())).mean()
    return out


@pytest.mark.parametrize(
    ("loss", "cause", "where"),
    [
        (states, "graph-error", "found[n + 1]"),
        (penalised, "no-registered-gradient", "nn.functional.scaled_dot_product_attention(net(given), given, given)"),
        (shape_of, "no-registered-gradient", "torch.distributions.Gamma(net(x()).exp(), 1.0).cdf(torch.ones(()))"),
        (own, "no-registered-gradient", "doubled(net(x()))"),
    ],
)
def test_the_line_that_the_error_is_about(loss: Callable[[nn.Linear], torch.Tensor], cause: str, where: str) -> None:
    def program() -> None:
        net = nn.Linear(4, 4)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        loss(net).backward()
        optimizer.step()

    assert [told_of[:2] for told_of in told(program, RuntimeError)] == [(cause, where)]


@pytest.mark.parametrize(("own", "where"), [(True, "made(x())"), (False, "judge(kept)")])
def test_a_value_that_is_kept_is_told_where_it_is_made_if_that_has_changed(own: bool, where: str) -> None:
    def program() -> None:
        made, judge = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 1)
        held = [*made.parameters(), *judge.parameters()] if own else list(judge.parameters())
        optimizer = torch.optim.SGD(held, lr=0.1)
        kept = made(x())
        for _ in range(2):
            optimizer.zero_grad()
            judge(kept).square().mean().backward()
            optimizer.step()

    assert [one[:2] for one in told(program, RuntimeError)] == [("graph-error", where)]
