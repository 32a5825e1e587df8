"""Keras programs that run on every back end, each with what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = """import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(0)
x = np.random.rand(32, 4).astype("float32")
y = np.random.rand(32, 1).astype("float32")
"""
FIT = """
model.compile(optimizer="adam", loss="mse")
print(model.fit(x, y, epochs=2, batch_size=32, verbose=0).history["loss"])
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and what is to be said of it.

    Attributes:
        text: without what every program begins with.
        cause: the one that is found, ``None`` for a healthy program.
        place: text in the line that is blamed, ``BACKEND`` standing for the back end.
        parameters: those without a useful gradient.
        zeros: the back ends that hand back zeros, and not nothing.
    """

    text: str
    cause: str | None = None
    place: str = ""
    parameters: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()


def net(forward: str, more: str = "", layer: str = "") -> str:
    """A model with a body and a prediction."""
    return f"""
class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.body = layers.Dense(8, activation="tanh", name="body")
        self.pred = layers.Dense(1, name="pred"{layer})
        {more or "pass"}

    def call(self, inputs):
        {forward}


model = Net()
{FIT}"""


_SCALE = 'self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")'
_BAG = """
class Bag:
    def __init__(self):
        self.w = keras.Variable(np.ones((8, 8), "float32"), name="bag")

"""
_BODY, _PRED = ("net/body/kernel", "net/body/bias"), ("net/pred/kernel", "net/pred/bias")
PROGRAMS: dict[str, Program] = {
    "healthy": Program(net("return self.pred(self.body(inputs))")),
    "bypassed": Program(
        net("hidden = self.body(inputs); out = self.pred(hidden); return hidden"), "unused-output", "model.fit", _PRED
    ),
    "stopped": Program(
        net("return ops.stop_gradient(self.pred(self.body(inputs))) * self.scale", _SCALE),
        "stop-gradient",
        "ops.stop_gradient",
        _BODY + _PRED,
    ),
    "never_called": Program(
        net(
            "return self.pred(self.body(inputs))",
            'self.extra = layers.Dense(2, name="extra"); self.extra.build((None, 8))',
        ),
        "not-called",
        "def call",
        ("extra/kernel", "extra/bias"),
    ),
    "rounded": Program(
        net("return self.pred(ops.round(3.0 * self.body(inputs)))"),
        "non-differentiable-op",
        "ops.round",
        _BODY,
        ("torch",),
    ),
    "scaled_by_a_variable": Program(
        net("return self.pred(ops.floor(self.body(inputs) * self.scale * 4.0))", _SCALE),
        "non-differentiable-op",
        "ops.floor",
        (*_BODY, "net/scale"),
        zeros=("torch",),
    ),
    "weight_stopped": Program(
        net("return self.pred(self.body(inputs)) + ops.stop_gradient(self.scale)", _SCALE),
        "stop-gradient",
        "ops.stop_gradient",
        ("net/scale",),
    ),
    "in_a_bag": Program(
        _BAG + net("return self.pred(ops.matmul(self.body(inputs), self.bag.w))", "self.bag = Bag()"),
        "untracked",
        "self.w = keras.Variable",
        ("bag",),
    ),
    "penalised": Program(
        net("hidden = self.body(inputs); self.pred(hidden); return hidden", layer=', kernel_regularizer="l2"'),
        "unused-output",
        "self.pred(hidden)",
        _PRED,
    ),
    "frozen": Program(
        "\nmodel = keras.Sequential([keras.Input((4,)), layers.Dense(1, name='only')], name='net')\n"
        "model.trainable = False" + FIT,
        "frozen",
        "model.trainable",
        ("net/only/kernel", "net/only/bias"),
    ),
    "rate_of_zero": Program(
        net("return self.pred(self.body(inputs))").replace('"adam"', "keras.optimizers.SGD(learning_rate=0.0)")
        + "model.fit(x, y, epochs=4, verbose=0)\n",
        "not-updated",
        "learning_rate=0.0",
        _BODY + _PRED,
    ),
    "rate_that_becomes_zero": Program(
        net("return self.pred(self.body(inputs))")
        .replace('"adam"', "keras.optimizers.SGD(0.1)")
        .replace("print(", "model.optimizer.learning_rate = 0.0\nprint(")
        + "model.fit(x, y, epochs=4, verbose=0)\n",
        "not-updated",
        "SGD(0.1)",
        _BODY + _PRED,
    ),
    "loss_without_weight": Program(
        """
inputs = keras.Input((4,))
hidden = layers.Dense(8, activation="tanh", name="body")(inputs)
outputs = {"main": layers.Dense(1, name="main")(hidden), "aux": layers.Dense(1, name="aux")(hidden)}
model = keras.Model(inputs, outputs)
model.compile(optimizer="adam", loss={"main": "mse", "aux": "mse"}, loss_weights={"main": 1.0, "aux": 0.0})
print(model.fit(x, {"main": y, "aux": y}, epochs=12, batch_size=32, verbose=0).history["loss"])
""",
        "zero-gradient",
        "loss_weights",
        ("aux/kernel", "aux/bias"),
    ),
    "handed_on": Program(
        """
class Block(layers.Layer):
    def __init__(self):
        super().__init__(name="block")
        self.inner = layers.Dense(4, name="inner")

    def call(self, inputs):
        hidden = self.inner(inputs)
        return inputs


inputs = keras.Input((4,))
model = keras.Model(inputs, layers.Dense(1, name="out")(Block()(layers.Dense(4, name="stem")(inputs))))
"""
        + FIT,
        "unused-output",
        "return inputs",
        ("block/inner/kernel", "block/inner/bias"),
    ),
    "healthy_parts": Program(
        """
base = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.BatchNormalization()], name="base")
base.trainable = False
tokens = keras.Input((4,), dtype="int32")
hidden = layers.LayerNormalization()(layers.Dropout(0.1)(layers.Embedding(9, 8)(tokens)))
both = layers.concatenate([layers.Flatten()(hidden), layers.BatchNormalization()(base(tokens))])
model = keras.Model(tokens, layers.Dense(1, kernel_regularizer="l2")(both))
model.compile(optimizer=keras.optimizers.Adam(clipnorm=1.0), loss="mse", metrics=["mae"])
stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1)
print(model.fit((9 * x).astype("int32"), y, epochs=3, batch_size=16, callbacks=[stop], verbose=0).history)
"""
    ),
}

_STEPS = """
backend = keras.backend.backend()
if backend == "jax":
    import jax
else:
    tf = __import__("tensorflow") if backend == "tensorflow" else None


class Net(keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.body = layers.Dense(1, activation="tanh", name="body")
        self.pred = layers.Dense(1, name="pred")

    def call(self, inputs):
        return self.pred(self.body(inputs))

    def of_tensorflow(self, data):
        inputs, goal = data
        with tf.GradientTape() as tape:
            out = self(inputs, training=True)
            loss = self.compute_loss(y=goal, y_pred=TENSORFLOW)  # blamed on tensorflow
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}

    def of_torch(self, data):
        inputs, goal = data
        self.zero_grad()
        out = self(inputs, training=True)
        loss = self.compute_loss(y=goal, y_pred=TORCH)  # blamed on torch
        loss.backward()
        gradients = [v.value.grad for v in self.trainable_weights]
        self.optimizer.apply(gradients, self.trainable_weights)
        return {"loss": loss.detach()}

    def compute_loss_and_updates(self, trainable, others, inputs, goal):
        out, others = self.stateless_call(trainable, others, inputs)
        taken = JAX  # blamed on jax
        return self.compute_loss(y=goal, y_pred=taken), others

    def of_jax(self, state, data):
        trainable, others, optimizer, metrics = state
        request = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, others), gradients = request(trainable, others, *data)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return {"loss": loss}, (trainable, others, optimizer, metrics)

    train_step = {"tensorflow": of_tensorflow, "torch": of_torch, "jax": of_jax}[backend]


model = Net()
"""


def _steps(tensorflow: str, torch: str, jax: str) -> str:
    return _STEPS.replace("TENSORFLOW", tensorflow).replace("TORCH", torch).replace("JAX", jax) + FIT


PROGRAMS["own_step"] = Program(_steps("out", "out", "out"))
PROGRAMS["own_step_bypassed"] = Program(
    _steps("self.body(inputs)", "self.body(inputs)", "self.body.stateless_call(trainable[:2], [], inputs)[0]"),
    "unused-output",
    "# blamed on BACKEND",
    _PRED,
)
