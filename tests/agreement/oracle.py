"""What the framework itself says of a program that has run: each parameter's gradient, and traces of its state."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What is left when a program has ended.

    Attributes:
        verdicts: parameter name to ``none``, ``zero``, ``present`` or ``frozen``.
        weights: a hash of the final weights.
        randomness: a hash of the states of all random generators.
        error: the type of the exception it ended in.
    """

    verdicts: dict[str, str]
    weights: str
    randomness: str
    error: str | None


def left_behind() -> dict[str, Any]:
    """The program's variables: of ``__main__``, or of the frames in which it raised."""
    names = dict(vars(sys.modules["__main__"]))
    trace = getattr(getattr(sys, "last_value", None), "__traceback__", None)
    while trace is not None:
        names |= trace.tb_frame.f_locals
        trace = trace.tb_next
    return names


def digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def of_torch() -> Facts:
    """The gradients that the last step left."""
    import numpy as np
    import torch

    names = left_behind()
    model = names.get("model")
    parameters = dict(model.named_parameters()) if model is not None else {}
    randomness = [repr(random.getstate()).encode(), repr(np.random.get_state()).encode()]
    randomness.append(torch.get_rng_state().numpy().tobytes())
    return Facts(
        {name: _torch_verdict(p) for name, p in parameters.items()},
        digest(p.detach().numpy().tobytes() for p in parameters.values()),
        digest(randomness),
        _error(),
    )


def _torch_verdict(parameter: Any) -> str:
    if not parameter.requires_grad:
        return "frozen"
    if parameter.grad is None:
        return "none"
    return "present" if bool(parameter.grad.any()) else "zero"


def of_tensorflow() -> Facts:
    """The gradients of the last step; of ``fit``, those of a tape around the same loss."""
    import numpy as np
    import tensorflow as tf

    names = left_behind()
    model, grads = names.get("model"), names.get("grads")
    variables = list(model.trainable_variables) if model is not None else []
    weights = digest(v.numpy().tobytes() for v in variables)
    draw = tf.random.uniform(()).numpy().tobytes()  # TensorFlow counts what is drawn
    randomness = [repr(random.getstate()).encode(), repr(np.random.get_state()).encode(), draw]
    if grads is None and variables and _error() is None:
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(model(names["x"], training=True))
            loss = sum(tf.reduce_mean((names["y"] - output) ** 2) for output in outputs)
        grads = tape.gradient(loss, variables)
    asked = names["other"].trainable_variables if "other" in names else variables
    verdicts = {v.path: _tensorflow_verdict(g) for v, g in zip(asked, grads or [], strict=False)}
    return Facts(verdicts, weights, digest(randomness), _error())


def _tensorflow_verdict(gradient: Any) -> str:
    import tensorflow as tf

    if gradient is None:
        return "none"
    given = tf.convert_to_tensor(gradient).numpy()  # that of an embedding is a set of rows
    return "present" if bool((given != 0).any()) else "zero"


def of_jax() -> Facts:
    """Whether JAX's backward pass of the loss leads to each leaf, and whether nothing but zeros came of that."""
    names = left_behind()
    facts = _of_leaves("params", names.get("params", {}), names.get("loss_fn"))
    return facts._replace(verdicts=facts.verdicts | dict(_zeros("params", names.get("grads"), facts.verdicts)))


def _zeros(name: str, grads: Any, verdicts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The leaves to which a way leads that carries zeros: JAX does not leave out what a loop hands on."""
    import jax
    import numpy as np

    for path, gradient in jax.tree_util.tree_leaves_with_path(grads):
        leaf = f"{name}/{jax.tree_util.keystr(path, simple=True, separator='/')}"
        if verdicts.get(leaf) == "present" and not np.asarray(gradient).any():
            yield leaf, "zero"


def of_nnx() -> Facts:
    """The same for the parameters of a model of Flax NNX."""
    names = left_behind()
    model, loss_fn = names.get("model"), names.get("loss_fn")
    if model is None or loss_fn is None:
        return _of_leaves("model", {}, None)
    from flax import nnx

    graph, params, rest = nnx.split(model, nnx.Param, ...)
    return _of_leaves("model", nnx.to_pure_dict(params), lambda weights: loss_fn(_merged(graph, params, weights, rest)))


def _merged(graph: Any, params: Any, weights: Any, rest: Any) -> Any:
    from flax import nnx

    nnx.replace_by_pure_dict(params, weights)
    return nnx.merge(graph, params, rest, copy=True)  # statistics are written to


def of_equinox() -> Facts:
    """The same for the arrays of a model of Equinox."""
    names = left_behind()
    model, loss_fn = names.get("model"), names.get("loss_fn")
    if model is None or loss_fn is None:
        return _of_leaves("model", {}, None)
    import equinox

    params, rest = equinox.partition(model, equinox.is_inexact_array)
    return _of_leaves("model", params, lambda weights: loss_fn(equinox.combine(weights, rest)))


def _of_leaves(name: str, params: Any, loss_fn: Callable[[Any], Any] | None) -> Facts:
    import jax
    import numpy as np

    leaves = jax.tree_util.tree_leaves_with_path(params)
    randomness = [repr(random.getstate()).encode(), repr(np.random.get_state()).encode()]
    if _error() is not None or loss_fn is None:  # what is left may be tracers
        return Facts({}, "", digest(randomness), _error())
    weights = digest(np.asarray(leaf).tobytes() for _, leaf in leaves)

    def loss(weights: Any) -> Any:
        value = loss_fn(weights)
        return value[0] if isinstance(value, tuple) else value

    verdicts = {}
    for (path, _), reached in zip(leaves, _reached(loss, params), strict=True):
        inside = jax.tree_util.keystr(path, simple=True, separator="/")
        verdicts[f"{name}/{inside}"] = "present" if reached else "none"
    return Facts(verdicts, weights, digest(randomness), _error())


def _reached(loss: Callable[[Any], Any], weights: Any) -> list[bool]:
    """Of each leaf, whether the backward pass leads to it, by JAX's own removal of dead code."""
    import jax
    import jax.numpy as jnp
    from jax.interpreters import partial_eval

    def backward(cotangent: Any, weights: Any) -> Any:
        return jax.vjp(loss, weights)[1](cotangent)

    program = jax.make_jaxpr(backward)(jnp.ones(()), weights).jaxpr
    count = len(jax.tree_util.tree_leaves(weights))
    wanted = ([at == other for other in range(count)] for at in range(count))
    return [bool(partial_eval.dce_jaxpr(program, one)[1][0]) for one in wanted]


def of_keras() -> Facts:
    """The gradients of the mean squared error of every output, by what the back end of Keras differentiates with."""
    import keras
    import numpy as np

    names = left_behind()
    model = names.get("model")
    if _error() is not None or model is None or "x" not in names:
        return Facts({}, "", "", _error())
    variables = list(model.trainable_variables)
    weights = digest(np.asarray(keras.ops.convert_to_numpy(v)).tobytes() for v in variables)
    randomness = [repr(random.getstate()).encode(), repr(np.random.get_state()).encode()]
    randomness.append(keras.ops.convert_to_numpy(keras.random.uniform((2,))).tobytes())
    verdicts = _KERAS[keras.backend.backend()](model, variables, names["x"], names["y"])
    return Facts(verdicts, weights, digest(randomness), None)


def _error_of(outputs: Any, y: Any, penalties: Any) -> Any:
    """The loss that a fit makes.

    Args:
        penalties: what layers add to it.
    """
    import keras

    return sum(keras.ops.mean((y - output) ** 2) for output in keras.tree.flatten(outputs)) + sum(penalties)


def _keras_on_tensorflow(model: Any, variables: list[Any], x: Any, y: Any) -> dict[str, str]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = _error_of(model(x), y, model.losses)
    grads = tape.gradient(loss, [v.value for v in variables])
    return {v.path: _tensorflow_verdict(g) for v, g in zip(variables, grads, strict=True)}


def _keras_on_torch(model: Any, variables: list[Any], x: Any, y: Any) -> dict[str, str]:
    import keras

    model.zero_grad()
    loss = _error_of(model(x), keras.ops.convert_to_tensor(y), model.losses)
    if loss.requires_grad:
        loss.backward()
    return {v.path: _torch_verdict(v.value) for v in variables}


def _keras_on_jax(model: Any, variables: list[Any], x: Any, y: Any) -> dict[str, str]:
    others = [v.value for v in model.non_trainable_variables]

    def loss(values: Any) -> Any:
        outputs, _, penalties = model.stateless_call(values, others, x, return_losses=True)
        return _error_of(outputs, y, penalties)

    reached = _reached(loss, [v.value for v in variables])
    return {v.path: "present" if found else "none" for v, found in zip(variables, reached, strict=True)}


_KERAS = {"jax": _keras_on_jax, "tensorflow": _keras_on_tensorflow, "torch": _keras_on_torch}


def _error() -> str | None:
    error = getattr(sys, "last_value", None)
    return None if error is None else type(error).__name__


ORACLES: dict[str, Callable[[], Facts]] = {
    "equinox": of_equinox,
    "jax": of_jax,
    "keras": of_keras,
    "nnx": of_nnx,
    "tensorflow": of_tensorflow,
    "torch": of_torch,
}
