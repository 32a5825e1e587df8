"""What gradients are worth, and what came back on the way to them.

A backward pass is asked for more than the script asked: for tensors in between, known by their ids alone. TensorFlow
computes those cotangents anyway, so nothing is computed twice; they are kept until the request is told, and looked at
only where a parameter's gradient is zero or not finite. Around operations whose derivative has a pole they are asked
for whenever something is recorded, since after one step with a NaN every number is one; around all others once a
gradient has been zero for some steps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from whygrad.graph import GradientSeen
from whygrad.recorders.tensorflow.log import Made
from whygrad.recorders.tensorflow.ops import trainable
from whygrad.recorders.tensorflow.origins import BROKEN, Origins, content
from whygrad.recorders.tensorflow.parameters import Source

# Their derivative is not finite, or 0 * inf, at some point.
POLES = frozenset(
    "Sqrt Rsqrt Pow Div RealDiv DivNoNan Reciprocal Inv Log Log1p Xlogy Xlog1py Xdivy EuclideanNorm Prod Cumprod Exp "
    "Expm1 Sinh Cosh Tan Acos Asin Acosh Atanh Atan2 Erfinv Ndtri Lgamma Digamma Softmax LogSoftmax Svd "
    "SelfAdjointEigV2 MatrixInverse MatrixDeterminant LogMatrixDeterminant Cholesky MatrixSolve "
    "SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits SqrtGrad RsqrtGrad ReciprocalGrad "
    "InvGrad".split()
)
# A gradient that is zero in one step may be so by chance; after this many in a row it is looked at.
ZERO_STEPS = 2
ZERO_STEPS_OF_ALL = 1  # where all of a request are zero, nothing moves that might change that
MOST_TENSORS = 20_000
_TOLD = ("zero", "nonfinite")


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor that is known by its id; TensorFlow asks no more of a source."""

    _id: int


class Between(NamedTuple):
    """What a backward pass gave for tensors in between."""

    ids: Sequence[int] = ()
    cotangents: Sequence[Any] = ()


class Values:
    """Measures what sources get, and cotangents.

    Attributes:
        zeros: ids of tensors that were zero in every element.
        origins: the tensors that are not finite, and where that began.
        everything: whether every operation is measured.
        latest: what the last backward pass gave in between; it holds tensors, and is let go when the request is told.
    """

    def __init__(self) -> None:
        self.zeros: set[int] = set()
        self.origins = Origins()
        self.everything = False
        self.latest = Between()
        self._wanted: deque[int] = deque(maxlen=MOST_TENSORS)
        self._streaks: dict[int, int] = {}

    def clear(self) -> None:
        """Forget everything but for how many steps gradients have been zero."""
        self.zeros.clear()
        self.origins.clear()
        self._wanted.clear()
        self.latest = Between()
        self.everything = False

    def note(self, inputs: Iterable[Any], made: Iterable[Made]) -> None:
        """An operation ran eagerly, and what comes back to it matters."""
        for tensor in inputs:
            if trainable(tensor._datatype_enum()):
                self._wanted.append(tensor._id)
                if self.everything and worth(tensor) == "zero":
                    self.zeros.add(tensor._id)
        self._wanted.extend(m.id for m in made if trainable(m.dtype))

    def looked_at(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """An operation ran eagerly that has a pole, or was given what is not finite: whether its result is."""
        held = [(tensor._id, content(tensor)) for tensor in outputs]
        spoiled = any(holds != "finite" for _, holds in held)
        known = self.origins.states
        if spoiled and not any(content(t) in BROKEN for t in inputs if t._id not in known):
            self.origins.ran([tensor._id for tensor in inputs], held)

    def between(self, symbolic: Any) -> list[Known]:
        """The tensors in between of the backward pass that begins now.

        Args:
            symbolic: the graph that it is built in; ``None`` when executing eagerly.
        """
        if symbolic is None:
            return [Known(number) for number in dict.fromkeys(self._wanted)]
        return [
            Known(tensor._id)
            for op in symbolic.get_operations()
            for tensor in op.outputs
            if tensor.dtype.is_floating and op.type not in ("Placeholder", "Const")
        ]

    def given(self, wanted: Sequence[Known], cotangents: Sequence[Any]) -> None:
        """The backward pass is over."""
        self.latest = Between([one._id for one in wanted], cotangents)

    def told(self, around: bool) -> None:
        """The request has been told: let go of its tensors.

        Args:
            around: whether a tape around it is open, to which they still matter.
        """
        self.latest = Between()
        if not around:
            self._wanted.clear()

    def judged(self, sources: Sequence[Source], answers: Sequence[Any]) -> tuple[GradientSeen, ...]:
        """What the answers are worth; a zero counts after some steps of them."""
        worths = [worth(a) if s.seen == "present" else s.seen for s, a in zip(sources, answers, strict=True)]
        of_all = all(now == "zero" for source, now in zip(sources, worths, strict=True) if source.seen == "present")
        fewest = ZERO_STEPS_OF_ALL if of_all else ZERO_STEPS
        return tuple(
            self._steady(source, now, fewest) if source.seen == "present" else now
            for source, now in zip(sources, worths, strict=True)
        )

    def still(self, sources: Sequence[Source], answers: Sequence[Any]) -> tuple[GradientSeen, ...]:
        """The same when nothing is recorded: only what was zero before is looked at again."""
        if not self._streaks:
            return tuple([source.seen for source in sources])
        return tuple(
            worth(answer) if source.seen == "present" and self._was_zero(source) else source.seen
            for source, answer in zip(sources, answers, strict=True)
        )

    def _was_zero(self, source: Source) -> bool:
        return source.number is not None and self._streaks.get(source.number, 0) > ZERO_STEPS

    def cotangents(self, seen: Iterable[GradientSeen]) -> Mapping[int, GradientSeen]:
        """Tensor id to what came back to it, where some source got something useless."""
        if not any(one in _TOLD for one in seen):
            return {}
        pairs = zip(self.latest.ids, self.latest.cotangents, strict=True)
        return {number: worth(cotangent) for number, cotangent in pairs if cotangent is not None}

    def _steady(self, source: Source, now: GradientSeen, fewest: int) -> GradientSeen:
        number = source.number
        if now != "zero":
            self._streaks.pop(number if number is not None else -1, None)
            return now
        if number is None or not source.is_variable:
            return "unknown"
        count = self._streaks[number] = self._streaks.get(number, 0) + 1
        if count >= fewest:
            self.everything = True
        return "zero" if count > fewest else "unknown"


def worth(answer: Any) -> GradientSeen:
    """Zero in every element, not finite in some, or neither; ``present`` where it can not be looked at."""
    import numpy

    values = getattr(answer, "values", answer)
    if values is None:
        return "none"
    if not hasattr(values, "_numpy_internal") or not values.dtype.is_floating:
        return "present"
    return worth_of(numpy.asarray(values._numpy_internal()))


def worth_of(array: Any) -> GradientSeen:
    """The same of an array."""
    import numpy

    if not array.size:
        return "unknown"
    with numpy.errstate(all="ignore"):
        total = float(array.sum(dtype=numpy.float32))  # by far the cheapest look, and it settles nearly every case
        if not math.isfinite(total):
            return "present" if bool(numpy.isfinite(array).all()) else "nonfinite"
        return "present" if total or bool((array != 0).any()) else "zero"
