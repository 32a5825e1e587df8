"""The operations whose derivative is not finite at some values, and what to say of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad.causes.alive.birth import Birth, name_of, tell
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.finding import Proof
from whygrad.ways import Edge

_ROOT = Words(
    "the derivative of `{code}` is infinite at zero",
    "infinite slope at zero",
    "add a small constant under the root or norm: `sqrt(x + eps)`",
)
_POLE = Words(
    "`{code}` divides by zero, or nearly so",
    "a zero in the denominator",
    "add a small constant to the denominator, or replace the zeros in it before the division",
)
_LOG = Words(
    "`{code}` takes the logarithm of zero, or of something negative",
    "no finite slope at zero",
    "clamp the input from below, or compute the loss from logits (`log_softmax`, `logsigmoid`)",
)
_OVERFLOW = Words(
    "`{code}` overflows", "infinite at these values", "subtract the largest value first, or clamp the input"
)
_EMPTY = Words(
    "a row of `{code}` has nothing to choose from",
    "a row with every entry masked",
    "leave at least one entry of each row unmasked, or mask with a large negative number instead of -inf",
)
_SPREAD = Words(
    "`{code}` has no derivative where all its values are equal",
    "no spread, no slope",
    "add a small constant, or do not normalise a constant input",
)
_WHERE = Words(
    "`where` does not protect from `{code}`: the branch that is not taken has an infinite derivative, and "
    "0 * inf is NaN",
    "computed for the elements that are not taken too",
    "replace the bad inputs before this operation too: `where(ok, x, 1.0)` inside and out",
)

_INDEFINITE = Words(
    "`{code}` is given a matrix that is not positive definite",
    "not a number for such a matrix",
    "add a small multiple of the identity to the matrix, and look at what makes it indefinite",
)
_BEGINS = Words(
    "the loss itself is not finite, and that begins in `{code}`",
    "finite numbers come in, and what comes out is not finite",
    "keep what comes in where the result is finite: a lower bound, a smaller learning rate, smaller first weights",
)

_HIDDEN = Words(
    "`{code}` makes NaN in some elements; the loss leaves those out, and 0 * NaN is NaN on the way back",
    "what comes in is a number, and what comes out is none",
    "give it something that it can compute with in every element, also in those that are not used: a row in which "
    "all is masked with -inf has no softmax",
)

_WAYS: Mapping[str, Words] = {
    name: words
    for names, words in (
        (
            "sqrt rsqrt norm linalg_norm linalg_vector_norm vector_norm matrix_norm frobenius_norm cdist pdist "
            "pairwise_distance normalize cosine_similarity pow rpow euclideannorm prod cumprod",
            _ROOT,
        ),
        ("div true_divide rdiv rtruediv truediv reciprocal realdiv divnonan inv integer_pow", _POLE),
        ("log log2 log10 log1p xlogy logit binary_cross_entropy lgamma digamma", _LOG),
        ("cholesky cholesky_ex linalg_cholesky linalg_cholesky_ex", _INDEFINITE),
        ("exp expm1 sinh cosh tan", _OVERFLOW),
        ("softmax log_softmax logsumexp scaled_dot_product_attention logsoftmax", _EMPTY),
        (
            "std std_mean var layer_norm group_norm batch_norm acos asin arccos arcsin atan2 acosh atanh erfinv "
            "linalg_svd svd linalg_eigh eigh linalg_inv inverse linalg_det logdet",
            _SPREAD,
        ),
    )
    for name in names.split()
}

_CHOOSES = frozenset(("where", "select", "selectv2", "select_n", "masked_fill", "maximum", "minimum"))
# What may stand between, in which each element stays by itself; and how many of them.
_ELEMENTWISE = frozenset(
    "mul multiply __mul__ __rmul__ neg __neg__ negative add addv2 __add__ sub __sub__ square".split()
)
_FAR = 4
# How the place of an element begins that is none.
_NO_NUMBER = "nan"


_BACKWARD = "what came back to this operation was finite, and what it gave not"
_LEFT_OUT = (
    "measured in the forward pass: NaN begins here, and an operation that is given it hands back what is not finite"
)
_FORWARD = "measured in the forward pass: what this operation was given was finite, and what it gave not"


def forward(case: Case) -> Explanation | None:
    """The forward pass itself stops being finite, on the way to a loss that is not finite either."""
    first = _first_break(case)
    if first is None:
        return None
    told = tell(Birth(case, first, (first,)), _WAYS.get(name_of(case, first), _BEGINS))
    told = replace(told, proof=Proof("structural", True, _FORWARD))
    return _at_point(case, told, "its result", first.sink)


def hidden(birth: Birth) -> Explanation | None:
    """Numbers of the forward pass that are none and that the loss leaves out: what comes back to them is."""
    graph, flow = birth.case.graph, birth.case.flow
    spoiled = [v for v, point in graph.points.items() if point.startswith(_NO_NUMBER) and graph.value_op[v] >= 0]
    met = [v for v in spoiled if set(flow.forward([v], barriers=False)) & set(graph.inputs(birth.edge.op))]
    first = min(met, key=graph.value_op.__getitem__, default=None)
    if first is None or not graph.inputs(graph.value_op[first]):
        return None
    op = graph.value_op[first]
    told = tell(Birth(birth.case, Edge(graph.inputs(op)[0], op, first, None), ()), _HIDDEN)
    return _at_point(birth.case, replace(told, proof=Proof("structural", True, _LEFT_OUT)), "its result", first)


def pole(birth: Birth) -> Explanation | None:
    """An operation that is given finite numbers on the way back, and gives others."""
    words = _WAYS.get(birth.name)
    if words is None:
        return None
    told = tell(birth, _WHERE if _is_chosen_among(birth.case, birth.edge) else words, _BACKWARD)
    return _at_point(birth.case, told, "its input", birth.edge.source)


def _at_point(case: Case, told: Explanation, what: str, value: int) -> Explanation:
    """With the element that does it, where that is known."""
    point = case.graph.points.get(value)
    return told if point is None else replace(told, notes=(f"{what} is {point}",))


def _first_break(case: Case) -> Edge | None:
    """Where the forward pass itself stops being finite, on the way to a loss that is not finite either."""
    graph = case.graph
    for value in sorted(graph.breaks, key=graph.value_op.__getitem__):
        op = graph.value_op[value]
        if op >= 0 and case.flow.influences(value) and graph.inputs(op):
            edge = Edge(graph.inputs(op)[0], op, value, None)
            if name_of(case, edge) in _WAYS or value in graph.points:
                return edge
    return None


def _is_chosen_among(case: Case, edge: Edge) -> bool:
    """Whether all that comes of the operation's result, element by element, goes into one that takes some elements."""
    graph, flow, value = case.graph, case.flow, edge.sink
    for _ in range(_FAR):
        readers = [op for op in flow.readers(value) if any(flow.carries(made) for made in graph.outputs(op))]
        names = {graph.op(op).name.lower() for op in readers}
        if len(readers) != 1 or not names <= _ELEMENTWISE:
            return bool(readers) and names <= _CHOOSES
        value = graph.outputs(readers[0])[0]
    return False
