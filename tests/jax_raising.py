"""Scripts in which JAX raises, or answers zeros where others raise; the line that broke each ends in ``# <- here``."""

from __future__ import annotations

HEAD = "import functools\nimport jax\nimport jax.numpy as jnp\n\n"

_TEXT = """### leak_list
history = []

def loss(params, x):
    h = jnp.tanh(x @ params["w"])
    history.append(h)  # <- here
    return jnp.mean(h**2)

step = jax.jit(jax.grad(loss))
params = {"w": jnp.ones((3, 2))}
x = jnp.ones((4, 3))
for _ in range(2):
    g = step(params, x)
    params = jax.tree_util.tree_map(lambda p, d: p - 0.1 * d, params, g)
print(history[0] + 1)
### leak_attr
class Model:
    def __init__(self):
        self.mean = jnp.zeros(2)

    def __call__(self, params, x):
        h = x @ params["w"]
        self.mean = 0.9 * self.mean + 0.1 * h.mean(0)  # <- here
        return h - self.mean

model = Model()

@jax.jit
def step(params, x):
    loss, g = jax.value_and_grad(lambda p: jnp.mean(model(p, x) ** 2))(params)
    return loss, jax.tree_util.tree_map(lambda p, d: p - 0.1 * d, params, g)

params = {"w": jnp.ones((3, 2))}
for n in range(3):
    x = jnp.ones((4 + n, 3))
    loss, params = step(params, x)
    print(loss)
### leak_number
seen = {}

@jax.jit
def step(w):
    def loss(w):
        value = jnp.sum(w**2)
        seen["loss"] = value * 2  # <- here
        return value

    return w - 0.1 * jax.grad(loss)(w)

w = step(jnp.ones(3))
print(float(seen["loss"]))
### number_in_nnx_jit
from flax import nnx

model = nnx.Linear(4, 1, rngs=nnx.Rngs(0))

def loss(model):
    return jnp.asarray(float(jnp.mean(model(jnp.ones((2, 4))))))  # <- here

@nnx.jit
def step(model):
    return nnx.value_and_grad(loss)(model)

step(model)
### leak_global_grad
last = None

def loss(w):
    global last
    y = jnp.sin(w)
    last = y  # <- here
    return jnp.sum(y**2)

w = jnp.ones(3)
g = jax.grad(loss)(w)
print(jnp.sum(last) + 1)
### leak_scan
hidden = []

def loss(w, xs):
    def cell(h, x):
        h = jnp.tanh(w * h + x)
        hidden.append(h)  # <- here
        return h, h

    h, _ = jax.lax.scan(cell, jnp.zeros(2), xs)
    return jnp.sum(h) + jnp.sum(hidden[-1])

print(jax.grad(loss)(jnp.ones(2), jnp.ones((5, 2))))
### bool_mask
def loss(w, x):
    y = x @ w
    kept = y[y > 0]  # <- here
    return jnp.mean(kept**2)

print(jax.jit(jax.grad(loss))(jnp.ones(3), jnp.ones((2, 3))))
### int_shape
def loss(w, n):
    pos = jnp.arange(n)  # <- here
    return jnp.sum(w * pos.sum())

print(jax.jit(jax.grad(loss))(jnp.ones(3), 4))
### donated_eval
def loss(p, x):
    return jnp.mean((x @ p["w"] + p["b"]) ** 2)

@functools.partial(jax.jit, donate_argnums=0)
def step(p, x):
    g = jax.grad(loss)(p, x)
    return jax.tree_util.tree_map(lambda a, d: a - 0.1 * d, p, g)

params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
x = jnp.ones((4, 3))
best = params
for _ in range(2):
    params = step(params, x)  # <- here
print(loss(best, x))
### donated_grad
def loss(p, x):
    return jnp.mean((x @ p["w"] + p["b"]) ** 2)

@functools.partial(jax.jit, donate_argnums=0)
def update(p, g):
    return jax.tree_util.tree_map(lambda a, d: a - 0.1 * d, p, g)

params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
x = jnp.ones((4, 3))
for _ in range(2):
    g = jax.grad(loss)(params, x)
    new = update(params, g)  # <- here
print(new["w"])
### aux_first
def loss(p, x):
    out = x @ p["w"]
    return out, jnp.mean(out**2)  # <- here

(l, out), g = jax.value_and_grad(loss, has_aux=True)({"w": jnp.ones(3)}, jnp.ones((4, 3)))
### aux_missing
def loss(p, x):
    out = x @ p["w"]
    return jnp.mean(out**2)

(l, out), g = jax.value_and_grad(loss, has_aux=True)({"w": jnp.ones(3)}, jnp.ones((4, 3)))  # <- here
### tuple_no_aux
def loss(p, x):
    out = x @ p["w"]
    return jnp.mean(out**2), out

(l, out), g = jax.value_and_grad(loss)({"w": jnp.ones(3)}, jnp.ones((4, 3)))  # <- here
### returns_none
def loss(p, x):
    out = x @ p["w"]
    jnp.mean(out**2)  # <- here

print(jax.grad(loss)({"w": jnp.ones(3)}, jnp.ones((4, 3))))
### non_scalar
def loss(p, x):
    return (x @ p["w"]) ** 2  # <- here

print(jax.grad(loss)({"w": jnp.ones(3)}, jnp.ones((4, 3))))
### string_leaf
params = {"w": jnp.ones((3, 2)), "act": "relu"}

def loss(p, x):
    h = x @ p["w"]
    if p["act"] == "relu":
        h = jax.nn.relu(h)
    return jnp.mean(h**2)

print(jax.grad(loss)(params, jnp.ones((4, 3))))  # <- here
### bwd_count
@jax.custom_vjp
def scaled(x, s):
    return x * s

def fwd(x, s):
    return x * s, (x, s)

def bwd(res, g):
    x, s = res
    return (g * s,)  # <- here

scaled.defvjp(fwd, bwd)

def loss(w, x):
    return jnp.mean(scaled(x @ w, 2.0) ** 2)

print(jax.grad(loss)(jnp.ones(3), jnp.ones((4, 3))))
### fwd_no_residual
@jax.custom_vjp
def clip(x):
    return jnp.clip(x, -1, 1)

def fwd(x):
    return jnp.clip(x, -1, 1)  # <- here

def bwd(_, g):
    return (g,)

clip.defvjp(fwd, bwd)

def loss(w, x):
    return jnp.mean(clip(x @ w) ** 2)

print(jax.grad(loss)(jnp.ones(3), jnp.ones((4, 3))))
### no_defvjp
@jax.custom_vjp
def clip(x):
    return jnp.clip(x, -1, 1)

def loss(w, x):
    return jnp.mean(clip(x @ w) ** 2)  # <- here

print(jax.grad(loss)(jnp.ones(3), jnp.ones((4, 3))))
### nondiff_traced
@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def scaled(x, s):
    return x * s

def fwd(x, s):
    return x * s, None

def bwd(s, res, g):
    return (g * s,)

scaled.defvjp(fwd, bwd)

def loss(p, x):
    return jnp.mean(scaled(x @ p["w"], p["s"]) ** 2)  # <- here

print(jax.grad(loss)({"w": jnp.ones(3), "s": jnp.ones(())}, jnp.ones((4, 3))))
### jvp_mode_vjp
@jax.custom_vjp
def clip(x):
    return jnp.clip(x, -1, 1)

clip.defvjp(lambda x: (jnp.clip(x, -1, 1), None), lambda _, g: (g,))

def loss(w, x):
    return jnp.mean(clip(x @ w) ** 2)  # <- here

print(jax.jacfwd(loss)(jnp.ones(3), jnp.ones((4, 3))))
### argnums_range
def loss(w, x):
    return jnp.mean((x @ w) ** 2)

print(jax.grad(loss, argnums=2)(jnp.ones(3), jnp.ones((4, 3))))  # <- here
### complex_loss
def loss(w, x):
    return jnp.mean(jnp.fft.fft(x @ w))  # <- here

print(jax.grad(loss)(jnp.ones(3), jnp.ones((4, 3))))
### python_loss
def loss(p, x):
    out = x @ p["w"]
    return jnp.mean(out).item()  # <- here

print(jax.grad(loss)({"w": jnp.ones(3)}, jnp.ones((4, 3))))
### int_python
def loss(w):
    return w**2

print(jax.grad(loss)(3))  # <- here
"""
RAISING = {name: HEAD + body for name, _, body in (part.partition("\n") for part in _TEXT.split("### ")[1:])}
