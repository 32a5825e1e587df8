"""Parameters that get their gradient and are in no optimizer: forgotten, or left out on purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def forgotten_head() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x()) - 1).square().mean().backward()
        optimizer.step()


def forgotten_scale() -> None:
    model, scale = nn.Linear(4, 1), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x()) * scale - 1).square().mean().backward()
        optimizer.step()


class Centers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(2, 3))

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (features - self.centers[labels]).square().mean()


def forgotten_loss() -> None:
    model, criterion, labels = nn.Linear(4, 3), Centers(), torch.arange(8) % 2
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        criterion(model(x()), labels).backward()
        optimizer.step()


class Tagger(nn.Module):
    """A head and a table of what follows what, both behind the body."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.mid, self.head = nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.follows = nn.Parameter(torch.zeros(2, 2))

    def forward(self, given: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        scores = self.head(self.mid(self.body(given)))
        return scores.square().mean() + (self.follows[tags, tags] + scores[:, 0]).square().mean()


def forgotten_table() -> None:
    model, tags = Tagger(), torch.arange(8) % 2
    optimizer = torch.optim.SGD([*model.body.parameters(), *model.mid.parameters()], lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        model(x(), tags).backward()
        optimizer.step()


def thawed_block() -> None:
    backbone, head = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3)), nn.Linear(3, 1)
    backbone.requires_grad_(False)
    backbone[2].requires_grad_(True)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (head(backbone(x())) - 1).square().mean().backward()
        optimizer.step()


def thawed_and_moved_by_hand() -> None:
    backbone, head = nn.Linear(4, 3), nn.Linear(3, 1)
    backbone.requires_grad_(False).requires_grad_(True)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(6):
        (head(backbone(x())) - 1).square().mean().backward()
        optimizer.step()
        with torch.no_grad():
            for parameter in backbone.parameters():
                assert parameter.grad is not None
                parameter -= 0.1 * parameter.grad
        head.zero_grad()
        backbone.zero_grad()


def probed_backbone() -> None:
    backbone, head = nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 1)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (head(backbone(x())) - 1).square().mean().backward()
        optimizer.step()


def biases_only() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD([p for name, p in model.named_parameters() if "bias" in name], lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x()) - 1).square().mean().backward()
        optimizer.step()


def image_by_a_fixed_network() -> None:
    network, image = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3)), nn.Parameter(x())
    optimizer = torch.optim.SGD([image], lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (network(image) - 1).square().mean().backward()
        optimizer.step()


def network_behind_a_learned_input() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x()) - 1).square().mean().backward()
        optimizer.step()


def evaluated_head() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    model[2].eval()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        (model(x()) - 1).square().mean().backward()
        optimizer.step()


def held_later() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizers = [torch.optim.SGD(model[0].parameters(), lr=0.1)]
    for number in range(6):
        (model(x()) - 1).square().mean().backward()
        if number == 3:
            optimizers.append(torch.optim.SGD(model[2].parameters(), lr=0.1))
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()


def moved_by_hand() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for _ in range(6):
        (model(x()) - 1).square().mean().backward()
        optimizer.step()
        with torch.no_grad():
            for parameter in model[2].parameters():
                assert parameter.grad is not None
                parameter -= 0.1 * parameter.grad
        model.zero_grad()


@pytest.mark.parametrize(
    ("program", "paths"),
    [
        (forgotten_head, {"model.2.weight", "model.2.bias"}),
        (forgotten_scale, {"scale"}),
        (forgotten_loss, {"criterion.centers"}),
        (forgotten_table, {"model.follows", "model.head.weight", "model.head.bias"}),
        (thawed_block, {"backbone.2.weight", "backbone.2.bias"}),
    ],
)
def test_a_forgotten_parameter(program: Callable[[], None], paths: set[str]) -> None:
    [finding] = findings_of(program)
    assert finding.cause == "not-updated"
    assert finding.culprit is not None
    assert "SGD(" in (finding.culprit.code or "")
    assert {p.path: p.gradient for p in finding.parameters} == dict.fromkeys(paths, "present")


@pytest.mark.parametrize(
    "program",
    [
        probed_backbone,
        biases_only,
        image_by_a_fixed_network,
        network_behind_a_learned_input,
        evaluated_head,
        held_later,
        moved_by_hand,
        thawed_and_moved_by_hand,
    ],
)
def test_left_out_on_purpose(program: Callable[[], None]) -> None:
    assert findings_of(program) == []
