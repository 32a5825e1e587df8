"""A script under whygrad.run does what it does under plain python."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from textwrap import dedent

import pytest

from launch import driver, endings, environment, guided, plain, write
from scripts_ending import ENDING
from scripts_living import BESIDE, LIVING

SAME = LIVING | ENDING


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "work", BESIDE)


@pytest.mark.parametrize("name", SAME)
def test_script_as_python(name: str, folder: Path) -> None:
    source, status, error = SAME[name]
    write(folder, {"script.py": dedent(source)})
    ours = guided(["script.py", "--steps", "3", "-m", "--"], folder)
    theirs = plain(["script.py", "--steps", "3", "-m", "--"], folder)
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)
    assert ours.endings == [[status, error]]


@pytest.mark.parametrize("name", ["world", "exception", "exit message", "pickle of main", "multiprocessing spawn"])
def test_module_as_python(name: str, folder: Path) -> None:
    write(folder, {"package/__init__.py": "print('package')\n", "package/part.py": dedent(SAME[name][0])})
    ours, theirs = (way(["-m", "package.part", "-v"], folder) for way in (guided, plain))
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)
    assert len(ours.endings) == 1


@pytest.mark.parametrize(
    "name", ["package", "package.lost", "beside.py", "fails", "early", "early.part"], ids=lambda name: f"-m {name}"
)
def test_module_that_is_special(name: str, folder: Path) -> None:
    write(
        folder,
        {
            "package/__init__.py": "",
            "package/__main__.py": "import sys\nprint(sys.argv, __package__, __spec__.name)\nfrom . import __name__\n",
            "fails/__init__.py": "def f():\n    1/0\nf()\n",
            "early/__init__.py": "from early import part\n",
            "early/part.py": "print(__name__)\n",
        },
    )
    ours, theirs = (way(["-m", name, "-v"], folder) for way in (guided, plain))
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)
    assert len(ours.endings) == 1


@pytest.mark.parametrize(
    "name",
    ["world", "exit number", "exception", "interrupt", "pickle of main", "syntax error", "tracebacks of its own"],
)
def test_stdin_as_python(name: str, folder: Path) -> None:
    source = dedent(SAME[name][0]).encode()
    ours, theirs = (way(["-", "-v"], folder, source) for way in (guided, plain))
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)
    assert len(ours.endings) == 1


@pytest.mark.parametrize(
    "source",
    [
        "print('äöü€', ascii('äöü€'))\ndef f():\n    größe = 1/0\nf()\n".encode(),
        "# coding: latin-1\nprint(ascii('äöü'))\nraise ValueError('é')\n".encode("latin-1"),
        "\ufeffprint(__name__)\n1/0\n".encode(),
        b"print(__name__)\r\nprint(__file__)\r\n1/0\r\n",
        b"x = 1\n\x00y = 2\n",
        b"# coding: martian\n",
        b"print('no newline at the end')",
    ],
    ids=["utf-8", "latin-1", "bom", "crlf", "null", "unknown coding", "no newline"],
)
def test_source_as_python(source: bytes, folder: Path) -> None:
    write(folder, {"skript-ä.py": source})
    ours, theirs = (way(["skript-ä.py"], folder) for way in (guided, plain))
    assert (ours.stdout, ours.status) == (theirs.stdout, theirs.status)
    # Of a source that cannot be decoded python says the same from a file and from memory, but in other words.
    assert [line.partition(":")[0] for line in ours.stderr.splitlines()[-1:]] == [
        line.partition(":")[0] for line in theirs.stderr.splitlines()[-1:]
    ]


@pytest.mark.parametrize("arguments", [["script.py"], ["-m", "script"], ["-"]], ids=" ".join)
def test_streams_keep_their_order(arguments: list[str], folder: Path) -> None:
    write(folder, {"script.py": "import atexit\natexit.register(print, 'late')\nprint('buffered')\n1/0\n"})
    stdin = (folder / "script.py").read_bytes()
    ours, theirs = (way(arguments, folder, stdin, merged=True) for way in (guided, plain))
    assert ours.stdout == theirs.stdout


@pytest.mark.parametrize("name", ["./script.py", "sub/../script.py", "link.py", "sub/link.py"])
def test_path_as_python(name: str, folder: Path) -> None:
    write(folder, {"script.py": "import sys\nprint(__file__, sys.argv, sys.path[0])\nimport beside", "sub/x": ""})
    (folder / "link.py").symlink_to("script.py")
    (folder / "sub" / "link.py").symlink_to(folder / "script.py")
    ours, theirs = (way([name], folder) for way in (guided, plain))
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)


def test_safe_path_is_kept(folder: Path) -> None:
    write(folder, {"script.py": "import sys\nprint(sys.path)\nimport beside\n"})
    ours, theirs = (way(["script.py"], folder, PYTHONSAFEPATH="1") for way in (guided, plain))
    assert (ours.stdout, ours.stderr, ours.status) == (theirs.stdout, theirs.stderr, theirs.status)
    assert "ModuleNotFoundError" in ours.stderr


def test_source_outlives_its_file(folder: Path) -> None:
    """The file is gone, the directory left, the cache checked: a code frame still finds the line."""
    text = """
        import linecache, os
        os.remove("script.py")
        os.chdir("/")
        linecache.checkcache()
        def here(): pass
        print(linecache.getline(here.__code__.co_filename, here.__code__.co_firstlineno), end="")
        """
    write(folder, {"script.py": dedent(text)})
    done = guided(["script.py"], folder)
    assert (done.stdout, done.stderr, done.status) == ("def here(): pass\n", "", 0)


@pytest.mark.parametrize(
    ("name", "found", "status"),
    [
        ("nothing", 1, 1),
        ("exit number", 2, 1),
        ("exception", 1, 1),
        ("interrupt", 1, 1),
        ("hard exit", 1, 1),
        ("hard exit from atexit", 1, 1),
        ("termination", 1, -signal.SIGTERM),
        ("interrupt", 0, -signal.SIGINT),
    ],
)
def test_findings_decide_the_status(name: str, found: int, status: int, folder: Path) -> None:
    write(folder, {"script.py": dedent(SAME[name][0])})
    done = guided(["script.py"], folder, found=found)
    assert done.status == status
    assert done.endings == [list(SAME[name][1:])]


def test_interrupt_from_outside_while_a_thread_is_waited_for(folder: Path) -> None:
    write(
        folder,
        {
            "script.py": """
import os, signal, threading, time
def work():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=work).start()
print("main is done", flush=True)
"""
        },
    )
    done = guided(["script.py"], folder)
    assert done.stdout == "main is done\n"
    assert done.stderr.endswith("KeyboardInterrupt\n") or "KeyboardInterrupt: " in done.stderr
    assert "whygrad" not in done.stderr
    assert done.endings == [[0, None]]
    assert done.status == plain(["script.py"], folder).status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_from_outside(number: signal.Signals, folder: Path) -> None:
    write(folder, {"script.py": "import time\nprint('ready', flush=True)\ntime.sleep(30)\n"})
    log = folder.parent / "log"
    process = subprocess.Popen(
        driver(["", "script.py"]),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(LOG=str(log), FOUND="0"),
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(number)
    assert process.returncode == -number
    assert time.monotonic() - began < 10
    assert len(endings(log)) == 1


def test_our_frames_are_hidden_in_the_middle(folder: Path) -> None:
    """A wrapper of ours between two frames of the user leaves no trace, in causes and groups neither."""
    wrapper = """
        import whygrad, os
        ours = os.path.join(os.path.dirname(whygrad.__file__), "x.py")
        exec(compile("def wrap(f):\\n    return f()\\n", ours, "exec"))
        def inner():
            1/0
        def outer():
            try:
                wrap(inner)
            except ZeroDivisionError as error:
                raise ExceptionGroup("all", [error]) from error
        wrap(outer)
        """
    write(folder, {"script.py": dedent(wrapper)})
    ours, theirs = (way(["script.py"], folder) for way in (guided, plain))
    assert "x.py" in theirs.stderr
    assert "x.py" not in ours.stderr
    assert ours.stderr.count("in inner") == theirs.stderr.count("in inner") == 2
