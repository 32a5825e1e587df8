"""# zero-gradient

the parameter is connected to the loss, but its gradient is exactly zero in value

## What it is

Every link of the way is there and differentiable, and still the number that comes back is zero in every
entry. One operation on the way is flat at this point: a ReLU whose inputs are all negative, a saturated
sigmoid, a value outside its clipping range, a mask of zeros, a softmax over a single class, layers that all
start at zero.

## What TensorFlow does

- `tape.gradient` returns a tensor of zeros. That is not `None`, so no optimizer warns and nothing is raised.
- SGD and Adam apply the zeros, and the parameter does not move. Weight decay may still move it, towards zero.
- A softmax over an axis of size 1 is the constant 1, whatever the parameters are: the loss never changes.
- `tf.clip_by_value` has the gradient zero outside its range, `tf.sign` everywhere.
- `loss_weights` of 0 in `compile` multiplies the whole way by zero.

## What PyTorch does

- `.grad` is a tensor of zeros. That is not `None`: the optimizer applies it, and nothing is raised.
- A softmax over an axis of size 1 is the constant 1, whatever the parameters are.
- `clamp` has the gradient zero outside its range. `round` and `sign` have it everywhere; whygrad calls those
  `non-differentiable-op`.
- Two factors that both start at zero (an adapter with two zero matrices) keep each other at zero.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    probability = tf.nn.softmax(x @ w)  # <- here
    loss = tf.reduce_mean(tf.square(probability - y))
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    probability = tf.nn.sigmoid(x @ w)
    loss = tf.reduce_mean(tf.square(probability - y))
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])

probability = torch.softmax(x @ w, dim=1)  # <- here
loss = (probability - y).square().mean()
loss.backward()
print(w.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])

probability = torch.sigmoid(x @ w)
loss = (probability - y).square().mean()
loss.backward()
print(w.grad)
```

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    probability = jax.nn.softmax(x @ w, axis=1)  # <- here
    return jnp.mean((probability - y) ** 2)


for _ in range(5):
    w = w - 0.1 * jax.grad(loss)(w)
print(w)
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    probability = jax.nn.sigmoid(x @ w)
    return jnp.mean((probability - y) ** 2)


for _ in range(5):
    w = w - 0.1 * jax.grad(loss)(w)
print(w)
```

## What JAX does

- Zeros in value and zeros of a missing way are the same array. whygrad tells them apart by the program: what has
  no way goes by the cause that cuts it. What has one, and is zero in several steps, is run once more, operation by
  operation, to find the one that is flat.
- A `scan` whose body hands back the state that it was given leaves its recurrent weights with zeros: the state
  stays what it was at the beginning.

## How to fix it

- One output with two classes needs a `sigmoid`; a `softmax` needs one unit per class.
- Dead ReLU: use a smaller learning rate, a bias that starts above zero, or `leaky_relu`, `elu`, `gelu`.
- Saturation: scale the inputs, start with smaller weights, and compute losses from logits
  (`from_logits=True`).
- Clip gradients instead of values, or clip outside the loss.
- Check masks and sample weights: a batch in which everything is masked teaches nothing.
- Do not start two layers in a row with zeros.
- In PyTorch losses from logits are `binary_cross_entropy_with_logits` and `cross_entropy`.

## When it is harmless

A gradient that is zero in some steps only is a note: a dropped branch, an expert without tokens, a fully
masked batch. Single zero entries within a gradient, such as the unused rows of an embedding, are normal. A
last layer that starts at zero on purpose passes no gradient to the layers before it in the first step; from
the second step on it does.

## How to silence it

There is no flag for it. If the parameter is not to learn here, freeze it, or leave it out of the sources.

- A larger learning rate does not help: it multiplies zero.
- Another optimizer does not help either; momentum and Adam's scaling start from the same zeros.
"""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.alive.birth import Way, births
from whygrad.causes.alive.factors import first_state, idle, masked, naught, nothing_left
from whygrad.causes.alive.flat import HOOKED, at_vertex, curved, flat, part_unused
from whygrad.causes.alive.rectified import factor_off, rectified
from whygrad.causes.alive.single import behind_one, cancelled, known_by_shape, single
from whygrad.causes.alive.twice import against_itself
from whygrad.causes.alive.weightless import weightless
from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import explained

ID = "zero-gradient"
# The first that recognises itself speaks: what is written there before what only holds for these numbers.
WAYS: tuple[Way, ...] = (
    cancelled,
    against_itself,
    weightless,
    naught,
    idle,
    factor_off,
    first_state,
    masked,
    nothing_left,
    single,
    behind_one,
    rectified,
    at_vertex,
    part_unused,
    curved,
    flat,
)


def explain(case: Case) -> Explanation | None:
    """An operation whose derivative is zero, by its shape or at these values, turns the gradient to zeros."""
    by_shape = known_by_shape(case, ID)
    if by_shape is not None:
        return by_shape
    if case.parameter.gradient != "zero" or not case.flow.alive(case.parameter):
        return None
    hooked = case.parameter.place_of("hooked")
    if hooked is not None:
        proof = "measured on the way back: what arrived at it was not zero, and what the hook made of it is"
        return explained(replace(HOOKED, proof=proof, severity="warning"), hooked, alone(case))
    told = (way(birth) for birth in births(case, "zero") for way in WAYS)
    return next((one for one in told if one is not None), None)
