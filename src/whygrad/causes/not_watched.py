"""# not-watched

the gradient was asked of a tensor or variable that the framework was not told to follow

## What it is

A tape follows trainable variables by itself and nothing else. A plain tensor (an input image, an embedding, a
latent code, a state) is a constant to it until `tape.watch` says otherwise. The same holds for every variable
under `watch_accessed_variables=False`.

## What TensorFlow does

- `tape.gradient` returns `None` for the tensor, without a message. The next line usually fails with
  something unrelated, such as `unsupported operand type(s) for *: 'float' and 'NoneType'`.
- `tape.watch` counts from the moment it is called. What was computed from the tensor before stays unrecorded.
- A tensor computed from a watched one inside the tape is followed too; it needs no `watch` of its own.
- An integer tensor cannot be watched, see `integer-dtype`. A variable made with `trainable=False` is not
  watched by itself, see `frozen`.

## What PyTorch does

- A tensor made by hand has `requires_grad=False`; only `nn.Parameter` starts with `True`. `.grad` of the tensor stays
  `None`, without a message.
- If nothing else requires a gradient, `backward` raises `RuntimeError: element 0 of tensors does not require grad`.
- `torch.autograd.grad` raises `One of the differentiated Tensors does not require grad`.
- `requires_grad_()` counts from the moment it is called: what was computed before stays without a `grad_fn`.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
image = tf.constant([[1.0, 2.0]])

with tf.GradientTape() as tape:  # <- here
    score = tf.reduce_sum(tf.sigmoid(image @ w))
gradient = tape.gradient(score, image)
print(gradient)
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
image = tf.constant([[1.0, 2.0]])

with tf.GradientTape() as tape:
    tape.watch(image)
    score = tf.reduce_sum(tf.sigmoid(image @ w))
gradient = tape.gradient(score, image)
print(gradient)
```

## Broken: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
image = torch.tensor([[1.0, 2.0]])  # <- here

score = torch.sigmoid(image @ w).sum()
score.backward()
print(image.grad)
```

## Fixed: PyTorch

```python
import torch

w = torch.tensor([[0.5], [-0.3]], requires_grad=True)
image = torch.tensor([[1.0, 2.0]], requires_grad=True)

score = torch.sigmoid(image @ w).sum()
score.backward()
print(image.grad)
```

## What JAX does

- Nothing of the kind exists: what is differentiated is chosen by `argnums`. An array closed over is a constant;
  see `wrong-source`.

## How to fix it

- Call `tape.watch(tensor)` as the first line of the block, before the tensor is used.
- Watch the very tensor that you ask about, and let the model read that one. What `tf.cast` or
  `tf.expand_dims` made of it before the tape is another object.
- If the tensor is to be optimized over many steps, make it a `tf.Variable`.
- With `watch_accessed_variables=False`, watch each variable. `tape.watch` takes `tf.Variable` objects;
  for those of Keras 3 write `tape.watch([v.value for v in model.trainable_variables])`.
- With nested tapes, each tape that is asked must watch the tensor.
- In PyTorch make the leaf with `requires_grad=True`, or call `x.requires_grad_()` before it is used.

## When it is harmless

Data, labels and constants are not watched, and nobody asks for their gradient: nothing is reported. whygrad
looks only at what stands in the sources of a gradient call.

## How to silence it

There is no flag for it. Take the tensor out of the sources if you do not need its gradient.

- `unconnected_gradients="zero"` gives a zero gradient for the image: an attack or a saliency map made of it
  is empty.
- `persistent=True` does not make the tape watch more.
- Filtering `None` leaves the tensor without its gradient.
- `loss.requires_grad_(True)` gives a gradient to the loss, not to the tensor.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from whygrad import rearrange, rewrite, source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation, code_of, quoted
from whygrad.causes.words import Words
from whygrad.finding import Fix, Label
from whygrad.span import Span
from whygrad.ways import Cut

ID = "not-watched"
WORDS = Words("the tape does not watch it", "this tape should watch it", "")


def explain(case: Case) -> Explanation | None:
    """The tape was never told to follow the parameter; the culprit is the tape."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    path, recording = case.parameter.path, case.graph.recording
    name = case.parameter.holder or path
    watch = rearrange.begun_with(recording.opened, "watch", name) if recording.opened is not None else rewrite.NONE
    fix = Fix(f"call `tape.watch({name})` at the top of the block that records", watch)
    if case.parameter.is_variable and not recording.follows_variables:
        words = Words("the tape was told not to follow variables by itself", "`watch_accessed_variables=False`", "")
        return explain_cut(case, cuts[:1], words, recording.opened, fix)
    if case.parameter.is_variable:
        made = case.parameter.made()
        words = Words(
            "it was made with trainable=False, and no later change makes a tape follow it", "made untrainable", ""
        )
        return explain_cut(
            case, cuts[:1], words, made, Fix("make it with `trainable=True`, or watch it: `tape.watch(...)`")
        )
    if recording.opened is None:
        return _leaf(case, cuts)
    found = explain_cut(case, cuts[:1], WORDS, recording.opened, fix)
    labels = list(found.labels)
    if cuts[0].span is not None:
        labels.append(_used(path, cuts[0].span))
    return Explanation(found.reason, found.culprit, tuple(labels), found.chain, fix=fix, proof=found.proof)


def _followed(name: str, made: Span | None) -> rewrite.Edits:
    """The statement that binds the name to a new tensor, made to ask for gradients of it."""
    statement = source.statement_at(made) if made is not None else None
    if made is None or not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return rewrite.NONE
    value = source.range_of(statement.value, made) if source.targets_of(statement) == {name} else None
    fits = value is not None and isinstance(statement.value, ast.Call) and source.covers(statement.value, made)
    return rewrite.continued(value, "requires_grad_") if value is not None and fits else rewrite.NONE


def _leaf(case: Case, cuts: list[Cut]) -> Explanation:
    """Where no tape is opened, a tensor itself says whether it is followed."""
    path, made = case.parameter.path, _bound(case)
    words = Words("it does not require a gradient", "made here, and `requires_grad` stays False", "")
    summary = f"call `{path}.requires_grad_()` before it is used, or make it with `requires_grad=True`"
    fix = Fix(summary, _followed(path, made))
    found = explain_cut(case, cuts[:1], words, made, fix)
    used = cuts[0].span
    if made is None and found.culprit is not None:
        return replace(found, labels=(Label(found.culprit, f"{quoted(path)} is used here as a constant"),))
    if used is None or (made is not None and used.place() == made.place()):
        return found
    return replace(found, labels=(*found.labels, _used(path, used)))


def _used(path: str, place: Span) -> Label:
    code = code_of(place, 30)
    return Label(place, f"{quoted(path)} is used here as a constant" + (f" (`{code}`)" if code else ""))


def _bound(case: Case) -> Span | None:
    """Where a tensor is made; of one that no recorder saw made, what its name is bound to before its first use."""
    made, name = case.parameter.made(), case.parameter.path
    used = next((cut.span for cut in case.cuts if cut.span is not None), None)
    if not name.isidentifier() or used is None or (made is not None and made.place() != used.place()):
        return made
    statement = source.statement_at(used)
    if statement is None or name in source.targets_of(statement):
        return made
    return source.binding(name, used) or source.bound_outside(name, used)
