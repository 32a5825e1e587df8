"""A term of the loss that no parameter takes part in."""

from __future__ import annotations

from pathlib import Path

import pytest

from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.graph import Parameter
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span

TEXT = """def loss_fn(model, obs, ret):
    policy, value = model(obs)
    actor = mean(policy)
    critic = mean((baseline(ret) - ret) ** 2)
    return {returned}
"""


def _found(file: Path, returned: str) -> Finding:
    text = TEXT.format(returned=returned)
    file.write_text(text, "utf-8")
    lines = text.splitlines()

    def at(line: int, code: str) -> tuple[Span, ...]:
        column = lines[line - 1].index(code) + 1
        return (Span(str(file), line, column, line, column + len(code), "loss_fn", code),)

    builder = GraphBuilder("jax", "grad")
    a, c, policy, value, actor, loss = (builder.value("float32", (2,)) for _ in range(6))
    for name, inputs, output, place in (
        ("dot", [a], policy, at(2, "model(obs)")),
        ("dot", [c], value, at(2, "model(obs)")),
        ("mean", [policy], actor, at(3, "mean(policy)")),
        ("add", [actor], loss, at(5, returned)),
    ):
        builder.op(name, inputs, [output], stack=place)
    parameters = [
        Parameter("actor/w", (2,), "f", a, gradient="present"),
        Parameter("critic/w", (2,), "f", c, gradient="none", owner="critic"),
    ]
    (finding,) = diagnose(builder.graph([loss], parameters))
    return finding


@pytest.mark.parametrize("returned", ["actor + 0.5 * critic", "(-actor + critic, actor)"])
def test_it_is_where_the_loss_was_to_use_what_is_dropped(tmp_path: Path, returned: str) -> None:
    finding = _found(tmp_path / "train.py", returned)
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.line) == ("unused-output", 4)
    assert [label.text for label in finding.labels] == [
        "no parameter takes part in this term of the loss",
        "`critic` is used here, and nothing on the way to the loss reads what comes of it",
    ]


@pytest.mark.parametrize("returned", ["actor + 0.0 * critic", "actor * critic", "actor + ret"])
def test_what_weighs_nothing_or_is_no_term_is_not_blamed(tmp_path: Path, returned: str) -> None:
    finding = _found(tmp_path / "train.py", returned)
    assert finding.culprit is not None
    assert finding.culprit.line == 3


def test_a_parameter_that_is_fetched_by_its_name_is_a_term_of_its_own(tmp_path: Path) -> None:
    finding = _found(tmp_path / "train.py", "actor + self.param('actor', zeros)")
    assert finding.culprit is not None
    assert "no parameter takes part" not in " ".join(label.text for label in finding.labels)


APART = """def forward(obs):
    return actor(obs), critic(obs)


def loss_fn(policy, ret):
    value = mean((ret - target) ** 2)
    return mean(policy) + value
"""


def test_it_is_where_another_function_was_to_use_it(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(APART, "utf-8")
    lines = APART.splitlines()

    def at(line: int, code: str, function: str) -> tuple[Span, ...]:
        column = lines[line - 1].index(code) + 1
        return (Span(str(file), line, column, line, column + len(code), function, code),)

    builder = GraphBuilder("jax", "grad")
    a, c, policy, value, actor, loss = (builder.value("float32", (2,)) for _ in range(6))
    builder.op("dot", [a], [policy], stack=at(2, "actor(obs)", "forward"))
    builder.op("dot", [c], [value], stack=at(2, "critic(obs)", "forward"))
    builder.op("mean", [policy], [actor], stack=at(7, "mean(policy)", "loss_fn"))
    builder.op("add", [actor], [loss], stack=at(7, "mean(policy) + value", "loss_fn"))
    parameters = [
        Parameter("actor/w", (2,), "f", a, gradient="present"),
        Parameter("critic/w", (2,), "f", c, gradient="none", owner="critic"),
    ]
    (finding,) = diagnose(builder.graph([loss], parameters))
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.line) == ("unused-output", 6)
