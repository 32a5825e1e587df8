"""The command line: arguments in, exit status out.

Nothing heavy is imported before the command is known, and everything the chosen command needs is imported before
the script starts: from then on the script decides what ``import`` finds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from traceback import format_exc
from typing import TYPE_CHECKING

import click

from whygrad import __version__
from whygrad.errors import ReportError, UsageError, WhygradError

if TYPE_CHECKING:
    from whygrad.ending import Ending
    from whygrad.finding import Report
    from whygrad.job import Job
    from whygrad.rerun import Rerun
    from whygrad.session import Session
    from whygrad.spawned import Spawned
    from whygrad.target import Target
    from whygrad.voice import Voice
    from whygrad.watching.watch import Watch

WRONG_CALL = 2
WATCH_DIR = "whygrad-watch"
COUNTED = ("warning", "error")
OUR_BUG = "this is a bug of whygrad, not of the script: please report these lines"


def main() -> int:
    """Run the command line and return the status to exit with."""
    try:
        outcome = whygrad(prog_name="whygrad", standalone_mode=False)
        # The script runs here, not inside click: its exceptions are none of click's business.
        return outcome() if callable(outcome) else outcome or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except WhygradError as error:
        click.echo(_complaint(error), err=True)
        return WRONG_CALL
    except click.Abort:  # Ctrl-C before the script began
        from whygrad.uncaught import die_of_interrupt

        die_of_interrupt()


class _Commands(click.Group):
    """The commands; a script in the place of one is told where it belongs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and args[0].endswith(".py"):
            raise UsageError(f"no command `{args[0]}`: a script is run by `whygrad run {args[0]}`")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="whygrad")
def whygrad() -> None:
    """Find out which parameters get no gradient, and why."""


_STEPS = click.IntRange(min=1)
_STEPS.name = "number of steps"  # what a wrong one is said not to be


class _Format(click.ParamType[str]):
    """A format of reports; they are imported when they are asked for."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        from whygrad.render import FORMATS

        return "|".join(FORMATS)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from whygrad.render import FORMATS

        if value not in FORMATS:
            self.fail(f"{value!r} is not one of {', '.join(FORMATS)}", param, ctx)
        return value


@whygrad.command(context_settings={"allow_interspersed_args": False})
@click.option("--json", "out", metavar="OUT", help="Write the report to this file, as JSON.")
@click.option(
    "--format",
    "form",
    type=_Format(),
    default="text",
    help="text: findings on stderr as they become known (the default); others: the whole report on stdout at the end.",
)
@click.option(
    "--steps",
    metavar="N",
    type=_STEPS,
    default=10,
    help="Record until N steps have passed; 10 by default.",
)
@click.option("--quiet", is_flag=True, help="Say nothing but one closing line, and that only if there are findings.")
@click.option(
    "--prove",
    is_flag=True,
    help="Where help offers a change, run the script once more with it, unseen, and say whether that mends it.",
)
@click.option("--watch", is_flag=True, help="Watch gradients and updates over the whole run, and write what is seen.")
@click.option(
    "--watch-dir",
    metavar="DIR",
    help="Watch, and make the run's folder in DIR; it is made in whygrad-watch otherwise.",
)
@click.option("--own-status", "own", is_flag=True, hidden=True)  # for what a launcher starts
@click.option("-m", "module", is_flag=True, help="SCRIPT is the name of a module, as in python -m.")
@click.argument("script")
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def run(
    out: str | None,
    form: str,
    steps: int,
    quiet: bool,
    prove: bool,
    watch: bool,
    watch_dir: str | None,
    own: bool,
    module: bool,
    script: str,
    arguments: tuple[str, ...],
) -> Callable[[], int]:
    """Run SCRIPT as python would and explain what gets no gradient.

    SCRIPT is a file, - for standard input, or with -m a module. All that follows it belongs to the script.

    \b
    Exit status:
      0  nothing was found and the script succeeded
      1  something was found
      2  whygrad was called wrongly, or could not make its report
      otherwise the script's own

    Under torchrun rank 0 speaks for all, and each process ends with its script's own status. A launcher (torchrun,
    accelerate launch) may be what is run: what it starts is watched, then.
    """
    from whygrad.job import here
    from whygrad.launching import Wishes, is_launcher, launch
    from whygrad.reportfile import ReportFile
    from whygrad.rerun import Rerun
    from whygrad.target import locate
    from whygrad.voice import Voice

    target = locate(script, arguments, module=module)
    parent = watch_dir or (WATCH_DIR if watch else None)
    file = ReportFile.at(out) if out is not None else None
    if prove and (is_launcher(target) or here() is not None):
        raise UsageError("--prove runs a script in one process: leave out the launcher, or the option")
    if is_launcher(target):
        return partial(launch, target, Wishes(out, form, steps, quiet, parent), COUNTED)
    rerun = Rerun(target, steps) if prove else None
    return _accompanied(target, steps, Voice(form, quiet, file), _watch(parent, target), rerun, own)


def _watch(parent: str | None, target: Target) -> Watch | None:
    """What a run is watched by, and all that it needs in the end; in a job rank 0 watches for all."""
    from whygrad.job import here

    job = here()
    if parent is None or (job is not None and job.rank):
        return None
    from whygrad.render import health  # noqa: F401
    from whygrad.watching.folder import new_folder
    from whygrad.watching.watch import Watch

    return Watch(new_folder(parent, target.name), target.argv)


def _accompanied(
    target: Target, steps: int, voice: Voice, watch: Watch | None, rerun: Rerun | None, own: bool
) -> Callable[[], int]:
    """What runs the script, with all in place that listens to it."""
    from whygrad.job import here
    from whygrad.run import run
    from whygrad.session import Session
    from whygrad.shadow import ours
    from whygrad.spawned import Spawned

    job, spawned = here(), Spawned(target.argv, steps)
    speaks = job is None or job.rank == 0
    session = Session(target.argv, steps, voice.announce if speaks else lambda finding: None, watch)

    def finish(ending: Ending) -> int | None:
        with ours():
            found = _conclude(session, spawned, ending, voice, job, rerun)
        # A launcher takes another status than the script's for a crash: it ends the other ranks, or starts all again.
        return 0 if job is not None or own else found

    session.start()
    spawned.start()
    return partial(run, target, finish)


def _conclude(
    session: Session, spawned: Spawned, ending: Ending, voice: Voice, job: Job | None, rerun: Rerun | None
) -> int | None:
    """Make the report and say it; the number of findings that count, ``None`` where there is no report."""
    from whygrad.job import numbered
    from whygrad.launching import with_children

    found = None
    try:
        report = with_children(spawned.collected(session.close(ending.status, ending.error)))
        if job is not None and job.rank:
            if job.send(report):
                return None
            voice = voice.alone()  # nobody speaks for this rank, and the file is rank 0's
            report = numbered(report, job.rank)
        elif job is not None:
            report = job.collect(report)
        found = sum(finding.severity in COUNTED for finding in report.findings)
        if rerun is not None and not ending.stopped:
            report = rerun.proven(report, voice.mention)
        try:
            voice.conclude(report)
        finally:
            _conclude_watch(session.watch, report, voice)
    except ReportError as error:
        voice.remark(_complaint(error))
        return found or None
    except Exception:
        voice.remark(f"{format_exc()}whygrad: error: {OUR_BUG}")
        return found or None
    return found


def _conclude_watch(watch: Watch | None, report: Report, voice: Voice) -> None:
    """Say what watching has shown, where it was wanted; whether that succeeds does not touch the verdict."""
    try:
        if watch is not None:
            voice.watched(watch.close(), report)
    except Exception:
        voice.remark(f"{format_exc()}whygrad: error: {OUR_BUG}")


@whygrad.command(hidden=True)
@click.argument("folder")
def rerun(folder: str) -> Callable[[], int]:
    """Run what `whygrad run --prove` has ordered in FOLDER."""
    from whygrad.rerun import again

    return partial(again, folder)


@whygrad.command()
@click.argument("identifier", metavar="ID")
def explain(identifier: str) -> None:
    """Show the manual page of a cause."""
    from rich.console import Console

    from whygrad.causes import CAUSES
    from whygrad.nearest import did_you_mean
    from whygrad.render.manual import manual

    if identifier not in CAUSES:
        hint = did_you_mean(identifier, CAUSES) or f"the causes are {', '.join(sorted(CAUSES))}"
        raise UsageError(f"no cause `{identifier}`: {hint}")
    console = Console()
    console.print(manual(CAUSES[identifier].page, console))


@whygrad.command()
def causes() -> None:
    """List the causes, in the order of the links that they break."""
    from rich.console import Console
    from rich.table import Table

    from whygrad.causes import CAUSES, CHAIN

    table = Table("link", "id", "summary", box=None, pad_edge=False)
    links = tuple(link for link, _ in CHAIN)
    for cause in sorted(CAUSES.values(), key=lambda cause: links.index(cause.link)):
        table.add_row(cause.link, cause.id, cause.summary)
    Console().print(table)


def _complaint(error: WhygradError) -> str:
    from whygrad.render.look import Look
    from whygrad.render.neutral import neutral

    return f"whygrad: error: {neutral(str(error), Look())}"
