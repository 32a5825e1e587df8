"""What TorchScript runs, as the operations that it is made of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_training import train, x
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.finding import Finding

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Chosen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.table = nn.Linear(4, 3), nn.Embedding(3, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.table(self.body(given).argmax(dim=1))


class Unrecorded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            hidden = self.body(given)
        if given.size(0) > 1:
            hidden = hidden.relu()
        return self.head(hidden)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.body(given)
        return hidden, hidden.detach()


class Looped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        hidden = self.body(given).detach()
        for _ in range(given.size(0)):
            hidden = hidden * 2.0
        return hidden


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(given) * float(self.body(given).sum())


def scaled(given: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return given.detach() * scale


def one_finding(ear: Ear) -> Finding:
    [graph] = ear.graphs
    spec.check(graph)
    assert agrees(graph) == []
    [finding] = diagnose(graph)
    return finding


@pytest.mark.parametrize("make", [torch.jit.script, lambda model: torch.jit.trace(model, (x(8, 4),))])
def test_the_operation_that_stops_inside_is_told_at_its_text(ear: Ear, make: Callable[[nn.Module], nn.Module]) -> None:
    model = make(Chosen())
    train(model, loss=lambda: model(x(8, 4)).square().mean(), steps=1)
    finding = one_finding(ear)
    assert finding.cause == "non-differentiable-op"
    assert finding.culprit is not None
    assert (finding.culprit.file, finding.culprit.code) == (__file__, "self.body(given).argmax(dim=1)")
    assert {p.path.rpartition(".")[2] for p in finding.parameters} == {"weight", "bias"}


def test_a_part_that_runs_with_grad_mode_off_is_seen_through_a_branch(ear: Ear) -> None:
    model = torch.jit.script(Unrecorded())
    train(model, loss=lambda: model(x(8, 4)).square().mean(), steps=1)
    assert one_finding(ear).cause == "recording-off"


def test_each_result_has_its_own_way(ear: Ear) -> None:
    model = torch.jit.script(Two())
    train(model, loss=lambda: model(x(8, 4))[0].mean(), steps=1)
    other = torch.jit.script(Two())
    head = nn.Linear(1, 1)
    train(other, head, loss=lambda: head(other(x(8, 4))[1]).mean(), steps=1)
    healthy, cut = ear.graphs
    assert agrees(healthy) == agrees(cut) == diagnose(healthy) == []
    assert [(f.cause, f.culprit and f.culprit.code) for f in diagnose(cut)] == [("stop-gradient", "hidden.detach()")]


@pytest.mark.parametrize("kind", [Looped, Counted])
def test_what_is_not_followed_stays_one_operation(ear: Ear, kind: type[nn.Module]) -> None:
    model, head = torch.jit.script(kind()), nn.Linear(1, 1)
    train(model, head, loss=lambda: head(model(x(8, 4))).mean(), steps=1)
    finding = one_finding(ear)
    assert finding.cause == "non-differentiable-op"
    assert finding.culprit is not None
    assert finding.culprit.code == "model(x(8, 4))"


def test_a_function_is_followed_too(ear: Ear) -> None:
    body, scale = nn.Linear(4, 1), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([*body.parameters(), scale], lr=0.1)
    torch.jit.script(scaled)(body(x(8, 4)), scale).mean().backward()
    optimizer.step()
    finding = one_finding(ear)
    assert (finding.cause, [p.path for p in finding.parameters]) == ("stop-gradient", ["body.weight", "body.bias"])
    assert finding.culprit is not None
    assert finding.culprit.code == "given.detach()"
