"""Sentences: a coloured head, words that wrap, and a hanging indent."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.text import Text

from whygrad.render.look import Look
from whygrad.render.neutral import neutral


def remark(kind: str, words: str, look: Look, *, head: str | None = None) -> list[Text]:
    """``kind: words``, wrapped; ``kind`` is also the style of its head."""
    start = f"{head or kind}: "
    text = Text.assemble((start.rstrip(), kind), " ", neutral(words, look))
    return wrapped(text, look.width, len(start))


def wrapped(text: Text, width: int, indent: int) -> list[Text]:
    """``text`` in lines of at most ``width`` cells, all but the first indented; a longer word is left whole.

    A path or a name that is broken in two can no longer be copied, so the terminal may fold it as it likes.
    """
    cuts: list[int] = []
    for word in re.finditer(r"\S+", text.plain):
        start = cuts[-1] if cuts else 0
        used = cell_len(text.plain[start : word.end()]) + (indent if cuts else 0)
        if used > width and word.start() > start:
            cuts.append(word.start())
    lines = list(text.divide(cuts))
    for line in lines:
        line.rstrip()
    return [*lines[:1], *(Text(" " * indent).append_text(line) for line in lines[1:])]
