"""Runs a script twice, under plain python and under ``whygrad.run``, and tells both apart by nothing but the log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DRIVER = Path(__file__).with_name("driver.py")


@dataclass(frozen=True, slots=True)
class Done:
    """How a process ended; ``endings`` is what ``finish`` was told, once per call."""

    status: int
    stdout: str
    stderr: str
    endings: list[list[object]] = field(default_factory=list)


def environment(**more: str) -> dict[str, str]:
    """This process's environment, but for what changes how Python buffers or colours."""
    fixed = {"PYTHONUNBUFFERED", "FORCE_COLOR", "NO_COLOR", "COLUMNS"}
    return {name: value for name, value in os.environ.items() if name not in fixed} | more


def execute(command: Sequence[str], folder: Path, stdin: bytes = b"", merged: bool = False, **env: str) -> Done:
    """Run a command to its end; ``merged`` sends stderr where stdout goes."""
    stderr = subprocess.STDOUT if merged else subprocess.PIPE
    done = subprocess.run(
        command, cwd=folder, input=stdin, stdout=subprocess.PIPE, stderr=stderr, env=environment(**env), timeout=60
    )
    return Done(done.returncode, done.stdout.decode(), (done.stderr or b"").decode())


def plain(arguments: Sequence[str], folder: Path, stdin: bytes = b"", merged: bool = False, **env: str) -> Done:
    """Run ``python ARGUMENTS``."""
    return execute([sys.executable, *arguments], folder, stdin, merged, **env)


def guided(
    arguments: Sequence[str], folder: Path, stdin: bytes = b"", merged: bool = False, found: int | str = 0, **env: str
) -> Done:
    """Run the same through ``whygrad.run``, with a ``finish`` that finds ``found`` things."""
    log = folder.parent / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    target = list(arguments) if arguments[0] == "-m" else ["", *arguments]
    done = execute(driver(target), folder, stdin, merged, LOG=str(log), FOUND=str(found), **env)
    return Done(done.status, done.stdout, done.stderr, endings(log))


def driver(target: Sequence[str]) -> list[str]:
    """The command that runs ``target`` (``-m`` or nothing, name, arguments)."""
    return [sys.executable, str(DRIVER), *target]


def endings(log: Path) -> list[list[object]]:
    """What ``finish`` was told."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Put files into a folder of their own."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
