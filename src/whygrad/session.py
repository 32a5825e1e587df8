"""Session: records, diagnoses, merges what repeats over steps, and makes the report of a run."""

from __future__ import annotations

import importlib
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from whygrad import __version__, aftermath, ahead
from whygrad.asking import Rounds, Site, Step
from whygrad.diagnose import diagnose
from whygrad.doubts import Doubts, is_doubtful, settled, without_served
from whygrad.fates import STEPS_TO_AGREE, Fates, spreads
from whygrad.finding import Finding, Report, Request
from whygrad.graph import Graph
from whygrad.recorders import RECORDERS
from whygrad.recorders.on_import import watch_imports
from whygrad.recorders.recorder import Asked, Recorder
from whygrad.telling import Telling

if TYPE_CHECKING:
    from whygrad.watching.watch import Watch

USELESS = frozenset(("none", "zero", "nonfinite"))
_UNSURE = ("zero", "unknown")


class Session:
    """One run of a script.

    Args:
        argv: the script and its arguments.
        steps: how many steps are recorded before the recorders rest.
        announce: told of every finding (no notes) once it is certain.
        watch: gets the health of gradients over the whole run, where that is wanted.
    """

    def __init__(
        self, argv: Sequence[str], steps: int, announce: Callable[[Finding], None], watch: Watch | None = None
    ) -> None:
        self.argv = tuple(argv)
        self.steps = steps
        self.watch = watch
        self.recorders: list[Recorder] = []
        self.notes: list[str] = []
        self._sites: dict[Hashable, Site] = {}
        self._step = Step()
        self.fates = Fates()
        self._found: dict[Hashable, Finding] = {}
        self._doubts = Doubts(STEPS_TO_AGREE)
        self._telling = Telling(announce)
        self._recorded_steps = 0
        self._rounds = Rounds()
        self._resting = False
        self._closing = False
        self._error: str | None = None
        self._frozen: set[str] = set()
        self._asked: set[str] = set()
        self._last: tuple[Site, str] | None = None
        self._lock = threading.RLock()
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Wait for the script to import a framework."""
        found: defaultdict[str, list[Callable[[ModuleType], None]]] = defaultdict(list)
        for name in RECORDERS:
            for module, trigger in self._triggers(name).items():
                found[module].append(trigger)
        triggers = {module: _each(several) for module, several in found.items()}
        self._unwatch = watch_imports(triggers, self.fault)

    def close(self, status: int | None, error: str | None) -> Report:
        """Stop to listen and say everything.

        Args:
            status: the script's own exit status.
            error: what it ended in, as ``Type: message``.
        """
        self._unwatch()
        frameworks: dict[str, str] = {}
        with self._lock:
            for recorder in self.recorders:
                recorder.finish(error)
            self._closing, self._error, self.fates.ended_in = True, error, error
            self._settle()
            for recorder in self.recorders:
                if recorder.framework in self._asked or not self._asked:
                    frameworks |= recorder.versions()
                recorder.stop()
        upheld = (self.fates.judged(f) for f in self._found.values() if not self.fates.withdrawn(f))
        findings = sorted(upheld, key=lambda f: (_RANK[f.severity], -len(f.parameters)))
        self.notes += self._telling.afterthoughts(findings)
        requests = tuple(Request(s.id, s.api, s.where, s.count, s.recorded, s.counts) for s in self._sites.values())
        return Report(
            __version__,
            self.argv,
            status,
            error,
            frameworks,
            requests,
            tuple(findings),
            len(self._frozen - self.fates.asked()),
            tuple(dict.fromkeys(self.notes)),
        )

    # -- the recorders' side ------------------------------------------------------------------------

    def asked(self, request: Asked) -> None:
        """A gradient was asked for: note how it went, and close the step if this place came round again."""
        with self._lock:
            resting = self._resting
            if request.site in self._step.sites and not request.nested:
                self._settle()
            forgotten = self._resting and not resting  # what was recorded of this request is gone
            site = self._sites.get(request.site)
            if site is None:
                site = self._sites[request.site] = Site(f"R{len(self._sites) + 1}", request.api)
            self._asked.add(request.framework)
            self._note(site, request)
            self._last = (site, request.framework)
            missing = request.error is not None or not USELESS.isdisjoint(request.seen)
            wanted = site.recorded == 0 or self._doubts.of(site.id) or (missing and self._is_news(request))
            if self._resting and ((resting and request.graph) or (missing and self._is_news(request))):
                self._wake()  # the recorder has done so itself for what is compiled only now
            if request.graph is not None and not self._resting and wanted and not forgotten:
                graph = request.graph()
                site.recorded += 1
                site.where = graph.request[0] if graph.request else None
                self._step.graphs.append((site, graph))
                if self.watch is not None:
                    self.watch.met(graph)

    def told(self, graph: Graph) -> None:
        """Facts that no request shows."""
        with self._lock:
            self._asked.add(graph.framework)
            self._step.graphs.append((None, graph))

    def came_round(self, function: Hashable = None) -> None:
        """A step is over: a compiled one has run again, where a function is given."""
        with self._lock:
            counted = bool(self._step.sites)
            self._settle()
            if function is not None and self._rounds.is_longest(function) and not counted:
                self._recorded()

    def fault(self, framework: str, error: BaseException) -> None:
        """Something of ours failed: it is said once, and the script goes on."""
        where = _place_of(error)
        self.notes.append(
            f"whygrad stopped to listen to {framework}: {type(error).__name__}: {error}{where}; "
            "the script was not affected, and what is said above rests on what was recorded until then"
        )

    # -- steps --------------------------------------------------------------------------------------

    def _note(self, site: Site, request: Asked) -> None:
        site.count += request.times
        site.answers.update(zip(request.paths, request.seen, strict=True))
        self.fates.note(request.paths, set(request.paths), times=request.times - 1)
        step = self._step
        step.sites.add(request.site)
        step.asked.update(request.paths)
        if not request.nested:
            step.outer.update(request.paths)
        got = step.inner if request.nested else step.got
        got.update(path for path, seen in zip(request.paths, request.seen, strict=True) if seen == "present")
        step.unknown.update(path for path, seen in zip(request.paths, request.seen, strict=True) if seen == "unknown")
        step.reached.update(p for p, seen in zip(request.paths, request.seen, strict=True) if seen in _UNSURE)
        step.broken.update(path for path, seen in zip(request.paths, request.seen, strict=True) if seen == "nonfinite")
        if request.traced:
            step.traced.update(request.paths)

    def _settle(self) -> None:
        """The step is over: judge its requests by what all of them gave."""
        step, self._step = self._step, Step()
        step.got.update({path: often for path, often in step.inner.items() if path not in step.outer})
        known = step.asked - (step.unknown - step.got.keys())
        self.fates.note(known, step.got.keys(), step.traced, step.broken)
        for site, graph in step.graphs:
            self._frozen = set(graph.frozen)
            findings = settled(self._diagnosed(graph, frozenset(step.asked)), bool(step.traced))
            if site is not None:
                self._doubts.note(site.id, findings)
            for finding in findings:
                if (kept := without_served(finding, graph, step.got, step.reached)) is not None:
                    self._merge(replace(kept, request=site.id if site is not None else None))
        self._found = self._doubts.upheld(self._found)
        if self._closing and self._last is not None:
            site, framework = self._last
            for key, finding in self._found.items():
                if finding.request == site.id:
                    self._found[key] = aftermath.named(finding, framework, self._error, site.counts)
        self._telling.tell(self._found, self._is_certain)
        if step.sites:
            self._recorded()

    def _recorded(self) -> None:
        self._recorded_steps += 1
        if self._recorded_steps >= self.steps and not self._resting:
            self._rest()

    def _is_certain(self, finding: Finding) -> bool:
        if is_doubtful(finding) and not self._closing:
            return not self._doubts.of(finding.request)
        certain = self.fates.is_certain(finding, self._closing)
        return certain and (self._closing or not self._may_be_served(finding))

    def _may_be_served(self, finding: Finding) -> bool:
        """Whether gradients asked for at a place that the script has yet to reach would excuse it."""
        where = next((site.where for site in self._sites.values() if site.id == finding.request), None)
        return where is not None and self.fates.may_be_excused(finding) and ahead.asks_again(where)

    def _diagnosed(self, graph: Graph, asked: frozenset[str]) -> list[Finding]:
        """The findings of a request; an error of ours costs this request alone."""
        try:
            return diagnose(graph, asked)
        except Exception as error:
            self.fault(f"one {graph.framework} request", error)
            return []

    def _merge(self, finding: Finding) -> None:
        key = finding.identity
        known = self._found.get(key)
        if known is None:
            # A parameter that is explained already needs no second explanation from a later step or trace.
            before = (f for f in self._found.values() if f.request == finding.request or spreads(f, finding))
            explained = {p.path for f in before for p in f.parameters}
            new = tuple(p for p in finding.parameters if p.path not in explained)
            if new:
                self._found[key] = finding.of(new)
            return
        self._found[key] = known.joined(finding)

    def _is_news(self, request: Asked) -> bool:
        known = {(p.path, p.gradient) for f in self._found.values() for p in f.parameters}
        if any(f.cause == "nonfinite-gradient" for f in self._found.values()):
            known |= {(path, "nonfinite") for path in request.paths}  # after the first, every number is one
        return any(
            seen in USELESS and (path, seen) not in known
            for path, seen in zip(request.paths, request.seen, strict=True)
        )

    def _rest(self) -> None:
        self._resting = True
        for recorder in self.recorders:
            recorder.rest()

    def _wake(self) -> None:
        self._resting = False
        self._rounds = Rounds()
        self._recorded_steps = self.steps - 2  # the step under way is recorded only in part
        for recorder in self.recorders:
            recorder.wake()

    def _triggers(self, name: str) -> dict[str, Callable[[ModuleType], None]]:
        entry = RECORDERS[name]
        made: list[Recorder] = []

        def begin(_: ModuleType) -> None:
            recorder: Recorder = getattr(importlib.import_module(entry.module), entry.factory)()
            made.append(recorder)
            self.recorders.append(recorder)
            if self.watch is not None:
                recorder.watch(self.watch)
            recorder.start(self)

        def tell(method: str) -> Callable[[ModuleType], None]:
            def passed_on(module: ModuleType) -> None:
                for recorder in made:
                    getattr(recorder, method)(module)

            return passed_on

        return {name: begin} | {module: tell(method) for module, method in entry.also}


def _each(triggers: Sequence[Callable[[ModuleType], None]]) -> Callable[[ModuleType], None]:
    def fire(module: ModuleType) -> None:
        for trigger in triggers:
            trigger(module)

    return fire


_RANK = {"error": 0, "warning": 1, "note": 2}


def _place_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno})"
