"""A loss scaler leaves out steps to find its scale; one that leaves out all of them is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def scaled(
    loss: Callable[[nn.Module], torch.Tensor], scale: float = 4.0, clip: float | None = None
) -> Callable[[], None]:
    def program() -> None:
        model = nn.Linear(4, 3, bias=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        for _ in range(5):
            optimizer.zero_grad()
            scaler.scale(loss(model)).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            scaler.step(optimizer)
            scaler.update()

    return program


def at_zero(model: nn.Module) -> torch.Tensor:
    return (model(x()) * 0).square().sum().sqrt()


def at_the_end_of_its_range(model: nn.Module) -> torch.Tensor:
    return torch.acos(model(x()) / model(x()).detach()).sum()


def overflowing(model: nn.Module) -> torch.Tensor:
    return (model(x()) * torch.inf).sum()


def on_the_way_back(model: nn.Module) -> torch.Tensor:
    hidden: torch.Tensor = model(x())
    hidden.register_hook(lambda gradient: gradient * torch.inf)
    return hidden.sum()


def healthy(model: nn.Module) -> torch.Tensor:
    return (model(x()) - 1).square().mean()


@pytest.mark.parametrize(
    ("loss", "cause", "place"),
    [
        (at_zero, "nonfinite-gradient", "(model(x()) * 0).square().sum().sqrt()"),
        (at_the_end_of_its_range, "nonfinite-gradient", "torch.acos(model(x()) / model(x()).detach())"),
        (overflowing, "nonfinite-gradient", "scaler.scale(loss(model))"),
        (on_the_way_back, "not-updated", "scaler.step(optimizer)"),
    ],
)
def test_a_scaler_that_never_lets_a_step_pass(
    loss: Callable[[nn.Module], torch.Tensor], cause: str, place: str
) -> None:
    assert told(scaled(loss)) == [(cause, place, ["model.weight"])]


@pytest.mark.parametrize("scale", [1.0, 2.0**127])
def test_a_scaler_that_lets_steps_pass(scale: float) -> None:
    assert told(scaled(healthy, scale)) == []


def test_a_scale_that_stays_too_large() -> None:
    def program() -> None:
        model = nn.Linear(4, 3, bias=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=0.999)
        for _ in range(5):
            optimizer.zero_grad()
            scaler.scale(1e3 * healthy(model)).backward()
            scaler.step(optimizer)
            scaler.update()

    (finding,) = findings_of(program)
    assert finding.culprit is not None
    assert finding.fix is not None
    assert finding.culprit.code == "scaler.step(optimizer)"
    assert "it was still 1.69e+38" in finding.fix.summary


def test_a_norm_that_is_too_large_to_be_clipped() -> None:
    (finding,) = findings_of(scaled(healthy, 2.0**124, 1.0))
    assert "clip_grad_norm_(model.parameters(), clip)` makes zeros of it" in finding.title
