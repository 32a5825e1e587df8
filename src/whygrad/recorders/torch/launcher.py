"""The command line of `torchrun`, read by its own parser."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence


def guided(arguments: Sequence[str], options: Sequence[str]) -> list[str] | None:
    """The arguments of a launcher that starts `whygrad run` with these options around the script.

    Returns:
        ``None`` where it starts no Python script, or is asked for its help.
    """
    # Run as a module later on, it must not be imported already: Python warns of that.
    known = sys.modules.pop("torch.distributed.run", None)
    from torch.distributed.run import get_args_parser

    sys.modules.pop("torch.distributed.run", None)
    if known is not None:
        sys.modules["torch.distributed.run"] = known
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            read = get_args_parser().parse_args(list(arguments))
    except SystemExit:
        return None
    if read.no_python or read.run_path:
        return None
    before = list(arguments[: len(arguments) - len(read.training_script_args) - 1])
    module = ["-m"] if read.module else []
    wanted = [] if read.module else ["-m"]
    return [*before, *wanted, "whygrad", "run", *options, *module, read.training_script, *read.training_script_args]
