from __future__ import annotations

import pytest
from rich.text import Text

from whygrad.render.gutter import Gutter, place
from whygrad.render.look import Look
from whygrad.span import Span

LOOK = Look(width=40, cwd="/work")


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (Span("/work/train.py", 22, 41, 22, 62), "train.py:22:41"),
        (Span("train.py", 22), "train.py:22"),
        (Span("train.py", None, 41), "train.py"),
        (Span("a\x1b.py", 1, 1), r"a\x1b.py:1:1"),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(span: Span, told: str) -> None:
    assert place(span, LOOK) == told


def test_the_edge_stands_in_one_column() -> None:
    gutter = Gutter(3, LOOK)
    lines = [
        gutter.arrow(Span("train.py", 100)),
        gutter.bar(),
        gutter.line(Text("x = 1"), 7),
        gutter.line(Text("^"), None),
        gutter.line(Text("x = 2"), 100, "+"),
        gutter.gap(),
        *gutter.aside("called from train.py:30:5 in a_function_with_a_name"),
    ]
    assert [line.plain for line in lines] == [
        "   --> train.py:100",
        "    |",
        "  7 | x = 1",
        "    | ^",
        "100 + x = 2",
        "...",
        "    = called from train.py:30:5 in",
        "      a_function_with_a_name",
    ]


def test_a_hopeless_width_leaves_some_room() -> None:
    assert Gutter(2, Look(width=80)).room == 75
    assert Gutter(2, Look(width=0)).room == 20
