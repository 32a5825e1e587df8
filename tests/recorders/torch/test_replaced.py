"""A script that puts functions of its own in the place of torch's: each is called as often as without us."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional as F

from hearing import Ear
from torch_training import mlp, plain, train, x
from whygrad.recorders.torch import Torch

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

# Written in Python and in C, methods and functions, modules and optimizers.
NAMES: list[tuple[Any, str]] = [
    *(
        (torch.Tensor, name)
        for name in "backward add mul __add__ split norm sum register_hook detach item relu_".split()
    ),
    *((F, name) for name in "gelu softmax dropout layer_norm mse_loss pad".split()),
    *((torch, name) for name in "cat einsum matmul".split()),
    *((torch.autograd, name) for name in ("grad", "backward")),
    *((nn.Module, name) for name in ("__call__", "_call_impl", "zero_grad", "__init__")),
    *((torch.optim.Optimizer, name) for name in ("zero_grad", "__init__")),
    (torch.optim.SGD, "step"),
]
MORE: list[tuple[Any, str]] = [(torch.func, "grad"), (torch, "compile"), (threading.Thread, "run")]


def counted(calls: Counter[str], owner: Any, name: str) -> Callable[..., Any]:
    original = getattr(owner, name)

    def replacement(*args: Any, **kwargs: Any) -> Any:
        calls[f"{owner.__name__}.{name}"] += 1
        return original(*args, **kwargs)

    return replacement


def replace(patch: pytest.MonkeyPatch) -> Counter[str]:
    """Replaces all of these by functions that count their calls and hand them on."""
    calls: Counter[str] = Counter()
    for owner, name in NAMES:
        patch.setattr(owner, name, counted(calls, owner, name))
    return calls


def program() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))

    def loss() -> torch.Tensor:
        h = F.dropout(F.gelu(model[1](model[0](x(2, 3)))), 0.1).add(1).mul(2) + 1
        h.register_hook(lambda gradient: None)
        h = torch.cat([part.clone().relu_() for part in h.split(2, 1)], 1) + h.norm() + torch.einsum("ij->i", h).sum()
        h = torch.matmul(F.softmax(F.pad(h, (0, 0)), -1), torch.eye(4))
        found = F.mse_loss(model[2](h), x(2, 1))
        torch.autograd.grad(found, list(model.parameters()), retain_graph=True)
        found.detach().item()
        model.zero_grad()
        return found

    train(model, loss=loss, steps=4)


@pytest.fixture(scope="module")
def plainly() -> Counter[str]:
    """How often each is called without us."""
    with pytest.MonkeyPatch.context() as patch:
        calls = replace(patch)
        program()
    assert min(calls[f"{owner.__name__}.{name}"] for owner, name in NAMES) > 0
    return calls


def test_what_comes_before_us(plainly: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = replace(monkeypatch)
    recorder = Torch()
    recorder.start(Ear(recorder))
    try:
        program()
    finally:
        recorder.stop()
    assert calls == plainly


def test_what_comes_after_us(plainly: Counter[str], ear: Ear) -> None:
    with pytest.MonkeyPatch.context() as patch:  # taken off while we listen, so that our hooks can go as well
        calls = replace(patch)
        program()
    assert calls == plainly
    assert ear.graphs


def test_what_torch_hands_its_functions_to_may_be_wrapped_too(ear: Ear) -> None:
    def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
        def shim(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return shim

    model = mlp()
    with pytest.MonkeyPatch.context() as patch:  # taken off while we listen, so that our hooks can go as well
        patch.setattr(torch._tensor, "handle_torch_function", wrapped(torch._tensor.handle_torch_function))
        patch.setattr(torch.Tensor, "backward", wrapped(torch.Tensor.backward))
        model(x(8, 4)).sum().backward()
    assert model[0].weight.grad is not None


def test_an_attribute_of_tensors(ear: Ear) -> None:
    reads: Counter[str] = Counter()
    original = torch._C.TensorBase.grad

    def get(tensor: Any) -> Any:
        reads["grad"] += 1
        return original.__get__(tensor)

    model = mlp()
    with mock.patch.object(torch.Tensor, "grad", property(get, original.__set__), create=True):
        model(x(8, 4)).sum().backward()
        assert model[0].weight.grad is not None
    assert reads == {"grad": 1}


def test_what_lies_on_top_of_us_finds_nobody_behind_it() -> None:
    """Our hooks can not be taken away from under a replacement: they hand on what they get, and do nothing."""

    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(value)
            return value * value

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> Any:
            return 2 * ctx.saved_tensors[0] * gradient

    recorder, modes = Torch(), []
    with pytest.MonkeyPatch.context() as own, pytest.MonkeyPatch.context() as patch:
        for owner, name in (*NAMES, *MORE, (torch.autograd.Function, "apply")):
            if name in vars(owner):
                own.setattr(owner, name, vars(owner)[name])  # what is covered stays, and is put back in the end
        recorder.start(Ear(recorder))
        replace(patch)
        for owner, name in MORE:
            patch.setattr(owner, name, counted(Counter(), owner, name))
        apply = torch.autograd.Function.apply.__func__  # type: ignore[attr-defined]
        patch.setattr(torch.autograd.Function, "apply", classmethod(lambda cls, *args: apply(cls, *args)))
        recorder.rest()
        plain()
        Squared.apply(nn.Parameter(x(2, 2))).sum().backward()
        torch.func.grad(lambda given: given.sum())(x(2, 2))
        thread = threading.Thread(target=lambda: modes.append(torch.overrides._len_torch_function_stack()))
        thread.start()
        thread.join()
        assert modes == [0]
        assert not recorder.log.entries
        assert not recorder.hooks.modules.calls
        recorder.stop()
