"""Parameters whose gradient comes through a computation that ran before the optimizer had changed them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.torch.asking import Backward
from whygrad.recorders.torch.log import Applied, Log, Ran

# Fewer steps in a row may be what a method makes of one forward pass.
FEWEST_TIMES = 3


@dataclass(slots=True)
class Outdated:
    """Counts, for each parameter of an optimizer, the steps that went through the same old computation.

    Attributes:
        places: by the name of a parameter, where it was last computed with.
    """

    places: dict[str, frames.Stack] = field(default_factory=dict)
    _times: dict[str, int] = field(default_factory=dict)

    def look(self, log: Log, held: Sequence[tuple[str, Any]], calls: Iterable[Backward], opened: int) -> None:
        """A step begins.

        Args:
            held: what the optimizer holds, by name.
            calls: the backward passes of this step.
            opened: the entry of the log where the optimizer's last step ended.
        """
        if not opened or log.forgotten or not log.entries:
            return
        read = {serial for entry in log.since(opened) if isinstance(entry, Ran | Applied) for serial in entry.inputs}
        leaves = frozenset[int]().union(*(call.leaves for call in calls if call.mark >= 0))
        stale = {name: log.known(p) for name, p in held if id(p) in leaves and log.known(p) not in read}
        if stale:
            views = _views_of(log, frozenset(stale.values()))
            stale = {name: number for name, number in stale.items() if read.isdisjoint(views.get(number, ()))}
        for name, _ in held:
            self._times[name] = self._times.get(name, 0) + 1 if name in stale else 0
        for name in [name for name in self.places if name not in stale]:
            del self.places[name]
        if stale and any(name not in self.places for name in stale):
            last = _last_reads(log, opened, frozenset(stale.values()))
            self.places |= {name: last[number] for name, number in stale.items() if number in last}

    def certain(self) -> dict[str, frames.Stack]:
        """Those of which every step but the first few went so, each with the place."""
        return {name: place for name, place in self.places.items() if self._times.get(name, 0) >= FEWEST_TIMES}


def _views_of(log: Log, wanted: frozenset[int]) -> dict[int, set[int]]:
    """The serials of the views of some tensors: who reads one reads what it is a view of."""
    found: dict[int, set[int]] = {}
    for entry in log.entries:
        if isinstance(entry, Ran | Applied):
            for made in entry.made:
                if made.base in wanted:
                    found.setdefault(made.base, set()).add(made.serial)
    return found


def _last_reads(log: Log, before: int, wanted: frozenset[int]) -> dict[int, frames.Stack]:
    """Where each of some tensors was last read before an entry of the log."""
    found: dict[int, frames.Stack] = {}
    for number, entry in enumerate(log.entries, log.first):
        if number >= before:
            break
        if isinstance(entry, Ran | Applied):
            found.update((serial, entry.stack) for serial in entry.inputs if serial in wanted)
    return found
