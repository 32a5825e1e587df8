"""Edits say exactly what is to change, or there are none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from edits import applied
from whygrad import rewrite
from whygrad.span import Span

NEW = {"apply_updates": 0, "apply_gradients": None}
STOPS = ("stop_gradient", "detach")


class Text:
    def __init__(self, folder: Path, text: str) -> None:
        self.file, self.text = folder / "train.py", text
        self.file.write_text(text, "utf-8")

    def at(self, code: str) -> Span:
        start = self.text.index(code)
        head, whole = self.text[:start], self.text[: start + len(code)]
        line, end_line = head.count("\n") + 1, whole.count("\n") + 1
        column, end = start - head.rfind("\n"), start + len(code) - whole.rfind("\n")
        return Span(str(self.file), line, column, end_line, end, "<module>", code)

    def after(self, edits: rewrite.Edits) -> str | None:
        return applied(edits, self.text) if edits else None


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("tf.stop_gradient(p)", "p"),
        ("tf.stop_gradient(p[0].x)", "p[0].x"),
        ("tf.stop_gradient(p - q)", "(p - q)"),
        ("stop_gradient(\n    p)", "p"),
        ("p.detach()", "p"),
        ("f(p).detach()", "f(p)"),
        ("tf.stop_gradient(p, name='x')", None),
        ("tf.stop_gradient(*p)", None),
        ("detach(p, q)", None),
        ("tf.identity(p)", None),
    ],
)
def test_a_call_is_taken_off_what_it_was_given(tmp_path: Path, call: str, left: str | None) -> None:
    text = Text(tmp_path, f"loss = 2 * {call} + größe\n")
    assert text.after(rewrite.unwrapped(text.at(call), STOPS)) == (left and f"loss = 2 * {left} + größe\n")


@pytest.mark.parametrize(
    ("call", "new"),
    [
        ("tf.GradientTape()", "tf.GradientTape(persistent=True)"),
        ("tf.GradientTape(False)", "tf.GradientTape(False, persistent=True)"),
        ("tf.GradientTape(persistent=False)", None),
        ("tf.GradientTape(**options)", None),
        ("tf.GradientTape(False,)", None),
    ],
)
def test_a_keyword_is_given_once(tmp_path: Path, call: str, new: str | None) -> None:
    text = Text(tmp_path, f"with {call} as tape:\n    pass\n")
    for place in (text.at(call), text.at(text.text.rstrip())):  # the call, or the block that it opens
        edits = rewrite.given_keyword(place, "persistent=True")
        assert text.after(edits) == (new and text.text.replace(call, new))


BEFORE = "p = x @ w\nwith tape_of() as tape:\n    l = p * p\ng = tape.gradient(l, w)\n"
AFTER = "with tape_of() as tape:\n    p = x @ w\n\nl = p * p  # the loss\ng = tape.gradient(l, w)\n"


def test_a_line_beside_the_block_moves_inside(tmp_path: Path) -> None:
    text = Text(tmp_path, BEFORE)
    moved = text.after(rewrite.moved_inside(text.at("x @ w"), text.at("tape_of()")))
    assert moved == "with tape_of() as tape:\n    p = x @ w\n    l = p * p\ng = tape.gradient(l, w)\n"
    text = Text(tmp_path / "..", AFTER)
    moved = text.after(rewrite.moved_inside(text.at("p * p"), text.at("tape_of()")))
    assert moved == AFTER.replace("l = p * p", "    l = p * p")


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
    assert rewrite.moved_inside(made.at("x @ w"), made.at("tape_of()")) == ()


def test_a_block_begins_with_a_new_line(tmp_path: Path) -> None:
    text = Text(tmp_path, "x = read()\nwith tape_of() as tape:\n    # the score\n    l = f(x)\n")
    new = text.after(rewrite.begun_with(text.at("tape_of()"), "watch", "x"))
    assert new == text.text.replace("    l =", "    tape.watch(x)\n    l =")
    assert rewrite.begun_with(text.at("tape_of()"), "watch", "x[0]") == ()
    assert rewrite.begun_with(text.at("tape_of()"), "watch", "y") == ()


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
    assert rewrite.begun_with(Text(tmp_path, text).at("tape_of()"), "watch", "x") == ()


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("w = w - 0.1 * g", "w.assign(w - 0.1 * g)"),
        ("w -= 0.1 * g", "w.assign_sub(0.1 * g)"),
        ("w += g", "w.assign_add(g)"),
        ("w *= g", None),
        ("w[0] = w - g", None),
        ("w = v = w - g", None),
    ],
)
def test_a_rebinding_becomes_a_change_in_place(tmp_path: Path, line: str, new: str | None) -> None:
    text = Text(tmp_path, f"for g in gradients:\n    {line}  # the step\n")
    methods: dict[type[ast.operator], str] = {ast.Sub: "assign_sub", ast.Add: "assign_add"}
    edits = rewrite.in_place(text.at(line), methods, "assign")
    assert text.after(edits) == (new and text.text.replace(line, new))


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        ("for b in data:\n    state.apply_gradients(grads=state.of(b))\n", "    state = state.apply_gradients("),
        ("for b in data:\n    self.s.apply_gradients(grads=b)\n", "    self.s = self.s.apply_gradients("),
        ("new = optax.apply_updates(params, u)\nprint(params)\n", "params = optax.apply_updates("),
        ("apply_updates(params, u)\nprint(params)\n", "params = apply_updates("),
        ("apply_updates(params, u)\nprint(other)\n", None),
        ("apply_updates(params[0], u)\nprint(params)\n", None),
        ("a, b = apply_updates(params, u)\nprint(params)\n", None),
        ("print(apply_updates(params, u), params)\n", None),
        ("update(params, u)\nprint(params)\n", None),
    ],
)
def test_what_is_new_takes_the_place_of_the_old(tmp_path: Path, lines: str, after: str | None) -> None:
    text = Text(tmp_path, lines)
    calls = (n for n in ast.walk(ast.parse(lines)) if isinstance(n, ast.Call))
    call = next(n for n in calls if ast.unparse(n.func) != "print")
    made = text.after(rewrite.bound_again(text.at(ast.get_source_segment(lines, call) or ""), NEW))
    assert (made is None) == (after is None)
    assert after is None or any(line.startswith(after) for line in (made or "").splitlines())
