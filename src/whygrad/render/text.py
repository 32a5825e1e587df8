"""A report in words for a terminal, in the voice of a compiler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.text import Text

from whygrad.finding import Finding, Label, Proof, Report, Step
from whygrad.render.frame import frame
from whygrad.render.gutter import Gutter, place
from whygrad.render.look import Look, paint
from whygrad.render.neutral import neutral
from whygrad.render.parameters import listing
from whygrad.render.prose import remark, wrapped
from whygrad.render.suggestion import suggestion
from whygrad.render.summary import closing
from whygrad.span import Span

_HEADLINE_INDENT = 4
_MOST_NAMED = 3
_MOST_CALLERS = 4
_LEAST_STEPS, _MOST_STEPS = 3, 9
_SURE = {"counterfactual": "proven", "structural": "shown", "inferred": "likely"}


def render(report: Report, look: Look) -> str:
    """All findings in the order given, then the summary; ends with a newline."""
    parts = [finding(each, look) for each in report.findings]
    return "\n\n".join([*parts, summary(report, look)]) + "\n"


def finding(finding: Finding, look: Look) -> str:
    """One finding: headline, code frame, notes, help, proof; no newline at the end."""
    return paint(_finding(finding, look), look)


def proof(finding: Finding, look: Look) -> str:
    """What was proven of a finding that has been shown already; no newline at the end."""
    line = finding.culprit.line if finding.culprit else None
    place = f"{finding.cause} in line {line}: " if line is not None else ""
    proof = finding.proof
    return paint(_proof(replace(proof, text=place + proof.text), look), look) if proof else ""


def summary(report: Report, look: Look) -> str:
    """The closing lines of a report; no newline at the end."""
    return paint(closing(report, look), look)


def _finding(finding: Finding, look: Look) -> Iterator[Text]:
    labels = finding.labels or tuple(Label(span, "") for span in (finding.culprit,) if span)
    gutter = Gutter(_digits(finding, labels), look)
    yield from _headline(finding, look)
    if labels:
        yield from frame(labels, finding.severity, gutter)
    yield from _called_from(finding, labels, gutter)
    for note in _notes(finding, bool(labels)):
        yield from remark("note", note, look)
    if len(finding.parameters) > _MOST_NAMED:
        yield from listing(finding.parameters, look)
    if finding.fix:
        yield from suggestion(finding.fix, labels[0].span.file if labels else None, gutter)
    for cure in finding.wrong_cures:
        yield from remark("note", cure, look)
    if finding.proof:
        yield from _proof(finding.proof, look)


def _headline(finding: Finding, look: Look) -> list[Text]:
    head = f"{finding.severity}[{neutral(finding.cause, look)}]"
    title = f": {neutral(finding.title, look)}"
    return wrapped(Text.assemble((head, finding.severity), (title, "title")), look.width, _HEADLINE_INDENT)


def _digits(finding: Finding, labels: Sequence[Label]) -> int:
    """Digits of the largest line number that the frame or the help will show."""
    edits = finding.fix.edits if finding.fix else ()
    return len(str(max([1, *(label.span.line or 1 for label in labels), *(edit.end_line for edit in edits)])))


def _called_from(finding: Finding, labels: Sequence[Label], gutter: Gutter) -> Iterator[Text]:
    """The frames that lead out to the user's line, but for those already in sight."""
    in_sight = {(label.span.file, label.span.line) for label in labels}
    callers = finding.culprit.called_from if finding.culprit else ()
    callers = tuple(caller for caller in callers if (caller.file, caller.line) not in in_sight)
    middle = len(callers) - _MOST_CALLERS
    for index, caller in enumerate(callers):
        if middle > 1 and index == _MOST_CALLERS - 1:
            yield from gutter.aside(f"... {middle} calls between")
        if middle <= 1 or index < _MOST_CALLERS - 1 or index == len(callers) - 1:
            yield from gutter.aside(_called(caller, gutter.look))


def _called(caller: Span, look: Look) -> str:
    within = f" in {caller.function}" if caller.function else ""
    return f"called from {place(caller, look)}{within}"


def _notes(finding: Finding, has_frame: bool) -> Iterator[str]:
    if not has_frame:
        yield "the place in the code is not known"
    if len(finding.chain) >= _LEAST_STEPS and not any(note.startswith("path:") for note in finding.notes):
        yield f"path: {' > '.join(_stations(finding.chain))}"
    yield from finding.notes
    steps = finding.steps
    seen = []
    if 0 < steps.without_gradient < steps.seen:
        seen.append(f"in {steps.without_gradient} of {steps.seen} steps")
    if finding.ranks != (0,):
        seen.append(f"on {'rank' if len(finding.ranks) == 1 else 'ranks'} {_ranges(finding.ranks)}")
    if seen:
        yield f"seen {', '.join(seen)}"


def _stations(chain: Sequence[Step]) -> list[str]:
    """The steps' words; of a long way its ends and its cuts, with their neighbours."""
    kept = {at + near for at, step in enumerate(chain) if step.role == "cut" for near in (-1, 0, 1)}
    kept |= {0, 1, len(chain) - 2, len(chain) - 1}
    if len(chain) <= _MOST_STEPS:
        kept = set(range(len(chain)))
    words: list[str] = []
    for at, step in enumerate(chain):
        if at in kept:
            words.append(step.text)
        elif at - 1 in kept:
            words.append("...")
    return words


def _ranges(ranks: Sequence[int]) -> str:
    """``0-3, 7 and 9``: neighbouring numbers drawn together."""
    ranges: list[list[int]] = []
    for rank in sorted(ranks):
        if ranges and rank == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], rank]
        else:
            ranges.append([rank])
    *first, last = ("-".join(map(str, ends)) for ends in ranges)
    return f"{', '.join(first)} and {last}" if first else last


def _proof(proof: Proof, look: Look) -> list[Text]:
    kind = _SURE[proof.kind] if proof.holds else "unproven"
    return remark(kind, proof.text, look, head=None if proof.holds else "not proven")
