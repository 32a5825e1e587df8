"""Runs somebody's script as ``python`` would, and tells how it ended.

The script sees what it would see without us: ``sys.argv``, ``sys.path``, its own ``__main__`` module, which stays
where it is until the interpreter ends, so that ``atexit``, ``pickle`` and ``multiprocessing`` find it.
"""

from __future__ import annotations

import builtins
import io
import linecache
import os
import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import BuiltinImporter, SourceFileLoader
from importlib.util import decode_source
from types import ModuleType

from whygrad import uncaught
from whygrad.ending import Closing, Ending
from whygrad.shadow import set_apart, set_aside
from whygrad.target import Kind, Target

_STDIN = "<stdin>"


def run(target: Target, finish: Callable[[Ending], int | None]) -> int:
    """Run the target, call ``finish`` once however it ends, and return the status to exit with.

    ``finish`` returns the number of findings that count, ``None`` where it could not make a report. It is called when
    the script's threads are done and before its ``atexit`` handlers; not at all in forked children. The caller exits
    at once: what is put in place here stays until the process ends. An interrupted script with nothing found leaves
    through KeyboardInterrupt, so that the process dies of SIGINT as it would have.
    """
    closing = Closing(finish)
    closing.watch()
    error = _execute(target)
    ending = uncaught.settle(error) if error else Ending(0)
    _join_threads()
    status = closing.close(ending)
    if type(error) is KeyboardInterrupt and status == ending.status:
        uncaught.die_of_interrupt()
    return status


def _execute(target: Target) -> BaseException | None:
    main = sys.modules["__main__"] = _fresh_main(sys.modules["__main__"])
    try:
        _START[target.kind](target, main)
    except BaseException as error:
        return error
    return None


def _fresh_main(ours: ModuleType) -> ModuleType:
    """A ``__main__`` as the interpreter makes it; kept alive by ``sys.modules`` until the interpreter ends."""
    main = ModuleType("__main__")
    main.__loader__ = BuiltinImporter
    if "__annotations__" in vars(ours):  # newer interpreters make it on demand
        main.__annotations__ = {}
    vars(main)["__builtins__"] = builtins
    return main


def _start_script(target: Target, main: ModuleType) -> None:
    path = os.path.join(os.getcwd(), target.name)
    _enter(os.path.dirname(os.path.realpath(path)), target.name, target)
    main.__loader__ = SourceFileLoader("__main__", path)
    _run_source(target.source, path, main)


def _start_stdin(target: Target, main: ModuleType) -> None:
    _enter("", target.name, target)
    set_apart("linecache")  # plain python knows no lines of standard input, and shows none in a traceback
    _run_source(target.source, _STDIN, main)


def _start_module(target: Target, main: ModuleType) -> None:
    _enter(os.getcwd(), "-m", target)
    runpy._run_module_as_main(target.name)  # type: ignore[attr-defined]  # what the interpreter itself calls for -m


_START: dict[Kind, Callable[[Target, ModuleType], None]] = {
    "script": _start_script,
    "stdin": _start_stdin,
    "module": _start_module,
}


def _enter(folder: str, argv0: str, target: Target) -> None:
    """Set ``sys.argv``, and look for modules in ``folder`` first, unless the interpreter was told not to."""
    sys.argv[:] = [argv0, *target.arguments]
    if not sys.flags.safe_path:
        sys.path[0] = folder
        set_aside(folder or os.getcwd())


def _run_source(source: bytes, filename: str, main: ModuleType) -> None:
    main.__file__ = filename
    vars(main)["__cached__"] = None
    try:
        code = compile(source, filename, "exec", dont_inherit=True)
        _remember_source(source, filename)
        exec(code, vars(main))
    finally:
        for stream in (sys.stderr, sys.stdout):
            with suppress(Exception):
                stream.flush()


def _remember_source(source: bytes, filename: str) -> None:
    """Keep the text for code frames: the script may delete its file or leave its directory."""
    lines = list(io.StringIO(decode_source(source)))
    linecache.cache[filename] = (len(source), None, lines, filename)


def _join_threads() -> None:
    """Wait for the script's threads, as the interpreter is going to do after us."""
    threading = sys.modules.get("threading")
    if threading is not None:
        try:
            threading._shutdown()
        except BaseException as error:
            uncaught.hide_own_frames(error)
            uncaught.show(error)
