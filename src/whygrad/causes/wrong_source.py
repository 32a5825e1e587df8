"""# wrong-source

the gradient was asked of an object that this loss was not computed from

## What it is

The parameters in the gradient call are real and healthy, but they belong to something else: the twin of the
network in the loss, a clone or an earlier copy, the model before it was loaded again, another forward pass.
Asking a tape that is already used up is the same kind of mistake.

## What TensorFlow does

- `tape.gradient` returns `None` for every variable of the other model, without a message, even if both models
  have the same architecture, the same names and the same numbers.
- A Keras 3 optimizer then raises `ValueError: No gradients provided for any variable.` If it was built for
  other variables, it raises `ValueError: Unknown variable: ...` (`tf_keras`: `KeyError`).
- `keras.models.clone_model` and `copy.deepcopy` make new variables.
- Calling the model again makes new activations. A gradient asked of the second call's activations, as in
  Grad-CAM, is `None` if the score came from the first.
- A list that was taken from a model before its first call holds no variables, and stays as it is:
  `tape.gradient(loss, [])` answers `[]`, without a message.
- A tape that is not persistent can be asked once: `RuntimeError: A non-persistent GradientTape can only be
  used to compute one set of gradients (or jacobians)`.

## What PyTorch does

- `torch.autograd.grad` raises `RuntimeError: The differentiated Tensor at index 0 appears to not have been used in the
  graph. Set allow_unused=True if this is the desired behavior.` The advice turns the error into `None`.
- An optimizer built for the other model passes over parameters whose `.grad` is `None`, without a word.
- `copy.deepcopy` makes new parameters. A slice, view or `.clone()` of a parameter is another tensor: a gradient asked
  of it is not there if the loss was computed from the parameter.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
online = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="online")
target = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="target")
target.set_weights(online.get_weights())
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(online(x) - 1.0))
gradients = tape.gradient(loss, target.trainable_variables)  # <- here
print(gradients)
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
online = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="online")
target = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="target")
target.set_weights(online.get_weights())
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(online(x) - 1.0))
gradients = tape.gradient(loss, online.trainable_variables)
print(gradients)
```

## Broken: PyTorch

```python
import copy

import torch
from torch import nn

torch.manual_seed(0)
online = nn.Linear(2, 1)
target = copy.deepcopy(online)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

loss = (online(x) - 1.0).square().mean()
gradients = torch.autograd.grad(loss, list(target.parameters()), allow_unused=True)  # <- here
print(gradients)
```

## Fixed: PyTorch

```python
import copy

import torch
from torch import nn

torch.manual_seed(0)
online = nn.Linear(2, 1)
target = copy.deepcopy(online)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

loss = (online(x) - 1.0).square().mean()
gradients = torch.autograd.grad(loss, list(online.parameters()))
print(gradients)

## What JAX does

- `jax.grad` differentiates with respect to an argument, by default the first. An array that the function takes
  from around it (`self.params`, a global) is a constant, even if it is the very array that was passed in.
- The gradient of the argument is then an array of zeros. No message.
- `argnums` on another model of the same build is accepted too.

## Broken: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


params = {"w": w, "b": jnp.zeros(1)}


def loss(p):
    hidden = x @ params["w"]  # <- here
    return jnp.mean((hidden + p["b"] - y) ** 2)


print(jax.grad(loss)(params))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp

w = jnp.array([[0.5], [-0.3]])
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
y = jnp.array([[1.0], [0.0]])


params = {"w": w, "b": jnp.zeros(1)}


def loss(p):
    hidden = x @ p["w"]
    return jnp.mean((hidden + p["b"] - y) ** 2)


print(jax.grad(loss)(params))
```

## How to fix it

- Ask for the variables of the model whose output is in the loss.
- Take the list of variables after the model was built or called, or anew at each step.
- Take score and activations from one forward pass: build a model with both as outputs.
- For two losses, use one tape each, or `persistent=True` and delete the tape afterwards.
- After `clone_model` or `load_model`, use one name for the model in the loss and in the gradient call.
- In PyTorch slice after the gradient call: ask for the whole parameter, then take the part of its gradient.

## When it is harmless

A parameter that gets a gradient from any request of the same training step is not reported. So a list that
holds two models, one loss each, is fine, and so is a GAN in which each loss trains its own half.

## How to silence it

There is no flag for it. Take the other model's variables out of the sources, or freeze that model.

- `unconnected_gradients="zero"` makes a training step out of nothing: the optimizer applies zeros.
- `persistent=True` cures the used-up tape, not the wrong model.
- Filtering `None` leaves an empty list of pairs.
- `allow_unused=True` turns the error of `torch.autograd.grad` into `None`.
"""

from __future__ import annotations

from whygrad import rewrite
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation, quoted
from whygrad.causes.copied import copied
from whygrad.causes.mistaken import at_request, computed, other_pass, other_tensor, twin
from whygrad.causes.refusals import OTHER_SOURCE
from whygrad.causes.unlisted import unlisted
from whygrad.causes.words import Words
from whygrad.finding import Fix, Label, Proof, Step

ID = "wrong-source"
WORDS = Words(
    "it is read from outside the function in `{code}`, not from the argument that is differentiated",
    "what is read here comes from outside, and is a constant to the derivative",
    "use the function's own argument, `{detail}`, instead of what it closes over",
    again="and it is read from outside here as well",
)


def explain(case: Case) -> Explanation | None:
    """The gradient was asked of the wrong object: eleven ways to do so."""
    for way in (
        unlisted,
        _used_up,
        _refused,
        _chosen,
        _closed_over,
        _library_state,
        other_pass,
        other_tensor,
        computed,
        copied,
        twin,
    ):
        found = way(case)
        if found is not None:
            return found
    return None


def _used_up(case: Case) -> Explanation | None:
    if not case.graph.recording.used_up:
        return None
    opened, used = case.graph.recording.opened, case.graph.recording.used
    before = [Label(used, "asked here before, which used it up")] if used is not None else []
    return at_request(
        case,
        "the tape it is asked of was used up by an earlier request",
        "this tape has already given its gradients",
        "make the tape with `persistent=True`, or ask for all gradients in one call",
        "the framework refuses a second request of this tape",
        *before,
        edits=rewrite.given_keyword(opened, "persistent=True") if opened is not None else rewrite.NONE,
    )


def _refused(case: Case) -> Explanation | None:
    """The gradient of something else was put together with these, and that raised."""
    fault = case.graph.fault
    if fault is None or fault.kind != OTHER_SOURCE or not fault.stack:
        return None
    place = fault.stack[0]
    return Explanation(
        f"the gradient is asked of {fault.detail}, and these are to be updated by it",
        place,
        (Label(place, f"this asks for the gradient by {fault.detail}"),),
        (Step("parameter", case.parameter.name),),
        fix=Fix(
            "ask for it by the parameters, which the loss must take as an argument: the first, or that of `argnums`"
        ),
        proof=Proof("structural", True, "what came of it and these are trees of other shapes, and were put together"),
    )


def _chosen(case: Case) -> Explanation | None:
    """Of two arguments of one build the request names the one that no gradient reaches."""
    event = next((event for event in case.parameter.history if event.kind == "chosen"), None)
    if event is None:
        return None
    asked, other = quoted(event.note), quoted(event.detail)
    return at_request(
        case,
        f"`argnums` asks for {asked}, which is a constant to the loss, and not for {other}",
        f"this asks for {asked}",
        f"ask for {other}, the argument that comes before it",
        f"the two are built alike, no gradient reaches {asked}, and one does reach {other}",
        place=event.span,
    )


def _closed_over(case: Case) -> Explanation | None:
    """The function takes the array from around it, although it was given the same one as an argument."""
    cuts = cut_by(case, ID)
    return explain_cut(case, cuts, WORDS) if cuts else None


def _library_state(case: Case) -> Explanation | None:
    """``model.variables`` instead of ``model.trainable_variables``: moving statistics and the like."""
    parameter = case.parameter
    if parameter.trainable or not parameter.is_variable:
        return None
    return at_request(
        case,
        "it is state that its layer keeps, not a trainable parameter",
        "this asks for variables that are not trainable",
        "ask for `trainable_variables`",
        "the variable was made with trainable=False by its layer",
    )
