"""A call that drops its result is there for its time unless somebody expects that it has changed something."""

from __future__ import annotations

from pathlib import Path

import pytest

from whygrad.causes.applied.timed import may_be_timed
from whygrad.span import Span

HEAD = "import time\nfrom timeit import default_timer as clock\nimport numpy as np\n"


def place(folder: Path, text: str, code: str) -> Span:
    file = folder / "train.py"
    file.write_text(HEAD + text, "utf-8")
    lines = (HEAD + text).splitlines()
    (line,) = (n for n, line in enumerate(lines, 1) if line.strip() == code)
    column = lines[line - 1].index(code) + 1
    return Span(str(file), line, column, line, column + len(code), "", code)


@pytest.mark.parametrize(
    ("text", "timed"),
    [
        ("for x in xs:\n    step(p, x)\n", True),
        ("for x in xs:\n    step(p, x)\nprint(p)\n", False),
        ("for x in xs:\n    step(p, x)\nfor x in xs:\n    p = step(p, x)\nprint(p)\n", True),
        ("for x in xs:\n    step(p, x)\nprint(x)\n", True),
        ("print(p)\nfor x in xs:\n    step(p, x)\n", True),
        ("began = time.time()\nfor x in xs:\n    step(p, x)\nprint(p, time.time() - began)\n", True),
        ("began = clock()\nfor x in xs:\n    step(p, x)\nprint(p)\n", True),
        ("for x in xs:\n    t = time.time()\n    step(p, x)\n    print(error(p), t)\n", False),
        ("def run(p, xs):\n    for x in xs:\n        step(p, x)\n    return p\n", False),
        ("def run(p, xs):\n    for x in xs:\n        step(p, x)\n\ndef loss(p):\n    return p\n", True),
        ("for x in xs:\n    step(np.sum(p), x)\nprint(np.sum(x))\n", True),
    ],
)
def test_a_call_that_drops_its_result(text: str, timed: bool, tmp_path: Path) -> None:
    at = place(tmp_path, text, next(s for s in ("step(p, x)", "step(np.sum(p), x)") if f"    {s}\n" in text))
    assert may_be_timed(at) is timed


def test_a_method_of_what_is_read_later(tmp_path: Path) -> None:
    text = "def epoch(state, xs):\n    for g in xs:\n        state.apply(g)\n    return state\n"
    assert not may_be_timed(place(tmp_path, text, "state.apply(g)"))
