"""Statements and blocks are moved and taken away whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from edits import Text
from whygrad import rearrange

BEFORE = "p = x @ w\nwith tape_of() as tape:\n    l = p * p\ng = tape.gradient(l, w)\n"
AFTER = "with tape_of() as tape:\n    p = x @ w\n\nl = p * p  # the loss\ng = tape.gradient(l, w)\n"


def test_a_line_beside_the_block_moves_inside(tmp_path: Path) -> None:
    text = Text(tmp_path, BEFORE)
    moved = text.after(rearrange.moved_inside(text.at("x @ w"), text.at("tape_of()")))
    assert moved == "with tape_of() as tape:\n    p = x @ w\n    l = p * p\ng = tape.gradient(l, w)\n"
    text = Text(tmp_path / "..", AFTER)
    moved = text.after(rearrange.moved_inside(text.at("p * p"), text.at("tape_of()")))
    assert moved == AFTER.replace("l = p * p", "    l = p * p")


def test_a_line_moves_behind_what_tells_the_tape_to_watch(tmp_path: Path) -> None:
    text = Text(tmp_path, BEFORE.replace("    l", "    tape.watch(x)\n    l"))
    moved = text.after(rearrange.moved_inside(text.at("x @ w"), text.at("tape_of()")))
    assert "    tape.watch(x)\n    p = x @ w\n    l = p * p\n" in moved
    text = Text(tmp_path / "..", BEFORE.replace("    l", "    tape.watch(p)\n    l"))
    moved = text.after(rearrange.moved_inside(text.at("x @ w"), text.at("tape_of()")))
    assert "    p = x @ w\n    tape.watch(p)\n    l = p * p\n" in moved


@pytest.mark.parametrize(
    "text",
    [
        BEFORE.replace("with", "print()\nwith"),  # something runs between
        BEFORE.replace("p = x @ w", "p = x @ w; q = p"),
        BEFORE.replace("p = x @ w", "p = (\n    x @ w)"),
        BEFORE.replace("p = x @ w", "if p:\n    p = x @ w"),
        BEFORE.replace("tape_of()", "tape_of(), p"),  # the block's head reads it
        BEFORE.replace("tape:\n    l = p * p", "tape: l = p * p"),
    ],
)
def test_a_line_that_can_not_be_moved_safely_stays(tmp_path: Path, text: str) -> None:
    made = Text(tmp_path, text)
    assert rearrange.moved_inside(made.at("x @ w"), made.at("tape_of()")) == ()


def test_a_block_begins_with_a_new_line(tmp_path: Path) -> None:
    text = Text(tmp_path, "x = read()\nwith tape_of() as tape:\n    # the score\n    l = f(x)\n")
    new = text.after(rearrange.begun_with(text.at("tape_of()"), "watch", "x"))
    assert new == text.text.replace("    l =", "    tape.watch(x)\n    l =")
    assert rearrange.begun_with(text.at("tape_of()"), "watch", "x[0]") == ()
    assert rearrange.begun_with(text.at("tape_of()"), "watch", "y") == ()


@pytest.mark.parametrize(
    "text",
    [
        "x = read()\nwith tape_of() as tape:\n    x = g(x)\n    l = f(x)\n",
        "x = read()\nwith tape_of() as tape:\n    if y:\n        x = g(x)\n    l = f(x)\n",
        "x = read()\nwith tape_of():\n    l = f(x)\n",
        "if y:\n    x = read()\nwith tape_of() as tape:\n    l = f(x)\n",
    ],
)
def test_what_is_bound_inside_or_perhaps_not_at_all_is_not_watched(tmp_path: Path, text: str) -> None:
    assert rearrange.begun_with(Text(tmp_path, text).at("tape_of()"), "watch", "x") == ()


BLOCK = "def f():\n    with off():\n        h = g(x)\n\n        # squash\n        h = s(h)\n    return h\n"


def test_a_block_is_taken_away(tmp_path: Path) -> None:
    text = Text(tmp_path, BLOCK)
    after = text.after(rearrange.without_block(text.at("off()")))
    assert after == "def f():\n    h = g(x)\n\n    # squash\n    h = s(h)\n    return h\n"


@pytest.mark.parametrize(
    "text",
    [
        BLOCK.replace("off()", "off() as o"),
        BLOCK.replace("off()", "off(), on()"),
        BLOCK.replace("off():\n        h = g(x)", "off(): h = g(x)").replace(
            "        # squash\n        h = s(h)\n", ""
        ),
        BLOCK.replace("g(x)", '"""two\n  lines"""'),
        BLOCK.replace("g(x)", "g(\n  x)"),
    ],
)
def test_a_block_that_is_more_than_its_lines_stays(tmp_path: Path, text: str) -> None:
    made = Text(tmp_path, text)
    assert rearrange.without_block(made.at("off()")) == ()


def test_a_decorator_is_taken_away(tmp_path: Path) -> None:
    text = Text(tmp_path, "class A:\n    @off()\n    @on\n    def f(self):\n        return 1\n")
    after = text.after(rearrange.without_decorator(text.at("off()")))
    assert after == "class A:\n    @on\n    def f(self):\n        return 1\n"
    assert rearrange.without_decorator(text.at("return")) == ()


LATER = "o = adam(m.parameters())\nm.head = new()\nrun(o)\n"


def test_a_line_moves_behind_another(tmp_path: Path) -> None:
    text = Text(tmp_path, LATER)
    after = text.after(rearrange.moved_behind(text.at("adam(m.parameters())"), text.at("new()")))
    assert after == "m.head = new()\no = adam(m.parameters())\nrun(o)\n"


@pytest.mark.parametrize(
    "text",
    [
        LATER.replace("m.head = new()", "s = steps(o)\nm.head = new()"),  # it is read between
        LATER.replace("m.head = new()", "o.x = 1\nm.head = new()"),
        LATER.replace("m.parameters()", "m.parameters(), rate").replace("m.head", "rate = 2\nm.head"),
        LATER.replace("m.head = new()", "if x:\n    m.head = new()"),
        LATER.replace("o = adam(m.parameters())", "o = adam(\n    m.parameters())"),
        LATER.replace("m.head = new()", "m.head = new(); run(o)"),
    ],
)
def test_a_line_that_something_depends_on_stays(tmp_path: Path, text: str) -> None:
    made = Text(tmp_path, text)
    assert rearrange.moved_behind(made.at("m.parameters()"), made.at("new()")) == ()
