"""# no-registered-gradient

the framework has no gradient for this operation at all

## What it is

The operation is a smooth function, or near enough, but nobody wrote its derivative for TensorFlow. The
forward pass works. The first gradient that arrives at the operation finds no entry in the registry. An
operation that has no useful derivative in mathematics is `non-differentiable-op`.

## What TensorFlow does

- `tape.gradient` raises `LookupError: gradient registry has no entry for: Lu`. It names the operation by its
  internal name, but not the line of your program that used it. In `fit` the traceback ends inside Keras.
- It raises only if a gradient has to pass. The same operation on data, or behind a stop, is no problem.
- Met in practice: `tf.linalg.lu` (`Lu`), `tf.linalg.logm` (`MatrixLogarithm`), `tf.image.adjust_contrast`
  (`AdjustContrastv2`), `tf.image.adjust_hue`, `tf.image.adjust_saturation`, `tf.truncatemod`, `tf.bitcast`,
  `tf.unique`, `tf.image.resize` with `method="area"`, `tf.random.poisson` with a learned rate.

## What PyTorch does

- The result does have a `grad_fn`, and `backward` raises: `NotImplementedError: the derivative for 'igamma: input' is
  not implemented.` or `RuntimeError: derivative for aten::histogram is not implemented`. Neither names your line.
- Met in practice: `torch.igamma` (its first argument), `torch.histogram`, `torch.special.zeta`, `torch.heaviside`,
  `torch.unique`, `//`.
- Some operations say nothing at all: `torch.histc` and `torch.special.bessel_j0` give a result without `grad_fn`.

## Broken: TensorFlow

```python
import tensorflow as tf

a = tf.Variable([[2.0, 1.0], [1.0, 3.0]], name="a")

with tf.GradientTape() as tape:
    factors, _ = tf.linalg.lu(a)  # <- here
    loss = tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(factors))))
print(tape.gradient(loss, a))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

a = tf.Variable([[2.0, 1.0], [1.0, 3.0]], name="a")

with tf.GradientTape() as tape:
    _, loss = tf.linalg.slogdet(a)
print(tape.gradient(loss, a))
```

## Broken: PyTorch

```python
import torch

shape = torch.tensor([2.0, 3.0], requires_grad=True)
optimizer = torch.optim.SGD([shape], lr=0.1)
x = torch.tensor([1.0, 2.0])

probability = torch.igamma(shape, x)  # <- here
loss = (probability - 0.5).square().mean()
loss.backward()
optimizer.step()
print(shape.grad)
```

## Fixed: PyTorch

```python
import torch

shape = torch.tensor([2.0, 3.0], requires_grad=True)
optimizer = torch.optim.SGD([shape], lr=0.1)
x = torch.tensor([1.0, 2.0])

probability = torch.sigmoid(x - shape)
loss = (probability - 0.5).square().mean()
loss.backward()
optimizer.step()
print(shape.grad)

## What JAX does

- `NotImplementedError: Differentiation rule for '...' not implemented`, or the like, as soon as a gradient has
  to pass: `jnp.linalg.svd` with full matrices, `jax.scipy.linalg.schur`, `jnp.nextafter`.
- `jax.lax.while_loop`, and `fori_loop` with a bound that is not a Python number, raise `ValueError:
  Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic start/stop
  values`. The traceback ends in JAX, not at the loop.
- Forwards (`jax.jvp`, `jax.jacfwd`) such loops are differentiable.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w, turns):
    h = jax.lax.fori_loop(0, turns, lambda i, h: jnp.tanh(h @ w.T + x), x)  # <- here
    return jnp.mean(h**2)


print(jax.jit(jax.grad(loss))(jnp.eye(2), 3))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w, turns):
    h = jax.lax.fori_loop(0, turns, lambda i, h: jnp.tanh(h @ w.T + x), x)
    return jnp.mean(h**2)


print(jax.jit(jax.grad(loss), static_argnums=1)(jnp.eye(2), 3))
```

## How to fix it

- Use another operation of the same meaning that has a gradient: `slogdet`, `cholesky`, `qr` or `eigh` for
  `lu`; `tf.math.floormod` for `tf.truncatemod`; `method="bilinear"` for `"area"`.
- Write it with basic operations: contrast is `(image - mean) * factor + mean`.
- Wrap it in `tf.custom_gradient` and give the derivative yourself.
- Move it out of the differentiated part: image augmentation belongs in the input pipeline, before the tape.
- In PyTorch wrap it in a `torch.autograd.Function` with a `backward` of your own.

## When it is harmless

Such an operation on labels, on input images, in a metric or beside an intact path that no gradient enters is
not reported, because nothing is raised and every parameter gets its gradient.

## How to silence it

There is no flag for it, and TensorFlow stops the program anyway. If no gradient should pass, say so with
`tf.stop_gradient` in front of the operation, and leave the parameters before it out of the gradient call.

- Registering `None` with `tf.no_gradient("Lu")` turns the error into a silent `None`. That is worse.
- `unconnected_gradients="zero"` does not catch the error.
- Running eagerly or in a graph makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.words import Words
from whygrad.finding import Fix
from whygrad.ways import Cut

ID = "no-registered-gradient"
WORDS = Words(
    "`{code}` has no gradient in the framework",
    "{detail}",
    "replace it by operations that have a gradient, or move it before the trainable part",
)
# What the framework has a first derivative for, which the request itself differentiates.
ONCE = Words(
    "the derivative of `{code}` has no derivative of its own in the framework",
    "{detail}",
    "write it with basic operations, which can be differentiated twice",
)
# An operation of the program's own.
OWN = Words(
    "`{code}` is an operation of the program's own, and nobody gave its derivative",
    "{detail}",
    "give its derivative: `register_autograd(backward, setup_context=...)` of what `torch.library.custom_op` made",
)
SAID: Mapping[str, Words] = {"none for that derivative": ONCE, "given no formula": OWN}
# What to do about operations that are met often, by the name that the framework gives them.
CURES: Mapping[str, Mapping[str, str]] = {
    "jax": {
        "while": "use `lax.scan`, or a `fori_loop` whose bounds are Python numbers; for a fixed point give the "
        "derivative itself (`lax.custom_root`, `jax.custom_vjp`)",
        "svd": "ask for `full_matrices=False`, which has a derivative",
    },
    "tensorflow": {},
    "torch": {
        "scaled_dot_product_attention": "choose the kernel that can be differentiated twice: `with "
        "torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):` around the forward pass",
        "multi_head_attention_forward": "choose the kernel that can be differentiated twice: `with "
        "torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):` around the forward pass",
    },
    ANY: {},
}

# What the framework's error says at an operation without a gradient, and whether it calls that as the program does.
RAISED: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "tensorflow": (("LookupError",), True),
    "torch": (("derivative for", "no autograd formula"), False),
}


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss, or the request raised at one on any way to it."""
    cuts = cut_by(case, ID) or _raised(case)
    if not cuts:
        return None
    cure = spoken(CURES, case).get(case.graph.op(cuts[0].op).name if cuts[0].op >= 0 else "")
    words = next((words for text, words in SAID.items() if text in cuts[0].barrier.detail), WORDS)
    return explain_cut(case, cuts, words, fix=None if cure is None else Fix(cure))


def _raised(case: Case) -> list[Cut]:
    """The operation that the framework's own error names: it spoils the request for every parameter.

    What the request differentiates a second time need not be on the way to the loss.
    """
    graph = case.graph
    texts, by_name = RAISED.get(graph.framework, (("",), True))
    if graph.error is None or not any(text in graph.error for text in texts):
        return []
    beside: list[Cut] = []
    for op, barriers in graph.barriers.items():
        outputs = graph.outputs(op)
        for barrier in barriers:
            if barrier.kind == ID and (not by_name or graph.op(op).name in graph.error):
                cut = Cut(op, barrier, graph.op(op).stack)
                if case.flow.carries(outputs[barrier.output]):
                    return [cut]
                beside.append(cut)
    return beside[-1:] if not by_name else []
