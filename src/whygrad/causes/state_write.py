"""# state-write

the value goes into a variable and is read back, and the write carries no gradient

## What it is

On its only way to the loss the value was written into a variable with `assign`, `assign_add` or
`scatter_update` (a memory, a buffer, a running statistic, a cache) and read from there. A write replaces the
content of the variable; the variable does not remember what the new content was computed from.

## What TensorFlow does

- The write happens, and the value read back is right. `tape.gradient` returns `None` for what was written,
  without a message.
- The gradient ends at the variable. If that variable is itself trainable and asked for, it gets a gradient,
  which makes the loss look connected.
- Using what `assign` returns is no way around it: that is the variable, not the tensor.
- A Keras 3 optimizer warns `Gradients do not exist for variables [...]` for the parameters before the write.

## What PyTorch does

- `buffer.copy_(x)` and `buffer[i] = x` carry the gradient while grad mode is on. Under `torch.no_grad()`, or through
  `.data`, the write happens and leaves no `grad_fn`. `.grad` of what was written stays `None`, without a message.
- Writing to a leaf that requires a gradient raises `a leaf Variable that requires grad is being used in an in-place
  operation`. Wrapping the write in `no_grad`, as is often advised, cuts what is written.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
memory = tf.Variable(tf.zeros((2, 1)), trainable=False, name="memory")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    state = tf.tanh(x @ w)
    memory.assign(state)  # <- here
    loss = tf.reduce_mean(tf.square(memory - y))
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
memory = tf.Variable(tf.zeros((2, 1)), trainable=False, name="memory")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    state = tf.tanh(x @ w)
    memory.assign(state)
    loss = tf.reduce_mean(tf.square(state - y))
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])
memory = torch.zeros(2, 1)
scale = torch.tensor(2.0, requires_grad=True)

state = torch.tanh(x @ w)
with torch.no_grad():
    memory.copy_(state)  # <- here
loss = (scale * memory - y).square().mean()
loss.backward()
print(w.grad, scale.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])
memory = torch.zeros(2, 1)
scale = torch.tensor(2.0, requires_grad=True)

state = torch.tanh(x @ w)
memory.copy_(state.detach())
loss = (scale * state - y).square().mean()
loss.backward()
print(w.grad, scale.grad)
```

## What JAX does

- Arrays do not change, so there is no such write in plain JAX. whygrad does not follow values through mutable
  references (`jax.new_ref`).

## How to fix it

- Keep the tensor and compute the loss from it. Write it to the variable as well if the next step needs it.
- Collect the parts of a result in a Python list and join them with `tf.stack` or `tf.concat`; in a graph use
  `tf.TensorArray`. Both carry the gradient, a buffer filled by `assign` does not.
- To change a few entries of a tensor, use `tf.tensor_scatter_nd_update`, which is differentiable.
- A weight that depends on other weights is computed in `call`, not assigned once.
- In PyTorch collect the parts with `torch.stack`, and run a module with computed weights by
  `torch.func.functional_call`.

## When it is harmless

Running means, moving averages, metrics, step counters, replay buffers and caches that only the next step
reads are not reported, as long as the loss has a way around the write. What the optimizer writes into the
parameters is not a fault either.

## How to silence it

There is no flag for it. If the value is meant to be a constant once stored, leave the parameters before the
write out of the gradient call, or freeze them.

- Making the buffer trainable gives a gradient to the buffer, not to the parameters before it.
- `unconnected_gradients="zero"` and filtering `None` only hide the missing gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.words import Words

ID = "state-write"
WORDS: Mapping[str, Words] = {
    "tensorflow": Words(
        "the value goes through a variable that `{code}` writes, and a write carries no gradient",
        "the value is written into a variable here",
        "keep the value as a tensor (a list and `tf.stack`, or a TensorArray) instead of writing it into a variable",
    ),
    "torch": Words(
        "the value goes through a tensor that `{code}` writes in place, and this write carries no gradient",
        "the value is written in place here, past autograd",
        "use the value itself (`torch.stack` joins several, `torch.func.functional_call` runs a module with computed "
        "weights), or write it without `.data` and with grad mode on",
    ),
    ANY: Words(
        "the value goes through state that `{code}` writes, and a write carries no gradient",
        "the value is written here",
        "use the value itself instead of what was written",
    ),
}


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss."""
    cuts = cut_by(case, ID)
    return explain_cut(case, cuts, spoken(WORDS, case)) if cuts else None
