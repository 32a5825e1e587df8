"""The layer that holds a parameter: whether it ran, and where the forward pass around speaks of it."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, functions_in
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import Layer
from whygrad.span import Span


def layer_of(case: Case) -> Layer | None:
    """The layer that holds the parameter."""
    owner = case.parameter.owner
    if owner is None:
        return None
    return next((layer for layer in case.graph.layers if layer.path.rsplit("/", 1)[-1] == owner), None)


def called_at(case: Case, place: Span | None) -> str | None:
    """The name of the layer whose call an expression is, as its parameters know it, where none of them learns."""
    if place is None:
        return None
    called = [y for y in case.graph.layers if any(call.place() == place.place() for call in y.called)]
    layer = min(called, key=lambda y: len(y.path), default=None)  # the outermost: the others begin with its path
    return layer.path.rsplit("/", 1)[-1] if layer is not None and not _learns(case.flow, layer) else None


@once
def _learns(flow: Flow, layer: Layer) -> bool:
    """Whether some parameter of a layer, by its path or where it is read, has a way to the loss from somewhere."""
    name = layer.path.rsplit("/", 1)[-1]
    alive = [p for p in flow.graph.parameters if p.value >= 0 and flow.carries(p.value)]
    if any(p.path.startswith((f"{name}/", f"{name}.")) for p in alive):
        return True
    scopes = (flow.graph.op(op).scope for p in alive for op in flow.readers(p.value))
    return any(name in scope.split("/") for scope in scopes)


def runs(case: Case, layer: Layer) -> bool:
    """Whether some operation of the request's own forward pass ran inside the layer."""
    return layer.path.rsplit("/", 1)[-1] in case.flow.running(case.opened)


def mention(forward: Span, attribute: str | None, called: bool = True) -> Span | None:
    """Where a forward function mentions an attribute of ``self``.

    Args:
        called: look for calls of the attribute only.
    """
    inside = Span(forward.file, forward.end_line, function=forward.function)
    function = source.function_at(inside)
    if function is None or attribute is None:
        return None
    for node in ast.walk(function):
        target = node.func if called and isinstance(node, ast.Call) else None if called else node
        if isinstance(target, ast.Attribute) and target.attr == attribute:
            return source.range_of(node, inside)
    return None


def passes_by(case: Case, layer: Layer) -> bool:
    """Whether the layer runs and passes by what it speaks of, which was only written into a weight somewhere else."""
    attribute, inside = case.parameter.path.rsplit(".", 1)[-1], layer.forward
    written = bool(case.cuts) and case.cuts[0].barrier.kind == "state-write"
    if not written or inside is None or not runs(case, layer) or mention(inside, attribute, called=False) is None:
        return False
    graph, readers = case.graph, case.flow.readers(case.parameter.value)
    return not any(inside.spans(span) for op in readers for span in graph.stacks[graph.op_stack[op]])


def unreached_call(case: Case, attribute: str | None) -> Span | None:
    """Where a function that ran for this loss would call an attribute, on a way that it did not take."""
    graph = case.graph
    stacks = [graph.stacks[number] for number in dict.fromkeys(graph.op_stack[case.opened :])]
    reached = {span.place() for stack in stacks for span in stack}
    for function, span in functions_in(stacks):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute:
                place = source.range_of(node, span)
                if place is not None and place.place() not in reached:
                    return place
    return None


def method_of(case: Case, layer: Layer) -> Span | None:
    """Where a method of the class that made a layer, other than its forward pass, works on the loss."""
    graph = case.graph
    owner = (layer.made.function or "").rpartition(".")[0] if layer.made is not None else ""
    for op in range(case.opened, len(graph)) if owner else ():
        stack = graph.stacks[graph.op_stack[op]]
        place = next((s for s in stack if _is_method(s.function or "", owner)), None)
        if place is not None and any(case.flow.carries(value) for value in graph.outputs(op)):
            return place
    return None


def _is_method(function: str, owner: str) -> bool:
    around, _, name = function.rpartition(".")
    return around == owner and name != "__init__"


def outermost_idle(case: Case, layer: Layer | None) -> Layer | None:
    """Where a whole model was left out, the model is the name to give, not each of its layers.

    One whose other layers ran was not left out: it is what the script makes its models hang on.
    """
    running = case.flow.running(case.opened)
    seen: set[str] = set()
    while layer is not None and layer.parent is not None and layer.path not in seen:
        seen.add(layer.path)
        parent = case.graph.layer(layer.parent)
        if parent is None or any(name in running for name in _names_below(case, parent)):
            break
        layer = parent
    return layer


def _names_below(case: Case, layer: Layer) -> list[str]:
    """The names of a layer and of all that it holds."""
    held, todo = {layer.path}, [layer.path]
    for path in todo:
        todo += [y.path for y in case.graph.layers if y.parent == path and y.path not in held]
        held.update(todo)
    return [path.rsplit("/", 1)[-1] for path in held]


def running_parent(case: Case, layer: Layer | None) -> Layer | None:
    """The layer around it whose code would call it, where that ran."""
    if layer is None or layer.parent is None:
        return None
    parent = case.graph.layer(layer.parent)
    while parent is not None and parent.forward is None and parent.parent is not None:
        parent = case.graph.layer(parent.parent)  # a list of layers has no code of its own
    return parent if parent is not None and runs(case, parent) else None


def _kept_aside(case: Case, layer: Layer | None) -> Layer | None:
    """The layer, or the one around it, that its parent holds in something else than an attribute of its own.

    Keras looks into lists and dicts; PyTorch does not.
    """
    if case.graph.framework != "torch":
        return None
    while layer is not None and layer.parent is not None and layer.attribute is not None:
        layer = case.graph.layer(layer.parent)
    return layer if layer is not None and layer.parent is not None else None


def is_hidden(case: Case, home: Layer) -> bool:
    """Whether the layer itself is what the model does not see, rather than a variable inside a layer it sees."""
    around = (case.parameter.holder or "").rpartition(".")[0] + "."
    inside = {layer.path.rsplit("/", 1)[-1] for layer in case.graph.layers if layer.path.startswith(f"{home.path}/")}
    return not any(
        p.tracked and ((p.holder or "").startswith(around) or p.owner in inside) for p in case.graph.parameters
    )


def stored(case: Case, home: Layer | None) -> tuple[Span | None, str | None]:
    """Where what a model does not see was made, and the path of the layer that holds it, if one does.

    Args:
        home: the layer that holds the parameter.
    """
    parameter, aside = case.parameter, _kept_aside(case, home)
    if aside is not None and aside.made is not None:
        return aside.made, aside.parent
    whole = home is not None and home.made is not None and home.parent is None and is_hidden(case, home)
    if home is not None and whole:
        return home.made, None
    return parameter.made(), home.parent if home is not None and home.parent is not None else parameter.owner
