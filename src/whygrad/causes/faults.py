"""What to say of errors that a framework raises in or around a request, by the kind that a recorder gives them."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.words import Words

FAULTS: Mapping[str, Words] = {
    "overwritten": Words(
        "`{code}` writes over a value that the backward pass still needs",
        "overwritten here, between the forward and the backward pass",
        "make a new tensor (`x = x + y`, or a list and `torch.stack`) instead of changing it in place, or write after "
        "the backward pass",
        wrong_cure="`retain_graph=True` does not bring the overwritten value back",
    ),
    "stepped": Words(
        "`{code}` changes parameters that a later backward pass still needs as they were",
        "the optimizer changes them here, between the forward and the backward pass",
        "make this step after the other backward pass, or compute that loss anew after the step",
        wrong_cure="`retain_graph=True` does not bring the numbers of before the step back",
    ),
    "spent": Words(
        "`{code}` uses a value whose graph an earlier backward pass has used up",
        "a value of an earlier step comes in here with its graph",
        "cut what is carried over: `state = state.detach()` at the start of the step",
        wrong_cure="`retain_graph=True` keeps every earlier step alive, and differentiates through all of them",
    ),
    "kept": Words(
        "`{code}` was computed once and is used again, and its graph is used up by the backward pass before",
        "computed here, and not anew in the step that raised",
        "compute it anew in each step, where it is used, and keep nothing that was computed with parameters",
        wrong_cure="`retain_graph=True` lets the old numbers be differentiated again, and brings no new ones into them",
    ),
    "inference": Words(
        "`{code}` was computed in inference mode, and such tensors can not be part of a backward pass",
        "made in inference mode",
        "use `torch.no_grad()` in place of `torch.inference_mode()`, or `.clone()` the tensor outside of it",
    ),
    "leaf-written": Words(
        "`{code}` changes a leaf in place that requires a gradient",
        "a leaf that requires a gradient is changed in place here",
        "change it under `torch.no_grad()`, or compute a new tensor from it",
    ),
    "not-scalar": Words(
        "the backward pass is asked of a tensor with more than one element",
        "this is no scalar",
        "reduce the loss to a scalar first: `.mean()` or `.sum()`",
    ),
    "integer": Words(
        "`{code}` asks for the gradient of a tensor that is not floating point",
        "no gradient for integers",
        "make it of a floating point type",
    ),
    "non-leaf": Words(
        "the optimizer is given a computed tensor, not a parameter",
        "this tensor is the result of an operation",
        "give the optimizer the leaf that it was computed from",
    ),
    "empty": Words(
        "the optimizer is given no parameter at all",
        "nothing to train reaches this optimizer",
        "look at where the parameters should come from: are the layers attributes of the module?",
    ),
    "nothing-asked": Words(
        "`{code}` is asked for the gradients of nothing: the list is empty",
        "no parameter is given here",
        "look at where the parameters should come from, and whether any of them is to be trained",
    ),
    "no-tensor": Words(
        "the optimizer is given something that is no tensor", "given here", "give it `model.parameters()`"
    ),
    # -- TensorFlow
    "keras-zeros": Words(
        "`{code}` wants zeros for what has no way to the loss, and TensorFlow has none for variables of Keras",
        "zeros are asked for in place of `None`",
        "ask without them, and put zeros in the place of `None`: `tf.zeros_like(v) if g is None else g`",
    ),
    # -- JAX
    "array-loss": Words(
        "the function that is differentiated hands back no single number",
        "this is no scalar",
        "reduce the loss to a scalar first: `jnp.mean` or `jnp.sum`",
    ),
    "no-loss": Words(
        "the function that is differentiated hands back nothing",
        "the last that the function does, and it returns `None`",
        "return the loss",
    ),
    "no-real-loss": Words(
        "the loss is no real floating-point number",
        "this is not a real number",
        "hand back a real number: `jnp.real`, `jnp.abs`, or a loss of floats",
        wrong_cure="`holomorphic=True` is for functions of complex parameters, and gives complex gradients",
    ),
    "aux-first": Words(
        "what comes first of the pair that is handed back is no scalar, and `has_aux` takes the first for the loss",
        "the loss does not come first here",
        "return the loss first, and what goes with it second",
    ),
    "aux-unsaid": Words(
        "the function hands back more than the loss, and `{code}` does not say so",
        "asks for the gradient of a function that returns one number",
        "say that more comes with the loss: `has_aux=True`",
    ),
    "aux-missing": Words(
        "the function hands back no pair, and `{code}` says that it does",
        "`has_aux=True` wants a pair of the loss and what goes with it",
        "return `loss, aux`, or leave out `has_aux`",
    ),
    "argnums": Words(
        "`argnums` names an argument that the call does not have",
        "asks for an argument beyond those that are passed",
        "count the positional arguments from 0",
    ),
    "no-array": Words(
        "`{detail}`, which is asked for too, is no array",
        "something here is no number",
        "keep functions, strings and the like out of what is differentiated: a closure, a static field",
        wrong_cure="`allow_int=True` is for arrays of integers",
    ),
    "bwd-form": Words(
        "what the backward rule hands back does not fit the arguments of its function",
        "the backward rule returns this",
        "return a tuple with one gradient for each argument, of that argument's shape and dtype",
    ),
    "fwd-form": Words(
        "the forward rule hands back no pair of the result and what the backward rule needs",
        "the forward rule returns this",
        "return `result, residuals`; `residuals` may be `None`",
    ),
    "no-rule": Words(
        "a function of `jax.custom_vjp` is called in `{code}`, and was never given its rules",
        "called here, without `defvjp`",
        "call `f.defvjp(forward, backward)` after the function",
    ),
    "reverse-only": Words(
        "`{code}` has a rule for the reverse mode alone, and the request goes forwards",
        "a function of `jax.custom_vjp` is differentiated forwards here",
        "use the reverse mode (`jax.grad`, `jax.jacrev`), or give the function a `jax.custom_jvp` rule",
    ),
    "no-constant": Words(
        "`{code}` passes a traced array where `nondiff_argnums` promises a constant",
        "an argument of `nondiff_argnums` is traced here",
        "take arrays out of `nondiff_argnums`, and answer `None` or zeros for them in the backward rule",
    ),
    "leaked": Words(
        "`{code}` keeps a value of a traced function, which means nothing outside of it",
        "a traced value is stored here",
        "return it from the function, as a part of its result (`has_aux=True`), and store what comes back",
        wrong_cure="`jax.lax.stop_gradient` gives a traced value too",
    ),
    "donated": Words(
        "`{code}` uses its arguments up (`donate_argnums`), and they are read again",
        "donated here",
        "go on with what the call hands back, or copy first what is to be kept: `jax.tree.map(jnp.copy, params)`",
    ),
    "value-for-gradient": Words(
        "what `{code}` gives first is the value of the loss, and the optimizer is handed that",
        "this gives the value first, and the gradients second",
        "take them in that order: `loss, grads = ...`",
    ),
    "jit-no-array": Words(
        "`{detail}`, which goes into a compiled function with them, is no array",
        "a compiled function takes arrays alone",
        "use `equinox.filter_jit` for a model with functions in it, or say what is no array by `static_argnums`",
    ),
    "init-no-array": Words(
        "`{detail}`, which is handed to the optimizer with them, is no array",
        "an optimizer takes arrays alone",
        "hand it the arrays of the model: `optimizer.init(eqx.filter(model, eqx.is_inexact_array))`",
    ),
    "labels": Words(
        "what `{code}` says of the parameters does not fit them: it has no transformation for these",
        "made here, with labels or a mask that leave some parameters out",
        "make the labels of the parameters themselves, so that each has one: `jax.tree.map_with_path(label, params)`",
    ),
    "other-tree": Words(
        "`{code}` is handed gradients of another structure than the optimizer's state was made of",
        "handed to the optimizer here",
        "make the optimizer's state of the very tree that the gradient is asked of: `optimizer.init(params)`",
    ),
}

# The same where it is not known which line it was: the request that raised is all that can be shown.
UNTRACED: Mapping[str, str] = {
    "overwritten": "something writes over a value that this backward pass still needs",
    "spent": "something uses a value whose graph an earlier backward pass has used up",
    "inference": "something was computed in inference mode, and such tensors can not be part of a backward pass",
}
