"""Runs programs in children of a process that has the framework imported already: plainly, and under whygrad.

A child is forked before the framework has computed anything, so it holds no threads, and ends with the program: what
whygrad puts in place stays until a process ends, as in real use. Only the moment at which the framework is imported
differs, and ``tests/recorders/test_on_import.py`` is about that.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from agreement.oracle import ORACLES, Facts
from edits import applied
from warm import import_ours
from whygrad.finding import Edit

PROGRAM = "program.py"
# Of a processor's time for one run; and by the clock, for one that waits for ever.
SECONDS, PATIENCE = 120, 3600
WARM = {
    "torch": ("torch", "torch._dynamo", "numpy.random"),
    "jax": ("jax", "flax.linen", "flax.training.train_state", "optax", "numpy.random"),
    "nnx-jax": ("jax", "flax.nnx", "optax", "numpy.random"),
    "equinox-jax": ("jax", "equinox", "optax", "numpy.random"),
    "tensorflow": ("tensorflow", "keras.layers", "numpy.random"),
    "keras-jax": ("jax", "tensorflow", "keras.layers", "numpy.random"),
    "keras-tensorflow": ("tensorflow", "keras.layers", "numpy.random"),
    "keras-torch": ("torch", "tensorflow", "torch._dynamo", "keras.layers", "numpy.random"),
}


class Run(NamedTuple):
    """One run of a program; ``report`` is whygrad's text, empty without it; ``facts`` ``None`` where the child died."""

    facts: Facts | None
    stdout: str
    stderr: str
    report: str


class Observed(NamedTuple):
    """The runs of one program.

    Attributes:
        again: the second under whygrad, if it was run twice; ``changed``: with what help changes, if anything.
    """

    plain: Run
    guided: Run
    again: Run | None
    changed: Run | None = None


def warm(framework: str) -> None:
    """Import what every child needs; Keras reads the name of its back end when it is imported."""
    dialect, _, backend = framework.partition("-")
    os.environ["KERAS_BACKEND"] = backend or dialect
    for name in WARM[framework]:
        importlib.import_module(name)
    import_ours()


def observe(framework: str, text: str, twice: bool = True) -> Observed:
    """Run a program once plainly, and once or twice under whygrad."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / PROGRAM).write_text(text, "utf-8")
        plain, guided = _run(framework, place, "plain", _plain), _run(framework, place, "guided", _guided)
        again = _run(framework, place, "again", _guided) if twice else None
        edits = _edits(guided.report) if twice else set()
        if edits:
            (place / PROGRAM).write_text(applied(edits, text), "utf-8")
        return Observed(plain, guided, again, _run(framework, place, "changed", _guided) if edits else None)


def _edits(report: str) -> set[Edit]:
    """What help changes in all that counts."""
    findings = [f for f in json.loads(report or '{"findings": []}')["findings"] if f["severity"] != "note" and f["fix"]]
    return {Edit(**edit) for finding in findings for edit in finding["fix"]["edits"]}


def _run(framework: str, place: Path, name: str, body: Callable[[Path], None]) -> Run:
    child = os.fork()
    if child == 0:
        _be_child(framework, place, name, body)
    _wait(child)
    facts = place / f"{name}.facts"
    return Run(
        Facts(**json.loads(facts.read_text("utf-8"))) if facts.exists() else None,
        *(_text(place / f"{name}.{part}") for part in ("out", "err", "report")),
    )


def _wait(child: int) -> None:
    watched = os.pidfd_open(child)
    if not select.select([watched], [], [], PATIENCE)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(watched)
    os.waitpid(child, 0)


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _be_child(framework: str, place: Path, name: str, body: Callable[[Path], None]) -> None:
    leave = os._exit
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(place)
        for number, part in ((1, "out"), (2, "err")):
            stream = os.open(f"{name}.{part}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        body(Path(f"{name}.report"))
        sys.stdout.flush()
        sys.stderr.flush()
        facts = ORACLES[framework.partition("-")[0]]()
        Path(f"{name}.facts").write_text(json.dumps(facts._asdict()), "utf-8")
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        leave(0)


def _plain(_report: Path) -> None:
    main: Any = ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv, sys.path[0] = [PROGRAM], os.getcwd()
    path = os.path.join(os.getcwd(), PROGRAM)
    main.__file__ = path
    try:
        exec(compile(Path(PROGRAM).read_text("utf-8"), path, "exec"), vars(main))
    except BaseException as error:
        error = error.with_traceback(error.__traceback__.tb_next if error.__traceback__ else None)
        sys.last_value = error
        sys.excepthook(type(error), error, error.__traceback__)


def _guided(report: Path) -> None:
    from whygrad import cli

    sys.argv = ["whygrad", "run", "--quiet", "--json", str(report), PROGRAM]
    cli.main()
