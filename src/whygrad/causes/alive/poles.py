"""The operations whose derivative is not finite at some values, and what to say of each."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from whygrad import source
from whygrad.causes.alive.birth import Birth, is_request, name_of, tell
from whygrad.causes.cause import Case, Explanation, chain_of, loss_span
from whygrad.causes.learning import weights
from whygrad.causes.words import Words, explained
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
_OVERFLOW = Words("`{code}` overflows", "infinite at these values", "subtract the largest value, or clamp the input")
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
_NEGATIVE = Words(
    "`{code}` takes the root of something negative",
    "a negative number has no root",
    "keep what comes in above zero (`softplus`, a lower bound)",
)
_EDGE = Words(
    "the derivative of `{code}` is infinite at the ends of its range",
    "infinite slope at the ends, and no value beyond them",
    "keep the input inside the range, by more than the precision of its type: `clamp(-1 + eps, 1 - eps)`",
)
_SINGULAR = Words(
    "`{code}` is given a matrix that has no inverse, or nearly so",
    "not finite for such a matrix",
    "add a small multiple of the identity to the matrix, and look at what makes it singular",
)
_EQUALS = Words(
    "the derivative of `{code}` is infinite where two of its values are equal",
    "two equal values, and their difference in the denominator",
    "use the values alone and not the vectors, or disturb the matrix a little",
)
_UNALIGNED = Words(
    "`{code}` is infinite where a target has no alignment with its input",
    "a target longer than its input allows",
    "leave such samples out, give the model more steps for them, or make the loss with `zero_infinity=True`",
)
_SPOILED = Words(
    "what `{code}` is given is not finite: the forward pass breaks before it",
    "not finite before it comes here",
    "look for where the values on the way to it stop being finite, from the first one on",
)
_OUTSIDE = Words(
    "the loss itself is not finite, and no operation that was looked at makes it so",
    "not finite here",
    "look at what goes in with `torch.isfinite`: the data, what is computed without a gradient, weights that have "
    "grown too large",
    "the loss was looked at, and so was what operations with a pole give on the way to it, if it is not too large",
    "warning",
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
_UNDEFINED = Words(
    "`{code}` gives NaN, since an infinite number goes into it",
    "0 * inf and inf - inf are NaN",
    "put a large finite number (such as `-1e9`) in the place of the infinite one, or choose by `where`",
)
_DATA = Words(
    "some of what `{code}` is given is NaN or infinite before anything is computed",
    "NaN or an infinite number comes in here",
    "look for it in the data (`np.isfinite(x).all()`), and fill it in or leave those rows out",
)
_FED = Words(
    "there is NaN or an infinite number in the data that is trained on",
    "the data that comes in here is not finite",
    "look for it (`np.isfinite(x).all()`, for the targets too), and fill it in or leave those rows out",
)

_FACTOR = Words(
    "`{code}` multiplies it by a number that is not finite, or too large",
    "the other factor is not finite, or makes the product too large for its dtype",
    "look at where the other factor comes from, and put a finite number in its place",
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
            "pairwise_distance normalize cosine_similarity atan2 pow rpow euclideannorm prod cumprod",
            _ROOT,
        ),
        ("div true_divide rdiv rtruediv truediv reciprocal realdiv divnonan inv integer_pow", _POLE),
        ("log log2 log10 log1p xlogy logit binary_cross_entropy lgamma digamma", _LOG),
        ("cholesky cholesky_ex linalg_cholesky linalg_cholesky_ex", _INDEFINITE),
        ("exp expm1 sinh cosh tan", _OVERFLOW),
        ("softmax log_softmax logsumexp scaled_dot_product_attention logsoftmax", _EMPTY),
        ("std std_mean var layer_norm group_norm batch_norm", _SPREAD),
        ("ctc_loss ctcloss", _UNALIGNED),
        ("acos asin arccos arcsin acosh atanh erfinv", _EDGE),
        ("linalg_svd svd linalg_eigh eigh", _EQUALS),
        ("linalg_inv inverse linalg_det logdet", _SINGULAR),
    )
    for name in names.split()
}

# Roots: NaN below zero, and at zero infinite, or not to be derived.
_ROOTS = frozenset(("sqrt", "rsqrt", "pow"))
_CHOOSES = frozenset(("where", "select", "selectv2", "select_n", "masked_fill"))
# What may stand between, in which each element stays by itself; and how many of them.
_ELEMENTWISE = frozenset(
    "mul multiply __mul__ __rmul__ neg __neg__ negative add addv2 __add__ sub __sub__ square".split()
)
_FAR = 4
# What they give of finite numbers may be too large, and is never NaN.
_OF_INFINITE = frozenset("mul multiply sub add addv2 addn".split())
_PRODUCTS = frozenset(("mul", "multiply"))
# How the place of an element begins that is no number, in lower case.
_NO_NUMBER = "nan"
_BACKWARD = "what came back to this operation was finite, and what it gave not"
_ALONE = "what comes back around it was measured: it is the only operation in between with such a place"
_CAME_IN = "measured in the forward pass: it was not finite before any operation"
_NOT_NAN = "measured in the forward pass: nothing that this operation was given was NaN, and what it gave was"
_LEFT_OUT = (
    "measured in the forward pass: NaN begins here, and an operation that is given it hands back what is not finite"
)
_FORWARD = "measured in the forward pass: what this operation was given was finite, and what it gave not"


def forward(case: Case) -> Explanation | None:
    """The forward pass itself stops being finite, on the way to a loss that is not finite either."""
    first = _first_break(case)
    if first is None:
        return None
    birth = Birth(case, first, (first,))
    if first.source in case.graph.breaks:
        place = case.graph.op(first.op).span
        told = tell(birth, _FED if place is not None and is_request(case, place) else _DATA, at=place)
        return replace(told, proof=Proof("structural", True, _CAME_IN))
    undefined = _is_undefined(case, first)
    told = tell(birth, _UNDEFINED if undefined else _broken(birth))
    told = replace(told, proof=Proof("structural", True, _NOT_NAN if undefined else _FORWARD))
    return _at_point(case, told, "its result", first.sink)


def _broken(birth: Birth) -> Words:
    """What is said of an operation in the forward pass whose result is not finite."""
    if birth.name not in _ROOTS:
        return _WAYS.get(birth.name, _BEGINS)
    return _NEGATIVE if birth.name == "sqrt" or _is_nan(birth.case, birth.edge.sink) else _BEGINS


def _is_nan(case: Case, value: int) -> bool:
    """Whether an element of a value is known to be no number."""
    return case.graph.points.get(value, "").lower().startswith(_NO_NUMBER)


def hidden(birth: Birth) -> Explanation | None:
    """Numbers of the forward pass that are none and that the loss leaves out: what comes back to them is."""
    graph, flow = birth.case.graph, birth.case.flow
    spoiled = [v for v in graph.points if _is_nan(birth.case, v) and graph.value_op[v] >= 0]
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
    chosen = _is_chosen_among(birth.case, birth.edge)
    told = tell(birth, _WHERE if chosen else _SPOILED if _is_smooth(birth) else words, _BACKWARD)
    return _at_point(birth.case, told, "its input", birth.edge.source)


def factor(birth: Birth) -> Explanation | None:
    """A product that hands back what is not finite, and was handed finite numbers: it is the other factor."""
    return tell(birth, _FACTOR, _BACKWARD) if birth.name in _PRODUCTS else None


def from_outside(case: Case) -> Explanation:
    """A loss that is not finite for a reason that lies in what goes into it."""
    return explained(_OUTSIDE, loss_span(case.graph), chain_of(case))


def _is_smooth(birth: Birth) -> bool:
    """Whether it is a power with a number of 1 or more as its exponent: finite numbers have a finite slope there."""
    place = birth.case.graph.op(birth.edge.op).span
    node = source.node_at(place) if birth.name == "pow" and place is not None else None
    given = [node.right] if isinstance(node, ast.BinOp) else node.args if isinstance(node, ast.Call) else []
    value = getattr(given[-1], "value", None) if given else None
    return isinstance(value, (int, float)) and value >= 1


def unmeasured(case: Case) -> list[Edge]:
    """The operations with a pole of which nothing was measured: those in the body of a function, a loop or a branch."""
    graph, flow, value = case.graph, case.flow, case.parameter.value
    todo, found = [value] if graph.cotangents and value >= 0 else [], dict[int, Edge]()
    met = set(todo)
    for one in todo:  # grows on the way
        ahead = [(reader, v) for reader in flow.readers(one) for v in graph.outputs(reader) if flow.carries(v)]
        for op, made in ahead:
            edge, seen = Edge(one, op, made, None), graph.cotangents.get(made, "unknown")
            if seen == "nonfinite":
                return []  # it comes from beyond
            if seen == "unknown" and made not in met:
                met.add(made)
                todo.append(made)
            is_hidden = seen == graph.cotangents.get(one, "unknown") == "unknown" and name_of(case, edge) in _WAYS
            if is_hidden and not _is_smooth(Birth(case, edge, (edge,))):
                found.setdefault(op, edge)
    return list(found.values())


def suspected(case: Case, edges: Sequence[Edge]) -> Explanation | None:
    """The one operation with a pole that was not measured; of several it is not known which."""
    if len(edges) != 1:
        return None
    told = tell(Birth(case, edges[0], edges), _WAYS[name_of(case, edges[0])])
    return replace(told, proof=Proof("inferred", True, _ALONE))


def _at_point(case: Case, told: Explanation, what: str, value: int) -> Explanation:
    """With the element that does it, where that is known."""
    point = case.graph.points.get(value)
    return told if point is None else replace(told, notes=(f"{what} is {point}",))


def _is_undefined(case: Case, edge: Edge) -> bool:
    """Whether an operation gives NaN that does so only where something infinite goes into it."""
    return _is_nan(case, edge.sink) and name_of(case, edge) in _OF_INFINITE


def _first_break(case: Case) -> Edge | None:
    """Where the forward pass itself stops being finite, on the way to a loss that is not finite either.

    What was not finite before anything was computed stands for itself, and the operation that reads it is its place.
    """
    graph, flow = case.graph, case.flow
    for value in sorted(graph.breaks, key=graph.value_op.__getitem__):
        op = graph.value_op[value]
        if op < 0 or not graph.inputs(op):
            readers = [one for one in flow.readers(value) if any(map(flow.influences, graph.outputs(one)))]
            if readers and value not in weights(flow):
                return Edge(value, readers[0], graph.outputs(readers[0])[0], None)
        elif flow.influences(value):
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
