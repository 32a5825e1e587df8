"""# graph-error

the framework raises before there is a gradient, and no other cause explains it

## What it is

The program stops with an exception in or around the gradient call, so no gradient can be asked about. whygrad
first looks for another cause behind the exception: an optimizer that was given only `None` is explained by
the stop, the gap or the unused layer that made it so. This page is the last resort, for what is left.

## What TensorFlow does

- A loss function that returns nothing: `TypeError: Argument target should be a list or nested structure of
  Tensors, Variables or CompositeTensors to be differentiated, but received None.` The traceback ends at the
  gradient call, but the mistake is in the loss function.
- A Python number as the loss: `AttributeError: 'float' object has no attribute '_id'`.
- `None` among the sources: `TypeError: Cannot convert the argument type_value: None to a TensorFlow DType.`
- No pairs for the optimizer: Keras 3 raises `ValueError: not enough values to unpack (expected 2, got 0)`;
  `tf_keras` counts a step and returns.
- Gradients paired with the wrong variables: `InvalidArgumentError: Cannot update variable with shape [2]
  using a Tensor with shape [3,2], shapes must be equal.` If the shapes happen to fit, nothing is raised.
- `compile` without a loss, then `fit` with Keras 3: `ValueError: No loss to compute.`

## Broken: TensorFlow

```python
import tensorflow as tf


def squared_error(prediction, target):
    tf.reduce_mean(tf.square(prediction - target))  # <- here


w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
with tf.GradientTape() as tape:
    loss = squared_error(x @ w, 1.0)
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf


def squared_error(prediction, target):
    return tf.reduce_mean(tf.square(prediction - target))


w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
with tf.GradientTape() as tape:
    loss = squared_error(x @ w, 1.0)
print(tape.gradient(loss, w))
```

## What JAX does

- `TypeError: Gradient only defined for scalar-output functions` if the function returns more than one number,
  or a pair without `has_aux=True`.
- Errors that have a cause of their own (NumPy on the way, integers, loops without a reverse mode) are reported
  under that cause.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    return jnp.mean((x @ w - y) ** 2, axis=1)


print(jax.grad(loss)(w))  # <- here
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    return jnp.mean((x @ w - y) ** 2)


print(jax.grad(loss)(w))
```

## How to fix it

- Look at what the gradient call was given: the loss must be a tensor, the sources tensors or variables.
- Return the loss from every branch of the loss function.
- Keep gradients and variables in one order: `zip(tape.gradient(loss, variables), variables)`.
- If the list of variables is empty, look at why: see `frozen`, `untracked` and `not-called`.

## When it is harmless

An exception that the program catches and survives is not reported, provided that every parameter gets its
gradient in the same training step. Exceptions that have nothing to do with gradients are none of whygrad's
business: they pass through unchanged, with the same traceback and exit status.

## How to silence it

There is no flag for it: the program does not run.

- `unconnected_gradients="zero"` fills in for missing gradients, not for a missing loss.
- Wrapping the step in `try` and `except` hides the exception, and nothing is trained.
- Adding a `loss` to `compile` helps with `fit` only, and only for `No loss to compute`.
"""

from __future__ import annotations

from whygrad.causes.cause import Case, Explanation
from whygrad.finding import Label, Proof, Step

ID = "graph-error"


def explain(case: Case) -> Explanation | None:
    """The framework raised, and none of the links explains why."""
    error = case.graph.error
    if error is None:
        return None
    place = case.graph.request[0] if case.graph.request else None
    message = " ".join(error.split())
    return Explanation(
        f"the request raised {message[:120]}",
        place,
        (Label(place, "raised here"),) if place is not None else (),
        (Step("parameter", case.parameter.path),),
        proof=Proof("structural", True, "the framework's own error"),
    )
