"""What the framework itself says of a program that has run: each parameter's gradient, and traces of its state."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterable
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
    if grads is None and variables:
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
    """Whether JAX's backward pass of the loss leads to each leaf, by JAX's own removal of dead code."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.interpreters import partial_eval

    names = left_behind()
    params, loss_fn = names.get("params", {}), names.get("loss_fn")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    randomness = [repr(random.getstate()).encode(), repr(np.random.get_state()).encode()]
    if _error() is not None or loss_fn is None:  # what is left may be tracers
        return Facts({}, "", digest(randomness), _error())
    weights = digest(np.asarray(leaf).tobytes() for _, leaf in leaves)

    def loss(weights: Any) -> Any:
        value = loss_fn(weights)
        return value[0] if isinstance(value, tuple) else value

    def backward(cotangent: Any, weights: Any) -> Any:
        return jax.vjp(loss, weights)[1](cotangent)

    program = jax.make_jaxpr(backward)(jnp.ones(()), params).jaxpr
    verdicts = {}
    for at, (path, _) in enumerate(leaves):
        wanted = [at == other for other in range(len(leaves))]
        reached = bool(partial_eval.dce_jaxpr(program, wanted)[1][0])
        verdicts["params/" + jax.tree_util.keystr(path, simple=True, separator="/")] = "present" if reached else "none"
    return Facts(verdicts, weights, digest(randomness), _error())


def _error() -> str | None:
    error = getattr(sys, "last_value", None)
    return None if error is None else type(error).__name__


ORACLES: dict[str, Callable[[], Facts]] = {"jax": of_jax, "tensorflow": of_tensorflow, "torch": of_torch}
