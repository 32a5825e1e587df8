"""``python warm.py FRAMEWORK``: imports a framework once and runs each script that it is told of in a forked child.

An import costs seconds, and a suite runs hundreds of scripts. A child is forked before the framework has computed
anything, so that it holds no threads, and ends with its script: what whygrad puts in place stays until a process ends,
as in real use. Only the moment at which the framework is imported differs, and ``test_on_import.py`` is about that.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import whygrad
from programs import surroundings

MODULES = {
    "tensorflow": ("tensorflow", "keras.layers", "numpy.random", "whygrad.recorders.tensorflow"),
    "torch": ("torch", "torch._dynamo", "numpy.random", "whygrad.recorders.torch"),
    "jax": ("jax", "flax.linen", "flax.nnx", "equinox", "optax", "numpy.random", "whygrad.recorders.jax"),
}
# What a script may say that must be known before its framework is imported, and a framework beside its own.
EARLY = ("os.environ", "tf_keras")
BESIDE = {"tensorflow": ("jax",), "torch": ("jax",), "jax": ("keras", "tensorflow", "torch")}


class Warm:
    """A process in which a framework is imported.

    Args:
        framework: a key of ``MODULES``.
    """

    def __init__(self, framework: str) -> None:
        command = [sys.executable, __file__, framework]
        environment = surroundings(framework)
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def run(self, folder: Path, arguments: list[str]) -> int:
        """``whygrad`` with these arguments in that folder, what it prints thrown away; its exit status."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps([str(folder), arguments]), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._server.communicate()


class Servers:
    """A process for every framework whose scripts are run, begun when the first script asks for it."""

    def __init__(self) -> None:
        self._made: dict[str, Warm] = {}

    def report(self, script: Path, out: Path, framework: str) -> dict[str, Any]:
        """Run a script under whygrad, in its folder, and read the report that it writes to ``out``."""
        text, arguments = script.read_text("utf-8"), ["run", "--quiet", "--json", str(out), script.name]
        if framework in MODULES and fits(text, framework):
            if framework not in self._made:
                self._made[framework] = Warm(framework)
            self._made[framework].run(script.parent, arguments)
        else:
            command = [sys.executable, "-m", "whygrad", *arguments]
            environment = surroundings(text)
            subprocess.run(command, cwd=script.parent, env=environment, capture_output=True, check=False, timeout=180)
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return found

    def close(self) -> None:
        """End the processes."""
        for server in self._made.values():
            server.close()


def fits(text: str, framework: str) -> bool:
    """Whether a script can run where its framework is imported already."""
    return not any(word in text for word in (*EARLY, *BESIDE[framework]))


def import_ours() -> None:
    """Import all of whygrad but for frameworks that are not imported: each child would have to."""
    root = Path(whygrad.__file__).parent
    for path in sorted({*root.rglob("*.py")} - {root / "__main__.py"}):  # that one would look at the path
        inside = path.relative_to(root).with_suffix("").parts
        if inside[0] != "recorders" or inside[1] not in MODULES or inside[1] in sys.modules:
            importlib.import_module(".".join(("whygrad", *inside)).removesuffix(".__init__"))


def _serve(framework: str) -> None:
    for name in MODULES[framework]:
        importlib.import_module(name)
    import_ours()
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    for line in sys.stdin:
        folder, arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_child(folder, arguments)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be_child(folder: str, arguments: list[str]) -> None:
    from whygrad import cli

    leave: Any = os._exit
    status = 70
    try:
        os.chdir(folder)
        for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
            os.dup2(os.open(os.devnull, flags), number)
        sys.argv = ["whygrad", *arguments]
        cli.main()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
    finally:
        leave(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
