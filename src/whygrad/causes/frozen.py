"""# frozen

the parameter is marked as not trainable, yet the program expects it to learn

## What it is

Someone set `trainable=False` on the parameter, its layer or its whole model. Freezing alone is never a fault.
It becomes one if it contradicts the rest of the program: a gradient is asked for the frozen parameter, or the
freeze leaves the loss or the optimizer with nothing to train.

## What TensorFlow does

- A `tf.Variable` made with `trainable=False` is not watched by a tape. `tape.gradient` returns `None` for it,
  without a message. The mark cannot be changed afterwards.
- `layer.trainable = False` in Keras takes the weights, and those of all layers inside, out of
  `trainable_variables`. It does not hide them from the tape: asked for by name, they still get a gradient.
- If nothing is left, Keras 3 `fit` warns `The model does not have any trainable weights.` and runs;
  `tape.gradient(loss, [])` returns `[]`, and `apply_gradients` on an empty list raises `ValueError: not
  enough values to unpack (expected 2, got 0)`. In `tf_keras` both are silent.
- `model.variables` holds what is never trained, such as the `moving_mean` of `BatchNormalization`. Asking for
  the gradients of `model.variables` gives `None` for those.

## What PyTorch does

- A leaf with `requires_grad=False` gets no gradient, and an optimizer passes over it without a word.
- If everything is frozen, `backward` raises `RuntimeError: element 0 of tensors does not require grad and does not
  have a grad_fn`.
- `module.requires_grad = False` and `parameter.require_grad = False` freeze nothing: both only set a Python
  attribute. `module.requires_grad_(False)` freezes the whole module.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
bias = tf.Variable([0.1], trainable=False, name="bias")  # <- here
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(x @ w + bias - y))
print(tape.gradient(loss, [w, bias]))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
bias = tf.Variable([0.1], name="bias")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(x @ w + bias - y))
print(tape.gradient(loss, [w, bias]))
```

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
for parameter in model.parameters():
    parameter.requires_grad = False  # <- here
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

loss = model(x).square().mean()
loss.backward()
optimizer.step()
print(float(loss))
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
for parameter in model[0].parameters():
    parameter.requires_grad = False
optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

loss = model(x).square().mean()
loss.backward()
optimizer.step()
print(float(loss))
```

## What JAX does

- Nothing is marked as frozen. A part is frozen by `jax.lax.stop_gradient`, by a filter (`eqx.partition`,
  `nnx.DiffState`) or in the optimizer (`optax.masked`, `optax.set_to_zero`), and whygrad takes it as meant.

## How to fix it

- Remove the freeze, or narrow it to the layers it is meant for: `backbone.trainable = False`, not
  `model.trainable = False`.
- Set `trainable = True` before `compile`, and compile again after every change: a compiled training step
  keeps the list of variables it started with. See `not-updated`.
- Ask for `model.trainable_variables`, not for `model.variables`.
- Where a GAN freezes its discriminator for the generator's turn, thaw it for its own.
- In PyTorch freeze by `backbone.requires_grad_(False)`, and build the optimizer from what is to learn.

## When it is harmless

A deliberate freeze is not reported: a pretrained backbone, a target network, moving statistics, embeddings
kept as they are. The rest of the model learns, and nobody asks for the frozen part.

## How to silence it

There is no flag for it. Leave the frozen parameter out of the sources of the gradient call.

- `tape.watch(bias)` gives the frozen variable a gradient. If an optimizer then applies it, it is not frozen.
- `unconnected_gradients="zero"` and filtering `None` hide the contradiction and keep the parameter as it is.
- `loss.requires_grad_(True)` silences the error of `backward`; what is frozen stays frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whygrad.causes.cause import ANY, Case, Explanation, alone, quoted, spoken
from whygrad.finding import Fix, Label, Proof

ID = "frozen"


@dataclass(frozen=True, slots=True)
class Words:
    """How a framework freezes: the mark, what follows from it, the cure, and the law behind it."""

    mark: str
    follows: str
    fix: str
    law: str


WORDS: Mapping[str, Words] = {
    "tensorflow": Words(
        "trainable",
        "so the tape does not follow it",
        "set `trainable = True` before the variable is used, or leave it out of the request",
        "a tape follows trainable variables only",
    ),
    "torch": Words(
        "requires_grad",
        "so autograd does not follow it",
        "let it keep `requires_grad=True`, or leave it out of what is trained",
        "autograd follows leaves with `requires_grad=True` only",
    ),
    "keras": Words(
        "trainable",
        "so it is not trained",
        "set `trainable = True` before the variable is used, or leave it out of the request",
        "what is frozen is not among the trainable variables",
    ),
    ANY: Words(
        "trainable", "so nothing follows it", "do not freeze it, or leave it out of the request", "it is frozen"
    ),
}


def explain(case: Case) -> Explanation | None:
    """The parameter is set not to train, and a gradient is asked for it all the same."""
    parameter = case.parameter
    if parameter.history and parameter.history[-1].kind == "thawed" and not parameter.watched:
        return _thawed_too_late(case)
    if parameter.trainable or not parameter.is_variable or _born_in_a_layer(case):
        return None
    event = next((e for e in reversed(parameter.history) if e.kind == "frozen"), None)
    place = event.span if event is not None and event.span is not None else parameter.made()
    words = spoken(WORDS, case)
    what = f"{quoted(event.detail)}.{words.mark}" if event is not None and event.detail else words.mark
    labels = (
        [Label(place, f"{what} is set to False here" if event is not None else f"made with {words.mark}=False")]
        if place
        else []
    )
    if case.graph.request:
        labels.append(
            Label(
                case.graph.request[0],
                "and its gradient is asked for here" if case.graph.targets else "nothing is left to train here",
            )
        )
    return Explanation(
        "it is frozen" + (f", {words.follows}" if case.graph.targets else ", and that leaves nothing to train here"),
        place if place is not None else (case.graph.request[0] if case.graph.request else None),
        tuple(labels),
        alone(case),
        fix=Fix(words.fix),
        proof=Proof("structural", True, words.law),
    )


def _thawed_too_late(case: Case) -> Explanation:
    """Thawed after the training step was built, which asks for what was trainable then."""
    event = case.parameter.history[-1]
    labels = [Label(event.span, "made trainable here, when the training step was built already")] if event.span else []
    if case.graph.request:
        labels.append(Label(case.graph.request[0], "this trains what was trainable at the last `compile`"))
    return Explanation(
        "it was made trainable after the training step was built, which still leaves it out",
        event.span,
        tuple(labels),
        alone(case),
        fix=Fix("call `compile` again after changing `trainable`"),
        proof=Proof("structural", True, "the training step was built when the parameter was frozen, and not since"),
    )


def _born_in_a_layer(case: Case) -> bool:
    """State that a library made untrainable (moving statistics): asking for it is a wrong source, not a freeze."""
    made = case.parameter.made()
    return case.parameter.born_frozen and (made is None or "trainable" not in (made.code or ""))
