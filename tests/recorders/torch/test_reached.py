"""The leaves of a backward pass are the same, whether its graph is asked or they are known from the pass before."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from whygrad.recorders.torch.reached import Reached

pytestmark = pytest.mark.torch


class Script:
    """Two weights, and a backward pass to as many of them as are given."""

    def __init__(self) -> None:
        self.weights = [torch.ones(2, requires_grad=True) for _ in range(2)]
        self.held: list[Any] = [*self.weights]
        self.reached = Reached(lambda: self.held)

    def passes(self, *used: int, clears: bool = True) -> tuple[bool, bool, frozenset[int]]:
        """Whether the leaves were supposed, whether that was wrong, and what they are in the end."""
        for weight in self.weights if clears else ():
            weight.grad = None
        loss = torch.stack([self.weights[i].sum() for i in used]).sum()
        reach = self.reached.before("here", [loss])
        supposed = reach.supposed
        loss.backward()
        return supposed, self.reached.after(reach), reach.ids

    def ids(self, *numbers: int) -> frozenset[int]:
        return frozenset(id(self.weights[i]) for i in numbers)


def test_a_pass_like_the_one_before_need_not_be_asked() -> None:
    script = Script()
    assert script.passes(0, 1) == (False, False, script.ids(0, 1))
    assert script.passes(0, 1) == (True, False, script.ids(0, 1))


def test_a_weight_that_is_left_out_is_noticed() -> None:
    script = Script()
    script.passes(0, 1)
    assert script.passes(0) == (True, True, script.ids(0))


def test_gradients_that_add_up_say_nothing() -> None:
    script = Script()
    script.passes(0, 1)
    assert script.passes(0, clears=False) == (False, False, script.ids(0))


def test_where_other_weights_are_held_the_graph_is_asked() -> None:
    script = Script()
    script.held.pop()
    script.passes(0, 1)
    assert script.passes(0, 1)[0] is False
    script.held.append(script.weights[1])
    script.passes(0, 1)
    script.held.append(torch.ones(2, requires_grad=True))
    assert script.passes(0, 1)[0] is False


def test_weights_that_are_gone_are_not_taken_for_others() -> None:
    script = Script()
    script.passes(0, 1)
    script.weights = [torch.ones(2, requires_grad=True) for _ in range(2)]
    script.held = [*script.weights]
    assert script.passes(0, 1) == (False, False, script.ids(0, 1))
