"""# non-differentiable-op

the only way to the loss runs through an operation that has no useful derivative

## What it is

Rounding, comparing, taking an index, sorting for the order, counting and drawing a sample are steps: a small
change of the input changes nothing, and then everything at once. Their derivative is zero wherever it exists.
A parameter whose only way to the loss runs through such a step cannot learn from it.

## What TensorFlow does

- `tf.round`, `tf.floor`, `tf.math.ceil`, `tf.math.rint` and `//` give `None`, without a message.
- `tf.argmax`, `tf.argsort`, `tf.random.categorical`, `tf.histogram_fixed_width` and every comparison return
  integers or booleans. The gradient is `None`, whatever the result is cast to afterwards.
- `tf.sign` is the exception: it gives zeros.
- `tf.sort`, `tf.reduce_max` and the values of `tf.math.top_k` do carry a gradient, as does `x % 1.0`.
- A Keras 3 optimizer raises `ValueError: No gradients provided for any variable.` if all parameters lie
  behind the step. It does not name the operation.

## What PyTorch does

- `torch.round`, `floor`, `ceil`, `trunc` and `sign` have a `grad_fn` that answers zeros: `.grad` is a tensor of zeros,
  not `None`. whygrad reports it as this cause all the same.
- `argmax`, `argsort`, comparisons, `histc`, `bucketize` and `multinomial` give results without `grad_fn`; `.grad` stays
  `None`. If there is no other way, `backward` raises `element 0 of tensors does not require grad`.
- `sample()` of a distribution runs under `no_grad`; `rsample()` carries the gradient where there is one.
- `torch.sort`, `max` and `topk` carry a gradient to the values.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    probability = tf.sigmoid(x @ w)
    loss = tf.reduce_mean(tf.abs(tf.round(probability) - y))  # <- here
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    probability = tf.sigmoid(x @ w)
    loss = tf.reduce_mean(tf.abs(probability - y))
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])

probability = torch.sigmoid(x @ w)
loss = (torch.round(probability) - y).abs().mean()  # <- here
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
loss = (probability - y).abs().mean()
loss.backward()
print(w.grad)

## What JAX does

- `jnp.round`, `jnp.floor`, `jnp.sign`, `jnp.argmax`, `jnp.argsort`, comparisons and samples such as
  `jax.random.categorical` give a gradient of zeros, without a message.
- A loss that is a mean of comparisons (an accuracy) is accepted: its mean is a float. This is what happens if
  loss and accuracy change places under `has_aux=True`.
- The values of `jax.lax.top_k`, `jnp.sort` and `jnp.max` carry a gradient.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    probability = jax.nn.sigmoid(x @ w)
    return jnp.mean(jnp.abs(jnp.round(probability) - y))  # <- here


print(jax.grad(loss)(w))
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
    return jnp.mean(jnp.abs(probability - y))


print(jax.grad(loss)(w))
```

## How to fix it

- Train on the smooth quantity and keep the step for the metric: the probability instead of the decision,
  cross entropy instead of accuracy, soft counts instead of a confusion matrix.
- `softmax` with a temperature stands in for `argmax`, a sigmoid for a threshold.
- A straight-through estimate keeps the step in the forward pass: `p + tf.stop_gradient(tf.round(p) - p)`.
- For sampling, use a reparameterised sample (`mean + std * noise`, Gumbel-softmax) or a policy gradient,
  which learns from the log-probability of the sample.
- In PyTorch: `x + (torch.round(x) - x).detach()`, `rsample()`, `torch.nn.functional.gumbel_softmax`.

## When it is harmless

A step beside an intact path is not reported: the mask of `tf.where`, an `argmax` for a metric, an index that
picks rows with `tf.gather`, the sampled action of a policy gradient.

## How to silence it

There is no flag for it. If the parameters behind the step are trained by another loss or not at all, leave
them out of this gradient call, or freeze them.

- Casting the result back to `tf.float32` does not bring the gradient back.
- `unconnected_gradients="zero"` gives the zeros of the mathematics. The parameter still does not learn.
- Adding a `loss` to `compile` does not help: it is the loss that has no derivative.
- `loss.requires_grad_(True)` silences the error of `backward`, which then ends at the loss.
"""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.words import Words

ID = "non-differentiable-op"
WORDS = Words(
    "`{code}` has no derivative",
    "no gradient passes here: {detail}",
    "use a differentiable substitute (softmax for argmax, sigmoid for a comparison, a soft rank for a sort), "
    "or keep this out of the loss",
)


def _zero(around: str) -> Words:
    return Words(
        "the derivative of `{code}` is zero everywhere",
        "only zeros come back from here",
        f"let the gradient pass around it (`{around}`, where `q` is what it makes of `x`), or keep this out of "
        "the loss",
    )


# What a recorder says of a barrier, where that has words of its own.
DETAILS: Mapping[str, Mapping[str, Words]] = {
    "tensorflow": {"its derivative is zero": _zero("x + tf.stop_gradient(q - x)")},
    "torch": {
        "its derivative is zero": _zero("x + (q - x).detach()"),
        "sampling has no derivative": Words(
            "`{code}` draws a sample, and drawing has no derivative",
            "no gradient passes through a drawn sample",
            "use a sample that carries a gradient (`rsample()`, or mean + deviation * noise), "
            "or learn from its `log_prob`",
        ),
    },
    "keras": {},
    ANY: {},
}


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss."""
    cuts = cut_by(case, ID)
    return explain_cut(case, cuts, spoken(DETAILS, case).get(cuts[0].barrier.detail, WORDS)) if cuts else None
