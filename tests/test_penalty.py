"""Penalties are numbers made of parameters and constants alone, which join the loss by addition."""

from __future__ import annotations

import pytest

from graphs import Line
from losses import DATA, PENALISED, PENALTY, loss_of
from whygrad.flow import Flow
from whygrad.graph import Graph
from whygrad.penalty import penalties


def names_of(graph: Graph) -> list[str]:
    found = penalties(Flow(graph))
    return [graph.op(op).name for op in sorted(found.operations)] if found else []


def test_what_only_a_penalty_needs_is_found() -> None:
    assert names_of(loss_of(PENALISED, "wv")) == ["Square", "Sum", "Mul"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([*DATA, ("AddV2", "pk", "l")], "a constant is no penalty"),
        ([*PENALTY, ("AddV2", "rk", "l")], "without data there is nothing to join: the penalty is the loss"),
        ([*DATA, *PENALTY, ("Mul", "pr", "l")], "a product weighs the data"),
        ([*DATA, *PENALTY, ("AddV2", "pr", "s"), ("Square", "s", "l")], "the data is in the derivative of the square"),
        ([*DATA, ("Mul", "wx", "a"), ("Sum", "a", "q"), ("AddV2", "pq", "l")], "the data is in it"),
        ([*DATA, ("Sum", "w", "q"), ("AddV2", "pq", "l")], "a plain sum is a bias, or a mean of scores"),
        ([("MatMul", "xv", "y"), ("AddV2", "yw", "z"), ("Mean", "z", "l")], "a bias joins arrays"),
        ([("MatMul", "xv", "y"), ("Square", "w", "a"), ("AddV2", "ya", "z"), ("Mean", "z", "l")], "an array joins"),
    ],
)
def test_no_penalty(lines: list[Line], why: str) -> None:
    assert names_of(loss_of(lines, "wv")) == [], why


def test_what_the_data_needs_too_is_not_left_out() -> None:
    lines: list[Line] = [
        ("Square", "w", "a"),
        ("MatMul", "xa", "y"),
        ("Mean", "y", "p"),
        ("Sum", "a", "q"),
        ("AddV2", "pq", "l"),
    ]
    assert names_of(loss_of(lines, "w")) == ["Sum"]


def test_a_framework_whose_operations_are_not_known_has_none() -> None:
    assert names_of(loss_of(PENALISED, "wv", framework="another")) == []
