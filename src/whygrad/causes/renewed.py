"""Names that are bound anew: to a computed tensor, or to a new leaf made of a copy of the old one."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, Explanation, code_of
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.span import Span


def renewed(case: Case) -> Explanation | None:
    """A new leaf took the name in the middle of training: who asks (an optimizer) still holds the first one."""
    cut = next((c for c in case.cuts if c.barrier.kind == "stop-gradient" and begins_anew(c.span)), None)
    place = cut.span if cut is not None else None
    statement = source.statement_at(place) if place is not None else None
    if place is None or statement is None or not any(map(_is_leaf, ast.walk(statement))):
        return None
    if not _names(statement, case.parameter.path):
        return None  # what is cut off and made a leaf again is a value on the way, and the cut is to blame
    bound = source.range_of(statement, place) or place
    return Explanation(
        f"`{code_of(bound)}` makes a new leaf, and what is asked for is still the old one",
        bound,
        (Label(bound, "another tensor from here on"),),
        (Step("parameter", case.parameter.path, case.parameter.made()),),
        fix=Fix(
            "change it in place under `torch.no_grad()` (`clamp_`, `copy_`), so that it stays the one that is held"
        ),
        proof=Proof("structural", True, "the loss comes from a leaf that was made of a copy of it"),
    )


def _names(statement: ast.stmt, path: str) -> bool:
    """Whether a statement binds the name that a parameter was known by."""
    return path.rpartition(".")[2] in {name.rpartition(".")[2] for name in source.targets_of(statement)}


def makes_a_leaf(place: Span) -> bool:
    """Whether the expression at a place makes a leaf inside, which what it computes then hides."""
    node = source.node_at(place)
    return node is not None and any(_is_leaf(inner) for inner in ast.walk(node) if inner is not node)


def _is_leaf(node: ast.AST) -> bool:
    """Whether an expression makes a leaf, or makes one of what it is called on."""
    if not isinstance(node, ast.Call):
        return False
    asked = any(k.arg == "requires_grad" and getattr(k.value, "value", None) is True for k in node.keywords)
    return asked or ast.unparse(node.func).rpartition(".")[2] in ("Parameter", "requires_grad_")


def begins_anew(place: Span | None) -> bool:
    """Whether the name is bound to a copy of its own value cut off on purpose, which is then no leaf that learns.

    The next step of an attack: what it lacks is ``requires_grad_``.
    """
    statement = source.statement_at(place) if place is not None else None
    if not isinstance(statement, ast.Assign):
        return False
    own = source.targets_of(statement)
    return any(
        isinstance(n, ast.Attribute) and n.attr in ("detach", "data") and source.names_in(n.value) & own
        for n in ast.walk(statement.value)
    )


def rebinds(place: Span) -> bool:
    """Whether the statement at a place binds a name that its own right side reads (``w = w - rate * dw``)."""
    statement = source.statement_at(place)
    if isinstance(statement, ast.AugAssign):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    return bool(source.targets_of(statement) & source.names_in(statement.value))
