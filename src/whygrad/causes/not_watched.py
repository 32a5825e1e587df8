"""# not-watched

the gradient was asked of a tensor or variable that the tape does not watch

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

## When it is harmless

Data, labels and constants are not watched, and nobody asks for their gradient: nothing is reported. whygrad
looks only at what stands in the sources of a gradient call.

## How to silence it

There is no flag for it. Take the tensor out of the sources if you do not need its gradient.

- `unconnected_gradients="zero"` gives a zero gradient for the image: an attack or a saliency map made of it
  is empty.
- `persistent=True` does not make the tape watch more.
- Filtering `None` leaves the tensor without its gradient.
"""

from __future__ import annotations

from whygrad.causes.carried import Words, cut_by, explain_cut
from whygrad.causes.cause import Case, Explanation, code_of, quoted
from whygrad.finding import Fix, Label

ID = "not-watched"
WORDS = Words("the tape does not watch it", "this tape should watch it", "")


def explain(case: Case) -> Explanation | None:
    """The tape was never told to follow the parameter; the culprit is the tape."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    path, recording = case.parameter.path, case.graph.recording
    fix = Fix(f"call `tape.watch({path})` at the top of the block that records")
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
    found = explain_cut(case, cuts[:1], WORDS, recording.opened, fix)
    labels = list(found.labels)
    if cuts[0].span is not None:
        labels.append(Label(cuts[0].span, f"{quoted(path)} is used here as a constant (`{code_of(cuts[0].span, 30)}`)"))
    return Explanation(found.reason, found.culprit, tuple(labels), found.chain, fix=fix, proof=found.proof)
