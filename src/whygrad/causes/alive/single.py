"""A softmax over an axis of size one: whatever comes in, one choice has all the weight."""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.alive.birth import Birth, configured, made, name_of, tell
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.ways import Edge

_SOFTMAXES = frozenset(
    "softmax log_softmax logsoftmax cross_entropy nll_loss softmaxcrossentropywithlogits "
    "sparsesoftmaxcrossentropywithlogits".split()
)
# The parts of a softmax that is written out, of its logarithm, and of the cross entropy.
_PARTS = frozenset(("exp", "log", "sub", "div", "reduce_sum", "reduce_max", "neg", "mul"))
_QUOTIENTS = frozenset(("div", "realdiv", "truediv"))
# What passes nothing on at the end of its range, which the value 1 may be.
_LIMITS = frozenset("min max clamp clip clip_by_value clipbyvalue minimum maximum".split())
_ONES = "every value that comes out is 1, where `{}` behind it passes nothing on"
_WORDS = Words(
    "`{code}` runs over an axis of size one, so that its result is constant",
    "constant whatever comes in",
    "normalise over the axis that holds the choices, or use a sigmoid for a single one",
)
_SIGN = Words(
    "`{code}` scales to length 1 along an axis of size one, so that of each number only its sign is left",
    "1 or -1 whatever comes in",
    "normalise along the axis that holds the features, or leave it out",
)
_LESS_MEAN = frozenset(("layer_norm_1", "group_norm_1"))
_LENGTHS = ("norm", "normalize_1", "cosine_similarity_1")
# What a recorder says of a barrier where something is divided by its own length.
_LENGTH = "length"
# What makes one number of all that stand along an axis.
_REDUCES = frozenset("mean sum reduce_sum reduce_max max".split())
# Those of a mean that is taken away, and of the spread; a mean may be written out as a sum.
_CENTRED = frozenset("mean reduce_sum sub mul square squareddifference integer_pow convert_element_type".split())
_MEAN = Words(
    "`{code}` normalises over one entry at a time, where every number is its own mean, so that its result is constant",
    "constant whatever comes in",
    "normalise over more than one entry (another axis, fewer groups), or leave it out",
)


def known_by_shape(case: Case, kind: str) -> Explanation | None:
    """A softmax whose shapes alone told the recorder, which put a barrier of this kind there."""
    cuts = cut_by(case, kind)
    if not cuts:
        return None
    is_length = _LENGTH in cuts[0].barrier.detail
    words = _SIGN if is_length or _is_scaled(case, cuts[0].op) else _WORDS
    words = _MEAN if case.graph.op(cuts[0].op).name in _LESS_MEAN else words
    told = explain_cut(case, cuts, words, made(case, cuts[0].op, cuts[0].stack))
    return replace(told, severity="warning", doubtful=case.parameter.gradient != "zero")


def _is_scaled(case: Case, op: int) -> bool:
    """Whether an operation divides by a length, and not by a sum."""
    graph = case.graph
    divisors = (graph.value_op[value] for value in graph.inputs(op)[1:])
    names = [graph.op(one).name for one in (op, *divisors) if one >= 0]
    return any(name.endswith(_LENGTHS) for name in names)


def single(birth: Birth) -> Explanation | None:
    """A softmax as one operation."""
    is_one = birth.name in _SOFTMAXES and _is_over_one(birth)
    return tell(birth, _WORDS, at=configured(birth)) if is_one else None


def cancelled(birth: Birth) -> Explanation | None:
    """A softmax or a normalisation that is written out: its parts all read one value, and their shares cancel."""
    edges, names = birth.edges, {name_of(birth.case, edge) for edge in birth.edges}
    if len(edges) < 2 or not all(_is_over_one(Birth(birth.case, edge, edges)) for edge in edges):
        return None
    centred = names <= _CENTRED and ("mean" in names or {"reduce_sum", "sub"} <= names)
    softmax = names <= _PARTS and names & {"exp", "reduce_sum"} and len({edge.source for edge in edges}) == 1
    if not softmax and not centred:
        return None
    return tell(birth, _MEAN if centred else _WORDS, "what its parts give back adds up to nothing")


def behind_one(birth: Birth) -> Explanation | None:
    """An operation that is flat at the one value which a softmax over a single choice gives."""
    if birth.name not in _LIMITS:
        return None
    case = birth.case
    below = set(case.flow.forward([case.parameter.value]))
    value = birth.edge.source
    while True:
        edges = [edge for edge in case.flow.into(value) if edge.source in below]
        found = next((edge for edge in edges if _normalises(case, edge)), None)
        if found is not None:
            softmax = replace(birth, edge=found)
            return tell(softmax, _WORDS, _ONES.format(birth.name), configured(softmax))
        if len(edges) != 1:
            return None
        value = edges[0].source


def _normalises(case: Case, edge: Edge) -> bool:
    """Whether an operation divides what has a single entry in its last axis by the sum over that."""
    graph, name = case.graph, name_of(case, edge)
    if (graph.value(edge.source).shape or ())[-1:] != (1,):
        return False
    if name in _SOFTMAXES:
        return True
    given = graph.inputs(edge.op)
    if name not in _QUOTIENTS or len(given) != 2 or given[0] != edge.source:
        return False
    divisor = given[1]
    while divisor != given[0]:
        made = list(case.flow.into(divisor))
        if len(made) != 1:
            return False
        divisor = made[0].source
    return True


def _is_over_one(birth: Birth) -> bool:
    """Whether there is an axis of size one, and what sums up or takes a mean does so over such axes only."""
    graph, edge = birth.case.graph, birth.edge
    given, made = (graph.value(value).shape or () for value in (edge.source, edge.sink))
    return 1 in given and (birth.name not in _REDUCES or [n for n in given if n != 1] == [n for n in made if n != 1])
