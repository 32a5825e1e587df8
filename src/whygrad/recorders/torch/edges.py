"""Which inputs an operation's outputs lead back to, asked of autograd's own graph right after it ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# An operation that is made of more nodes than this is taken to carry.
MOST_NODES = 400
MOST_LEAVES_NODES = 20_000

Edge = tuple[Any, int] | None


def edges_of(tensors: Sequence[Any]) -> list[Edge]:
    """Where the gradient of each tensor goes: its node and output number; ``None`` for a leaf."""
    return [(t.grad_fn, t.output_nr) if t.grad_fn is not None else None for t in tensors]


def missing(
    inputs: Sequence[Any], grads: Sequence[bool], edges: Sequence[Edge], outputs: Sequence[Any]
) -> frozenset[tuple[int, int]]:
    """The (input, output) pairs between which there is no edge, of those that require a gradient.

    Args:
        inputs, grads, edges: the inputs, whether each required a gradient, and its edge before the operation.
    """
    wanted = [i for i, needed in enumerate(grads) if needed]
    stops = {edge[0] for edge in edges if edge is not None}
    found: set[tuple[int, int]] = set()
    for o, output in enumerate(outputs):
        if output.requires_grad and (reached := _reached(output, inputs, edges, wanted, stops)) is not None:
            found.update((i, o) for i in wanted if i not in reached)
    return frozenset(found)


def _reached(
    output: Any, inputs: Sequence[Any], edges: Sequence[Edge], wanted: Sequence[int], stops: set[Any]
) -> set[int] | None:
    """The inputs that an output leads back to; ``None`` where there is too much to look at."""
    reached: set[int] = set()
    todo: list[tuple[Any, int]] = [(output.grad_fn, output.output_nr)]
    seen: set[Any] = set()
    while todo:
        node, number = todo.pop()
        if node is None:
            continue
        around = node.next_functions
        variable = getattr(node, "variable", None) if not around else None
        for i in wanted:
            edge = edges[i]
            if (inputs[i] is variable) if edge is None else (edge[0] is node and edge[1] == number):
                reached.add(i)
        if node in seen or (node in stops and node is not output.grad_fn):
            continue
        seen.add(node)
        if len(seen) > MOST_NODES:
            return None
        todo.extend(around)
    return reached


def leaves_of(tensors: Sequence[Any]) -> list[Any]:
    """The leaf tensors that would get a gradient from these, by autograd's own graph."""
    todo = [t.grad_fn for t in tensors if t.grad_fn is not None]
    found = [t for t in tensors if t.grad_fn is None and t.requires_grad]
    seen: set[Any] = set(todo)
    while todo:
        node = todo.pop()
        around = node.next_functions
        if not around:  # else it is no leaf's, and asking it for a variable would be answered by an exception
            variable = getattr(node, "variable", None)
            if variable is not None:
                found.append(variable)
        for following, _ in around:
            if following is not None and following not in seen and len(seen) < MOST_LEAVES_NODES:
                seen.add(following)
                todo.append(following)
    return found
