"""What a program is made of: frozen nodes, the same for every framework, and Hypothesis strategies that draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with parameters of its own; ``act`` is written around its call."""

    kind: str
    act: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    kind: str


@dataclass(frozen=True, slots=True)
class Residual:
    body: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fork:
    """Two ways from one value, joined again."""

    left: tuple[Any, ...]
    right: tuple[Any, ...]
    join: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """A loop whose turns share the weights."""

    turns: int
    body: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Nest:
    """The body stands in a ``module``, ``method`` or ``function`` of its own."""

    kind: str
    body: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """A branch of Python's that is taken."""

    body: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Planted:
    """A statement of a dialect's tables of faults or of look-alikes."""

    kind: str


@dataclass(frozen=True, slots=True)
class Program:
    """A model and the script that trains it.

    Attributes:
        fault: the fault planted, ``None`` in a healthy program.
        extras: look-alikes of the training loop.
    """

    body: tuple[Any, ...]
    heads: int = 1
    training: str = ""
    optimizer: str = ""
    steps: int = 2
    wrapped: bool = False
    seed: int = 0
    fault: str | None = None
    extras: tuple[str, ...] = ()


# The kinds of ``Nest``.
NESTS = ("function", "method", "module")
NESTED = (Residual, Fork, Repeat, Nest, Guard)


def slots(body: Sequence[Any]) -> int:
    """In how many places a statement can be put into a body."""
    return len(body) + 1 + sum(slots(part) for node in body for part in _parts(node))


def insert(body: tuple[Any, ...], place: int, node: Any) -> tuple[Any, ...]:
    """The body with a node put into one of its places, counted from the outside in."""
    if place <= len(body):
        return (*body[:place], node, *body[place:])
    place -= len(body) + 1
    for index, each in enumerate(body):
        for name in _names(each):
            part = getattr(each, name)
            if place < slots(part):
                return (*body[:index], replace(each, **{name: insert(part, place, node)}), *body[index + 1 :])
            place -= slots(part)
    raise IndexError(place)


def _names(node: Any) -> tuple[str, ...]:
    return ("left", "right") if isinstance(node, Fork) else ("body",) if isinstance(node, NESTED) else ()


def _parts(node: Any) -> list[tuple[Any, ...]]:
    return [getattr(node, name) for name in _names(node)]


def bodies(dialect: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Bodies of a healthy model, nested a few times."""
    acts = st.sampled_from(sorted(dialect.ACTS))
    layer = st.builds(Layer, st.sampled_from(sorted(dialect.LAYERS)), st.none() | acts)
    leaf = st.one_of(layer, layer, st.builds(Act, acts))

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        body = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Residual, body),
            st.builds(Fork, body, body, st.sampled_from(sorted(dialect.JOINS))),
            st.builds(Repeat, st.integers(2, 3), body),
            st.builds(Nest, st.sampled_from(NESTS), body),
            st.builds(Guard, body),
        )

    node = st.recursive(leaf, deeper, max_leaves=6)
    return st.tuples(layer, st.lists(node, max_size=4).map(tuple)).map(lambda drawn: (drawn[0], *drawn[1]))


@st.composite
def programs(draw: st.DrawFn, dialect: Any) -> Program:
    """Programs of a dialect: two in three with one fault, most with look-alikes."""
    body = draw(bodies(dialect))
    faulty = draw(st.integers(0, 2)) > 0
    fault = draw(st.sampled_from(sorted([*dialect.FAULTS, *dialect.TRAINING_FAULTS]))) if faulty else None
    if fault in dialect.FAULTS:  # behind the first layer, so that there is something to lose
        body = insert(body, draw(st.integers(1, slots(body) - 1)), Planted(fault))
    for kind in draw(st.lists(st.sampled_from(sorted(dialect.HARMLESS)), max_size=2)):
        body = insert(body, draw(st.integers(0, slots(body) - 1)), Planted(kind))
    program = Program(
        body,
        heads=draw(st.integers(1, 2)),
        training=draw(st.sampled_from(sorted(dialect.TRAININGS))),
        optimizer=draw(st.sampled_from(sorted(dialect.OPTIMIZERS))),
        steps=draw(st.integers(1, 3)),
        wrapped=draw(st.booleans()),
        seed=draw(st.integers(0, 99)),
        fault=fault,
        extras=tuple(draw(st.lists(st.sampled_from(sorted(dialect.EXTRAS)), max_size=3, unique=True))),
    )
    return dialect.settled(program)
