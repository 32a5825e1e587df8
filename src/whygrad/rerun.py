"""The script once more, with the changes that help offers, in a process of its own that nobody hears or sees."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from whygrad import letters
from whygrad.changed import changed, import_instead
from whygrad.ending import Ending
from whygrad.finding import Report
from whygrad.proof import Shown, edits_of, with_proofs
from whygrad.run import run
from whygrad.session import Session
from whygrad.target import Kind, Target

_COMMAND = ("-m", "whygrad", "rerun")
_ORDER, _ANSWER = "order.json", "answer.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What the other process is to run.

    Attributes:
        kind, name, arguments, source: of the target, its text with its edits in it.
        texts: the files with edits in them.
        steps: how many steps are recorded.
    """

    kind: Kind
    name: str
    arguments: tuple[str, ...]
    source: str
    texts: dict[str, str]
    steps: int


class Rerun:
    """What it takes to run the script again as it was begun; to be made before it begins.

    Args:
        target: what is run; ``steps``: how many steps are recorded.
    """

    def __init__(self, target: Target, steps: int) -> None:
        self.target, self.steps = target, steps
        self.folder, self.environment = os.getcwd(), dict(os.environ)

    def proven(self, report: Report, mention: Callable[[str], None]) -> Report:
        """The report with proofs, where a change is offered and the script can be run with it.

        Args:
            mention: hears that the script runs again, which takes its time.
        """
        try:
            edits = edits_of(report)
            texts = changed(edits, {self._file: self.target.source} if self.target.source else {})
            if not texts:
                return report
            mention(f"whygrad: running {self.target.name} once more, unseen, with what help changes ...")
            with tempfile.TemporaryDirectory(prefix="whygrad-") as folder:
                return with_proofs(report, self._shown(texts, Path(folder)))
        except (Exception, KeyboardInterrupt) as error:  # whatever fails, and who does not wait, gets the report
            note = f"nothing is proven: the run with the changes gave no answer ({type(error).__name__})"
            return replace(report, notes=(*report.notes, note))

    @property
    def _file(self) -> str:
        return "<stdin>" if self.target.kind == "stdin" else os.path.join(self.folder, self.target.name)

    def _shown(self, texts: dict[str, str], folder: Path) -> Shown:
        target = self.target
        source = texts.get(self._file) or target.source.decode("utf-8", "surrogateescape")
        order = Order(target.kind, target.name, target.arguments, source, texts, self.steps)
        (folder / _ORDER).write_text(letters.written(order), "utf-8")
        quiet = subprocess.DEVNULL
        subprocess.run(
            [sys.executable, *_COMMAND, str(folder)],
            cwd=self.folder,
            env=self.environment,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            check=False,
        )
        return letters.read(Shown, (folder / _ANSWER).read_text("utf-8"))


def again(folder: str) -> int:
    """Run what is ordered in a folder, leave what it showed there, and give the status to exit with."""
    order = letters.read(Order, Path(folder, _ORDER).read_text("utf-8"))
    import_instead(order.texts)
    source = order.source.encode("utf-8", "surrogateescape")
    target = Target(order.kind, order.name, order.arguments, source)
    session = Session(target.argv, order.steps, lambda finding: None)

    def finish(ending: Ending) -> int:
        report = session.close(ending.status, ending.error)
        shown = Shown(tuple(sorted(session.fates.served())), report.findings, ending.error)
        Path(folder, _ANSWER).write_text(letters.written(shown), "utf-8")
        return 0

    session.start()
    return run(target, finish)
