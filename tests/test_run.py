"""A script under whygrad.run does what it does under plain python."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from textwrap import dedent

import pytest

from launch import driver, endings, environment, guided, plain, write

# name: (source, the status that finish is told, what it is told the error was)
SAME: dict[str, tuple[str, int, str | None]] = {
    "world": (
        """
        '''Its docstring.'''
        import os, sys
        with_address = ("__spec__", "__loader__", "__builtins__")
        shown = {name: value for name, value in globals().items() if name not in with_address}
        print(shown, type(__loader__), type(__builtins__), type(__spec__), list(globals()))
        print(sys.argv, sys.path[0], sys.flags, sys.getrecursionlimit(), sys.warnoptions, os.getcwd())
        print(sys.modules["__main__"].__dict__ is globals(), __name__ == "__main__")
        import locale, signal, warnings
        print(warnings.filters, locale.getlocale(), [signal.getsignal(n) for n in signal.valid_signals()])
        print(sys.stdout.encoding, sys.stderr.errors, sys.stdin.fileno(), sys.excepthook is sys.__excepthook__)
        """,
        0,
        None,
    ),
    "exit number": ("import sys; print('out'); sys.exit(3)", 3, None),
    "exit message": ("import sys; sys.exit('sørry')", 1, "SystemExit: sørry"),
    "exit none": ("raise SystemExit", 0, None),
    "exit true": ("import sys; sys.exit(True)", 1, None),
    "exit beyond a byte": ("import sys; sys.exit(-1)", 255, None),
    "exit tuple": ("raise SystemExit(1, 2)", 1, "SystemExit: (1, 2)"),
    "exit in finally": ("try:\n    1/0\nfinally:\n    raise SystemExit(4)", 4, None),
    "exception": (
        """
        import sys
        print("to stdout")
        print("to stderr", file=sys.stderr)
        def f(x):
            return x / 0
        f(1)
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "exception chain": (
        """
        def f():
            try:
                {}["a"]
            except KeyError as error:
                raise ValueError("second") from error
        try:
            f()
        finally:
            raise RuntimeError("third")
        """,
        1,
        "RuntimeError: third",
    ),
    "exception group": (
        """
        def fail(n):
            raise ValueError(n)
        def caught(n):
            try:
                fail(n)
            except ValueError as error:
                return error
        raise ExceptionGroup("both", [caught(1), ExceptionGroup("inner", [caught(2)])])
        """,
        1,
        "ExceptionGroup: both (2 sub-exceptions)",
    ),
    "exception that refuses attributes": (
        """
        class Sealed(Exception):
            def __setattr__(self, name, value):
                raise TypeError("sealed")
        raise Sealed("x")
        """,
        1,
        "Sealed: x",
    ),
    "exception without words": ("class Mute(Exception):\n    __str__ = None\nraise Mute", 1, "Mute"),
    "syntax error": ("print(1)\nx = (\n", 1, "SyntaxError: '(' was never closed (script.py, line 2)"),
    "import of what is not there": (
        "import whygrad_is_no_parent.child",
        1,
        "ModuleNotFoundError: No module named 'whygrad_is_no_parent'",
    ),
    "excepthook": (
        "import sys\nsys.excepthook = lambda *found: print('hook', found[0], found[2].tb_lineno)\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "excepthook that exits": (
        "import sys\nsys.excepthook = lambda *_: sys.exit(9)\n1/0",
        9,
        None,
    ),
    "excepthook that fails": (
        "import sys\ndef hook(*_):\n    [].pop()\nsys.excepthook = hook\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "interrupt": (
        "import os, signal, time\nprint(1)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
        130,
        "KeyboardInterrupt",
    ),
    "own kind of interrupt": ("class Stop(KeyboardInterrupt): pass\nraise Stop('x')", 1, "Stop: x"),
    "atexit": (
        """
        import atexit, sys
        @atexit.register
        def last():
            print("last", __name__, value, sys.modules["__main__"].value, sys.last_value)
            open("unclosed").read()
        value = 7
        kept = open("unclosed", "w")
        kept.write("buffered")
        print("main")
        1/0
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "files closed by nobody": (
        """
        import atexit
        class Late:
            def __del__(self):
                print("deleted")
        late = Late()
        atexit.register(print, "atexit")
        """,
        0,
        None,
    ),
    "threads that outlive main": (
        """
        import atexit, threading, time
        from concurrent.futures import ThreadPoolExecutor
        def work(name):
            time.sleep(0.1)
            print(name)
        pool = ThreadPoolExecutor(1)
        pool.submit(work, "pooled")
        threading.Thread(target=lambda: (time.sleep(0.1), work("thread"))).start()
        atexit.register(print, "atexit")
        print("main is done")
        """,
        0,
        None,
    ),
    "thread that fails": (
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start()\nt.join()\nprint(2)",
        0,
        None,
    ),
    "pickle of main": (
        """
        import pickle
        class Point:
            def __init__(self, x): self.x = x
        print(pickle.dumps(Point(1)))
        print(pickle.loads(pickle.dumps(Point(3))).x, Point.__module__)
        """,
        0,
        None,
    ),
    **{
        f"multiprocessing {method}": (
            f"""
            import multiprocessing, os, sys, time
            class Weight:
                def __init__(self, x): self.x = x
            def double(weight):
                return Weight(2 * weight.x)
            print("seen by", __name__, flush=True)
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                with context.Pool(1) as pool:
                    print([each.x for each in pool.map(double, [Weight(1), Weight(2)])])
                child = context.Process(target=sys.exit, args=[5])
                child.start()
                child.join()
                print(child.exitcode)
                child = context.Process(target=time.sleep, args=[9])
                sys.stdout.flush()
                child.start()
                child.terminate()
                child.join()
                print(child.exitcode)
            """,
            0,
            None,
        )
        for method in ("fork", "spawn", "forkserver")
    },
    "child that falls off the end": (
        """
        import os, sys
        print("before", flush=True)
        if os.fork():
            print(os.wait()[1])
        else:
            print("child")
            sys.exit(6)
        """,
        0,
        None,
    ),
    "child that fails": (
        """
        import os
        if os.fork():
            print(os.wait()[1])
        else:
            1/0
        """,
        0,
        None,
    ),
    "hard exit": ("import os\nprint('lost in the buffer')\nos._exit(5)", 5, None),
    "hard exit beyond a byte": ("import os\nos._exit(status=256 + 7)", 7, None),
    "hard exit of nothing": (
        "import os\ntry:\n    os._exit('x')\nexcept TypeError:\n    print('refused')\n",
        0,
        None,
    ),
    "hard exit from a thread": (
        "import os, threading, time\nthreading.Thread(target=os._exit, args=[3]).start()\ntime.sleep(9)",
        3,
        None,
    ),
    "hard exit from atexit": ("import atexit, os\natexit.register(os._exit, 8)\n", 0, None),
    "termination": (
        "import os, signal\nprint('lost')\nos.kill(os.getpid(), signal.SIGTERM)\nprint('never')",
        143,
        "SIGTERM",
    ),
    "termination handled": (
        """
        import os, signal, sys
        print(signal.getsignal(signal.SIGTERM))
        def stop(*_):
            print("stopped")
            sys.exit(4)
        print(signal.signal(signal.SIGTERM, stop))
        print(signal.getsignal(signal.SIGTERM) is stop)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        4,
        None,
    ),
    "termination handled for a while": (
        """
        import os, signal
        before = signal.signal(signal.SIGTERM, lambda *_: print("handled", callable(before)))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
        print(signal.getsignal(signal.SIGTERM), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        143,
        "SIGTERM",
    ),
    "termination ignored": (
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nprint('alive')",
        0,
        None,
    ),
    "termination of a child": (
        """
        import os, signal, time
        child = os.fork()
        if not child:
            print(signal.getsignal(signal.SIGTERM), flush=True)
            time.sleep(9)
            os._exit(0)
        time.sleep(0.2)
        os.kill(child, signal.SIGTERM)
        print(os.waitpid(child, 0)[1])
        """,
        0,
        None,
    ),
    "change of directory": (
        "import os\nos.chdir('/')\nprint(__file__, os.getcwd())\nimport beside\n1/0",
        1,
        "ZeroDivisionError: division by zero",
    ),
    "names taken from us": (
        """
        import click, json, rich, difflib, traceback
        print(click.mine, json.mine, rich.mine, difflib.mine)
        try:
            import rich.text
        except ImportError as error:
            print(error)
        traceback.print_stack(limit=1)
        """,
        0,
        None,
    ),
    "warnings": (
        "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('mind')\n'\\d'\n",
        0,
        None,
    ),
    "tracebacks of its own": (
        """
        import inspect, linecache, logging, traceback, warnings
        def f():
            return 1 / 0
        try:
            f()
        except ZeroDivisionError:
            traceback.print_exc()
            logging.exception("logged")
        try:
            print(inspect.getsource(f))
        except OSError as error:
            print(error)
        warnings.warn("mind")
        print(linecache.getline(__file__, 3))
        f()
        """,
        1,
        "ZeroDivisionError: division by zero",
    ),
    "nothing": ("", 0, None),
}

BESIDE = {
    "beside.py": "print('beside', __name__)\n",
    "click.py": "mine = 1\n",
    "json.py": "mine = 2\n",
    "rich.py": "mine = 3\n",
    "difflib/__init__.py": "mine = 4\n",
}


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
