"""# custom-gradient

a backward function written by the user returns nothing or zeros for this input

## What it is

`tf.custom_gradient` replaces the derivative of a function by one that the user writes. The framework takes
its answer as it is. Here the backward function answers `None` or zeros for the input through which the
parameter reaches the loss, so the gradient ends there although every operation inside is differentiable.

## What TensorFlow does

- A `None` from the backward function is accepted for any input. `tape.gradient` returns `None`, and there is
  no message.
- The number of answers is checked: `ValueError: custom_gradient function expected to return 2 gradients, but
  returned 1 instead.`
- The content and, in most cases, the shape are not checked.
- If the function reads a variable that is not an argument, the backward function must accept the keyword
  `variables` and return one more list, the gradients of those variables. Without the keyword TensorFlow
  raises a `TypeError`; with it, a list of `None` cuts those variables silently.

## What PyTorch does

- A `None` from the `backward` of a `torch.autograd.Function` is accepted for any input. `.grad` stays `None`, without
  a message; zeros are accepted too.
- The number and the shapes are checked: `RuntimeError: function ScaledBackward returned an incorrect number of
  gradients (expected 2, got 1)`.

## Broken: TensorFlow

```python
import tensorflow as tf


@tf.custom_gradient
def scaled(x, scale):
    def backward(upstream):
        return upstream * scale, None  # <- here

    return x * scale, backward


w = tf.Variable([0.5, -0.3], name="w")
scale = tf.Variable(2.0, name="scale")
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.square(scaled(w, scale)))
print(tape.gradient(loss, [w, scale]))
```

## Fixed: TensorFlow

```python
import tensorflow as tf


@tf.custom_gradient
def scaled(x, scale):
    def backward(upstream):
        return upstream * scale, tf.reduce_sum(upstream * x)

    return x * scale, backward


w = tf.Variable([0.5, -0.3], name="w")
scale = tf.Variable(2.0, name="scale")
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.square(scaled(w, scale)))
print(tape.gradient(loss, [w, scale]))
```

## Broken: PyTorch

```python
import torch


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, upstream):
        x, factor = ctx.saved_tensors
        return upstream * factor, None  # <- here


w = torch.tensor([1.0, 2.0], requires_grad=True)
scale = torch.tensor(3.0, requires_grad=True)
loss = Scaled.apply(w, scale).square().sum()
loss.backward()
print(w.grad, scale.grad)
```

## Fixed: PyTorch

```python
import torch


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, upstream):
        x, factor = ctx.saved_tensors
        return upstream * factor, (upstream * x).sum()


w = torch.tensor([1.0, 2.0], requires_grad=True)
scale = torch.tensor(3.0, requires_grad=True)
loss = Scaled.apply(w, scale).square().sum()
loss.backward()
print(w.grad, scale.grad)

## What JAX does

- The answer of a `jax.custom_vjp` backward function, or of a `jax.custom_jvp` rule, is taken as it is. Zeros
  there are zeros in the gradient, without a message. `None` stands for zeros as well.
- Number and shapes of the answers are checked, their meaning is not.
- whygrad traces the rule once more, without values, to see which of its answers depend on what came in.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


@jax.custom_vjp
def scaled(h, scale):
    return h * scale


def backward(kept, g):
    return g * kept[1], jnp.zeros_like(kept[1])  # <- here


scaled.defvjp(lambda h, scale: (h * scale, (h, scale)), backward)
params = {"w": w, "scale": jnp.ones((1,))}
print(jax.grad(lambda p: jnp.mean((jax.vmap(scaled, (0, None))(x @ p["w"], p["scale"]) - y) ** 2))(params))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


@jax.custom_vjp
def scaled(h, scale):
    return h * scale


def backward(kept, g):
    return g * kept[1], g * kept[0]


scaled.defvjp(lambda h, scale: (h * scale, (h, scale)), backward)
params = {"w": w, "scale": jnp.ones((1,))}
print(jax.grad(lambda p: jnp.mean((jax.vmap(scaled, (0, None))(x @ p["w"], p["scale"]) - y) ** 2))(params))
```

## How to fix it

- Return one gradient per argument, in the order of the arguments, each with the shape of its argument.
- Check the formula against numbers: `tf.test.compute_gradient(f, [x])` returns the theoretical and the
  numerical Jacobian.
- Drop the decorator if the function is made of differentiable operations: TensorFlow derives it.
- For a straight-through estimate return the upstream gradient unchanged, not `None`.
- In PyTorch return one gradient per argument of `forward`, and check it with `torch.autograd.gradcheck`.

## When it is harmless

An answer of `None` for an input that no trained parameter reaches (a mask, a label, a constant strength) is
not reported. Gradient reversal, clipping and scaling in the backward function carry a gradient and are fine.

## How to silence it

There is no flag for it. If the input is not to learn, pass it as a constant or leave its variable out of the
sources of the gradient call.

- Returning zeros in place of `None` silences the optimizer's warning. The parameter still does not learn.
- `unconnected_gradients="zero"` does the same from the outside.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from whygrad import source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.words import Words
from whygrad.span import Span
from whygrad.ways import Cut

ID = "custom-gradient"
FIX = "return the derivative for every input that is to be trained"
WORDS = Words(
    "the custom gradient of `{detail}` returns nothing for it",
    "this backward function answers None for that input",
    FIX,
)
ZEROS = Words(
    "the custom gradient of `{detail}` returns zeros for it, whatever gradient comes in",
    "this backward function answers zeros for that input",
    FIX,
)
# JAX hands back zeros for what a rule leaves out, and takes None for zeros.
ANSWERS: Mapping[str, Words] = {"jax": ZEROS, ANY: WORDS}


def explain(case: Case) -> Explanation | None:
    """The user's backward function answers None or zeros; the culprit is where it says so."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    words = ZEROS if cuts[0].barrier.zeros else spoken(ANSWERS, case)
    where = _backward(cuts[0], words is ZEROS)
    if where is None:
        return explain_cut(case, cuts, words)
    detail = cuts[0].barrier.detail
    return explain_cut(case, cuts, replace(words, reason=words.reason.replace("{detail}", detail)), where)


def _backward(cut: Cut, zeros: bool) -> Span | None:
    """The return of the backward function that holds the None or the zeros, else its last, else its head."""
    where = cut.barrier.where
    if where is None:
        return None
    function = source.function_at(where)
    if function is None or isinstance(function, (ast.Module, ast.Lambda)):
        return where
    returns = [s for s in source.statements(function) if isinstance(s, ast.Return) and s.value is not None]
    empty = [r for r in returns if any(_is_empty(n, zeros) for n in ast.walk(r))]
    for found in empty or returns[-1:]:
        return source.range_of(found, where)
    return where


def _is_empty(node: ast.AST, zeros: bool) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    if not zeros:
        return False
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("zeros", "zeros_like")
