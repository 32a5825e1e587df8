"""Names bound anew to a copy of what they held: a leaf of its own, or no leaf at all."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def restored_image() -> None:
    image = x().requires_grad_(True)
    optimizer = torch.optim.Adam([image], lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        image.sin().sum().backward()
        optimizer.step()
        image = image.detach().clamp(0, 1).requires_grad_(True)


def clamped_image() -> None:
    image = x().requires_grad_(True)
    optimizer = torch.optim.Adam([image], lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        image.sin().sum().backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)


def attack(again: bool) -> None:
    network = nn.Linear(4, 2)
    hostile = x().requires_grad_(True)
    for _ in range(3):
        (gradient,) = torch.autograd.grad(network(hostile).square().sum(), hostile)
        hostile = hostile.detach() + 0.1 * gradient.sign()
        if again:
            hostile.requires_grad_(True)


def test_a_new_leaf_is_not_what_the_optimizer_holds() -> None:
    [(cause, code, names)] = told(restored_image)
    assert (cause, names) == ("replaced-parameter", ["image"])
    assert code == "image = image.detach().clamp(0, 1).requires_grad_(True)"
    assert told(clamped_image) == []


def test_the_next_turn_of_an_attack_needs_a_leaf() -> None:
    [(cause, code, names)] = told(lambda: attack(again=False), raises=RuntimeError)
    assert (cause, names) == ("not-watched", ["hostile"])
    assert code == "hostile.detach() + 0.1 * gradient.sign()"
    assert told(lambda: attack(again=True)) == []
