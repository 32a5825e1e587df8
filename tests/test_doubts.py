"""A penalty alone moves a parameter only if no graph, and no other request of the step, says otherwise."""

from __future__ import annotations

from collections import Counter

from losses import PENALISED, loss_of
from whygrad.diagnose import diagnose
from whygrad.doubts import Doubts, without_served
from whygrad.finding import Affected, Finding

PENALTY = Finding(
    "not-called",
    "warning",
    "`a` and `b` get their gradients from a weight penalty alone",
    (Affected("a", (2,), "float32", "present"), Affected("b", (2,), "float32", "present")),
    None,
    request="R1",
    penalised=True,
)
CUT = Finding("stop-gradient", "error", "`c` is cut", (Affected("c", (2,), "float32"),), None, request="R1")


def only(*paths: str) -> Finding:
    return Finding(
        "not-called", "warning", "", tuple(Affected(p, (2,), "float32", "present") for p in paths), None, penalised=True
    )


def test_a_later_graph_refutes() -> None:
    doubts = Doubts(3)
    doubts.note("R1", [PENALTY, CUT])
    assert doubts.of("R1")
    doubts.note("R1", [only("b")])
    upheld = doubts.upheld({1: PENALTY, 2: CUT})
    assert [p.path for p in upheld[1].parameters] == ["b"]
    assert upheld[2] == CUT
    doubts.note("R1", [])
    assert doubts.upheld({1: PENALTY, 2: CUT}) == {2: CUT}


def test_enough_graphs_leave_no_doubt() -> None:
    doubts = Doubts(2)
    assert not doubts.of("R1")
    doubts.note("R1", [PENALTY])
    doubts.note("R1", [PENALTY])
    assert not doubts.of("R1")
    assert doubts.upheld({1: PENALTY}) == {1: PENALTY}
    doubts.note("R2", [CUT])
    assert not doubts.of("R2")


def test_another_request_of_the_step_may_bring_the_data() -> None:
    graph = loss_of(PENALISED, "wv")
    (finding,) = diagnose(graph)
    assert without_served(finding, graph, Counter("wv")) == finding
    assert without_served(finding, graph, Counter("wvw")) is None


def test_a_way_to_another_loss_of_the_step_is_enough() -> None:
    graph = loss_of(PENALISED, "wv")
    aside = Finding(
        "unused-output", "error", "", (Affected("w", (2,), "float32"), Affected("z", (2,), "float32")), None
    )
    kept = without_served(aside, graph, Counter(), {"w"})
    assert kept is not None
    assert [p.path for p in kept.parameters] == ["z"]
    cut = Finding("stop-gradient", "error", "", aside.parameters, None)
    assert without_served(cut, graph, Counter(), {"w"}) == cut
