from __future__ import annotations

import pytest

from whygrad.finding import Edit
from whygrad.render.patch import Change, hunks

LINES = ("with tape:\n", "    loss = f(x)\n", "\n", "print(loss)\n")


def edit(line: int, column: int, end_line: int, end_column: int, text: str) -> Edit:
    return Edit("train.py", line, column, end_line, end_column, text)


def test_replace_insert_and_delete_on_one_line() -> None:
    (hunk,) = hunks([edit(2, 12, 2, 13, "g"), edit(2, 15, 2, 15, ", y"), edit(2, 1, 2, 5, "")], LINES)
    assert (hunk.first, hunk.last, hunk.before, hunk.after) == (2, 2, LINES[1], "loss = g(x, y)\n")
    assert hunk.changes == (Change(0, 0, True), Change(7, 8, True), Change(10, 13, False))


def test_edits_that_share_lines_share_a_hunk() -> None:
    made = hunks([edit(4, 1, 4, 6, "show"), edit(1, 1, 2, 1, ""), edit(2, 5, 2, 9, "cost")], LINES)
    assert [(hunk.first, hunk.last, hunk.after) for hunk in made] == [
        (1, 2, "    cost = f(x)\n"),
        (4, 4, "show(loss)\n"),
    ]


def test_an_edit_at_the_end_of_the_file() -> None:
    (hunk,) = hunks([edit(5, 1, 5, 1, "print()\n")], LINES)
    assert (hunk.first, hunk.before, hunk.after) == (5, "", "print()\n")


@pytest.mark.parametrize(
    "wrong",
    [
        edit(2, 90, 2, 91, "x"),
        edit(6, 1, 6, 1, "x"),
        edit(0, 1, 0, 2, "x"),
        edit(2, 0, 2, 2, "x"),
        edit(2, 9, 2, 5, "x"),
        edit(2, 5, 1, 5, "x"),
    ],
)
def test_an_edit_that_does_not_fit_takes_the_others_with_it(wrong: Edit) -> None:
    assert hunks([wrong, edit(4, 1, 4, 6, "show")], LINES) == []


def test_edits_that_overlap_do_not_fit() -> None:
    assert hunks([edit(2, 5, 2, 9, "x"), edit(2, 7, 2, 10, "y")], LINES) == []


def test_no_source_no_hunks() -> None:
    assert hunks([edit(1, 1, 1, 1, "x")], []) == []
