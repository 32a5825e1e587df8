"""How a gradient was asked for: what the recording follows, and what an error that came back is about."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Recording:
    """How the request's recording was set up: where it opened, and what it follows.

    ``used_up`` tells of a tape asked again after it was used up, ``used`` where it was asked before; ``switched``
    where recording was switched off, if it still was when the gradient was asked for.
    """

    opened: Span | None = None
    first_op: int = 0
    follows_variables: bool = True
    used_up: bool = False
    used: Span | None = None
    switched: Span | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error that the framework raised is about.

    Attributes:
        kind: a row of the table in the cause ``graph-error``.
        stack: the place that broke the graph, innermost first; that which raised, if no other is known.
        traced: whether ``stack`` is such another place; ``detail``: a name that it is about besides.
    """

    kind: str
    stack: tuple[Span, ...]
    traced: bool = False
    detail: str = ""
