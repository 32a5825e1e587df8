from __future__ import annotations

from collections.abc import Callable

import pytest

from whygrad.finding import Edit, Fix
from whygrad.render.gutter import Gutter
from whygrad.render.look import Look
from whygrad.render.suggestion import suggestion


@pytest.fixture(autouse=True)
def sources(write: Callable[..., None]) -> None:
    write("a.py", "".join(f"value_{n} = old({n})\n" for n in range(1, 31)))
    write("b.py", "x = 1\n")


def shown(*edits: Edit, home: str | None = "a.py") -> list[str]:
    return [line.plain for line in suggestion(Fix("change it", edits), home, Gutter(2, Look(80)))]


def rename(line: int, file: str = "a.py") -> Edit:
    return Edit(file, line, 11, line, 14, "new")


def test_words_alone() -> None:
    assert shown() == ["help: change it"]


def test_the_new_words_are_underlined() -> None:
    assert shown(rename(3), Edit("a.py", 3, 16, 3, 16, ", x")) == [
        "help: change it",
        "   |",
        " 3 | value_3 = new(3, x)",
        "   |           ~~~  +++",
    ]


def test_a_deletion_shows_both_lines() -> None:
    assert shown(Edit("a.py", 3, 11, 3, 14, ""))[2:] == [" 3 - value_3 = old(3)", " 3 + value_3 = (3)"]
    assert shown(Edit("a.py", 3, 1, 4, 1, ""))[2:] == [" 3 - value_3 = old(3)", " 4 | value_4 = old(4)"]


def test_new_lines_show_what_stands_beside_them() -> None:
    assert shown(Edit("a.py", 3, 1, 3, 1, "x = 1\ny = 2\n"))[2:] == [
        " 3 + x = 1",
        " 4 + y = 2",
        " 3 | value_3 = old(3)",
    ]
    assert shown(Edit("a.py", 31, 1, 31, 1, "x = 1\n"))[2:] == ["31 + x = 1"]


def test_another_file_is_named_and_the_order_is_kept() -> None:
    rows = shown(rename(3), Edit("b.py", 1, 5, 1, 6, "2"), rename(4))
    assert rows[1:] == [
        "   |",
        " 3 | value_3 = new(3)",
        "   |           ~~~",
        " 4 | value_4 = new(4)",
        "   |           ~~~",
        "  --> b.py:1",
        "   |",
        " 1 | x = 2",
        "   |     ~",
    ]


def test_many_changes_are_cut_short() -> None:
    rows = shown(*(rename(line) for line in range(1, 30, 2)))
    assert [row for row in rows if "new" in row][-1] == " 7 | value_7 = new(7)"
    assert rows[-2:] == ["...", "   = and 11 more changes"]


def test_long_changes_are_cut_short() -> None:
    rows = shown(Edit("a.py", 1, 1, 1, 1, "".join(f"x{n}\n" for n in range(40))))
    assert len(rows) == 2 + 12 + 1
    assert rows[-1] == "   | ... and 29 more lines"


def test_what_does_not_fit_the_source_is_told_in_words() -> None:
    assert shown(rename(90), Edit("c.py", 1, 2, 1, 2, "x"), Edit("c.py", 1, 2, 3, 4, "")) == [
        "help: change it",
        "   |",
        "   = from a.py:90:11 to 90:14: write `new`",
        "   |",
        "   = at c.py:1:2: insert `x`",
        "   = from c.py:1:2 to 3:4: delete",
    ]
