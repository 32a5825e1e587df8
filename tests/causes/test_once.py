"""A judgement of a whole request is made once."""

from __future__ import annotations

import gc
import weakref

from graphs import graph_of
from whygrad.causes.once import once
from whygrad.flow import Flow


def test_one_answer_for_each_flow_and_each_question() -> None:
    graph = graph_of([("Sum", "w", "l")], "l", given="w")
    one, other = Flow(graph), Flow(graph)
    asked: list[tuple[Flow, str]] = []

    @once
    def length(flow: Flow, text: str) -> int:
        asked.append((flow, text))
        return len(text)

    assert [length(one, "ab"), length(one, "ab"), length(one, "abc"), length(other, "ab")] == [2, 2, 3, 2]
    assert asked == [(one, "ab"), (one, "abc"), (other, "ab")]


def test_a_flow_is_not_kept() -> None:
    @once
    def size(flow: Flow) -> int:
        return flow.graph.values

    flow = Flow(graph_of([("Sum", "w", "l")], "l", given="w"))
    kept = weakref.ref(flow)
    assert size(flow) == flow.graph.values
    del flow
    gc.collect()
    assert kept() is None
