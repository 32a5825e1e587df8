"""Runs Keras programs in one process on the back end of the environment: ``keras_runner.py FOLDER NAME...``.

Each runs under a session of its own; one whose name begins with ``healthy`` runs plainly before. What was
found and printed goes to standard output as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType

import keras

from whygrad.finding import Finding
from whygrad.session import Session

PLAINLY = "healthy"


def outcome(path: Path) -> tuple[str, str | None]:
    """What a program prints, and the exception that it ends in."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__file__ = str(path)
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(path.read_text("utf-8"), str(path), "exec"), vars(main))
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    keras.backend.clear_session()
    return printed.getvalue(), error


def told(finding: Finding) -> dict[str, object]:
    """A finding in the parts that do not depend on the back end, or not but for words of its own."""
    culprit = finding.culprit
    return {
        "severity": finding.severity,
        "cause": finding.cause,
        "title": finding.title,
        "place": [culprit.line, culprit.column] if culprit is not None else None,
        "parameters": sorted(p.path for p in finding.parameters),
        "gradients": sorted({p.gradient for p in finding.parameters}),
        "fix": finding.fix.summary if finding.fix is not None else None,
        "labels": [[label.span.line, label.text] for label in finding.labels],
    }


def main(folder: Path, names: list[str]) -> None:
    """Run them all."""
    found = {}
    for name in names:
        path = folder / f"{name}.py"
        plain = outcome(path) if name.startswith(PLAINLY) else None
        session = Session([str(path)], 10, lambda finding: None)
        session.start()
        guided = outcome(path)
        report = session.close(0 if guided[1] is None else 1, guided[1])
        found[name] = {
            "plain": plain,
            "guided": guided,
            "notes": report.notes,
            "frameworks": sorted(report.frameworks),
            "findings": [told(f) for f in report.findings],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
