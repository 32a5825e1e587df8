"""Says what a session finds: each finding as it becomes known, and the whole report when the script has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable
from contextlib import suppress
from typing import TYPE_CHECKING

from whygrad.errors import ReportError
from whygrad.finding import Finding, Report
from whygrad.render import FORMATS, text
from whygrad.reportfile import ReportFile
from whygrad.shadow import ours
from whygrad.terminal import Outlet, look_of

if TYPE_CHECKING:
    from whygrad.watching.watched import Watched


class Voice:
    """Where and how one run of a script is spoken about.

    Args:
        form: ``text`` is said on stderr along the way; any other format on stdout at the end.
        quiet: say the closing lines alone, and only if something was found.
        file: where the report goes as JSON besides.
    """

    def __init__(self, form: str, quiet: bool, file: ReportFile | None) -> None:
        self._form = form
        self._quiet = quiet
        self._file = file
        self._look = look_of(sys.stderr)
        self._stderr, self._stdout = Outlet.of(sys.stderr), Outlet.of(sys.stdout)
        self._process = os.getpid()
        self._said: set[Hashable] = set()

    def alone(self) -> Voice:
        """The same without a file."""
        return Voice(self._form, self._quiet, None)

    def announce(self, finding: Finding) -> None:
        """Say one finding, in the process that started: a forked child leaves the word to its parent."""
        if self._form == "text" and not self._quiet and os.getpid() == self._process:
            self._said.add(finding.identity)
            with ours():
                self.remark(text.finding(finding, self._look) + "\n")

    def conclude(self, report: Report) -> None:
        """Say what is left to be said; ReportError where the report does not get to where it was wanted."""
        if self._form == "text":
            for finding in report.findings:
                if finding.identity not in self._said:
                    self.announce(finding)
                elif finding.proof is not None and finding.proof.kind == "counterfactual" and not self._quiet:
                    self.remark(text.proof(finding, self._look) + "\n")
            if report.findings or not self._quiet:
                self.remark(text.summary(report, self._look))
        else:
            self._print(FORMATS[self._form](report, self._look))
        if self._file is not None:
            self._file.write(FORMATS["json"](report, self._look))

    def watched(self, watched: Watched, report: Report) -> None:
        """Say what watching a run has shown, on stderr."""
        from whygrad.render.health import health

        if not self._quiet:
            causes = {p.path: f.cause for f in report.findings for p in f.parameters}
            self.remark(health(watched, causes, self._look))

    def mention(self, words: str) -> None:
        """Say what goes on, to those who listen as it goes."""
        if self._form == "text" and not self._quiet:
            self.remark(words)

    def remark(self, words: str) -> None:
        """Say something on stderr; a stderr that nobody reads is no reason to fail."""
        with suppress(OSError):
            self._stderr.write(words + "\n")

    def _print(self, rendered: str) -> None:
        with suppress(Exception):  # the script's stream, whatever it is by now
            sys.stdout.flush()
        try:
            self._stdout.write(rendered)
        except OSError as error:
            raise ReportError(
                f"the report was not printed on stdout: {(error.strerror or str(error)).lower()}"
            ) from None
