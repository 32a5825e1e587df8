"""Where a function takes an array from outside, that it was given as an argument as well."""

from __future__ import annotations

import dis
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType
from typing import Any

import jax

from whygrad.recorders import frames
from whygrad.recorders.jax.flatten import CALLS
from whygrad.recorders.jax.places import within

# What our wrapper around the function that is differentiated is called.
PROBE = "differentiated"
_LOADS = frozenset(("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME"))
_OWNERS, _ATTRIBUTE = _LOADS | {"LOAD_FAST"}, "LOAD_ATTR"


def holding(frame: FrameType | None, value: Any) -> frames.Stack:
    """The user's frames from the function on that took a value from outside, not out of its own arguments.

    Between it and ``frame`` libraries may have handed the value on (``model.apply(params, x)``), inside of which layers
    of the user's are run that get it by other ways.
    """
    taker = frame
    while frame is not None and not _is_request(frame):
        if _is_given(frame, value):
            taker = frame.f_back
        frame = frame.f_back
    while taker is not None and not frames.is_user_file(taker.f_code.co_filename):
        taker = taker.f_back
    if taker is None:
        return ()
    (code, offset), *outer = (taker.f_code, taker.f_lasti), *frames.capture(taker.f_back)
    read = _read(code, offset, _known(taker), value)
    # On the line of an operation, the operation says more than the name that it reads.
    apart = read is not None and _line(code, read) != taker.f_lineno
    return ((code, read if apart and read is not None else offset), *outer)[: frames.MOST_FRAMES]


def holding_inside(reader: Any, value: Any, outer: frames.Stack, frame: FrameType) -> frames.Stack:
    """The same for an operation of a program that is run in a frame; none where that is not known.

    Args:
        outer: the user's frames of the call that runs the program.
    """
    inside, known = within(reader, outer), _known(frame)
    for n, place in enumerate(inside):
        code, offset = place[0], place[1]
        read = _read(code, offset, known, value) if isinstance(code, CodeType) else None
        if isinstance(code, CodeType) and read is not None:
            return ((code, read), *inside[n + 1 :], *outer)[: frames.MOST_FRAMES]
    # Without any it is a function of the library's, and what it was given is the script's.
    return (*inside[-1:], *outer)[: frames.MOST_FRAMES] if inside else ()


def reader_of(name: str, params: Mapping[str, Any], position: int) -> Any | None:
    """The first operation that reads one of the inputs of a program that an operation runs."""
    for program, first in _programs(name, params):
        jaxpr = getattr(program, "jaxpr", program)
        if 0 <= position - first < len(jaxpr.invars):
            found = reader_in(jaxpr, jaxpr.invars[position - first])
            if found is not None:
                return found
    return None


def reader_in(jaxpr: Any, variable: Any) -> Any | None:
    """The first operation of a program that reads a variable, inside of its loops and calls."""
    equation = next((e for e in jaxpr.eqns if any(atom is variable for atom in e.invars)), None)
    if equation is None:
        return None
    place = next(n for n, atom in enumerate(equation.invars) if atom is variable)
    deeper = reader_of(equation.primitive.name, equation.params, place)
    return deeper if deeper is not None and _is_under(deeper, equation) else equation


def _is_under(one: Any, other: Any) -> bool:
    """Whether an operation was traced in a call that another stands for, and not in an earlier one of that function."""
    inner, outer = within(one, ()), within(other, ())
    return len(inner) > len(outer) and inner[len(inner) - len(outer) :] == outer


def _programs(name: str, params: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    """The programs that an operation runs, each with the position of its first input among what that is given."""
    if name == "scan" or CALLS.get(name) in params:
        yield params["jaxpr" if name == "scan" else CALLS[name]], 0
    elif name == "while":
        yield params["body_jaxpr"], params["cond_nconsts"]
    elif name == "cond":
        yield from ((branch, 1) for branch in params["branches"])


def _known(frame: FrameType | None) -> dict[str, list[Any]]:
    """What the names stand for around a place: in the user's running functions and in their modules."""
    found: dict[str, list[Any]] = {}
    while frame is not None and not _is_request(frame):
        if frames.is_user_file(frame.f_code.co_filename):
            for name, value in (*frames.local_variables(frame), *frame.f_globals.items()):
                found.setdefault(name, []).append(value)
        frame = frame.f_back
    return found


def _read(code: CodeType, offset: int, known: Mapping[str, list[Any]], value: Any) -> int | None:
    """Where a function last read what holds a value: a name from outside, an attribute of an object; or ``None``."""
    found, owner = None, None
    for step in dis.get_instructions(code):
        if step.offset > offset >= 0:
            break
        if step.opname in _LOADS and any(_is_in(tree, value) for tree in known.get(step.argval, ())):
            found = step.offset
        if step.opname == _ATTRIBUTE and any(_has(each, step.argval, value) for each in known.get(owner or "", ())):
            found = step.offset
        owner = step.argval if step.opname in _OWNERS else None
    return found


def _has(holder: Any, name: str, value: Any) -> bool:
    """Whether an attribute of an object holds a value; no code of the script's runs for it."""
    kept = getattr(holder, "__dict__", None)
    return isinstance(kept, dict) and name in kept and _is_in(kept[name], value)


def _line(code: CodeType, offset: int) -> int | None:
    return next((p for n, p in enumerate(code.co_positions()) if n == offset // 2), (None,))[0]


def _is_request(frame: FrameType) -> bool:
    """Whether a frame is ours that called the function which is differentiated."""
    return frame.f_code.co_name == PROBE and frame.f_code.co_filename.startswith(frames.OURS)


def _is_given(frame: FrameType, value: Any) -> bool:
    """Whether a value is among the arguments of a running function."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    held = dict(frames.local_variables(frame))
    return _is_in([held.get(name) for name in names], value)


def _is_in(tree: Any, value: Any) -> bool:
    try:
        return any(leaf is value for leaf in jax.tree_util.tree_leaves(tree))
    except Exception:
        return False  # it does not let itself be taken apart
