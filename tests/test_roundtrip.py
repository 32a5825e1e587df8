"""That the way to JSON and back, which every test's graphs go, can fail."""

from dataclasses import replace
from typing import Any, cast

import pytest

from graphs import graph_of
from roundtrip import from_json, survives, to_json
from whygrad.graph import Barrier, Crossing, Event, Layer, Recording
from whygrad.span import Span

PLACE = Span("train.py", 3, 5, 3, 9, "f", "x + y", (Span("train.py", 9),))
GRAPH = graph_of([("Mul", "wx", "y", {0: "stop-gradient"}), ("Sum", "y", "l")], "l", none="w")


def test_every_field_comes_back() -> None:
    full = replace(
        GRAPH,
        request=(PLACE,),
        stacks=((PLACE,),),
        shapes=((2, None), None),
        barriers={0: (Barrier(0, 0, "stop-gradient", "Detach", True, PLACE),)},
        parameters=(
            replace(GRAPH.parameters[0], tracked=False, history=(Event("made", PLACE), Event("frozen", None))),
        ),
        labels={1: ("predictions", "main")},
        layers=(Layer("net", PLACE, None, "head", "net", (PLACE,)),),
        departures=(Crossing(1, 0, "numpy", (PLACE,)),),
        recording=Recording(PLACE, 1, False, True),
        error="ValueError: é",
        target_text="float",
        notes=("a", "b"),
    )
    assert from_json(to_json(full)) == full
    assert from_json(to_json(full)) != GRAPH


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="is no plain data"):
        survives(replace(GRAPH, notes=cast(Any, (object(),))))
    with pytest.raises(TypeError, match="is no plain data"):
        survives(replace(GRAPH, parameters=(replace(GRAPH.parameters[0], shape=cast(Any, (len,))),)))
