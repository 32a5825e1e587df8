"""Edits say exactly what is to change, or there are none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from edits import Text
from whygrad import rewrite

NEW = {"apply_updates": 0, "apply_gradients": None}
STOPS = ("stop_gradient", "detach")


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


def test_an_expression_is_wrapped_continued_and_called_otherwise(tmp_path: Path) -> None:
    text = Text(tmp_path, "größe = 2 * f(x, k=1)\n")
    call = text.at("f(x, k=1)")
    assert text.after(rewrite.wrapped(call, "nn.P(")) == "größe = 2 * nn.P(f(x, k=1))\n"
    assert text.after(rewrite.continued(call, "cast")) == "größe = 2 * f(x, k=1).cast()\n"
    assert text.after(rewrite.calling(call, "np.g")) == "größe = 2 * np.g(x, k=1)\n"
    assert rewrite.continued(text.at("2 * f(x, k=1)"), "cast") == ()
    assert rewrite.calling(text.at("2"), "np.g") == ()
