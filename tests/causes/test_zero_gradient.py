"""Units that are off: a fault, or chance that the next steps mend, on hand-made graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from whygrad import spec
from whygrad.diagnose import diagnose
from whygrad.graph import Graph, Parameter
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span


def network(units: int, before: str) -> Graph:
    """``before`` is what the gradient of the first weight is worth; that of the second, behind a dead ReLU, is zero."""
    builder = GraphBuilder("torch", "backward")
    first, second = (builder.value("float32", (8, 8)) for _ in range(2))
    hidden, given, made, loss = (builder.value("float32", (16, units)) for _ in range(4))
    builder.op("matmul", [first], [hidden])
    builder.op("matmul", [hidden, second], [given])
    builder.op("relu", [given], [made])
    builder.op("mul", [hidden, made], [loss])
    parameters = [
        Parameter("first", (8, 8), "float32", first, gradient="present" if before == "present" else "zero"),
        Parameter("second", (8, 8), "float32", second, gradient="zero"),
    ]
    graph = builder.graph([loss], parameters)
    spec.check(graph)
    return replace(graph, cotangents={second: "zero", given: "zero", made: "present"})


@pytest.mark.parametrize(
    ("units", "before", "severity"), [(3, "present", "note"), (32, "present", "warning"), (3, "zero", "warning")]
)
def test_a_few_units_that_still_move_are_no_fault(units: int, before: str, severity: str) -> None:
    (finding,) = [f for f in diagnose(network(units, before)) if any(p.path == "second" for p in f.parameters)]
    assert (finding.cause, finding.severity) == ("zero-gradient", severity)


@pytest.mark.parametrize(
    ("code", "called"),
    [
        ("made(**{'lr': 1}).fit(x)", "`fit`"),
        ("[each.fit(x) for each in {1: model}]", "`[each.fit(x) for each in {1: model}]`"),
    ],
)
def test_an_operation_inside_of_a_training_loop(code: str, called: str, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(code + "\n", "utf-8")
    place = (Span(str(file), 1, 1, 1, len(code) + 1, "<module>", code),)
    builder = GraphBuilder("torch", "backward")
    weight, loss = builder.value("float32", (8, 8)), builder.value("float32", (8, 8))
    builder.op("clamp", [weight], [loss], place)
    parameters = [Parameter("weight", (8, 8), "float32", weight, gradient="zero")]
    graph = replace(builder.graph([loss], parameters, place), cotangents={weight: "zero", loss: "present"})
    (finding,) = diagnose(graph)
    assert finding.cause == "zero-gradient"
    assert f"an operation (`clamp`) inside of {called}" in finding.title


def clipped(choices: int, written_out: bool) -> Graph:
    """A softmax over so many choices, in one operation or in its parts, and a clipping behind it that is flat."""
    builder = GraphBuilder("jax", "grad")
    weight = builder.value("float32", (8, choices))
    logits, chances, kept, loss = (builder.value("float32", (16, choices)) for _ in range(4))
    builder.op("dot_general", [weight], [logits])
    if written_out:
        raised, spread = (builder.value("float32", (16, choices)) for _ in range(2))
        sums = builder.value("float32", (16,))
        builder.op("exp", [logits], [raised])
        builder.op("reduce_sum", [raised], [sums])
        builder.op("broadcast_in_dim", [sums], [spread])
        builder.op("div", [raised, spread], [chances])
    else:
        builder.op("softmax", [logits], [chances])
    builder.op("min", [chances], [kept])
    builder.op("reduce_sum", [kept], [loss])
    graph = builder.graph([loss], [Parameter("w", (8, choices), "float32", weight, gradient="zero")])
    spec.check(graph)
    return replace(graph, cotangents={weight: "zero", logits: "zero", chances: "zero", kept: "present"})


@pytest.mark.parametrize("written_out", [True, False])
@pytest.mark.parametrize(("choices", "blamed"), [(1, "runs over an axis of size one"), (3, "past the limit of")])
def test_clipping_is_not_to_blame_for_what_is_always_one(choices: int, blamed: str, written_out: bool) -> None:
    (finding,) = diagnose(clipped(choices, written_out))
    assert finding.cause == "zero-gradient"
    assert blamed in finding.title


@pytest.mark.parametrize(("other", "told"), [("zero", True), ("present", False)])
def test_a_number_that_is_zero_is_to_blame_where_nothing_else_is_learned(other: str, told: bool) -> None:
    builder = GraphBuilder("jax", "grad")
    weight, beside = builder.value("float32", (8, 2)), builder.value("float32", (8, 2))
    error, scale, loss = (builder.value("float32", ()) for _ in range(3))
    builder.op("reduce_sum", [weight], [error])
    builder.op("mul", [error, scale], [loss])
    builder.op("add", [loss, beside], [builder.value("float32", ())])
    parameters = [
        Parameter("w", (8, 2), "float32", weight, gradient="zero"),
        Parameter("other", (8, 2), "float32", beside, gradient="present" if other == "present" else "zero"),
    ]
    graph = replace(
        builder.graph([len(builder) - 1], parameters),
        cotangents={weight: "zero", error: "zero", loss: "present", beside: "present"},
        zeros=(scale, loss),
    )
    found = [f for f in diagnose(graph) if any(p.path == "w" for p in f.parameters)]
    assert [f.title.endswith("all that is to be learned from by 0") for f in found] == [True] * told


@pytest.mark.parametrize(("computed", "said"), [(False, "gets past the limit"), (True, "takes other elements")])
def test_the_smaller_of_two(computed: bool, said: str) -> None:
    builder = GraphBuilder("tensorflow", "gradient")
    weight, beside = builder.value("float32", (8,)), builder.value("float32", (8,))
    other, loss = builder.value("float32", (8,)), builder.value("float32", (8,))
    builder.op("Exp", [beside], [other])
    builder.op("Minimum", [weight, other], [loss])
    parameters = [Parameter("weight", (8,), "float32", weight, gradient="zero")]
    if computed:
        parameters.append(Parameter("beside", (8,), "float32", beside, gradient="present"))
    graph = replace(builder.graph([loss], parameters), cotangents={weight: "zero", loss: "present"})
    (finding,) = diagnose(graph)
    assert said in finding.title


def test_a_normalisation_over_one_entry() -> None:
    builder = GraphBuilder("tensorflow", "gradient")
    weight, scale = builder.value("float32", (8, 1)), builder.value("float32", (8, 1))
    mean, one, two, loss = (builder.value("float32", (8, 1)) for _ in range(4))
    builder.op("Mean", [weight], [mean])
    builder.op("Mul", [weight, scale], [one])
    builder.op("Mul", [mean, scale], [two])
    builder.op("Sub", [one, two], [loss])
    parameters = [Parameter("weight", (8, 1), "float32", weight, gradient="zero")]
    present = dict.fromkeys((mean, one, two, loss), "present")
    graph = replace(builder.graph([loss], parameters), cotangents={weight: "zero", **present})
    (finding,) = diagnose(graph)
    assert "normalises over one entry at a time" in finding.title


def test_a_normalisation_over_one_entry_that_is_written_out() -> None:
    builder = GraphBuilder("jax", "grad")
    weight = builder.value("float32", (8, 1))
    total, square, centred, loss = (builder.value("float32", (8, 1)) for _ in range(4))
    builder.op("reduce_sum", [weight], [total])
    builder.op("square", [weight], [square])
    builder.op("sub", [weight, total], [centred])
    builder.op("mul", [centred, square], [loss])
    parameters = [Parameter("weight", (8, 1), "float32", weight, gradient="zero")]
    present = dict.fromkeys((total, square, centred, loss), "present")
    graph = replace(builder.graph([loss], parameters), cotangents={weight: "zero", **present})
    (finding,) = diagnose(graph)
    assert "normalises over one entry at a time" in finding.title


@pytest.mark.parametrize(("second", "told"), [("dot_general", True), ("tanh", False)])
def test_a_value_against_itself(second: str, told: bool) -> None:
    builder = GraphBuilder("jax", "grad")
    weight, x = builder.value("float32", (3,)), builder.value("float32", (3,))
    new, old, half, ratio, loss = (builder.value("float32", (3,)) for _ in range(5))
    builder.op("dot_general", [x, weight], [new])
    builder.op("dot_general", [x, weight], [half])
    builder.op(second, [half] if second == "tanh" else [x, weight], [old])
    builder.op("sub", [new, old], [ratio])
    builder.op("exp", [ratio], [loss])
    parameters = [Parameter("weight", (3,), "float32", weight, gradient="zero")]
    present = dict.fromkeys((new, old, half, ratio, loss), "present")
    graph = replace(builder.graph([loss], parameters), cotangents={weight: "zero", **present})
    assert ["puts a value against itself" in f.title for f in diagnose(graph)] == [True] * told


def test_what_is_drawn_twice_is_not_the_same() -> None:
    builder = GraphBuilder("torch", "backward")
    weight = builder.value("float32", (3,))
    first, second, new, old, loss = (builder.value("float32", (3,)) for _ in range(5))
    for drawn, product in ((first, new), (second, old)):
        builder.op("randn", [], [drawn])
        builder.op("matmul", [weight, drawn], [product])
    builder.op("sub", [new, old], [loss])
    parameters = [Parameter("weight", (3,), "float32", weight, gradient="zero")]
    graph = builder.graph([loss], parameters)
    graph = replace(graph, cotangents={weight: "zero", **dict.fromkeys((new, old, loss), "present")})
    assert not any("against itself" in f.title for f in diagnose(graph))


@pytest.mark.parametrize(("before", "words"), [("maximum", "gets past the limit"), ("subtract", "nothing but zeros")])
def test_a_limit_before_a_square_is_what_makes_its_zeros(before: str, words: str) -> None:
    builder = GraphBuilder("tensorflow", "tf.GradientTape.gradient")
    weight, margin, given, loss = (builder.value("float32", (8,)) for _ in range(4))
    builder.op(before, [weight, margin], [given])
    builder.op("square", [given], [loss])
    graph = builder.graph([loss], [Parameter("weight", (8,), "float32", weight, gradient="zero")])
    spec.check(graph)
    graph = replace(graph, cotangents={weight: "zero", given: "zero", loss: "present"}, zeros=(given,))
    (finding,) = diagnose(graph)
    assert (finding.cause, finding.severity) == ("zero-gradient", "warning")
    assert words in finding.title


@pytest.mark.parametrize(("mask", "line"), [(True, 1), (False, 2)])
def test_a_factor_that_a_constant_of_zeros_has_blanked_is_told_there(mask: bool, line: int) -> None:
    first, second = (Span("train.py", n, 1, n, 9, "loss", "a * b") for n in (1, 2))
    builder = GraphBuilder("jax", "grad")
    scores, other, weight, blank, made, loss = (builder.value("float32", (8, 8)) for _ in range(6))
    builder.op("mul", [scores, blank if mask else other], [made], (first,))
    builder.op("dot_general", [made, weight], [loss], (second,))
    parameters = [
        Parameter(name, (8, 8), "float32", value, gradient=gradient)
        for name, value, gradient in (("scores", scores, "present"), ("other", other, "present"), ("w", weight, "zero"))
    ]
    zeros = (made, blank if mask else other)
    graph = replace(builder.graph([loss], parameters), cotangents={weight: "zero", loss: "present"}, zeros=zeros)
    (finding,) = [f for f in diagnose(graph) if f.parameters[0].path == "w"]
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.line) == ("zero-gradient", line)
