"""A report as JSON, schema ``whygrad/1``: what other programs read.

Keys may be added; none may change its meaning without a new name of the schema.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from whygrad.finding import Finding, Fix, Report, Request
from whygrad.render.look import Look
from whygrad.span import Span

SCHEMA = "whygrad/1"


def render(report: Report, look: Look) -> str:
    """The report as one JSON object in pure ASCII; ends with a newline."""
    return json.dumps(_report(report, look), indent=2) + "\n"


def _report(report: Report, look: Look) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "tool": {"name": "whygrad", "version": report.version},
        "script": {"argv": list(report.argv), "status": report.status, "error": report.error},
        "frameworks": dict(report.frameworks),
        "requests": [_request(request, look) for request in report.requests],
        "findings": [_finding(f"F{at}", finding, look) for at, finding in enumerate(report.findings, 1)],
        "frozen": report.frozen,
        "notes": list(report.notes),
    }


def _request(request: Request, look: Look) -> dict[str, Any]:
    return {
        "id": request.id,
        "api": request.api,
        "where": _span(request.where, look),
        "count": request.count,
        "recorded": request.recorded,
        "parameters": asdict(request.parameters),
    }


def _finding(name: str, finding: Finding, look: Look) -> dict[str, Any]:
    return {
        "id": name,
        "cause": finding.cause,
        "severity": finding.severity,
        "title": finding.title,
        "parameters": [asdict(parameter) for parameter in finding.parameters],
        "culprit": _span(finding.culprit, look),
        "labels": [{"text": label.text, "where": _span(label.span, look)} for label in finding.labels],
        "chain": [{"role": step.role, "text": step.text, "where": _span(step.where, look)} for step in finding.chain],
        "notes": list(finding.notes),
        "fix": _fix(finding.fix, look) if finding.fix else None,
        "wrong_cures": list(finding.wrong_cures),
        "proof": asdict(finding.proof) if finding.proof else None,
        "request": finding.request,
        "steps": asdict(finding.steps),
        "ranks": list(finding.ranks),
        "penalised": finding.penalised,
    }


def _fix(fix: Fix, look: Look) -> dict[str, Any]:
    edits = [{**asdict(edit), "file": look.path(edit.file)} for edit in fix.edits]
    return {"summary": fix.summary, "edits": edits}


def _span(span: Span | None, look: Look) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "file": look.path(span.file),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "function": span.function,
        "code": span.code,
        "called_from": [_span(caller, look) for caller in span.called_from],
    }
