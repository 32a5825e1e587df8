"""What a proof must show: the script run once more with the changes that help offers, compared with the first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from whygrad.finding import Edit, Finding, Fix, Proof, Report, listed

_AGAIN = "the script was run once more with {}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the run with the changes showed.

    Attributes:
        served: the paths of all parameters that got a gradient of use in some step.
        findings: what was found of it.
        error: the exception that it ended in, as ``Type: message``.
    """

    served: tuple[str, ...]
    findings: tuple[Finding, ...]
    error: str | None


def edits_of(report: Report) -> tuple[Edit, ...]:
    """All changes that help offers for what counts, as one."""
    return tuple(edit for finding in _mendable(report.findings) if finding.fix for edit in finding.fix.edits)


def with_proofs(report: Report, shown: Shown) -> Report:
    """The report, with a counterfactual proof for each finding whose change was tried.

    A change that does not help, or with which the framework raises, is offered no more. A finding behind which the run
    showed another fault stays as it is.
    """
    tried = list(_mendable(report.findings))
    changes = "this change" if len(tried) == 1 else f"the changes of all {len(tried)} findings that have one"
    again = _AGAIN.format(changes)
    raised = shown.error if report.error is None else None
    findings = [_proven(f, shown, again, raised) if f in tried else f for f in report.findings]
    notes = list(report.notes)
    if shown.error is not None and shown.error != report.error:  # by the change, or for another reason
        notes.append(f"{again}, and it ended with {shown.error.splitlines()[0]}")
    return replace(report, findings=tuple(findings), notes=tuple(notes))


def _mendable(findings: Sequence[Finding]) -> Iterator[Finding]:
    return (f for f in findings if f.severity != "note" and f.fix is not None and f.fix.edits)


def _proven(finding: Finding, shown: Shown, again: str, raised: str | None) -> Finding:
    """A finding with what its change has shown; ``raised``: what only the run with the changes ended in."""
    names = listed([p.name for p in finding.parameters])
    paths = {p.path for p in finding.parameters}
    left = [f for f in shown.findings if f.severity != "note" and (f.cause == finding.cause or paths & _paths(f))]
    same = next((f for f in left if f.cause == finding.cause), None)
    if same is not None:
        return _refuted(finding, f"{again}, and {same.title}")
    if left:
        breaks = raised is not None and any(f.cause == "graph-error" for f in left)
        return _refuted(finding, f"{again}, and then the framework raises") if breaks else finding
    served = paths <= set(shown.served)
    if served and any(p.gradient != "present" for p in finding.parameters):
        verb = "gets its gradient" if len(paths) == 1 else "get their gradients"
        return replace(finding, proof=Proof("counterfactual", True, f"{again}: {names} {verb}"))
    if served or (finding.unasked and shown.served):  # the change may give them other names
        return replace(finding, proof=Proof("counterfactual", True, f"{again}, and {finding.cause} is gone"))
    return finding


def _paths(finding: Finding) -> set[str]:
    return {parameter.path for parameter in finding.parameters}


def _refuted(finding: Finding, text: str) -> Finding:
    fix = Fix(finding.fix.summary) if finding.fix is not None else None
    return replace(finding, fix=fix, proof=Proof("counterfactual", False, text))
