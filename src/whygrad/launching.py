"""`whygrad run -m torch.distributed.run ... train.py`: what a launcher starts is run under whygrad.

The launcher itself trains nothing. It is run as it is, with `whygrad run` put in front of the script that it is given.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whygrad.ending import Ending
from whygrad.finding import Report
from whygrad.run import run
from whygrad.target import Target

_TORCHRUN, _ACCELERATE = "torch.distributed.run", "accelerate.commands.launch"
# The scripts that are other names for a module, with the arguments by which it is asked for.
_SCRIPTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "torchrun": (_TORCHRUN, ()),
    "accelerate": (_ACCELERATE, ("launch",)),
    "accelerate-launch": (_ACCELERATE, ()),
}
_READER = "whygrad.recorders.torch.launcher"
_COUNTED = re.compile(r"count\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What each process of the job is to be told: the options of `whygrad run`."""

    out: str | None
    form: str
    steps: int
    quiet: bool
    watch: str | None = None

    def options(self, out: str) -> list[str]:
        """As on a command line, with the report in ``out``."""
        quiet = ["--quiet"] if self.quiet else []
        watch = ["--watch-dir", self.watch] if self.watch is not None else []
        # A launcher takes another status than the script's own for a crash.
        return ["--own-status", "--json", out, "--format", self.form, "--steps", str(self.steps), *quiet, *watch]


def with_children(report: Report) -> Report:
    """A report in which nothing was asked for, with a word on the processes that the script started itself."""
    # Reading the count takes no number from it, and there is no other trace of processes that are over. An import of
    # ours would give the name `__mp_main__`, by which children send objects back, to our own main module.
    process = sys.modules.get("multiprocessing.process")
    count = _COUNTED.fullmatch(repr(getattr(process, "_process_counter", "")))
    started = int(count[1]) - 1 if count is not None else 0
    if not started or report.requests or report.findings:
        return report
    note = (
        f"the script started {started} process{'es' if started > 1 else ''} of its own, which are not watched: "
        "`torchrun --nproc-per-node N -m whygrad run SCRIPT` watches every process of a job"
    )
    return replace(report, notes=(*report.notes, note))


def is_launcher(target: Target) -> bool:
    """Whether a target starts other processes to train in."""
    return _launcher(target) is not None


def _launcher(target: Target) -> tuple[str, Sequence[str]] | None:
    """The module of a launcher, and its own arguments."""
    if target.kind == "module":
        return (target.name, target.arguments) if target.name in (_TORCHRUN, _ACCELERATE) else None
    module, asked = _SCRIPTS.get(os.path.basename(target.name), ("", ()))
    return (module, target.arguments[len(asked) :]) if module and target.arguments[: len(asked)] == asked else None


def launch(target: Target, wishes: Wishes, counted: Sequence[str]) -> int:
    """Run the launcher, and give the status to exit with.

    Args:
        counted: the severities of findings that count.
    """
    folder = tempfile.mkdtemp(prefix="whygrad-") if wishes.out is None else None
    out = wishes.out or os.path.join(folder or "", "report.json")
    module, given = _launcher(target) or (target.name, target.arguments)
    arguments = importlib.import_module(_READER).guided(module, given, wishes.options(os.path.abspath(out)))
    if wishes.out is not None:
        Path(out).unlink(missing_ok=True)  # an older report is not this job's

    def finish(_: Ending) -> int | None:
        try:
            findings = json.loads(Path(out).read_text("utf-8"))["findings"]
        except (OSError, ValueError):
            return None if arguments is not None else 0
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        return sum(finding["severity"] in counted for finding in findings)

    return run(Target("module", module, tuple(arguments if arguments is not None else given)), finish)
