"""Where a function returns, read off its code."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

from whygrad.recorders import frames


def place_of_return(function: Any) -> frames.Stack:
    """Where a function of the user's returns; its beginning, if it does so in several places."""
    code = getattr(inspect.unwrap(getattr(function, "func", function)), "__code__", None)
    if code is None or not frames.is_user_file(code.co_filename):
        return ()
    found = list(_returns(code))
    if len(found) == 1:
        return ((code, found[0]),)
    return ((code.co_filename, code.co_firstlineno, code.co_qualname, code, -1),)


def _returns(code: CodeType) -> Iterator[int]:
    """The offsets at which a code object returns; without that at its end that nothing is said of."""
    every = list(dis.get_instructions(code))
    ends = [n for n, one in enumerate(every) if one.opname in ("RETURN_VALUE", "RETURN_CONST")]
    said = [n for n in ends if every[n].opname == "RETURN_VALUE" and every[n - 1].argval is not None]
    yield from (every[n].offset for n in said or ends)
