"""The recorder of PyTorch as a guest: nothing changes, nothing is kept alive, every hook comes off."""

from __future__ import annotations

import gc
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from hearing import Ear
from torch_training import mlp, plain, train, x
from whygrad.diagnose import diagnose
from whygrad.recorders.torch import Torch
from whygrad.uncaught import hide_own_frames

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


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


def test_an_optimizer_works_without_the_mode(ear: Ear) -> None:
    from torch.overrides import _len_torch_function_stack as depth

    inside = []

    class Looking(torch.optim.SGD):
        def step(self) -> None:
            inside.append(depth())
            super().step()

    model = mlp()
    optimizer, before = Looking(model.parameters(), 0.1), depth()
    for _ in range(2):
        model(x(8, 4)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        assert depth() == before == 1
    assert inside == [0, 0]


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


def heard() -> tuple[list[str], list[str]]:
    """What modes of the script's own hear, each of a step."""
    calls: list[str] = []
    dispatched: list[str] = []

    class Calls(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            calls.append(func.__name__)
            return func(*args, **(kwargs or {}))

    class Dispatched(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            dispatched.append(str(func))
            return func(*args, **(kwargs or {}))

    model, data = mlp(), x(8, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for mode in (nullcontext(), Calls(), Dispatched()):
        with mode:
            optimizer.zero_grad()
            model(data).square().mean().backward()
            optimizer.step()
    return calls, dispatched


def test_modes_of_the_script_hear_nothing_of_ours() -> None:
    plainly = heard()
    recorder = Torch()
    recorder.start(Ear())
    recorded = heard()
    recorder.stop()
    assert recorded == plainly


class Proxy:
    """Makes what it stands for when it is asked what it is."""

    asked = 0

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        Proxy.asked += 1
        return nn.Module


def test_proxies_are_not_woken(ear: Ear) -> None:
    beside, model = Proxy(), mlp()
    within = {"first": [beside]}
    train(model, loss=lambda: model(x(8, 4)).square().mean())
    assert [diagnose(graph) for graph in ear.graphs] == [[], []]
    assert within["first"][0] is beside
    assert Proxy.asked == 0


def test_warnings_are_the_scripts_own(ear: Ear) -> None:
    y = nn.Parameter(torch.ones(3)) * 2
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("default")
        F.softmax(y)
        torch.tensor(y)
    assert len(given) == 2
    assert {w.filename for w in given} == {__file__}


RAISING = (
    lambda: mlp()(x(8, 4)).detach().sum().backward(),
    lambda: F.cross_entropy(mlp()(x(8, 4)), x(3, 5, 7)),
    lambda: torch.split(x(8, 4), [1, 2]),
    lambda: mlp()(x(8, 5)),
)


@pytest.mark.parametrize("raising", RAISING, ids=["backward", "loss", "function", "layer"])
def test_a_traceback_is_the_plain_one(raising: Callable[[], Any]) -> None:
    recorder = Torch()
    recorder.start(Ear())
    with pytest.raises((RuntimeError, ValueError)) as guided:
        raising()
    recorder.stop()
    with pytest.raises((RuntimeError, ValueError)) as alone:
        raising()
    hide_own_frames(guided.value)
    assert shown(guided.value) == shown(alone.value)


def shown(error: BaseException) -> list[str]:
    return [line for line in traceback.format_exception(error) if "pytest.raises" not in line][2:]
