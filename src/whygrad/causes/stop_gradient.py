"""# stop-gradient

an explicit stop on the only way from the parameter to the loss

## What it is

`tf.stop_gradient` (or `keras.ops.stop_gradient`) hands its input on unchanged and tells the framework to
treat it as a constant. Every way from the parameter to the loss runs through such a call. Usually the call is
meant for the other side of a difference, or it wraps more than it should.

## What TensorFlow does

- The value of the loss is the same with and without the call, so nothing in the forward pass shows it.
- `tape.gradient` returns `None`, not zero, for a parameter that lies wholly behind the call. No message.
- A Keras 3 optimizer raises `ValueError: No gradients provided for any variable.` if this holds for all
  parameters, and warns `Gradients do not exist for variables [...]` if it holds for some.
- Inside `tf.function` and `fit` the result is the same.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
student = keras.layers.Dense(2, name="student")
teacher = keras.layers.Dense(2, name="teacher")
x = tf.constant([[1.0, 2.0], [3.0, -1.0]])

with tf.GradientTape() as tape:
    goal = teacher(x)
    loss = tf.reduce_mean(tf.square(tf.stop_gradient(student(x)) - goal))  # <- here
print(tape.gradient(loss, student.trainable_variables))
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
student = keras.layers.Dense(2, name="student")
teacher = keras.layers.Dense(2, name="teacher")
x = tf.constant([[1.0, 2.0], [3.0, -1.0]])

with tf.GradientTape() as tape:
    goal = teacher(x)
    loss = tf.reduce_mean(tf.square(student(x) - tf.stop_gradient(goal)))
print(tape.gradient(loss, student.trainable_variables))
```

## What JAX does

- `jax.lax.stop_gradient` is the identity forwards. `jax.grad` returns an array of zeros for what lies wholly
  behind it, which looks like a gradient. No message.
- Inside `scan`, `jit`, `vmap` and `checkpoint` it does the same. `softmax` and `logsumexp` contain one that cuts
  nothing: it is never reported.
- Put on a parameter itself, while other weights are left to learn, it freezes that part: that is a note.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params):
    hidden = jax.lax.stop_gradient(jnp.tanh(x @ params["w"]))  # <- here
    return jnp.mean((hidden * params["scale"] - y) ** 2)


print(jax.grad(loss)({"w": w, "scale": jnp.ones(1)}))
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
    return jnp.mean((hidden * params["scale"] - jax.lax.stop_gradient(y)) ** 2)


print(jax.grad(loss)({"w": w, "scale": jnp.ones(1)}))
```

## How to fix it

- Put the call around the target, not around the prediction.
- Make it as narrow as possible: stop one tensor, not the expression that contains it.
- To keep a part of the model fixed, leave its variables out of the gradient call or freeze them. A stop on
  the output of a layer also cuts every layer before it.
- For a straight-through estimate write `x + tf.stop_gradient(q - x)`: the first `x` carries the gradient.

## When it is harmless

A stop beside an intact path is never reported. That covers target networks, straight-through estimators,
codebook losses with two terms, and the stops inside Keras layers such as `BatchNormalization`. A stop is a
fault only if a parameter that should learn has no other way to the loss.

## How to silence it

There is no flag for it. If the parameters behind the stop are not to learn, say so where they are asked for:
leave them out of the sources of `tape.gradient`, or set `layer.trainable = False`.

- `unconnected_gradients="zero"` turns `None` into zeros. The parameter still does not learn.
- Filtering `None` out of the pairs for the optimizer only hides the warning.
- Adding a `loss` to `compile` does not remove the stop.
"""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.carried import Words, cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation

ID = "stop-gradient"
WORDS = Words(
    "`{code}` stops it on the only way to the loss",
    "the gradient stops here",
    "remove the call, or stop only the part that is meant to be a constant",
)


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    found = explain_cut(case, cuts, WORDS)
    return replace(found, severity="note") if _freezes(case) else found


def _freezes(case: Case) -> bool:
    """The stop stands on the parameter itself, and weights are left to learn: that is how a part is frozen."""
    graph, flow = case.graph, case.flow
    if not all(cut.op >= 0 and case.parameter.value in graph.inputs(cut.op) for cut in case.cuts):
        return False
    return any(p.asked and len(p.shape or ()) > 1 and flow.alive(p) for p in graph.parameters)
