"""What a call is by its settings: a scaling to length 1 that leaves only signs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from torch_session import findings_of, told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def by_norm(given: torch.Tensor) -> torch.Tensor:
    return given / given.norm(dim=-1, keepdim=True)


def against(given: torch.Tensor) -> torch.Tensor:
    return F.cosine_similarity(given, torch.ones_like(given), dim=-1)


def trained(scaled: Callable[[torch.Tensor], torch.Tensor], width: int) -> Callable[[], None]:
    def program() -> None:
        score = nn.Linear(4, width, bias=False)
        optimizer = torch.optim.SGD(score.parameters(), lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (scaled(score(x())) - 0.5).square().mean().backward()
            optimizer.step()

    return program


@pytest.mark.parametrize("scaled", [F.normalize, partial(F.normalize, p=1.0, dim=-1), by_norm, against])
def test_one_entry_alone_is_scaled(scaled: Callable[[torch.Tensor], torch.Tensor]) -> None:
    (finding,) = findings_of(trained(scaled, 1))
    assert (finding.cause, [p.path for p in finding.parameters]) == ("zero-gradient", ["score.weight"])
    assert "only its sign is left" in finding.title
    assert told(trained(scaled, 3)) == []


def test_a_single_row_is_scaled_along_its_entries() -> None:
    assert told(trained(lambda given: F.normalize(given[:1], dim=-1), 3)) == []


@pytest.mark.parametrize(
    ("alone", "several"),
    [
        (partial(nn.LayerNorm, 1), partial(nn.LayerNorm, 3)),
        (partial(nn.GroupNorm, 4, 4), partial(nn.GroupNorm, 2, 4)),
    ],
    ids=["layer", "group"],
)
def test_a_norm_over_one_entry(alone: Callable[[], Any], several: Callable[[], Any]) -> None:
    def program(made: Callable[[], Any]) -> None:
        norm = made()
        body = nn.Linear(4, norm.weight.numel(), bias=False)
        optimizer = torch.optim.SGD([*body.parameters(), *norm.parameters()], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (norm(body(x())) - 1).square().mean().backward()
            optimizer.step()

    (finding,) = findings_of(lambda: program(alone))
    assert (finding.cause, [p.path for p in finding.parameters]) == ("zero-gradient", ["body.weight", "norm.weight"])
    assert "every number is its own mean" in finding.title
    assert told(lambda: program(several)) == []


def test_a_share_of_one_is_told_before_the_choice_beside_it() -> None:
    def program() -> None:
        gate, experts = nn.Linear(4, 3, bias=False), nn.ModuleList(nn.Linear(4, 1) for _ in range(3))
        optimizer = torch.optim.SGD([*gate.parameters(), *experts.parameters()], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            best, chosen = gate(x()).softmax(-1).topk(1, dim=-1)
            share = best / best.sum(-1, keepdim=True)
            outputs = torch.stack([expert(x()) for expert in experts], 1)
            (share * outputs.gather(1, chosen.unsqueeze(-1)).squeeze(1)).square().mean().backward()
            optimizer.step()

    assert told(program) == [("zero-gradient", "best / best.sum(-1, keepdim=True)", ["gate.weight"])]
