"""Views on a graph's columns."""

from graphs import graph_of


def test_an_operation_is_seen_as_it_was_added() -> None:
    graph = graph_of([("Mul", "wx", "y"), ("Sum", "y", "l", {0: "stop-gradient"})], "l", given="w")
    assert [op.name for op in graph.ops()] == ["Mul", "Sum"]
    assert graph.op(0).inputs == (0, 1)
    assert graph.op(0).outputs == (2,)
    assert graph.value(2).op == 0
    assert graph.value(2).shape == (2,)
    assert graph.barrier(1, 0, 0) is not None
    assert graph.barrier(0, 0, 0) is None
    assert graph.layer("nobody") is None
