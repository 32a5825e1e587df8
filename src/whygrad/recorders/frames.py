"""Which frame is the user's, and its exact place. The one definition of "user code".

A frame is the user's unless its file belongs to Python itself, to an ML framework or a library that
frameworks are made of, or to whygrad. Recording keeps (code, instruction offset); spans are made later.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from whygrad.span import Span

# Distributions whose frames are never the user's: the frameworks, what they are made of, and what is built on them to
# hold models and training loops, where a place would say nothing about the script.
FRAMEWORKS = frozenset(
    "lightning pytorch_lightning lightning_fabric lightning_utilities torchmetrics accelerate transformers peft "
    "diffusers timm torchvision torch_geometric trl "
    "tensorflow keras tf_keras torch torchgen functorch jax jaxlib flax optax equinox jaxtyping "
    "numpy scipy ml_dtypes absl wrapt tree optree gast h5py google six typing_extensions".split()
)
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
BOTTOM = OURS + "run.py"
_PATHS = sysconfig.get_paths()
_STDLIB = tuple({os.path.realpath(_PATHS[k]) + os.sep for k in ("stdlib", "platstdlib")} | {_PATHS["stdlib"] + os.sep})
_SITES = ("site-packages", "dist-packages")
AUTOGRAPH = "__autograph_generated_file"
# Frames that Cython writes into a traceback name its sources as they lay where a package was built.
_COMPILED = (".pyx", ".pxd", ".pxi")
MOST_FRAMES = 10

Place = tuple[CodeType, int] | tuple[str, int, str, CodeType | None, int]
Stack = tuple[Place, ...]
_verdicts: dict[str, bool] = {}


class Held(threading.local):
    """What is known of this thread.

    Attributes:
        above: the innermost frame whose callers are known, and what ``capture`` says of them.
    """

    above: tuple[FrameType | None, Stack] = (None, ())


held = Held()


def started_at(stack: Stack) -> None:
    """What stands below every frame of this process: where another one of the script's started it."""
    Held.above = (None, stack)


def bare(stack: Stack) -> Stack:
    """A stack as another process can be told of it: lines alone."""
    return tuple((s.file, s.line or 0, s.function or "", None, 0) for s in spans(stack))


def is_user_file(filename: str) -> bool:
    """Whether code of this file counts as the user's (packages that are no framework included)."""
    verdict = _verdicts.get(filename)
    if verdict is None:
        verdict = _verdicts[filename] = _decide(filename)
    return verdict


def _decide(filename: str) -> bool:
    if filename.startswith("<"):
        return filename == "<stdin>" or filename.startswith("<ipython")
    if filename.endswith(_COMPILED):
        return False
    path = filename if os.path.isabs(filename) else os.path.abspath(filename)
    if path.startswith(OURS):
        return False
    package = package_of(path)
    if package is not None:
        return package not in FRAMEWORKS
    return not path.startswith(_STDLIB)


def is_users_object(value: Any) -> bool:
    """Whether the class of an object is defined in user code."""
    file = getattr(sys.modules.get(type(value).__module__), "__file__", None)
    return file is not None and is_user_file(file)


def package_of(filename: str) -> str | None:
    """The installed package that a file belongs to, ``None`` for the user's own files."""
    parts = filename.split(os.sep)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] in _SITES:
            return parts[index + 1].removesuffix(".py")
    return None


def capture(frame: FrameType | None, limit: int = MOST_FRAMES) -> Stack:
    """The user's frames from ``frame`` outwards, innermost first, as places to be looked up later."""
    places: list[Place] = []
    verdicts, (known, callers) = _verdicts, held.above
    while frame is not known:
        if frame is None:
            return tuple(places)
        code = frame.f_code
        verdict = verdicts.get(code.co_filename)
        if verdict:
            places.append((code, frame.f_lasti))
            if len(places) == limit:
                return tuple(places)
        elif verdict is None:
            is_user_file(code.co_filename)
            continue
        elif code.co_filename == BOTTOM:
            return tuple(places)  # below this frame stands whygrad itself, and what called it
        frame = frame.f_back
    return (*places, *callers[: limit - len(places)]) if places else callers[:limit]


def hold(frame: FrameType) -> Stack:
    """Remember what stands above a running frame, so that what is captured below it need not walk there again.

    The callers of a frame stand still while it runs; a frame that can be resumed from elsewhere (a generator's)
    must not be held. The frame itself, one of ours, is left out of what is captured below it, and is kept alive
    until ``held.above`` is again what it was: the frame sees to that before it returns, whatever happens in it.

    Returns:
        what ``capture`` finds above the frame.
    """
    stack = capture(frame.f_back)
    held.above = (frame, stack)
    return stack


def local_variables(frame: FrameType) -> list[tuple[str, Any]]:
    """What a frame holds, by name, without leaving the frame holding it twice.

    Before Python 3.13 asking for ``f_locals`` leaves a copy of the locals in the frame, which would keep the
    user's tensors alive until the function returns. It is emptied, unless the user holds it too (``locals()``).
    """
    names = frame.f_locals
    found = list(names.items())
    if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(names) <= 3:
        names.clear()
    return found


def spans(stack: Sequence[Place]) -> tuple[Span, ...]:
    """The spans of a captured stack, innermost first, each with its callers (which are bare)."""
    bare = [_span(place) for place in stack]
    return tuple(replace(span, called_from=tuple(bare[i + 1 :])) for i, span in enumerate(bare))


def head_of(code: CodeType) -> Span:
    """Where a function begins."""
    return Span(code.co_filename, code.co_firstlineno, function=code.co_qualname)


def _span(place: Place) -> Span:
    if len(place) == 5:
        filename, known, function, _, _ = place
        return Span(filename, known, function=function)
    code, offset = place
    line, end_line, begin, stop = next(islice(code.co_positions(), max(offset, 0) // 2, None), (None,) * 4)
    filename, function = code.co_filename, code.co_qualname
    if line is None or end_line is None or begin is None or stop is None:
        return Span(filename, line, function=function)
    # Python counts columns in UTF-8 bytes; people count characters.
    first, last = linecache.getline(filename, line), linecache.getline(filename, end_line)
    start, end = _characters(first, begin), _characters(last, stop)
    text = _text(filename, line, start, end_line, end)
    return Span(filename, line, start + 1, end_line, end + 1, function, text)


def _characters(text: str, offset: int) -> int:
    return len(text.encode("utf-8")[:offset].decode("utf-8", "replace")) if text else offset


def _text(filename: str, line: int, start: int, end_line: int, end: int) -> str | None:
    lines = [linecache.getline(filename, n).rstrip("\n") for n in range(line, min(end_line, line + 40) + 1)]
    if not any(lines):
        return None
    if len(lines) == 1:
        return lines[0][start:end]
    return "\n".join([lines[0][start:], *lines[1:-1], lines[-1][:end]])
