"""Updates that the script makes by itself, as the log of an eager run shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from whygrad.recorders.frames import Stack
from whygrad.recorders.tensorflow.assembly import is_write
from whygrad.recorders.tensorflow.log import Backpropagated, Crossed, Custom, Entry, Log, Ran, Read
from whygrad.recorders.tensorflow.updates import FEWEST_STEPS, Asked

_STEPS = ("Sub", "AddV2")  # a new value is the old one and some gradient


def writer_of(log: Log, handle: int) -> Stack:
    """Where the script last wrote to a variable; empty if that was not seen."""
    for _, entry in log.latest():
        if isinstance(entry, Ran) and entry.inputs[:1] == (handle,) and is_write(entry.op_type, entry.inputs):
            return entry.stack
    return ()


def note_copies(log: Log, requested: dict[int, Asked]) -> None:
    """Note where new values for variables are computed from them and their gradients, and nothing ever reads those."""
    entries = list(log.entries)
    used = _used(entries)
    copies = _new_values(entries, requested)
    for handle, made in copies.items():
        if len(made) >= FEWEST_STEPS and not any(number in used for number, _ in made):
            requested[handle].copied = made[-1][1]


def _used(entries: Iterable[Entry]) -> set[int]:
    """The tensors that anything reads, NumPy and Python included."""
    found: set[int] = set()
    for entry in entries:
        if isinstance(entry, (Ran, Backpropagated, Custom)):
            found.update(entry.inputs)
        elif isinstance(entry, Crossed) and entry.leaving:
            found.add(entry.id)
    return found


def _new_values(entries: Iterable[Entry], requested: dict[int, Asked]) -> dict[int, list[tuple[int, Stack]]]:
    """Variable to the sums and differences of it and something that a gradient went into."""
    holder: dict[int, int] = {}
    gradients: set[int] = set()
    found: dict[int, list[tuple[int, Stack]]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, Backpropagated):
            gradients.update(made.id for made in entry.made)
        elif isinstance(entry, Read):
            holder[entry.made.id] = entry.handle
        elif isinstance(entry, Ran) and entry.op_type == "ReadVariableOp":
            holder[entry.made[0].id] = entry.inputs[0]
        elif isinstance(entry, Ran) and not gradients.isdisjoint(entry.inputs):
            gradients.update(made.id for made in entry.made)
            handle = next((holder[i] for i in entry.inputs if i in holder), None)
            if entry.op_type in _STEPS and handle in requested:
                found[handle].append((entry.made[0].id, entry.stack))
    return found
