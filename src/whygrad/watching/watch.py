"""Watch: takes in what the frameworks' rooms measure over a run, writes it down, and says in the end what it means."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path

from whygrad.graph import Graph
from whygrad.watching.course import Course
from whygrad.watching.events import EventFile
from whygrad.watching.folder import remove_if_empty
from whygrad.watching.health import Route, StepHealth
from whygrad.watching.journal import Journal
from whygrad.watching.judgement import Remark, judge
from whygrad.watching.route import route_of
from whygrad.watching.schedule import Schedule
from whygrad.watching.watched import Watched

MOST_ROUTES = 16


class Watch:
    """One watched run; may be told from any thread.

    Args:
        folder: where the files go; it exists and is empty.
        argv: the script and its arguments.
        clock: seconds, monotonic.
    """

    def __init__(self, folder: Path, argv: Sequence[str], clock: Callable[[], float] = time.perf_counter) -> None:
        self.schedule = Schedule(clock)
        self._folder, self._argv, self._clock = folder, tuple(argv), clock
        self._begun = clock()
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._writers: list[Journal | EventFile] | None = None
        self._courses: dict[str, Course] = {}
        self._names: dict[Hashable, str] = {}
        self._routes: list[Route] = []
        self._frameworks: set[str] = set()
        self._notes: dict[str, None] = {}

    @property
    def seconds(self) -> float:
        """Since watching began."""
        return self._clock() - self._begun

    def here(self) -> bool:
        """Whether this is the process that is watched: a forked child writes nothing."""
        return os.getpid() == self._process

    def name(self, key: Hashable, kind: str) -> str:
        """The name of an optimizer: its class, numbered from the second on."""
        with self._lock:
            if key not in self._names:
                same = sum(name == kind or name.startswith(f"{kind} (") for name in self._names.values())
                self._names[key] = f"{kind} ({same + 1})" if same else kind
            return self._names[key]

    def met(self, graph: Graph) -> None:
        """A recorded request: the order of its layers, and their lines."""
        with self._lock:
            self._frameworks.add(graph.framework)
            if len(self._routes) < MOST_ROUTES:
                self._routes.append(route_of(graph))

    def has_met(self, framework: str) -> bool:
        """Whether the script asks this framework for gradients."""
        return framework in self._frameworks

    def paths(self) -> tuple[str, ...]:
        """The names of the parameters that were met."""
        return tuple(place.path for route in self._routes for place in route.places)

    def seen(self, step: StepHealth) -> None:
        """A look."""
        with self._lock:
            self._courses.setdefault(step.optimizer, Course()).add(step)
            if step.blind:
                self.note(f"{step.optimizer}: {step.blind}")
            for writer in self._opened():
                self._guarded(writer, partial(writer.add, step))

    def skipped(self, optimizer: str) -> None:
        """Loss scaling has left out a step."""
        with self._lock:
            self._courses.setdefault(optimizer, Course()).skipped += 1

    def note(self, text: str) -> None:
        """Something that the reader should know, said once."""
        self._notes[text] = None

    def close(self) -> Watched:
        """The script has ended."""
        with self._lock:
            courses = {name: course for name, course in self._courses.items() if course.looks}
            for name, course in courses.items():
                course.steps = self.schedule.steps(name)
            for name in self._courses.keys() - courses.keys():
                self.note(f"{name}: loss scaling left out each of its {self._courses[name].skipped} steps")
            routes = tuple(self._routes)
            remarks = tuple(remark for name, course in courses.items() for remark in judge(name, course, routes))
            steps = {name: course.steps for name, course in courses.items()}
            written = bool(self._writers)
            for writer in list(self._writers or ()):
                self._guarded(writer, partial(_end, writer, steps, remarks))
            if not self._writers and not any(self._folder.iterdir()):
                remove_if_empty(self._folder)
            return Watched(self._folder if written else None, courses, remarks, routes, tuple(self._notes))

    def _opened(self) -> list[Journal | EventFile]:
        if self._writers is None:
            self._writers = []
            makers: tuple[Callable[[], Journal | EventFile], ...] = (
                lambda: Journal(self._folder, self._argv, time.time()),
                lambda: EventFile(self._folder),
            )
            for make in makers:
                try:
                    self._writers.append(make())
                except OSError as error:
                    self._lost(error)
        return self._writers

    def _guarded(self, writer: Journal | EventFile, body: Callable[[], None]) -> None:
        """A disk that is full ends the writing of that file, not the run."""
        try:
            body()
        except OSError as error:
            self._lost(error)
            if self._writers is not None and writer in self._writers:
                self._writers.remove(writer)

    def _lost(self, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        self.note(f"a file in `{self._folder}` could not be written on: {reason}; what it holds is whole up to there")


def _end(writer: Journal | EventFile, steps: Mapping[str, int], remarks: Sequence[Remark]) -> None:
    if isinstance(writer, Journal):
        writer.conclude(steps, remarks)
    else:
        writer.close()


def stopped(framework: str, error: BaseException) -> str:
    """The words for an error of ours that ends the watching of a framework."""
    return f"whygrad stopped to watch {framework}: {type(error).__name__}: {error}; the script was not affected"
