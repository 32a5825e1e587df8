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
- A network that is linear in pieces (`relu`) has a second derivative of zeros: a loss that is made of it alone, as in a
  PINN, gives every parameter zeros.

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

import ast
from collections.abc import Mapping
from dataclasses import replace

from whygrad import rewrite, source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.choosing import choosing
from whygrad.causes.words import Words
from whygrad.finding import Fix
from whygrad.ways import Cut, Edge

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
_DRAWN = "drawing has no derivative"
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
    "jax": {
        **dict.fromkeys(("round", "floor", "ceil", "sign"), _zero("x + jax.lax.stop_gradient(q - x)")),
        "its derivative is constant": Words(
            "what `{code}` gives is the same whatever they are",
            "what is differentiated here is linear in pieces, so that this derivative is constant",
            "use an activation that can be differentiated once more (`jnp.tanh`, `jax.nn.softplus`, `jax.nn.silu`) "
            "where it is `relu` or the like",
        ),
        _DRAWN: Words(
            "`{code}` draws a sample, and drawing has no derivative",
            "no gradient passes through a drawn sample",
            "learn from the log-probability of the sample (`jax.nn.log_softmax(logits)` at the sample), "
            "or use one that carries a gradient (Gumbel-softmax, or mean + deviation * noise)",
        ),
    },
    "keras": {},
    ANY: {},
}
# The functions of `jax.random` that draw by comparing.
_DRAWS = frozenset(("categorical", "bernoulli", "choice", "poisson", "binomial", "multinomial", "geometric"))
# What the distributions of PyTorch draw with that can also draw as a function of their parameters.
_REPARAMETRISED = frozenset(("normal", "_standard_gamma", "_sample_dirichlet"))
# How a gradient is let pass around an operation, where `q` is what that makes of `x`.
_AROUND: Mapping[str, str] = {
    "tensorflow": "x + tf.stop_gradient(q - x)",
    "torch": "x + (q - x).detach()",
    "jax": "x + jax.lax.stop_gradient(q - x)",
    "keras": "x + keras.ops.stop_gradient(q - x)",
    ANY: "",
}
_PICKS = Words(
    WORDS.reason,
    WORDS.label,
    "use a soft choice (softmax weights over all rows), or let the gradient pass around it (`{around}`, where `q` is "
    "the row that is picked for `x`)",
)


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss."""
    cuts = cut_by(case, ID)
    if not cuts:
        return choosing(case, ID)
    words = _words(case, cuts[0])
    found = explain_cut(case, cuts, words)
    return replace(found, fix=Fix(found.fix.summary, _carried(case, cuts))) if found.fix is not None else found


def _carried(case: Case, cuts: list[Cut]) -> rewrite.Edits:
    """A sample of a distribution drawn in the way that carries a gradient, where that is all that is in the way."""
    place, op = cuts[0].span, cuts[0].op
    if place is None or op < 0 or case.graph.op(op).name not in _REPARAMETRISED or len({c.span for c in cuts}) != 1:
        return rewrite.NONE
    node = source.node_at(place)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "sample":
        return rewrite.NONE
    drawn = source.segment(place.file, node.func.value)
    return rewrite.calling(place, f"{drawn}.rsample") if drawn is not None else rewrite.NONE


def _words(case: Case, cut: Cut) -> Words:
    detail = _DRAWN if _is_drawn(case, cut) else cut.barrier.detail
    own = spoken(DETAILS, case).get(detail)
    around = spoken(_AROUND, case)
    if own is not None or not around or not _picks_a_row(case, cut):
        return own or WORDS
    return replace(_PICKS, fix=_PICKS.fix.replace("{around}", around))


def _is_drawn(case: Case, cut: Cut) -> bool:
    node = source.node_at(cut.span) if case.graph.framework == "jax" and cut.span is not None else None
    name = node.func if isinstance(node, ast.Call) else None
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) in _DRAWS


def _picks_a_row(case: Case, cut: Cut) -> bool:
    """Whether what is chosen here is an index, and the way goes on through what it picks of something else."""
    edges = case.flow.way(case.parameter.value)
    return any(edge.op > cut.op and edge.barrier is not None and _is_lookup(case, edge) for edge in edges)


def _is_lookup(case: Case, edge: Edge) -> bool:
    """Whether an index takes elements from a table that can be learned: a mask only lets through."""
    graph = case.graph
    others = [value for value in graph.inputs(edge.op) if value != edge.source]
    shapes = {graph.value(value).shape for value in (*others, edge.sink)}
    return edge.barrier is not None and edge.barrier.selects and len(others) == 1 and len(shapes) == 2
