"""# left-framework

the value left the framework for NumPy or Python and came back as a constant

## What it is

On the way to the loss a tensor was turned into a NumPy array or a Python number: by `.numpy()`, `float()`,
`.item()`, a `np.` function, `model.predict`, `tf.numpy_function`, or NumPy inside a `tf.py_function`. What
came back is a new tensor that remembers its value and nothing of where it came from.

## What TensorFlow does

- In eager mode it converts in both directions without a word. `tape.gradient` returns `None` for everything
  before the trip.
- If the loss itself is a NumPy number, `tape.gradient` raises `AttributeError: 'numpy.float32' object has no
  attribute '_id'`.
- In a `tf.function`, and so in `fit`, there is no value to hand out. A `np.` function raises
  `NotImplementedError: Cannot convert a symbolic tf.Tensor (...) to a numpy array`, and `.numpy()` raises
  `AttributeError: 'SymbolicTensor' object has no attribute 'numpy'`.
- `tf.numpy_function` gives `None`. `tf.py_function` is differentiable, but NumPy inside it is not: it hands
  back a scalar zero, which is either silent or an `InvalidArgumentError` in the operation before it.

## What PyTorch does

- `.item()`, `.tolist()` and `int()` hand out a number without a word; `float()` and `math.` functions warn once:
  `Converting a tensor with requires_grad=True to a scalar`.
- `.numpy()` raises `Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.` That
  is meant for values to look at. In the way of a loss it makes the error a silent `None`.
- `torch.tensor(x)` of a tensor is a constant too. torch warns, but about copying.

## Broken: TensorFlow

```python
import numpy as np
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = np.array([[1.0], [0.0]], dtype="float32")

with tf.GradientTape() as tape:
    errors = np.square((x @ w).numpy() - y)  # <- here
    loss = tf.reduce_mean(errors)
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import numpy as np
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = np.array([[1.0], [0.0]], dtype="float32")

with tf.GradientTape() as tape:
    errors = tf.square((x @ w) - y)
    loss = tf.reduce_mean(errors)
print(tape.gradient(loss, w))
```

## Broken: PyTorch

```python
import numpy as np
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = np.array([[1.0], [0.0]], dtype="float32")

errors = np.square((x @ w).detach().numpy() - y)  # <- here
loss = torch.from_numpy(errors).mean()
loss.requires_grad_(True)
loss.backward()
optimizer.step()
print(w.grad)
```

## Fixed: PyTorch

```python
import numpy as np
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
y = np.array([[1.0], [0.0]], dtype="float32")

errors = torch.square(x @ w - torch.from_numpy(y))
loss = errors.mean()
loss.backward()
optimizer.step()
print(w.grad)

## What JAX does

- NumPy functions and `float()` inside a differentiated function raise `TracerArrayConversionError` or
  `ConcretizationTypeError`; an `if` on a value raises `TracerBoolConversionError` under `jit`.
- `.item()` and `int()` succeed where `jax.grad` runs without `jit`, and cut the gradient without a word.
- `jax.pure_callback` and `jax.experimental.io_callback` raise `ValueError: Pure callbacks do not support JVP`
  once a gradient has to pass; `jax.custom_vjp` gives them a rule.

## Broken: JAX

```python
import jax
import jax.numpy as jnp
import numpy as np

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(w):
    errors = np.square(np.asarray(x @ w) - y)  # <- here
    return jnp.mean(errors)


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
    errors = jnp.square(x @ w - y)
    return jnp.mean(errors)


print(jax.grad(loss)(w))
```

## How to fix it

- Use the TensorFlow function of the same meaning: `tf.square`, `tf.reduce_mean`, `tf.where`, `keras.ops`.
- Keep losses as tensors: sum them with `tf.add_n` or `+`, and call `float(loss)` only to print.
- Call `model(x)` inside the tape. `model.predict(x)` returns a NumPy array.
- If the code must stay in NumPy, wrap it in `tf.custom_gradient` and write the derivative by hand.
- In PyTorch use `torch.exp` for `math.exp`, `torch.clamp` for the built-in `min`, `torch.stack` for `torch.tensor` of
  a list of tensors.

## When it is harmless

`.numpy()` and `float()` for logging, metrics, plots and early stopping are not reported, nor is data that
comes in from NumPy. The trip is a fault only if its result is what the loss is made of.

## How to silence it

There is no flag for it. If the values behind the trip are meant to be constants, leave the parameters behind
them out of the gradient call, or freeze them.

- `tf.constant(value)` and `tf.convert_to_tensor(value)` bring the value back, not its history.
- `run_eagerly=True` makes the `NotImplementedError` go away and replaces it by a silent `None`.
- `unconnected_gradients="zero"` and filtering `None` only hide the missing gradient.
- `loss.requires_grad_(True)` silences the error of `backward`, which then ends at the loss.
- `.detach()` before `.numpy()` silences the error there, and is the cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad import provenance
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, Case, Explanation, code_of, in_package, spoken
from whygrad.causes.choosing import choosing
from whygrad.causes.instead import CALLED, itself, picking, predicting
from whygrad.causes.refusals import UNKNOWN_NUMBER
from whygrad.causes.staying import kept_inside
from whygrad.causes.words import Words
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.span import Span

ID = "left-framework"
WORDS = Words(
    "`{code}` takes the value out of the framework, and what comes back is a constant",
    "the value leaves the framework here",
    "compute this with {owner} own operations instead",
)
OWNERS: Mapping[str, str] = {
    "tensorflow": "TensorFlow's",
    "torch": "torch's",
    "keras": "Keras'",
    ANY: "the framework's",
}
# A tensor made out of a tensor: nothing leaves, and what is made knows nothing of where it came from all the same.
COPIED = Words(
    "`{code}` copies the value into a new tensor, and that is a constant",
    "a new tensor is made of the value here, without its history",
    "use the tensor itself (`.clone()` copies it with its history, `torch.stack` joins several)",
)
# The built-in functions that compare values in Python and hand one of them back.
PICKED = Words(
    "`{code}` compares the values in Python, and what it picks is a constant",
    "Python picks one of the values here",
    "use {instead} in its place",
)
# JAX asks a traced value for yes or no, and raises.
DECIDED = Words(
    "`{code}` is to decide in Python, and what it is is not known while JAX traces",
    "Python asks for yes or no here",
    "use `jnp.where(condition, one, other)`, or `jax.lax.cond`, in place of the `if`",
)
_DECIDING = "make what decides it a static argument (`static_argnums`), or use `jnp.where` and `jax.lax.cond`"
BY_DETAIL = {"makes a constant of it": COPIED, "__bool__": DECIDED}
HOW = {
    "the same value came back": "the constant that came back holds the very same value",
    "inferred": "the source text shows that the constant is computed from the value that left",
}


def explain(case: Case) -> Explanation | None:
    """The value went out and a constant came back, or the loss itself is no tensor."""
    if case.graph.target_text is not None:
        return _loss_outside(case)
    if case.graph.fault is not None and not case.graph.targets:
        return _number_asked(case, case.graph.fault.stack[0]) if case.graph.fault.kind == UNKNOWN_NUMBER else None
    cuts = cut_by(case, ID)
    if not cuts:
        return choosing(case, ID)
    culprit = _outside_packages(cuts[0].span)
    instead = picking(case, culprit)
    own = BY_DETAIL.get(cuts[0].barrier.detail, WORDS)
    words = PICKED if instead and own is not COPIED else own
    edits = kept_inside(case, culprit) if words is WORDS and len({cut.span for cut in cuts}) == 1 else ()
    model, own_words = predicting(culprit), words.fix.format(owner=spoken(OWNERS, case), instead=instead)
    fix = Fix(CALLED.format(model=model) if model else itself(case, cuts[0]) or own_words, edits)
    found = explain_cut(case, cuts, words, culprit, fix)
    how = HOW.get(cuts[0].barrier.detail)
    return found if how is None else replace(found, notes=(*found.notes, how))


def _outside_packages(span: Span | None) -> Span | None:
    """Leaving inside a package is that package's business: point at the user's own call of it."""
    if span is None or not in_package(span):
        return span
    return next((s for s in span.called_from if not in_package(s)), span)


def _number_asked(case: Case, culprit: Span) -> Explanation:
    """The framework raised where Python wanted to know a number of what is only traced."""
    labels = [Label(culprit, "asks for a number while the function is only traced")]
    if case.graph.request and case.graph.request[0].place() != culprit.place():
        labels.append(Label(case.graph.request[0], "raised here"))
    array = case.graph.fault is not None and case.graph.fault.detail == "array"
    own, wanted = WORDS.fix.format(owner=spoken(OWNERS, case)), "numbers that are" if array else "a number that is"
    return Explanation(
        f"`{code_of(culprit)}` needs {wanted} not known before the function runs",
        culprit,
        tuple(labels),
        (Step("parameter", case.parameter.path), Step("cut", f"[{code_of(culprit, 40)}]", culprit)),
        fix=Fix(own if array else _DECIDING),
        proof=Proof("structural", True, "the framework's own error says what it met"),
    )


def _loss_outside(case: Case) -> Explanation | None:
    departure = provenance.last_departure(case.graph, case.flow, case.parameter.value, case.opened)
    if departure is None or not departure.stack:
        return None
    culprit = _outside_packages(departure.stack[0])
    assert culprit is not None
    labels = [Label(culprit, "the value leaves the framework here")]
    if case.graph.request:
        labels.append(Label(case.graph.request[0], f"the gradient is asked of a {case.graph.target_text}"))
    return Explanation(
        f"the loss is a {case.graph.target_text}, computed from `{code_of(culprit)}` outside the framework",
        culprit,
        tuple(labels),
        (
            Step("parameter", case.parameter.name),
            Step("cut", f"[{code_of(culprit, 40)}]", culprit),
            Step("loss", "loss"),
        ),
        fix=Fix(WORDS.fix.format(owner=spoken(OWNERS, case)), kept_inside(case, culprit)),
        proof=Proof("structural", True, "the loss is no tensor, so nothing leads from it back to a parameter"),
    )
