"""Trips through plain Python, read from the source text."""

from pathlib import Path

import pytest

from whygrad import provenance
from whygrad.flow import Flow
from whygrad.graph import Crossing, Graph
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span


def crossing_graph(text: str, folder: Path, out: tuple[int, str], into: tuple[int, str]) -> Graph:
    """A value leaves at one expression and a constant comes in at another, both in one file."""
    file = folder / "train.py"
    file.write_text(text, "utf-8")
    lines = text.splitlines()

    def span(place: tuple[int, str]) -> Span:
        column = lines[place[0] - 1].index(place[1]) + 1
        return Span(str(file), place[0], column, place[0], column + len(place[1]), "<module>", place[1])

    builder = GraphBuilder("test", "grad")
    w, y, constant, loss = (builder.value("f") for _ in range(4))
    builder.op("Mul", [w], [y])
    builder.departures.append(Crossing(y, 1, "numpy", (span(out),)))
    builder.arrivals.append(Crossing(constant, 1, "converted", (span(into),)))
    builder.op("Sum", [constant], [loss])
    return builder.graph([loss], [])


@pytest.mark.parametrize(
    ("text", "out", "into"),
    [
        ("a = y.numpy()\nb = a * 2\nc = const(b)\n", (1, "y.numpy()"), (3, "const(b)")),
        ("c = const(y.numpy() * 2)\n", (1, "y.numpy()"), (1, "const(y.numpy() * 2)")),
        ("rows = []\nrows.append(float(y))\nc = const(rows)\n", (2, "float(y)"), (3, "const(rows)")),
    ],
)
def test_a_trip_by_name(text: str, out: tuple[int, str], into: tuple[int, str], tmp_path: Path) -> None:
    graph = crossing_graph(text, tmp_path, out, into)
    assert len(provenance.trips(graph, Flow(graph), [0], 0)) == 1


@pytest.mark.parametrize(
    ("text", "out", "into"),
    [
        ("print(y.numpy())\nb = 3\nc = const(b)\n", (1, "y.numpy()"), (3, "const(b)")),
        ("a = y.numpy()\nc = const(b)\n", (1, "y.numpy()"), (2, "const(b)")),
    ],
)
def test_logging_is_no_trip(text: str, out: tuple[int, str], into: tuple[int, str], tmp_path: Path) -> None:
    graph = crossing_graph(text, tmp_path, out, into)
    assert provenance.trips(graph, Flow(graph), [0], 0) == []


def test_what_left_before_the_recording_is_another_story(tmp_path: Path) -> None:
    graph = crossing_graph("a = y.numpy()\nc = const(a)\n", tmp_path, (1, "y.numpy()"), (2, "const(a)"))
    assert provenance.trips(graph, Flow(graph), [0], 2) == []


def test_each_turn_of_a_loop_leaves_with_what_came_into_it(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("for turn in range(2):\n    y = const(y.numpy())\n", "utf-8")
    out = Span(str(file), 2, 15, 2, 24, "<module>", "y.numpy()")
    into = Span(str(file), 2, 9, 2, 25, "<module>", "const(y.numpy())")
    builder = GraphBuilder("test", "grad")
    before, inside, y, first, z, second, loss = (builder.value("f") for _ in range(7))
    builder.op("Mul", [before], [y])
    builder.departures.append(Crossing(y, 1, "numpy", (out,)))
    builder.arrivals.append(Crossing(first, 1, "converted", (into,)))
    builder.op("Mul", [first, inside], [z])
    builder.departures.append(Crossing(z, 2, "numpy", (out,)))
    builder.arrivals.append(Crossing(second, 2, "converted", (into,)))
    builder.op("Sum", [second], [loss])
    graph = builder.graph([loss], [])
    found = provenance.trips(graph, Flow(graph), [before, inside], 0)
    assert [trip.departure.value for trip in found] == [y, z]
