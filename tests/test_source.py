"""Looking up the user's text."""

import ast
from pathlib import Path

import pytest

from whygrad import source
from whygrad.span import Span

TEXT = """\
def step(model, x, y):
    größe, other = model(x), 2
    for row in x:
        größe = größe + row
    self.w = self.w - 1
    return loss(größe, y)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text(TEXT, "utf-8")
    return str(path)


def test_a_node_is_found_by_its_exact_range(file: str) -> None:
    node = source.node_at(Span(file, 2, 20, 2, 28))
    assert isinstance(node, ast.Call)
    assert source.segment(file, node) == "model(x)"
    assert source.range_of(node, Span(file)) == Span(file, 2, 20, 2, 28, code="model(x)")
    assert source.node_at(Span(file, 2, 20, 2, 27)) is None


def test_the_innermost_statement_and_function(file: str) -> None:
    statement = source.statement_at(Span(file, 4))
    assert statement is not None
    assert source.targets_of(statement) == {"größe"}
    function = source.function_at(Span(file, 4))
    assert isinstance(function, ast.FunctionDef)
    assert [s.lineno for s in source.statements(function)] == [2, 3, 4, 5, 6]


def test_attributes_of_self_are_names(file: str) -> None:
    statement = source.statement_at(Span(file, 5))
    assert statement is not None
    assert source.targets_of(statement) == {"self.w"}


def test_the_last_binding_before_a_line(file: str) -> None:
    found = source.binding("größe", Span(file, 6))
    assert found is not None
    assert found.line == 4
    assert source.binding("nobody", Span(file, 6)) is None


def test_what_a_module_binds_to_a_name_that_a_function_takes(tmp_path: Path) -> None:
    file = str(tmp_path / "outside.py")
    Path(file).write_text("w = one()\nv = one()\nv = two()\ndef step(u):\n    return w + v + u\n")
    found = source.bound_outside("w", Span(file, 5))
    assert found is not None
    assert (found.line, found.code) == (1, "one()")
    assert source.bound_outside("v", Span(file, 5)) is None  # one of two
    assert source.bound_outside("u", Span(file, 5)) is None  # the function's own


def test_no_source_is_no_error() -> None:
    assert source.tree("/nowhere/at_all.py") is None
    assert source.statement_at(Span("/nowhere/at_all.py", 3)) is None


def test_of_statements_on_one_line_the_one_at_the_column(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("for i in steps: _, s = step(s); print(s)\n", "utf-8")
    at = [source.statement_at(Span(str(file), 1, column)) for column in (1, 17, 33)]
    assert [type(statement).__name__ for statement in at] == ["For", "Assign", "Expr"]
