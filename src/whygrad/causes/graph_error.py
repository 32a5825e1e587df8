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

## What PyTorch does

- `one of the variables needed for gradient computation has been modified by an inplace operation`: whygrad points at
  the last write in place to a tensor of the shape that the message names.
- `Trying to backward through the graph a second time`: whygrad points at the value that carries an earlier step's
  graph into this one, such as the state of an RNN.
- `Inference tensors cannot be saved for backward`: it points at where the tensor was made.
- `grad can be implicitly created only for scalar outputs`, `can't optimize a non-leaf Tensor` and `optimizer got an
  empty parameter list` are explained where they are raised.

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

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])
optimizer = torch.optim.SGD([w], lr=0.1)

probability = torch.sigmoid(x @ w)
loss = (probability - y).square().mean()
probability.clamp_(0.1, 0.9)  # <- here
loss.backward()
optimizer.step()
print(w.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = torch.tensor([[1.0], [0.0]])
optimizer = torch.optim.SGD([w], lr=0.1)

probability = torch.sigmoid(x @ w)
loss = (probability - y).square().mean()
clamped = probability.clamp(0.1, 0.9)
loss.backward()
optimizer.step()
print(w.grad)
```

## What JAX does

- `TypeError: Gradient only defined for scalar-output functions` if the function returns more than one number or
  nothing, a pair without `has_aux=True`, or the loss behind what goes with it: whygrad points at the `return`.
- `UnexpectedTracerError` where a value of a traced function is met later: it points at the line that stored it.
- `Array has been deleted`: it points at the call that used the array up (`donate_argnums`).
- `Custom VJP bwd rule must produce ...`: it points at the `return` of that rule.
- Errors of Optax over trees that do not fit: it says whether the value was taken for the gradient, or the state of the
  optimizer made of another tree (the gradient of something else is `wrong-source`).
- Strings and functions among the parameters, `argnums` that name no argument, arrays where `nondiff_argnums` wants
  constants, and values whose number is asked for while JAX traces are explained where they are raised.
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
    return jnp.mean((x @ w - y) ** 2, axis=1)  # <- here


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
    return jnp.mean((x @ w - y) ** 2)


print(jax.grad(loss)(w))
```

## How to fix it

- Look at what the gradient call was given: the loss must be a tensor, the sources tensors or variables.
- Return the loss from every branch of the loss function.
- Keep gradients and variables in one order: `zip(tape.gradient(loss, variables), variables)`.
- If the list of variables is empty, look at why: see `frozen`, `untracked` and `not-called`.
- In PyTorch write `x = x + y` for `x += y`, and `state.detach()` for what is carried into the next step.

## When it is harmless

An exception that the program catches and survives is not reported, provided that every parameter gets its
gradient in the same training step. Exceptions that have nothing to do with gradients are none of whygrad's
business: they pass through unchanged, with the same traceback and exit status.

## How to silence it

There is no flag for it: the program does not run.

- `unconnected_gradients="zero"` fills in for missing gradients, not for a missing loss.
- Wrapping the step in `try` and `except` hides the exception, and nothing is trained.
- Adding a `loss` to `compile` helps with `fit` only, and only for `No loss to compute`.
- `retain_graph=True` keeps the graph of every earlier step alive, and does not bring back what was written over.
"""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.cause import Case, Explanation, code_of
from whygrad.causes.faults import FAULTS, UNTRACED
from whygrad.causes.stored import stored
from whygrad.causes.words import Words, explained
from whygrad.finding import Label, Proof, ProofKind, Step

ID = "graph-error"


def explain(case: Case) -> Explanation | None:
    """The framework raised, and none of the links explains why."""
    error, fault = case.graph.error, case.graph.fault
    if error is None:
        return None
    place = case.graph.request[0] if case.graph.request else None
    if fault is not None and fault.kind in FAULTS and fault.stack:
        return _broken(case, FAULTS[fault.kind])
    message = " ".join(error.split())
    return Explanation(
        f"the request raised {message[:120]}",
        place,
        (Label(place, "raised here"),) if place is not None else (),
        (Step("parameter", case.parameter.name),),
        proof=Proof("structural", True, "the framework's own error"),
    )


def _broken(case: Case, words: Words) -> Explanation:
    """The error is known, and with it the line that broke the graph."""
    fault, raised = case.graph.fault, case.graph.request[0] if case.graph.request else None
    assert fault is not None
    if not fault.traced and fault.kind in UNTRACED:
        words = replace(words, reason=UNTRACED[fault.kind], label="raised here")
    place = (stored(fault.stack) if fault.kind == "leaked" else None) or fault.stack[0]
    at_request = [Label(raised, "raised here")] if raised is not None and raised.place() != place.place() else []
    chain = (Step("parameter", case.parameter.name), Step("cut", f"[{code_of(place, 40)}]", place))
    told = explained(words, place, chain, *at_request, detail=fault.detail)
    kind: ProofKind = "structural" if fault.traced else "inferred"
    return replace(told, proof=Proof(kind, True, "the framework's own error says what it met"))
