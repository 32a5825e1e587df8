"""What was meant where no optimizer holds anything: none was made, or one refused what it was given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(4, 1)]

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.layers[0](given)


def all_frozen() -> None:
    net = nn.Linear(4, 1)
    net.requires_grad_(False)
    torch.optim.Adam(filter(lambda p: p.requires_grad, net.parameters()))


def all_frozen_in_groups() -> None:
    net = nn.Linear(4, 1)
    net.requires_grad_(False)
    torch.optim.Adam([{"params": [p for p in net.parameters() if p.requires_grad]}])
    net(x()).mean().backward()


def no_optimizer() -> None:
    net = nn.Linear(4, 1)
    net(x()).detach().mean().backward()


def beside_a_teacher() -> None:
    teacher = nn.Linear(4, 1)
    teacher.requires_grad_(False)
    student = Listed()
    torch.optim.Adam(student.parameters())
    teacher(x())


def used_up() -> None:
    net = nn.Linear(4, 1)
    parameters = net.parameters()
    list(parameters)
    torch.optim.SGD(parameters, lr=0.1)


def computed() -> None:
    w = torch.ones(4, requires_grad=True).double()
    torch.optim.SGD([w], lr=0.1)


def computed_elsewhere() -> None:
    leaf = torch.ones(4, requires_grad=True)
    copy = leaf.clone()
    torch.optim.SGD([copy], lr=0.1)


@pytest.mark.parametrize(
    ("program", "raises", "cause", "code", "paths"),
    [
        (all_frozen, ValueError, "frozen", "requires_grad_(False)", ["net.weight", "net.bias"]),
        (all_frozen_in_groups, RuntimeError, "frozen", "requires_grad_(False)", ["net.weight", "net.bias"]),
        (no_optimizer, RuntimeError, "stop-gradient", ".detach()", ["net.weight", "net.bias"]),
        (beside_a_teacher, ValueError, "untracked", "nn.Linear", ["student.layers.0.weight", "student.layers.0.bias"]),
        (used_up, ValueError, "graph-error", "torch.optim.SGD", ["net.weight", "net.bias"]),
        (computed, ValueError, "replaced-parameter", ".double()", ["w"]),
        (computed_elsewhere, ValueError, "replaced-parameter", "leaf.clone()", ["copy"]),
    ],
)
def test_the_parameters_that_were_meant(
    program: Callable[[], None], raises: type[Exception], cause: str, code: str, paths: list[str]
) -> None:
    [(said, where, names)] = told(program, raises)
    assert said == cause
    assert code in where
    assert names == paths


def grad_of_nothing(frozen: bool) -> None:
    net = nn.Linear(4, 1)
    net.requires_grad_(not frozen)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = net(x()).mean()
    torch.autograd.grad(loss, [p for p in net.parameters() if p.requires_grad and frozen])
    optimizer.step()


@pytest.mark.parametrize(
    ("frozen", "cause", "code"),
    [(True, "frozen", "net.requires_grad_(not frozen)"), (False, "graph-error", "torch.autograd.grad(")],
)
def test_gradients_asked_of_nothing(frozen: bool, cause: str, code: str) -> None:
    [(said, where, names)] = told(lambda: grad_of_nothing(frozen), RuntimeError)
    assert said == cause
    assert where.startswith(code)
    assert names == ["net.weight", "net.bias"]


def nothing_to_unscale() -> None:
    net = nn.Linear(4, 1)
    optimizer, scaler = torch.optim.SGD(net.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    scaler.scale(net(x()).detach().mean().requires_grad_()).backward()
    scaler.step(optimizer)


def test_what_a_gradient_scaler_refuses_goes_by_the_names_of_the_script() -> None:
    [(cause, code, names)] = told(nothing_to_unscale, AssertionError)
    assert (cause, code, names) == ("stop-gradient", "net(x()).detach()", ["net.weight", "net.bias"])


def survived() -> None:
    net = nn.Linear(4, 1)
    with pytest.raises(ValueError, match="empty"):
        torch.optim.SGD([], lr=0.1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(x()).mean().backward()
    optimizer.step()


def test_an_error_that_the_script_survives() -> None:
    assert told(survived) == []
