"""# integer-dtype

an integer or boolean value stands on the only way from the parameter to the loss

## What it is

Gradients exist for floating-point and complex values only. Here a value on the way was cast to an integer or
boolean dtype, or the parameter or the watched input is an integer itself. Often nobody wrote the dtype down:
`tf.Variable(1)` is an `int32`.

## What TensorFlow does

- `tf.cast` to an integer gives `None` to everything before it, without a message. Casting back does not help.
- An integer variable is never watched: `tape.gradient` returns `None` for it.
- `tape.watch` on an integer tensor logs `WARNING:tensorflow:The dtype of the watched tensor must be floating
  (e.g. tf.float32), got tf.int32` and goes on.
- An integer target gives `None` for every source.
- Casts between floating-point dtypes (`float32`, `float16`, `bfloat16`) carry the gradient.

## What PyTorch does

- `.long()`, `.int()` and `.to(torch.uint8)` give a tensor without `grad_fn`, without a message. Casting back does not
  help. `.grad` of everything before it stays `None`.
- An integer cannot be a leaf with a gradient: `RuntimeError: Only Tensors of floating point and complex dtype can
  require gradients`.
- `.half()`, `.bfloat16()`, `.double()` and autocast carry the gradient.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([0.5, -0.3, 2.0], name="w")
goal = tf.constant([0.2, 0.4, 0.6])

with tf.GradientTape() as tape:
    pixels = tf.cast(255.0 * tf.sigmoid(w), tf.int32)  # <- here
    image = tf.cast(pixels, tf.float32) / 255.0
    loss = tf.reduce_mean(tf.square(image - goal))
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([0.5, -0.3, 2.0], name="w")
goal = tf.constant([0.2, 0.4, 0.6])

with tf.GradientTape() as tape:
    pixels = 255.0 * tf.sigmoid(w)
    image = tf.cast(pixels, tf.float32) / 255.0
    loss = tf.reduce_mean(tf.square(image - goal))
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([0.5, -0.3, 2.0], requires_grad=True)
scale = torch.tensor(1.0, requires_grad=True)
goal = torch.tensor([0.2, 0.4, 0.6])

pixels = (255.0 * torch.sigmoid(w)).to(torch.uint8)  # <- here
loss = (scale * pixels.float() / 255.0 - goal).square().mean()
loss.backward()
print(w.grad, scale.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([0.5, -0.3, 2.0], requires_grad=True)
scale = torch.tensor(1.0, requires_grad=True)
goal = torch.tensor([0.2, 0.4, 0.6])

pixels = 255.0 * torch.sigmoid(w)
loss = (scale * pixels.float() / 255.0 - goal).square().mean()
loss.backward()
print(w.grad, scale.grad)

## What JAX does

- `.astype(jnp.int32)` on the way gives zeros to everything before it, without a message.
- An integer parameter raises `TypeError: grad requires real- or complex-valued inputs`. The message names the
  dtype, not the place in the tree.
- With `allow_int=True` the gradient of an integer array is of the empty type `float0`. That is not reported.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    pixels = (255.0 * jax.nn.sigmoid(x @ w)).astype(jnp.int32)  # <- here
    return jnp.mean((pixels / 255.0 - y) ** 2)


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
    pixels = 255.0 * jax.nn.sigmoid(x @ w)
    return jnp.mean((pixels / 255.0 - y) ** 2)


print(jax.grad(loss)(w))
```

## How to fix it

- Stay in a floating-point dtype until the loss is computed; convert for storage or display afterwards.
- Write `tf.Variable(1.0)`, or give the dtype: `tf.Variable(1, dtype=tf.float32)`.
- For the gradient with respect to token ids, ask for the gradient of the embedded tokens instead: watch the
  output of the embedding layer.
- To train through quantisation, use a straight-through estimate: `x + tf.stop_gradient(quantised - x)`, or
  `tf.quantization.fake_quant_with_min_max_vars`.
- In PyTorch a straight-through estimate is `x + (quantised - x).detach()`.

## When it is harmless

Labels, token ids, indices, step counters, lengths and masks are integers or booleans by right. They are not
reported as long as each parameter keeps a floating-point way to the loss.

## How to silence it

There is no flag for it. If an integer variable is a counter, create it with `trainable=False` and leave it
out of the gradient call. If the values before a cast are not to learn, freeze what computes them.

- Casting back to `tf.float32` after the integer does not bring the gradient back.
- `tape.watch` on the integer tensor has no effect but the warning.
- `unconnected_gradients="zero"` and filtering `None` only hide the missing gradient.
- `loss.requires_grad_(True)` silences the error of `backward`, which then ends at the loss.
"""

from __future__ import annotations

from collections.abc import Mapping

from whygrad import source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, alone, quoted, spoken
from whygrad.causes.words import Words
from whygrad.finding import Fix, Label, Proof

ID = "integer-dtype"
WORDS = Words(
    "`{code}` turns it into integers, and integers carry no gradient",
    "{detail}: no gradient passes",
    "keep the value in a floating dtype up to the loss",
)
FLOATING: Mapping[str, str] = {
    "tensorflow": "`2.0` instead of `2`, or `dtype=tf.float32`",
    "torch": "`2.0` instead of `2`, or `dtype=torch.float32`",
    "jax": "`2.0` instead of `2`, or `dtype=jnp.float32`",
    ANY: "`2.0` instead of `2`",
}
_INTEGERS = ("int", "uint", "bool", "qint", "quint", "string")


def explain(case: Case) -> Explanation | None:
    """The parameter itself is of an integer type, or a cast to one stands nearest the loss."""
    parameter = case.parameter
    if not parameter.dtype.startswith(_INTEGERS):
        cuts = cut_by(case, ID)
        return explain_cut(case, cuts, WORDS) if cuts else None
    request = case.graph.request[0] if case.graph.request else None
    made = parameter.made() or (source.binding(parameter.path, request) if request else None) or request
    text = "asked for here, with" if made is request else "made with"
    return Explanation(
        f"{quoted(parameter.name)} has dtype {parameter.dtype}, and integers have no gradient",
        made,
        (Label(made, f"{text} dtype {parameter.dtype}"),) if made is not None else (),
        alone(case),
        fix=Fix(f"make it of floating values ({spoken(FLOATING, case)})"),
        proof=Proof("structural", True, "the framework differentiates floating and complex tensors only"),
    )
