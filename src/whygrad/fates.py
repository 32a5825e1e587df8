"""Fates: how parameters fared over the steps, and what that makes of a finding."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from whygrad.finding import Finding, Steps

# Which branch, head or expert a step takes is often its data's choice: these are told when several steps agree.
_DATA_DECIDES = frozenset(("not-called", "unused-output"))
STEPS_TO_AGREE = 4
# A fault of these causes begins at some step by nature: gradients of earlier steps do not excuse it.
_BEGINS_LATE = frozenset(
    ("replaced-parameter", "frozen", "wrong-source", "not-watched", "not-updated", "nonfinite-gradient")
)
_EXCUSE = "other steps bring these gradients: a fault only if they were meant to come in these steps too"
# Zeros that a step's values make may be mended by a later step: these are told at the end.
_MAY_BE_MENDED = frozenset(("zero-gradient", "custom-gradient"))


@dataclass(slots=True)
class Fate:
    """Over how many steps a parameter was asked for, and in how many it got nothing of use.

    Attributes:
        broken: in how many of these something came that is not finite.
        traced: in how many it is only known that there was a way for its gradient.
    """

    seen: int = 0
    without: int = 0
    broken: int = 0
    traced: int = 0


class Fates:
    """The fate of every parameter, by its path.

    Attributes:
        ended_in: the error in which the script ended, once it has.
    """

    def __init__(self) -> None:
        self.ended_in: str | None = None
        self._fates: dict[str, Fate] = {}

    def note(
        self,
        asked: Iterable[str],
        got: Set[str],
        traced: Set[str] = frozenset(),
        broken: Set[str] = frozenset(),
        times: int = 1,
    ) -> None:
        """A step is over, in which these were asked for, and those got a gradient; of some, ``traced``, just a way.

        Args:
            broken: those that got nothing but what is not finite.
            times: so many steps were like it.
        """
        for path in asked if times else ():
            fate = self._fates.setdefault(path, Fate())
            fate.seen += times
            fate.without += times * (path not in got)
            fate.broken += times * (path not in got and path in broken)
            fate.traced += times * (path in got and path in traced)

    def asked(self) -> Set[str]:
        """The paths of all that was ever asked for."""
        return self._fates.keys()

    def served(self) -> frozenset[str]:
        """The paths of all that got a gradient in some step."""
        return frozenset(path for path, fate in self._fates.items() if fate.without < fate.seen)

    def is_certain(self, finding: Finding, closing: bool) -> bool:
        """Whether a finding can be told while the script runs on; at the end of the run all but notes are."""
        if closing:
            return not self._is_served(finding) and not self.withdrawn(finding)
        if finding.unasked and finding.cause == "not-updated":
            return False  # an optimizer that is made later may hold it
        if finding.cause in _MAY_BE_MENDED and any(p.gradient == "zero" for p in finding.parameters):
            return False
        if finding.awaited:
            return True
        agreed = all(f.without == f.seen >= STEPS_TO_AGREE for f in self._of(finding))
        return agreed or (finding.cause not in _DATA_DECIDES and not self._is_served(finding))

    def withdrawn(self, finding: Finding) -> bool:
        """Whether nobody had asked for it then, and somebody did later on."""
        return finding.unasked and any(f.without < f.seen for f in self._of(finding))

    def judged(self, finding: Finding) -> Finding:
        """The finding with how often it held; what got its gradient in other steps is a note."""
        fates = self._of(finding)
        seen = max((f.seen for f in fates), default=1)
        without = max((f.without for f in fates), default=seen)
        finding = replace(finding, steps=Steps(seen, without))
        return _excused(finding) if self._is_served(finding) else finding

    def may_be_excused(self, finding: Finding) -> bool:
        """Whether gradients of other steps would excuse it."""
        had_it = all(p.gradient == "present" for p in finding.parameters)  # that is not what is wrong with it
        return finding.cause not in _BEGINS_LATE and not finding.awaited and not had_it

    def _is_served(self, finding: Finding) -> bool:
        """Whether each of its parameters got its gradient in some step, and that excuses the others."""
        if finding.raised is not None and finding.raised == self.ended_in:
            return False
        fates = self._of(finding)
        by_value = finding.cause in _MAY_BE_MENDED
        # Where something came that is not finite, there was a way: that is a fault of its own.
        no_way = all(parameter.gradient == "none" for parameter in finding.parameters)
        served = (0 < f.without - no_way * f.broken < f.seen - by_value * f.traced for f in fates)
        return bool(fates) and all(served) and self.may_be_excused(finding)

    def _of(self, finding: Finding) -> list[Fate]:
        return [self._fates[p.path] for p in finding.parameters if p.path in self._fates]


def spreads(earlier: Finding, later: Finding) -> bool:
    """Whether what is not finite may be so because of what an earlier step has left behind."""
    return earlier.cause == later.cause == "nonfinite-gradient"


def _excused(finding: Finding) -> Finding:
    """A finding that is for information: nothing needs to be changed, and a filter of `None` may be right."""
    return replace(finding, severity="note", notes=(*finding.notes, _EXCUSE), fix=None, wrong_cures=())
