"""From a graph to findings: the first broken link speaks, and parameters behind one culprit share a finding."""

from dataclasses import replace

from graphs import graph_of
from whygrad.diagnose import agrees, diagnose
from whygrad.span import Span


def test_a_healthy_graph_says_nothing() -> None:
    graph = graph_of([("Mul", "wx", "y"), ("Sum", "y", "l")], "l", given="w")
    assert diagnose(graph) == []
    assert agrees(graph) == []


def test_parameters_behind_one_cut_share_a_finding() -> None:
    lines = [("Mul", "wv", "y"), ("Stop", "y", "s", {0: "stop-gradient"}), ("Sum", "s", "l")]
    (finding,) = diagnose(graph_of(lines, "l", none="wv"))
    assert finding.cause == "stop-gradient"
    assert [p.path for p in finding.parameters] == ["w", "v"]
    assert finding.proof is not None
    assert finding.proof.kind == "structural"


def test_an_unused_output_and_a_layer_never_called_are_told_apart() -> None:
    graph = graph_of([("Mul", "w", "y"), ("Sum", "x", "l")], "l", none="wu", given="x")
    assert {f.cause: [p.path for p in f.parameters] for f in diagnose(graph)} == {
        "unused-output": ["w"],
        "not-called": ["u"],
    }


def test_a_missing_gradient_that_the_graph_cannot_explain_is_our_defect() -> None:
    graph = graph_of([("Sum", "w", "l")], "l", none="w")
    (finding,) = diagnose(graph)
    assert finding.cause == "unexplained"
    assert finding.severity == "warning"
    assert agrees(graph) == ["w"]


def test_one_expression_with_one_cause_is_one_finding() -> None:
    lines = [
        ("Mul", "w", "y", {0: "recording-off"}),
        ("Add", "yb", "p", {1: "recording-off"}),
        ("Sum", "p", "l"),
    ]
    graph = graph_of(lines, "l", none="wb")
    stacks = (
        (Span("a.py", 3, 5, 3, 8, "<module>", "x@w"),),
        (Span("a.py", 3, 5, 3, 10, "<module>", "x@w+b"),),
        (Span("a.py", 4, 1, 4, 2, "<module>", "l"),),
    )
    graph = replace(graph, stacks=stacks, op_stack=type(graph.op_stack)(graph.op_stack.typecode, [0, 1, 2]))
    (finding,) = diagnose(graph)
    assert [p.path for p in finding.parameters] == ["w", "b"]
    assert finding.culprit == stacks[1][0]
