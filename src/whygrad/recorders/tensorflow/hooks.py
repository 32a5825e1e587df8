"""Where we listen to TensorFlow while recording: operations, variables, functions.

Tested against TensorFlow 2.21. A private name that is missing raises ``AttributeError`` from ``install``:
the recorder then says so and leaves the script alone. Tapes are heard in ``tapes.py``, values that
leave TensorFlow in ``crossings.py``.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow import autograph
from whygrad.recorders.tensorflow.crossings import Crossings
from whygrad.recorders.tensorflow.log import Log, Made, Met, Ran, Read
from whygrad.recorders.tensorflow.origins import content
from whygrad.recorders.tensorflow.passes import Passes
from whygrad.recorders.tensorflow.pipelines import function_only
from whygrad.recorders.tensorflow.restored import Restored
from whygrad.recorders.tensorflow.tapes import Tapes
from whygrad.recorders.tensorflow.values import POLES, Values

RESOURCE = 20  # DT_RESOURCE in TensorFlow's types.proto
# What gives a variable a new value whatever it held.
_WRITES = "AssignVariableOp"


class Hooks:
    """The recording hooks of one recorder.

    Args:
        log: where everything is noted.
        fault: told of an error of ours; it never reaches the user.
    """

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.fault = fault
        self.patches = Patches()
        self.crossings = Crossings(log, fault)
        self.tapes = Tapes(log, fault)
        self.values = Values()
        self.passes = Passes(log, self.values, fault, self._silence, lambda: self.listening())
        self.restored = Restored(self.passes.updates)
        self._specs: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._is_stopped: Callable[[], bool] = lambda: False
        self._heard_by: Callable[..., None] | None = None
        # Makes the calling thread heard while we record, and returns how to end that.
        self.listening: Callable[[], Callable[[], None]] = lambda: lambda: None

    def install(self) -> None:
        """Start to listen: all hooks or none."""
        try:
            self._operations()
            self._variables()
            self._functions()
            self.tapes.install(self.patches)
            self.crossings.install(self.patches)
            self.passes.install()
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Put back everything that was found."""
        self.listening, self._heard_by = (lambda: lambda: None), None
        self.passes.remove()
        self.patches.undo()

    def _operations(self) -> None:
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import context
        from tensorflow.python.framework import op_callbacks

        self._is_stopped = pywrap_tfe.TFE_Py_TapeSetIsStopped
        callback = self._heard_by = self._callback()

        def remove() -> None:
            if callback in context.context().op_callbacks:
                op_callbacks.remove_op_callback(callback)

        def listening() -> Callable[[], None]:
            if callback in context.context().op_callbacks:
                return lambda: None
            op_callbacks.add_op_callback(callback)
            return remove

        self.listening = listening
        listening()
        self.patches.defer(remove)
        original = threading.Thread.run

        @wraps(original)
        def run(thread: threading.Thread) -> None:
            # Callbacks are per thread; a thread started while we record gets its own.
            listening()
            try:
                original(thread)
            finally:
                remove()

        self.patches.replace(threading.Thread, "run", run)

    def _silence(self) -> Callable[[], None]:
        """Take this thread's callback away while TensorFlow works for itself, and return how to put it back.

        For a callback the C fast path hands over each operation's attributes, which costs more than the operation.
        """
        from tensorflow.python.eager import context

        callbacks = context.context().op_callbacks
        if self._heard_by not in callbacks:
            return lambda: None
        callbacks.remove(self._heard_by)
        return lambda: (self.listening(), None)[1]

    def _callback(self) -> Callable[..., None]:
        log, local, getframe, capture = self.log, self.log.local, sys._getframe, frames.capture
        known, stopped, new = log.known, self._is_stopped, tuple.__new__
        values, spoiled = self.values, self.values.origins.states
        kinds: dict[Any, tuple[str, bool]] = {}

        def kind_of(op_type: Any) -> tuple[str, bool]:
            name = op_type.decode() if isinstance(op_type, bytes) else op_type
            apart = name in POLES or name in ("VarHandleOp", _WRITES) or "Dataset" in name
            kinds[op_type] = found = (name, not apart)
            return found

        def on_op(op_type: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None) -> None:
            mine = local.__dict__  # each look at ``local`` itself would ask for the thread again
            if mine["busy"]:
                return
            mine["busy"] = True
            try:
                if graph is not None:
                    self._traced(op_name, graph, getframe(1))
                    return
                op_type, is_common = kinds.get(op_type) or kind_of(op_type)
                ids = tuple([t._id for t in inputs])
                made = tuple([new(Made, (t._id, t._datatype_enum(), t._shape_tuple())) for t in outputs])
                stack = capture(getframe(1))
                if not known.issuperset(ids):
                    self._strangers(op_type, inputs, stack)
                if mine["pending"]:
                    mine["pending"].clear()  # a variable touched before this operation was read by it, or not at all
                for one in made:
                    known.add(one[0])
                if not is_common or values.everything or spoiled:
                    attrs = self._apart(op_type, inputs, attrs, outputs, made, stack)
                scope = mine["scope"]
                entry = (op_type, ids, made, attrs, stack, mine["tapes"], stopped(), scope[-1] if scope else "")
                log.add(new(Ran, entry))
            except Exception as error:
                self.fault(error)
            finally:
                mine["busy"] = False

        return on_op

    def _apart(
        self, op_type: str, inputs: Any, attrs: Any, outputs: Any, made: Sequence[Made], stack: frames.Stack
    ) -> Any:
        """What few operations are to be asked about, or all of them once something is zero or not finite.

        Returns:
            what is kept of the attributes.
        """
        values, spoiled = self.values, self.values.origins.states
        if op_type == "VarHandleOp":
            self.log.handles[made[0].id] = stack
        if values.everything or op_type in POLES:
            values.note(inputs, made)
        if op_type == _WRITES:
            self.restored.written(inputs[0]._id, stack)
        if op_type in POLES or not spoiled.keys().isdisjoint([t._id for t in inputs]):
            values.looked_at(inputs, outputs)
        return function_only(attrs) if "Dataset" in op_type else attrs

    def _traced(self, op_name: Any, graph: Any, frame: FrameType) -> None:
        places = self.log.traced.get(graph)
        if places is None:
            places = self.log.traced[graph] = {}
        name = op_name.decode() if isinstance(op_name, bytes) else op_name
        scope = self.log.local.scope
        places[name] = (autograph.capture(frame), scope[-1] if scope else "")

    def _strangers(self, op_type: str, inputs: Any, stack: frames.Stack) -> None:
        """Inputs that nothing recorded made: reads inside the C fast path, and constants."""
        log, local = self.log, self.log.local
        for tensor in inputs:
            number = tensor._id
            if number in log.known:
                continue
            log.known.add(number)
            made = Made(number, tensor._datatype_enum(), tensor._shape_tuple())
            log.add(Met(made))
            if made.dtype == RESOURCE:
                continue
            handle = self._read_of(made) if local.pending and op_type != "ReadVariableOp" else None
            if handle is not None:
                log.add(Read(handle, made, local.tapes, stack, local.scope[-1] if local.scope else ""))
                continue
            self.values.origins.came_in(number, content(tensor))
            if log.departed:
                self.crossings.arrived(tensor, number, "first use", stack)

    def _read_of(self, made: Made) -> int | None:
        """The variable just touched whose type and shape are those of an unexplained input."""
        return next((handle for handle in self.log.local.pending if self._spec(handle) == made[1:]), None)

    def _spec(self, handle: int) -> tuple[int, tuple[int, ...]] | None:
        """Type and shape of what is read from a variable, looked up once: they are fixed."""
        found = self._specs.get(handle)
        variable = None if found is not None else self.log.variables.get(handle)
        if variable is not None:
            try:
                found = self._specs[handle] = (variable.dtype.as_datatype_enum, tuple(variable.shape))
            except (AttributeError, ValueError):
                return None
        return found

    def _variables(self) -> None:
        from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable

        log, local = self.log, self.log.local
        noted: dict[int, weakref.ref[Any]] = {}

        def get(variable: Any) -> Any:
            try:
                handle = variable.__dict__["_handle"]
            except KeyError:
                raise AttributeError("_handle") from None
            if not local.busy:
                number = getattr(handle, "_id", None)
                if number is not None:
                    last = noted.get(number)
                    if last is None or last() is not variable:
                        noted[number] = weakref.ref(variable)
                        log.variables[number] = variable
                    local.pending[number] = None
            return handle

        def put(variable: Any, handle: Any) -> None:
            variable.__dict__["_handle"] = handle

        def delete(variable: Any) -> None:
            variable.__dict__.pop("_handle", None)

        if "_handle" in vars(BaseResourceVariable):
            raise AttributeError("BaseResourceVariable._handle is no plain attribute")
        self.patches.replace(BaseResourceVariable, "_handle", property(get, put, delete))

    def _functions(self) -> None:
        from tensorflow.python.eager.polymorphic_function.atomic_function import AtomicFunction

        log = self.log
        original = AtomicFunction.__init__

        @wraps(original)
        def init(function: Any, *args: Any, **kwargs: Any) -> None:
            original(function, *args, **kwargs)
            try:
                log.functions[function.name.decode()] = function
            except Exception as error:
                self.fault(error)

        self.patches.replace(AtomicFunction, "__init__", init)
