"""The command line with a session that knows one framework, ``fakegrad``: ``fakes.py ARGUMENTS...``.

A script under it calls ``fakegrad.lose(path, severity)`` to have a parameter without a gradient, and
``fakegrad.breaks()`` to make the session fail when it is closed.
"""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import whygrad.session
from whygrad import __version__
from whygrad.cli import main
from whygrad.finding import Affected, Finding, Report, Severity
from whygrad.span import Span
from whygrad.watching.watch import Watch


class Session:
    def __init__(
        self, argv: Sequence[str], steps: int, announce: Callable[[Finding], None], watch: Watch | None = None
    ) -> None:
        self.argv, self.steps, self.announce, self.watch = tuple(argv), steps, announce, watch
        self.findings: list[Finding] = []
        self.broken = False

    def start(self) -> None:
        fakegrad = ModuleType("fakegrad")
        vars(fakegrad).update(lose=self.lose, breaks=self.breaks)
        sys.modules["fakegrad"] = fakegrad

    def lose(self, path: str, severity: Severity) -> None:
        frame = sys._getframe(1)
        place = Span(frame.f_code.co_filename, frame.f_lineno, 1, frame.f_lineno, 9)
        finding = Finding("stop-gradient", severity, f"`{path}` is lost", (Affected(path, (1,), "float32"),), place)
        self.findings.append(finding)
        if severity != "note":
            self.announce(finding)

    def breaks(self) -> None:
        self.broken = True

    def close(self, status: int | None, error: str | None) -> Report:
        if self.broken:
            raise LookupError("a fault of ours")
        notes = (f"steps {self.steps}",)
        return Report(__version__, self.argv, status, error, {}, (), tuple(self.findings), 0, notes)


if __name__ == "__main__":
    whygrad.session.Session = Session  # type: ignore[assignment,misc]
    sys.exit(main())
