"""The closing lines of a report: how many findings, how the parameters fared, how the script ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from whygrad.finding import Finding, Report, Request
from whygrad.render.look import Look
from whygrad.render.neutral import neutral
from whygrad.render.prose import remark, wrapped

_INDENT = 4
_LONGEST_MESSAGE = 160
_UNUSED = "gradients were computed, but no optimizer took them up and nothing read them: no parameter was judged"
_SEVERITIES = ("error", "warning", "note")


def closing(report: Report, look: Look) -> list[Text]:
    """The verdict in one sentence, then what else the reader should know."""
    lines = _verdict(report, look)
    for note in (*report.notes, *_ending(report)):
        lines += remark("note", note, look)
    return lines


def _verdict(report: Report, look: Look) -> list[Text]:
    sentence = neutral(": ".join(filter(None, (_counts(report), _fared(report)))), look)
    lines = wrapped(Text.assemble(("whygrad:", "title"), f" {sentence}"), look.width, _INDENT)
    named = ", ".join(f"{name} {version}" for name, version in report.frameworks.items())
    versions = Text(f" ({neutral(named, look)})" if named else "", "faint")
    if lines[-1].cell_len + versions.cell_len <= look.width:
        lines[-1].append_text(versions)
    return lines


def _counts(report: Report) -> str:
    counts = Counter[str](finding.severity for finding in report.findings)
    return ", ".join(_count(counts[severity], severity) for severity in _SEVERITIES if counts[severity])


def _fared(report: Report) -> str:
    faults = [finding for finding in report.findings if finding.severity != "note"]
    clauses = list(_faulty(report, faults)) if faults else _healthy(report.requests)
    if not clauses:
        return "" if report.findings else _UNUSED if report.requests else "no gradient was asked for"
    if report.frozen:
        clauses.append(f"{report.frozen} frozen on purpose")
    return "; ".join(filter(None, (clauses[0], ", ".join(clauses[1:]))))


def _faulty(report: Report, faults: Sequence[Finding]) -> Iterator[str]:
    """Counts of distinct parameters; of how many in all is certain only where there is one request."""
    behind = [parameter for finding in faults for parameter in finding.parameters]
    lone = {parameter.path for finding in faults if finding.penalised for parameter in finding.parameters}
    partly = {parameter.path for finding in faults if finding.partly for parameter in finding.parameters}
    idle = {parameter.path for parameter in behind if parameter.gradient == "present"} - lone - partly
    without = {parameter.path for parameter in behind if parameter.gradient != "present"} - lone
    total = report.requests[0].parameters.total if len(report.requests) == 1 else 0
    beside = {parameter.path for finding in faults if finding.unasked for parameter in finding.parameters}
    for group, singular, plural in (
        (without, "gets no useful gradient", "get no useful gradient"),
        (lone, "gets its gradient from a weight penalty alone", "get their gradients from a weight penalty alone"),
        (partly, "learns nothing from a term of the loss", "learn nothing from a term of the loss"),
        (idle, "gets a gradient that is not applied", "get a gradient that is not applied"),
    ):
        if group:
            of = f"{len(group)} of {_count(total, 'parameter')}" if total >= len(group) and not group & beside else ""
            yield f"{of or _count(len(group), 'parameter')} {singular if len(group) == 1 else plural}"
    named = {parameter.path for finding in report.findings for parameter in finding.parameters} - beside
    if behind and total > len(named):
        yield f"{total - len(named)} {'is' if total - len(named) == 1 else 'are'} healthy"


def _healthy(requests: Sequence[Request]) -> list[str]:
    requests = [request for request in requests if request.parameters.total]
    if not requests:
        return []
    times = sum(request.count for request in requests)
    seen = f"({_count(len(requests), 'request')}, {'once' if times == 1 else f'{times} times'})"
    counts = requests[0].parameters
    if len(requests) > 1:
        who = "all parameters that were asked for get"
    elif counts.with_gradient < counts.total:
        who = f"{counts.with_gradient} of {_count(counts.total, 'parameter')} that were asked for get"
    elif counts.total == 1:
        who = "the one parameter that was asked for gets"
    else:
        who = f"all {counts.total} parameters that were asked for get"
    return [f"{who} a gradient {seen}"]


def _ending(report: Report) -> Iterator[str]:
    """How the script ended, where it did not end well; of a long message its start."""
    error = (report.error or "").strip()
    if error:
        message = error.splitlines()[0].removesuffix(":")
        short = f"{message[:_LONGEST_MESSAGE]} ..." if len(message) > _LONGEST_MESSAGE else message
        yield f"the script ended with {short}"
    elif report.status:
        yield f"the script ended with exit status {report.status}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
