"""Writes a program as source text, with a dialect's words, and remembers the lines on which a fault stands.

A line of a dialect that ends in ``#: cause, cause`` is where the fault may be said to be; the mark is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from agreement.grammar import Act, Fork, Guard, Layer, Nest, Planted, Program, Repeat, Residual

MARK = "#: "
MARK_OF_LACKING = f"  {MARK}not-called"
# How a room's own functions call it.
OWNER = "self"


@dataclass(frozen=True, slots=True)
class Script:
    """A program's text.

    Attributes:
        marks: (cause, line) of every accepted reading of the planted fault.
    """

    text: str
    marks: frozenset[tuple[str, int]]


@dataclass(slots=True)
class Room:
    """A class of the program: what it makes, its functions, and whether its forward pass is to call something more."""

    name: str
    makes: list[str] = field(default_factory=list)
    functions: list[list[str]] = field(default_factory=list)
    lacking: bool = False

    def forward(self, head: str) -> str:
        """The head of its forward function; one that leaves a layer out may be blamed for that."""
        return f"    {head}{MARK_OF_LACKING if self.lacking else ''}"


class Writer:
    """The parts of one text; ``dialect`` is a module of ``agreement.dialects``."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.numbers = count(1)
        self.rooms: list[list[str]] = []
        self.tops: list[list[str]] = []

    def model(self, program: Program) -> None:
        """Write the model's class after those that it uses."""
        room = Room("Net")
        lines = self.body(program.body, room, OWNER)
        heads = [head(index)[0] for index in range(program.heads)]
        for name in heads:
            self.make(room, name, self.dialect.HEAD)
        outputs = ", ".join(self.call(OWNER, name, self.dialect.HEAD) for name in heads)
        self.close(room, [*lines, f"return {outputs}"], program.fault)

    def close(self, room: Room, lines: list[str], fault: str | None = None) -> None:
        if fault in self.dialect.MAKING_FAULTS:
            room.makes += self.dialect.MAKING_FAULTS[fault]
        self.rooms.append(self.dialect.room(room, lines))

    def make(self, room: Room, name: str, kind: str) -> None:
        room.makes.append(f"self.{name} = {self.dialect.LAYERS[kind].format(n=name)}")

    def call(self, owner: str, name: str, kind: str) -> str:
        return str(self.dialect.CALLS.get(kind, "{o}.{n}({h})").format(o=owner, n=name, h="h"))

    def body(self, nodes: tuple[Any, ...], room: Room, owner: str) -> list[str]:
        lines: list[str] = []
        for node in nodes:
            lines += _WRITES[type(node)](self, node, room, owner)
        return lines

    def layer(self, node: Layer, room: Room, owner: str) -> list[str]:
        name = f"{node.kind}{next(self.numbers)}"
        self.make(room, name, node.kind)
        called = self.call(owner, name, node.kind)
        return [f"h = {self.dialect.ACTS[node.act].format(h=called) if node.act else called}"]

    def act(self, node: Act, room: Room, owner: str) -> list[str]:
        return [f"h = {self.dialect.ACTS[node.kind].format(h='h')}"]

    def residual(self, node: Residual, room: Room, owner: str) -> list[str]:
        kept = f"kept{next(self.numbers)}"
        return [f"{kept} = h", *self.body(node.body, room, owner), f"h = h + {kept}"]

    def fork(self, node: Fork, room: Room, owner: str) -> list[str]:
        number = next(self.numbers)
        start, left = f"start{number}", f"left{number}"
        return [
            f"{start} = h",
            *self.body(node.left, room, owner),
            f"{left} = h",
            f"h = {start}",
            *self.body(node.right, room, owner),
            f"h = {self.dialect.JOINS[node.join].format(a=left, b='h')}",
        ]

    def repeat(self, node: Repeat, room: Room, owner: str) -> list[str]:
        return [f"for _ in range({node.turns}):", *indented(self.body(node.body, room, owner))]

    def guard(self, node: Guard, room: Room, owner: str) -> list[str]:
        return ["if h.shape[-1] > 1:", *indented(self.body(node.body, room, owner))]

    def nest(self, node: Nest, room: Room, owner: str) -> list[str]:
        number = next(self.numbers)
        if node.kind == "module":
            inner = Room(f"Block{number}")
            self.close(inner, [*self.body(node.body, inner, OWNER), "return h"])
            room.makes.append(f"self.block{number} = Block{number}()")
            return [f"h = {owner}.block{number}(h)"]
        if node.kind == "method":
            lines = [*self.body(node.body, room, OWNER), "return h"]
            room.functions.append([f"def part_{number}(self, h):", *indented(lines)])
            return [f"h = {owner}.part_{number}(h)"]
        lines = [*self.body(node.body, room, "net"), "return h"]
        self.tops.append([f"def part{number}(net, h):", *indented(lines)])
        return [f"h = part{number}({owner}, h)"]

    def planted(self, node: Planted, room: Room, owner: str) -> list[str]:
        number = next(self.numbers)
        plant = (self.dialect.FAULTS | self.dialect.HARMLESS)[node.kind]
        name = f"n{number}"
        room.makes += [line.format(n=name) for line in plant.makes]
        room.lacking = room.lacking or (not plant.lines and node.kind in self.dialect.FAULTS)
        if plant.top:
            self.tops.append([line.format(n=name) for line in plant.top])
        return [line.format(o=owner, n=name) for line in plant.lines]


_WRITES: dict[type, Callable[[Writer, Any, Room, str], list[str]]] = {
    Layer: Writer.layer,
    Act: Writer.act,
    Residual: Writer.residual,
    Fork: Writer.fork,
    Repeat: Writer.repeat,
    Guard: Writer.guard,
    Nest: Writer.nest,
    Planted: Writer.planted,
}


@dataclass(frozen=True, slots=True)
class Plant:
    """A statement: what its room must make for it, and what stands at the top of the text."""

    lines: tuple[str, ...]
    makes: tuple[str, ...] = ()
    top: tuple[str, ...] = ()


def class_of(place: Room, base: str, head: str, lines: list[str]) -> list[str]:
    """The class of a room that makes its parts in its constructor.

    Args:
        head: of its forward function; ``lines``: the body of that.
    """
    written = [
        f"class {place.name}({base}):",
        "    def __init__(self):",
        "        super().__init__()",
        *indented(indented(place.makes)),
        "",
        place.forward(head),
        *indented(indented(lines)),
    ]
    for function in place.functions:
        written += ["", *indented(function)]
    return written


def head(index: int) -> tuple[str, str]:
    """The name of an output layer, and of what it gives."""
    return f"head{index}", f"out{index}"


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else line for line in lines]


def write(dialect: Any, program: Program) -> Script:
    """The text of a program."""
    writer = Writer(dialect)
    writer.model(program)
    blocks = [*writer.tops, *writer.rooms]
    lines = [*dialect.IMPORTS, ""]
    for block in blocks:
        lines += ["", *block, ""]
    lines += ["", *dialect.training(program)]
    return marked(lines)


def marked(lines: list[str]) -> Script:
    """The text without its marks, and these."""
    text, marks = [], set()
    for number, line in enumerate(lines, 1):
        kept, mark, causes = line.partition(MARK)
        text.append(kept.rstrip() if mark else line)
        if mark:
            marks.update((cause.strip(), number) for cause in causes.split(","))
    return Script("\n".join(text) + "\n", frozenset(marks))
