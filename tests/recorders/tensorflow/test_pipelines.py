"""What a dataset's functions compute comes back as data, and is told where they compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.finding import Finding
from whygrad.recorders.tensorflow.pipelines import function_only

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


def data() -> Any:
    return tf.data.Dataset.from_tensor_slices((tf.ones((4, 2)), tf.zeros((4, 1))))


def found(make: Callable[[Any, Any], Any], ear: Ear) -> list[Finding]:
    """What is found of a weight that only a dataset reads, beside one of the loss itself."""
    inside, outside = tf.Variable([[0.5], [0.2]], name="inside"), tf.Variable([[0.1]], name="outside")
    for x, y in make(data(), inside).take(1):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ outside - y) ** 2)
        tape.gradient(loss, [inside, outside])
    (graph,) = ear.graphs
    spec.check(graph)
    assert agrees(graph) == []
    return diagnose(graph)


def mapped(rows: Any, w: Any) -> Any:
    return rows.shuffle(4, seed=1).map(lambda x, y: (x[None] @ w, y)).batch(2).prefetch(1)


def looked_up(rows: Any, w: Any) -> Any:
    return rows.batch(2).map(lambda x, y: (tf.nn.embedding_lookup(w, tf.zeros((2,), tf.int32)), y))


def mapped_then_filtered(rows: Any, w: Any) -> Any:
    return rows.map(lambda x, y: (x[None] @ w, y)).filter(lambda x, y: tf.reduce_sum(y) < 9.0).repeat(2)


def zipped(rows: Any, w: Any) -> Any:
    return tf.data.Dataset.zip((rows.map(lambda x, y: x[None] @ w), rows.map(lambda x, y: y)))


def interleaved(rows: Any, w: Any) -> Any:
    return rows.flat_map(lambda x, y: tf.data.Dataset.from_tensors((x[None] @ w, y)))


@pytest.mark.parametrize("make", [mapped, looked_up, mapped_then_filtered, zipped, interleaved])
def test_a_variable_that_a_dataset_reads(make: Callable[[Any, Any], Any], ear: Ear) -> None:
    (finding,) = found(make, ear)
    assert finding.cause == "recording-off"
    assert [p.path for p in finding.parameters] == ["inside"]
    assert finding.culprit is not None
    assert finding.culprit.code in ("x[None] @ w", "tf.nn.embedding_lookup(w, tf.zeros((2,), tf.int32))")
    assert "inside of a dataset" in finding.title


def test_the_way_leads_by_the_part_of_the_element_that_holds_it(ear: Ear) -> None:
    (finding,) = found(mapped, ear)
    steps = [step.text for step in finding.chain]
    assert "`x`" in steps
    assert "`y`" not in steps


def test_a_lookup_in_a_function_outside_the_tape(ear: Ear) -> None:
    table, w = tf.Variable([[0.5], [0.2]], name="table"), tf.Variable(1.0, name="w")
    look = tf.function(lambda i: tf.nn.embedding_lookup(table, i))
    rows = look(tf.constant([0, 1]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(w * rows)
    tape.gradient(loss, [table, w])
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "recording-off"


def of_a_compiled_step(make: Callable[[], tuple[Any, Any]], ear: Ear, weight: Any) -> Finding:
    """What is found of a weight that is read before a compiled step is called."""
    outside = tf.Variable([[0.1]], name="outside")

    @tf.function
    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ outside - y) ** 2)
        tape.gradient(loss, [weight, outside])

    step(*make())
    (finding,) = diagnose(ear.graphs[-1])
    assert [p.path for p in finding.parameters] == ["inside"]
    assert finding.cause == "recording-off"
    return finding


def test_a_compiled_step_is_given_what_a_dataset_reads(ear: Ear) -> None:
    inside = tf.Variable([[0.5], [0.2]], name="inside")
    rows = mapped(data(), inside)
    finding = of_a_compiled_step(lambda: next(iter(rows)), ear, inside)
    assert finding.culprit is not None
    assert finding.culprit.code == "x[None] @ w"


def test_the_function_of_a_dataset_that_is_gone(ear: Ear) -> None:
    inside = tf.Variable([[0.5], [0.2]], name="inside")
    finding = of_a_compiled_step(lambda: next(iter(mapped(data(), inside))), ear, inside)
    assert finding.culprit is not None
    assert finding.culprit.function == "mapped"


def test_a_compiled_step_is_given_what_was_computed_before(ear: Ear) -> None:
    inside = tf.Variable([[0.5], [0.2]], name="inside")
    finding = of_a_compiled_step(lambda: (tf.ones((4, 2)) @ inside, tf.zeros((4, 1))), ear, inside)
    assert finding.culprit is not None
    assert finding.culprit.code == "tf.ones((4, 2)) @ inside"
    assert finding.labels[-1].text == "recording begins only here"


def sums_of_rows(w: Any, v: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        total = tf.constant(0.0)
        for row in tf.data.Dataset.from_tensor_slices(tf.ones((4, 2)) @ w).batch(2):
            total += tf.reduce_sum(row * row) * v
    return tape.gradient(total, [w, v])


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_made_into_a_dataset_on_the_tape(compiled: bool, ear: Ear) -> None:
    w, v = tf.Variable([[0.5], [0.2]], name="w"), tf.Variable(1.0, name="v")
    (tf.function(sums_of_rows) if compiled else sums_of_rows)(w, v)
    (graph,) = ear.graphs
    assert agrees(graph) == []
    found = {p.path: one for one in diagnose(graph) for p in one.parameters}
    assert found.keys() == ({"w", "v"} if compiled else {"w"})
    assert {one.cause for one in found.values()} == {"no-registered-gradient"}
    assert "`tf.data.Dataset.from_tensor_slices(tf.ones((4, 2)) @ w)`" in found["w"].title
    assert not compiled or "`for row in tf.data.Dataset" in found["v"].title


def test_only_the_name_of_a_function_is_kept() -> None:
    class Function:
        name = b"__inference_f_1"

    assert function_only(("f", Function(), "output_types", [1])) == ("f", b"__inference_f_1")
    assert function_only(("output_types", [1])) == ()
