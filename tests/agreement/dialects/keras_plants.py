"""What is planted into programs of Keras that run on each of its back ends: faults, and what only looks like one."""

from __future__ import annotations

from agreement.writing import Plant

STATE = ('self.{n} = self.add_weight(shape=(6, 4), initializer="ones", trainable=False, name="{n}")',)
BUILT = ("self.{n} = layers.Dense(4)", "self.{n}.build((6, 4))  #: not-called")
# No two of its numbers are the same: a layer that norms the same ones has zeros by value.
SPREAD = "ops.reshape(ops.linspace(0.1, 0.9, 24), (6, 4))"
FAULTS = {
    "detach": Plant(("h = ops.stop_gradient(h)  #: stop-gradient",)),
    "detach-inside": Plant(("h = ops.tanh(", "    ops.stop_gradient(h)  #: stop-gradient", ")")),
    "int": Plant(('ids = ops.cast(h * 8, "int32")  #: integer-dtype', 'h = ops.cast(ids, "float32") / 8.0 + 0.5')),
    "round": Plant((f"h = ops.round(h * 10) / 10 + {SPREAD}  #: non-differentiable-op",)),
    "sign": Plant((f"h = ops.sign(h) + {SPREAD}  #: non-differentiable-op",)),
    "floor": Plant((f"h = ops.floor(h * 4) + {SPREAD}  #: non-differentiable-op",)),
    "argmax": Plant(("best = ops.argmax(h, axis=-1)  #: non-differentiable-op", "h = ops.one_hot(best, 4)")),
    "compare": Plant(('h = ops.cast(h > 0.1, "float32") + 0.5  #: non-differentiable-op, integer-dtype',)),
    "sort-indices": Plant(
        ('h = ops.cast(ops.argsort(h, axis=-1), "float32")  #: non-differentiable-op, integer-dtype',)
    ),
    "state-assigned": Plant(("{o}.{n}.assign(h)  #: state-write", "h = {o}.{n} * 1.5  #: state-write"), makes=STATE),
    "topk-indices": Plant(('h = ops.cast(ops.top_k(h, 4)[1], "float32")  #: non-differentiable-op, integer-dtype',)),
    "detach-in-a-branch": Plant(
        (
            "h = ops.cond(",
            "    ops.sum(h) > -1e6,",
            "    lambda: ops.stop_gradient(h) * 1.5,  #: stop-gradient",
            "    lambda: ops.stop_gradient(h) * 0.5,  #: stop-gradient",
            ")",
        )
    ),
    "detach-in-a-map": Plant(("h = ops.map(lambda row: ops.stop_gradient(row) * 1.1, h)  #: stop-gradient",)),
    "by-a-helper": Plant(
        ("h = keep_{n}(h)",),
        top=(
            "def keep_{n}(value):",
            "    kept = ops.stop_gradient(value)  #: stop-gradient",
            "    return kept + 0.1",
        ),
    ),
    "dropped": Plant(
        ("extra = {o}.{n}(h)  #: unused-output", "h = ops.tanh(h)  #: unused-output"),
        makes=("self.{n} = layers.Dense(4)",),
    ),
    "dropped-beside": Plant(
        ("h, spare = h * 0.5, {o}.{n}(h)  #: unused-output", "h = ops.tanh(h)  #: unused-output"),
        makes=("self.{n} = layers.Dense(4)",),
    ),
    "never-called": Plant((), makes=BUILT),
    "branch-not-taken": Plant(
        ("if h.shape[-1] > 100:  #: not-called", "    h = {o}.{n}(h)  #: not-called"),
        makes=BUILT,
    ),
    "copied-weight": Plant(
        ("h = ops.matmul(h, ops.stop_gradient({o}.{n}))  #: stop-gradient",),
        makes=('self.{n} = self.add_weight(shape=(4, 4), name="{n}")',),
    ),
}
TOLD: frozenset[str] = frozenset()
# Faults that may be told as notes.
NOTED: frozenset[str] = frozenset()
DEBATABLE: frozenset[str] = frozenset()
BY_VALUE: frozenset[str] = frozenset()
# Faults that a back end may answer with zeros, by structure.
ZEROS = frozenset(("round", "sign", "floor"))
FADING: frozenset[str] = frozenset()
MAKING_FAULTS: dict[str, list[str]] = {}
TRAINING_FAULTS: tuple[str, ...] = ()
HARMLESS = {
    "straight-through": Plant(("h = h + ops.stop_gradient(ops.round(h * 50) / 50 + 0.01 - h)",)),
    "half-detached": Plant(("h = 0.5 * h + 0.5 * ops.stop_gradient(h)",)),
    "argmax-read": Plant(("choice = ops.argmax(h, axis=-1)",)),
    "masked": Plant(('h = h * ops.cast(h > -1000.0, "float32")',)),
    "sorted": Plant(("h = ops.take(h, ops.argsort(h[0]), axis=1)",)),
    "statistic": Plant(("{o}.{n}.assign({o}.{n} * 0.9 + 0.1 * h)",), makes=STATE),
    "normalised": Plant(("h = h / (ops.stop_gradient(ops.max(ops.abs(h))) + 1.0)",)),
    "noise": Plant(("h = {o}.{n}(h, training=True)",), makes=("self.{n} = layers.GaussianNoise(0.01, seed=3)",)),
    "dropout": Plant(("h = {o}.{n}(h, training=True)",), makes=("self.{n} = layers.Dropout(0.1, seed=3)",)),
    "constant": Plant(("h = h + ops.convert_to_tensor([0.1, 0.2, 0.3, 0.4])",)),
    "taken-apart": Plant(("first, rest = h[:, :1], h[:, 1:]", "h = ops.concatenate([first, rest], axis=1)")),
    "there-and-back": Plant(('h = ops.cast(h, "float16")', 'h = ops.cast(h, "float32")')),
    "mapped": Plant(("h = ops.vectorized_map(lambda row: row * 1.1, h)",)),
    "top-values": Plant(("h = ops.top_k(h, 4)[0]",)),
    "cumulated": Plant(("h = 0.5 * ops.cumsum(h, axis=1)",)),
    "by-einsum": Plant(('h = ops.einsum("bi,ij->bj", h, ops.eye(4))',)),
    "padded": Plant(("h = ops.roll(ops.flip(ops.pad(h, ((0, 0), (1, 1)))[:, 1:-1], 0), 1, 0)",)),
    "carried-on": Plant(("_, h = ops.scan(lambda kept, row: (kept + row, row + 0.1 * kept), ops.zeros(4), h)",)),
    "looped": Plant(("h = ops.fori_loop(0, 3, lambda i, v: ops.tanh(v) + 0.1, h)",)),
    "either": Plant(("h = ops.cond(ops.sum(h) > -1e6, lambda: ops.tanh(h), lambda: ops.sin(h))",)),
    "in-rows": Plant(("h = ops.map(lambda row: ops.tanh(row) * 1.1, h)",)),
    "filled": Plant(("h = ops.where(h < -1000.0, 0.0, h)",)),
    "reshaped": Plant(("h = ops.reshape(ops.transpose(ops.reshape(h, (-1, 2, 2)), (0, 2, 1)), (-1, 4))",)),
    "activity": Plant(("h = {o}.{n}(h)",), makes=("self.{n} = layers.ActivityRegularization(l2=0.01)",)),
}
