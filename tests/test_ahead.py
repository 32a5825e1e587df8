"""Whether the script comes to another place that asks for gradients."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from whygrad.ahead import asks_again
from whygrad.span import Span

WARMING = """
    for step in range(3):
        loss(head).backward()  # here
"""


@pytest.mark.parametrize(
    ("behind", "comes"),
    [
        ("", False),
        ("for step in range(3):\n    loss(all).backward()", True),
        ("with tape:\n    pass\ngradients = tape.gradient(loss, all)", True),
        ("def later():\n    loss(all).backward()", False),
        ("def later():\n    loss(all).backward()\n\nlater()", True),
        ("class Trainer:\n    def fit(self):\n        loss(all).backward()\n\nTrainer().fit()", True),
        ("if finetune:\n    loss(all).backward()", False),
        ("probe.fit(features)", False),
        ("def again():\n    again()\n\nagain()", False),
    ],
)
def test_what_is_behind_the_loop_counts_where_it_is_certain_to_run(behind: str, comes: bool, tmp_path: Path) -> None:
    assert asks_again(_place(tmp_path, textwrap.dedent(WARMING) + behind)) is comes


def test_what_is_in_the_same_loop_has_been_reached(tmp_path: Path) -> None:
    text = "for step in range(3):\n    first.backward()  # here\n    if step:\n        pass\n    second.backward()\n"
    assert not asks_again(_place(tmp_path, text))


def test_callers_go_on_as_well(tmp_path: Path) -> None:
    text = "def warm():\n    loss.backward()  # here\n\nwarm()\nloss.backward()\n"
    inner = _place(tmp_path, text)
    assert not asks_again(inner)
    caller = Span(inner.file, 4, 1, 4, 7, "<module>", "warm()")
    assert asks_again(Span(inner.file, inner.line, 5, inner.line, 20, "warm", None, (caller,)))


def _place(folder: Path, text: str) -> Span:
    """The line of a script that is marked ``# here``."""
    script = folder / "script.py"
    script.write_text(text, "utf-8")
    lines = text.splitlines()
    line = next(number for number, one in enumerate(lines, 1) if "# here" in one)
    start = len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
    return Span(str(script), line, start, line, len(lines[line - 1]) - 7)
