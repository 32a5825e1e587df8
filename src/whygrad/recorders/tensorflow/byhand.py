"""Updates that the script makes by itself, as the log of an eager run shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from whygrad.recorders.frames import Stack
from whygrad.recorders.tensorflow.assembly import is_write
from whygrad.recorders.tensorflow.log import Backpropagated, Crossed, Custom, Entry, Log, Ran, Read
from whygrad.recorders.tensorflow.updates import FEWEST_STEPS, Asked, Updates

_STEPS = ("Sub", "AddV2")  # a new value is the old one and some gradient


def writer_of(log: Log, handle: int) -> Stack:
    """Where the script last wrote to a variable; empty if that was not seen."""
    for _, entry in log.latest():
        if isinstance(entry, Ran) and entry.inputs[:1] == (handle,) and is_write(entry.op_type, entry.inputs):
            return entry.stack
    return ()


def note_copies(log: Log, updates: Updates) -> None:
    """Note where new values for variables are computed from them and their gradients, and nothing ever reads those.

    Where the gradients themselves went to NumPy is noted too: what was computed there is not seen.
    """
    entries, requested = list(log.entries), updates.requested
    for number, stack in _departures(entries, updates.pairing.owners()).items():
        if number in requested:
            requested[number].departed = stack
    used = _used(entries)
    copies = _new_values(entries, requested)
    for handle, made in copies.items():
        if len(made) >= FEWEST_STEPS and not any(number in used for number, _ in made):
            requested[handle].copied = made[-1][1]


def _departures(entries: Sequence[Entry], owners: Mapping[int, set[int]]) -> Mapping[int, Stack]:
    """Variable to where its latest gradient, or what was made of that alone, left for NumPy."""
    held = {gradient: next(iter(numbers)) for gradient, numbers in owners.items() if len(numbers) == 1}
    found: dict[int, Stack] = {}
    for entry in entries:
        if isinstance(entry, Ran):
            of = {held[number] for number in entry.inputs if number in held}
            held.update((made.id, next(iter(of))) for made in entry.made if len(of) == 1)
        elif isinstance(entry, Crossed) and entry.leaving and entry.id in held:
            found.setdefault(held[entry.id], entry.stack)
    return found


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
