"""What is to learn: parameters, what happened to them, and the layers that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whygrad.graph.operations import NOWHERE, Shape
from whygrad.span import Span

GradientSeen = Literal["none", "zero", "nonfinite", "present", "unknown"]
EventKind = Literal[
    "made",
    "held",
    "frozen",
    "thawed",
    "hooked",
    "spoiled",
    "replaced",
    "written",
    "updated",
    "zeroed",
    "kept",
    "unlisted",
    "renewed",
    "chosen",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a parameter.

    ``held``: the optimizer that asks for it was made there; ``hooked``: a function of the script's has last changed the
    gradient that arrived; ``spoiled``: the loss is not finite, and no operation that was measured makes it so.
    ``zeroed``: its gradient was cleared before anybody applied it; ``kept``: it had a gradient, and an optimizer left
    it as it was, for the reason that ``detail`` is; ``unlisted``: a request whose loss depends on
    it was given an empty list; ``renewed``: the script makes another in its place in each forward pass; ``chosen``: the
    request was told there to ask for it, and not for one of the same build that ``detail`` names. ``part`` tells
    which part of what a call hands back it is about, ``note`` what else is known.
    """

    kind: EventKind
    span: Span | None
    detail: str = ""
    part: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A source of the request, or a trainable variable that the forward pass read.

    Attributes:
        path: the name the user knows; ``written``: how the script writes it, where that differs (``params['w']``).
        value: the value id that stands for it; ``NOWHERE`` if it was never met while recording.
        asked: a source of this request; ``trainable``: by default; ``born_frozen``: it never was trainable.
        is_variable: a variable of the framework, not a plain tensor.
        watched: the request's tape follows it; ``gradient``: what the framework handed back.
        owner: path of the layer that holds it; ``holder``: how the user reaches it (``net.mix.gate``).
        tracked: its model lists it among its own parameters (``None``: not known).
        in_model: it can be reached from a model, not only from a list of variables (``None``: not known).
        history: in the order of happening.
        awaited: a wrapper around the model waits for its gradient, and the framework raises in the next step without
            (``False``: the wrapper is told to do without; ``None``: there is none).
    """

    path: str
    shape: Shape | None
    dtype: str
    value: int = NOWHERE
    asked: bool = True
    trainable: bool = True
    born_frozen: bool = False
    is_variable: bool = True
    watched: bool = True
    gradient: GradientSeen = "unknown"
    owner: str | None = None
    holder: str | None = None
    tracked: bool | None = None
    in_model: bool | None = None
    history: tuple[Event, ...] = ()
    awaited: bool | None = None
    written: str = ""

    @property
    def name(self) -> str:
        """What it is called before the user."""
        return self.written or self.path

    def made(self) -> Span | None:
        """Where it was created, if that was seen."""
        return self.place_of("made")

    def place_of(self, kind: EventKind) -> Span | None:
        """Where something of this kind happened to it first."""
        return next((e.span for e in self.history if e.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer or module that the script made.

    Attributes:
        path: as in ``Op.scope``.
        made: where the script made it.
        forward: the range of the source of its forward function, where the user wrote one.
        attribute: the attribute of its parent that holds it; ``parent``: the parent's path.
        called: where it was called in this request's window, in order.
    """

    path: str
    made: Span | None = None
    forward: Span | None = None
    attribute: str | None = None
    parent: str | None = None
    called: tuple[Span, ...] = ()
