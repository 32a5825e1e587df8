"""Which trap it is that yields a gradient that is not finite, on hand-made graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphs import Line, graph_of
from whygrad.diagnose import diagnose
from whygrad.graph import Graph


def spoiled(lines: list[Line]) -> Graph:
    """``log`` makes ``h``, what comes back to that is finite, and what it hands on to ``w`` is not."""
    graph = graph_of([("log", ["w"], "h"), *lines], ["loss"], given=["w"])
    (parameter,) = graph.parameters
    log = graph.outputs(0)[0]
    return replace(
        graph,
        parameters=(replace(parameter, gradient="nonfinite"),),
        cotangents={parameter.value: "nonfinite", log: "present"},
    )


@pytest.mark.parametrize(
    ("lines", "trapped"),
    [
        ([("where", ["ok", "h", "zero"], "loss")], True),
        ([("mul", ["h", "n"], "m"), ("Neg", ["m"], "k"), ("SelectV2", ["ok", "k", "zero"], "loss")], True),
        ([("mul", ["h", "n"], "loss")], False),
        ([("sum", ["h"], "s"), ("where", ["ok", "s", "zero"], "loss")], False),  # a sum mixes the elements
        ([("where", ["ok", "h", "zero"], "a"), ("mul", ["h", "n"], "b"), ("add", ["a", "b"], "loss")], False),
        ([("where", ["ok", "h", "zero"], "loss"), ("mul", ["h", "n"], "shown")], True),  # read for a log as well
    ],
)
def test_the_where_trap(lines: list[Line], trapped: bool) -> None:
    (finding,) = diagnose(spoiled(lines))
    assert finding.cause == "nonfinite-gradient"
    assert ("does not protect" in finding.title) == trapped
    assert ("logarithm of zero" in finding.title) != trapped


def test_a_factor_that_is_not_finite() -> None:
    graph = graph_of([("mul", ["w", "big"], "h"), ("sum", ["h"], "loss")], ["loss"], given=["w"])
    (parameter,) = graph.parameters
    broken = replace(parameter, gradient="nonfinite")
    cotangents = {parameter.value: "nonfinite", graph.outputs(0)[0]: "present"}
    (finding,) = diagnose(replace(graph, parameters=(broken,), cotangents=cotangents))
    assert "multiplies it by a number that is not finite" in finding.title
