"""Parameters that a module keeps where it does not look for them, and copies of a model."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hearing import Ear  # noqa: E402
from torch_session import told, x  # noqa: E402
from whygrad.diagnose import diagnose  # noqa: E402
from whygrad.recorders.torch.parameters import Known  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Gains(nn.Module):
    def __init__(self, listed: type) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.gains = listed([nn.Parameter(torch.ones(4)) for _ in range(2)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inner(x)
        for gain in self.gains:
            x = x * gain
        return x


def step(trained: nn.Module, used: nn.Module) -> None:
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    used(torch.ones(2, 4)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize(("listed", "expected"), [(list, ["model.gains.0", "model.gains.1"]), (nn.ParameterList, [])])
def test_parameters_in_a_plain_list(listed: type, expected: list[str], ear: Ear) -> None:
    model = Gains(listed)
    step(model, model)
    findings = diagnose(ear.graphs[-1])
    assert sorted({p.path for f in findings for p in f.parameters if f.cause == "untracked"}) == expected


def test_a_deep_copy_is_a_model_of_its_own(ear: Ear) -> None:
    model = nn.Linear(4, 2)
    other = copy.deepcopy(model)
    step(model, other)
    [finding] = diagnose(ear.graphs[-1])
    assert finding.cause == "wrong-source"
    assert finding.culprit is not None
    assert finding.culprit.code == "torch.optim.SGD(trained.parameters(), lr=0.1)"


def test_a_model_that_nothing_else_holds_gives_its_parameters_their_names() -> None:
    def program() -> None:
        model = nn.Sequential(nn.Linear(4, 1))
        optimizer = torch.optim.SGD(nn.Sequential(nn.Linear(4, 1)).parameters(), lr=0.1)
        model(x()).sum().backward()
        optimizer.step()

    [(cause, _, names)] = told(program)
    assert (cause, names) == ("wrong-source", ["Sequential.0.weight", "Sequential.0.bias"])


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.bias = nn.Linear(4, 4, bias=False), nn.Parameter(torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + self.bias


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 1)
        self.blocks = [Block() for _ in range(2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def test_modules_in_a_plain_list_are_blamed_where_they_are_put_there() -> None:
    def program() -> None:
        model = Stack()
        step(model, model)

    names = [f"model.blocks.{n}.{p}" for n in range(2) for p in ("bias", "inner.weight")]
    assert told(program) == [("untracked", "Block()", names)]


def test_an_optimizer_of_a_copy_of_a_tensor() -> None:
    def program() -> None:
        image = torch.ones(4)
        optimizer = torch.optim.SGD([image.clone().requires_grad_()], lr=0.1)
        image.requires_grad_()
        for _ in range(3):
            (image * x()).square().sum().backward()
            optimizer.step()

    [(cause, place, _)] = told(program)
    assert (cause, place) == ("wrong-source", "torch.optim.SGD([image.clone().requires_grad_()], lr=0.1)")


def test_a_model_in_a_wrapper_that_no_name_holds_is_called_by_its_own_class() -> None:
    assert Known().root(nn.DataParallel(Gains(nn.ParameterList))) == "Gains"
