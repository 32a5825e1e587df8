"""# recording-off

the value was computed where nothing is recorded: outside of the tape, or under `no_grad`

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

## What PyTorch does

- Under `torch.no_grad()`, `torch.inference_mode()` or `torch.set_grad_enabled(False)` results have no `grad_fn`, and
  nothing is said. `.grad` of the parameters behind them stays `None`.
- If nothing else requires a gradient, `backward` raises `RuntimeError: element 0 of tensors does not require grad`.
- A tensor made in inference mode raises once an operation must keep it: `Inference tensors cannot be saved for
  backward`.
- A reentrant checkpoint runs its function with grad mode off, and gives gradients only if one of its inputs
  requires one. Otherwise it warns `None of the inputs have requires_grad=True. Gradients will be None`.
- `torch.autograd.grad` gives gradients without a graph of their own. A loss made of them (a gradient penalty, the
  residual of a differential equation) leads back to nothing, unless they were asked for with `create_graph=True`.

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

## Broken: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
body = nn.Linear(2, 4)
head = nn.Linear(4, 1)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

with torch.no_grad():
    hidden = torch.tanh(body(x))  # <- here
loss = head(hidden).square().mean()
loss.backward()
optimizer.step()
print(body.weight.grad)
```

## Fixed: PyTorch

```python
import torch
from torch import nn

torch.manual_seed(0)
body = nn.Linear(2, 4)
head = nn.Linear(4, 1)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
x = torch.tensor([[1.0, 2.0], [3.0, 1.0]])

hidden = torch.tanh(body(x))
loss = head(hidden).square().mean()
loss.backward()
optimizer.step()
print(body.weight.grad)
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
- In PyTorch take the forward pass out of the `no_grad` block, or open `torch.enable_grad()` inside it. Checkpoint
  with `use_reentrant=False`.

## When it is harmless

Validation, metrics, targets and anything else that no trained parameter has to learn through may run outside
the tape. whygrad does not report it, nor a `stop_recording` block beside an intact path.

## How to silence it

There is no flag for it. If the part outside the tape is a fixed feature extractor, leave its variables out of
the sources of the gradient call, or freeze them with `layer.trainable = False`.

- `persistent=True` lets a tape be used twice. It does not make it record what happened outside.
- `tape.watch(tensor)` on the value from outside gives a gradient to that tensor, not to the parameter.
- `unconnected_gradients="zero"` and filtering `None` only hide the missing gradient.
- `loss.requires_grad_(True)` silences the error of `backward`, which then ends at the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad import rearrange, rewrite, source
from whygrad.causes.carried import cut_by, explain_cut
from whygrad.causes.cause import ANY, MAKERS, Case, Explanation, seen_from, spoken
from whygrad.causes.switched import in_switched, left_on, switch_around
from whygrad.causes.words import Words
from whygrad.finding import Fix, Label
from whygrad.graph import IN_DATASET, NO_GRAPH
from whygrad.span import Span
from whygrad.ways import Cut

ID = "recording-off"
WORDS: Mapping[str, Words] = {
    "tensorflow": Words(
        "`{code}` was computed while nothing recorded it",
        "computed here, and the tape does not record it",
        "move it inside the block that records, so that the whole way from the parameter to the loss is on the tape",
    ),
    "torch": Words(
        "`{code}` was computed with grad mode off",
        "computed here, and grad mode is off",
        "take it out of the block that switches grad mode off (`no_grad`, `inference_mode`, `set_grad_enabled`)",
    ),
    ANY: Words("`{code}` was computed while nothing recorded it", "computed here, unrecorded", "record it as well"),
}
# What a recorder says of a barrier, where that has words of its own.
DETAILS: Mapping[str, Words] = {
    "reentrant checkpoint": Words(
        "`{code}` runs under a reentrant checkpoint, and no input of that requires a gradient",
        "checkpointed in here with `use_reentrant=True`",
        "checkpoint with `use_reentrant=False`, or let the input of the checkpoint require a gradient",
    ),
    NO_GRAPH: Words(
        "`{code}` gives a gradient without a graph of its own, and that is a constant",
        "computed here, and nothing leads back through it",
        "pass `create_graph=True`",
    ),
}
DATA = Words(
    "`{code}` runs inside of a dataset, and what a dataset gives is data, without a history",
    "the dataset computes this, where no tape records",
    "leave it out of the dataset's function, and compute it of the batch, inside the block that records",
)
STOPPED = Words(
    "`{code}` was computed while recording was stopped",
    "computed here, under `stop_recording`, and the tape does not record it",
    "take it out of the `stop_recording` block",
)
LEFT_OFF = Words(
    "`{code}` switches grad mode off, and nothing switches it on again",
    "grad mode is off from here on",
    "switch it on again behind what is to run without: `with torch.no_grad():` does that by itself",
    again="computed here, and grad mode is still off",
)
# The frameworks that record what runs inside a `with` block, and nothing else.
_BY_BLOCK = frozenset(("tensorflow",))
_ONCE = "compute it each time, inside the block that records, and not once where the model is made"


def explain(case: Case) -> Explanation | None:
    """The way leaves the recording: the culprit is the first unrecorded line, seen from the function that records."""
    cuts = cut_by(case, ID)
    if not cuts:
        return None
    if cuts[0].barrier.detail == IN_DATASET:
        return explain_cut(case, cuts[:1], DATA, cuts[0].span)
    opened = case.graph.recording.opened
    once = _where_made(case, cuts[0])
    switched = in_switched(cuts[0].stack) if once is None else None
    if case.graph.recording.switched is not None and switched is None and cuts[0].barrier.where is None:
        return _left_off(case, case.graph.recording.switched, cuts[0])
    culprit = cuts[0].barrier.where or once or switched or seen_from(cuts[0].stack, opened)
    words = DETAILS.get(cuts[0].barrier.detail, spoken(WORDS, case))
    if switched is not None and culprit is switched and case.graph.framework in _BY_BLOCK:
        return explain_cut(case, cuts[:1], STOPPED, culprit, Fix(STOPPED.fix, left_on(case, switch_around(switched))))
    found = explain_cut(case, cuts[:1], words, culprit)
    if cuts[0].barrier.detail == NO_GRAPH and culprit is not None and culprit == cuts[0].span:
        return replace(found, fix=Fix(words.fix, rewrite.given_keyword(culprit, "create_graph=True")))
    switch = switch_around(culprit) if culprit is not None else None
    if switch is not None and culprit is not None and switch.line != culprit.line:
        found = replace(found, labels=(*found.labels, Label(switch, "this switches grad mode off")))
        found = replace(found, fix=Fix(words.fix, left_on(case, switch)))
    if opened is not None and culprit is not None and opened.place() != culprit.place():
        before = cuts[0].op < case.opened
        text = "recording begins only here" if before else "recording began here, and has ended before"
        found = replace(found, labels=(*found.labels, Label(opened, text)))
        fix = Fix(words.fix, _moved(case, culprit, opened)) if once is None else Fix(_ONCE)
        found = replace(found, fix=fix)
    return found


def _left_off(case: Case, place: Span, cut: Cut) -> Explanation:
    """Grad mode was switched off somewhere else, and never on again."""
    found = explain_cut(case, [cut], LEFT_OFF, place)
    return replace(found, labels=(*found.labels, *([Label(cut.span, LEFT_OFF.again)] if cut.span is not None else [])))


def _where_made(case: Case, cut: Cut) -> Span | None:
    """Where a function that makes the parameter also computes with it: a constructor, or a layer's ``build``.

    The call of such a function is not what belongs inside the block: it would make the parameter anew.
    """
    made = case.parameter.made()
    if made is None:
        return None
    for mine, its in zip(reversed(cut.stack), reversed((made, *made.called_from)), strict=False):
        if mine.place() != its.place():
            together = (mine.file, mine.function) == (its.file, its.function)
            return mine if together and (mine.function or "").rpartition(".")[2] in MAKERS else None
    return None


def _moved(case: Case, culprit: Span, opened: Span) -> rewrite.Edits:
    """The culprit's line moved into the block beside it, if that line is all that ran outside."""
    value, statement = case.parameter.value, source.statement_at(culprit)
    if case.graph.framework not in _BY_BLOCK or statement is None or culprit.file != opened.file:
        return rewrite.NONE
    for cut in (*case.flow.cuts(value), *case.flow.sufficient(value)):
        place = seen_from(cut.stack, opened)
        if cut.barrier.kind != ID or place is None or source.statement_at(place) is not statement:
            return rewrite.NONE
    return rearrange.moved_inside(culprit, opened)
