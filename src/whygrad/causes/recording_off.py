"""# recording-off

the value was computed while the tape was not recording

## What it is

A gradient can only be traced back through operations that the tape recorded. Here a part of the way from the
parameter to the loss was computed before the tape was opened, after it was closed, inside
`tape.stop_recording()`, or before `tape.reset()`. To the tape, that part is a constant.

## What TensorFlow does

- A `tf.GradientTape` records from `with` to the end of the block. There is no recording outside a tape, and
  no error if a tensor from outside is used inside.
- `tape.gradient` returns `None` for the parameters behind the gap, without a message.
- If the loss itself was computed after the block, all gradients are `None`. A Keras 3 optimizer then raises
  `ValueError: No gradients provided for any variable.`
- The gradient call itself may stand inside or outside the block.

## Broken: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

prediction = x @ w  # <- here
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(prediction - y))
print(tape.gradient(loss, w))
```

## Fixed: TensorFlow

```python
import tensorflow as tf

w = tf.Variable([[0.5], [-0.3]], name="w")
x = tf.constant([[1.0, 2.0], [3.0, 1.0]])
y = tf.constant([[1.0], [0.0]])

with tf.GradientTape() as tape:
    prediction = x @ w
    loss = tf.reduce_mean(tf.square(prediction - y))
print(tape.gradient(loss, w))
```

## What JAX does

- Nothing of the kind exists: a function is differentiated as a whole. What was computed before the call and is
  closed over is a constant; see `wrong-source` and `not-called`.

## How to fix it

- Move the forward pass and the loss into the `with` block, all of it, including the first layer.
- Check the indentation of the line that computes the loss.
- Combine weights (sums, masks, normalised kernels) where they are used, not once in `__init__` or `build`.
- Replayed values (the log-probabilities of a finished episode) must be computed again inside the tape.
- For a second derivative, compute the first one inside the outer tape.

## When it is harmless

Validation, metrics, targets and anything else that no trained parameter has to learn through may run outside
the tape. whygrad does not report it, nor a `stop_recording` block beside an intact path.

## How to silence it

There is no flag for it. If the part outside the tape is a fixed feature extractor, leave its variables out of
the sources of the gradient call, or freeze them with `layer.trainable = False`.

- `persistent=True` lets a tape be used twice. It does not make it record what happened outside.
- `tape.watch(tensor)` on the value from outside gives a gradient to that tensor, not to the parameter.
- `unconnected_gradients="zero"` and filtering `None` only hide the missing gradient.
"""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.carried import Words, cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation, seen_from
from whygrad.finding import Label

ID = "recording-off"
WORDS = Words(
    "`{code}` was computed while nothing recorded it",
    "computed here, and the tape does not record it",
    "move it inside the block that records, so that the whole way from the parameter to the loss is on the tape",
)


def explain(case: Case) -> Explanation | None:
    """The way leaves the recording: the culprit is the first unrecorded line, seen from the function that records."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    opened = case.graph.recording.opened
    culprit = seen_from(cuts[0].stack, opened)
    found = explain_cut(case, cuts[:1], WORDS, culprit)
    if opened is not None and culprit is not None and opened.place() != culprit.place():
        before = (opened.line or 0) > (culprit.line or 0)
        text = "recording begins only here" if before else "recording began here, and has ended before"
        found = replace(found, labels=(*found.labels, Label(opened, text)))
    return found
