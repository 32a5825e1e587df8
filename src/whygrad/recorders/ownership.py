"""Who holds a variable: found by walking from the user's names through layers, modules and plain objects."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from whygrad.graph import Event
from whygrad.recorders.frames import Stack, is_user_file, is_users_object, local_variables
from whygrad.recorders.lives import Lives
from whygrad.span import Span

_MOST_OBJECTS = 20_000
# What hangs on a model without being part of it: bookkeeping, and what `compile` was given.
_PRIVATE = tuple(
    "_tracker _self_ _obj_reference _inbound _outbound _metrics _optimizer optimizer loss _loss _losses _compile "
    "compiled_ train_ test_ predict_ _callbacks _build _call_ _saved_model".split()
)


@dataclass(frozen=True, slots=True)
class Owner:
    """How a variable is held.

    Attributes:
        path: as the user would write it (``net.mix.gate``).
        layer: the name of the layer or module nearest to it.
        tracked: the outermost layer or module lists the variable among its own.
        in_model: it is reached through a layer or module, not only through a container.
    """

    path: str
    layer: str | None
    tracked: bool
    in_model: bool


def longer(path: str, paths: Sequence[str], owner: Owner | None) -> str:
    """A name that several variables share gives way to how the user reaches each of them."""
    return path if owner is None or paths.count(path) == 1 else owner.path


class Owners:
    """The variables that can be reached from the user's frames.

    Args:
        frame: where the walk begins; ``lives``: where layers were frozen.
        number_of: by what number the recorder knows a variable.
    """

    def __init__(self, frame: FrameType | None, lives: Lives, number_of: Callable[[Any], int | None]) -> None:
        self.lives = lives
        self.number_of = number_of
        self.names: dict[int, str] = {}
        self._owners: dict[int, Owner] = {}
        self._keras: dict[int, Any] = {}
        self._walk(frame)

    def of(self, number: int) -> Owner | None:
        """Who holds the variable of that number."""
        return self._owners.get(number)

    def keras_variable(self, number: int) -> Any:
        """The Keras variable around a framework's own, if Keras made it."""
        return self._keras.get(number)

    def freezes(self, variable: Any, spans: Callable[[Stack], tuple[Span, ...]]) -> Iterator[Event]:
        """FROZEN and THAWED events of a variable, from assignments to its layers' ``trainable``."""
        for value, stack, name in self.lives.freezes(variable):
            yield Event("thawed" if value else "frozen", spans(stack)[0], name)

    def _walk(self, frame: FrameType | None) -> None:
        """Breadth first from objects, then from bare containers: `net.first.w` says more than `variables[0]`."""
        roots = [(name, value, None, None) for name, value in _roots(frame)]
        seen: set[int] = set()
        bare = (list, tuple, dict, set)
        for some in ([r for r in roots if not isinstance(r[1], bare)], [r for r in roots if isinstance(r[1], bare)]):
            self._search(deque(some), seen)

        for name, model in {id(r[1]): (r[0], r[1]) for r in roots if _is_module(r[1])}.values():
            self._hidden(name, model)

    def _hidden(self, name: str, model: Any) -> None:
        """Variables that a model uses and does not list, whoever else holds them."""
        own = {self.number_of(v) for v in _own_variables(model)}
        within = Owners.__new__(Owners)
        within.lives, within.number_of = self.lives, self.number_of
        within.names, within._owners, within._keras = {}, {}, {}
        within._search(deque([(name, model, None, None)]), set())
        for number, owner in within._owners.items():
            if number not in own and (known := self._owners.get(number)) is not None and known.tracked:
                self._owners[number] = Owner(owner.path, owner.layer, False, True)

    def _search(self, queue: deque[tuple[str, Any, Any, Any]], seen: set[int]) -> None:
        while queue and len(seen) < _MOST_OBJECTS:
            path, value, root, nearest = queue.popleft()
            if _is_variable(value):
                self._found(path, value, root, nearest)
                continue
            if id(value) in seen:
                continue
            seen.add(id(value))
            if _is_module(value):
                root, nearest = root if root is not None else value, value
                for own in _own_variables(value):
                    number = self.number_of(own)
                    if number is not None and hasattr(own, "path"):
                        self._keras.setdefault(number, own)
            for step, item in _children(value):
                queue.append((f"{path}{step}", item, root, nearest))

    def _found(self, path: str, variable: Any, root: Any, nearest: Any) -> None:
        number = self.number_of(variable)
        known = self._owners.get(number) if number is not None else None
        if number is None or (known is not None and (known.in_model or root is None)):
            return
        self.names.setdefault(id(variable), path)
        tracked = root is None or any(self.number_of(own) == number for own in _own_variables(root))
        name = getattr(nearest, "name", None)
        self._owners[number] = Owner(path, str(name) if name is not None else None, tracked, root is not None)


def _roots(frame: FrameType | None) -> list[tuple[str, Any]]:
    """What the calling frames hold: models and objects first, then containers; Keras' own ``self`` last."""
    users: list[tuple[str, Any]] = []
    keras: list[tuple[str, Any]] = []
    while frame is not None:
        user = is_user_file(frame.f_code.co_filename)
        for name, value in local_variables(frame):
            if user and not name.startswith("__"):
                users.append((name, value))
            elif name == "self" and _is_module(value):
                keras.append((name, value))
        frame = frame.f_back
    return users + keras


def _is_variable(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "assign") and (hasattr(kind, "handle") or hasattr(kind, "value"))


def _is_module(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "trainable_variables") and hasattr(value, "__dict__")


def _own_variables(module: Any) -> list[Any]:
    try:
        return list(getattr(module, "variables", ()))
    except Exception:
        return []


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{k!r}]", v) for k, v in list(value.items())[:1000] if not _plain(v))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{i}]", v) for i, v in enumerate(list(value)[:1000]) if not _plain(v))
    elif _is_module(value) or is_users_object(value):
        for name, item in attributes_of(value):
            if not name.startswith(("__", *_PRIVATE)) and not _plain(item):
                yield f".{name.removeprefix('_')}", item
        if _is_module(value):
            # Legacy Keras keeps the layers of a model out of sight.
            yield from ((f".layers[{i}]", layer) for i, layer in enumerate(getattr(value, "layers", None) or ()))
    elif callable(value) and getattr(value, "__code__", None) is not None and is_user_file(value.__code__.co_filename):
        yield from _held_by_function(value)


def attributes_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """An object's attributes; torch keeps those that are modules apart."""
    own = dict(getattr(thing, "__dict__", {}))
    apart = own.pop("_modules", None)
    yield from own.items()
    yield from apart.items() if isinstance(apart, dict) else ()


def _held_by_function(function: Any) -> Iterator[tuple[str, Any]]:
    """What a function (of a Lambda layer, say) holds: its closure, and the layers and variables it names."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".<{name}>", cell.cell_contents
        except ValueError:
            continue
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if value is not None and (_is_module(value) or _is_variable(value)):
            yield f".<{name}>", value


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bytes, int, float, complex, bool, type))
