"""Scripts without an optimizer: asked is what they read, guard and move by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of
from whygrad.finding import Report
from whygrad.recorders.torch import Torch
from whygrad.session import Session

pytestmark = pytest.mark.torch


def loss_behind_a_detach() -> list[nn.Parameter]:
    body, head = nn.Linear(2, 2), nn.Linear(2, 1)
    head(body(torch.ones(4, 2)).detach()).mean().backward()
    return [*body.parameters(), *head.parameters()]


def names(program: object) -> list[tuple[str, list[str], str]]:
    return [(f.cause, [p.path for p in f.parameters], f.title.partition(":")[0]) for f in findings_of(program)]


def test_an_update_by_hand_asks_for_what_it_skips() -> None:
    def program() -> None:
        body, head = nn.Linear(2, 2), nn.Linear(2, 1)
        for _ in range(3):
            head(body(torch.ones(4, 2)).detach()).mean().backward()
            with torch.no_grad():
                for p in [*body.parameters(), *head.parameters()]:
                    if p.grad is not None:
                        p -= 0.1 * p.grad
                        p.grad.zero_()

    both = "`body.weight` and `body.bias` get no gradient"
    assert names(program) == [("stop-gradient", ["body.weight", "body.bias"], both)]


def test_a_guard_asks_for_nothing_beside_an_optimizer() -> None:
    def program() -> None:
        teacher, student = nn.Linear(2, 2), nn.Linear(2, 2)
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (student(torch.ones(4, 2)) - teacher(torch.ones(4, 2)).detach() - 1).square().mean().backward()
            sum(p.grad.norm() for p in [*teacher.parameters(), *student.parameters()] if p.grad is not None)
            optimizer.step()

    assert names(program) == []


def test_every_gradient_that_is_read_in_turn_is_asked_for() -> None:
    def program() -> None:
        body, head = nn.Linear(2, 2), nn.Linear(2, 1)
        for _ in range(2):
            head(body(torch.ones(4, 2)).detach()).mean().backward()
            [p.grad for p in [*body.parameters(), *head.parameters()]]

    both = "`body.weight` and `body.bias` get no gradient"
    assert names(program) == [("stop-gradient", ["body.weight", "body.bias"], both)]


def test_a_backward_that_nobody_reads_is_reported_without_a_verdict() -> None:
    run, recorder = Session(["program.py"], 10, lambda finding: None), Torch()
    run.recorders.append(recorder)
    recorder.start(run)
    loss_behind_a_detach()
    report: Report = run.close(0, None)
    assert report.findings == ()
    assert [(r.api, r.parameters.total) for r in report.requests] == [("torch.Tensor.backward", 0)]
