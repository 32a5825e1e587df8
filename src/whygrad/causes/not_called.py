"""# not-called

the parameter is never read in the computation that this loss came from

## What it is

A gradient was asked for the parameter, and no operation on the way to this loss ever read it: the layer was not
called, its branch not taken, its expert never routed to, or a cached result was used in its place.

## What TensorFlow does

- `tape.gradient` returns `None` for the parameter, without a message.
- A Keras 3 optimizer warns `Gradients do not exist for variables [...]`; `tf_keras` logs it.
- A Keras layer creates its weights when it is built. A layer that was never called and never built has no
  weights, so it is missing from `model.trainable_variables`, and not even the warning appears.

## What PyTorch does

- `.grad` of the parameter stays `None`, without a message, and the optimizer passes over it.
- `DistributedDataParallel` raises a step later: `Expected to have finished reduction ...`, with indices and no names.
- `retain_graph=True` lets what was computed once before the loop be differentiated in every step. whygrad warns.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf


class Net(keras.Model):
    def build(self, input_shape):
        self.inner = keras.layers.Dense(2, activation="tanh", name="inner")
        self.outer = keras.layers.Dense(1, name="outer")
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, x):
        return self.outer(x)  # <- here


keras.utils.set_random_seed(0)
net = Net()
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(net(tf.constant([[1.0, 2.0]])) - 1.0))
print(tape.gradient(loss, net.trainable_variables))
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf


class Net(keras.Model):
    def build(self, input_shape):
        self.inner = keras.layers.Dense(2, activation="tanh", name="inner")
        self.outer = keras.layers.Dense(1, name="outer")
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, x):
        return self.outer(self.inner(x))


keras.utils.set_random_seed(0)
net = Net()
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(net(tf.constant([[1.0, 2.0]])) - 1.0))
print(tape.gradient(loss, net.trainable_variables))
```

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.outer = nn.Linear(2, 1)

    def forward(self, x):
        return self.outer(x)  # <- here


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.tensor([[1.0, 2.0]])).square().mean()
loss.backward()
optimizer.step()
print(net.inner.weight.grad)
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.outer = nn.Linear(2, 1)

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x)))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.tensor([[1.0, 2.0]])).square().mean()
loss.backward()
optimizer.step()
print(net.inner.weight.grad)

## What JAX does

- `jax.grad` returns zeros for a leaf that the function never reads. No message.
- Under `jit` a Python `if` is decided once, when the function is traced. The branch not taken is not in the
  compiled program.
- Both branches of `jax.lax.cond` are in the program, so their parameters count as read.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params, deep=False):
    hidden = x @ params["w"]
    if deep:
        hidden = jnp.tanh(hidden) * params["gate"]  # <- here
    return jnp.mean((hidden - y) ** 2)


print(jax.grad(loss)({"w": w, "gate": jnp.ones(1)}))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params, deep=True):
    hidden = x @ params["w"]
    if deep:
        hidden = jnp.tanh(hidden) * params["gate"]
    return jnp.mean((hidden - y) ** 2)


print(jax.grad(loss)({"w": w, "gate": jnp.ones(1)}))
```

## How to fix it

- Call the layer in the forward pass, and use what it returns.
- If a condition skips it, check the condition: an `if` on a Python value in a traced function is decided
  once, when the function is traced, not in every step.
- If its result is cached, compute it again inside the tape in every step.
- Delete the layer if it is left over from an earlier version.

## When it is harmless

A parameter that is read in some steps and not in others (a routed expert, a branch, a layer dropped at
random) is a note, not a fault. Two losses with two gradient calls are judged together: a parameter that
learns from either is not reported.

## How to silence it

There is no flag for it. Freeze the layer while it is unused, or ask for the gradients of the part in use only.

- `unconnected_gradients="zero"` and filtering `None` hide the warning. The parameter keeps its initial value.
- Adding a `loss` to `compile`, as the warning suggests, does not call the layer.
- `find_unused_parameters=True` keeps `DistributedDataParallel` from raising. The parameter still does not learn.
"""

from __future__ import annotations

from whygrad.causes.cause import TRAINED, Case, Explanation, loss_span, quoted, spoken
from whygrad.causes.layers import (
    layer_of,
    mention,
    method_of,
    outermost_idle,
    passes_by,
    running_parent,
    runs,
    unreached_call,
)
from whygrad.causes.siblings import missing_at
from whygrad.causes.stand_in import read_instead
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.graph import Layer
from whygrad.span import Span

ID = "not-called"
_NOT_REACHED = "this call was not reached"
# Frameworks whose names are the paths by which the script takes its trees of arrays apart.
_TREES = frozenset(("jax",))


def explain(case: Case) -> Explanation | None:
    """Nothing in the forward pass of this loss reads the parameter."""
    parameter, flow = case.parameter, case.flow
    if case.graph.target_text is not None:
        return None  # there is no loss to speak of
    if _read_in_window(case):
        return None
    layer = layer_of(case)
    if flow.influences(parameter.value):
        return _unread(case, layer) if layer is not None and passes_by(case, layer) else None
    instead = read_instead(case)
    if instead is not None:
        return instead
    if layer is not None and runs(case, layer):
        return _unread(case, layer)
    layer = outermost_idle(case, layer)
    name = quoted(layer.path.rsplit("/", 1)[-1]) if layer is not None else quoted(parameter.name)
    place, text = _where(case, layer)
    labels = [Label(place, text)] if place is not None else []
    if layer is not None and layer.made is not None and (place is None or layer.made.place() != place.place()):
        labels.append(Label(layer.made, f"{name} is made here"))
    return Explanation(
        f"{name} is never {'called' if layer is not None else 'read'} in the computation of this loss",
        place,
        tuple(labels),
        (Step("parameter", parameter.name, parameter.made()), Step("loss", "loss", loss_span(case.graph))),
        fix=Fix(
            f"{'call' if layer is not None else 'use'} {name} on the way to the loss, "
            f"or leave {f'its {spoken(TRAINED, case)}' if layer is not None else 'it'} out of the request"
        ),
        proof=Proof("structural", True, "nothing between the start of the recording and the loss reads it"),
    )


def _unread(case: Case, layer: Layer) -> Explanation:
    """The layer is called, and the way it takes does not read this parameter of its own."""
    holder = quoted(layer.path.rsplit("/", 1)[-1])
    attribute = case.parameter.path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    place = mention(layer.forward, attribute, called=False) if layer.forward is not None else None
    text = "the forward pass speaks of it here, and no operation of this loss reads it"
    if place is None:
        place, text = layer.forward, f"{holder} runs this, and no operation of this loss reads it"
    if place is None:
        place, text = loss_span(case.graph), "the loss is computed without it"
    return Explanation(
        f"never read by {holder}, although that is called",
        place,
        (Label(place, text),) if place is not None else (),
        (Step("parameter", case.parameter.name, case.parameter.made()), Step("loss", "loss", loss_span(case.graph))),
        fix=Fix(f"use it on the way to the loss, or leave it out of the {spoken(TRAINED, case)} to train"),
        proof=Proof("structural", True, "nothing between the start of the recording and the loss reads it"),
    )


def _read_in_window(case: Case) -> bool:
    value = case.parameter.value
    return value >= 0 and any(op >= case.opened for op in case.flow.recorded_readers(value))


def _where(case: Case, layer: Layer | None) -> tuple[Span | None, str]:
    """The forward function that ran without it, or the branch that was not taken, or the loss."""
    parent = running_parent(case, layer)
    if layer is not None and parent is not None and parent.forward is not None:
        call = mention(parent.forward, layer.attribute)
        call = call or unreached_call(case, layer.attribute)
        if call is not None:
            return call, _NOT_REACHED
        return (
            parent.forward,
            f"{quoted(parent.path)} runs this, and never calls {quoted(layer.path.rsplit('/', 1)[-1])}",
        )
    method = method_of(case, layer) if layer is not None else None
    if layer is not None and method is not None:
        if (call := mention(method, layer.attribute)) is not None:
            return call, _NOT_REACHED
        return method, f"{quoted(method.function)} computes the loss, and never calls {quoted(layer.attribute)}"
    beside = missing_at(case) if case.graph.framework in _TREES and not case.graph.layers else None
    return beside or (loss_span(case.graph), "the loss is computed without it")
