"""An operation of the script's: what is noted of a call of a torch function before it runs, and after.

Every operation passes here while we record, and what this costs is the calls that Python makes in it: they are few.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.torch import edges
from whygrad.recorders.torch.called import (
    Facts,
    adds_nothing,
    facts_of,
    in_sampler,
    is_torchs_own,
    name_of,
    options,
    outputs_of,
    variant,
)
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.modules import Modules
from whygrad.recorders.torch.subclasses import PLAIN
from whygrad.recorders.torch.tensors import NOTHING, made_of, meet, scan
from whygrad.recorders.torch.values import Values

Tensor = torch.Tensor
Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
Cut = frozenset[tuple[int, int]] | None

ENTERING = frozenset("tensor as_tensor asarray full new_tensor new_full".split())
Asked = tuple[tuple[Any, ...] | None, Sequence[edges.Edge]]

_UNASKED: Asked = (None, ())
_new = tuple.__new__  # what a record's own would call, a Python frame later


class Operations:
    """Notes operations. Its own errors go to ``fault`` and never to the script.

    Args:
        raised: told of an exception of an operation: it, the operation's name, the place, the inputs' serials.
    """

    def __init__(
        self,
        log: Log,
        crossings: Crossings,
        modules: Modules,
        values: Values,
        raised: Callable[[BaseException, str, frames.Stack, tuple[int, ...]], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.log, self.crossings, self.values, self.raised, self.fault = log, crossings, values, raised, fault
        self.met, self.lent = modules.met, modules.lent
        self._verified: set[tuple[Any, ...]] = set()

    def of(self, func: Any) -> Handler:
        """What is called in the place of a function."""
        facts = facts_of(name_of(func))
        note, asked, fault, verified = self._note, self._asked, self.fault, self._verified
        log, lent, met, is_recording = self.log, self.lent, self._met, torch.is_grad_enabled

        def operation(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            plain, inputs = not kwargs, []
            key, before = _UNASKED
            try:
                for value in args:
                    if type(value) in PLAIN:
                        inputs.append(value)
                    else:
                        plain = False
                        if type(value) not in NOTHING:
                            scan((value,), inputs)
                if kwargs:
                    scan(kwargs.values(), inputs)
                grads = tuple([t.requires_grad for t in inputs])
                recording = is_recording()
                if recording and len(grads) > 1 and True in grads:
                    call = (func, grads) if plain else (func, grads, *options(args, kwargs))
                    if call not in verified:
                        key, before = asked(facts, call, inputs)
                known, serials = log.living, []
                for tensor in inputs:
                    one = known.get(id(tensor))
                    if one is not None and one[1]() is tensor and not lent:
                        serials.append(one[0])
                    else:
                        serials.append(met(tensor))
            except Exception as error:
                fault(error)
                return func(*args, **kwargs)
            try:
                result = func(*args, **kwargs)
            except BaseException as error:
                self._failed(error, facts.name, tuple(serials))
                raise
            try:
                outputs = [result] if type(result) is Tensor else outputs_of(facts, args, result)
                if outputs:
                    cut = None if key is None else self._missing(key, inputs, grads, before, outputs)
                    if note(facts, args, kwargs, serials, grads, outputs, recording, cut):
                        self._measure(inputs, outputs, facts.smooth and not adds_nothing(args, kwargs))
            except Exception as error:
                fault(error)
            return result

        return operation

    def _asked(self, facts: Facts, key: tuple[Any, ...], inputs: list[Any]) -> Asked:
        """What stands for this way to call a function, if autograd's graph is yet to be asked, and the edges so far."""
        if self.log.local.transforms:
            return _UNASKED
        # Through a view the gradient of what is written goes to what the view is of, past the view's own edge.
        if facts.writes and inputs[0]._base is not None:
            return _UNASKED
        return key, edges.edges_of(inputs)

    def _missing(
        self,
        key: tuple[Any, ...],
        inputs: list[Any],
        grads: tuple[bool, ...],
        before: Sequence[edges.Edge],
        outputs: list[Any],
    ) -> Cut:
        cut = edges.missing(inputs, grads, before, outputs)
        if not cut and any(o.requires_grad for o in outputs):
            self._verified.add(key)
        return cut

    def _note(
        self,
        facts: Facts,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        serials: list[int],
        grads: tuple[bool, ...],
        outputs: list[Any],
        recording: bool,
        cut: Cut,
    ) -> bool:
        """Write the operation down, if it is one of the script's.

        Returns:
            whether what goes back through it is to be measured.
        """
        log, frame = self.log, sys._getframe(3)
        if is_torchs_own(frame.f_code):
            return False
        local, stack = log.local.__dict__, frames.capture(frame)  # each look at it itself would ask for the thread
        kind = variant(facts, args, kwargs) if kwargs or facts.settled else facts
        name, transforms, scope = kind.name, local["transforms"], local["scope"]
        numbers: tuple[int, ...] = ()
        where: frames.Stack = ()
        if log.departed:
            if name in ENTERING and not serials:
                self.crossings.entered(outputs[0], name, stack)
                return False
            if kind.arithmetic:
                numbers = self.crossings.operands(args, kwargs)
        alive = recording and True in grads and not transforms
        if not recording and True in grads:
            if in_sampler(frame):
                name = f"sample:{name}"
            checkpoint = local["checkpoint"]
            if checkpoint is not None:
                where, recording = checkpoint[0], checkpoint[1]
                name, alive = (name, not transforms) if recording else (f"checkpoint:{name}", False)
        made = (made_of(log, outputs[0]),) if len(outputs) == 1 else tuple([made_of(log, t) for t in outputs])
        if transforms and recording:
            made = tuple([one._replace(requires_grad=True) for one in made])
        entry = (name, tuple(serials), grads, made, recording, stack, scope[-1] if scope else 0, cut, numbers, where)
        log.add(_new(Ran, entry))
        return alive and (facts.pole or self.values.everything) and not facts.writes

    def _measure(self, inputs: list[Any], outputs: list[Any], smooth: bool) -> None:
        local = self.log.local
        local.busy = True
        try:
            self.values.listen(self.log.now - 1, inputs, outputs, smooth)
        finally:
            local.busy = False

    def serials(self, tensors: list[Any]) -> tuple[int, ...]:
        """The serials of tensors that are read, each given one now if it has none."""
        return tuple(map(self._met, tensors))

    def _met(self, tensor: Any) -> int:
        number = self.log.known(tensor)
        if not number:
            return meet(self.log, self.crossings, tensor)
        if number in self.lent and self.lent[number] is None:
            self.met(tensor, number)
        return number

    def _failed(self, error: BaseException, name: str, serials: tuple[int, ...]) -> None:
        try:
            self.raised(error, name, frames.capture(sys._getframe(3)), serials)
        except Exception as fault:
            self.fault(fault)
