"""An operation in parts: where some output does not read some input that another output reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whygrad.graph import Barrier
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.log import Ran


@dataclass(frozen=True, slots=True)
class Part:
    """The outputs of an operation that read the same inputs, by position."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def moved(self, barriers: Sequence[Barrier]) -> list[Barrier]:
        """The barriers between these inputs and outputs, in the positions that they have here."""
        return [
            replace(b, input=self.inputs.index(b.input), output=self.outputs.index(b.output))
            for b in barriers
            if b.input in self.inputs and b.output in self.outputs
        ]


def independent(entry: Ran, name: str, inputs: int, outputs: int) -> list[Part]:
    """An operation in parts, where some output does not read some input that another output reads."""
    everything = tuple(range(inputs))
    if outputs < 2:
        return [Part(everything, tuple(range(outputs)))]
    if name in ops.PARALLEL and inputs == outputs:
        return [Part((i,), (i,)) for i in everything]
    cut = entry.cut or frozenset()
    read = [tuple(i for i in everything if (i, o) not in cut or not _reads(cut, i, outputs)) for o in range(outputs)]
    return [Part(one, tuple(o for o in range(outputs) if read[o] == one)) for one in dict.fromkeys(read)]


def _reads(cut: frozenset[tuple[int, int]], i: int, outputs: int) -> bool:
    """Whether autograd has a way from some output back to an input."""
    return any((i, o) not in cut for o in range(outputs))
