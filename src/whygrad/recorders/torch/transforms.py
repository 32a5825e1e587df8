"""``torch.func``: functions that call the user's with wrapped tensors; here the wraps are tied to what they wrap.

Inside, torch asks ``autograd.grad`` for the gradients of wraps, which ``requests`` hears; whose they are is known here.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import made_of, meet, scan

# A wrap, what it is a wrap of, the name of that in the user's function, and the transform.
Wrap = tuple[weakref.ref[Any], weakref.ref[Any], str, str]

# Transforms that take a function and return one; what comes out depends on all that the function gave.
ASKING = frozenset(("grad", "grad_and_value", "jacrev"))
# Those that give derivatives.
DERIVING = ASKING | {"jacfwd", "hessian"}
NAMES = ("vmap", "jacrev", "jacfwd", "hessian", "grad", "grad_and_value", "functionalize")


class Transforms:
    """The hooks on ``torch.func`` and ``torch.vmap``.

    Attributes:
        mark: notes in the log what a gradient is asked of, and gives the entry's number.
        unanswered: told of a transform that answered zeros without asking autograd, since nothing it got requires a
            gradient: its name, the entry of ``mark``, what it is asked for, and the frame.
    """

    def __init__(self, log: Log, crossings: Crossings, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.crossings = crossings
        self.fault = fault
        self.mark: Callable[[Sequence[Any]], int] = lambda targets: -1
        self.unanswered: Callable[[str, int, Sequence[Any], Any], None] = lambda name, mark, sources, frame: None
        self.answered = False
        self.patches = Patches()
        self._wraps: dict[int, Wrap] = {}

    def outermost(self, tensor: Any) -> tuple[Any, str]:
        """What a tensor is in the end a wrap of, and the transform that wrapped it; itself and ``""`` for another."""
        found, transform = tensor, ""
        for _ in range(len(self._wraps)):
            inner, outer, _, name = self._wraps.get(id(found), (None, None, "", ""))
            around = outer() if outer is not None and inner is not None and inner() is found else None
            if around is None or around is found:
                break
            found, transform, self.answered = around, name, True
        return found, transform

    def name_of(self, tensor: Any) -> str | None:
        """How the user's function calls what it was given, such as ``params.0.weight``."""
        names = (name for _, outer, name, _ in self._wraps.values() if outer() is tensor)
        return next(names, None)

    def wrapped(self, inner: Any, outer: Any, name: str, transform: str) -> None:
        """A tensor of the user's function, what it is a wrap of, and the name of that."""
        self._wraps[id(inner)] = (weakref.ref(inner), weakref.ref(outer), name, transform)

    def clear(self) -> None:
        """Forget the wraps."""
        self._wraps.clear()

    def install(self, patches: Patches) -> None:
        """Patch the public names; the script imports them after torch itself."""
        self.patches = patches
        for name in NAMES:
            wrapper = self._transform(getattr(torch.func, name), name)
            patches.replace(torch.func, name, wrapper)
            if name == "vmap":
                patches.replace(torch, "vmap", wrapper)
        patches.replace(torch.func, "vjp", self._at_once(torch.func.vjp, "vjp"))

    def _transform(self, original: Any, name: str) -> Any:
        transforms, patches = self, self.patches

        @wraps(original)
        def transform(func: Any, *settings: Any, **named: Any) -> Any:
            if not patches.on:
                return original(func, *settings, **named)
            run = _Run(transforms, name, settings[0] if settings else named.get("argnums", 0))
            transformed = original(run.inner(func), *settings, **named)

            @wraps(transformed)
            def call(*args: Any, **kwargs: Any) -> Any:
                run.given(args, kwargs)
                result = transformed(*args, **kwargs)
                run.result(result, sys._getframe(1))
                return result

            return call

        return transform

    def _at_once(self, original: Any, name: str) -> Any:
        """A transform that calls the function at once, with what stands beside it."""
        transforms, patches = self, self.patches

        @wraps(original)
        def call(func: Any, *args: Any, **named: Any) -> Any:
            if not patches.on:
                return original(func, *args, **named)
            run = _Run(transforms, name)
            inner = run.inner(func)
            run.given(args, {})
            result = original(inner, *args, **named)
            run.result(result, sys._getframe(1))
            return result

        return call


class _Run:
    """One transformed function: outer arguments are tied to inner ones, inner results to outer ones."""

    def __init__(self, transforms: Transforms, name: str, argnums: Any = 0) -> None:
        self.transforms = transforms
        self.name = name
        self.argnums = argnums if isinstance(argnums, tuple) else (argnums,)
        self._sources: list[weakref.ref[Any]] = []
        self._mark = -1
        self._outer: list[int] = []
        self._given: list[tuple[str, weakref.ref[Any]]] = []
        self._inner: list[int] = []
        self._called: tuple[str, ...] = ()

    def inner(self, func: Any) -> Any:
        """The user's function, its arguments tied to those that were given outside."""
        self._guarded(self._names_of, func)

        @wraps(func)
        def called(*args: Any, **kwargs: Any) -> Any:
            local = self.transforms.log.local
            self._guarded(self._entered, (args, kwargs))
            local.transforms += 1
            try:
                result = func(*args, **kwargs)
            finally:
                local.transforms -= 1
            self._guarded(self._left, result)
            return result

        return called

    def given(self, args: Any, kwargs: Any) -> None:
        """The arguments of the transformed function."""
        self._inner, self._mark, self.transforms.answered = [], -1, False
        self._guarded(self._note_given, (args, kwargs))

    def result(self, result: Any, frame: Any) -> None:
        """What the transformed function returned."""
        self._guarded(self._note_result, result, frame)

    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        log = self.transforms.log
        if log.local.busy or not self.transforms.patches.on:
            return
        log.local.busy = True
        try:
            body(*arguments)
        except Exception as error:
            self.transforms.fault(error)
        finally:
            log.local.busy = False

    def _names_of(self, func: Any) -> None:
        code = getattr(inspect.unwrap(func), "__code__", None)
        self._called = code.co_varnames[: code.co_argcount] if code is not None else ()

    def _note_given(self, given: Any) -> None:
        log, (args, kwargs) = self.transforms.log, given
        named = dict(zip(self._called, args, strict=False)) if len(self._called) >= len(args) else {"given": args}
        found = [*_paths(named), *_paths(kwargs)]
        self._outer = [log.known(t) or meet(log, self.transforms.crossings, t) for _, t in found]
        self._given = [(path, weakref.ref(t)) for path, t in found]
        if self.name in ASKING:
            chosen = [args[number] for number in self.argnums if isinstance(number, int) and number < len(args)]
            self._sources = [weakref.ref(t) for t in tensors_in(chosen)]

    def _entered(self, given: Any) -> None:
        wrapped = tensors_in(given)
        if len(wrapped) == len(self._outer):
            for serial, (path, reference), tensor in zip(self._outer, self._given, wrapped, strict=True):
                outer = reference()
                self.transforms.log.stands_for(tensor, serial)
                if outer is not None and outer is not tensor:
                    self.transforms.wrapped(tensor, outer, path, self.name)

    def _left(self, result: Any) -> None:
        log = self.transforms.log
        self._inner += [log.known(t) or log.serial(t) for t in tensors_in(result)]
        if self.name in ASKING:
            self._mark = self.transforms.mark(tensors_in(result)[:1])

    def _note_result(self, result: Any, frame: Any) -> None:
        outputs = tensors_in(result)
        if self._inner and outputs:
            self._tie(tuple(self._inner), outputs, frame)
        if self._mark >= 0 and not self.transforms.answered and not self.transforms.log.local.transforms:
            sources = [source for reference in self._sources if (source := reference()) is not None]
            self.transforms.unanswered(self.name, self._mark, sources, frame)

    def _tie(self, inputs: tuple[int, ...], outputs: Sequence[Any], frame: Any) -> None:
        log = self.transforms.log
        made = tuple([made_of(log, t) for t in outputs])
        scope = log.local.scope[-1] if log.local.scope else 0
        log.add(Ran(self.name, inputs, (False,) * len(inputs), made, True, frames.capture(frame), scope))


def _paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The same with the keys and positions that lead to them."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _paths(item, f"{path}.{key}" if path else str(key))


def tensors_in(value: Any) -> list[Any]:
    """The tensors of an argument tree, in order."""
    found: list[Any] = []
    scan((value,), found)
    return found
