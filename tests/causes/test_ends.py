"""Where what does not reach the loss ends."""

from __future__ import annotations

from time import process_time

from graphs import graph_of
from whygrad.causes.ends import dead_end
from whygrad.flow import Flow
from whygrad.graph import Parameter
from whygrad.recorders.builder import GraphBuilder


def maker_of_the_end(flow: Flow, name: str) -> str | None:
    value = next(p.value for p in flow.graph.parameters if p.path == name)
    end = dead_end(flow, value)
    return None if end is None else flow.graph.op(flow.graph.value(end).op).name


def test_it_is_the_last_that_came_of_it() -> None:
    lines = [("Mul", "w", "a"), ("Neg", "a", "b"), ("Abs", "a", "c"), ("Sum", "x", "l")]
    flow = Flow(graph_of(lines, "l", none="w", given="x"))
    assert maker_of_the_end(flow, "w") == "Abs"
    assert maker_of_the_end(flow, "x") is None


def test_a_name_goes_before_what_came_later() -> None:
    builder = GraphBuilder("test", "grad")
    w, x, named, later, loss = (builder.value("float32", (2,)) for _ in range(5))
    builder.op("Mul", [w], [named])
    builder.op("Neg", [w], [later])
    builder.op("Sum", [x], [loss])
    builder.labels[named] = ("hidden", "step")
    flow = Flow(builder.graph([loss], [Parameter("w", (2,), "float32", w, gradient="none")]))
    assert maker_of_the_end(flow, "w") == "Mul"


def test_a_stop_is_an_end() -> None:
    lines = [("Mul", "w", "a"), ("Stop", "a", "b", {0: "stop-gradient"}), ("Sum", "x", "l")]
    flow = Flow(graph_of(lines, "l", none="w", given="x"))
    assert maker_of_the_end(flow, "w") == "Mul"


def test_many_parameters_are_looked_at_together() -> None:
    builder = GraphBuilder("test", "grad")
    loss, hidden = builder.value("float32"), builder.value("float32")
    weights = [builder.value("float32") for _ in range(3000)]
    for weight in weights:
        out = builder.value("float32")
        builder.op("Mul", [hidden, weight], [out])
        hidden = out
    flow = Flow(builder.graph([loss], []))
    began = process_time()
    assert {dead_end(flow, weight) for weight in weights} == {hidden}
    assert process_time() - began < 1  # one by one they took more than ten times as long
