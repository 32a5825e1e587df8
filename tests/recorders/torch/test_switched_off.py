"""Grad mode that is switched off and never on again, and what else begins before the step that it spoils."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
NAMES = ["model.weight", "model.bias"]


def validated(model: nn.Module) -> float:
    torch.set_grad_enabled(False)
    with torch.no_grad():
        return float(model(x()).mean())


def test_the_line_that_switched_it_off_is_told() -> None:
    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(2):
            loss = model(x()).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert validated(model) != 0

    try:
        (finding,) = findings_of(program, RuntimeError)
    finally:
        torch.set_grad_enabled(True)
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.code) == ("recording-off", "torch.set_grad_enabled(False)")
    assert [label.span.code for label in finding.labels] == ["torch.set_grad_enabled(False)", "model(x())"]


def test_a_leaf_that_is_scaled_before_an_optimizer_gets_it() -> None:
    def program() -> None:
        leaf = torch.ones(4, requires_grad=True)
        torch.optim.SGD([leaf * 0.1], lr=0.01)

    assert [(cause, place) for cause, place, _ in told(program, ValueError)] == [("replaced-parameter", "leaf * 0.1")]


def test_the_spread_of_one_number() -> None:
    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        gain = torch.tensor([2.0])
        for _ in range(3):
            optimizer.zero_grad()
            scaled = (gain - gain.mean()) / (gain.std() + 1e-8)
            (model(x()).mean() * scaled).sum().backward()
            optimizer.step()

    assert told(program) == [("nonfinite-gradient", "gain.std()", NAMES)]


def test_a_learning_rate_that_a_state_brings_back() -> None:
    def program() -> None:
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(2):
            for _ in range(4):
                optimizer.zero_grad()
                model(x()).square().mean().backward()
                optimizer.step()
            optimizer.param_groups[0]["lr"] = 0.0
            state = optimizer.state_dict()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
            optimizer.load_state_dict(state)

    [(cause, place, names)] = told(program)
    assert (cause, names) == ("not-updated", NAMES)
    assert place == "torch.optim.SGD(model.parameters(), lr=0.02)"


def test_a_block_that_a_flag_chooses_is_shown_and_kept() -> None:
    def program(learns: bool) -> None:
        body, head = nn.Linear(4, 4), nn.Linear(4, 1)
        optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.01)
        for _ in range(2):
            optimizer.zero_grad()
            with nullcontext() if learns else torch.no_grad():
                h = body(x())
            head(h).square().mean().backward()
            optimizer.step()

    (finding,) = findings_of(lambda: program(False))
    assert (finding.cause, [label.text for label in finding.labels][1:]) == (
        "recording-off",
        ["this switches grad mode off"],
    )
    assert finding.fix is not None
    assert finding.fix.edits == ()
