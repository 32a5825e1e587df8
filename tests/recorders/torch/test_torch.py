"""Autograd's own answers against the graph's, over many small healthy programs, in one process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_training import mlp, plain, train, x
from whygrad import spec
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def recurrent() -> None:
    rnn, head = nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 1)

    def loss() -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x(2, 5, 4), torch.tensor([5, 3]), batch_first=True)
        out, _ = rnn(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        return head(padded).sum()

    train(rnn, head, loss=loss)


def convolutional() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 1)
    )
    train(model, loss=lambda: model(x(3, 1, 6, 6)).sum())


def transformer() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    train(layer, loss=lambda: layer(x(2, 3, 4)).square().sum())


def in_place_and_views() -> None:
    model, late = nn.Linear(4, 4), nn.Linear(4, 4)

    def loss() -> torch.Tensor:
        out = torch.zeros(8, 4)
        out[:, :2] = model(x(8, 4))[:, :2]
        view = out.view(4, 8)
        view[0].mul_(2.0)
        out[:, 3] += late(x(8, 4))[:, 3]
        return out.square().sum()

    train(model, late, loss=loss)


def accumulated() -> None:
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    for micro in range(4):
        model(x(8, 4)).sum().backward()
        if micro % 2:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()


def closures() -> None:
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model(x(8, 4)).square().sum()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)


def by_hand() -> None:
    w, b = torch.ones(4, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(3):
        (x(8, 4) @ w + b).square().mean().backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None


def meta_learning() -> None:
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        fast = dict(model.named_parameters())
        inner = torch.func.functional_call(model, fast, (x(8, 4),)).square().mean()
        gradients = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
        fast = {k: p - 0.1 * g for (k, p), g in zip(fast.items(), gradients, strict=True)}
        optimizer.zero_grad()
        torch.func.functional_call(model, fast, (x(8, 4),)).square().mean().backward()
        optimizer.step()


def gan() -> None:
    g, d = nn.Linear(2, 4), nn.Linear(4, 1)
    og, od = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
    for _ in range(2):
        fake = g(x(8, 2))
        od.zero_grad()
        (d(fake.detach()).mean() - d(x(8, 4)).mean()).backward()
        od.step()
        og.zero_grad()
        (-d(fake).mean()).backward()
        og.step()


def checkpointed() -> None:
    from torch.utils.checkpoint import checkpoint

    first, second = nn.Linear(4, 4), nn.Linear(4, 1)

    def loss() -> torch.Tensor:
        h = checkpoint(first, x(8, 4), use_reentrant=False)
        return checkpoint(second, h, use_reentrant=True).sum()

    train(first, second, loss=loss)


def straight_through() -> None:
    model = mlp()

    def loss() -> torch.Tensor:
        h = model[0](x(8, 4))
        return model[2](h + (h.round() - h).detach()).sum()

    train(model[0], model[2], loss=loss)


def autocast() -> None:
    model = mlp()

    def loss() -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(x(8, 4)).float().sum()

    train(model, loss=loss)


def vmapped() -> None:
    model = nn.Linear(4, 1)
    train(model, loss=lambda: torch.func.vmap(lambda row: model(row).square().sum())(x(8, 4)).mean())


def jacobian() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1, bias=False))
    train(model, loss=lambda: torch.func.vmap(torch.func.jacrev(lambda r: model(r)))(x(8, 4)).square().sum())


HEALTHY = [
    jacobian,
    plain,
    recurrent,
    convolutional,
    transformer,
    in_place_and_views,
    accumulated,
    closures,
    by_hand,
    meta_learning,
    gan,
    checkpointed,
    straight_through,
    autocast,
    vmapped,
]


@pytest.mark.parametrize("program", HEALTHY, ids=lambda f: f.__name__)
def test_a_healthy_program(ear: Ear, program: Callable[[], None]) -> None:
    program()
    assert ear.graphs
    for graph in ear.graphs:
        spec.check(graph)
        assert agrees(graph) == []
        assert [f for f in diagnose(graph) if f.severity != "note"] == []


def test_a_bias_before_the_last_jacobian_is_no_disagreement(ear: Ear) -> None:
    jacobian()
    for graph in ear.graphs:
        spec.check(graph)
        assert agrees(graph) == []
