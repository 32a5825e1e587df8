"""# unused-output

the layer ran, but nothing it produced reaches the loss

## What it is

The parameter was read and its layer computed something, so the forward pass looks complete. But the loss was
built from another tensor: an activation upstream of the layer, a sibling head, or one of several outputs.
No operation cuts the way from the parameter to the loss. There is no way at all, not even one without a
gradient. When the layer never ran, the cause is `not-called`.

## What TensorFlow does

- `tape.gradient` returns `None` for the parameters of the layer, without a message.
- A Keras 3 optimizer warns, once per list of names: `Gradients do not exist for variables ['head/kernel',
  'head/bias'] when minimizing the loss.` It adds the question whether `compile` was given a `loss`, which
  leads nowhere in a custom training loop. `tf_keras` logs a similar sentence as `WARNING:tensorflow`.
- The other parameters are trained, so the loss goes down. Here it even broadcasts without an error, because
  shape `(4, 8)` minus shape `(4, 1)` is valid.

## Broken

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
body = keras.layers.Dense(8, activation="tanh", name="body")
head = keras.layers.Dense(1, name="head")
x = tf.random.normal((4, 3))
y = tf.ones((4, 1))

with tf.GradientTape() as tape:
    hidden = body(x)
    prediction = head(hidden)
    loss = tf.reduce_mean(tf.square(hidden - y))  # <- here
gradients = tape.gradient(loss, body.trainable_variables + head.trainable_variables)
print([gradient is None for gradient in gradients])
```

## Fixed

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
body = keras.layers.Dense(8, activation="tanh", name="body")
head = keras.layers.Dense(1, name="head")
x = tf.random.normal((4, 3))
y = tf.ones((4, 1))

with tf.GradientTape() as tape:
    hidden = body(x)
    prediction = head(hidden)
    loss = tf.reduce_mean(tf.square(prediction - y))
gradients = tape.gradient(loss, body.trainable_variables + head.trainable_variables)
print([gradient is None for gradient in gradients])
```

## How to fix it

- Build the loss from the last tensor that the model computes, not from one on the way to it.
- A model with several outputs needs a loss term for every output that is to learn.
- In `compile`, give each output its loss by name; an output without a loss trains nothing.
- Remove the layer if nobody needs what it computes.

## When it is harmless

whygrad does not report a parameter that gets a gradient from another request of the same training step, such
as a generator during the discriminator's turn or one head per loss. If it happens in some steps only, it is
a note. A layer whose parameters are frozen may run and be ignored: nobody asks for its gradient.

## How to silence it

There is no flag for it. Say in the program that the layer is not to learn: set `layer.trainable = False`, or
leave its parameters out of the sources of the gradient call. Otherwise use the output.

- `unconnected_gradients="zero"` replaces `None` by zeros. The warning goes; the parameter still does not
  learn.
- Filtering `None` out of the pairs for the optimizer does the same.
- Adding a `loss` to `compile` changes nothing unless `fit` does the training and that output lacked a loss.
"""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, Explanation, loss_span, quoted
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.span import Span

ID = "unused-output"


def explain(case: Case) -> Explanation | None:
    """The parameter was read, and nothing that came of it reaches the loss, not even through a barrier."""
    parameter, flow = case.parameter, case.flow
    if parameter.value < 0 or flow.influences(parameter.value) or not flow.readers(parameter.value):
        return None
    if parameter.is_variable and not any(op >= case.opened for op in flow.readers(parameter.value)):
        return None
    end = next(iter(flow.dead_ends(parameter.value)), None)
    stack = _stack(case, end)
    layer = (case.parameter.owner or case.parameter.path.rsplit("/", 1)[0]) if parameter.is_variable else parameter.path
    place, dropped = _takes_another(case, end, stack)
    labels = []
    if place is not None:
        labels.append(Label(place, "the loss is built from this instead"))
    if dropped is not None and (place is None or dropped.place() != place.place()):
        labels.append(Label(dropped, f"{quoted(layer)} runs here, and nothing on the way to the loss reads what it gives"))
    name = case.graph.labels.get(end, ("", ""))[0] if end is not None else ""
    return Explanation(
        f"the loss does not use the output of {quoted(layer)}",
        place,
        tuple(labels),
        _chain(case, end),
        fix=Fix(f"build the loss from {quoted(name)}" if name else f"use the output of {quoted(layer)} in the loss"),
        proof=Proof("structural", True, f"{quoted(layer)} ran, and no operation leads from it to the loss"),
    )


def _stack(case: Case, value: int | None) -> tuple[Span, ...]:
    op = case.graph.value_op[value] if value is not None else -1
    return case.graph.stacks[case.graph.op_stack[op]] if op >= 0 else ()


def _takes_another(case: Case, end: int | None, stack: tuple[Span, ...]) -> tuple[Span | None, Span | None]:
    """Where the loss path goes on without the value, and where the value was made, both in one function."""
    if end is None or not stack:
        return loss_span(case.graph), None
    holder = _holder(case, end, stack)
    dead = stack[holder]
    first = case.graph.value_op[end]
    for op in range(first + 1, len(case.graph)):
        if not any(case.flow.influences(v) for v in case.graph.outputs(op)):
            continue
        place = _in_function(case.graph.stacks[case.graph.op_stack[op]], dead)
        if place is not None and place.place() != dead.place() and _after(place, dead):
            return place, dead
    # Nothing of the loss runs after it in that function: the loss itself took the wrong tensor.
    return loss_span(case.graph), dead


def _in_function(stack: tuple[Span, ...], like: Span) -> Span | None:
    return next((s for s in stack if s.file == like.file and s.function == like.function), None)


def _after(place: Span, dead: Span) -> bool:
    """Whether a place of the loss path stands for another expression than the one that made the dead value."""
    return (place.line, place.column) != (dead.line, dead.column)


def _holder(case: Case, end: int, stack: tuple[Span, ...]) -> int:
    """Which of the value's frames still holds it: the one with a name for it, or the last it is returned to."""
    label = case.graph.labels.get(end)
    if label is not None:
        for index, span in enumerate(stack):
            if span.function == label[1]:
                return index
    index = 0
    while index + 1 < len(stack) and _returned(stack[index]):
        index += 1
    return index


def _returned(place: Span) -> bool:
    """Whether the value made at a place is returned by the function around it."""
    statement, function = source.statement_at(place), source.function_at(place)
    if isinstance(statement, ast.Return):
        return True
    if statement is None or function is None or isinstance(function, ast.Module):
        return False
    names = source.targets_of(statement)
    changed = True
    while changed:
        changed = False
        for other in source.statements(function):
            value = getattr(other, "value", None)
            if isinstance(value, ast.AST) and not isinstance(other, ast.Return) and source.names_in(value) & names:
                new = source.targets_of(other) - names
                names |= new
                changed = changed or bool(new)
    returns = [s for s in source.statements(function) if isinstance(s, ast.Return) and s.value is not None]
    return any(source.names_in(r.value) & names for r in returns if r.value is not None)


def _chain(case: Case, end: int | None) -> tuple[Step, ...]:
    steps = [Step("parameter", case.parameter.path, case.parameter.made())]
    if end is not None:
        op = case.graph.value_op[end]
        if op >= 0:
            steps.append(Step("through", case.graph.op(op).name, case.graph.op(op).span))
        if end in case.graph.labels:
            steps.append(Step("through", quoted(case.graph.labels[end][0])))
    steps.append(Step("through", "and there it ends"))
    return tuple(steps)
