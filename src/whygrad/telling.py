"""Telling: which findings are told while the script runs on, and what its end makes of those that were."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from whygrad.finding import Finding, listed


class Telling:
    """What has been told of one run.

    Args:
        announce: hears each finding that is told.
    """

    def __init__(self, announce: Callable[[Finding], None]) -> None:
        self._announce = announce
        self._told: dict[Hashable, Finding] = {}

    def tell(self, found: Mapping[Hashable, Finding], is_certain: Callable[[Finding], bool]) -> None:
        """Tell what is new and certain; notes wait for the end."""
        for key, finding in found.items():
            if key not in self._told and finding.severity != "note" and is_certain(finding):
                self._told[key] = finding
                self._announce(finding)

    def afterthoughts(self, report: Sequence[Finding]) -> Iterator[str]:
        """What is to be added at the end to what was told.

        Args:
            report: the findings as they are judged at the end.
        """
        at_last = {finding.identity: finding for finding in report}
        for key, told in self._told.items():
            finding = at_last.get(key)
            line = told.culprit.line if told.culprit is not None else None
            place = f"`{told.cause}`" + (f" in line {line}" if line is not None else "")
            if finding is None or finding.severity == "note":
                yield f"what was told of {place} is taken back: later steps bring these gradients"
            elif (new := finding.parameters[len(told.parameters) :]) and line is not None:
                yield f"{listed([p.name for p in new])} too: the same {told.cause} in line {line}"
