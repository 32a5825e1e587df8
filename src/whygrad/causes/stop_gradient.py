"""# stop-gradient

an explicit stop on the only way from the parameter to the loss

## What it is

`tf.stop_gradient` (or `keras.ops.stop_gradient`) hands its input on unchanged and tells the framework to
treat it as a constant. Every way from the parameter to the loss runs through such a call. Usually the call is
meant for the other side of a difference, or it wraps more than it should.

## What TensorFlow does

- The value of the loss is the same with and without the call, so nothing in the forward pass shows it.
- `tape.gradient` returns `None`, not zero, for a parameter that lies wholly behind the call. No message.
- A Keras 3 optimizer raises `ValueError: No gradients provided for any variable.` if this holds for all
  parameters, and warns `Gradients do not exist for variables [...]` if it holds for some.
- Inside `tf.function` and `fit` the result is the same.

## What PyTorch does

- `.detach()` and `.data` hand on the same numbers without a `grad_fn`; `nn.Parameter(x)` makes a new leaf of them.
- `.grad` of the parameters behind it stays `None`, without a message, and the optimizer passes over them.
- If nothing else requires a gradient, `backward` raises `RuntimeError: element 0 of tensors does not require grad
  and does not have a grad_fn`. It names neither the call nor its line.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
student = keras.layers.Dense(2, name="student")
teacher = keras.layers.Dense(2, name="teacher")
x = tf.constant([[1.0, 2.0], [3.0, -1.0]])

with tf.GradientTape() as tape:
    goal = teacher(x)
    loss = tf.reduce_mean(tf.square(tf.stop_gradient(student(x)) - goal))  # <- here
print(tape.gradient(loss, student.trainable_variables))
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
student = keras.layers.Dense(2, name="student")
teacher = keras.layers.Dense(2, name="teacher")
x = tf.constant([[1.0, 2.0], [3.0, -1.0]])

with tf.GradientTape() as tape:
    goal = teacher(x)
    loss = tf.reduce_mean(tf.square(student(x) - tf.stop_gradient(goal)))
print(tape.gradient(loss, student.trainable_variables))
```

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
student = nn.Linear(2, 2)
teacher = nn.Linear(2, 2)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])

loss = (student(x).detach() - teacher(x)).square().mean()  # <- here
loss.backward()
optimizer.step()
print(student.weight.grad)
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
student = nn.Linear(2, 2)
teacher = nn.Linear(2, 2)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])

loss = (student(x) - teacher(x).detach()).square().mean()
loss.backward()
optimizer.step()
print(student.weight.grad)

## What JAX does

- `jax.lax.stop_gradient` is the identity forwards. `jax.grad` returns an array of zeros for what lies wholly
  behind it, which looks like a gradient. No message.
- Inside `scan`, `jit`, `vmap` and `checkpoint` it does the same. `softmax` and `logsumexp` contain one that cuts
  nothing: it is never reported.
- Put on a parameter itself, while other weights are left to learn, it freezes that part: that is a note.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params):
    hidden = jax.lax.stop_gradient(jnp.tanh(x @ params["w"]))  # <- here
    return jnp.mean((hidden * params["scale"] - y) ** 2)


print(jax.grad(loss)({"w": w, "scale": jnp.ones(1)}))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


def loss(params):
    hidden = jnp.tanh(x @ params["w"])
    return jnp.mean((hidden * params["scale"] - jax.lax.stop_gradient(y)) ** 2)


print(jax.grad(loss)({"w": w, "scale": jnp.ones(1)}))
```

## How to fix it

- Put the call around the target, not around the prediction.
- Make it as narrow as possible: stop one tensor, not the expression that contains it.
- To keep a part of the model fixed, leave its variables out of the gradient call or freeze them. A stop on
  the output of a layer also cuts every layer before it.
- For a straight-through estimate write `x + tf.stop_gradient(q - x)`: the first `x` carries the gradient.
- In PyTorch write `teacher(x).detach()`, and `x + (q - x).detach()` for a straight-through estimate. Use `.data`
  nowhere in a forward pass.

## When it is harmless

A stop beside an intact path is never reported. That covers target networks, straight-through estimators,
codebook losses with two terms, and the stops inside Keras layers such as `BatchNormalization`. A stop is a
fault only if a parameter that should learn has no other way to the loss.

## How to silence it

There is no flag for it. If the parameters behind the stop are not to learn, say so where they are asked for:
leave them out of the sources of `tape.gradient`, or set `layer.trainable = False`.

- `unconnected_gradients="zero"` turns `None` into zeros. The parameter still does not learn.
- Filtering `None` out of the pairs for the optimizer only hides the warning.
- Adding a `loss` to `compile` does not remove the stop.
- `loss.requires_grad_(True)` silences the error of `backward`, which then ends at the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad import rewrite
from whygrad.causes.carried import cut_by, explain_cut, only_use
from whygrad.causes.cause import ANY, Case, Explanation, in_package, spoken
from whygrad.causes.constants import weighs_what_learns
from whygrad.causes.new_leaves import is_inside
from whygrad.causes.words import Words
from whygrad.finding import Fix

ID = "stop-gradient"
# Frameworks without a mark of their own for a parameter that is not to learn.
_FREEZES_BY_STOP = frozenset(("jax",))
WORDS = Words(
    "`{code}` stops it on its way to the loss",
    "the gradient stops here",
    "remove the call, or stop only the part that is meant to be a constant",
)
_INSIDE = "use what this call was given, or learn what it hands back in its place"
# The calls that can be taken off what they were given.
_STOPS: Mapping[str, tuple[str, ...]] = {
    "keras": ("stop_gradient", "detach"),
    "tensorflow": ("stop_gradient",),
    "torch": ("detach",),
    "jax": ("stop_gradient",),
    ANY: (),
}


def explain(case: Case) -> Explanation | None:
    """A barrier of this kind stands nearest the loss."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    found = explain_cut(case, cuts, WORDS, fix=Fix(_INSIDE) if is_inside(cuts[0]) else None)
    if _freezes(case):
        return replace(found, severity="note")
    return replace(found, fix=Fix(found.fix.summary, _unstopped(case))) if found.fix is not None else found


def _unstopped(case: Case) -> rewrite.Edits:
    """Every stop that is in the way, taken off; none if another kind of cut is, or one that others need too."""
    needed = case.flow.cuts(case.parameter.value)
    if len(needed) == 1:
        needed = case.cuts[:1]  # the one that is blamed is enough
    edits: dict[object, rewrite.Edits] = {}
    for cut in needed:
        place = cut.span
        if cut.barrier.kind != ID or place is None or in_package(place) or not only_use(case, cut):
            return rewrite.NONE
        if weighs_what_learns(case.flow, cut.op, cut.barrier.output):
            return rewrite.NONE
        edits[place.place()] = rewrite.unwrapped(place, spoken(_STOPS, case))
    return sum(edits.values(), rewrite.NONE) if all(edits.values()) else rewrite.NONE


def _freezes(case: Case) -> bool:
    """The stop stands on the parameter itself, and weights are left to learn: where that is how a part is frozen."""
    graph, flow = case.graph, case.flow
    if graph.framework not in _FREEZES_BY_STOP or graph.library:
        return False
    if not all(cut.op >= 0 and case.parameter.value in graph.inputs(cut.op) for cut in case.cuts):
        return False
    return any(p.asked and len(p.shape or ()) > 1 and flow.alive(p) for p in graph.parameters)
