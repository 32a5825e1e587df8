"""Compares what whygrad says of a program with the framework's own answer and with what was planted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from agreement.grammar import Program
from agreement.runner import PROGRAM, Observed
from agreement.writing import Script

SCHEMA = json.loads((Path(__file__).parent.parent / "render" / "report.schema.json").read_text("utf-8"))
LOST = frozenset(("none", "zero"))
# The last line of a program whose numbers have grown beyond all bounds.
DIVERGED = re.compile(r"^done .*\b(?:nan|inf)\b", re.MULTILINE)
NONFINITE = "nonfinite-gradient"
# What is new in every run: the name of the file that AutoGraph writes, time and process in a line of TensorFlow's log,
# the number of a function of a graph; and the frames of the runner, which calls a program in two ways.
DRAWN = re.compile(
    r"__autograph_generated_file\w+|(?m:^[IWE]\d{4} [\d:. ]+)|(?<=Op:__inference_)\w+"
    r'|(?m:^  File "[^"]*/agreement/runner\.py", line.*\n\n)'
)


class Complaint(NamedTuple):
    """One thing wrong.

    Attributes:
        kind: ``disagreement``, ``missed cause``, ``missed line``, ``false alarm``, ``changed``, ``report``, or ``edit``
            where help's change does not mend the program.
        detail: what was found; of the same kind and detail, only the first is shrunk.
    """

    kind: str
    detail: str
    words: str = ""


def judge(dialect: Any, program: Program, script: Script, seen: Observed) -> list[Complaint]:
    """Everything that is wrong."""
    broken = [*_unchanged(seen), *_unmended(seen)]
    if seen.plain.facts is None or seen.guided.facts is None or not seen.guided.report:
        return broken or [Complaint("report", "none", seen.guided.stderr[-500:])]
    report = json.loads(seen.guided.report)
    malformed = list(_well_formed(seen, report))
    if any(c.detail == "schema" for c in malformed):
        return [*broken, *malformed]
    if DIVERGED.search(seen.plain.stdout) and not any(cause == NONFINITE for cause, _ in script.marks):
        report["findings"] = [f for f in report["findings"] if f["cause"] != NONFINITE]  # right, and not planted
    return [*broken, *malformed, *_judged(dialect, program, script, seen.plain.facts.verdicts, report)]


def _unchanged(seen: Observed) -> Iterator[Complaint]:
    plain, guided = seen.plain, seen.guided
    if plain.facts is None:
        yield Complaint("program", "does not run", plain.stderr[-800:])
        return
    for name in ("verdicts", "weights", "randomness", "error"):
        theirs = getattr(guided.facts, name, None)
        if getattr(plain.facts, name) != theirs:
            yield Complaint("changed", name, f"{getattr(plain.facts, name)} became {theirs}\n{guided.stderr[-800:]}")
    if plain.stdout != guided.stdout:
        yield Complaint("changed", "stdout", guided.stdout[-500:])
    said = f"\n{guided.stderr}".partition("\nwhygrad: ")[0]  # with --quiet its closing lines come last
    if DRAWN.sub("", plain.stderr.strip()) != DRAWN.sub("", said.strip()):
        yield Complaint("changed", "stderr", f"{plain.stderr[-800:]}\n-- became --\n{said[-800:]}")


def _unmended(seen: Observed) -> Iterator[Complaint]:
    """The causes that are found once more although help's changes were made."""
    if seen.changed is None:
        return
    before, after = (json.loads(run.report or '{"findings": []}')["findings"] for run in (seen.guided, seen.changed))
    counted = {f["cause"] for f in before if f["severity"] != "note" and f["fix"] and f["fix"]["edits"]}
    without = {f["cause"] for f in before if f["severity"] != "note"} - counted
    for f in after:
        if f["severity"] != "note" and f["cause"] not in without:
            yield Complaint("edit", f"{f['cause']} after a change for {', '.join(sorted(counted))}", f["title"])
    if not seen.changed.report:
        yield Complaint("edit", "no report", seen.changed.stderr[-500:])


def _well_formed(seen: Observed, report: dict[str, Any]) -> Iterator[Complaint]:
    try:
        jsonschema.validate(report, SCHEMA)
    except jsonschema.ValidationError as error:
        yield Complaint("report", "schema", error.message)
    if seen.again and seen.guided.report.replace("guided", "again") != seen.again.report.replace("guided", "again"):
        yield Complaint("report", "not the same twice", seen.again.report[:500])
    for note in report.get("notes", ()):
        if note.startswith("whygrad stopped"):
            yield Complaint("report", f"own fault: {note.partition(';')[0]}")


def _judged(
    dialect: Any, program: Program, script: Script, verdicts: dict[str, str], report: dict[str, Any]
) -> Iterator[Complaint]:
    findings = report["findings"]
    lost = {name for name, verdict in verdicts.items() if verdict in LOST}
    told = {_own(p["path"], verdicts): f["cause"] for f in findings for p in f["parameters"] if p["gradient"] in LOST}
    shown = program.fault or "healthy"
    noted = {cause for cause, _ in script.marks} if program.fault in dialect.NOTED else set()
    counted = [f for f in findings if f["severity"] != "note" or f["cause"] in noted]
    if program.fault in dialect.BY_VALUE and (lost or program.fault not in dialect.FADING):
        yield from _explained(shown, script, findings, counted)
        return
    if program.fault not in dialect.ZEROS:  # a zero is otherwise one of value, which a few steps do not settle
        lost = {name for name in lost if verdicts[name] == "none" or name in told}
    for name in sorted(lost - told.keys()):
        yield Complaint("disagreement", f"{shown}: silent about a lost one", f"{name} is {verdicts[name]}")
    planted = {cause for cause, _ in script.marks} if program.fault in dialect.TOLD else set()
    for name in sorted(told.keys() - lost):
        if told[name] in planted:
            continue  # a replaced part bears the name of what took its place
        if verdicts.get(name, "frozen") != "frozen":  # one that the model does not list is for the findings to judge
            yield Complaint(
                "disagreement", f"{shown}: {told[name]} said of a healthy one", f"{name} is {verdicts[name]}"
            )
    effective = bool(lost) or program.fault in dialect.TOLD
    if not effective:
        for f in counted if program.fault not in dialect.DEBATABLE else ():
            yield Complaint("false alarm", f"{shown}: {f['cause']}", f["title"])
        return
    yield from _explained(shown, script, findings, counted)


def _explained(
    shown: str, script: Script, findings: list[dict[str, Any]], counted: list[dict[str, Any]]
) -> Iterator[Complaint]:
    causes = {cause for cause, _ in script.marks}
    if not counted:
        yield Complaint("missed cause", f"{shown}: nothing said", str([(f["cause"], f["title"]) for f in findings]))
    for f in counted:
        where = f["culprit"] or {}
        if f["cause"] not in causes:
            yield Complaint("missed cause", f"{shown}: {f['cause']}", f"{f['title']} at line {where.get('line')}")
        elif where.get("file") != PROGRAM or not _stands(script, f["cause"], where):
            yield Complaint(
                "missed line", f"{shown}: {f['cause']}", f"line {where.get('line')}, not {sorted(script.marks)}"
            )


def _stands(script: Script, cause: str, where: dict[str, Any]) -> bool:
    """Whether the culprit begins on a marked line, or is a statement that spans it."""
    first, last = where["line"], where["end_line"] or where["line"]
    return any(known == cause and first <= line <= last for known, line in script.marks)


def _own(path: str, verdicts: dict[str, str]) -> str:
    """The framework's name of a reported parameter of ``model``; the reported one of anything else.

    What a function calls its argument may be another name than that of what it is given.
    """
    if (name := path.removeprefix("model.")) in verdicts:
        return name
    inside = path.partition("/")[2]
    return next((name for name in verdicts if inside and name.partition("/")[2] == inside), path)
