"""The command lines of `torchrun` and `accelerate launch`, each read by its own parser."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# The function of each launcher's module that makes its parser.
_PARSERS: Mapping[str, str] = {
    "torch.distributed.run": "get_args_parser",
    "accelerate.commands.launch": "launch_command_parser",
}


def guided(module: str, arguments: Sequence[str], options: Sequence[str]) -> list[str] | None:
    """The arguments of a launcher that starts `whygrad run` with these options around the script.

    Args:
        module: of the launcher.

    Returns:
        ``None`` where it starts no Python script, is asked for its help, or is not there.
    """
    try:
        parser = _imported(module, _PARSERS[module])()
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            read = parser.parse_args(list(arguments))
    except (SystemExit, ImportError):
        return None
    if read.no_python or getattr(read, "run_path", False):
        return None
    before = list(arguments[: len(arguments) - len(read.training_script_args) - 1])
    own = ["-m"] if read.module else []
    wanted = [] if read.module else ["-m"]
    return [*before, *wanted, "whygrad", "run", *options, *own, read.training_script, *read.training_script_args]


def _imported(module: str, name: str) -> Any:
    """A function of a module that is run as one later on: it must not be imported already, of which Python warns."""
    known = sys.modules.pop(module, None)
    found = getattr(importlib.import_module(module), name)
    sys.modules.pop(module, None)
    if known is not None:
        sys.modules[module] = known
    return found
