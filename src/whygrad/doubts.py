"""What a single graph can not settle: whether another request, or the next step, serves a parameter after all.

A branch that one step does not take, with a weight penalty on it all the same, looks like a fault for that step only,
and so does a sequence of a single element.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from whygrad.finding import Finding
from whygrad.graph import Graph


def is_doubtful(finding: Finding) -> bool:
    """Whether the next step may show something else: of what a penalty alone moves, or is zero by a shape alone."""
    return finding.penalised or finding.doubtful


def settled(findings: Sequence[Finding], traced: bool) -> list[Finding]:
    """The findings of a step: where it is compiled, its shapes stay what they are."""
    return [replace(finding, doubtful=False) for finding in findings] if traced else list(findings)


@dataclass(slots=True)
class Doubt:
    """The parameters of which the same doubtful thing was to be said in each of so many graphs of one place."""

    graphs: int
    paths: set[str]


class Doubts:
    """The parameters of every place that asks for gradients of which one graph does not say enough.

    Args:
        enough: how many graphs of a place must agree while the script runs on.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._places: dict[str, Doubt] = {}

    def note(self, place: str, findings: Sequence[Finding]) -> None:
        """Take in what one more graph of a place shows."""
        paths = {p.path for finding in findings if is_doubtful(finding) for p in finding.parameters}
        known = self._places.setdefault(place, Doubt(0, paths))
        known.graphs += 1
        known.paths &= paths

    def of(self, place: str | None) -> bool:
        """Whether another graph of that place could still refute something."""
        known = self._places.get(place or "")
        return known is not None and bool(known.paths) and known.graphs < self._enough

    def upheld(self, found: Mapping[Hashable, Finding]) -> dict[Hashable, Finding]:
        """The findings without what has been refuted."""
        kept = {key: self._without_refuted(finding) for key, finding in found.items()}
        return {key: finding for key, finding in kept.items() if finding.parameters}

    def _without_refuted(self, finding: Finding) -> Finding:
        known = self._places.get(finding.request or "")
        if not is_doubtful(finding) or known is None:
            return finding
        return finding.of(tuple(p for p in finding.parameters if p.path in known.paths))


# Causes by which a parameter is simply not part of one loss of several.
_NOT_OF_THIS_LOSS = ("not-called", "unused-output", "wrong-source")

# A gradient that does not arrive, and a tensor of the same name as the one that has it: both are served in name only.
_OF_ITS_OWN = ("not-updated", "replaced-parameter")


def without_served(
    finding: Finding, graph: Graph, got: Counter[str], reached: Set[str] = frozenset()
) -> Finding | None:
    """Leave out the parameters that another request of the same step served.

    Unless the whole request came back empty although its loss depends on them: nobody asks for that.

    Args:
        got: how often each path got a gradient in the step.
        reached: the paths to which another request has a way, whatever came back: a critic's last bias gets 1 - 1.
    """
    if finding.penalised:
        kept = tuple(p for p in finding.parameters if got[p.path] < 2)
        return finding.of(kept) if kept else None
    if finding.cause in _OF_ITS_OWN or finding.partly:
        return finding
    dead = all(p.gradient == "none" for p in graph.parameters if p.asked)
    apart = finding.cause in _NOT_OF_THIS_LOSS
    if dead and not apart:
        return finding
    served = got.keys() | reached if apart else got.keys()
    # Measured, and that of the request itself; what is there and is spoken of is wrong for another reason.
    useless = ("zero", "nonfinite", "present")
    kept = tuple(p for p in finding.parameters if p.gradient in useless or p.path not in served)
    return finding.of(kept) if kept else None
