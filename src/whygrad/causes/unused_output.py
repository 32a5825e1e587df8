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

## What PyTorch does

- `.grad` of the parameters of the layer stays `None`, without a message, and the optimizer passes over them.
- The other parameters are trained, so the loss goes down. Here it broadcasts without an error.
- `DistributedDataParallel` raises one step later: `Expected to have finished reduction in the prior iteration`.

## Broken: TensorFlow

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

## Fixed: TensorFlow

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

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
body = nn.Linear(3, 8)
head = nn.Linear(8, 1)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
x, y = torch.randn(4, 3), torch.ones(4, 1)

hidden = torch.tanh(body(x))
prediction = head(hidden)
loss = (hidden - y).square().mean()  # <- here
loss.backward()
optimizer.step()
print(head.weight.grad)
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
body = nn.Linear(3, 8)
head = nn.Linear(8, 1)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
x, y = torch.randn(4, 3), torch.ones(4, 1)

hidden = torch.tanh(body(x))
prediction = head(hidden)
loss = (prediction - y).square().mean()
loss.backward()
optimizer.step()
print(head.weight.grad)

## What JAX does

- `jax.grad` returns zeros for the leaves whose results nobody uses. No message.
- Arrays do not change: `memory.at[0].set(e)` returns a new array. Where that is dropped, so is `e`.
- What the function returns beside the loss (`has_aux=True`) is not differentiated.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params):
    hidden = jnp.tanh(x @ params["w"])
    prediction = hidden @ params["head"]
    return jnp.mean((hidden - y) ** 2)  # <- here


print(jax.grad(loss)({"w": w, "head": jnp.ones((1, 1))}))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params):
    hidden = jnp.tanh(x @ params["w"])
    prediction = hidden @ params["head"]
    return jnp.mean((prediction - y) ** 2)


print(jax.grad(loss)({"w": w, "head": jnp.ones((1, 1))}))
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
- Adding a `loss` to `compile` changes nothing unless `fit` trains and that output lacked a loss.
- `allow_unused=True`, `find_unused_parameters=True` and adding `0 * p.sum()` to the loss do the same in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whygrad.causes.bare import bare_term
from whygrad.causes.cause import Case, Explanation, in_package, quoted
from whygrad.causes.choosing import choosing
from whygrad.causes.dropped import stack_of
from whygrad.causes.ends import dead_end
from whygrad.causes.onward import takes_another
from whygrad.causes.shown import made_of
from whygrad.causes.taken import taken_instead
from whygrad.causes.unread import BARE, cure, spoken_of, taking, trains
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.span import Span

ID = "unused-output"


def explain(case: Case) -> Explanation | None:
    """The parameter was read, and nothing that came of it reaches the loss, not even through a barrier."""
    if not _is_dropped(case):
        return None
    end = made_of(case, dead_end(case.flow, case.parameter.value))
    place, dropped = takes_another(case, end, stack_of(case, end))
    if dropped is not None and trains(case, dropped):
        dropped = None  # what the library does in there is not the script's to mend
    bare = bare_term(case, dropped) if dropped is not None else None
    if bare is None and place is not None and _makes_loss(case, place):
        bare = bare_term(case, place)
    place = place if bare is None else bare
    layer, words = spoken_of(case, dropped)
    name = case.graph.labels.get(end, ("", ""))[0] if end is not None else ""
    return Explanation(
        words.reason.format(layer=quoted(layer)),
        place,
        tuple(_labels(case, end, place, dropped, BARE if bare is not None else None)),
        _chain(case, end),
        fix=Fix(
            cure(case, name, layer, place, dropped),
            taken_instead(case, place, dropped, end) if end is not None and bare is None else (),
        ),
        proof=Proof("structural", True, words.proof.format(layer=quoted(layer))),
    )


def _is_dropped(case: Case) -> bool:
    """Whether a parameter was read while the request's tape recorded, and nothing that came of it influences a loss."""
    parameter, flow = case.parameter, case.flow
    if case.graph.target_text is not None:
        return False  # there is no loss to speak of
    if parameter.value < 0 or flow.influences(parameter.value) or not flow.readers(parameter.value):
        return False
    if parameter.is_variable and not any(op >= case.opened for op in flow.recorded_readers(parameter.value)):
        return False
    return choosing(case) is None


def _labels(case: Case, end: int | None, place: Span | None, dropped: Span | None, said: str | None) -> Iterator[Label]:
    """Where the way to the loss goes on, and where the value was made that it goes on without.

    Args:
        said: what to say of the first, where that is not what is taken there.
    """
    if place is not None and (dropped is None or dropped.place() != place.place()):
        own = dropped is None and place in stack_of(case, end)
        yield Label(place, said if said is not None else taking(case, place, own=own))
    if dropped is not None:
        layer, words = spoken_of(case, dropped)
        yield Label(dropped, words.label.format(layer=quoted(layer)))


def _makes_loss(case: Case, place: Span) -> bool:
    """Whether the function around a place is the one that makes the loss, and no library's."""
    made = [span for target in case.graph.targets for span in stack_of(case, target)[:1]]
    return any((span.file, span.function) == (place.file, place.function) and not in_package(span) for span in made)


def _chain(case: Case, end: int | None) -> tuple[Step, ...]:
    steps = [Step("parameter", case.parameter.name, case.parameter.made())]
    if end is not None:
        op = case.graph.value_op[end]
        if op >= 0:
            steps.append(Step("through", case.graph.op(op).name, case.graph.op(op).span))
        if end in case.graph.labels:
            steps.append(Step("through", quoted(case.graph.labels[end][0])))
    steps[-1] = replace(steps[-1], text=f"{steps[-1].text}, and there it ends")
    return tuple(steps)
