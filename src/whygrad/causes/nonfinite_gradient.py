"""# nonfinite-gradient

the parameter is connected to the loss, but its gradient is NaN or infinite

## What it is

The loss may be an ordinary number while its derivative is not. The square root, the norm and powers below one
have an infinite slope at zero, the logarithm and the division fail there, and the exponential overflows.
Infinity times zero in the chain rule then makes NaN, and NaN spreads to every parameter behind it.

## What TensorFlow does

- `tape.gradient` returns the NaN or infinite values. Nothing is raised, nothing is printed.
- One such step is enough: the optimizer writes NaN into the parameter, and from the next forward pass on the
  loss is NaN. Momentum keeps the NaN even if the parameter is restored.
- `tf.norm` and `tf.sqrt` at exactly zero give NaN or infinity; `tf.math.l2_normalize` and
  `tf.math.divide_no_nan` are safe.
- `tf.where(w > 0, 1 / w, 0.0)` does not protect: both branches are differentiated, and the unselected one
  contributes zero times infinity, which is NaN.
- `tf.debugging.enable_check_numerics()` makes TensorFlow raise at the first operation that yields NaN or
  infinity, but it slows an eager step down by a factor of ten or more.

## What PyTorch does

- `.grad` holds the NaN or infinite values. Nothing is raised, nothing is printed, and the optimizer applies them.
- `sqrt` at exactly zero gives an infinite slope, and NaN with the zero of the square before it. `Tensor.norm` and
  `torch.linalg.vector_norm` answer zero there.
- `torch.where(a > 0, 1 / a, 0.0)` does not protect: the unselected branch contributes zero times infinity.
- `torch.nn.utils.clip_grad_norm_` hands NaN on. `torch.autograd.set_detect_anomaly(True)` raises at the first
  backward function that yields NaN, and is slow.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5, 0.2], [-0.3, 0.4]], name="w")
x = tf.constant([[1.0, 2.0], [0.0, 0.0]])

with tf.GradientTape() as tape:
    length = tf.norm(x @ w, axis=1)  # <- here
    loss = tf.reduce_mean(length)
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5, 0.2], [-0.3, 0.4]], name="w")
x = tf.constant([[1.0, 2.0], [0.0, 0.0]])

with tf.GradientTape() as tape:
    length = tf.sqrt(tf.reduce_sum(tf.square(x @ w), axis=1) + 1e-12)
    loss = tf.reduce_mean(length)
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5, 0.2], [-0.3, 0.4]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [0.0, 0.0]])

length = (x @ w).square().sum(dim=1).sqrt()  # <- here
loss = length.mean()
loss.backward()
print(w.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5, 0.2], [-0.3, 0.4]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [0.0, 0.0]])

length = (x @ w).square().sum(dim=1).add(1e-12).sqrt()
loss = length.mean()
loss.backward()
print(w.grad)
```

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5, 0.2], [-0.3, 0.4]])
x = jnp.array([[1.0, 2.0], [0.0, 0.0]])


def loss(w):
    return jnp.mean(jnp.linalg.norm(x @ w, axis=1))  # <- here


print(jax.grad(loss)(w))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5, 0.2], [-0.3, 0.4]])
x = jnp.array([[1.0, 2.0], [0.0, 0.0]])


def loss(w):
    return jnp.mean(jnp.sqrt(jnp.sum((x @ w) ** 2, axis=1) + 1e-12))


print(jax.grad(loss)(w))
```

## What JAX does

- The gradient of `jnp.linalg.norm`, `jnp.sqrt` and `jnp.where` at such a place is NaN, without a message;
  `jax.config.update("jax_debug_nans", True)` raises at the operation of the backward pass.
- whygrad looks at what comes back in the first steps, runs the operations of a spoiled step once more, and names the
  one whose backward first yields what is not finite, with the element that does it.

## How to fix it

- Add a small number inside the root or the logarithm, not outside: `tf.sqrt(s + 1e-12)`.
- Use the squared distance where the distance itself is not needed.
- In a `tf.where`, make the input of the unselected branch safe first:
  `safe = tf.where(w > 0, w, 1.0)`, then `tf.where(w > 0, 1 / safe, 0.0)`.
- Compute losses from logits, and use `tf.math.log_softmax`, `tf.math.xlogy`, `tf.reduce_logsumexp`.
- In `float16`, use loss scaling (`keras.mixed_precision.LossScaleOptimizer`), or use `bfloat16`.
- In PyTorch: `(s + 1e-12).sqrt()`, `torch.where` twice, `torch.logsumexp`, `torch.amp.GradScaler` for `float16`.

## When it is harmless

With loss scaling a step that overflows now and then is expected: the optimizer skips it and lowers the scale.
It is a note unless it happens in every step.

## How to silence it

There is no flag for it. There is no use for a NaN gradient.

- Clipping does not help: `tf.clip_by_value` and `tf.clip_by_global_norm` hand NaN on.
- Replacing NaN by zero in the gradient stops the spread, but the affected rows teach nothing; find the
  operation instead.
- A smaller learning rate helps against overflow, never against a root at zero.
"""

from __future__ import annotations

from whygrad.causes.alive.birth import births
from whygrad.causes.alive.poles import factor, fed, forward, from_outside, hidden, pole, suspected, unmeasured
from whygrad.causes.cause import Case, Explanation

ID = "nonfinite-gradient"


def explain(case: Case) -> Explanation | None:
    """The operation whose backward first yields what is not finite."""
    if case.parameter.gradient != "nonfinite":
        return None
    told = forward(case)
    if told is not None:
        return told
    found = (look(birth) for look in (pole, hidden, fed, factor) for birth in births(case, "nonfinite"))
    told = next((one for one in found if one is not None), None)
    if told is None and (inside := unmeasured(case)):
        return suspected(case, inside)
    if told is None and any(event.kind == "spoiled" for event in case.parameter.history):
        return from_outside(case)
    return told
