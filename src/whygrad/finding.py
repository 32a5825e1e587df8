"""What whygrad says: findings and the report that holds them. Frozen, self-contained, no graph behind them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from whygrad.span import Span

Severity = Literal["error", "warning", "note"]
Gradient = Literal["none", "zero", "nonfinite", "present"]
ProofKind = Literal["counterfactual", "structural", "inferred"]


@dataclass(frozen=True, slots=True)
class Label:
    """Words under a range of the code frame: what is wrong *there*.

    The first label of a finding is the primary one (carets); the others are secondary (dashes).
    """

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the way from a parameter to the loss."""

    role: Literal["parameter", "through", "cut", "loss"]
    text: str
    where: Span | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of one range of a file; lines and columns from 1, the end exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What to change, and the mechanical edits where they are safe."""

    summary: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """Why the finding is to be believed; ``kind`` is explained in the report's schema."""

    kind: ProofKind
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class Affected:
    """A parameter as a finding names it.

    Attributes:
        path: the name the user knows it by; ``written``: how the script writes it, where that differs.
        shape: its dimensions, ``None`` for an unknown one; ``None`` altogether if the rank is unknown.
        dtype: the framework's name of its type (``float32``).
        gradient: what the framework handed back for it.
    """

    path: str
    shape: tuple[int | None, ...] | None
    dtype: str | None
    gradient: Gradient = "none"
    written: str = ""

    @property
    def name(self) -> str:
        """What it is called before the user."""
        return self.written or self.path


@dataclass(frozen=True, slots=True)
class Headline:
    """What a title is made of beside the names of the parameters.

    Attributes:
        one: how one parameter fared (``gets no gradient``); ``several``: the same of more than one.
        reason: why, after the colon.
    """

    one: str
    several: str
    reason: str

    def of(self, names: Sequence[str]) -> str:
        """The title for these parameters."""
        return f"{listed(names)} {self.one if len(names) == 1 else self.several}: {self.reason}"


def listed(names: Sequence[str]) -> str:
    """Names as a headline gives them: all of up to three, else two and a count."""
    each = [f"`{name}`" for name in names]
    if len(each) > 3:
        return f"{each[0]}, {each[1]} and {len(each) - 2} more parameters"
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} and {each[-1]}"


@dataclass(frozen=True, slots=True)
class Steps:
    """Over how many steps the finding was judged."""

    seen: int = 1
    without_gradient: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause at one place, with every parameter behind it.

    Attributes:
        cause: an id of ``whygrad.causes``, or ``unexplained``.
        title: the headline; stands alone, lower case, no full stop, no advice.
        culprit: the place that the cause blames; ``None`` where it is not known.
        labels: the code frame, primary label first.
        chain: the way from a parameter over the cut to the loss.
        notes: facts, one sentence each.
        fix: what to change, shown as help.
        wrong_cures: popular cures that do not help here, one sentence each.
        unasked: no request asked for the parameters' gradients, and that is the fault.
        penalised: the parameters do get a gradient, from a weight penalty alone.
        doubtful: another step may show that it was so in this one alone.
        partly: the parameters do get a gradient, from other terms of the loss.
        headline: what the title is made of, where other parameters may come or go.
        awaited: the framework raises in the next step for want of these gradients, whatever other steps bring.
        raised: what the framework raised instead of giving these gradients, as ``Type: message``.
    """

    cause: str
    severity: Severity
    title: str
    parameters: tuple[Affected, ...]
    culprit: Span | None
    labels: tuple[Label, ...] = ()
    chain: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None
    wrong_cures: tuple[str, ...] = ()
    proof: Proof | None = None
    request: str | None = None
    steps: Steps = Steps()
    ranks: tuple[int, ...] = (0,)
    penalised: bool = False
    doubtful: bool = False
    partly: bool = False
    unasked: bool = False
    headline: Headline | None = None
    awaited: bool = False
    raised: str | None = None

    @property
    def identity(self) -> Hashable:
        """What two tellings of the same fault have in common: the cause and the place, or the title without one."""
        place = self.culprit.place() if self.culprit is not None else self.title
        return self.cause, place, self.penalised, self.partly

    def joined(self, other: Finding) -> Finding:
        """The same finding with the parameters of another telling besides."""
        paths = {parameter.path for parameter in self.parameters}
        return self.of(self.parameters + tuple(p for p in other.parameters if p.path not in paths))

    def of(self, parameters: tuple[Affected, ...]) -> Finding:
        """The same finding for other parameters, its title included."""
        names = [parameter.name for parameter in parameters]
        title = self.headline.of(names) if self.headline is not None and names else self.title
        return replace(self, parameters=parameters, title=title)


@dataclass(frozen=True, slots=True)
class Counts:
    """How the parameters of a request fared."""

    total: int = 0
    with_gradient: int = 0
    without_gradient: int = 0
    zero: int = 0
    nonfinite: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One place in the script that asks for gradients, over all the times it did.

    Attributes:
        id: ``R1``, ``R2`` ... in the order of first sight.
        api: the call that asked, as the user writes it (``tf.GradientTape.gradient``).
        count: how often it was seen; ``recorded``: how many of these were recorded in full.
    """

    id: str
    api: str
    where: Span | None
    count: int
    recorded: int
    parameters: Counts


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run of a script yields.

    Attributes:
        argv: the script and its arguments.
        status: the script's own exit status; ``None`` while it still runs.
        error: the exception the script ended in, as ``Type: message``.
        frameworks: name to version, of those that were asked for gradients; of all that were imported where none was.
        frozen: how many parameters are frozen on purpose.
        notes: what else the reader should know, one sentence each.
    """

    version: str
    argv: tuple[str, ...]
    status: int | None
    error: str | None
    frameworks: Mapping[str, str] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    findings: tuple[Finding, ...] = ()
    frozen: int = 0
    notes: tuple[str, ...] = ()
