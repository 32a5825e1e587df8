from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from whygrad.causes import CAUSES
from whygrad.render.manual import manual

PAGE = "# title\n\nCall `a.b()` and\n`c`.\n\n```python\ns = '`x`'\n```\n"


def shown(page: str, width: int = 80, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    console.print(manual(page, console))
    return out.getvalue()


def test_a_pipe_keeps_the_backticks_of_code() -> None:
    assert "Call `a.b()` and `c`." in shown(PAGE)
    assert "s = '`x`'" in shown(PAGE)


def test_a_terminal_has_other_means() -> None:
    assert "Call a.b() and c." in shown(PAGE, terminal=True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_page_fits(width: int) -> None:
    for cause in CAUSES.values():
        assert max(cell_len(line.rstrip()) for line in shown(cause.page, width).splitlines()) <= width
