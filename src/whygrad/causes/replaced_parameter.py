"""# replaced-parameter

the name no longer stands for the parameter: it was rebound or the object was replaced

## What it is

The program trains an object that is not the parameter any more. The variable's name was overwritten by a
tensor, a layer was exchanged after the optimizer was built, or a loaded or cloned model took the place of the
one in use. Both objects hold the same numbers at first, so nothing looks wrong.

## What TensorFlow does

- `w = w - 0.1 * gradient` makes `w` a plain tensor. The next tape does not watch it, and `tape.gradient`
  returns `None`, without a message. The step after that usually fails: `TypeError: unsupported operand
  type(s) for *: 'float' and 'NoneType'`.
- `w -= 0.1 * gradient` on a `tf.Variable` is caught: `RuntimeError: variable -= value with tf.Variables is
  not supported.`
- An optimizer keeps the variables it was built with. Given those of the new object, Keras 3 raises
  `ValueError: Unknown variable: <Variable path=...>`, and `tf_keras` raises `KeyError: The optimizer cannot
  recognize variable ...`.
- Setting a new layer as an attribute of a model that is already built is caught by Keras 3: `ValueError: You
  cannot add new elements of state (variables or sub-layers) to a layer that is already built.`

## What PyTorch does

- `w = w - 0.1 * w.grad` makes `w` a computed tensor. `backward` fills in `.grad` of leaves only; reading it gives
  `None` and one warning: `The .grad attribute of a Tensor that is not a leaf Tensor is being accessed.`
- An optimizer keeps the tensors it was built with. A head exchanged afterwards, or `load_state_dict(...,
  assign=True)`, leaves it with the old ones: nothing is raised, and the new ones never move.
- `.cuda()` of a bare tensor makes a new one; `optimizer = SGD([w.cuda()])` raises `can't optimize a non-leaf Tensor`.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

for step in range(2):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(x @ w - y))
    gradient = tape.gradient(loss, w)
    w = w - 0.1 * gradient  # <- here
    print(step, float(loss))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

for step in range(2):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(x @ w - y))
    gradient = tape.gradient(loss, w)
    w.assign_sub(0.1 * gradient)
    print(step, float(loss))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])

for step in range(2):
    loss = (x @ w - y).square().mean()
    loss.backward()
    w = w - 0.1 * w.grad  # <- here
    print(step, float(loss))
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])

for step in range(2):
    loss = (x @ w - y).square().mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    print(step, float(loss))
```

## What JAX does

- Arrays do not change and have no identity to keep: `params = params - rate * gradient` is the normal way, and
  nothing is reported.

## How to fix it

- Update a variable in place: `w.assign`, `w.assign_add`, `w.assign_sub`, or an optimizer.
- Take the list of variables from the model again after a layer was exchanged or a model was loaded, and make
  a new optimizer for them.
- Load weights into the model in use with `model.load_weights` or `set_weights`, instead of replacing it.
- To exchange a layer, build a new model around the layers that stay.
- In PyTorch write `w -= ...` under `torch.no_grad()`, and build the optimizer after the last exchange of a part.
  `load_state_dict` without `assign=True` copies into the tensors in use.

## When it is harmless

Rebinding a name to a tensor is ordinary Python as long as nobody asks for its gradient. The inner loop of
meta-learning makes new weights out of old ones on purpose: while the original variables get a gradient
through them, nothing is reported.

## How to silence it

There is no flag for it. Ask for the gradient of the object that is meant, and drop the old one.

- `tape.watch(w)` on the tensor gives it a gradient again, but an optimizer cannot update a tensor.
- `unconnected_gradients="zero"` makes the loop run. `w` then never moves again.
- `w.retain_grad()` fills in `.grad` of the computed tensor, and an optimizer still refuses it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from whygrad import rearrange, rewrite, source
from whygrad.causes.cause import ANY, TRAINED, Case, Explanation, quoted, spoken
from whygrad.causes.learning import trained, unasked
from whygrad.causes.new_leaves import new_leaves
from whygrad.causes.once import once
from whygrad.causes.refusals import is_computed
from whygrad.causes.renewed import begins_anew, makes_a_leaf, rebinds, renewed
from whygrad.causes.words import Words, explained
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.flow import Flow
from whygrad.graph import Parameter
from whygrad.span import Span

ID = "replaced-parameter"
# What makes a variable, and its methods for `-=` and `+=`, and for `=`.
_IN_PLACE: Mapping[str, tuple[str, dict[type[ast.operator], str], str]] = {
    "tensorflow": ("Variable", {ast.Sub: "assign_sub", ast.Add: "assign_add"}, "assign"),
}
# What gives the parameters of a model.
_COLLECTORS = frozenset(("parameters", "trainable_variables", "trainable_weights"))
# What it means that a tensor took the place of a parameter.
WORDS: Mapping[str, Words] = {
    "tensorflow": Words(
        "`{code}` has replaced the variable by a plain tensor, which the tape does not follow",
        "`{detail}` becomes a plain tensor here",
        "change the variable in place: `assign`, `assign_sub` or `assign_add`",
        "what is asked for is a tensor that no tape watches",
    ),
    "torch": Words(
        "`{code}` has replaced the leaf by a computed tensor, and `backward` fills in `.grad` of leaves only",
        "`{detail}` becomes a computed tensor here",
        "change the leaf in place under `torch.no_grad()` (`w -= ...`), or let an optimizer do it",
        "what is asked for is no leaf",
    ),
    ANY: Words(
        "`{code}` has replaced the parameter by a computed value",
        "`{detail}` becomes a computed value here",
        "keep the parameter, and update it",
        "what is asked for is not the parameter",
    ),
}


def explain(case: Case) -> Explanation | None:
    """The source is a tensor that took a variable's place: its statement rebinds the name that it reads."""
    parameter = case.parameter
    new = renewed(case)
    if new is not None:
        return new
    if parameter.is_variable:
        return _module_replaced(case) or new_leaves(case)
    place = parameter.made() or _made_at(case)
    replaced = place is not None and (rebinds(place) or makes_a_leaf(place) or is_computed(case))
    was_variable = any(event.kind == "replaced" for event in parameter.history)
    if place is None or not (replaced or was_variable) or begins_anew(place):
        return None
    words = spoken(WORDS, case)
    asked = [Label(span, "its gradient is asked for here") for span in case.graph.request[:1]]
    chain = (Step("parameter", parameter.name, place),)
    return explained(words, place, chain, *asked, detail=parameter.name, fix=Fix(words.fix, _assigned(case, place)))


def _assigned(case: Case, place: Span) -> rewrite.Edits:
    """The rebinding made into an assignment, where the text shows that the name was bound to a variable."""
    if case.graph.framework not in _IN_PLACE:
        return rewrite.NONE
    maker, methods, plain = _IN_PLACE[case.graph.framework]
    module = source.tree(place.file)
    for node in ast.walk(module) if module is not None else ():
        if isinstance(node, ast.Assign) and case.parameter.path in source.targets_of(node):
            function = node.value.func if isinstance(node.value, ast.Call) else None
            if isinstance(function, ast.Attribute) and function.attr == maker:
                return rewrite.in_place(place, methods, plain)
    return rewrite.NONE


def _module_replaced(case: Case) -> Explanation | None:
    """The list of variables was collected before the model got another part in this one's place."""
    parameter, graph, flow = case.parameter, case.graph, case.flow
    if parameter.in_model is not False:
        return None
    heirs = _by_holder(flow, case.asked).get(parameter.holder) if parameter.holder is not None else None
    if not heirs and not flow.influences(parameter.value):  # one in its very place may be made of its numbers
        heirs = _in_living_models(flow, case.asked)
    if not heirs:
        return None
    heir = max(heirs, key=lambda p: SequenceMatcher(None, p.path, parameter.path).ratio())
    old, new = parameter.made(), heir.made()
    place = _where_they_part(old, new)
    labels = [Label(place, "what takes its place in the model is made here")] if place is not None else []
    if graph.request:
        labels.append(Label(graph.request[0], "the gradient is still asked of the old one"))
    return Explanation(
        f"the model uses {_heir(heir.path, parameter.path)} in its place, which nobody asks for",
        place,
        tuple(labels),
        (Step("parameter", parameter.name, old),),
        fix=Fix(
            f"collect the {spoken(TRAINED, case)} (and build the optimizer) after the model has its final parts",
            _collected_later(place),
        ),
        proof=Proof("structural", True, "the model no longer holds it, and a gradient reaches what it holds instead"),
    )


def _collected_later(place: Span | None) -> rewrite.Edits:
    """The last line before a place in its block that collects parameters, moved behind it."""
    statement, function = (at(place) if place is not None else None for at in (source.statement_at, source.function_at))
    if place is None or not isinstance(statement, ast.stmt) or not isinstance(function, source.FunctionNode):
        return rewrite.NONE
    earlier = [s for s in source.statements(function) if statement in source.after(s, function)]
    collects = [s for s in earlier if isinstance(s, ast.Assign) and _collects(s.value)]
    collected = source.range_of(collects[-1].value, place) if collects else None
    return rearrange.moved_behind(collected, place) if collected is not None else rewrite.NONE


def _collects(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in _COLLECTORS for node in ast.walk(value))


@once
def _heirs(flow: Flow, asked: frozenset[str]) -> Sequence[Parameter]:
    """What a model lists, a gradient reaches and nobody asks for."""
    return [p for p in unasked(flow, asked) if p.tracked and p.made() is not None]


@once
def _by_holder(flow: Flow, asked: frozenset[str]) -> Mapping[str | None, Sequence[Parameter]]:
    """The same, by how the user reaches it; a method of the object that holds it reaches it by ``self``."""
    found: dict[str | None, list[Parameter]] = {}
    for heir in _heirs(flow, asked):
        for holder in {heir.holder, f"self.{(heir.holder or '').partition('.')[2]}"}:
            found.setdefault(holder, []).append(heir)
    return found


@once
def _in_living_models(flow: Flow, asked: frozenset[str]) -> Sequence[Parameter]:
    """Those of models of which something else is trained."""
    models = {_root(p.holder) for p in trained(flow) if p.in_model}
    return [p for p in _heirs(flow, asked) if _root(p.holder) in models]


def _heir(path: str, old: str) -> str:
    """A name for what took a place: the name of that place, where the two differ in a number alone."""
    name = re.sub(r" \(\d+\)$", "", path)
    return f"a newer {quoted(name)}" if name == re.sub(r" \(\d+\)$", "", old) else quoted(path)


def _root(holder: str | None) -> str | None:
    return holder.rsplit(".", 2)[0] if holder and holder.count(".") > 1 else (holder or "").split(".")[0] or None


def _where_they_part(old: Span | None, new: Span | None) -> Span | None:
    """The innermost frame in which the making of the two differs."""
    if new is None:
        return None
    same = {s.place() for s in old.stack()} if old is not None else set()
    return next((s for s in new.stack() if s.place() not in same), new)


def _made_at(case: Case) -> Span | None:
    op = case.graph.value_op[case.parameter.value] if case.parameter.value >= 0 else -1
    return case.graph.op(op).span if op >= 0 else None
