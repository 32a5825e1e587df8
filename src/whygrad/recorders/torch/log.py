"""The log of a run: what the hooks noted, in order, with no tensor in it.

A tensor is known by a serial number. Its object's ``id`` leads to the number for as long as the object lives, which a
weak reference tells; nothing is stored on the tensor.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from whygrad.recorders.frames import Stack
from whygrad.recorders.inner import Pair

# A recorded operation costs about one kilobyte; older halves of a longer log are forgotten.
MOST_ENTRIES = 200_000
MOST_DERIVED = 256
MOST_STEPS = 64


class Made(NamedTuple):
    """A tensor as an operation left it: serial, ``torch.dtype``, shape if known, whether it requires a gradient.

    ``base``: the serial of the tensor that it is a view of, 0 for none.
    """

    serial: int
    dtype: Any
    shape: tuple[int, ...] | None
    requires_grad: bool
    base: int


class Met(NamedTuple):
    """A tensor that an operation reads and that nothing noted so far has made.

    ``leaves``: the leaf tensors that its gradient function leads to.
    """

    made: Made
    leaves: tuple[int, ...]


class Ran(NamedTuple):
    """An operation.

    Attributes:
        grads: which inputs required a gradient before it ran.
        recording: whether grad mode was on.
        cut: (input, output) pairs between which autograd has no edge; ``None`` where it was not looked at.
        numbers: Python numbers among its arguments, each with the tensor it is equal to (0 for none).
        where: a better place for its barriers than its own stack.
    """

    name: str
    inputs: tuple[int, ...]
    grads: tuple[bool, ...]
    made: tuple[Made, ...]
    recording: bool
    stack: Stack
    scope: int
    cut: frozenset[tuple[int, int]] | None = None
    numbers: tuple[int, ...] = ()
    where: Stack = ()


class Applied(NamedTuple):
    """``autograd.Function.apply``; ``backward`` is filled while its backward function is called."""

    name: str
    inputs: tuple[int, ...]
    grads: tuple[bool, ...]
    made: tuple[Made, ...]
    recording: bool
    stack: Stack
    scope: int
    backward: Backward


class Crossed(NamedTuple):
    """A value that left torch, or came into it.

    Attributes:
        came_from: the departed tensor that it equals (0: none); ``dtype``: of what it came as.
    """

    serial: int
    how: str
    stack: Stack
    came_from: int
    leaving: bool
    dtype: Any = None


class Marked(NamedTuple):
    """A gradient was asked for here: ``targets`` are the losses' serials."""

    targets: tuple[int, ...]


@dataclass(slots=True)
class Backward:
    """What a user's backward function was seen to answer, by position of the argument of ``apply``.

    ``positions``: the argument that each input is. ``none``: got ``None``; ``zero``: got only zeros, each time that
    what came in was not zero itself; ``calls``: how often that was.
    """

    code: Any = None
    positions: tuple[int, ...] = ()
    none: set[int] = field(default_factory=set)
    zero: set[int] = field(default_factory=set)
    calls: int = 0


class Stepped(NamedTuple):
    """An optimizer took a step before the entry of this number, and changed tensors of these shapes and serials."""

    number: int
    stack: Stack
    shapes: frozenset[tuple[int, ...]]
    serials: frozenset[int]


Entry = Met | Ran | Applied | Crossed | Marked


class PerThread(threading.local):
    """Our own re-entrance, and the modules being called in this thread."""

    def __init__(self) -> None:
        self.busy = False
        self.scope: tuple[int, ...] = ()
        # Inside a reentrant checkpoint: where it was called, and whether an input of it requires a gradient.
        self.checkpoint: tuple[Stack, bool] | None = None
        # How many functions of torch.func are around: tensors in them do not show whether they require a gradient.
        self.transforms = 0
        # This thread's function mode, while it is taken out for an optimizer's own work.
        self.paused: Any = None


class OwnWork:
    """A part of the program that is ours. It is entered several times in a step, which a generator would make dear."""

    __slots__ = ("_before", "_local", "_unheard")

    def __init__(self, local: PerThread) -> None:
        self._local = local

    def __enter__(self) -> None:
        self._unheard = torch._C.DisableTorchFunction()
        self._unheard.__enter__()
        self._before, self._local.busy = self._local.busy, True

    def __exit__(self, *error: object) -> None:
        self._local.busy = self._before
        self._unheard.__exit__(*error)


class Log:
    """Entries of one process, appended from any thread.

    Attributes:
        derived: gradients that a further one may be asked of: the serials of what was differentiated, and of what
            that gave.
        switched: where grad mode was last switched off; ``off``: the gradient requests that came while it was.
        stepped: the last steps of optimizers.
        emptied: the serial of a tensor whose ``.grad`` the script set, to the entry before which it did, and where.
        living: ``id`` of each tensor object that was noted, to its serial and itself.
    """

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.first = 0
        self.forgotten = False
        self.departed = False
        self.derived: deque[Pair] = deque(maxlen=MOST_DERIVED)
        self.local = PerThread()
        self.switched: Stack = ()
        self.off: set[int] = set()
        self.stepped: deque[Stepped] = deque(maxlen=MOST_STEPS)
        self.emptied: dict[int, tuple[int, Stack]] = {}
        self._serials = itertools.count(1)
        self.living: dict[int, tuple[int, weakref.ref[Any]]] = {}

    def own_work(self) -> OwnWork:
        """What runs inside is ours: not written down as the script's, and no subclass of tensors hears of it."""
        return OwnWork(self.local)

    def add(self, entry: Entry) -> None:
        """Append; forget the older half when the log is full."""
        self.entries.append(entry)
        if len(self.entries) > MOST_ENTRIES:
            for _ in range(MOST_ENTRIES // 2):
                self.entries.popleft()
            self.first += MOST_ENTRIES // 2
            self.forgotten = True

    @property
    def now(self) -> int:
        """The sequence number that the next entry will have."""
        return self.first + len(self.entries)

    def known(self, tensor: Any) -> int:
        """The serial of a tensor object, 0 if it was never noted."""
        found = self.living.get(id(tensor))
        return found[0] if found is not None and found[1]() is tensor else 0

    def serial(self, tensor: Any) -> int:
        """The serial of a tensor object, given to it now if it has none."""
        found = self.living.get(id(tensor))
        if found is not None and found[1]() is tensor:
            return found[0]
        number = next(self._serials)
        self.living[id(tensor)] = (number, weakref.ref(tensor))
        return number

    def fresh(self) -> int:
        """A serial for a tensor that nobody can hold."""
        return next(self._serials)

    def stands_for(self, tensor: Any, serial: int) -> None:
        """A tensor is another one in a wrap: what reads it reads that."""
        self.living[id(tensor)] = (serial, weakref.ref(tensor))

    def since(self, number: int) -> Iterable[Entry]:
        """The entries from a sequence number on."""
        return itertools.islice(self.entries, max(number - self.first, 0), None)

    def clear(self) -> None:
        """Forget every entry; living tensors keep their serials."""
        self.forgotten = self.forgotten or bool(self.entries)
        self.first += len(self.entries)
        self.entries.clear()
        self.derived.clear()
        self.emptied.clear()
        self.stepped.clear()
        self.off.clear()
        self.departed = False
        self.living = {key: known for key, known in self.living.items() if known[1]() is not None}
