"""What somebody may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A question that names what is close, or nothing."""
    close = get_close_matches(name, list(known))
    return f"did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else None
