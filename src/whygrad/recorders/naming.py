"""Every parameter has a name of its own."""

from __future__ import annotations

from collections.abc import Iterable


def unique(paths: Iterable[str]) -> list[str]:
    """The same paths, repeated ones numbered: every parameter has a name of its own."""
    seen: dict[str, int] = {}
    result = []
    for path in paths:
        seen[path] = seen.get(path, 0) + 1
        result.append(path if seen[path] == 1 else f"{path} ({seen[path]})")
    return result
