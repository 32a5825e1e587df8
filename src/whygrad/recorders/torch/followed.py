"""Calls of TorchScript as the operations they are made of, where what is found agrees with autograd's own graph."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import edges, ops
from whygrad.recorders.torch.log import Log, Made, Ran
from whygrad.recorders.torch.scripted import Program, Step, Unfollowed, program_of
from whygrad.recorders.torch.tensors import made_of, scan


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor in a program: its serial, and the inputs of the call whose gradient it leads to."""

    serial: int
    alive: frozenset[int]


# What a name stands for: tensors; an object that has attributes; numbers that were made of tensors.
Meaning = tuple[Known, ...] | Any
_LEFT = object()


class Followed:
    """Notes calls of TorchScript.

    Args:
        log: where they are noted.
        fault: told of an error of ours.
    """

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log, self.fault = log, fault
        self._programs = WeakIdKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Patch the call of functions; modules are heard as all modules are."""
        followed, original = self, torch.jit.ScriptFunction.__call__

        @wraps(original)
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            if followed.log.local.busy or not patches.on or followed.log.local.transforms:
                return original(self, *args, **kwargs)
            given: list[Any] = []
            scan((*args, *kwargs.values()), given)
            before = edges.edges_of(given)
            result = original(self, *args, **kwargs)
            try:
                with followed.log.own_work():
                    followed.function(self, args, kwargs, before, result, frames.capture(sys._getframe(1)))
            except Exception as error:
                followed.fault(error)
            return result

        patches.replace(torch.jit.ScriptFunction, "__call__", __call__)

    def module(self, module: Any, args: Any, whole: Ran) -> None:
        """A module ran unheard, perhaps one of TorchScript.

        Args:
            whole: the call as one operation.
        """
        scripted = isinstance(module, torch.jit.ScriptModule)
        self._note(self._program(module) if scripted else None, (module, *args), whole)

    def function(self, function: Any, args: Any, kwargs: Any, before: Any, result: Any, stack: frames.Stack) -> None:
        """A function of TorchScript ran."""
        given: list[Any] = []
        scan((*args, *kwargs.values()), given)
        outputs: list[Any] = []
        scan((result,), outputs)
        log, grads = self.log, tuple([t.requires_grad for t in given])
        recording = torch.is_grad_enabled()
        cut = edges.missing(given, grads, before, outputs) if recording else None
        scope = log.local.scope[-1] if log.local.scope else 0
        made = tuple([made_of(log, t) for t in outputs])
        serials = tuple([log.serial(t) for t in given])
        whole = Ran(str(function.name), serials, grads, made, recording, stack, scope, cut)
        program = None if kwargs else program_of(function.inlined_graph)
        self._note(program, args, whole)

    def _program(self, module: Any) -> Program | None:
        if module not in self._programs:
            self._programs[module] = program_of(module.inlined_graph)
        found: Program | None = self._programs[module]
        return found

    def _note(self, program: Program | None, args: Sequence[Any], whole: Ran) -> None:
        entries = [whole]
        if program is not None and whole.recording and whole.made:
            with suppress(Unfollowed):
                entries = Walk(self.log, whole).entries(program, args)
        for entry in entries:
            self.log.add(entry)


class Walk:
    """Goes through a program as it ran.

    Args:
        whole: the call as one operation, with what autograd says of it.
    """

    def __init__(self, log: Log, whole: Ran) -> None:
        self.log, self.whole = log, whole
        self._found: list[Ran] = []
        self._meaning: dict[str, Meaning] = {}
        self._outer = {
            serial: Known(serial, frozenset((i,)) if grad else frozenset())
            for i, (serial, grad) in enumerate(zip(whole.inputs, whole.grads, strict=True))
        }

    def entries(self, program: Program, args: Sequence[Any]) -> list[Ran]:
        """The operations, the last of which makes what the call gave.

        Raises:
            Unfollowed: what is found is not what autograd found, or something is not known.
        """
        self._meaning.update(zip(program.given, map(self._of, args), strict=False))
        for step in program.steps:
            self._take(step)
        results = [known for name in program.gives for known in self._tensors(name)]
        parts = [results] if len(self.whole.made) == 1 else [[known] for known in results]
        if len(parts) != len(self.whole.made) or _LEFT in results:
            raise Unfollowed("results")
        return [*self._found, *(self._result(o, part) for o, part in enumerate(parts))]

    def _result(self, o: int, part: Sequence[Known]) -> Ran:
        """What makes one of the tensors that the call gave."""
        alive = frozenset[int]().union(*(known.alive for known in part))
        made, cut = self.whole.made[o], self.whole.cut or frozenset()
        for i, grad in enumerate(self.whole.grads):
            if grad and (made.requires_grad and (i, o) not in cut) != (i in alive):
                raise Unfollowed("autograd")
        serials = tuple(dict.fromkeys(known.serial for known in part))
        grads = tuple(any(k.alive for k in part if k.serial == serial) for serial in serials)
        return self.whole._replace(inputs=serials, grads=grads, made=(made,), cut=frozenset())

    def _take(self, step: Step) -> None:
        if step.kind == "attribute":
            owner = self._meaning.get(step.inputs[0])
            self._meaning[step.outputs[0]] = self._of(getattr(owner, step.name, None))
        elif step.kind == "same" and len(step.inputs) == len(step.outputs):
            for one, other in zip(step.inputs, step.outputs, strict=True):
                self._meaning[other] = self._meaning.get(one, ())
        elif step.kind in ("same", "branch"):
            read = tuple(known for name in step.inputs for known in self._tensors(name))
            self._meaning.update(dict.fromkeys(step.outputs, read))
        elif step.kind == "scalar":
            read = tuple(known for name in step.inputs for known in self._tensors(name))
            self._meaning.update(dict.fromkeys(step.outputs, (_LEFT,) if read else ()))
        else:
            self._operation(step)

    def _operation(self, step: Step) -> None:
        read = [known for name in step.inputs for known in self._tensors(name)]
        if _LEFT in read:
            raise Unfollowed("a number")
        name, first = ops.plain(step.name), read[:1]
        writes = bool(first) and ops.changes_first(step.name)
        carries = step.recording and name != "detach"
        alive = frozenset[int]().union(*(known.alive for known in read)) if carries else frozenset[int]()
        if writes and not step.recording:
            alive = first[0].alive
        made = []
        for output, integral in zip(step.outputs, step.integral, strict=True):
            known = Known(first[0].serial if writes else self.log.fresh(), frozenset() if integral else alive)
            self._meaning[output] = (known,)
            made.append(Made(known.serial, torch.int64 if integral else torch.float32, None, bool(known.alive), 0))
        stack = (*step.place, *self.whole.stack)
        serials, grads = tuple(known.serial for known in read), tuple(bool(known.alive) for known in read)
        self._found.append(
            Ran(step.name, serials, grads, tuple(made), step.recording, stack, self.whole.scope, frozenset())
        )

    def _of(self, value: Any) -> Meaning:
        """What a value of Python's stands for."""
        if isinstance(value, torch.nn.Module):
            return value
        tensors: list[Any] = []
        scan((value,), tensors)
        return tuple(self._met(t) for t in tensors) if tensors or isinstance(value, (list, tuple)) else value

    def _met(self, tensor: Any) -> Known:
        serial = self.log.serial(tensor)
        return self._outer.get(serial) or Known(serial, frozenset())

    def _tensors(self, name: str) -> tuple[Any, ...]:
        meaning = self._meaning.get(name, ())
        return meaning if isinstance(meaning, tuple) else ()
