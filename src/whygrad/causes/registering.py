"""Where a model holds what it does not see, and the edit that makes it see that: a list or tensor of another kind."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping

from whygrad import imports, rewrite, source
from whygrad.causes.cause import Case, in_package
from whygrad.span import Span

# What `keras.Variable` and `tf.Variable` both take by these names.
_SHARED = frozenset(("name", "trainable", "dtype"))


def kept_by(case: Case, made: Span | None, plain: bool) -> Span | None:
    """Where a model puts the object of no layer class in which a module or a parameter is, if it is in one.

    Args:
        made: where that was made.
        plain: it is no layer of the model's.
    """
    parameter = case.parameter
    steps = (parameter.holder or "").split("[")[0].split(".")
    if made is None or len(steps) < 3 or parameter.owner in (None, steps[0]):
        return None
    if case.graph.framework == "tensorflow" and plain:
        return _putting(steps[1], (made, *made.called_from))
    # An attribute of an object that is an attribute of the model's.
    if case.graph.framework == "torch" and not case.graph.library and _putting(steps[2], (made,)) is not None:
        return _putting(steps[1], made.called_from)
    return None


def _putting(attribute: str, spans: Iterable[Span]) -> Span | None:
    """The first of some places where a statement sets that attribute."""
    for span in spans:
        statement = source.statement_at(span)
        if statement is not None and f"self.{attribute}" in source.targets_of(statement):
            return span
    return None


def registered(case: Case, made: Span | None) -> rewrite.Edits:
    """The statement that holds a parameter or its layer, made one that the model looks into.

    Args:
        made: where what the model does not see was made.
    """
    statement = source.statement_at(made) if made is not None else None
    edit = _EDITS.get(case.graph.library or case.graph.framework)
    if made is None or statement is None or edit is None or in_package(made):
        return rewrite.NONE
    return edit(case, made, statement)


def _torch(case: Case, made: Span, statement: ast.stmt) -> rewrite.Edits:
    kind = _kind(case, made)
    if isinstance(statement, ast.Expr):
        return _list_begun(made, statement, f"{kind}List") if kind is not None else rewrite.NONE
    if not isinstance(statement, ast.Assign) or not _is_attribute(statement):
        return rewrite.NONE
    value, within = source.range_of(statement.value, made), _container(statement.value, source.node_at(made))
    whole = f"{kind}{within}" if kind is not None and within is not None else None
    if kind is None and not isinstance(statement.value, ast.List | ast.Tuple | ast.Dict | ast.ListComp | ast.DictComp):
        whole = "Parameter"
    said = imports.spelled(made.file, f"torch.nn.{whole}") if whole is not None else None
    return rewrite.wrapped(value, f"{said}(") if value is not None and said is not None else rewrite.NONE


def _kind(case: Case, made: Span) -> str | None:
    """What PyTorch calls what was made at a place: a module, a parameter; ``None`` for a plain tensor."""
    if any(layer.made is not None and layer.made.place() == made.place() for layer in case.graph.layers):
        return "Module"
    return "Parameter" if case.parameter.is_variable and _calls(source.node_at(made), "Parameter") else None


def _calls(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name


def _container(value: ast.expr, element: ast.AST | None) -> str | None:
    """The end of the name that PyTorch's container has for what a statement keeps things in."""
    if isinstance(value, ast.ListComp) and value.elt is element:
        return "List"
    if isinstance(value, ast.List | ast.Tuple) and element in value.elts:
        return "List"
    if isinstance(value, ast.Dict) and element in value.values:
        named = all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in value.keys)
        return "Dict" if named else None
    return None


def _list_begun(made: Span, statement: ast.Expr, kind: str) -> rewrite.Edits:
    """Of a list that layers or parameters are appended to, the statement that begins it.

    Args:
        kind: what it is to be.
    """
    call, function, said = statement.value, source.function_at(made), imports.spelled(made.file, f"torch.nn.{kind}")
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or function is None or said is None:
        return rewrite.NONE
    if call.func.attr != "append" or len(call.args) != 1 or call.args[0] is not source.node_at(made):
        return rewrite.NONE
    held = source.bound(call.func.value)
    for begun in source.statements(function):
        if isinstance(begun, ast.Assign) and source.targets_of(begun) == held and _is_attribute(begun):
            place = source.range_of(begun.value, made)
            empty = isinstance(begun.value, ast.List) and not begun.value.elts
            return rewrite.replaced(place, f"{said}()") if empty and place is not None else rewrite.NONE
    return rewrite.NONE


def _is_attribute(statement: ast.Assign) -> bool:
    target = statement.targets[0]
    return len(statement.targets) == 1 and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)


def _keras(_case: Case, made: Span, _statement: ast.stmt) -> rewrite.Edits:
    call, said = source.node_at(made), imports.spelled(made.file, "keras.Variable")
    said = said or imports.spelled(made.file, "tensorflow.keras.Variable")
    theirs = imports.spelled(made.file, "tensorflow.Variable")
    if not isinstance(call, ast.Call) or said is None or theirs != ast.unparse(call.func) or len(call.args) != 1:
        return rewrite.NONE
    return rewrite.calling(made, said) if {keyword.arg for keyword in call.keywords} <= _SHARED else rewrite.NONE


def _jax(_case: Case, made: Span, _statement: ast.stmt) -> rewrite.Edits:
    call = source.node_at(made)
    plain, said = (imports.spelled(made.file, f"flax.nnx.{name}") for name in ("Variable", "Param"))
    theirs = isinstance(call, ast.Call) and plain == ast.unparse(call.func)
    return rewrite.calling(made, said) if theirs and said is not None else rewrite.NONE


_EDITS: Mapping[str, Callable[[Case, Span, ast.stmt], rewrite.Edits]] = {
    "torch": _torch,
    "keras": _keras,
    "tensorflow": _keras,
    "jax": _jax,
}
