"""Which parameters, the names users know, and who holds them."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.torch.names import Home, Names, wrapped
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Described:
    """A source of a request, or another parameter that a living module has. Lives while a request is handed on.

    Attributes:
        module: the path of the module that holds it, or held it when its optimizer was made.
        tracked, in_model: as in ``graph.Parameter``.
        argument: a function of ``torch.func`` is asked for its gradient, which makes a parameter of any tensor.
    """

    tensor: Any
    path: str
    seen: GradientSeen
    asked: bool
    is_variable: bool
    module: str | None
    tracked: bool | None
    in_model: bool | None
    home: Home | None = None
    argument: bool = False


class Known:
    """The names that tensors had when their optimizer was made: a module may have let go of them since."""

    def __init__(self) -> None:
        self._homes: dict[int, tuple[weakref.ref[Any], Home]] = {}

    def remember(self, tensors: Iterable[Any], names: Names) -> None:
        """Keep the homes of these tensors."""
        for tensor in tensors:
            home = names.homes.get(id(tensor))
            if home is not None:
                self._homes.setdefault(id(tensor), (weakref.ref(tensor), home))

    def root(self, module: Any) -> str:
        """What the script called an outermost module when its optimizer was made; its class where that is not known."""
        for below, parameter in module.named_parameters():
            home = self.home(parameter)
            if home is not None and home.path.endswith(f".{below}"):
                return home.path.removesuffix(f".{below}")
        return type(wrapped(module)).__name__

    def let_go(self, tensor: Any, modules: Iterable[Any]) -> bool:
        """Whether a module held it when its optimizer was made, and none of the living ones does."""
        home = self.home(tensor)
        return home is not None and home.module is not None and id(tensor) not in _held_by(modules)

    def named(self, tensors: Iterable[Any]) -> list[tuple[str, Any]]:
        """Those that had a name when their optimizer was made, with it."""
        return [(home.path, tensor) for tensor in tensors if (home := self.home(tensor)) is not None]

    def home(self, tensor: Any) -> Home | None:
        """The home that a tensor had."""
        known = self._homes.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None


def describe(
    sources: Sequence[Any], seen: Sequence[GradientSeen], names: Names, known: Known, modules: Iterable[Any]
) -> list[Described]:
    """The facts of a request's sources, each under a name of its own.

    Args:
        modules: the living modules, which a source may still be part of.
    """
    living = _held_by(modules)
    found = []
    for position, (tensor, answer) in enumerate(zip(sources, seen, strict=True)):
        home = names.homes.get(id(tensor)) or known.home(tensor)
        held = id(tensor) in living
        leaf = isinstance(tensor, torch.nn.Parameter) or (tensor.is_leaf and tensor.requires_grad)
        found.append(
            Described(
                tensor,
                home.path if home is not None else f"sources.{position}",
                answer,
                True,
                leaf,
                home.module if home is not None else None,
                home.tracked if home is not None and held else None,
                held if home is not None and home.module is not None else None,
                home,
            )
        )
    return found


def others(described: Sequence[Described], names: Names, known: set[int]) -> list[Described]:
    """The trainable parameters that can be reached and that nobody asked for here.

    Args:
        known: ids of the tensors that an operation met.
    """
    met = {id(d.tensor) for d in described}
    # What is asked for under no name may be a copy of a plain tensor that has one.
    nameless = any(d.asked and d.home is None for d in described)
    found = []
    for other in (*_of_modules(names), *_loose(names), *_bare(names, nameless), *_variables(names)):
        if id(other.tensor) not in met and id(other.tensor) in known:
            met.add(id(other.tensor))
            found.append(other)
    return found


def _of_modules(names: Names) -> Iterator[Described]:
    """The parameters of modules, each at its own."""
    for path, (module, _, _) in names.trees.items():
        for parameter in [p for p in module._parameters.values() if p is not None]:
            home = names.homes.get(id(parameter))
            if home is not None and home.module == path and parameter.requires_grad:
                yield Described(parameter, home.path, "unknown", False, True, path, home.tracked, True, home)


def _loose(names: Names) -> Iterator[Described]:
    """What a module holds where it does not look for parameters."""
    for path, reference in names.loose.items():
        if (parameter := reference()) is not None:
            home, is_parameter = names.homes[id(parameter)], isinstance(parameter, torch.nn.Parameter)
            yield Described(parameter, path, "unknown", False, is_parameter, None, False, None, home)


def _bare(names: Names, nameless: bool) -> Iterator[Described]:
    """What the script itself holds.

    Args:
        nameless: whether tensors that are no parameters by their making count as well.
    """
    for parameter in names.tensors():
        home, is_parameter = names.homes.get(id(parameter)), isinstance(parameter, torch.nn.Parameter)
        if home is None or home.module is not None or not parameter.is_leaf or not parameter.requires_grad:
            continue
        if is_parameter or nameless:
            yield Described(parameter, home.path, "unknown", False, is_parameter, None, None, None, home)


def _variables(names: Names) -> Iterator[Described]:
    """The trainable variables of Keras."""
    for reference in names.variables.values():
        variable = reference()
        tensor = variable._value if variable is not None and variable.trainable else None
        if tensor is not None:
            home = names.homes[id(tensor)]
            in_model = home.module is not None
            yield Described(tensor, home.path, "unknown", False, True, home.module, home.tracked, in_model, home)


def _held_by(modules: Iterable[Any]) -> set[int]:
    return {id(p) for m in list(modules) for p in m._parameters.values() if p is not None}


def forward_of(module: Any) -> Span | None:
    """The range of the user's ``forward``, if the class is the user's own."""
    function = inspect.unwrap(getattr(type(module), "forward", None) or type(module).__call__)
    code = getattr(function, "__code__", None)
    if code is None or not frames.is_user_file(code.co_filename):
        return None
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    return Span(code.co_filename, code.co_firstlineno, None, last, None, code.co_qualname)
