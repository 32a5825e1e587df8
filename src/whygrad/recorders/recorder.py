"""What a recorder is, and what it hands over: the seam between the frameworks and the rest."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whygrad.graph import GradientSeen, Graph

if TYPE_CHECKING:
    from whygrad.watching.watch import Watch


@dataclass(frozen=True, slots=True)
class Asked:
    """One gradient request, as it was answered.

    Attributes:
        framework, api: who was asked, by which call.
        site: identity of the place in the code; the same site again means a new step.
        paths: the name of each source, the same over all steps.
        seen: what came back for each source.
        error: what the request raised.
        nested: another recording is still open around this request, so that the step goes on.
        measured: whether it was looked at what the gradients are worth.
        traced: ``present`` says that there is a way; what came along it is not known (yet).
        graph: builds the Graph; valid only until the sink returns. ``None`` while not recording.
        times: as how many requests like it this one counts, each of which served everything.
    """

    framework: str
    api: str
    site: Hashable
    paths: tuple[str, ...]
    seen: tuple[GradientSeen, ...]
    error: str | None
    nested: bool
    graph: Callable[[], Graph] | None
    measured: bool = False
    traced: bool = False
    times: int = 1


class Sink(Protocol):
    """Where a recorder reports to."""

    def asked(self, request: Asked) -> None:
        """A gradient was asked for and answered."""

    def told(self, graph: Graph) -> None:
        """Facts that no request shows, as a Graph of their own (a model fitted without the layers thawed since)."""

    def came_round(self, function: Hashable = None) -> None:
        """A step is over.

        Args:
            function: the compiled training step that has run again; ``None`` where it is over for another reason.
        """

    def fault(self, framework: str, error: BaseException) -> None:
        """Something inside the recorder failed; it has switched itself off."""


class Recorder(Protocol):
    """Listens to one framework."""

    framework: str

    def start(self, sink: Sink) -> None:
        """Begin to record."""

    def rest(self) -> None:
        """Remove every hook but the watch on gradient requests."""

    def wake(self) -> None:
        """Record again, from the next request on."""

    def watch(self, watch: Watch) -> None:
        """Measure gradients and updates until the end of the run; called before ``start``."""

    def finish(self, error: str | None) -> None:
        """The script has ended, in this error (``Type: message``): tell the sink what is still pending."""

    def stop(self) -> None:
        """Remove every hook."""

    def versions(self) -> dict[str, str]:
        """Name and version of the packages listened to."""
