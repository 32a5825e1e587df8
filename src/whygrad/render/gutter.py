"""The left edge of a code frame: line numbers, bars and arrows, all in one column."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from whygrad.render.look import Look
from whygrad.render.neutral import neutral
from whygrad.render.prose import wrapped
from whygrad.span import Span

_LEAST_ROOM = 20


def place(span: Span, look: Look) -> str:
    """``file:line:column``, as far as it is known."""
    known = [neutral(look.path(span.file), look)]
    if span.line is not None:
        known.append(str(span.line))
        if span.column is not None:
            known.append(str(span.column))
    return ":".join(known)


@dataclass(frozen=True, slots=True)
class Gutter:
    """An edge that is wide enough for line numbers of ``digits`` digits."""

    digits: int
    look: Look

    @property
    def room(self) -> int:
        """Cells to the right of the edge."""
        return max(self.look.width - self.digits - len(" | "), _LEAST_ROOM)

    def line(self, text: Text, number: int | None = None, sign: str = "|", style: str = "edge") -> Text:
        """A line of the frame; without a number, one that belongs to the line above."""
        line = Text.assemble((f"{number or '':>{self.digits}} ", "edge"), (sign, style), " ", text)
        line.rstrip()
        return line

    def bar(self) -> Text:
        """An empty line of the frame."""
        return self.line(Text())

    def gap(self) -> Text:
        """Stands for the lines left out."""
        return Text("...", "edge")

    def arrow(self, span: Span, sign: str = "-->") -> Text:
        """Where the lines below are to be found; never wrapped, so that it can be clicked."""
        return Text.assemble(" " * self.digits, (sign, "edge"), " ", place(span, self.look))

    def aside(self, words: str) -> list[Text]:
        """Words on the place above that stand under no column."""
        start = " " * (self.digits + 1) + "= "
        text = Text.assemble((start, "edge"), neutral(words, self.look))
        return wrapped(text, self.look.width, len(start))
