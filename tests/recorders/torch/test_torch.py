"""Autograd's own answers against the graph's, over many small programs, in one process."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.graph import Graph
from whygrad.recorders.recorder import Asked
from whygrad.recorders.torch import Torch

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Ear:
    """A sink that builds every graph."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.faults: list[BaseException] = []

    def asked(self, request: Asked) -> None:
        if request.graph is not None:
            self.graphs.append(request.graph())

    def told(self, graph: Graph) -> None:
        self.graphs.append(graph)

    def came_round(self) -> None:
        pass

    def fault(self, framework: str, error: BaseException) -> None:
        self.faults.append(error)


@pytest.fixture
def ear() -> Iterator[Ear]:
    recorder, ear = Torch(), Ear()
    recorder.start(ear)
    yield ear
    recorder.finish(None)
    recorder.stop()
    assert not ear.faults, ear.faults


def train(*modules: nn.Module, loss: Callable[[], torch.Tensor], steps: int = 2) -> None:
    parameters = [p for m in modules for p in m.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def x(*shape: int) -> torch.Tensor:
    return torch.linspace(-1, 1, int(torch.tensor(shape).prod())).reshape(shape)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))


def plain() -> None:
    model = mlp()
    train(model, loss=lambda: model(x(8, 4)).square().mean())


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


Around = Callable[[torch.Tensor], torch.Tensor]
CUTS: dict[str, tuple[str, Around]] = {
    "detach": ("stop-gradient", lambda t: t.detach()),
    "data": ("stop-gradient", lambda t: t.data),
    "parameter": ("stop-gradient", lambda t: nn.Parameter(t)),
    "argmax": ("non-differentiable-op", lambda t: t.argmax(1).float()),
    "compared": ("non-differentiable-op", lambda t: (t > 0).float()),
    "rounded": ("non-differentiable-op", lambda t: t.round()),
    "rounded in place": ("non-differentiable-op", lambda t: t.clone().round_()),
    "sampled": ("non-differentiable-op", lambda t: torch.distributions.Normal(t, 1.0).sample()),
    "drawn": ("non-differentiable-op", lambda t: torch.bernoulli(t.sigmoid())),
    "cast": ("integer-dtype", lambda t: t.long().float()),
    "to": ("integer-dtype", lambda t: t.to(torch.int32) * 1.0),
    "copied": ("left-framework", lambda t: torch.tensor(t.tolist())),
    "numpy": ("left-framework", lambda t: torch.from_numpy(t.detach().numpy())),
    "written": ("state-write", lambda t: written(t)),
    "unrecorded": ("recording-off", lambda t: unrecorded(t)),
    "own function": ("custom-gradient", lambda t: Dropped.apply(t)),
}


def written(t: torch.Tensor) -> torch.Tensor:
    buffer = torch.zeros_like(t)
    with torch.no_grad():
        buffer.copy_(t)
    return buffer


@torch.no_grad()
def unrecorded(t: torch.Tensor) -> torch.Tensor:
    return t * 2


class Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, t: torch.Tensor) -> torch.Tensor:
        return t * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:
        return None


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_program(ear: Ear, name: str) -> None:
    cause, around = CUTS[name]
    lost, kept = nn.Linear(4, 3), nn.Linear(4, 1)
    train(lost, kept, loss=lambda: around(lost(x(8, 4))).mean() + kept(x(8, 4)).mean())
    graph = ear.graphs[0]
    spec.check(graph)
    assert agrees(graph) == []
    findings = diagnose(graph)
    assert {f.cause for f in findings} == {cause}
    assert {p.path for f in findings for p in f.parameters} == {"lost.weight", "lost.bias"}
    assert all(f.culprit is not None and f.culprit.file == __file__ for f in findings)


def test_what_no_operation_shows_is_found_by_autograds_own_graph(ear: Ear) -> None:
    model = nn.Linear(4, 1)

    @torch.jit.script
    def hidden(t: torch.Tensor) -> torch.Tensor:
        return t * 2

    train(model, loss=lambda: hidden(model(x(8, 4))).mean())
    assert agrees(ear.graphs[0]) == []


def test_other_threads_are_heard(ear: Ear) -> None:
    model = mlp()
    thread = threading.Thread(
        target=lambda: train(model, loss=lambda: model(x(8, 4)).detach().sum() + 0 * model[2].bias)
    )
    thread.start()
    thread.join()
    assert {f.cause for f in diagnose(ear.graphs[0])} == {"stop-gradient"}


def state() -> list[Any]:
    from torch.nn.modules import module
    from torch.optim import optimizer
    from torch.overrides import _len_torch_function_stack

    return [
        torch.Tensor.backward,
        torch.autograd.backward,
        torch.autograd.grad,
        torch.nn.Parameter.__new__,
        torch.autograd.Function.apply.__func__,
        torch.autograd.function.BackwardCFunction.apply,
        torch.nn.Module.__init__,
        torch.nn.Module._call_impl,
        torch.optim.Optimizer.__init__,
        torch.func.vmap,
        torch.vmap,
        torch.from_numpy,
        torch.compile,
        threading.Thread.run,
        warnings._showwarnmsg,  # type: ignore[attr-defined]
        _len_torch_function_stack(),
        module._has_any_global_hook(),
        list(optimizer._global_optimizer_pre_hooks.items()),
        list(optimizer._global_optimizer_post_hooks.items()),
    ]


def test_every_hook_is_taken_off() -> None:
    before = state()
    recorder = Torch()
    recorder.start(Ear())
    during = state()
    plain()
    recorder.rest()
    resting = state()
    recorder.stop()
    assert state() == before
    assert sum(a is not b and a != b for a, b in zip(before, during, strict=True)) >= 15
    # The watch on requests, optimizers and births stays; the mode, the functions and the calls are heard no more.
    assert resting[3:6] == before[3:6]
    assert resting[9:17] == before[9:17]


def test_no_tensor_lives_longer_than_it_would(ear: Ear) -> None:
    model = mlp()
    gone: list[weakref.ref[torch.Tensor]] = []

    def loss() -> torch.Tensor:
        h = model[0](x(8, 4))
        gone.append(weakref.ref(h))
        return model[2](h.relu()).sum()

    train(model[0], model[2], loss=loss)
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)


def losses(steps: int) -> list[float]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.TransformerEncoderLayer(8, 2, 8), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    seen = []
    for _ in range(steps):
        model.train()
        loss = model(x(8, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            seen += [loss.item(), model(x(8, 4)).sum().item()]
    return seen


def test_nothing_computed_changes() -> None:
    plainly = losses(6)
    recorder = Torch()
    recorder.start(Ear())
    recorded = losses(6)
    recorder.rest()
    watched = losses(6)
    recorder.stop()
    assert recorded == plainly
    assert watched == plainly


def test_warnings_are_the_scripts_own(ear: Ear) -> None:
    y = nn.Parameter(torch.ones(3)) * 2
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("default")
        F.softmax(y)
        torch.tensor(y)
    assert len(given) == 2
    assert {w.filename for w in given} == {__file__}
