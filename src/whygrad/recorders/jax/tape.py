"""Tape: what one differentiated function did, in a form that can be run again with other numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Ran:
    """One operation: ``run`` takes the values of ``given`` and hands back those of ``made``, in a tree."""

    run: Callable[..., Any]
    given: tuple[int, ...]
    made: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """A loop of so many turns over ``body``.

    Attributes:
        first: the carried values before the first turn; ``heads``: the same inside a turn.
        slices: values of which each turn sees one slice.
        results: what a turn hands back, the carried values first; ``made``: what the loop hands back.
        own: the values that a turn makes for itself.
    """

    body: tuple[Entry, ...]
    first: tuple[int, ...]
    heads: tuple[int, ...]
    slices: tuple[int, ...]
    results: tuple[int, ...]
    made: tuple[int, ...]
    own: frozenset[int]
    length: int
    backwards: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A branch: ``index`` says which of ``bodies`` runs.

    Attributes:
        results: what each branch hands back; ``made``: what the choice hands back.
        own: the values that each branch makes for itself.
    """

    index: int
    bodies: tuple[tuple[Entry, ...], ...]
    results: tuple[tuple[int, ...], ...]
    made: tuple[int, ...]
    own: tuple[frozenset[int], ...]


Entry = Ran | Turns | Choice


@dataclass(slots=True)
class Tape:
    """Collects entries while a function is laid out.

    Attributes:
        entries: in the order of running.
        literals: values that are numbers in the program's text.
        given: values that came from outside, by the object that stood for them.
        broken: something was done that can not be done again.
    """

    entries: list[Entry] = field(default_factory=list)
    literals: dict[int, Any] = field(default_factory=dict)
    given: dict[int, Any] = field(default_factory=dict)
    broken: bool = False

    def ran(self, run: Callable[..., Any] | None, given: Sequence[int], made: Sequence[int]) -> None:
        """An operation ran; one without ``run`` can not be repeated."""
        if run is None:
            self.broken = True
        else:
            self.entries.append(Ran(run, tuple(given), tuple(made)))

    def apart(self, lay_out: Callable[[], list[int]]) -> tuple[tuple[Entry, ...], list[int]]:
        """What is laid out by a call, kept out of the entries; and what the call gives."""
        outer, self.entries = self.entries, []
        try:
            result = lay_out()
            return tuple(self.entries), result
        finally:
            self.entries = outer


@dataclass(frozen=True, slots=True)
class Program:
    """A finished tape.

    Attributes:
        arrays: the numbers of values that are known.
        variables: values that are variables of the program around this one.
        target: the loss, ``None`` where it can not be run again; ``sources``: what was differentiated.
    """

    entries: tuple[Entry, ...]
    arrays: dict[int, Any]
    variables: dict[int, Any]
    target: int | None
    sources: tuple[int, ...]
