"""Gradients that exist and do not help, as whole runs: a session around the recorder, in one process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils import prune

from torch_session import findings_of, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
Loss = Callable[[], torch.Tensor]


def steps(parameters: list[nn.Parameter], loss: Loss, count: int = 6, rate: float = 0.01) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(parameters, lr=rate)
    for _ in range(count):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def dead_relu() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(4, 1)
    with torch.no_grad():
        lost.bias.fill_(-100.0)
    steps(
        [*lost.parameters(), *kept.parameters()],
        lambda: (lost(x()).relu().sum(1, keepdim=True) + kept(x())).square().mean(),
    )


def single_softmax() -> None:
    lost, kept = nn.Linear(4, 1), nn.Linear(4, 1)
    steps(
        [*lost.parameters(), *kept.parameters()],
        lambda: (torch.softmax(lost(x()), dim=1) * kept(x())).square().mean(),
    )


def inverted_mask() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(4, 3)
    padding = torch.zeros(8, 3, dtype=torch.bool)
    steps(
        [*lost.parameters(), *kept.parameters()],
        lambda: (lost(x()).masked_fill(~padding, -1e9).softmax(1) * kept(x())).square().mean(),
    )


def both_factors_zero() -> None:
    lost, up, kept = nn.Linear(4, 2, bias=False), nn.Linear(2, 1, bias=False), nn.Linear(4, 1)
    for part in (lost, up):
        nn.init.zeros_(part.weight)
    steps(
        [*lost.parameters(), *up.parameters(), *kept.parameters()],
        lambda: (up(lost(x())) + kept(x()) - 1).square().mean(),
    )


def one_factor_zero() -> None:
    down, up = nn.Linear(4, 2, bias=False), nn.Linear(2, 1, bias=False)
    nn.init.zeros_(up.weight)
    steps([*down.parameters(), *up.parameters()], lambda: (up(down(x())) - 1).square().mean())


def bias_before_a_norm() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))
    steps(list(model.parameters()), lambda: model(x()).square().mean())


def switched_on_late() -> None:
    gate = nn.Linear(4, 1)
    other = nn.Linear(4, 1)
    calls = iter(range(100))

    def loss() -> torch.Tensor:
        mask = torch.zeros(8, 1) if next(calls) < 15 else torch.ones(8, 1)
        return (mask * gate(x()) + other(x())).square().mean()

    steps([*gate.parameters(), *other.parameters()], loss, 20)


def state_of_one_step() -> None:
    lstm, head = nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 1)
    steps([*lstm.parameters(), *head.parameters()], lambda: head(lstm(x()[:, None])[0][:, -1]).square().mean())


def wrapped_optimizer() -> None:
    model = nn.Linear(4, 1)

    class Outer(torch.optim.Optimizer):
        def __init__(self, parameters: list[nn.Parameter]) -> None:
            super().__init__(parameters, {"lr": 0.1})
            self.inner = torch.optim.SGD(self.param_groups, lr=0.1)

    outer = Outer(list(model.parameters()))
    for _ in range(12):
        outer.zero_grad()
        model(x()).square().mean().backward()
        outer.inner.step()


def root_at_zero() -> None:
    lost, kept = nn.Linear(4, 1, bias=False), nn.Linear(4, 1)
    nn.init.zeros_(lost.weight)
    steps([*lost.parameters(), *kept.parameters()], lambda: (lost(x()).square().sum().sqrt() + kept(x())).mean())


def cleared() -> None:
    lost = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(lost.parameters(), lr=0.1)
    for _ in range(3):
        lost(x()).sum().backward()
        optimizer.zero_grad()
        optimizer.step()


def no_rate() -> None:
    lost = nn.Linear(4, 1)
    steps(list(lost.parameters()), lambda: lost(x()).sum(), rate=0.0)


def no_step() -> None:
    lost = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(lost.parameters(), lr=0.1)
    for _ in range(12):
        lost(x()).sum().backward()
    assert optimizer.param_groups


def clipped_to_nothing(clip: str) -> Callable[[], None]:
    def program() -> None:
        lost = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(lost.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            lost(x()).square().mean().backward()
            getattr(nn.utils, clip)(lost.parameters(), 0.0)
            optimizer.step()

    return program


def no_rate_in_a_tensor() -> None:
    lost = nn.Linear(4, 1)
    steps([*lost.parameters()], lambda: lost(x()).square().mean(), rate=torch.tensor(0.0))  # type: ignore[arg-type]


def pruned() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(3, 1)
    prune.l1_unstructured(lost, "weight", amount=1.0)
    steps([*lost.parameters(), *kept.parameters()], lambda: (kept(lost(x())) - 1).square().mean())


def hooked() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(3, 1)

    def loss() -> torch.Tensor:
        hidden = lost(x())
        hidden.register_hook(torch.zeros_like)
        return kept(hidden.tanh()).square().mean()

    steps([*lost.parameters(), *kept.parameters()], loss)


def hooked_parameter() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(3, 1)
    lost.weight.register_hook(lambda gradient: gradient * 0)
    lost.bias.register_hook(lambda gradient: gradient * 2)
    steps([*lost.parameters(), *kept.parameters()], lambda: kept(lost(x())).square().mean())


def hooked_module() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(3, 1)
    kept.register_full_backward_hook(lambda module, given, came: (torch.zeros_like(given[0]),))
    steps([*lost.parameters(), *kept.parameters()], lambda: kept(lost(x())).square().mean())


def root_of_something_negative() -> None:
    lost = nn.Linear(4, 1, bias=False)
    nn.init.constant_(lost.weight, -1.0)
    steps([*lost.parameters()], lambda: nn.functional.mse_loss(lost(x()).sqrt(), torch.ones(8, 1)))


def no_number_in_the_data() -> None:
    lost, given = nn.Linear(4, 1, bias=False), x().masked_fill(x() == x().max(), torch.nan)
    steps([*lost.parameters()], lambda: nn.functional.mse_loss(lost(given), torch.ones(8, 1)))


def nothing_left_to_choose() -> None:
    lost = nn.Linear(4, 3, bias=False)
    closed = torch.arange(8).reshape(8, 1) == 2
    steps([*lost.parameters()], lambda: (lost(x()).masked_fill(closed, -torch.inf).softmax(1) * lost(x())).sum())


@pytest.mark.parametrize(
    ("program", "cause", "paths"),
    [
        (no_number_in_the_data, "nonfinite-gradient", {"lost.weight"}),
        (root_of_something_negative, "nonfinite-gradient", {"lost.weight"}),
        (nothing_left_to_choose, "nonfinite-gradient", {"lost.weight"}),
        (hooked_parameter, "zero-gradient", {"lost.weight"}),
        (hooked_module, "zero-gradient", {"lost.weight", "lost.bias"}),
        (pruned, "zero-gradient", {"lost.weight_orig"}),
        (hooked, "zero-gradient", {"lost.weight", "lost.bias"}),
        (clipped_to_nothing("clip_grad_norm_"), "not-updated", {"lost.weight", "lost.bias"}),
        (clipped_to_nothing("clip_grad_value_"), "not-updated", {"lost.weight", "lost.bias"}),
        (no_rate_in_a_tensor, "not-updated", {"lost.weight", "lost.bias"}),
        (dead_relu, "zero-gradient", {"lost.weight", "lost.bias"}),
        (single_softmax, "zero-gradient", {"lost.weight", "lost.bias"}),
        (inverted_mask, "zero-gradient", {"lost.weight", "lost.bias"}),
        (both_factors_zero, "zero-gradient", {"lost.weight", "up.weight"}),
        (root_at_zero, "nonfinite-gradient", {"lost.weight"}),
        (cleared, "not-updated", {"lost.weight", "lost.bias"}),
        (no_rate, "not-updated", {"lost.weight", "lost.bias"}),
        (no_step, "not-updated", {"lost.weight", "lost.bias"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_gradient_that_does_not_help(program: Callable[[], None], cause: str, paths: set[str]) -> None:
    findings = findings_of(program)
    assert {f.cause for f in findings} == {cause}
    assert {p.path for f in findings for p in f.parameters} == paths
    assert all(f.culprit is not None and f.culprit.file == __file__ for f in findings)


def counted() -> None:
    lost = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(lost.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        (lost(x()).norm(p=0) + lost.bias.square().sum()).backward()
        optimizer.step()


def test_a_norm_that_counts_has_no_derivative() -> None:
    [finding] = findings_of(counted)
    assert (finding.cause, [p.path for p in finding.parameters]) == ("non-differentiable-op", ["lost.weight"])


def watched_by_a_hook() -> None:
    lost, kept = nn.Linear(4, 3), nn.Linear(3, 1)

    def loss() -> torch.Tensor:
        hidden = lost(x())
        hidden.register_hook(lambda gradient: gradient.clamp(-1, 1))
        return kept(hidden.tanh()).square().mean()

    steps([*lost.parameters(), *kept.parameters()], loss)


def vanishing() -> None:
    """Nothing but the first of many turns is given anything, and its gradient is lost on the way through the others."""
    given, cell, head = nn.Linear(3, 4, bias=False), nn.RNNCell(4, 8), nn.Linear(8, 1)
    with torch.no_grad():
        cell.weight_hh.mul_(1e-4)

    def loss() -> torch.Tensor:
        state = torch.zeros(2, 8)
        for turn in range(30):
            state = cell(given(torch.ones(2, 3) if turn == 0 else torch.zeros(2, 3)), state)
        return (head(state) - 1).square().mean()

    steps([*given.parameters(), *cell.parameters(), *head.parameters()], loss)


@pytest.mark.parametrize(
    "program",
    [
        one_factor_zero,
        bias_before_a_norm,
        switched_on_late,
        state_of_one_step,
        wrapped_optimizer,
        watched_by_a_hook,
        vanishing,
    ],
)
def test_a_harmless_zero(program: Callable[[], None]) -> None:
    assert findings_of(program) == []


def test_a_dropout_that_leaves_nothing_is_told_where_its_probability_is_set() -> None:
    def program(rate: float) -> None:
        lost, kept = nn.Sequential(nn.Linear(4, 3), nn.Dropout(rate)), nn.Linear(4, 3)
        steps([*lost.parameters(), *kept.parameters()], lambda: (lost(x()) + kept(x())).square().mean())

    [finding] = findings_of(lambda: program(1.0))
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.code) == ("zero-gradient", "nn.Dropout(rate)")
    assert [p.path for p in finding.parameters] == ["lost.0.weight", "lost.0.bias"]
    assert findings_of(lambda: program(0.5)) == []
