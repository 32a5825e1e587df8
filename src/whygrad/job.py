"""A job of several processes, as `torchrun` starts it: the ranks report to rank 0, and rank 0 speaks for all.

A rank is told by the environment that the launcher makes. What a rank found travels through the launcher's own store,
so that nothing is left on any disk, and ranks on other machines are heard too.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from whygrad import letters
from whygrad.finding import Finding, Report

# Seconds that rank 0 waits, after its own end, for the others: one may be stuck for good because rank 0 has ended.
PATIENCE = 10.0
_STORE = "whygrad.recorders.torch.store"


@dataclass(frozen=True, slots=True)
class Job:
    """This process's place among those that train one model.

    Attributes:
        rank: its number; ``size``: how many there are.
        attempt: tells this start of the job from an earlier one.
    """

    rank: int
    size: int
    attempt: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Job | None:
        """The job that a launcher started this process for; ``None`` for a process on its own."""
        if not all(name in environment for name in ("RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID")):
            return None
        rank, size = environment["RANK"], environment["WORLD_SIZE"]
        if not (rank.isdecimal() and size.isdecimal()) or int(size) < 2:
            return None
        attempt = f"{environment['TORCHELASTIC_RUN_ID']}/{environment.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        return cls(int(rank), int(size), attempt)

    def send(self, report: Report) -> bool:
        """Hand this rank's report to rank 0; whether that went well."""
        store = _store()
        if store is None:
            return False
        return bool(store.put(self._key(self.rank), letters.written(report)))

    def collect(self, own: Report) -> Report:
        """Rank 0's report with what the other ranks found; waits ``PATIENCE`` seconds at most."""
        store, others = _store(), [rank for rank in range(self.size) if rank != self.rank]
        texts = store.taken([self._key(rank) for rank in others], PATIENCE) if store is not None else {}
        reports = {self.rank: own}
        for rank in others:
            text = texts.get(self._key(rank))
            if text is not None:
                with suppress(ValueError):  # of another version of whygrad
                    reports[rank] = letters.read(Report, text)
        return merged(reports, self.size)

    def _key(self, rank: int) -> str:
        return f"whygrad/{self.attempt}/{rank}"


def here() -> Job | None:
    """The job of this process."""
    return Job.of(os.environ)


def numbered(report: Report, rank: int) -> Report:
    """A report whose findings are those of one rank."""
    return replace(report, findings=tuple(replace(finding, ranks=(rank,)) for finding in report.findings))


def merged(reports: Mapping[int, Report], size: int) -> Report:
    """One report of a job: the requests of its first rank, and every rank's findings.

    Args:
        reports: rank to report.
        size: how many ranks there are; those that are missing are named.
    """
    ranks = sorted(reports)
    first = reports[ranks[0]]
    found: dict[Any, Finding] = {}
    for rank in ranks:
        for finding in numbered(reports[rank], rank).findings:
            known = found.get(finding.identity)
            found[finding.identity] = finding if known is None else _joined(known, finding)
    theirs = [f"rank {rank}: {note}" for rank in ranks[1:] for note in reports[rank].notes if note not in first.notes]
    notes = (*first.notes, *theirs, *_seen(list(found.values()), ranks, size))
    return replace(first, findings=tuple(found.values()), notes=notes)


def _joined(one: Finding, other: Finding) -> Finding:
    return replace(one.joined(other), ranks=one.ranks + other.ranks)


def _seen(findings: Sequence[Finding], ranks: Sequence[int], size: int) -> list[str]:
    """Which ranks saw what, where the findings themselves may have been said before that was known."""
    told = [f for f in findings if f.severity != "note"]
    if told and all(len(f.ranks) == size for f in told):
        return [f"the same on all {size} ranks"]
    notes = [f"{f.cause} of `{f.parameters[0].path}`: on {_named(f.ranks)} of {size}" for f in told]
    silent = [rank for rank in range(size) if rank not in ranks]
    if silent:
        notes.append(f"no report came from {_named(silent)} within {PATIENCE:.0f} seconds")
    return notes


def _named(ranks: Sequence[int]) -> str:
    return f"{'rank' if len(ranks) == 1 else 'ranks'} {', '.join(str(rank) for rank in ranks)}"


def _store() -> Any:
    """The store of the launcher; ``None`` where the script has not imported the framework that talks to it."""
    return importlib.import_module(_STORE) if "torch" in sys.modules else None
