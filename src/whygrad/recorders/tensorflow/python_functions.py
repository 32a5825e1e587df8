"""What happens inside ``tf.py_function``: which inputs its gradient is lost for, and where.

TensorFlow runs the function under a tape of its own and, in the backward pass, asks that tape; where it answers
``None``, zeros take its place. In a traced step that happens after the request was closed: the Graphs that hold such
an operation are kept, and told again with what was learned.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from whygrad.graph import Barrier, Graph
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.backwards import user_code
from whygrad.recorders.tensorflow.log import Crossed, Entry, Log, Ran
from whygrad.recorders.tensorflow.ops import SHAPE_ONLY, Facts, Table
from whygrad.span import Span

OP = "EagerPyFunc"
_OPERATIONS = "tensorflow.python.ops."
_DETAIL = "inside tf.py_function"


@dataclass(frozen=True, slots=True)
class Cut:
    """Why nothing comes back for one input, as far as the inside of the function shows it."""

    kind: str
    stack: frames.Stack


@dataclass(slots=True)
class Inside:
    """One function by its token: the cut met by each input, and the inputs whose gradient was ``None``."""

    cuts: Mapping[int, Cut]
    lost: frozenset[int] = frozenset()


@dataclass(slots=True)
class Kept:
    """A traced Graph, and which of its operations run which function."""

    graph: Graph
    operations: Mapping[Hashable, Sequence[int]]


class PythonFunctions:
    """The hook on TensorFlow's ``EagerFunc``.

    Args:
        table: knows the barriers of the operations inside.
        told: gets a kept Graph once more is known about it.
        listening: makes this thread heard, and returns how to end that.
    """

    def __init__(
        self, log: Log, table: Table, told: Callable[[Graph], None], listening: Callable[[], Callable[[], None]]
    ) -> None:
        self.log = log
        self.table = table
        self.told = told
        self.listening = listening
        self.tapes: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self.inside: dict[str, Inside] = {}
        self.kept: list[Kept] = []

    def install(self, patches: Patches, fault: Callable[[BaseException], None]) -> None:
        """Listen to every run of such a function, in whichever thread TensorFlow runs it."""
        from tensorflow.python.ops import script_ops

        original, functions = script_ops.EagerFunc.__call__, self

        @wraps(original)
        def __call__(self: Any, device: Any, token: Any, args: Any) -> Any:
            if not functions._goes_forward(self, fault):
                return original(self, device, token, args)
            begin, end = functions.log.first + len(functions.log.entries), functions._listen(fault)
            try:
                outputs = original(self, device, token, args)
            finally:
                end()
            try:
                functions._ran(token, args, outputs, script_ops.tape_cache, begin)
            except Exception as error:
                fault(error)
            return outputs

        patches.replace(script_ops.EagerFunc, "__call__", __call__)

    def _goes_forward(self, function: Any, fault: Callable[[BaseException], None]) -> bool:
        try:
            return not function._is_grad_func
        except Exception as error:
            fault(error)
            return False

    def _listen(self, fault: Callable[[BaseException], None]) -> Callable[[], None]:
        try:
            return self.listening()
        except Exception as error:
            fault(error)
            return lambda: None

    def clear(self) -> None:
        """Forget everything."""
        self.inside.clear()
        self.kept.clear()

    def keep(self, graph: Graph, operations: Mapping[Hashable, Sequence[int]]) -> None:
        """Remember a traced Graph whose functions have not run yet."""
        if operations:
            self.kept.append(Kept(graph, operations))

    def answered(self, tape: Any, answers: Sequence[Any]) -> None:
        """A function's own tape was asked in the backward pass."""
        token = self.tapes.get(tape)
        inside = self.inside.get(token) if token is not None else None
        lost = frozenset(i for i, one in enumerate(answers) if one is None)
        if token is None or inside is None or lost <= inside.lost:
            return
        inside.lost |= lost
        function = function_of(token)
        for kept in self.kept:
            if function in kept.operations:
                kept.graph = self._with_barriers(kept.graph, kept.operations[function], token)
                self.told(kept.graph)

    def barriers(self, token: str, inputs: int, outputs: int, spans: Callable[..., tuple[Span, ...]]) -> list[Barrier]:
        """The barriers of one such operation, as far as its backward pass has been seen."""
        inside = self.inside.get(token)
        found = []
        for i in sorted(inside.lost if inside is not None else ()):
            cut = inside.cuts.get(i) if inside is not None else None
            where = next(iter(spans(cut.stack)), None) if cut is not None else None
            kind = "left-framework" if cut is None else cut.kind
            found += [Barrier(i, o, kind, _DETAIL, where=where, zeros=True) for o in range(outputs) if i < inputs]
        return found

    def _with_barriers(self, graph: Graph, operations: Sequence[int], token: str) -> Graph:
        new = dict(graph.barriers)
        for op in operations:
            found = self.barriers(token, len(graph.inputs(op)), len(graph.outputs(op)), frames.spans)
            taken = {(b.input, b.output) for b in found}
            new[op] = (*found, *(b for b in graph.barriers.get(op, ()) if (b.input, b.output) not in taken))
        return replace(graph, barriers=new)

    def _ran(self, token: Any, args: Any, outputs: Any, cache: Mapping[bytes, Any], begin: int) -> None:
        name = token.decode() if isinstance(token, bytes) else str(token)
        taped = cache.get(name.encode())
        if taped is None or name in self.inside:
            if taped is not None:
                self.tapes[taped[0]] = name
            return  # one run shows where a function loses a value; the tape of each run is asked anew
        self.tapes[taped[0]] = name
        window = list(self.log.since(begin))
        results = {t._id for t in (outputs if isinstance(outputs, (list, tuple)) else [outputs]) if hasattr(t, "_id")}
        self.inside[name] = Inside(dict(self._cuts(window, args, results)))

    def _cuts(self, window: Sequence[Entry], args: Sequence[Any], results: set[int]) -> Iterator[tuple[int, Cut]]:
        """For each input: where it left, if no operation leads to a result, else the last operation that cuts."""
        specs: dict[int, tuple[Any, Any]] = {
            t._id: (t.dtype.as_datatype_enum, tuple(t.shape)) for t in args if hasattr(t, "_id")
        }
        for i, argument in enumerate(args):
            reached = {getattr(argument, "_id", -1)}
            left: Cut | None = None
            cut: Cut | None = None
            for entry in window:
                if isinstance(entry, Crossed) and entry.leaving and entry.id in reached and entry.stack:
                    left = Cut("left-framework", entry.stack)
                elif isinstance(entry, Ran) and not reached.isdisjoint(entry.inputs):
                    specs.update((m.id, (m.dtype, m.shape)) for m in entry.made)
                    if entry.op_type not in SHAPE_ONLY:
                        cut = self._cut(entry, reached, specs) or cut
                        reached.update(m.id for m in entry.made)
            found = (cut or left) if results & reached else (left or cut)
            if found is not None:
                yield i, found

    def _cut(self, entry: Ran, reached: set[int], specs: Mapping[int, Any]) -> Cut | None:
        float_of_unknown_shape = (1, None)
        facts = Facts(
            entry.op_type,
            tuple(specs.get(number, float_of_unknown_shape) for number in entry.inputs),
            tuple((m.dtype, m.shape) for m in entry.made),
            entry.attrs,
        )
        for barrier in self.table.barriers(facts):
            if entry.inputs[barrier.input] in reached and not barrier.selects:
                return Cut(barrier.kind, entry.stack)
        return None


def is_own_request(frame: Any) -> bool:
    """Whether a gradient request is an operation's own, in its backward pass (``py_function``, ``recompute_grad``)."""
    return str(frame.f_globals.get("__name__")).startswith(_OPERATIONS)


def token_of(facts: Facts) -> str:
    """By which token an operation knows its function."""
    given = dict(zip(facts.attrs[::2], facts.attrs[1::2], strict=False))
    token = given.get("token", "") if facts.node is None else facts.node.get_attr("token")
    return token.decode() if isinstance(token, bytes) else str(token)


def function_of(token: str) -> Hashable:
    """The user's function behind a token, the same however often the step around it is traced."""
    from tensorflow.python.ops import script_ops

    function = script_ops._py_funcs.get(token)
    return user_code(getattr(function, "_func", None)) or token
