"""AutoGraph rewrites the user's functions into generated files; this leads back to the user's own lines."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.frames import AUTOGRAPH, MOST_FRAMES, Place, Stack, is_user_file, spans
from whygrad.span import Span


def capture(frame: FrameType) -> Stack:
    """The user's frames from ``frame`` outwards, none of them in a generated file."""
    return user_places(frames.capture(frame), frame)


def user_places(stack: Stack, frame: FrameType) -> Stack:
    """The stack with every place in a generated file replaced by the user's file, line and function, if it is theirs.

    Args:
        stack: places as captured from ``frame``.
        frame: where the capture began; its line numbers are current only now.
    """
    if not any(AUTOGRAPH in place[0].co_filename for place in stack if not isinstance(place[0], str)):
        return stack
    mapping = _source_map()
    lines = _lines(frame)
    mapped: list[Place] = []
    for place in stack:
        code = place[0]
        if isinstance(code, str) or AUTOGRAPH not in code.co_filename:
            mapped.append(place)
            continue
        origin = mapping.get((code.co_filename, lines.get((id(code), place[1]), 0)))
        if origin is not None and is_user_file(origin[0]):
            mapped.append((*origin, code, place[1]))
    return tuple(mapped)


def _lines(frame: FrameType | None) -> dict[tuple[int, int], int]:
    lines = {}
    while frame is not None:
        lines[(id(frame.f_code), frame.f_lasti)] = frame.f_lineno
        frame = frame.f_back
    return lines


def _source_map() -> Mapping[tuple[str, int], tuple[str, int, str]]:
    """Generated (file, line) to the user's (file, line, function), as TensorFlow's own tracebacks use it."""
    from tensorflow.python.util import tf_stack

    mappers = tf_stack._source_mapper_stacks[tf_stack._get_thread_key()]
    if not mappers:  # called outside of a graph
        return _converted()
    mapper = mappers[-1]
    mapping: Mapping[tuple[str, int], tuple[str, int, str]] = mapper.get_effective_source_map()
    return mapping


def _converted() -> Mapping[tuple[str, int], tuple[str, int, str]]:
    """The same of all that AutoGraph has converted by now, functions that run eagerly included."""
    from tensorflow.python.autograph.impl import api

    factories = (one for known in list(api._TRANSPILER._cache._cache.values()) for one in list(known.values()))
    return {
        (loc.filename, loc.lineno): (origin.loc.filename, origin.loc.lineno, origin.function_name)
        for factory in factories
        for loc, origin in (factory.source_map or {}).items()
    }


def _user_place(place: Place, known: Mapping[tuple[str, int], tuple[str, int, str]]) -> Place:
    """A place in a generated file that ran eagerly, as ``user_places`` has it."""
    code = place[0]
    if isinstance(code, str) or AUTOGRAPH not in code.co_filename:
        return place
    line = next(islice(code.co_positions(), max(place[1], 0) // 2, None), (None,))[0]
    origin = known.get((code.co_filename, line or 0))
    return place if origin is None else (*origin, code, place[1])


def places_of(op: Any) -> Stack:
    """The user's places by which TensorFlow remembers a traced operation; their columns are not known."""
    users = (f for f in reversed(list(op.traceback or ())) if is_user_file(f.filename))
    return tuple((f.filename, f.lineno, f.name, None, -1) for f in islice(users, MOST_FRAMES))


def exact_spans(stack: Stack) -> tuple[Span, ...]:
    """The spans of a stack; columns in rewritten functions are found by the text of the expression."""
    if any(not isinstance(place[0], str) and AUTOGRAPH in place[0].co_filename for place in stack):
        known = _converted()
        stack = tuple(_user_place(place, known) for place in stack)
    found = [replace(span, called_from=()) for span in spans(stack)]
    for index, place in enumerate(stack):
        code = place[3] if len(place) == 5 else None
        if isinstance(code, CodeType) and AUTOGRAPH in code.co_filename:
            found[index] = _with_columns(found[index], code, place[-1])
    return tuple(replace(span, called_from=tuple(found[index + 1 :])) for index, span in enumerate(found))


def _with_columns(span: Span, code: CodeType, offset: int) -> Span:
    """The one expression of the user's statement that AutoGraph turned into the instruction's; else the bare line."""
    text = _generated(code, offset)
    if text is None or span.line is None:
        return span
    lines = linecache.getlines(span.file)
    same = [n for n in _expressions(_parsed("".join(lines)), span.line) if ast.unparse(n) == text]
    if len(same) != 1:
        return span
    node = same[0]
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    moved = ast.Constant(
        None, lineno=1, end_lineno=1 + end_line - node.lineno, col_offset=node.col_offset, end_col_offset=end
    )
    return replace(
        span,
        line=node.lineno,
        column=_characters(lines[node.lineno - 1], node.col_offset) + 1,
        end_line=end_line,
        end_column=_characters(lines[end_line - 1], end) + 1,
        # Python looks through all of a text up to the place: a long file is handed to it without what lies around.
        code=ast.get_source_segment("".join(lines[node.lineno - 1 : end_line]), moved),
    )


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[list[ast.stmt], list[ast.expr]]:
    """The statements of a file that hold no others, and its expressions; nothing of what can not be read."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return [], []
    statements = [n for n in nodes if isinstance(n, ast.stmt) and not hasattr(n, "body")]
    return statements, [n for n in nodes if isinstance(n, ast.expr)]


def _expressions(parsed: tuple[list[ast.stmt], list[ast.expr]], line: int) -> list[ast.expr]:
    """Those of the statement on a line: AutoGraph knows one line of it, not always the first."""
    statements, expressions = parsed
    around = [n for n in statements if n.lineno <= line <= (n.end_lineno or n.lineno)]
    if not around:  # the head of a loop or of a branch
        return [n for n in expressions if n.lineno == line]
    return [n for statement in around for n in ast.walk(statement) if isinstance(n, ast.expr)]


def _characters(line: str, offset: int) -> int:
    return len(line.encode("utf-8")[:offset].decode("utf-8", "replace"))


def _generated(code: CodeType, offset: int) -> str | None:
    """What the user wrote, as far as the generated expression at an instruction shows it."""
    line, end_line, start, end = next(islice(code.co_positions(), max(offset, 0) // 2, None), (None,) * 4)
    if line is None or line != end_line or start is None or end is None:
        return None
    try:
        tree = ast.parse(linecache.getline(code.co_filename, line)[start:end].strip(), mode="eval")
    except SyntaxError:
        return None
    return ast.unparse(_Undo().visit(tree))


# They stand around a value of the user's as it is.
_WRAPS = frozenset(("ld", "autograph_artifact"))


class _Undo(ast.NodeTransformer):
    """Takes back ``ag__.ld(x)``, ``ag__.autograph_artifact(f)`` and ``ag__.converted_call(f, args, kwargs, scope)``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """All are calls of attributes of ``ag__``."""
        self.generic_visit(node)
        function = node.func
        if not (
            isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "ag__"
        ):
            return node
        if function.attr in _WRAPS and node.args:
            return node.args[0]
        if function.attr == "converted_call" and len(node.args) >= 3:
            return self._call(node)
        return node

    def _call(self, node: ast.Call) -> ast.AST:
        called, arguments, named = node.args[:3]
        if not isinstance(arguments, ast.Tuple):
            return node
        keywords = []
        if isinstance(named, ast.Call) and isinstance(named.func, ast.Name) and named.func.id == "dict":
            keywords = named.keywords
        return ast.Call(func=called, args=arguments.elts, keywords=keywords)
