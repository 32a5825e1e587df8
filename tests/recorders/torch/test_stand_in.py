"""A loss that is computed with a copy of what is to be trained, and steps that come too early for another loss."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
NAMES = ["online.0.weight", "online.0.bias", "online.2.weight", "online.2.bias"]


def test_a_loss_of_the_target_is_told_where_that_is_called() -> None:
    def program() -> None:
        online = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
        target = copy.deepcopy(online).requires_grad_(False)
        optimizer = torch.optim.SGD(online.parameters(), lr=0.01)
        with torch.no_grad():
            goal = target(x().flip(0))
        (target(x()) - goal).square().mean().backward()
        optimizer.step()

    assert told(program, RuntimeError) == [("not-called", "target(x())", NAMES)]


def test_an_optimizer_of_one_model_and_of_the_target_of_another() -> None:
    def program() -> None:
        first, second = nn.Linear(4, 1), nn.Linear(4, 1)
        target = copy.deepcopy(second)
        optimizer = torch.optim.SGD([*first.parameters(), *target.parameters()], lr=0.01)
        for _ in range(3):
            with torch.no_grad():
                goal = target(x().flip(0))
            loss = (first(x()) - goal).square().mean() + (second(x()) - goal).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    [(cause, place, names)] = told(program)
    assert (cause, names) == ("wrong-source", ["target.weight", "target.bias"])
    assert place == "torch.optim.SGD([*first.parameters(), *target.parameters()], lr=0.01)"


def test_a_step_between_a_forward_pass_and_its_backward_pass() -> None:
    def program() -> None:
        first, second = nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.01) for m in (first, second)]
        score = second(first(x()))
        score.mean().backward(retain_graph=True)
        optimizers[1].step()
        score.square().mean().backward()

    [(cause, place, _)] = told(program, RuntimeError)
    assert (cause, place) == ("graph-error", "optimizers[1].step()")


class Losses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 1), nn.Linear(3, 1)

    def part(self, name: str, hidden: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: getattr(self, name)(hidden).square().mean()}

    def forward(self, given: torch.Tensor) -> dict[str, torch.Tensor]:
        losses: dict[str, torch.Tensor] = {}
        for name in ("first", "second"):
            losses.update(self.part(name, self.body(given)))
        return losses


def test_a_loss_in_a_dict_of_which_others_are_summed() -> None:
    def program() -> None:
        net = Losses()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(3):
            losses = net(x())
            loss = sum(losses[name] * 1.0 for name in losses if name != "second")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    [(cause, place, names)] = told(program)
    assert (cause, names) == ("unused-output", ["net.second.weight", "net.second.bias"])
    assert "losses[name] * 1.0" in place


class Doubled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(6, 1)

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        one = self.one(given)
        other = self.other(given)
        out = self.head(torch.cat([one, one], -1))
        return out, {"one": one, "other": other}


def test_a_list_that_names_one_value_twice() -> None:
    def program() -> None:
        net = Doubled()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(3):
            out, parts = net(x())
            optimizer.zero_grad()
            out.square().mean().backward()
            optimizer.step()
            assert parts["other"].shape == (8, 3)

    assert told(program) == [("unused-output", "[one, one]", ["net.other.weight", "net.other.bias"])]


def test_an_optimizer_of_a_model_that_a_helper_builds_for_itself() -> None:
    def given(model: nn.Module | None = None) -> torch.optim.Optimizer:
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)) if model is None else model
        return torch.optim.SGD(model.parameters(), lr=0.01)

    def program() -> None:
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
        optimizer = given()
        for _ in range(3):
            optimizer.zero_grad()
            model(x()).square().mean().backward()
            optimizer.step()

    [(cause, place, names)] = told(program)
    assert (cause, place) == ("wrong-source", "torch.optim.SGD(model.parameters(), lr=0.01)")
    assert names == [f"model (2).{name}" for name in ("0.weight", "0.bias", "2.weight", "2.bias")]


def test_a_copy_that_each_step_makes_is_told_where_it_is_made() -> None:
    def adapted(net: nn.Module) -> nn.Module:
        learner = copy.deepcopy(net)
        learner(x()).square().mean().backward()
        with torch.no_grad():
            for p in learner.parameters():
                p -= 0.01 * p.grad
        return learner

    def program() -> None:
        net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
        outer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(3):
            learner = adapted(net)
            loss = learner(x().flip(0)).square().mean()
            outer.zero_grad()
            loss.backward()
            outer.step()

    names = ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    assert told(program) == [("wrong-source", "copy.deepcopy(net)", names)]
