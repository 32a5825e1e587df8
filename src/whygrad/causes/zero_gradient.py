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

## What JAX does

- Zeros in value and zeros of a missing way are the same array. whygrad tells them apart by the program, and
  reports only what has no way.

## How to fix it

- One output with two classes needs a `sigmoid`; a `softmax` needs one unit per class.
- Dead ReLU: use a smaller learning rate, a bias that starts above zero, or `leaky_relu`, `elu`, `gelu`.
- Saturation: scale the inputs, start with smaller weights, and compute losses from logits
  (`from_logits=True`).
- Clip gradients instead of values, or clip outside the loss.
- Check masks and sample weights: a batch in which everything is masked teaches nothing.
- Do not start two layers in a row with zeros.

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

from whygrad.causes.cause import Case, Explanation

ID = "zero-gradient"


def explain(case: Case) -> Explanation | None:
    """Needs the measured gradient, which no recorder reports yet: never claimed."""
    return None
