"""Who holds a variable: found by walking from the user's names through layers, modules and plain objects."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from whygrad.graph import Event
from whygrad.recorders.frames import Stack, is_user_file
from whygrad.recorders.keras import Layers
from whygrad.recorders.tensorflow.parameters import is_users_object, number_of
from whygrad.span import Span

if TYPE_CHECKING:
    from whygrad.recorders.tensorflow.assembly import Assembly

_MOST_OBJECTS = 20_000
_PRIVATE = ("_tracker", "_self_", "_obj_reference", "_inbound", "_outbound", "_metrics", "_optimizer", "optimizer")


@dataclass(frozen=True, slots=True)
class Owner:
    """How a variable is held.

    Attributes:
        path: as the user would write it (``net.mix.gate``).
        layer: the name of the layer or module nearest to it.
        tracked: that layer and the outermost one list the variable among their own.
    """

    path: str
    layer: str | None
    tracked: bool


class Owners:
    """The variables that can be reached from the user's frames."""

    def __init__(self, frame: FrameType | None, layers: Layers) -> None:
        self.layers = layers
        self.names: dict[int, str] = {}
        self._owners: dict[int, Owner] = {}
        self._keras: dict[int, Any] = {}
        self._walk(frame)

    def of(self, number: int) -> Owner | None:
        """Who holds the variable with that handle."""
        return self._owners.get(number)

    def keras_variable(self, number: int) -> Any:
        """The Keras variable around a ``tf.Variable``, if Keras made it."""
        return self._keras.get(number)

    def freezes(self, variable: Any, spans: Callable[[Stack], tuple[Span, ...]]) -> Iterator[Event]:
        """FROZEN and THAWED events of a variable, from assignments to its layers' ``trainable``."""
        for value, stack, name in self.layers.lives.freezes(variable):
            yield Event("thawed" if value else "frozen", spans(stack)[0], name)

    def birth_of_tensor(self, assembly: Assembly, value: int) -> Span | None:
        """Where a plain tensor that is a source was made."""
        return assembly.builder.span_of(value)

    def _walk(self, frame: FrameType | None) -> None:
        """Breadth first from objects, then from bare containers: `net.first.w` says more than `variables[0]`."""
        roots = [(name, value, None, None) for name, value in _roots(frame)]
        seen: set[int] = set()
        bare = (list, tuple, dict, set)
        for some in ([r for r in roots if not isinstance(r[1], bare)], [r for r in roots if isinstance(r[1], bare)]):
            self._search(deque(some), seen)

    def _search(self, queue: deque[tuple[str, Any, Any, Any]], seen: set[int]) -> None:
        while queue and len(seen) < _MOST_OBJECTS:
            path, value, root, nearest = queue.popleft()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if _is_variable(value):
                self._found(path, value, root, nearest)
                continue
            if _is_module(value):
                root, nearest = root if root is not None else value, value
                for own in _own_variables(value):
                    number = number_of(own)
                    if number is not None and hasattr(own, "path"):
                        self._keras.setdefault(number, own)
            for step, item in _children(value):
                queue.append((f"{path}{step}", item, root, nearest))

    def _found(self, path: str, variable: Any, root: Any, nearest: Any) -> None:
        number = number_of(variable)
        if number is None or number in self._owners:
            return
        self.names.setdefault(id(variable), path)
        tracked = root is None or any(number_of(own) == number for own in _own_variables(root))
        name = getattr(nearest, "name", None)
        self._owners[number] = Owner(path, str(name) if name is not None else None, tracked)


def _roots(frame: FrameType | None) -> list[tuple[str, Any]]:
    """What the calling frames hold: models and objects first, then containers; Keras' own ``self`` last."""
    users: list[tuple[str, Any]] = []
    keras: list[tuple[str, Any]] = []
    while frame is not None:
        user = is_user_file(frame.f_code.co_filename)
        for name, value in list(frame.f_locals.items()):
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
        for name, item in list(getattr(value, "__dict__", {}).items()):
            if not name.startswith(("__", *_PRIVATE)) and not _plain(item):
                yield f".{name.removeprefix('_')}", item
    elif callable(value) and getattr(value, "__closure__", None):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__, strict=True):
            try:
                yield f".<{name}>", cell.cell_contents
            except ValueError:
                continue


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bytes, int, float, complex, bool, type))
