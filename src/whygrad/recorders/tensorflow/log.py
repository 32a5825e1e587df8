"""The log of an eager run: what the hooks noted, in order, with no tensor in it.

Tensors are known by ``_id``, TensorFlow's process-wide counter, which is never used twice.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from whygrad.recorders.frames import Stack

# A recorded operation costs about one kilobyte; older halves of a longer log are forgotten.
MOST_ENTRIES = 200_000


class Made(NamedTuple):
    """An output: its tensor id, TensorFlow's number of its dtype, its shape."""

    id: int
    dtype: int
    shape: tuple[int | None, ...] | None


class Met(NamedTuple):
    """A tensor that an operation reads and that nothing noted so far has made."""

    made: Made


class Ran(NamedTuple):
    """An operation that ran eagerly."""

    op_type: str
    inputs: tuple[int, ...]
    made: tuple[Made, ...]
    attrs: tuple[Any, ...]
    stack: Stack
    tapes: tuple[int, ...]
    stopped: bool
    scope: str


class Read(NamedTuple):
    """A variable read inside TensorFlow's C fast path, which no callback sees."""

    handle: int
    made: Made
    tapes: tuple[int, ...]
    stack: Stack
    scope: str


class Backpropagated(NamedTuple):
    """A backward pass that no tape followed: from its targets to the gradients that it made."""

    inputs: tuple[int, ...]
    made: tuple[Made, ...]
    stack: Stack
    scope: str


class Watched(NamedTuple):
    """``tape.watch(tensor)``."""

    tape: int
    id: int


class Custom(NamedTuple):
    """An operation that was put on the tape with a backward function of its own."""

    name: str
    outputs: tuple[int, ...]
    inputs: tuple[int, ...]
    tapes: tuple[int, ...]
    stack: Stack
    backward: Backward


class Crossed(NamedTuple):
    """A value that left TensorFlow (``to`` is ``None``) or came in linked to one that had left."""

    id: int
    how: str
    stack: Stack
    came_from: int | None
    leaving: bool


@dataclass(slots=True)
class Backward:
    """What a backward function was seen to answer: input positions that got ``None``, or zeros by construction.

    ``code`` is the user's; ``own`` says that the function is TensorFlow's own. ``results``: traced custom gradients
    list their results before their inputs; how many.
    """

    none: set[int] = field(default_factory=set)
    zeros: set[int] = field(default_factory=set)
    called: bool = False
    code: Any = None
    own: bool = False
    results: int = 0


@dataclass(slots=True)
class TapeFacts:
    """What is known about one GradientTape."""

    serial: int
    opened: Stack
    first: int
    follows_variables: bool
    # Graph mode: (weak reference to the graph, number of operations when it began, when it ended).
    intervals: list[list[Any]] = field(default_factory=list)
    watched: set[int] = field(default_factory=set)
    asked: Stack = ()  # the first request of it


Entry = Met | Ran | Backpropagated | Read | Watched | Custom | Crossed


class Log:
    """Entries of one process, appended from any thread."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.first = 0
        self.known: set[int] = set()
        self.forgotten = False
        self.departed = False
        self.handles: dict[int, Stack] = {}
        self.variables: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        # Operations made while a graph was traced: graph -> name -> (stack, scope).
        self.traced: weakref.WeakKeyDictionary[Any, dict[str, tuple[Stack, str]]] = weakref.WeakKeyDictionary()
        self.functions: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self.tapes: dict[int, TapeFacts] = {}
        # Traced custom gradients by the name of their registration, as far as they were asked.
        self.rules: dict[str, Backward] = {}
        # What each request differentiated, and the gradients that it gave.
        self.requests: list[tuple[frozenset[int], frozenset[int]]] = []
        self.local = PerThread()

    def add(self, entry: Entry) -> None:
        """Append; forget the older half when the log is full."""
        self.entries.append(entry)
        if len(self.entries) > MOST_ENTRIES:
            self._forget(MOST_ENTRIES // 2)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self.entries.popleft()
        self.first += count
        self.forgotten = True
        self.known.clear()
        self.known.update(made.id for made in _made(self.entries))

    @property
    def now(self) -> int:
        """The sequence number that the next entry will have."""
        return self.first + len(self.entries)

    def latest(self) -> Iterator[tuple[int, Entry]]:
        """The entries with their sequence numbers, the latest first."""
        return zip(range(self.now - 1, self.first - 1, -1), reversed(self.entries), strict=False)

    def since(self, begin: int) -> list[Entry]:
        """The entries from a sequence number on, in order."""
        return [entry for _, entry in takewhile(lambda one: one[0] >= begin, self.latest())][::-1]

    def clear(self) -> None:
        """Forget everything but the variables' births."""
        self.forgotten = self.forgotten or bool(self.entries)
        self.entries.clear()
        self.departed = False
        self.known.clear()
        self.traced.clear()
        self.rules.clear()
        self.requests.clear()
        self.tapes.clear()
        self.first = 0


def _made(entries: Iterable[Entry]) -> Iterable[Made]:
    for entry in entries:
        if isinstance(entry, (Ran, Backpropagated)):
            yield from entry.made
        elif isinstance(entry, (Read, Met)):
            yield entry.made


class PerThread(threading.local):
    """Which tapes record in this thread, which layers are being called, our own re-entrance, and optimizers."""

    def __init__(self) -> None:
        self.tapes: tuple[int, ...] = ()
        self.scope: tuple[str, ...] = ()
        self.busy = False
        self.updating = False
        self.pending: dict[int, None] = {}  # handles of variables touched since the last operation
