"""Tensors that a module keeps as plain attributes or buffers, and results that are made and not taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def train(net: nn.Module, loss: Callable[[], torch.Tensor], steps: int = 4) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 1)
        self.scale = self.made()

    def made(self) -> torch.Tensor:
        return torch.tensor(1.0, requires_grad=True)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.lin(given) * self.scale


class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.register_buffer("scale", torch.ones(3, requires_grad=True))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return (self.lin(given) * self.scale).sum(1)


class Computed(Scaled):
    def made(self) -> torch.Tensor:
        return nn.Parameter(torch.ones(1)) * 0.1


@pytest.mark.parametrize(
    ("made", "code"), [(Scaled, "torch.tensor("), (Buffered, "torch.ones("), (Computed, "nn.Parameter(")]
)
def test_a_tensor_that_no_list_of_parameters_holds(made: type[nn.Module], code: str) -> None:
    def program() -> None:
        net = made()
        train(net, lambda: net(x()).square().mean(), steps=1)

    [(cause, where, names)] = told(program)
    assert cause == "untracked"
    assert where.startswith(code)
    assert names == ["net.scale"]


def test_a_computed_attribute_is_not_left_to_the_second_steps_error() -> None:
    def program() -> None:
        net = Computed()
        train(net, lambda: net(x()).square().mean())

    [(cause, _, names)] = told(program, RuntimeError)
    assert (cause, names) == ("untracked", ["net.scale"])


class Physics(nn.Module):
    """Points at which equations hold: data, some of which no derivative is taken of."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
        self.low = torch.tensor([0.0])
        self.start = torch.zeros(3, 1, requires_grad=True)
        self.inside = torch.rand(8, 1, requires_grad=True)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.net(given - self.low)

    def loss(self) -> torch.Tensor:
        out = self(self.inside)
        slope = torch.autograd.grad(out.sum(), self.inside, create_graph=True)[0]
        return (slope + out).square().mean() + (self(self.start) - 1).square().mean() + self.net(self.start).mean()


class Attacked(Scaled):
    """A perturbation that the script moves itself."""

    def made(self) -> torch.Tensor:
        return torch.full((1,), 0.1, requires_grad=True)

    def loss(self) -> torch.Tensor:
        if self.scale.grad is not None:
            with torch.no_grad():
                self.scale += self.scale.grad.sign()
            self.scale.grad = None
        return self(x()).square().mean()


class Remembering(nn.Module):
    """Keeps what it computed last."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def loss(self) -> torch.Tensor:
        self.given = x().requires_grad_()
        self.doubled = self.given * 2
        self.hidden = self.lin(self.doubled)
        return self.hidden.square().mean()


@pytest.mark.parametrize("made", [Physics, Attacked, Remembering])
def test_a_tensor_that_is_kept_for_another_reason(made: type[nn.Module]) -> None:
    def program() -> None:
        net = made()
        train(net, net.loss)

    assert told(program) == []


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.old, self.new, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)

    def chosen(self, given: torch.Tensor) -> torch.Tensor:
        return [self.old(given), self.new(given)][0]

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(self.chosen(given))


class Named(Branches):
    def chosen(self, given: torch.Tensor) -> torch.Tensor:
        both = {"old": self.old(given), "new": self.new(given)}
        return both["old"]


class Whole(Branches):
    def chosen(self, given: torch.Tensor) -> torch.Tensor:
        both = [self.old(given), self.new(given)]
        return both[0] + sum(both)


@pytest.mark.parametrize(("made", "code"), [(Branches, "[self.old("), (Named, 'both["old"]')])
def test_a_part_that_is_not_taken(made: type[nn.Module], code: str) -> None:
    def program() -> None:
        net = made()
        train(net, lambda: net(x()).square().mean(), steps=6)

    [(cause, where, names)] = told(program)
    assert cause == "unused-output"
    assert where.startswith(code)
    assert where.endswith("]")
    assert names == ["net.new.weight", "net.new.bias"]


def test_a_list_that_is_read_as_a_whole() -> None:
    def program() -> None:
        net = Whole()
        train(net, lambda: net(x()).square().mean(), steps=6)

    assert told(program) == []


def test_a_factor_of_naught_is_no_use() -> None:
    def program() -> None:
        net, spare = nn.Linear(4, 1), nn.Linear(4, 2)
        both = nn.ModuleList([net, spare])
        train(both, lambda: net(x()).square().mean() + 0 * sum(p.sum() for p in both.parameters()), steps=8)

    [(cause, where, names)] = told(program)
    assert (cause, where) == ("zero-gradient", "0 * sum(p.sum() for p in both.parameters())")
    assert names == ["both.1.weight", "both.1.bias"]


def test_a_factor_that_is_naught_for_now() -> None:
    def program() -> None:
        net, spare, weight = nn.Linear(4, 1), nn.Linear(4, 2), 0.0
        both = nn.ModuleList([net, spare])
        train(both, lambda: net(x()).square().mean() + weight * spare(x()).square().sum(), steps=8)

    assert told(program) == []


class Plain:
    """A layer by its looks, of a class that no module looks into."""

    def __init__(self) -> None:
        self.inner = nn.Linear(4, 4)

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(given)
        return out


class Holding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = Plain()
        self.lin = nn.Linear(4, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.lin(self.plain(given))
        return out


@pytest.mark.parametrize("meant", [False, True])
def test_layers_in_an_object_of_a_plain_class(meant: bool) -> None:
    def program() -> None:
        net = Holding()
        if meant:  # who puts it into evaluation mode by itself does not want it trained with the rest
            net.plain.inner.eval()
        train(net, lambda: net(x()).square().mean())

    expected = [("untracked", "Plain()", ["net.plain.inner.weight", "net.plain.inner.bias"])]
    assert told(program) == ([] if meant else expected)


class Merged(nn.Module):
    """A low-rank part that is added to the weight once, and read no more after that."""

    def __init__(self) -> None:
        super().__init__()
        self.lin, self.low, self.merged = nn.Linear(4, 4), nn.Parameter(torch.full((4, 4), 0.1)), False

    def merge(self) -> None:
        self.lin.weight.data += self.low.data
        self.merged = True

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.lin(given)
        return out if self.merged else out + given @ self.low


def test_what_was_once_written_into_a_weight_is_not_read() -> None:
    def program() -> None:
        net = Merged()
        net.merge()
        train(net, lambda: net(x()).square().mean())

    assert told(program) == [("not-called", "self.low", ["net.low"])]


class Stepping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.tensor(0.37))
        self.lin = nn.Linear(4, 4)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return nn.functional.leaky_relu(self.lin(given), float(self.width))


def test_a_number_that_an_operation_is_given_as_a_setting() -> None:
    def program() -> None:
        net = Stepping()
        train(net, lambda: net(x()).square().mean())

    assert told(program) == [("left-framework", "float(self.width)", ["net.width"])]


def test_a_computed_tensor_is_told_where_it_takes_the_leafs_place() -> None:
    def halved(given: torch.Tensor) -> torch.Tensor:
        return given / 2

    def attacked(given: torch.Tensor) -> torch.Tensor:
        given = given.clone().requires_grad_()
        given = halved(given)
        given.square().sum().backward()
        return given.grad.sign()  # type: ignore[union-attr]

    [(cause, where, _)] = told(lambda: attacked(x()), AttributeError)
    assert (cause, where) == ("wrong-source", "halved(given)")
