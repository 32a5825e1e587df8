"""The run with the changes, compared with the first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from whygrad.finding import Affected, Edit, Finding, Fix, Report
from whygrad.proof import Shown, edits_of, with_proofs
from whygrad.span import Span

EDIT = Edit("train.py", 7, 1, 7, 5, "x")
CUT = Finding(
    "stop-gradient",
    "error",
    "`w` gets no gradient: it is stopped",
    (Affected("w", (2,), "float32"),),
    Span("train.py", 7, 1, 7, 5),
    fix=Fix("take it away", (EDIT,)),
)
OTHER = replace(CUT, cause="frozen", title="`w` is frozen", fix=Fix("thaw it"))


def report(*findings: Finding, error: str | None = None) -> Report:
    return Report("0", ("train.py",), 0, error, findings=findings)


def test_what_gets_its_gradient_is_proven() -> None:
    (finding,) = with_proofs(report(CUT), Shown(("w",), (), None)).findings
    assert finding.proof is not None
    assert (finding.proof.kind, finding.proof.holds) == ("counterfactual", True)
    assert finding.proof.text == "the script was run once more with this change: `w` gets its gradient"
    assert finding.fix == CUT.fix


def test_a_change_that_does_not_help_is_offered_no_more() -> None:
    (finding,) = with_proofs(report(CUT), Shown((), (CUT,), None)).findings
    assert finding.proof is not None
    assert not finding.proof.holds
    assert finding.proof.text.endswith("with this change, and `w` gets no gradient: it is stopped")
    assert finding.fix == Fix("take it away")


@pytest.mark.parametrize(
    "shown",
    [
        Shown((), (OTHER,), None),  # another fault is behind it
        Shown((), (), None),  # the run did not come so far
        Shown(("v",), (), None),
    ],
)
def test_nothing_is_claimed_of_what_the_run_does_not_settle(shown: Shown) -> None:
    assert with_proofs(report(CUT), shown).findings == (CUT,)


@pytest.mark.parametrize(
    ("first", "notes"),
    [("E: no", ()), (None, ("the script was run once more with this change, and it ended with E: no",))],
)
def test_another_end_is_noted(first: str | None, notes: tuple[str, ...]) -> None:
    proven = with_proofs(report(CUT, error=first), Shown(("w",), (), "E: no"))
    assert proven.notes == notes
    assert proven.findings[0].proof is not None


def test_what_had_its_gradient_is_mended_where_nothing_is_found_any_more() -> None:
    idle = replace(CUT, cause="untracked", unasked=True, parameters=(Affected("w", (2,), "float32", "present"),))
    (finding,) = with_proofs(report(idle), Shown(("layers.0.w",), (), None)).findings
    assert finding.proof is not None
    assert finding.proof.text.endswith("with this change, and untracked is gone")


def test_only_what_counts_and_has_a_change_is_tried() -> None:
    note = replace(CUT, severity="note")
    assert edits_of(report(CUT, OTHER, note)) == (EDIT,)
    assert with_proofs(report(OTHER, note), Shown(("w",), (), None)).findings == (OTHER, note)


def test_all_changes_are_tried_together() -> None:
    both = report(CUT, replace(CUT, culprit=Span("train.py", 9)))
    (finding, _) = with_proofs(both, Shown(("w",), (), None)).findings
    assert finding.proof is not None
    assert "with the changes of all 2 findings that have one: " in finding.proof.text


def test_a_change_with_which_the_framework_raises_is_offered_no_more() -> None:
    raised = replace(OTHER, cause="graph-error", title="`w` gets no gradient: the request raised")
    (finding,) = with_proofs(report(CUT), Shown((), (raised,), "RuntimeError: no")).findings
    assert finding.proof is not None
    assert not finding.proof.holds
    assert finding.fix == Fix("take it away")
    assert with_proofs(report(CUT, error="RuntimeError: no"), Shown((), (raised,), "RuntimeError: no")).findings == (
        CUT,
    )
