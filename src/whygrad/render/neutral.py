"""Text from outside (names, messages, source lines), made harmless before it is shown.

Control characters could move the cursor or forge a line, bidirectional marks could reorder what is read,
and invisible joiners are as wide as each terminal likes: all of them are shown as their escapes.
"""

from __future__ import annotations

import unicodedata

from whygrad.render.look import Look

TAB = "    "
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# A variation selector asks for a wider or narrower picture, and terminals disagree on whether they listen.
_DROPPED = frozenset(map(chr, range(0xFE00, 0xFE10)))


def pieces(text: str, look: Look) -> list[str]:
    """What to show for each character of ``text``, so that columns can still be found."""
    return [_piece(character, look.unicode) for character in text]


def neutral(text: str, look: Look) -> str:
    """``text`` as it may be shown, on one line."""
    return "".join(pieces(text, look))


def _piece(character: str, unicode: bool) -> str:
    if " " <= character <= "~":
        return character
    if character == "\t":
        return TAB
    if character in _DROPPED:
        return ""
    if not unicode or unicodedata.category(character) in _ESCAPED:
        return character.encode("unicode_escape").decode("ascii")
    return character
