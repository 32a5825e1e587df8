"""Arguments in, exit status out, and words where they belong."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from commands import FAKES, SCRIPTS, faked, whygrad
from launch import Done, execute, plain, write
from scripts_living import BESIDE, LIVING
from whygrad import __version__
from whygrad.causes import CAUSES, CHAIN
from whygrad.render import FORMATS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "work", SCRIPTS)


# -- run: what belongs to whom ------------------------------------------------------------------------------


def test_everything_after_the_script_is_the_scripts(folder: Path) -> None:
    arguments = ["--json", "x", "-m", "--", "--help", "-"]
    done = whygrad(["run", "healthy.py", *arguments], folder)
    assert done.stdout == f"out {['healthy.py', *arguments]}\n"
    assert done.status == 0


def test_everything_after_the_module_is_the_modules(folder: Path) -> None:
    done = whygrad(["run", "--quiet", "-m", "package", "--quiet", "--steps", "-m"], folder)
    assert done == Done(0, "['--quiet', '--steps', '-m']\n", "")


@pytest.mark.parametrize(
    "name",
    ["world", "names taken from us", "tracebacks of its own", *(n for n in LIVING if n.startswith("multiprocessing"))],
)
def test_a_script_lives_as_under_python(name: str, folder: Path) -> None:
    write(folder, BESIDE | {"script.py": dedent(LIVING[name][0])})
    assert whygrad(["run", "--quiet", "script.py"], folder) == plain(["script.py"], folder)


def test_a_script_from_stdin(folder: Path) -> None:
    done = whygrad(["run", "--quiet", "-", "-v"], folder, b"import sys\nprint(__file__, sys.argv)\n")
    assert done == Done(0, "<stdin> ['-', '-v']\n", "")


def test_a_finding_in_a_script_from_stdin_shows_its_line(folder: Path) -> None:
    command = [sys.executable, str(FAKES), "run", "-"]
    done = execute(command, folder, b"import fakegrad\nfakegrad.lose('a', 'error')  # this line\n")
    assert "fakegrad.lose('a', 'error')  # this line" in done.stderr


def test_a_healthy_script_gets_one_line(folder: Path) -> None:
    done = whygrad(["run", "healthy.py"], folder)
    assert done.stderr == "whygrad: no gradient was asked for\n"


def test_the_report_of_a_real_session(folder: Path) -> None:
    done = whygrad(["run", "--json", "out.json", "failing.py", "--epochs", "1"], folder)
    report = json.loads((folder / "out.json").read_text())
    assert report["schema"] == "whygrad/1"
    assert report["tool"] == {"name": "whygrad", "version": __version__}
    assert report["script"] == {"argv": ["failing.py", "--epochs", "1"], "status": 3, "error": None}
    assert done.status == 3


# -- run: exit status and words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status", "own"),
    [
        ("healthy.py", 0, 0),
        ("failing.py", 3, 3),
        ("losing.py", 1, 0),
        ("noting.py", 0, 0),
        ("losing_and_failing.py", 1, 1),
    ],
)
def test_status(script: str, status: int, own: int, folder: Path) -> None:
    done = faked(["run", "--json", "out.json", script], folder)
    assert done.status == status
    assert json.loads((folder / "out.json").read_text())["script"]["status"] == own


def test_findings_are_said_when_known_and_once(folder: Path) -> None:
    write(folder, {"losing.py": SCRIPTS["losing.py"] + "import sys\nprint('after', file=sys.stderr)\n"})
    done = faked(["run", "losing.py"], folder)
    said = done.stderr.index("error[stop-gradient]: `dense/kernel` is lost")
    assert said < done.stderr.index("after") < done.stderr.index("whygrad: 1 error")
    assert done.stderr.count("error[stop-gradient]") == 1
    assert "losing.py:2:1" in done.stderr
    assert done.stdout == "out\n"


def test_notes_are_said_at_the_end(folder: Path) -> None:
    assert faked(["run", "noting.py"], folder).stderr.startswith("note[stop-gradient]: `dense/kernel` is lost")


def test_quiet_leaves_the_closing_lines(folder: Path) -> None:
    assert faked(["run", "--quiet", "losing.py"], folder).stderr.startswith("whygrad: 1 error")
    assert faked(["run", "--quiet", "healthy.py"], folder).stderr == ""


def test_json_on_stdout_comes_last_and_alone(folder: Path) -> None:
    done = faked(["run", "--format", "json", "losing.py"], folder)
    first, rest = done.stdout.split("\n", 1)
    assert first == "out"
    assert json.loads(rest)["findings"][0]["title"] == "`dense/kernel` is lost"
    assert done.stderr == ""
    assert done.status == 1


def test_steps_reach_the_session(folder: Path) -> None:
    notes = [
        json.loads(faked(["run", "--format", "json", *steps, "losing.py"], folder).stdout.split("\n", 1)[1])["notes"]
        for steps in ([], ["--steps", "7"])
    ]
    assert notes == [["steps 10"], ["steps 7"]]


def test_the_scripts_own_traceback_comes_first(folder: Path) -> None:
    ours = faked(["run", "losing_and_failing.py"], folder).stderr
    assert ours.index("ZeroDivisionError") < ours.index("whygrad: 1 warning")


def test_a_child_says_nothing(folder: Path) -> None:
    write(
        folder, {"fork.py": "import fakegrad, os\nif not os.fork():\n    fakegrad.lose('a', 'error')\nelse: os.wait()"}
    )
    assert "error[" not in faked(["run", "fork.py"], folder).stderr


def test_a_fault_of_ours_is_not_the_scripts(folder: Path) -> None:
    done = faked(["run", "--json", "out.json", "breaking.py"], folder)
    assert done.status == 2
    assert "LookupError: a fault of ours" in done.stderr
    assert done.stderr.endswith("this is a bug of whygrad, not of the script: please report these lines\n")
    assert os.listdir(folder).count("out.json") == 0


def test_names_taken_by_the_script_are_no_trouble(folder: Path) -> None:
    mine = {
        f"{name}.py": f"mine = {name!r}\n" for name in ("click", "rich", "json", "difflib", "unicodedata", "bisect")
    }
    script = "import bisect, click, difflib, fakegrad, json, rich, unicodedata\nprint(rich.mine, json.mine)\n"
    write(folder, mine | {"shadows.py": script + "fakegrad.lose('gewicht_ä_日本', 'error')\n"})
    done = faked(["run", "--json", "out.json", "shadows.py"], folder)
    assert (done.status, done.stdout) == (1, "rich json\n")
    assert "is lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert whygrad(["run", "--quiet", "healthy.py"], folder).status == 0


# -- run: wrong calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("run heathy.py", "no script `heathy.py` in `{folder}`: did you mean `healthy.py`?"),
        ("run \x1b[2J\u202e.py", r"no script `\x1b[2J\u202e.py` in `{folder}`: name a script that exists"),
        ("run lost/train.py", "no script `lost/train.py`: there is no folder `lost` in `{folder}`"),
        ("run package", "`package` is a directory: name a script in it, such as `package/__init__.py`"),
        ("run -m packages", "no module `packages` in `{folder}` or among the installed ones: did you mean `package`?"),
        ("run --json lost/x healthy.py", "no report can be written to `lost/x`: no such file or directory"),
        ("run --json package healthy.py", "no report can be written to `package`: it is not a regular file"),
        ("run --json /dev/null healthy.py", "no report can be written to `/dev/null`: it is not a regular file"),
        ("healthy.py --epochs 3", "no command `healthy.py`: a script is run by `whygrad run healthy.py`"),
        ("explain stop-gradien", "no cause `stop-gradien`: did you mean `stop-gradient`"),
        ("explain qqq", "no cause `qqq`: the causes are custom-gradient, "),
    ],
)
def test_wrong_calls(call: str, words: str, folder: Path) -> None:
    done = whygrad(call.split(), folder)
    assert done.stderr.startswith("whygrad: error: " + words.format(folder=folder))
    assert done.stderr.count("\n") == 1
    assert (done.status, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Missing argument 'SCRIPT'"),
        (["run", "--jsn", "x", "healthy.py"], "Did you mean '--json'?"),
        (["run", "--format", "yaml", "healthy.py"], f"'yaml' is not one of {', '.join(FORMATS)}"),
        (["run", "--steps", "0", "healthy.py"], "0 is not in the range x>=1"),
        (["run", "--steps", "few", "healthy.py"], "'few' is not a valid number of steps"),
        (["rn"], "No such command 'rn'"),
        ([], "Commands:"),
    ],
    ids=" ".join,
)
def test_wrong_options(arguments: list[str], words: str, folder: Path) -> None:
    done = whygrad(arguments, folder)
    assert words in done.stderr
    assert (done.status, done.stdout) == (2, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_what_may_not_be_read_or_written(folder: Path) -> None:
    (folder / "healthy.py").chmod(0)
    assert "permission denied" in whygrad(["run", "healthy.py"], folder).stderr
    (folder / "package").chmod(0o500)
    assert "permission denied" in whygrad(["run", "--json", "package/x.json", "failing.py"], folder).stderr


def test_a_syntax_error_is_the_scripts(folder: Path) -> None:
    write(folder, {"broken.py": "x = = 1\n"})
    ours = whygrad(["run", "--quiet", "--json", "out.json", "broken.py"], folder)
    assert ours == plain(["broken.py"], folder)
    assert json.loads((folder / "out.json").read_text())["script"]["error"].startswith("SyntaxError: ")


# -- the process ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "entry", [["-m", "whygrad"], [str(Path(sys.executable).with_name("whygrad"))]], ids=["-m", "console"]
)
def test_a_signal_leaves_a_report(number: signal.Signals, entry: list[str], folder: Path) -> None:
    write(folder, {"waiting.py": "import time\nprint('ready', flush=True)\ntime.sleep(30)\n"})
    command = [sys.executable, *entry, "run", "--quiet", "--json", "out.json", "waiting.py"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    script = json.loads((folder / "out.json").read_text())["script"]
    assert script["status"] == 128 + number
    assert script["error"] == {signal.SIGINT: "KeyboardInterrupt", signal.SIGTERM: "SIGTERM"}[number]
    assert process.returncode == -number
    assert b"whygrad" not in stderr


BEFORE = """
import os, signal, sys
from whygrad import cli, {module}
def interrupted(*_, **__): os.kill(os.getpid(), signal.SIGINT)
{module}.{name} = interrupted
sys.argv = ["whygrad", "run", "--json", "out.json", "healthy.py"]
sys.exit(cli.main())
"""


@pytest.mark.parametrize(("module", "name"), [("target", "locate"), ("voice", "Voice"), ("session", "Session")])
def test_an_interrupt_before_the_script_begins_is_no_fault_of_ours(module: str, name: str, folder: Path) -> None:
    done = plain(["-c", BEFORE.format(module=module, name=name)], folder)
    assert (done.status, done.stdout, done.stderr.strip()) == (-signal.SIGINT, "", "")


def test_help_is_quick(tmp_path: Path) -> None:
    def seconds(*arguments: str) -> float:
        """Of processor time, which does not depend on what else the machine does."""
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert plain(arguments, tmp_path).status == 0
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime

    bare = min(seconds("-c", "pass") for _ in range(3))
    assert min(seconds("-m", "whygrad", "--help") for _ in range(3)) - bare < 0.3


# -- the manual ----------------------------------------------------------------------------------------------


def test_version(tmp_path: Path) -> None:
    assert whygrad(["--version"], tmp_path).stdout == f"whygrad, version {__version__}\n"


def test_explain_shows_the_manual_page(tmp_path: Path) -> None:
    done = whygrad(["explain", "stop-gradient"], tmp_path)
    assert (done.status, done.stderr) == (0, "")
    for words in ("stop-gradient", "Broken", "tf.stop_gradient(student(x))"):
        assert words in done.stdout


def test_causes_lists_them_all(tmp_path: Path) -> None:
    listed = [line.split()[:2] for line in whygrad(["causes"], tmp_path, COLUMNS="200").stdout.splitlines()[1:]]
    assert sorted(listed) == sorted([cause.link, cause.id] for cause in CAUSES.values())
    links = [link for link, _ in CHAIN]
    assert [link for link, _ in listed] == sorted((link for link, _ in listed), key=links.index)
