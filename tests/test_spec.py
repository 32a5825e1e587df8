"""Every law can be broken, and says so."""

import pytest

from whygrad import spec
from whygrad.errors import LawBroken
from whygrad.graph import Barrier, Parameter
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span


def builder_with_one_op() -> GraphBuilder:
    builder = GraphBuilder("test", "grad")
    builder.op("Neg", [builder.value("float32")], [builder.value("float32")])
    return builder


def test_a_loop_head_may_look_forward_and_nothing_else() -> None:
    builder = GraphBuilder("test", "grad")
    start, head, turned = (builder.value("float32") for _ in range(3))
    place = builder.op(spec.CARRY, [start, start], [head])
    builder.op("Neg", [head], [turned])
    builder.close_carry(place, 1, turned)
    spec.check(builder.graph([head], []))
    other = GraphBuilder("test", "grad")
    first, second = other.value("float32"), other.value("float32")
    other.op("Neg", [second], [first])
    other.op("Neg", [first], [second])
    with pytest.raises(LawBroken, match="reads value 1 of a later op"):
        spec.check(other.graph([first], []))


def test_a_value_is_made_once() -> None:
    builder = builder_with_one_op()
    builder.op("Neg", [0], [1])
    with pytest.raises(LawBroken, match="made by op 0 and again by op 1"):
        spec.check(builder.graph([1], []))


def test_a_barrier_sits_on_a_pair_that_exists() -> None:
    builder = builder_with_one_op()
    builder.barriers[0] = (Barrier(3, 0, "stop-gradient"),)
    with pytest.raises(LawBroken, match="barrier on"):
        spec.check(builder.graph([1], []))


def test_what_is_named_exists() -> None:
    with pytest.raises(LawBroken, match="value 9 is named"):
        spec.check(builder_with_one_op().graph([9], []))


def test_spans_count_from_one() -> None:
    builder = GraphBuilder("test", "grad")
    builder.op("Neg", [builder.value("f")], [builder.value("f")], (Span("a.py", 0),))
    with pytest.raises(LawBroken, match="counts from zero"):
        spec.check(builder.graph([1], []))


def test_parameters_have_names_of_their_own() -> None:
    twice = [Parameter("w", None, "f", 0), Parameter("w", None, "f", 1)]
    with pytest.raises(LawBroken, match="two parameters are called w"):
        spec.check(builder_with_one_op().graph([1], twice))
