"""# not-updated

the gradient is there, but the parameter does not change

## What it is

The backward pass did its work: the gradient is finite and not zero. What follows is broken. The gradient is
not handed to the optimizer, the optimizer does not hold the parameter, the accumulated gradient is cleared
before the step, the learning rate is zero, or the update goes to a copy.

## What TensorFlow does

- Nothing: it applies what it is given and does not know what was left out. `zip` stops at the shorter list,
  so pairs are lost without an error.
- `layer.trainable = True` after `compile` changes nothing in a compiled model, neither in Keras 3 nor in
  `tf_keras`: the training step keeps its list of variables, and `fit` runs without a word.
- In a custom loop an optimizer that was built with fewer variables raises `ValueError: Unknown variable: ...`
  in Keras 3 and a `KeyError` in `tf_keras`.
- `variable.numpy()` returns a copy, and `tf.Variable(variable)` makes a new variable. Updating either leaves
  the original as it was.

## What PyTorch does

- Nothing: `backward` fills `.grad` of every leaf, and the optimizer steps with the tensors that it holds.
- `optimizer.zero_grad()` between `backward` and `step` leaves the step with nothing. No message.
- Parameters made after the optimizer was built are not in it until `optimizer.add_param_group` puts them there.
- `optimizer.zero_grad()` does not clear the gradients of parameters that it does not hold: they add up.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
body = keras.layers.Dense(4, activation="tanh", name="body")
head = keras.layers.Dense(1, name="head")
optimizer = keras.optimizers.SGD(0.1)
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])

for step in range(3):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(head(body(x)) - 1.0))
    variables = body.trainable_variables + head.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, body.trainable_variables))  # <- here
    print(step, float(loss))
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
body = keras.layers.Dense(4, activation="tanh", name="body")
head = keras.layers.Dense(1, name="head")
optimizer = keras.optimizers.SGD(0.1)
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])

for step in range(3):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(head(body(x)) - 1.0))
    variables = body.trainable_variables + head.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
    print(step, float(loss))
```

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

for step in range(3):
    loss = (model(x) - 1.0).square().mean()
    loss.backward()
    optimizer.zero_grad()  # <- here
    optimizer.step()
    print(step, float(loss))
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

for step in range(3):
    optimizer.zero_grad()
    loss = (model(x) - 1.0).square().mean()
    loss.backward()
    optimizer.step()
    print(step, float(loss))
```

## Broken: JAX

```python
import jax
import jax.numpy as jnp
import optax

params = {"w": jnp.array([[0.5], [-0.3]])}
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
optimizer = optax.sgd(0.1)
state = optimizer.init(params)


def loss(params):
    return jnp.mean((x @ params["w"] - 1.0) ** 2)


for step in range(5):
    value, gradients = jax.value_and_grad(loss)(params)
    updates, state = optimizer.update(gradients, state)
    optax.apply_updates(params, updates)  # <- here
    print(step, float(value))
```

## Fixed: JAX

```python
import jax
import jax.numpy as jnp
import optax

params = {"w": jnp.array([[0.5], [-0.3]])}
x = jnp.array([[1.0, 2.0], [3.0, 1.0]])
optimizer = optax.sgd(0.1)
state = optimizer.init(params)


def loss(params):
    return jnp.mean((x @ params["w"] - 1.0) ** 2)


for step in range(5):
    value, gradients = jax.value_and_grad(loss)(params)
    updates, state = optimizer.update(gradients, state)
    params = optax.apply_updates(params, updates)
    print(step, float(value))
```

## What JAX does

- `optax.apply_updates` and `TrainState.apply_gradients` return the new parameters. Where the result is not
  bound to the name, nothing changes. No message.
- whygrad reports new parameters that nobody reads while each step begins with the old ones, and those that a compiled
  function makes and does not return. A step that is only timed is not reported: one whose result nobody binds counts
  as meant to train where the old parameters are read afterwards, or where the loop around it reads them.
- An optimizer of Optax whose learning rate is 0, or whose schedule stays at 0, moves nothing. Nor does one whose labels
  or mask hold every parameter back (`set_to_zero`), or `MultiSteps` that waits for more gradients than the script
  makes, which whygrad only notes, since a run may be cut short. No message.
- Flax linen hands back new running statistics beside the output (`mutable=["batch_stats"]`). Where they do not get into
  the next step, a model that is used with `use_running_average=True` sees the first ones. No message. whygrad reports
  it where each step began with the same ones and the model is applied elsewhere without making new ones.
- whygrad reports the others where every step of the run began with the same numbers, and what is left out by hand,
  where the others are new in each step, and one stays the same array. What an optimizer holds back beside others is a
  freeze.

## How to fix it

- Use one list for the gradient call and for the optimizer. `zip(gradients, variables, strict=True)` raises if
  they differ in length.
- Compile again after every change of `trainable`.
- When gradients are accumulated, apply first and clear afterwards.
- Check the learning rate that is in force: `float(optimizer.learning_rate)`. A schedule may start at zero,
  or have ended there.
- Update the variable itself: `variable.assign_sub(...)`.
- In PyTorch give the optimizer `model.parameters()` of the whole model, or `add_param_group` what comes later, and
  call `zero_grad` before `backward` or after `step`.

## When it is harmless

Gradients that are computed for inspection only (a gradient penalty, a saliency map, the norm of a gradient)
are not reported. Accumulation over several steps, a warm-up that starts at zero and a step skipped by loss
scaling are judged over the steps seen. Parameters without an optimizer count as frozen, unless all before them trains.

## How to silence it

There is no flag for it. If the parameter is not to move, do not ask for its gradient: leave it out of the
sources, or freeze it.

- A larger learning rate does not reach a parameter that the optimizer never gets.
"""

from __future__ import annotations

from whygrad.causes.applied.reasons import REASONS
from whygrad.causes.cause import Case, Explanation

ID = "not-updated"


def explain(case: Case) -> Explanation | None:
    """The gradient was there, and what the recorder saw afterwards kept it from the parameter."""
    event = case.parameter.history[-1] if case.parameter.history else None
    reason = REASONS.get(event.detail) if event is not None else None
    return reason(case, event) if event is not None and reason is not None else None
