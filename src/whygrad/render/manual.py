"""The manual page of a cause, as a terminal or a pipe can show it."""

from __future__ import annotations

import re

from rich.console import Console
from rich.markdown import Markdown

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def manual(page: str, console: Console) -> Markdown:
    """The page, laid out; where there is no bold to tell code from words, code keeps its backticks."""
    return Markdown(page if console.is_terminal else _marked(page))


def _marked(page: str) -> str:
    parts, at = [], 0
    for block in _FENCED.finditer(page):
        parts += [_CODE.sub(r"`` `\1` ``", page[at : block.start()]), block[0]]
        at = block.end()
    return "".join((*parts, _CODE.sub(r"`` `\1` ``", page[at:])))
