from __future__ import annotations

from collections.abc import Callable

import pytest

from whygrad.finding import Label
from whygrad.render.frame import frame, source
from whygrad.render.gutter import Gutter
from whygrad.render.look import Look
from whygrad.span import Span


@pytest.fixture(autouse=True)
def sources(write: Callable[..., None]) -> None:
    write("a.py", "".join(f"        line_{n} = {n}\n" for n in range(1, 10)) + "\n")
    write("b.py", "other = 1\n")


def shown(*labels: Label, width: int = 80) -> list[str]:
    return [line.plain for line in frame(labels, "error", Gutter(1, Look(width)))]


def label(file: str, line: int, words: str = "") -> Label:
    return Label(Span(file, line, 9, line, 15), words)


def test_lines_come_in_order_and_the_first_label_is_the_primary_one() -> None:
    assert shown(label("a.py", 3, "second"), label("a.py", 2, "first")) == [
        " --> a.py:3:9",
        "  |",
        "2 |         line_2 = 2",
        "  |         ------ first",
        "3 |         line_3 = 3",
        "  |         ^^^^^^ second",
        "  |",
    ]


def test_one_line_between_is_shown_and_more_are_left_out() -> None:
    rows = shown(label("a.py", 1), label("a.py", 3), label("a.py", 6))
    assert [row[:3] for row in rows if row.startswith((".", "1", "2", "3", "4", "5", "6"))] == [
        "1 |",
        "2 |",
        "3 |",
        "...",
        "6 |",
    ]


def test_several_files() -> None:
    rows = shown(label("a.py", 1), Label(Span("b.py", 1, 1, 1, 6), "there"), label("a.py", 2))
    assert [row for row in rows if "a.py" in row or "b.py" in row] == [" --> a.py:1:9", " ::: b.py:1:1"]
    assert rows[-1] == rows[1] == "  |"


def test_common_indentation_goes_where_room_is_short(write: Callable[..., None]) -> None:
    write("deep.py", "            if ready:\n                loss = model(inputs)\n")
    assert shown(Label(Span("deep.py", 2, 24, 2, 37), ""), Label(Span("deep.py", 1), ""), width=30) == [
        " --> deep.py:2:24",
        "  |",
        "1 | if ready:",
        "  | ---------",
        "2 |     loss = model(inputs)",
        "  |            ^^^^^^^^^^^^^",
        "  |",
    ]


@pytest.mark.parametrize(
    "span",
    [Span("a.py"), Span("a.py", 99, 1), Span("a.py", 10, 1), Span("/nowhere.py", 1, 1), Span("<stdin>", 1)],
    ids=["no line", "past the end", "blank line", "no file", "no name"],
)
def test_without_source_only_the_place_is_told(span: Span) -> None:
    assert source(span) == ""
    assert len(shown(Label(span, ""))) == 1
    assert shown(Label(span, "cut here"))[1:] == ["  |", "  = cut here"]


def test_without_source_the_span_may_still_know_its_code() -> None:
    assert shown(Label(Span("<stdin>", 1, code="tf.argmax(\n    x)"), "cut here"))[2] == "  = `tf.argmax(`: cut here"


def test_hostile_words_are_neutral() -> None:
    assert shown(label("a.py", 1, "a\x1b[2J"))[3] == r"  |         ^^^^^^ a\x1b[2J"
