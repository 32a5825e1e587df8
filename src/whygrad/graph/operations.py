"""What was computed: operations, the values between them, and the barriers that no derivative passes."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.span import Span

Shape = tuple[int | None, ...]
NOWHERE = -1
# The detail of a barrier where a gradient was asked for without a graph of its own, and is a constant.
NO_GRAPH = "no graph of the gradient"
# That of one where the function of a dataset reads a variable.
IN_DATASET = "in a dataset"


@dataclass(frozen=True, slots=True)
class Barrier:
    """No derivative passes from one input of an operation to one output.

    Attributes:
        input, output: positions in the operation's inputs and outputs.
        kind: the id of the cause that this barrier is a fact of (``stop-gradient``).
        detail: what the framework calls it, or what was seen; shown to the user.
        selects: the input only selects among other inputs (an index, a condition), or all of it is overwritten.
        where: a place that explains the barrier better than the operation's own span.
        zeros: the framework hands back zeros for it, not nothing.
    """

    input: int
    output: int
    kind: str
    detail: str = ""
    selects: bool = False
    where: Span | None = None
    zeros: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor at one moment; ``op`` is its producer, ``NOWHERE`` if nothing recorded made it."""

    id: int
    op: int
    dtype: str
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Op:
    """One operation as it ran or was traced.

    Attributes:
        inputs, outputs: value ids.
        stack: the user's frames, innermost first; empty if none is known.
        scope: the path of the layer that ran it, ``""`` outside layers.
    """

    id: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stack: tuple[Span, ...]
    scope: str
    barriers: tuple[Barrier, ...]

    @property
    def span(self) -> Span | None:
        """The innermost user frame."""
        return self.stack[0] if self.stack else None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value that left the framework (``departure``) or came into it as a constant (``arrival``).

    ``seq`` orders crossings among the operations: it is the id of the next operation at that time.
    """

    value: int
    seq: int
    how: str
    stack: tuple[Span, ...]
