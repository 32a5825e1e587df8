"""Somebody's files with edits in them: what is read and imported from now on, while the files stay as they are."""

from __future__ import annotations

import io
import linecache
from collections.abc import Iterable, Mapping
from functools import wraps
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from types import CodeType

from whygrad.finding import Edit
from whygrad.render.patch import hunks


def changed(edits: Iterable[Edit], texts: Mapping[str, bytes]) -> dict[str, str] | None:
    """The text of each file with its edits in it; ``None`` where one of them does not fit.

    Args:
        texts: the files that are known already; others are read.
    """
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    found: dict[str, str] = {}
    for file, several in by_file.items():
        text = decode_source(texts[file]) if file in texts else "".join(linecache.getlines(file))
        lines = list(io.StringIO(text))
        made = hunks(dict.fromkeys(several), lines)
        if not made:
            return None
        for hunk in reversed(made):
            lines[hunk.first - 1 : hunk.last] = [hunk.after]
        found[file] = "".join(lines)
    return found


def import_instead(texts: Mapping[str, str]) -> None:
    """Have these texts run where these files are imported, and shown where their lines are asked for."""
    original = SourceFileLoader.get_code

    @wraps(original)
    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        text = texts.get(path)
        return original(self, fullname) if text is None else self.source_to_code(text.encode("utf-8"), path)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    for file, text in texts.items():
        linecache.cache[file] = (len(text), None, list(io.StringIO(text)), file)
