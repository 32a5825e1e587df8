"""Influence, cuts and ways, also against a naive search on random graphs."""

import random

from graphs import graph_of
from whygrad.flow import Flow
from whygrad.graph import Barrier, Graph
from whygrad.recorders.builder import GraphBuilder


def value_of(graph: Graph, name: str) -> int:
    return next(p.value for p in graph.parameters if p.path == name)


def test_a_harmless_barrier_beside_a_live_way_cuts_nothing() -> None:
    lines = [("Stop", "w", "s", {0: "stop-gradient"}), ("Add", "ws", "l")]
    flow = Flow(graph_of(lines, "l", given="w"))
    assert flow.alive(flow.graph.parameters[0])
    assert flow.cuts(value_of(flow.graph, "w")) == []


def test_cuts_in_a_row_come_nearest_the_loss_first() -> None:
    lines = [
        ("Stop", "w", "a", {0: "stop-gradient"}),
        ("Round", "a", "b", {0: "non-differentiable-op"}),
        ("Sum", "b", "l"),
    ]
    flow = Flow(graph_of(lines, "l", none="w"))
    assert [cut.barrier.kind for cut in flow.cuts(value_of(flow.graph, "w"))] == [
        "non-differentiable-op",
        "stop-gradient",
    ]
    assert flow.sufficient(value_of(flow.graph, "w")) == []


def test_parallel_cuts_are_each_sufficient() -> None:
    lines = [("A", "w", "a", {0: "stop-gradient"}), ("B", "w", "b", {0: "stop-gradient"}), ("Add", "ab", "l")]
    flow = Flow(graph_of(lines, "l", none="w"))
    assert [cut.op for cut in flow.sufficient(value_of(flow.graph, "w"))] == [0, 1]


def test_a_selecting_barrier_is_blamed_only_where_nothing_else_is() -> None:
    builder = GraphBuilder("test", "grad")
    w, index, table, out = (builder.value("f") for _ in range(4))
    builder.op("ArgMax", [w], [index], barriers=[Barrier(0, 0, "non-differentiable-op")])
    builder.op("Gather", [table, index], [out], barriers=[Barrier(1, 0, "non-differentiable-op", selects=True)])
    flow = Flow(builder.graph([out], []))
    assert [cut.op for cut in flow.cuts(w)] == [0]


def test_random_graphs_agree_with_a_naive_search() -> None:
    for seed in range(300):
        dice = random.Random(seed)
        builder = GraphBuilder("test", "grad")
        values = [builder.value("f") for _ in range(3)]
        open_edges: set[tuple[int, int]] = set()
        all_edges: set[tuple[int, int]] = set()
        for _ in range(dice.randint(1, 14)):
            inputs = dice.sample(values, dice.randint(1, min(3, len(values))))
            out = builder.value("f")
            cut = [i for i in range(len(inputs)) if dice.random() < 0.3]
            builder.op("Op", inputs, [out], barriers=[Barrier(i, 0, "stop-gradient") for i in cut])
            all_edges |= {(v, out) for v in inputs}
            open_edges |= {(v, out) for i, v in enumerate(inputs) if i not in cut}
            values.append(out)
        flow = Flow(builder.graph([values[-1]], []))
        for value in values:
            assert flow.influences(value) == _leads(value, values[-1], all_edges)
            assert flow.carries(value) == _leads(value, values[-1], open_edges)
            assert (value in flow.backward([values[-1]])) == flow.influences(value)
            assert bool(flow.cuts(value)) == (flow.influences(value) and not flow.carries(value))


def _leads(start: int, end: int, edges: set[tuple[int, int]]) -> bool:
    return start == end or any(_leads(sink, end, edges) for source, sink in edges if source == start)


def test_a_chain_of_many_operations_needs_no_recursion() -> None:
    builder = GraphBuilder("test", "grad")
    value = first = builder.value("f")
    for _ in range(100_000):
        out = builder.value("f")
        builder.op("Neg", [value], [out])
        value = out
    flow = Flow(builder.graph([value], []))
    assert flow.carries(first)
    assert len(flow.forward([first])) == 100_001


def sufficient_by_search(flow: Flow, value: int) -> list[int]:
    return sorted(
        edge.op
        for source in flow.forward([value], barriers=False)
        for edge in flow._out_edges(source)
        if edge.barrier is not None and not edge.barrier.selects and flow.carries(edge.sink)
    )


def test_sufficient_cuts_and_landmarks_agree_with_a_search() -> None:
    dice = random.Random(3)
    for _ in range(60):
        builder = GraphBuilder("test", "grad")
        values = [builder.value("f") for _ in range(4)]
        for _ in range(30):
            inputs, made = dice.choices(values[-8:], k=2), builder.value("f")
            barriers = [Barrier(i, 0, "stop-gradient") for i in (0, 1) if dice.random() < 0.15]
            builder.op("Op", inputs, [made], barriers=barriers)
            values.append(made)
        flow = Flow(builder.graph([values[-1]], []))
        for value in values:
            assert [cut.op for cut in flow.sufficient(value)] == sufficient_by_search(flow, value)
            barriers_on_the_way = [edge for edge in flow.way(value) if edge.barrier is not None]
            assert [edge for edge in flow.landmarks(value) if edge.barrier is not None] == barriers_on_the_way
            assert list(flow.in_short(value)) == list(flow.way(value))


def test_a_cut_in_a_loop_is_sufficient_for_what_enters_by_its_head() -> None:
    builder = GraphBuilder("test", "grad")
    w, head, turn, out = (builder.value("f") for _ in range(4))
    carry = builder.op("carry", [w, w], [head])
    builder.op("Mul", [head, w], [turn])
    builder.close_carry(carry, 1, turn)
    stop = builder.op("Stop", [head], [out], barriers=[Barrier(0, 0, "stop-gradient")])
    flow = Flow(builder.graph([out], []))
    assert [[cut.op for cut in flow.sufficient(value)] for value in (w, turn)] == [[stop], [stop]]
