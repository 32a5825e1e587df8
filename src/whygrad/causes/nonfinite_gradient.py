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

from collections.abc import Mapping
from dataclasses import replace

from whygrad.causes.alive import Way, born, explain_birth, name_of
from whygrad.causes.cause import Case, Explanation
from whygrad.finding import Proof
from whygrad.ways import Edge

ID = "nonfinite-gradient"

ROOT = Way(
    "the derivative of `{code}` is infinite at zero",
    "infinite slope at zero",
    "add a small constant under the root or norm: `sqrt(x + eps)`",
)
POLE = Way(
    "`{code}` divides by zero, or nearly so",
    "a zero in the denominator",
    "add a small constant to the denominator, or replace the zeros in it before the division",
)
LOG = Way(
    "`{code}` takes the logarithm of zero, or of something negative",
    "no finite slope at zero",
    "clamp the input from below, or compute the loss from logits (`log_softmax`, `logsigmoid`)",
)
OVERFLOW = Way("`{code}` overflows", "infinite at these values", "subtract the largest value first, or clamp the input")
EMPTY = Way(
    "a row of `{code}` has nothing to choose from",
    "a row with every entry masked",
    "leave at least one entry of each row unmasked, or mask with a large negative number instead of -inf",
)
SPREAD = Way(
    "`{code}` has no derivative where all its values are equal",
    "no spread, no slope",
    "add a small constant, or do not normalise a constant input",
)
WHERE = Way(
    "`where` does not protect from `{code}`: the branch that is not taken has an infinite derivative, and "
    "0 * inf is NaN",
    "computed for the elements that are not taken too",
    "replace the bad inputs before this operation too: `where(ok, x, 1.0)` inside and out",
)

INDEFINITE = Way(
    "`{code}` is given a matrix that is not positive definite",
    "not a number for such a matrix",
    "add a small multiple of the identity to the matrix, and look at what makes it indefinite",
)
BEGINS = Way(
    "the loss itself is not finite, and that begins in `{code}`",
    "finite numbers come in, and what comes out is not finite",
    "keep what comes in where the result is finite: a lower bound, a smaller learning rate, smaller first weights",
)

WAYS: Mapping[str, Way] = {
    name: way
    for names, way in (
        (
            "sqrt rsqrt norm linalg_norm linalg_vector_norm vector_norm matrix_norm frobenius_norm cdist pdist "
            "pairwise_distance normalize cosine_similarity pow rpow euclideannorm prod cumprod",
            ROOT,
        ),
        ("div true_divide rdiv rtruediv truediv reciprocal realdiv divnonan inv integer_pow", POLE),
        ("log log2 log10 log1p xlogy logit binary_cross_entropy lgamma digamma", LOG),
        ("cholesky cholesky_ex linalg_cholesky linalg_cholesky_ex", INDEFINITE),
        ("exp expm1 sinh cosh tan", OVERFLOW),
        ("softmax log_softmax logsumexp scaled_dot_product_attention logsoftmax", EMPTY),
        (
            "std std_mean var layer_norm group_norm batch_norm acos asin arccos arcsin atan2 acosh atanh erfinv "
            "linalg_svd svd linalg_eigh eigh linalg_inv inverse linalg_det logdet",
            SPREAD,
        ),
    )
    for name in names.split()
}
_CHOOSES = frozenset(("where", "select", "selectv2", "select_n", "masked_fill", "maximum", "minimum"))
# What may stand between, in which each element stays by itself; and how many of them.
_ELEMENTWISE = frozenset(
    "mul multiply __mul__ __rmul__ neg __neg__ negative add addv2 __add__ sub __sub__ square".split()
)
_FAR = 4


_FORWARD = "measured in the forward pass: what this operation was given was finite, and what it gave not"


def explain(case: Case) -> Explanation | None:
    """The operation whose backward first yields what is not finite."""
    if case.parameter.gradient != "nonfinite":
        return None
    first = _first_break(case)
    if first is not None:
        told = explain_birth(case, first, WAYS.get(name_of(case, first), BEGINS), "")
        point = case.graph.points.get(first.sink)
        notes = told.notes if point is None else (f"its result is {point}", *told.notes)
        return replace(told, notes=notes, proof=Proof("structural", True, _FORWARD))
    for edge in reversed(born(case, "nonfinite")):
        way = WAYS.get(name_of(case, edge))
        if way is not None:
            found = WHERE if _is_chosen_among(case, edge) else way
            told = explain_birth(case, edge, found, "what came back to this operation was finite, and what it gave not")
            point = case.graph.points.get(edge.source)
            return told if point is None else replace(told, notes=(f"its input is {point}", *told.notes))
    return None


def _first_break(case: Case) -> Edge | None:
    """Where the forward pass itself stops being finite, on the way to a loss that is not finite either."""
    graph = case.graph
    for value in sorted(graph.breaks, key=graph.value_op.__getitem__):
        op = graph.value_op[value]
        if op >= 0 and case.flow.influences(value) and graph.inputs(op):
            edge = Edge(graph.inputs(op)[0], op, value, None)
            if name_of(case, edge) in WAYS or value in graph.points:
                return edge
    return None


def _is_chosen_among(case: Case, edge: Edge) -> bool:
    """Whether all that comes of the operation's result, element by element, goes into one that takes some elements."""
    graph, flow, value = case.graph, case.flow, edge.sink
    for _ in range(_FAR):
        readers = [op for op in flow.readers(value) if any(flow.carries(made) for made in graph.outputs(op))]
        names = {graph.op(op).name.lower() for op in readers}
        if len(readers) != 1 or not names <= _ELEMENTWISE:
            return bool(readers) and names <= _CHOOSES
        value = graph.outputs(readers[0])[0]
    return False
