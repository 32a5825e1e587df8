"""Clipping and loss scaling between the backward pass and the step."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_watched import Run, first, mlp, train

pytestmark = pytest.mark.torch


def test_clipping_far_below_the_norm(run: Run) -> None:
    def program() -> None:
        net = mlp(8, 16, 1)
        clip = lambda: nn.utils.clip_grad_norm_(net.parameters(), max_norm=1e-3)  # noqa: E731
        train(net, torch.optim.SGD(net.parameters(), lr=0.1), before=clip)

    watched = run(program)
    look = first(watched)
    assert look.clipping is not None
    assert look.clipping.before is not None
    assert look.total == pytest.approx(1e-3, rel=1e-3)
    befores = [p.before for p in look.parameters if p.before is not None]
    assert math.hypot(*befores) == pytest.approx(look.clipping.before, rel=1e-3)
    assert [(r.kind, r.warns) for r in watched.remarks] == [("clipping", True)]


def test_clipping_by_value(run: Run) -> None:
    def program() -> None:
        net = mlp(8, 16, 1)
        clip = lambda: nn.utils.clip_grad_value_(net.parameters(), 1e-4)  # noqa: E731
        train(net, torch.optim.SGD(net.parameters(), lr=0.1), 1, before=clip)

    look = first(run(program))
    assert look.clipping is not None
    assert look.clipping.acts
    assert all(p.before is not None and p.gradient is not None and p.before > p.gradient for p in look.parameters)


@pytest.mark.parametrize("unscale", [True, False])
def test_loss_scaling_is_divided_out(run: Run, unscale: bool) -> None:
    norms: list[float] = []

    def program() -> None:
        net = mlp(8, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=10_000)
        data = torch.randn(16, 8)
        for step in range(6):
            optimizer.zero_grad()
            factor = float("inf") if step == 3 else 1.0
            scaler.scale(net(data).square().mean() * factor).backward()
            if unscale:
                scaler.unscale_(optimizer)
            norms.append(float(nn.utils.clip_grad_norm_(net.parameters(), 1e-6)))
            scaler.step(optimizer)
            scaler.update()

    watched = run(program)
    look = first(watched)
    assert look.scale == 1024
    assert look.clipping is not None
    assert look.clipping.early is not unscale
    assert look.clipping.before == pytest.approx(norms[0] / (1 if unscale else 1024), rel=1e-3)
    assert watched.courses["SGD"].skipped == 1
    assert watched.courses["SGD"].steps == 5
    assert not [r for r in watched.remarks if r.kind == "nonfinite"]


def test_what_is_looked_at_is_read_at_once_and_a_clipping_that_raises_is_none(run: Run) -> None:
    alive: list[weakref.ref[Any]] = []

    def clip(net: nn.Module) -> None:
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        alive.append(weakref.ref(norm))
        del norm
        assert alive[-1]() is None
        net[0].weight.grad.fill_(float("nan"))
        with pytest.raises(RuntimeError, match="non-finite"):
            nn.utils.clip_grad_norm_(net.parameters(), 2.0, error_if_nonfinite=True)
        net.zero_grad()

    def program() -> None:
        net = mlp(8, 4, 1)
        train(net, torch.optim.SGD(net.parameters(), lr=0.1), before=partial(clip, net))

    look = first(run(program))
    assert look.clipping is not None
    assert look.clipping.bound == 1.0


def test_an_error_of_the_scripts_own_generator_is_raised(run: Run) -> None:
    def broken() -> Iterator[Any]:
        raise LookupError("the script's own")
        yield

    def program() -> None:
        with pytest.raises(LookupError):
            nn.utils.clip_grad_norm_(broken(), 1.0)

    run(program)
