"""The JSON report, key by key, as its contract gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from whygrad.finding import (
    Affected,
    Counts,
    Edit,
    Finding,
    Fix,
    Label,
    Proof,
    Report,
    Request,
    Step,
    Steps,
)
from whygrad.render.json import render
from whygrad.render.look import Look
from whygrad.span import Span

SCHEMA = Path(__file__).parent / "report.schema.json"
LOOK = Look(cwd="/work/project")

CALLER = Span("train.py", 30, 5, 30, 12, "<module>", "train()")
CULPRIT = Span("/work/project/net.py", 23, 31, 23, 61, "Net.call", "tf.square(model.dense1(x) - y)", (CALLER,))
PACKAGE = Span("/opt/site-packages/block.py", 8)
FULL = Finding(
    cause="unused-output",
    severity="error",
    title="the loss is computed from `dense1`, before `pred`",
    parameters=(Affected("pred/kernel", (None, 1), "float32"), Affected("pred/bias", None, None, "zero")),
    culprit=CULPRIT,
    labels=(Label(CULPRIT, "the loss is built from this"),),
    chain=(Step("parameter", "pred/kernel"), Step("cut", "`predictions`", PACKAGE)),
    notes=("a note",),
    fix=Fix("pass `predictions` to the loss", (Edit("/work/project/net.py", 23, 40, 23, 61, "predictions"),)),
    wrong_cures=("a wrong cure",),
    proof=Proof("counterfactual", True, "with the cut bridged, both get a finite non-zero gradient"),
    request="R1",
    steps=Steps(10, 10),
    ranks=(0, 1),
)
BARE = Finding("unexplained", "warning", "title", (), None)
REPORT = Report(
    version="0.1.0",
    argv=("train.py", "--epochs", "1"),
    status=1,
    error="ValueError: größe \udc80 \x1b[2J",
    frameworks={"tensorflow": "2.21.0", "keras": "3.15.1"},
    requests=(
        Request("R1", "tf.GradientTape.gradient", PACKAGE, 10, 1, Counts(4, 2, 2)),
        Request("R2", "loss.backward", None, 1, 0, Counts()),
    ),
    findings=(FULL, BARE),
    frozen=10,
    notes=("a note of the report",),
)


def span(file: str, line: int | None, **known: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("column", "end_line", "end_column", "function", "code"))
    return {"file": file, "line": line, **unknown, "called_from": [], **known}


def test_the_whole_report() -> None:
    package = span("/opt/site-packages/block.py", 8)
    caller = span("train.py", 30, column=5, end_line=30, end_column=12, function="<module>", code="train()")
    culprit = span(
        "net.py",
        23,
        column=31,
        end_line=23,
        end_column=61,
        function="Net.call",
        code="tf.square(model.dense1(x) - y)",
        called_from=[caller],
    )
    assert json.loads(render(REPORT, LOOK)) == {
        "schema": "whygrad/1",
        "tool": {"name": "whygrad", "version": "0.1.0"},
        "script": {
            "argv": ["train.py", "--epochs", "1"],
            "status": 1,
            "error": "ValueError: größe \udc80 \x1b[2J",
        },
        "frameworks": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        "requests": [
            {
                "id": "R1",
                "api": "tf.GradientTape.gradient",
                "where": package,
                "count": 10,
                "recorded": 1,
                "parameters": {
                    "total": 4,
                    "with_gradient": 2,
                    "without_gradient": 2,
                    "zero": 0,
                    "nonfinite": 0,
                },
            },
            {
                "id": "R2",
                "api": "loss.backward",
                "where": None,
                "count": 1,
                "recorded": 0,
                "parameters": {
                    "total": 0,
                    "with_gradient": 0,
                    "without_gradient": 0,
                    "zero": 0,
                    "nonfinite": 0,
                },
            },
        ],
        "findings": [
            {
                "id": "F1",
                "cause": "unused-output",
                "severity": "error",
                "title": "the loss is computed from `dense1`, before `pred`",
                "parameters": [
                    {"path": "pred/kernel", "shape": [None, 1], "dtype": "float32", "gradient": "none", "written": ""},
                    {"path": "pred/bias", "shape": None, "dtype": None, "gradient": "zero", "written": ""},
                ],
                "culprit": culprit,
                "labels": [{"text": "the loss is built from this", "where": culprit}],
                "chain": [
                    {"role": "parameter", "text": "pred/kernel", "where": None},
                    {"role": "cut", "text": "`predictions`", "where": package},
                ],
                "notes": ["a note"],
                "fix": {
                    "summary": "pass `predictions` to the loss",
                    "edits": [
                        {
                            "file": "net.py",
                            "line": 23,
                            "column": 40,
                            "end_line": 23,
                            "end_column": 61,
                            "text": "predictions",
                        }
                    ],
                },
                "wrong_cures": ["a wrong cure"],
                "proof": {
                    "kind": "counterfactual",
                    "holds": True,
                    "text": "with the cut bridged, both get a finite non-zero gradient",
                },
                "request": "R1",
                "steps": {"seen": 10, "without_gradient": 10},
                "ranks": [0, 1],
                "penalised": False,
            },
            {
                "id": "F2",
                "cause": "unexplained",
                "severity": "warning",
                "title": "title",
                "parameters": [],
                "culprit": None,
                "labels": [],
                "chain": [],
                "notes": [],
                "fix": None,
                "wrong_cures": [],
                "proof": None,
                "request": None,
                "steps": {"seen": 1, "without_gradient": 1},
                "ranks": [0],
                "penalised": False,
            },
        ],
        "frozen": 10,
        "notes": ["a note of the report"],
    }


def test_an_empty_report() -> None:
    shown = json.loads(render(Report("0.1.0", (), None, None), LOOK))
    assert shown["script"] == {"argv": [], "status": None, "error": None}
    assert shown["findings"] == shown["requests"] == shown["notes"] == []
    assert shown["frameworks"] == {}


def test_it_can_be_written_anywhere() -> None:
    for look in (LOOK, Look(width=10, color=True, unicode=False, cwd="/work/project")):
        shown = render(REPORT, look)
        assert shown.isascii()
        assert "\x1b" not in shown
        assert shown == render(REPORT, LOOK)


@pytest.mark.parametrize("report", [REPORT, Report("0.1.0", (), None, None)], ids=["full", "empty"])
def test_it_obeys_the_schema(report: Report) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads(render(report, LOOK)))


def test_the_schema_knows_every_key() -> None:
    """A key that is added to the report is added to the schema, too."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    shown = json.loads(render(REPORT, LOOK))
    kinds = schema["$defs"]
    for record, known in (
        (shown, schema),
        (shown["requests"][0], kinds["request"]),
        (shown["findings"][0], kinds["finding"]),
        (shown["findings"][0]["parameters"][0], kinds["parameter"]),
        (shown["findings"][0]["culprit"], kinds["span"]),
        (shown["findings"][0]["fix"]["edits"][0], kinds["edit"]),
    ):
        assert set(record) == set(known["properties"])
        assert set(known["required"]) <= set(record)
