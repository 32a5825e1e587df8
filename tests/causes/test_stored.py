"""Where a value is put so that it outlives its function."""

from __future__ import annotations

from pathlib import Path

import pytest

from whygrad.causes.stored import stored
from whygrad.span import Span


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def loss(w):\n    h = made(w)\n    seen.append(h)\n    return h\n", "seen.append(h)"),
        ("def loss(w):\n    self.h = made(w)\n    return w\n", "self.h = made(w)"),
        ("def loss(w):\n    global last\n    last = made(w)\n    return w\n", "last = made(w)"),
        ("def loss(w):\n    last = made(w)\n    return w\n", None),
        ("def loss(w):\n    h, k = made(w), 1\n    memory['h'] = h\n    return w\n", "memory['h'] = h"),
        ("def loss(w):\n    h = made(w)\n    seen.append(w)\n    return w\n", None),
        ("def loss(w):\n    h = made(w)\n    seen.update(h=h)\n    return h\n", "seen.update(h=h)"),
    ],
)
def test_in_the_function_itself(text: str, wanted: str | None, tmp_path: Path) -> None:
    found = stored([_place(tmp_path, text, "made(w)")])
    assert (found.code if found is not None else None) == wanted


def test_in_the_caller_that_it_is_returned_to(tmp_path: Path) -> None:
    text = "def layer(w):\n    h = made(w)\n    return h\n\ndef loss(w):\n    seen.append(layer(w))\n    return w\n"
    found = stored([_place(tmp_path, text, "made(w)"), _place(tmp_path, text, "layer(w)", 6)])
    assert found is not None
    assert (found.line, found.code) == (6, "seen.append(layer(w))")


def _place(folder: Path, text: str, code: str, line: int | None = None) -> Span:
    file = folder / "train.py"
    file.write_text(text, "utf-8")
    lines = text.splitlines()
    at = line or next(n for n, each in enumerate(lines, 1) if code in each)
    column = lines[at - 1].index(code) + 1
    return Span(str(file), at, column, at, column + len(code), "loss", code)
