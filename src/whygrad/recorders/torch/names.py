"""What the script calls its modules and tensors: found by walking from the names in the user's frames."""

from __future__ import annotations

import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType, ModuleType
from typing import Any

import torch

from whygrad.recorders.frames import is_user_file, local_variables
from whygrad.recorders.torch import edges

_MOST_OBJECTS = 20_000
_MOST_ITEMS = 1000
# Modules around the script's own, and the attribute in which they hold it: a name does not show them.
_WRAPPERS: Mapping[str, str] = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "_fsdp_wrapped_module",
    "OptimizedModule": "_orig_mod",
    "_FabricModule": "_forward_module",
}


@dataclass(slots=True)
class Home:
    """Where a tensor lives.

    Attributes:
        path: the name the user knows.
        module: the path of the module that holds it; ``None`` for one that no module holds.
        tracked: the outermost module lists it among its parameters (``None``: not known).
        holder: how the script reaches it, where that is not the name that it is known by.
    """

    path: str
    module: str | None
    tracked: bool | None
    holder: str | None = None


@dataclass(slots=True)
class Names:
    """The modules and tensors that the user's frames reach.

    Attributes:
        homes: ``id`` of a tensor to where it lives.
        modules: ``id`` of a module to its path.
        trees: path of a module to (module, attribute that holds it, path of the module around it).
        labels: ``id`` of a tensor to the local name for it and the function that has it.
        loose: what a module keeps where it does not look for parameters, by path: parameters in a list of its own,
            leaves that are no parameters, and the leaf behind a computed attribute.
        variables: ``id`` of a tensor to the variable of Keras whose value it is.
    """

    homes: dict[int, Home] = field(default_factory=dict)
    modules: dict[int, str] = field(default_factory=dict)
    trees: dict[str, tuple[Any, str | None, str | None]] = field(default_factory=dict)
    labels: dict[int, tuple[str, str]] = field(default_factory=dict)
    loose: dict[str, weakref.ref[Any]] = field(default_factory=dict)
    variables: dict[int, weakref.ref[Any]] = field(default_factory=dict)
    _tensors: dict[str, weakref.ref[Any]] = field(default_factory=dict)

    def tensors(self) -> list[Any]:
        """Those that stand under a name of their own or are parameters of a named module."""
        plain = [tensor for ref in self._tensors.values() if (tensor := ref()) is not None]
        held = [p for module, _, _ in self.trees.values() for p in module._parameters.values() if p is not None]
        return plain + held

    def beside(self, tensor: Any) -> list[Any]:
        """The other tensors of the list or dict that holds a tensor."""
        home = self.homes.get(id(tensor))
        around = home.path.rpartition(".")[0] + "." if home is not None and "." in home.path else None
        found = [ref() for path, ref in self._tensors.items() if around and path.rpartition(".")[0] + "." == around]
        return [one for one in found if one is not None and one is not tensor]


def names_from(
    frame: FrameType | None,
    living: Iterable[Any] = (),
    sources: Container[int] = (),
    called: Callable[[Any], str] = lambda module: type(module).__name__,
) -> Names:
    """Everything that can be named from a frame and its callers, the script's outermost frame first.

    Args:
        living: modules that no frame may reach: a trainer can have the only hold of one.
        sources: ids of the tensors for whose sake such a module is named.
        called: what to call it.
    """
    found = Names()
    roots = list(_roots(frame, found))
    modules = list(_numbered(_outermost(_reachable_modules(roots)), found))
    for name, module in modules:
        _tree(found, name, module)
    kept = _outermost([("", m) for m in list(living) if id(m) not in found.modules])
    for name, module in _numbered(((called(m), m) for _, m in kept), found):
        if any(id(p) in sources and id(p) not in found.homes for p in module.parameters()):
            modules.append((name, module))
            _tree(found, name, module)
    for name, module in modules:
        _hidden(found, name, module)
    for name, tensor in _reachable_tensors(roots):
        found.homes.setdefault(id(tensor), Home(name, None, False))
        found._tensors.setdefault(name, weakref.ref(tensor))
    return found


def _roots(frame: FrameType | None, found: Names) -> Iterator[tuple[str, Any]]:
    """The user's local and global names, outermost frame first; labels of tensors, innermost first."""
    users: list[FrameType] = []
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            users.append(frame)
        frame = frame.f_back
    held = [(f.f_code.co_qualname, _variables(f)) for f in users]
    for function, variables in held[:4]:
        for name, value in variables:
            for path, tensor in _tensors(name, value, 2):
                found.labels.setdefault(id(tensor), (path, function))
    for _, variables in reversed(held):
        yield from variables


def _variables(frame: FrameType) -> list[tuple[str, Any]]:
    """A frame's variables in the order of their making; of what functions inside share, the order is not known."""
    shared = frozenset(frame.f_code.co_cellvars)
    found = [v for v in local_variables(frame) if not v[0].startswith("__")]
    return sorted(found, key=lambda variable: variable[0] not in shared)


def _reachable_modules(roots: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Modules by the shortest name for them: plain names before attributes and items."""
    found: dict[int, tuple[str, Any]] = {}
    seen: set[int] = set()
    queue = deque((name, value, 0) for name, value in roots)
    while queue and len(seen) < _MOST_OBJECTS:
        name, value, depth = queue.popleft()
        if _is_module(value):
            known = type(value).__name__ if name == "self" else name
            found.setdefault(id(value), (known, value))
            continue
        if depth > 4 or id(value) in seen:
            continue
        seen.add(id(value))
        queue.extend((f"{name}{step}", item, depth + 1) for step, item in _children(value))
    return list(found.values())


def _outermost(modules: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Without those that another of them holds."""
    inner = {id(m) for _, module in modules for m in module.modules() if m is not module}
    yield from ((name, module) for name, module in modules if id(module) not in inner)


def _numbered(modules: Iterable[tuple[str, Any]], found: Names) -> Iterator[tuple[str, Any]]:
    """Modules of one class are told apart."""
    seen = Counter(path for path in found.trees if "." not in path)
    for name, module in modules:
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), module


def _tree(found: Names, name: str, root: Any) -> None:
    wrappers: list[str] = []
    for below, module in root.named_modules(remove_duplicate=False):
        path = _joined(name, _unwrapped(below, wrappers))
        held = _wrapped_in(module)
        if held is not None:
            wrappers.append(f"{below}.{held}" if below else held)
        if id(module) in found.modules:
            continue
        around, _, attribute = path.rpartition(".") if below else ("", "", "")
        found.modules[id(module)] = path
        found.trees[path] = (module, attribute or None, around or None)
        for key, parameter in module._parameters.items():
            if parameter is not None:
                found.homes.setdefault(id(parameter), Home(f"{path}.{key}", path, True))


def _hidden(found: Names, name: str, root: Any) -> None:
    """Modules and leaf tensors that a module keeps where it does not look for parameters."""
    queue: deque[tuple[str, Any, Any, str, int]] = deque()
    for below, module in root.named_modules():
        path = found.modules.get(id(module), _joined(name, below))
        queue.extend(
            (f"{path}.{key}", value, module, path, 0)
            for key, value in vars(module).items()
            if not key.startswith("_") and key != "training"
        )
        queue.extend((f"{path}.{key}", value, module, path, 0) for key, value in module._buffers.items())
    seen: set[int] = set()
    while queue and len(seen) < _MOST_OBJECTS:
        path, value, holder, around, depth = queue.popleft()
        if id(value) in seen or depth > 4:
            continue
        seen.add(id(value))
        if _is_module(value):
            if id(value) not in found.modules:
                _untracked_module(found, path, value, around)
        elif issubclass(type(value), torch.Tensor):
            if value.requires_grad:
                _hidden_tensor(found, path, value, around)
        else:
            queue.extend((f"{path}{step}", item, holder, around, depth + 1) for step, item in _children(value))


def _hidden_tensor(found: Names, path: str, tensor: Any, around: str) -> None:
    """A leaf; or a computed tensor, such as a parameter times a number, of which the leaf has no name of its own."""
    leaves = [tensor] if tensor.is_leaf else edges.leaves_of([tensor])
    if any(id(leaf) in found.homes for leaf in leaves) or len(leaves) != 1:
        return
    found.loose[path] = weakref.ref(leaves[0])
    found.homes[id(leaves[0])] = Home(path, around, False)


def _untracked_module(found: Names, path: str, module: Any, around: str) -> None:
    for below, inner in module.named_modules():
        own = _joined(path, below)
        found.modules.setdefault(id(inner), own)
        parent, _, attribute = own.rpartition(".") if below else (around, "", "")
        found.trees.setdefault(own, (inner, attribute or None, parent))
        for key, parameter in inner._parameters.items():
            if parameter is not None:
                # Who has put it into evaluation mode by itself does not want it trained with the rest.
                found.homes.setdefault(id(parameter), Home(f"{own}.{key}", own, False if inner.training else None))


def _wrapped_in(module: Any) -> str | None:
    """The attribute in which a wrapper holds what it wraps; ``None`` for another module."""
    names = (_WRAPPERS.get(cls.__name__) for cls in type(module).__mro__)
    return next((name for name in names if name is not None and name in module._modules), None)


def wrapped(module: Any) -> Any:
    """The script's own module inside of all wrappers."""
    while (held := _wrapped_in(module)) is not None:
        module = module._modules[held]
    return module


def _unwrapped(below: str, wrappers: list[str]) -> str:
    """A module's path without the step into each wrapper around it; wrappers come outermost first."""
    for inner in reversed(wrappers):
        if below == inner or below.startswith(f"{inner}."):
            around = inner.rpartition(".")[0]
            below = ".".join(filter(None, (around, below[len(inner) + 1 :])))
    return below


def _joined(name: str, below: str) -> str:
    return f"{name}.{below}" if below else name


def _reachable_tensors(roots: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    yield from ((n, v) for n, v in roots if issubclass(type(v), torch.Tensor))
    for name, value in roots:
        if not issubclass(type(value), torch.Tensor) and not _is_module(value):
            yield from _tensors(name, value, 3)


def _tensors(name: str, value: Any, deep: int) -> Iterator[tuple[str, Any]]:
    if issubclass(type(value), torch.Tensor):
        yield name, value
    elif deep and not _is_module(value):
        for step, item in _children(value):
            yield from _tensors(f"{name}{step}", item, deep - 1)


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if issubclass(type(value), dict):
        yield from ((f".{k}", v) for k, v in list(islice(value.items(), _MOST_ITEMS)) if _may_hold(v))
    elif issubclass(type(value), (list, tuple, set, frozenset, deque)):
        yield from ((f".{i}", v) for i, v in enumerate(list(islice(value, _MOST_ITEMS))) if _may_hold(v))
    elif _is_users_object(value):
        for key, item in list(vars(value).items())[:_MOST_ITEMS]:
            if not key.startswith("__") and _may_hold(item):
                yield f".{key.removeprefix('_')}", item


def _may_hold(value: Any) -> bool:
    return value is not None and not issubclass(type(value), (str, bytes, int, float, complex, bool, type, ModuleType))


def _is_module(value: Any) -> bool:
    return issubclass(type(value), torch.nn.Module)  # isinstance would touch `__class__`, which some objects fake


def _is_users_object(value: Any) -> bool:
    """Whether an object's class was written by the user or by a library that is no framework."""
    if not hasattr(value, "__dict__") or issubclass(type(value), (type, ModuleType)):
        return False
    file = getattr(sys.modules.get(type(value).__module__), "__file__", None)
    return file is not None and is_user_file(file)
