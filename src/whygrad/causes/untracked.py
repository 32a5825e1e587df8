"""# untracked

the parameter takes part in the loss, but its model does not list it, so nobody trains it

## What it is

Training asks for `model.trainable_variables`. A parameter that the model did not register is not in that
list, however much the loss depends on it. It keeps its initial value for ever, and nothing is printed. This
is the quietest of all causes: no gradient is missing, because none was asked for.

## What TensorFlow does

- Keras 3 registers layers, weights made by `add_weight`, `keras.Variable` objects, and lists, tuples and
  dicts of these. It does not register a raw `tf.Variable` set as an attribute. `tf_keras` does.
- Neither looks into an object of your own class that holds layers or variables.
- Neither sees variables that a `Lambda` layer or a plain function takes from outside.
- The tape records the parameter all the same: `tape.watched_variables()` contains it.
- There is no warning, except that `tf_keras` logs one for variables used by a `Lambda` layer. The only other
  traces are `model.summary()`, which counts too few parameters, and saved weights that lack it.

## What PyTorch does

- `nn.Module` registers modules and `nn.Parameter` objects that are set as attributes. It does not look into lists,
  dicts or tuples, nor at plain tensors, with `requires_grad=True` or without.
- What it does not register is missing from `parameters()`, from `state_dict()` and from `.to(device)`.
- There is no warning. If nothing is left, the optimizer raises `ValueError: optimizer got an empty parameter list`.

## Broken: TensorFlow

```python
import keras
import tensorflow as tf


class Scaled(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = tf.Variable(1.0, name="scale")  # <- here

    def call(self, x):
        return self.scale * x


keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Dense(1, name="dense"), Scaled(name="scaled")])
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(model(tf.constant([[1.0, 2.0]])) - 1.0))
gradients = tape.gradient(loss, model.trainable_variables)
print([variable.path for variable in model.trainable_variables])
```

## Fixed: TensorFlow

```python
import keras
import tensorflow as tf


class Scaled(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return self.scale * x


keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Dense(1, name="dense"), Scaled(name="scaled")])
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(model(tf.constant([[1.0, 2.0]])) - 1.0))
gradients = tape.gradient(loss, model.trainable_variables)
print([variable.path for variable in model.trainable_variables])
```

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = [nn.Linear(2, 2) for _ in range(3)]  # <- here
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.head(x)


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.tensor([[1.0, 2.0]])).square().mean()
loss.backward()
optimizer.step()
print(len(list(net.parameters())))
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.head(x)


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.tensor([[1.0, 2.0]])).square().mean()
loss.backward()
optimizer.step()
print(len(list(net.parameters())))

## What JAX does

- `nnx.grad` and `nnx.Optimizer(..., wrt=nnx.Param)` take variables of the kind `nnx.Param`. An `nnx.Variable`
  is left out, and the tree of gradients lacks it. No message.
- `eqx.filter_grad` takes floating arrays: Python numbers, integers and static fields are left out.
- whygrad reports a plain `nnx.Variable` only if a gradient would reach it, nobody writes it, it is no scalar,
  and it starts filled with one number, as a scale or a bias does. A table or a statistic is left alone. In a module of
  Equinox it reports a static field that holds an array, and a Python number in a field that is declared an array.

## Broken: JAX

```python
import jax.numpy as jnp
from flax import nnx


class Scaled(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(2, 3, rngs=rngs)
        self.gamma = nnx.Variable(jnp.full((3,), 0.1))  # <- here

    def __call__(self, x):
        return self.linear(x) * self.gamma[...]


model = Scaled(nnx.Rngs(0))
print(nnx.grad(lambda model: jnp.mean(model(jnp.ones((4, 2))) ** 2))(model))
```

## Fixed: JAX

```python
import jax.numpy as jnp
from flax import nnx


class Scaled(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(2, 3, rngs=rngs)
        self.gamma = nnx.Param(jnp.full((3,), 0.1))

    def __call__(self, x):
        return self.linear(x) * self.gamma[...]


model = Scaled(nnx.Rngs(0))
print(nnx.grad(lambda model: jnp.mean(model(jnp.ones((4, 2))) ** 2))(model))
```

## How to fix it

- Make weights with `self.add_weight(...)`, or with `keras.Variable(...)` set as an attribute.
- Set sub-layers as attributes of the layer or model itself, alone or in a list or dict.
- Let a class of your own that holds layers inherit from `keras.layers.Layer`, or from `tf.Module` in code
  without Keras.
- Replace a `Lambda` layer that uses outside variables by a layer class.
- In PyTorch use `nn.ModuleList`, `nn.ModuleDict` and `nn.ParameterList`, and `nn.Parameter` for a tensor.

## When it is harmless

whygrad reports a parameter only if it is trainable, takes part in the loss and is asked for by nobody. A
variable with `trainable=False`, a target network, and a variable that a second optimizer trains in the same
step are not reported.

## How to silence it

There is no flag for it. If the value is a constant, say so: `tf.Variable(1.0, trainable=False)` or
`tf.constant(1.0)`.

- Adding the variable to the sources of one gradient call trains it there, but it is still missing from `fit`,
  from `summary()` and from the saved weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.cause import ANY, Case, Explanation, quoted, spoken
from whygrad.causes.layers import layer_of, stored
from whygrad.causes.learning import model_is_trained, root_of
from whygrad.causes.plain_leaf import is_to_learn
from whygrad.causes.refusals import is_refused
from whygrad.causes.registering import kept_by, registered
from whygrad.causes.remade import is_renewed, renewed
from whygrad.causes.unlisted import is_unlisted
from whygrad.causes.unselected import is_unselected, unselected
from whygrad.finding import Fix, Label, Proof, Step

ID = "untracked"
_KERAS = "make it with `self.add_weight(...)`, or keep the layer in an attribute, list or dict of the model"
# What to write instead, so that the model sees it.
FIXES: Mapping[str, str] = {
    "tensorflow": _KERAS,
    "keras": _KERAS,
    "torch": "set modules as attributes or in `nn.ModuleList` and `nn.ModuleDict`, and tensors as `nn.Parameter`",
    "jax": "make it an `nnx.Param`, or name its kind in the filter: `nnx.grad(..., argnums=nnx.DiffState(0, ...))`",
    ANY: "keep it where the model looks for its parameters",
}
LISTS: Mapping[str, str] = {
    "tensorflow": "list of trainable variables",
    "keras": "list of trainable variables",
    "torch": "`parameters()`",
    ANY: "list",
}

_MADE = "made here, where the model does not see it as its own"
_IN_OBJECT = "kept here in an object that the model does not look into"
_INHERIT: Mapping[str, str] = {
    "tensorflow": "let the class of that object inherit from `tf.Module`, or keep the parts in a list or dict of the "
    "model",
    ANY: "let the class of that object inherit from `nn.Module`",
}


def explain(case: Case) -> Explanation | None:
    """Nobody asks for it: its model holds it where it does not look for parameters."""
    parameter = case.parameter
    if is_renewed(parameter):
        return renewed(case)
    if parameter.asked or parameter.tracked is not False or parameter.path in case.asked:
        return None
    if is_unselected(parameter):
        return unselected(case) if model_is_trained(case.flow, parameter) else None
    refused = is_refused(case)
    wanted = is_unlisted(parameter) or model_is_trained(case.flow, parameter)
    if not refused and not (parameter.trainable and case.flow.alive(parameter) and wanted):
        return None
    if not parameter.is_variable and not is_to_learn(case):
        return None
    return _held_out_of_sight(case, refused)


def _held_out_of_sight(case: Case, refused: bool) -> Explanation:
    """What to say of a parameter that its model holds where it does not look for one.

    Args:
        refused: whether an optimizer was given nothing at all.
    """
    parameter, home = case.parameter, layer_of(case)
    made, around = stored(case, home)
    kept = kept_by(case, made if made is not None else parameter.made(), home is None)
    if kept is not None:
        made, around = kept, root_of(parameter.holder)
    # An object that the model holds keeps the variable, and not the model itself.
    depth = (parameter.holder or "").count(".")
    deep = case.graph.framework == "tensorflow" and depth > (1 if home is None else 2) and around is None
    around = root_of(parameter.holder) if depth > 1 and around is None else around
    layer = quoted(around) if around else "its model"
    cure = Fix(spoken(FIXES, case), registered(case, made))
    held = f" (it is `{parameter.holder}`)" if parameter.holder and parameter.holder != parameter.path else ""
    seen = "the optimizer got nothing" if refused else "a gradient reaches it"
    return Explanation(
        f"{layer} does not track it{held}, so nobody asks for its gradient and no optimizer gets it",
        made,
        (Label(made, _IN_OBJECT if kept is not None else _MADE),) if made is not None else (),
        (Step("parameter", parameter.name, made), Step("loss", "loss")),
        fix=Fix(spoken(_INHERIT, case)) if kept is not None or deep else cure,
        proof=Proof("structural", True, f"{seen}, and it is in no {spoken(LISTS, case)}"),
    )
