"""Span: a place in somebody's source code."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Span:
    """A range of source text, addressed now and looked up when it is shown.

    Lines and columns count from 1, columns in characters, ``end_column`` is exclusive.
    What is not known is ``None``: never zero, never a guess.

    Attributes:
        file: path as the interpreter knows it (the code object's ``co_filename``).
        line, column, end_line, end_column: the range.
        function: qualified name of the enclosing function, ``<module>`` at top level.
        code: the text of the range, where the source could be read.
        called_from: the user's frames that led here, innermost first, without this one; each has none of its own,
            so that a deep stack stays small.
    """

    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    function: str | None = None
    code: str | None = None
    called_from: tuple[Span, ...] = ()

    def place(self) -> tuple[str, int | None, int | None, int | None, int | None]:
        """The range alone: two spans with equal places show the same text."""
        return (self.file, self.line, self.column, self.end_line, self.end_column)

    def spans(self, other: Span) -> bool:
        """Whether the first line of another range of the same file is one of its lines."""
        return self.file == other.file and (self.line or 0) <= (other.line or 0) <= (self.end_line or self.line or 0)

    def stack(self) -> tuple[Span, ...]:
        """This span and its callers, innermost first, each with its own callers."""
        callers = self.called_from
        return (self, *(replace(span, called_from=callers[i:]) for i, span in enumerate(callers, 1)))
