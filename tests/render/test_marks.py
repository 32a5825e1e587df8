from __future__ import annotations

import random

import pytest
from rich.cells import cell_len

from whygrad.render.gutter import Gutter
from whygrad.render.look import Look
from whygrad.render.marks import Mark, lines, unmarked

SOURCE = "loss = square(model(x)) - y"


def shown(source: str, *marks: Mark, width: int = 80) -> str:
    return "\n".join(line.plain for line in lines(7, source, marks, Gutter(1, Look(width))))


def mark(code: str, words: str = "", stroke: str = "-", source: str = SOURCE) -> Mark:
    start = source.index(code)
    return Mark(start, start + len(code), stroke, "note", words)


def test_words_beside_the_stroke() -> None:
    assert shown(SOURCE, mark("model(x)", "here", "^")) == (
        "7 | loss = square(model(x)) - y\n"
        "  |               ^^^^^^^^ here"
    )  # fmt: skip


def test_words_on_threads() -> None:
    assert shown(SOURCE, mark("y", "three"), mark("model(x)", "two", "^"), mark("loss", "one")) == (
        "7 | loss = square(model(x)) - y\n"
        "  | ----          ^^^^^^^^    - three\n"
        "  | |             |\n"
        "  | |             two\n"
        "  | one"
    )  # fmt: skip


def test_a_stroke_without_words_has_no_thread() -> None:
    assert shown(SOURCE, mark("y", "three"), mark("model(x)"), mark("loss", "one")) == (
        "7 | loss = square(model(x)) - y\n"
        "  | ----          --------    - three\n"
        "  | |\n"
        "  | one"
    )  # fmt: skip


def test_overlapping_strokes_are_stacked() -> None:
    assert shown(SOURCE, mark("model(x)", "inner"), mark("square(model(x))", "outer", "^")) == (
        "7 | loss = square(model(x)) - y\n"
        "  |        ^^^^^^^^^^^^^^^^ outer\n"
        "  |               -------- inner"
    )  # fmt: skip


def test_touching_strokes_are_stacked() -> None:
    assert shown("f(x)", Mark(0, 1, "^", "note", "a"), Mark(1, 4, "^", "note", "b")) == (
        "7 | f(x)\n"
        "  | ^ a\n"
        "  |  ^^^ b"
    )  # fmt: skip


def test_equal_ranges_are_stacked() -> None:
    assert shown("f(x)", Mark(0, 4, "^", "note", "a"), Mark(0, 4, "-", "note", "b")) == (
        "7 | f(x)\n"
        "  | ^^^^ a\n"
        "  | ---- b"
    )  # fmt: skip


def test_words_below_where_the_edge_is_near() -> None:
    assert shown(SOURCE, mark("y", "a subtrahend with no gradient"), width=36) == (
        "7 | loss = square(model(x)) - y\n"
        "  |                           -\n"
        "  |             a subtrahend with no\n"
        "  |             gradient"
    )  # fmt: skip


def test_a_range_that_goes_on() -> None:
    assert shown("f(", Mark(0, 2, "^", "note", "here", runs_on=True)) == "7 | f(\n  | ^^... here"


def test_a_mark_past_the_end_of_the_line() -> None:
    assert shown("f(x)", Mark(90, 99, "^", "note", "here")) == "7 | f(x)\n  |     ^ here"
    assert shown("f(x)", Mark(-9, -3, "^", "note", "here")) == "7 | f(x)\n  | ^ here"


def test_a_long_line_is_cut_around_the_mark() -> None:
    source = "a" * 40 + "(middle)" + "b" * 40
    assert shown(source, mark("middle", "here", source=source), width=36) == (
        "7 | ...aaaaaaaaa(middle)bbbbbbbbb...\n"
        "  |              ------ here"
    )  # fmt: skip
    assert shown(source, Mark(0, 1, "^", "note"), width=24) == "7 | aaaaaaaaaaaaaaaaa...\n  | ^"
    assert shown(source, Mark(80, 88, "^", "note"), width=24) == "7 | ...bbbbbbbbbbbbbbbbb\n  |             ^^^^^^^^"


def test_a_mark_longer_than_the_line_is_cut_with_it() -> None:
    assert shown("x" * 90, Mark(10, 80, "^", "note"), width=24) == (
        "7 | ...xxxxxxxxxxxxxx...\n"
        "  |    ^^^^^^^^^^^^^^^^^"
    )  # fmt: skip


def test_a_line_without_marks() -> None:
    gutter = Gutter(1, Look(24))
    assert [line.plain for line in lines(7, "x = 1", (), gutter)] == ["7 | x = 1"]
    assert unmarked(7, "x" * 90, gutter, "-").plain == "7 - xxxxxxxxxxxxxxxxx..."
    assert unmarked(7, "x" * 40 + "changed" + "x" * 40, gutter, "+", at=43).plain == "7 + ...xxxchangedxxxx..."


@pytest.mark.parametrize("seed", range(40))
def test_a_stroke_stands_under_its_code(seed: int) -> None:
    """Whatever is cut away, and however wide the letters are."""
    chance = random.Random(seed)
    letters = "".join(chance.choice("abc温度🎉\t é") for _ in range(chance.randrange(5, 120)))
    at = chance.randrange(len(letters))
    source = f"{letters[:at]}(HERE){letters[at:]}"
    rows = shown(source, mark("(HERE)", "words", source=source), width=chance.randrange(20, 80)).split("\n")
    start = rows[1].index("------")
    assert cell_len(rows[0].partition("(HERE)")[0]) == start
