"""Golden files (``pytest tests/render --bless`` writes them anew) and source text that exists nowhere on disk."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path

import pytest

from whygrad.span import Span

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name."""

    def compare(name: str, shown: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--bless", default=False):
            path.write_text(shown, encoding="utf-8")
        assert shown == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a file known to linecache: ``write("train.py", "x = 1\\n", first=20)`` puts the text at line 20."""

    def put(file: str, text: str, first: int = 1) -> None:
        lines = ["\n"] * (first - 1) + text.splitlines(keepends=True)
        monkeypatch.setitem(linecache.cache, file, (len(text), None, lines, file))

    return put


@pytest.fixture
def at() -> Callable[..., Span]:
    """The span of some code in a line: ``at("train.py", 22, "model(x)")``."""

    def find(file: str, line: int, code: str, called_from: tuple[Span, ...] = ()) -> Span:
        column = linecache.getline(file, line).index(code) + 1
        return Span(file, line, column, line, column + len(code), code=code, called_from=called_from)

    return find
