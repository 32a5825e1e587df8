"""``torch.compile`` beside us: it sees the script as it is, and says nothing of what it would not say without us."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch._dynamo.utils import counters

from hearing import Ear
from torch_training import mlp, train, x
from whygrad.diagnose import agrees, diagnose
from whygrad.recorders.torch import Torch

pytestmark = [pytest.mark.torch]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def a_step() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    @torch.compile(backend="eager")
    def step() -> None:
        optimizer.zero_grad()
        model(x(8, 4)).square().mean().backward()
        optimizer.step()

    step()


def a_penalty() -> None:
    model = mlp()

    @torch.compile(backend="eager")
    def penalty(given: torch.Tensor) -> torch.Tensor:
        (gradient,) = torch.autograd.grad(model(given).sum(), [given], create_graph=True)
        return gradient.square().mean()

    penalty(x(8, 4).requires_grad_()).backward()


def in_one_graph() -> None:
    model = mlp()
    step = torch.compile(model, backend="eager", fullgraph=True)
    clear = torch.compile(lambda: model.zero_grad(), backend="eager")
    step(x(8, 4)).sum().backward()
    clear()


def what_is_said(program: Callable[[], None]) -> tuple[list[str], int]:
    """The warnings of a program, and how often compiled code ends where the compiler can not go on."""
    torch._dynamo.reset()
    counters.clear()
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        program()
    return sorted(str(w.message) for w in given), sum(counters["graph_break"].values())


@pytest.mark.parametrize("program", [a_step, a_penalty, in_one_graph])
def test_the_compiler_says_nothing_new(program: Callable[[], None]) -> None:
    what_is_said(program)  # the compiler's own imports speak up once
    plainly = what_is_said(program)
    recorder = Torch()
    recorder.start(Ear(recorder))
    recorder.rest()  # compiled code runs as it was written while we record
    try:
        assert what_is_said(program) == plainly
    finally:
        recorder.stop()


def test_what_is_compiled_is_recorded_as_it_was_written(ear: Ear) -> None:
    a_step()
    [first] = ear.graphs
    assert {"linear", "relu", "square", "mean"} <= {first.op(number).name for number in range(len(first.op_name))}


class Cut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(given).detach().relu())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [torch.jit.script, lambda model: torch.jit.trace(model, (x(8, 4),))])
def test_what_stops_inside_of_torchscript_is_told(ear: Ear, make: Callable[[nn.Module], nn.Module]) -> None:
    for model in (make(mlp()), make(Cut())):
        train(model, loss=lambda model=model: model(x(8, 4)).square().mean(), steps=1)
    healthy, cut = ear.graphs
    assert diagnose(healthy) == []
    assert agrees(healthy) == agrees(cut) == []
    [finding] = diagnose(cut)
    assert finding.cause == "stop-gradient"
    assert {p.path.rpartition("body.")[2] for p in finding.parameters} == {"weight", "bias"}
    assert finding.culprit is not None
    assert (finding.culprit.file, finding.culprit.code) == (__file__, "self.body(given).detach()")
