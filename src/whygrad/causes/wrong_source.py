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

from collections import Counter

from whygrad import rewrite, source
from whygrad.causes.carried import Words, cut_by, explain_cut
from whygrad.causes.cause import TRAINED, Case, Explanation, quoted, spoken
from whygrad.finding import Fix, Label, Proof, Step
from whygrad.graph import Op, Parameter
from whygrad.span import Span

ID = "wrong-source"
WORDS = Words(
    "the loss reads `{code}` from outside the function, not the argument that is differentiated",
    "this is the array from outside, and a constant to the derivative",
    "use what the function gets as its argument, `{detail}`, instead of the array it closes over",
    "and it is read from outside here as well",
)


def explain(case: Case) -> Explanation | None:
    """The gradient was asked of the wrong object: six ways to do so."""
    for way in (_used_up, _closed_over, _library_state, _other_pass, _other_tensor, _twin):
        found = way(case)
        if found is not None:
            return found
    return None


def _at_request(
    case: Case,
    reason: str,
    label: str,
    fix: str,
    proof: str,
    *more: Label,
    place: Span | None = None,
    edits: rewrite.Edits = rewrite.NONE,
) -> Explanation | None:
    """An explanation that blames the gradient call, or a better place."""
    if place is None:
        place = case.graph.request[0] if case.graph.request else None
    if place is None:
        return None
    chain = (Step("parameter", case.parameter.path, case.parameter.made()),)
    labels = (Label(place, label), *more)
    return Explanation(reason, place, labels, chain, fix=Fix(fix, edits), proof=Proof("structural", True, proof))


def _used_up(case: Case) -> Explanation | None:
    if not case.graph.recording.used_up:
        return None
    opened = case.graph.recording.opened
    return _at_request(
        case,
        "the tape it is asked of was used up by an earlier request",
        "this tape has already given its gradients",
        "make the tape with `persistent=True`, or ask for all gradients in one call",
        "the framework refuses a second request of this tape",
        edits=rewrite.given_keyword(opened, "persistent=True") if opened is not None else rewrite.NONE,
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
    return _at_request(
        case,
        "it is state that its layer keeps, not a trainable parameter",
        "this asks for variables that are not trainable",
        "ask for `trainable_variables`",
        "the variable was made with trainable=False by its layer",
    )


def _other_pass(case: Case) -> Explanation | None:
    """A tensor of one forward pass, and a loss of another."""
    parameter, flow = case.parameter, case.flow
    if parameter.is_variable or parameter.value < 0 or flow.influences(parameter.value):
        return None
    op = case.graph.value_op[parameter.value]
    if op < 0:
        return None
    made = case.graph.op(op)
    twin = next(
        (o for o in case.graph.ops() if o.id != op and _same_work(made, o) and flow.influences(o.outputs[0])), None
    )
    if twin is None:
        return None
    more = [Label(made.span, f"{quoted(parameter.path)} comes from this forward pass")] if made.span else []
    other = twin.span if twin.span is not None and made.span is not None and twin.span != made.span else None
    if other is not None and case.graph.request:
        more.append(Label(case.graph.request[0], f"asked here of this {quoted(parameter.path)}"))
    return _at_request(
        case,
        "the loss was computed in another forward pass than it",
        "the loss comes from this other forward pass"
        if other
        else f"the loss does not come from {quoted(parameter.path)}",
        f"compute the loss from {quoted(parameter.path)} itself, in one forward pass",
        "the same computation ran twice, and only the other run leads to the loss",
        *more,
        place=other,
    )


def _other_tensor(case: Case) -> Explanation | None:
    """A tensor that the loss was not computed from, such as a slice taken of what the model did get."""
    parameter = case.parameter
    if parameter.is_variable or parameter.value < 0 or case.flow.influences(parameter.value):
        return None
    if parameter.dtype.startswith(("int", "uint", "bool", "string")):
        return None
    made = parameter.made() or (source.binding(parameter.path, case.graph.request[0]) if case.graph.request else None)
    return _at_request(
        case,
        "the loss is not computed from it",
        f"the loss does not come from {quoted(parameter.path)}",
        f"compute the loss from {quoted(parameter.path)} itself",
        "it was recorded, and no operation leads from it to the loss",
        *([Label(made, f"{quoted(parameter.path)} is made here")] if made is not None else []),
    )


def _same_work(one: Op, other: Op) -> bool:
    layers = [op.scope.rsplit("/", 1)[-1] for op in (one, other)]
    return bool(layers[0]) and layers[0] == layers[1] and one.name == other.name and bool(other.outputs)


def _twin(case: Case) -> Explanation | None:
    """The variables of another network of the same build: the one that ran is asked for by nobody."""
    flow, graph = case.flow, case.graph
    asked = [p for p in graph.parameters if p.asked]
    if not case.parameter.is_variable or any(flow.alive(p) for p in asked):
        return None
    if any(cut.barrier.kind != "recording-off" for cut in case.cuts):
        return None  # somebody cut the way on purpose or by an operation: that is the nearer cause
    ran = [p for p in graph.parameters if not p.asked and p.path not in case.asked and flow.alive(p)]
    if not ran or _shapes(ran) != _shapes(asked):
        return None
    trained = spoken(TRAINED, case)
    return _at_request(
        case,
        f"the loss comes from {quoted(_model(ran))}, and the gradient is asked of another model",
        f"the loss does not come from these {trained}",
        f"ask for the {trained} of {quoted(_model(ran))}",
        f"a gradient reaches the other model's {trained}, which nobody asks for",
    )


def _shapes(parameters: list[Parameter]) -> Counter[object]:
    return Counter(p.shape for p in parameters)


def _model(parameters: list[Parameter]) -> str:
    first = parameters[0]
    return (first.holder or first.path).split(".")[0].split("[")[0].split("/")[0]
