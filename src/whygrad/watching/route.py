"""In which order a forward pass meets the parameters, read off a Graph: the same names and lines as in findings."""

from __future__ import annotations

from whygrad.graph import NOWHERE, Graph
from whygrad.watching.health import Place, Route, Squash

# Operations whose derivative is far below one nearly everywhere, as the three frameworks call them.
SQUASHES = {
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "logistic": "sigmoid",
    "hard_sigmoid": "hard sigmoid",
    "hardsigmoid": "hard sigmoid",
    "tanh": "tanh",
    "tanh_": "tanh",
    "softsign": "softsign",
    "softmax": "softmax",
}


def route_of(graph: Graph) -> Route:
    """The parameters that the request asked for and an operation read, in the order of the first reading."""
    values = {p.value: p for p in graph.parameters if p.value != NOWHERE and p.asked}
    places: dict[int, Place] = {}
    reads: dict[int, int] = dict.fromkeys(values, 0)
    squashes: list[Squash] = []
    for op in graph.ops():
        for value in set(op.inputs) & values.keys():
            reads[value] += 1
            if value not in places:
                found = values[value]
                places[value] = Place(found.path, op.name, op.scope, op.span, found.made(), 0)
        name = SQUASHES.get(op.name.rpartition(".")[2].lower())
        if name is not None:
            squashes.append(Squash(name, op.span, len(places)))
    ordered = tuple(Place(p.path, p.op, p.layer, p.where, p.made, reads[value]) for value, p in places.items())
    return Route(ordered, tuple(squashes))
