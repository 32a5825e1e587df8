"""What is planted into programs of TensorFlow and Keras: faults, and what only looks like one."""

from __future__ import annotations

from agreement.writing import Plant

STATE = ('self.{n} = self.add_weight(shape=(6, 4), initializer="ones", trainable=False, name="{n}")',)
BUILT = ("self.{n} = keras.layers.Dense(4)", "self.{n}.build((6, 4))  #: not-called")
FUNCTION = (
    "@tf.custom_gradient",
    "def fn_{n}(h):",
    "    def grad(upstream):  #: custom-gradient",
)
FAULTS = {
    "detach": Plant(("h = tf.stop_gradient(h)  #: stop-gradient",)),
    "detach-inside": Plant(("h = tf.tanh(", "    tf.stop_gradient(h)  #: stop-gradient", ")")),
    "detach-by-keras": Plant(("h = keras.ops.stop_gradient(h)  #: stop-gradient",)),
    "int": Plant(("ids = tf.cast(h * 8, tf.int32)  #: integer-dtype", "h = tf.cast(ids, tf.float32) / 8.0 + 0.5")),
    "round": Plant(("h = tf.round(h * 10) / 10 + 0.3  #: non-differentiable-op",)),
    "sign": Plant(("h = tf.sign(h) + tf.reshape(tf.linspace(0.1, 0.9, 24), (6, 4))  #: non-differentiable-op",)),
    "floor": Plant(("h = tf.floor(h * 4) + 0.5  #: non-differentiable-op",)),
    "argmax": Plant(
        ("best = tf.argmax(h, axis=-1)  #: non-differentiable-op", "h = tf.one_hot(best, 4)"),
    ),
    "compare": Plant(
        ("h = tf.cast(h > 0.1, tf.float32) + tf.linspace(0.2, 0.8, 4)  #: non-differentiable-op, integer-dtype",)
    ),
    "sort-indices": Plant(
        ("h = tf.cast(tf.argsort(h, axis=-1), tf.float32)  #: non-differentiable-op, integer-dtype",)
    ),
    "numpy-function": Plant(
        (
            "h = tf.numpy_function(np.tanh, [h], tf.float32)  #: left-framework",
            "h = tf.ensure_shape(h, (6, 4))",
        )
    ),
    "numpy": Plant(
        (
            "array = np.tanh(h.numpy())  #: left-framework",
            "h = tf.constant(array)  #: left-framework",
        )
    ),
    "numpy-at-once": Plant(("h = tf.convert_to_tensor(np.cos(h))  #: left-framework",)),
    "float": Plant(("h = tf.ones((6, 4)) * math.exp(-float(tf.reduce_mean(h ** 2)))  #: left-framework",)),
    "state-assigned": Plant(
        ("{o}.{n}.assign(h)  #: state-write", "h = {o}.{n} * 1.5  #: state-write"),
        makes=STATE,
    ),
    "custom-none": Plant(
        ("h = fn_{n}(h)  #: custom-gradient",),
        top=(*FUNCTION, "        return None  #: custom-gradient", "", "    return h * 2.0, grad"),
    ),
    "custom-zeros": Plant(
        ("h = fn_{n}(h)  #: custom-gradient",),
        top=(*FUNCTION, "        return tf.zeros_like(upstream)  #: custom-gradient", "", "    return h * 2.0, grad"),
    ),
    "dropped": Plant(
        ("extra = {o}.{n}(h)  #: unused-output", "h = tf.tanh(h)  #: unused-output"),
        makes=("self.{n} = keras.layers.Dense(4)",),
    ),
    "dropped-beside": Plant(
        ("h, spare = h * 0.5, {o}.{n}(h)  #: unused-output", "h = tf.tanh(h)  #: unused-output"),
        makes=("self.{n} = keras.layers.Dense(4)",),
    ),
    "never-called": Plant((), makes=BUILT),
    "branch-not-taken": Plant(
        ("if h.shape[-1] > 100:  #: not-called", "    h = {o}.{n}(h)  #: not-called"),
        makes=BUILT,
    ),
    "in-a-loop": Plant(
        (
            "rows = []",
            "for row in tf.unstack(h):",
            "    rows.append(tf.stop_gradient(row) * 1.5)  #: stop-gradient",
            "h = tf.stack(rows)",
        )
    ),
    "by-a-helper": Plant(
        ("h = keep_{n}(h)",),
        top=(
            "def keep_{n}(value):",
            "    kept = tf.stop_gradient(value)  #: stop-gradient",
            "    return tf.identity(kept)",
        ),
    ),
    "categorical": Plant(
        (
            "drawn = tf.random.categorical(h, 1)  #: non-differentiable-op",
            "h = tf.one_hot(drawn[:, 0], 4)",
        )
    ),
    "py-function": Plant(
        ("h = tf.ensure_shape(tf.py_function(lambda v: np.tanh(v), [h], tf.float32), (6, 4))  #: left-framework",)
    ),
    "dead-relu": Plant(("h = tf.nn.relu(h - 1000.0) + tf.linspace(0.2, 0.8, 4)  #: zero-gradient",)),
    "clamped-away": Plant(("h = tf.clip_by_value(h, 100.0, 200.0) - tf.linspace(99.2, 99.8, 4)  #: zero-gradient",)),
    "times-zeros": Plant(("h = h * tf.zeros(4) + 0.5  #: zero-gradient",)),
    "softmax-of-one": Plant(("h = tf.tile(tf.nn.softmax(h[:, :1], axis=1), [1, 4])  #: zero-gradient",)),
    "root-of-zero": Plant(("h = tf.sqrt(h * 0.0) + 0.5  #: nonfinite-gradient",)),
    "topk-indices": Plant(
        ("h = tf.cast(tf.math.top_k(h, 4).indices, tf.float32)  #: non-differentiable-op, integer-dtype",)
    ),
    "detach-in-a-branch": Plant(
        (
            "h = tf.cond(",
            "    tf.reduce_sum(h) > -1e6,",
            "    lambda: tf.stop_gradient(h) * 1.5,  #: stop-gradient",
            "    lambda: tf.stop_gradient(h) * 0.5,  #: stop-gradient",
            ")",
        )
    ),
    "detach-in-a-turn": Plant(
        (
            "_, h = tf.while_loop(",
            "    lambda i, v: i < 3,",
            "    lambda i, v: (i + 1, tf.stop_gradient(v) * 1.1),  #: stop-gradient",
            "    (0, h),",
            ")",
        )
    ),
    "detach-in-a-map": Plant(("h = tf.map_fn(lambda row: tf.stop_gradient(row) * 1.1, h)  #: stop-gradient",)),
    "detach-in-a-scan": Plant(
        ("h = tf.scan(lambda kept, row: 0.1 * kept + tf.stop_gradient(row), h, tf.zeros(4))  #: stop-gradient",)
    ),
    "detach-recomputed": Plant(("h = tf.recompute_grad(lambda v: tf.stop_gradient(tf.sin(v)))(h)  #: stop-gradient",)),
    "detach-in-a-function": Plant(
        ("h = kept_{n}(h)",),
        top=("@tf.function", "def kept_{n}(value):", "    return tf.stop_gradient(value) * 1.5  #: stop-gradient"),
    ),
    "state-scattered": Plant(
        (
            "{o}.{n}.assign(tf.tensor_scatter_nd_update({o}.{n}, [[i] for i in range(6)], h))  #: state-write",
            "h = {o}.{n} * 1.5  #: state-write",
        ),
        makes=STATE,
    ),
    "masked-out": Plant(("h = h * tf.cast(h > 1000.0, tf.float32) + tf.linspace(0.2, 0.8, 4)  #: zero-gradient",)),
    "never-chosen": Plant(("h = tf.where(h > 1000.0, h, tf.linspace(0.2, 0.8, 4))  #: zero-gradient",)),
    "plain-variable": Plant(("h = h * {o}.{n}",), makes=("self.{n} = tf.Variable(tf.ones(4))  #: untracked",)),
    "copied-weight": Plant(
        ("h = h @ tf.stop_gradient({o}.{n})  #: stop-gradient",),
        makes=('self.{n} = self.add_weight(shape=(4, 4), name="{n}")',),
    ),
}
# Faults that are only possible outside of a graph, and one that is told there only: a graph does not know that its loop
# takes a turn.
EAGER = frozenset(("numpy", "numpy-at-once", "float", "loss-float", "forward-unrecorded", "detach-in-a-turn"))
# Faults that are to be told whatever the gradients are; the gradient of a `py_function` is one number, and TensorFlow
# raises where it wants an array.
TOLD = frozenset(("other-model", "py-function", "plain-variable", "cut-short"))
# Faults that may be told as notes: a few units may come back.
NOTED = frozenset(("dead-relu",))
DEBATABLE: frozenset[str] = frozenset()
# Faults for which TensorFlow answers zeros, by structure.
ZEROS = frozenset(("sign", "custom-zeros", "py-function"))
# Faults by value: told when enough steps have agreed. The first of them no parameter may feel that has another way
# around.
FADING = frozenset(("dead-relu", "clamped-away", "times-zeros", "softmax-of-one", "masked-out", "never-chosen"))
BY_VALUE = FADING | {"root-of-zero", "no-rate"}
MAKING_FAULTS: dict[str, list[str]] = {}
TRAINING_FAULTS = (
    "loss-float",
    "output-detached",
    "forward-unrecorded",
    "second-head-dropped",
    "other-model",
    "no-rate",
    "cut-short",
    "recording-stopped",
)
HARMLESS = {
    "straight-through": Plant(("h = h + tf.stop_gradient(tf.round(h * 50) / 50 + 0.01 - h)",)),
    "half-detached": Plant(("h = 0.5 * h + 0.5 * tf.stop_gradient(h)",)),
    "argmax-read": Plant(("choice = tf.argmax(h, axis=-1)",)),
    "masked": Plant(("h = h * tf.cast(h > -1000.0, tf.float32)",)),
    "sorted": Plant(("h = tf.gather(h, tf.argsort(h[0]), axis=1)",)),
    "statistic": Plant(("{o}.{n}.assign({o}.{n} * 0.9 + 0.1 * h)",), makes=STATE),
    "normalised": Plant(("h = h / (tf.stop_gradient(tf.reduce_max(tf.abs(h))) + 1.0)",)),
    "own-function": Plant(
        ("h = fn_{n}(h)",),
        top=(
            *(line.partition("  #:")[0] for line in FUNCTION),
            "        return upstream * 2.0",
            "",
            "    return h * 2.0, grad",
        ),
    ),
    "checked": Plant(('tf.debugging.assert_all_finite(h, "not finite")',)),
    "noise": Plant(("h = h + 0.01 * tf.random.normal((6, 4))",)),
    "dropout": Plant(("h = {o}.{n}(h, training=True)",), makes=("self.{n} = keras.layers.Dropout(0.1)",)),
    "constant": Plant(("h = h + tf.constant([0.1, 0.2, 0.3, 0.4])",)),
    "taken-apart": Plant(("first, rest = h[:, :1], h[:, 1:]", "h = tf.concat([first, rest], axis=1)")),
    "there-and-back": Plant(("h = tf.cast(h, tf.float64)", "h = tf.cast(h, tf.float32)")),
    "recomputed": Plant(("h = tf.recompute_grad(tf.sin)(h)",)),
    "reshaped": Plant(("h = tf.reshape(tf.transpose(tf.reshape(h, (3, 2, 4)), (1, 0, 2)), (6, 4))",)),
    "in-rows": Plant(("h = tf.stack([tf.sin(row) for row in tf.unstack(h, num=6)])",)),
    "in-an-array": Plant(
        (
            "array = tf.TensorArray(tf.float32, size=2)",
            "array = array.write(0, h).write(1, h * 2.0)",
            "h = tf.reduce_mean(array.stack(), axis=0)",
        )
    ),
    "looped": Plant(("_, h = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.tanh(v) + 0.1), (0, h))",)),
    "either": Plant(("h = tf.cond(tf.reduce_sum(h) > -1e6, lambda: tf.tanh(h), lambda: tf.sin(h))",)),
    "picked": Plant(("h = h + 0.1 * tf.gather(h, tf.argmax(h, axis=1), axis=1, batch_dims=1)[:, None]",)),
    "scanned": Plant(("h = tf.map_fn(lambda row: row * 1.1, h)",)),
    "top-values": Plant(("h = tf.math.top_k(h, 4).values",)),
    "cumulated": Plant(("h = 0.5 * tf.cumsum(h, axis=1)",)),
    "scattered": Plant(("h = tf.tensor_scatter_nd_update(h, [[0]], h[1:2] * 0.5)",)),
    "by-einsum": Plant(('h = tf.einsum("bi,ij->bj", h, tf.eye(4))',)),
    "padded": Plant(("h = tf.roll(tf.reverse(tf.pad(h, [[0, 0], [1, 1]])[:, 1:-1], [0]), 1, 0)",)),
    "carried-on": Plant(("h = tf.scan(lambda kept, row: 0.1 * kept + row, h, tf.zeros(4))",)),
    "vectorised": Plant(("h = tf.vectorized_map(lambda row: tf.tanh(row) * 1.1, h)",)),
    "in-a-function": Plant(
        ("h = kept_{n}(h)",), top=("@tf.function", "def kept_{n}(value):", "    return tf.sin(value) * 1.5")
    ),
    "saliency": Plant(
        (
            "with tf.GradientTape() as inner:",
            "    inner.watch(h)",
            "    side = tf.reduce_sum(tf.sin(h))",
            "h = h + 0.1 * tf.stop_gradient(inner.gradient(side, h))",
        )
    ),
    "slope": Plant(
        (
            "with tf.GradientTape() as inner:",
            "    inner.watch(h)",
            "    side = tf.reduce_sum(tf.sin(h))",
            "h = h + 0.1 * inner.gradient(side, h)",
        )
    ),
    "tensor-if": Plant(("if tf.reduce_sum(h) > -1e6:", "    h = tf.tanh(h)", "else:", "    h = tf.sin(h)")),
    "tensor-for": Plant(("for _ in tf.range(3):", "    h = tf.tanh(h) + 0.1")),
    "switched": Plant(("h = tf.switch_case(tf.constant(1), [lambda: tf.sin(h), lambda: tf.tanh(h) * 1.1])",)),
    "filled": Plant(("h = tf.where(h < -1000.0, 0.0, h)",)),
    "by-fourier": Plant(("h = tf.signal.irfft(tf.signal.rfft(h), fft_length=[4])",)),
    "drawn-near": Plant(("h = h + 0.01 * tf.stop_gradient(tf.one_hot(tf.random.categorical(h, 1)[:, 0], 4))",)),
    "by-keras": Plant(("h = keras.ops.concatenate([h[:, :2], h[:, 2:]], axis=-1)",)),
}
