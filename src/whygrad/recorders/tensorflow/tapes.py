"""Listening to GradientTape: what it follows, when it records, what was put on it by hand."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow import autograph
from whygrad.recorders.tensorflow.backwards import backward_of, observed, watch_registry
from whygrad.recorders.tensorflow.log import Custom, Log, TapeFacts, Watched

_serials = itertools.count(1)


class Tapes:
    """The hooks on GradientTape and on ``record_operation``."""

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.fault = fault
        self.serials: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Patch the class attributes, through which every late look-up goes."""
        from tensorflow.python.eager import backprop, record

        tape_class = backprop.GradientTape
        push, pop, watch = tape_class._push_tape, tape_class._pop_tape, tape_class.watch
        tapes = self

        @wraps(push)
        def _push_tape(self: Any) -> None:
            fresh = tapes._is_fresh(self)
            push(self)
            tapes._guard(tapes._opened, self, fresh, sys._getframe(1))
            if tapes.log.local.updating:
                tapes.log.local.busy = False  # an optimizer that asks for gradients itself is heard out

        @wraps(pop)
        def _pop_tape(self: Any) -> None:
            pop(self)
            tapes._guard(tapes._closed, self)

        @wraps(watch)
        def watch_(self: Any, tensor: Any) -> None:
            watch(self, tensor)
            tapes._guard(tapes._watched, self, tensor)

        patches.replace(tape_class, "_push_tape", _push_tape)
        patches.replace(tape_class, "_pop_tape", _pop_tape)
        patches.replace(tape_class, "watch", watch_)
        original = record.record_operation

        @wraps(original)
        def record_operation(
            op_type: Any, output_tensors: Any, input_tensors: Any, backward_function: Any, forward_function: Any = None
        ) -> None:
            backward_function = tapes._custom(op_type, output_tensors, input_tensors, backward_function)
            original(op_type, output_tensors, input_tensors, backward_function, forward_function)

        patches.replace(record, "record_operation", record_operation)
        watch_registry(patches, self.log, self.fault)

    def facts(self, tape: Any) -> TapeFacts | None:
        """What was noted about a GradientTape."""
        serial = self.serials.get(tape)
        return None if serial is None else self.log.tapes.get(serial)

    def others_open(self, tape: Any) -> bool:
        """Whether a tape other than this one records in this thread."""
        return any(serial != self.serials.get(tape) for serial in self.log.local.tapes)

    def _guard(self, body: Callable[..., None], *arguments: Any) -> None:
        local = self.log.local
        busy, local.busy = local.busy, True
        try:
            body(*arguments)
        except Exception as error:
            self.fault(error)
        finally:
            local.busy = busy

    def _is_fresh(self, tape: Any) -> bool:
        """Whether a tape that begins to record holds nothing from before."""
        try:
            return tape._tape is None
        except Exception as error:
            self.fault(error)
            return True

    def _opened(self, tape: Any, fresh: bool, frame: FrameType) -> None:
        serial = self.serials.get(tape)
        if serial is None or fresh:
            serial = self.serials[tape] = next(_serials)
            stack = autograph.capture(frame)
            self.log.tapes[serial] = TapeFacts(serial, stack, self.log.now, bool(tape._watch_accessed_variables))
        self.log.local.tapes = (*self.log.local.tapes, serial)
        graph, facts = building(), self.log.tapes.get(serial)
        if graph is not None and facts is not None:
            facts.intervals.append([weakref.ref(graph), len(graph.get_operations()), None])

    def _closed(self, tape: Any) -> None:
        serial = self.serials.get(tape)
        self.log.local.tapes = tuple(t for t in self.log.local.tapes if t != serial)
        facts = self.log.tapes.get(serial) if serial is not None else None
        for interval in facts.intervals if facts is not None else ():
            graph = interval[0]()
            if graph is not None and interval[2] is None:
                interval[2] = len(graph.get_operations())

    def _watched(self, tape: Any, tensor: Any) -> None:
        from tensorflow.python.util import nest

        facts = self.facts(tape)
        if facts is None:
            return
        for item in nest.flatten(tensor, expand_composites=True):
            number = getattr(getattr(item, "handle", item), "_id", None)
            if number is not None:
                self.log.add(Watched(facts.serial, number))
                facts.watched.add(number)

    def _custom(self, name: Any, outputs: Any, inputs: Any, backward: Any) -> Any:
        """Note a hand-made tape entry; the backward function handed on tells what it answers ``None`` for."""
        local = self.log.local
        if local.busy or not local.tapes:
            return backward
        local.busy = True
        try:
            seen = backward_of(backward)
            entry = Custom(
                name.decode() if isinstance(name, bytes) else str(name),
                tuple([t._id for t in outputs]),
                tuple([getattr(getattr(t, "handle", t), "_id", -1) for t in inputs]),
                local.tapes,
                autograph.capture(sys._getframe(2)),
                seen,
            )
            self.log.add(entry)
            return backward if seen.code is None and not seen.own else observed(backward, seen, self.log, self.fault)
        except Exception as error:
            self.fault(error)
            return backward
        finally:
            local.busy = False


def building() -> Any:
    """The graph being traced in this thread, ``None`` when executing eagerly."""
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    return None if context.executing_eagerly() else ops.get_default_graph()


def in_branch() -> bool:
    """Whether what is traced now runs only if a branch is taken."""
    from tensorflow.python.ops.control_flow_v2_func_graphs import CondBranchFuncGraph

    graph = building()
    while graph is not None and not isinstance(graph, CondBranchFuncGraph):
        graph = getattr(graph, "outer_graph", None)
    return graph is not None
