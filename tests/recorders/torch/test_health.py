"""Looks at PyTorch's optimizers: the numbers are right, and nothing is changed."""

from __future__ import annotations

import gc
import math
import weakref
from functools import partial
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.optim import optimizer as optimizers

from torch_watched import Run, by_name, first, mlp, train, warnings_of

pytestmark = pytest.mark.torch


def test_the_numbers_are_those_of_the_step(run: Run) -> None:
    kept: list[Any] = []

    def program() -> None:
        net = mlp(8, 4, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        old = [p.detach().clone() for p in net.parameters()]
        train(net, optimizer, steps=1)
        kept.extend((p.detach(), before, p.grad) for p, before in zip(net.parameters(), old, strict=True))

    look = first(run(program))
    assert [p.path for p in look.parameters] == ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    for health, (new, before, grad) in zip(look.parameters, kept, strict=True):
        assert health.gradient == pytest.approx(float(grad.norm()))
        assert health.zeros == pytest.approx(float((grad == 0).float().mean()))
        assert health.weight == pytest.approx(float(before.norm()))
        assert health.update == pytest.approx(float((new - before).norm()), rel=1e-5)
    assert look.total == pytest.approx(math.hypot(*(float(grad.norm()) for _, _, grad in kept)))


def test_nothing_is_changed(run: Run) -> None:
    def losses(optimizer: type[Any]) -> tuple[list[float], Any, Any]:
        torch.manual_seed(3)
        net = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.Linear(8, 1))
        made, found = optimizer(net.parameters(), lr=0.01), []
        for _ in range(20):
            data = torch.randn(4, 8)
            loss = net(data).square().mean()
            made.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            nn.utils.clip_grad_value_(net.parameters(), 0.01)
            made.step()
            found.append(loss.item())
        return found, [p.grad.clone() for p in net.parameters()], torch.get_rng_state()

    plain = losses(torch.optim.Adam)
    seen: list[Any] = []
    watched = run(lambda: seen.append(losses(torch.optim.Adam)))
    assert watched.courses["Adam"].looks >= 5
    assert seen[0][0] == plain[0]
    assert all(torch.equal(a, b) for a, b in zip(seen[0][1], plain[1], strict=True))
    assert torch.equal(seen[0][2], plain[2])


def test_nothing_is_kept_alive_and_every_hook_comes_off(run: Run) -> None:
    names = ("clip_grad_norm_", "clip_grad_value_")
    before = [getattr(home, n) for home in (nn.utils, nn.utils.clip_grad) for n in names]
    references: list[weakref.ref[Any]] = []

    def program() -> None:
        net = mlp(8, 4, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        train(net, optimizer, before=partial(nn.utils.clip_grad_norm_, list(net.parameters()), 1.0))
        references.extend(weakref.ref(each) for each in (optimizer, net, net[0].weight, net[0].weight.grad))
        del net, optimizer
        gc.collect()
        assert [each() for each in references] == [None] * 4

    run(program)
    assert [getattr(home, n) for home in (nn.utils, nn.utils.clip_grad) for n in names] == before
    assert not optimizers._global_optimizer_pre_hooks
    assert not optimizers._global_optimizer_post_hooks


def test_deep_sigmoids_vanish(run: Run) -> None:
    def program() -> None:
        net = mlp(8, *[16] * 9, 1, between=nn.Sigmoid)
        train(net, torch.optim.SGD(net.parameters(), lr=0.01), steps=40)

    (remark,) = run(program).remarks
    assert remark.kind == "vanishing"
    assert "from `net.18.weight` to `net.0.weight`" in remark.text
    assert "times a sigmoid lies between" in remark.text
    assert remark.where is not None
    assert remark.where.file == train.__code__.co_filename


def test_a_chaotic_cell_explodes(run: Run) -> None:
    def program() -> None:
        cell, head = nn.RNNCell(8, 32), nn.Linear(32, 1)
        with torch.no_grad():
            cell.weight_hh.mul_(8)
        optimizer = torch.optim.SGD([*cell.parameters(), *head.parameters()], lr=1e-10)
        for _ in range(12):
            state = torch.zeros(16, 32)
            for _ in range(50):
                state = cell(torch.randn(16, 8) * 0.05, state)
            optimizer.zero_grad()
            (head(state) - 1).square().mean().backward()
            optimizer.step()

    assert "exploding" in warnings_of(run(program))


def test_a_healthy_transformer_is_healthy(run: Run) -> None:
    def program() -> None:
        layers = [nn.TransformerEncoderLayer(16, 2, 32, 0.1, batch_first=True, norm_first=True) for _ in range(4)]
        net = nn.Sequential(nn.Embedding(20, 16), *layers, nn.LayerNorm(16), nn.Linear(16, 20))
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))
        for _ in range(40):
            data = torch.randint(0, 20, (8, 6))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(data).flatten(0, 1), data.flatten()).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()

    assert warnings_of(run(program)) == []


def test_two_optimizers_are_told_apart(run: Run) -> None:
    def program() -> None:
        maker, critic = mlp(4, 8, 2), mlp(2, 8, 1)
        for_maker = torch.optim.Adam(maker.parameters(), 1e-3)
        for_critic = torch.optim.Adam(critic.parameters(), 1e-3)
        for _ in range(12):
            made = maker(torch.randn(8, 4))
            for_critic.zero_grad()
            (critic(made.detach()).square() + critic(torch.randn(8, 2))).mean().backward()
            nn.utils.clip_grad_norm_(critic.parameters(), 1e-4)
            for_critic.step()
            for_maker.zero_grad()
            critic(made).mean().backward()
            for_maker.step()

    watched = run(program)
    held = {name: {p.path.partition(".")[0] for p in c.kept[0].parameters} for name, c in watched.courses.items()}
    assert held == {"Adam": {"critic"}, "Adam (2)": {"maker"}}
    assert [(r.kind, r.optimizer) for r in watched.remarks] == [("clipping", "Adam")]
    assert all(look.clipping is None for look in watched.courses["Adam (2)"].kept)


def test_a_closure_computes_the_gradient_inside_of_the_step(run: Run) -> None:
    def program() -> None:
        net = mlp(4, 1)
        optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)
        data = torch.randn(16, 4)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (net(data) - 1).square().mean()
            loss.backward()
            return loss

        for _ in range(4):
            optimizer.step(closure)

    look = first(run(program), "LBFGS")
    assert all(p.gradient and p.update for p in look.parameters)


def test_a_step_inside_of_a_step_is_part_of_it(run: Run) -> None:
    class Wrapper(torch.optim.Optimizer):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner.param_groups, {})
            self.inner = inner

        def step(self, closure: Any = None) -> None:
            self.inner.step()

    def program() -> None:
        net = mlp(8, 1)
        inner = torch.optim.SGD(net.parameters(), lr=0.1)
        train(net, Wrapper(inner))

    assert list(run(program).courses) == ["Wrapper"]


def test_a_step_that_raises_stops_nothing(run: Run) -> None:
    def program() -> None:
        net = mlp(8, 1)
        bad, good = torch.optim.SGD(net.parameters(), lr=0.1), torch.optim.Adam(net.parameters())
        bad.param_groups[0]["lr"] = "no number"
        data = torch.randn(4, 8)
        net(data).mean().backward()
        with pytest.raises(TypeError):
            bad.step()
        train(net, good)

    assert run(program).courses["Adam"].looks >= 3


def test_kinds_of_tensors(run: Run) -> None:
    """Sparse gradients, half precision, complex numbers, none at all, and a large weight that is sampled."""

    def program() -> None:
        table = nn.Embedding(10, 4, sparse=True)
        half = nn.Parameter(torch.full((4,), 300.0, dtype=torch.float16))
        wave = nn.Parameter(torch.ones(4, dtype=torch.complex64))
        unused = nn.Parameter(torch.ones(3))
        large = nn.Parameter(torch.ones(400, 400))
        optimizer = torch.optim.SGD([table.weight, half, wave, unused, large], lr=0.5)
        loss = table(torch.tensor([1, 1, 2])).sum() + (half.float() * 1e4).sum() + wave.real.sum() + large.sum()
        loss.backward()
        optimizer.step()

    found = by_name(first(run(program)))
    assert found["table.weight"].gradient == pytest.approx(math.sqrt(4 * 2**2 + 4))
    assert found["table.weight"].zeros == pytest.approx(0.8)
    assert found["half"].gradient == pytest.approx(2e4)
    assert found["wave"].gradient == pytest.approx(2)
    assert found["unused"].absent
    assert found["unused"].update == 0
    assert found["large"].sampled
    assert found["large"].update == pytest.approx(200, rel=1e-3)
    assert found["large"].weight == pytest.approx(400, rel=1e-3)


def test_a_parameter_that_comes_later(run: Run) -> None:
    def program() -> None:
        net, late = mlp(8, 1), nn.Parameter(torch.ones(1))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        train(net, optimizer, 1)
        optimizer.add_param_group({"params": [late]})
        train(net, optimizer, 3)

    looks = run(program).courses["SGD"].kept
    assert [p.path for p in looks[0].parameters] == ["net.0.weight", "net.0.bias"]
    assert [p.path for p in looks[-1].parameters] == ["net.0.weight", "net.0.bias", "late"]
