"""A parameter that a penalty alone moves is warned of, with the first broken link of the data's own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from graphs import Line
from losses import DATA, PENALISED, PENALTY, loss_of
from whygrad.diagnose import diagnose
from whygrad.graph import GradientSeen


def findings(lines: Sequence[Line], parameters: str) -> list[tuple[str, str]]:
    return [(f.cause, ",".join(p.path for p in f.parameters)) for f in diagnose(loss_of(lines, parameters))]


def test_a_layer_that_is_never_called_and_only_penalised_is_warned_of() -> None:
    assert findings(PENALISED, "wv") == [("not-called", "w")]
    (finding,) = diagnose(loss_of(PENALISED, "wv"))
    assert finding.severity == "warning"
    assert finding.penalised
    assert finding.title == (
        "`w` gets its gradient from a weight penalty alone: `layer` is never called in the computation of this loss"
    )


def test_the_cause_is_the_first_broken_link_of_the_data() -> None:
    unused: list[Line] = [("MatMul", "xw", "u"), *PENALISED]
    assert findings(unused, "wv") == [("unused-output", "w")]
    stopped: list[Line] = [
        ("MatMul", "xw", "u"),
        ("Stop", "u", "m", {0: "stop-gradient"}),
        ("MatMul", "mv", "y"),
        *DATA[1:],
        *PENALTY,
        ("AddV2", "pr", "l"),
    ]
    assert findings(stopped, "wv") == [("stop-gradient", "w")]


def test_a_penalised_parameter_that_the_data_reaches_is_healthy() -> None:
    lines: list[Line] = [("MatMul", "xw", "u"), ("MatMul", "uv", "y"), *DATA[1:], *PENALTY, ("AddV2", "pr", "l")]
    assert findings(lines, "wv") == []


def test_a_parameter_that_is_its_own_loss_is_healthy() -> None:
    """A function of parameters alone is minimised, and another loss is added: nothing is known of a layer."""
    graph = replace(loss_of(PENALISED, "wv"), layers=())
    plain = replace(graph, parameters=tuple(replace(p, owner=None) for p in graph.parameters))
    assert diagnose(plain) == []


@pytest.mark.parametrize(("parameters", "told"), [("w", ["w"]), ("wv", [])])
def test_where_all_that_is_asked_for_is_penalised_and_its_data_is_cut(parameters: str, told: list[str]) -> None:
    """Another parameter that gets nothing is told by itself, and the penalty is none of its business."""
    lines: list[Line] = [
        ("dot_general", "xw", "u"),
        ("dot_general", "uv", "y"),
        ("argmax", "y", "m", {0: "non-differentiable-op"}),
        ("reduce_sum", "m", "p"),
        ("integer_pow", "w", "a"),
        ("reduce_sum", "a", "q"),
        ("mul", "qk", "r"),
        ("add", "pr", "l"),
    ]
    seen: dict[str, GradientSeen] = {"w": "zero", "v": "none"}
    found = diagnose(loss_of(lines, parameters, seen, "jax"))
    assert [p.path for f in found if f.penalised for p in f.parameters] == told
    assert {f.cause for f in found} == {"non-differentiable-op"}
    assert {p.path for f in found for p in f.parameters} == set(parameters if told else "v")


def test_what_is_drawn_elsewhere_is_what_the_loss_is_about() -> None:
    """A design that is optimised, and a count beside it that has no derivative."""
    lines: list[Line] = [
        ("lt", "wx", "m", {0: "non-differentiable-op"}),
        ("reduce_sum", "m", "p"),
        ("slice", "w", "b"),
        ("sub", "bw", "c"),
        ("integer_pow", "c", "a"),
        ("reduce_sum", "a", "q"),
        ("add", "pq", "l"),
    ]
    assert diagnose(loss_of(lines, "w", {"w": "present"}, "jax")) == []
