"""What is asked of every recorder, whatever its framework: the same situations, the same laws.

A framework hands in one small program for each of ``SITUATIONS``. A program is the text of a script that trains for
four steps and leaves what it computed in ``result`` (numbers or bytes), unless it raises; the comment ``# <- here``
marks the line that is to be blamed.
"""

from __future__ import annotations

import contextlib
import gc
import linecache
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whygrad import spec
from whygrad.diagnose import agrees
from whygrad.finding import Finding
from whygrad.graph import Graph
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.frames import OURS
from whygrad.recorders.recorder import Recorder
from whygrad.session import Session

# The situation: the cause that is to be found in it, ``None`` where nothing may be said.
SITUATIONS: Mapping[str, str | None] = {
    "healthy": None,
    "two parts trained in turn": None,
    "a stop beside a live way": None,
    "an argmax for a metric": None,
    "NumPy for the log": None,
    "the script's own exception": None,
    "a layer that is bypassed": "unused-output",
    "a layer that is never called": "not-called",
    "a stop on the only way": "stop-gradient",
    "computed unrecorded": "recording-off",
    "through NumPy": "left-framework",
    "an argmax on the way": "non-differentiable-op",
    "a cast to integers": "integer-dtype",
    "a custom gradient without an answer": "custom-gradient",
    "asked of another object": "wrong-source",
}
# Where a framework has no such situation, and why.
Missing = Mapping[str, str]


class Framework(NamedTuple):
    """What a framework hands in.

    Attributes:
        recorder: makes its recorder.
        modules: the packages in which hooks may be put.
        programs: situation to program.
        missing: the situations that it does not know, with the reason.
    """

    recorder: Callable[[], Recorder]
    modules: tuple[str, ...]
    programs: Mapping[str, str]
    missing: Missing = {}


class Outcome(NamedTuple):
    """How a program ended, and how many of the objects that it had in names live on when it is over."""

    result: object
    error: str | None
    alive: int


class Recorded(NamedTuple):
    """A run under a recorder: its end, what was found, its Graphs, what the recorder left behind in the framework."""

    outcome: Outcome
    findings: list[Finding]
    graphs: list[Graph]
    hooks: list[str]


def plain(text: str, path: Path) -> Outcome:
    """Run a program as python would."""
    path.write_text(text, "utf-8")
    linecache.checkcache(str(path))
    names: dict[str, Any] = {"__name__": "__main__"}
    failure = None
    try:
        exec(compile(text, str(path), "exec"), names)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    result, lives = names.get("result"), list(_lives(names))
    names.clear()
    gc.collect()
    return Outcome(result, failure, sum(life() is not None for life in lives))


def _lives(names: Mapping[str, object]) -> Iterator[weakref.ref[Any]]:
    for value in names.values():
        if not isinstance(value, (types.ModuleType, types.FunctionType, type)):
            with contextlib.suppress(TypeError):  # numbers, lists
                yield weakref.ref(value)


def recorded(framework: Framework, text: str, path: Path, monkeypatch: Any) -> Recorded:
    """Run a program under the framework's recorder, in a session."""
    graphs: list[Graph] = []
    original = GraphBuilder.graph

    def graph(self: GraphBuilder, *args: Any, **kwargs: Any) -> Graph:
        graphs.append(original(self, *args, **kwargs))
        return graphs[-1]

    monkeypatch.setattr(GraphBuilder, "graph", graph)
    session, recorder = Session([path.name], 10, lambda finding: None), framework.recorder()
    session.recorders.append(recorder)
    before = set(hooks(framework))
    recorder.start(session)
    assert set(hooks(framework)) - before, "the search for hooks finds none while recording"
    outcome = plain(text, path)
    report = session.close(0 if outcome.error is None else 1, outcome.error)
    assert report.notes == (), "the recorder had a fault"
    findings = [found for found in report.findings if found.severity != "note"]
    return Recorded(outcome, findings, graphs, sorted(set(hooks(framework)) - before))


def hooks(framework: Framework) -> Iterator[str]:
    """Every attribute in the framework's modules, and in their classes, that is a function of whygrad's."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in framework.modules or not isinstance(module, types.ModuleType):
            continue
        for key, value in list(vars(module).items()):
            if _is_ours(value):
                yield f"{name}.{key}"
            if isinstance(value, type) and value.__module__ == name:
                yield from (f"{name}.{key}.{at}" for at, each in list(vars(value).items()) if _is_ours(each))


def _is_ours(value: object) -> bool:
    function = value.__func__ if isinstance(value, (classmethod, staticmethod, types.MethodType)) else value
    return isinstance(function, types.FunctionType) and function.__code__.co_filename.startswith(OURS)


def marked(text: str) -> set[int]:
    """The lines to be blamed."""
    return {number for number, line in enumerate(text.splitlines(), 1) if "# <- here" in line}


def check(framework: Framework, situation: str, path: Path, monkeypatch: Any) -> None:
    """All laws, for one situation."""
    text, cause = framework.programs[situation], SITUATIONS[situation]
    alone = plain(text, path)
    run = recorded(framework, text, path, monkeypatch)
    assert alone.result is not None or alone.error is not None, "the program is to leave a result"
    assert run.outcome == alone, "the program computes something else, or what it made is kept alive"
    assert run.hooks == [], "hooks are left behind"
    assert run.graphs, "nothing was recorded"
    for graph in run.graphs:
        spec.check(graph)
        assert graph.ended or agrees(graph) == [], "the graph and the framework differ"
    assert {found.cause for found in run.findings} == ({cause} if cause else set())
    for found in run.findings:
        assert found.parameters
        assert found.culprit is not None
        assert found.culprit.line in marked(text), f"blamed: line {found.culprit.line}"
