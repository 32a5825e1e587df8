import jax
import jax.numpy as jnp
from jax import lax

params = {"cell": {"i": jnp.ones((2, 3)), "h": 0.5 * jnp.eye(3)}, "out": jnp.ones(3)}
xs = jax.random.normal(jax.random.PRNGKey(0), (7, 2))


def cell(p, h, x):
    memory = lax.stop_gradient(h @ p["h"])
    return jnp.tanh(x @ p["i"] + memory)


@jax.jit
def loss_fn(params):
    def body(h, x):
        h = cell(params["cell"], h, x)
        return h, h @ params["out"]

    return jnp.mean((lax.scan(body, jnp.zeros(3), xs)[1] - xs[:, 0]) ** 2)


for _ in range(3):
    loss, grads = jax.value_and_grad(loss_fn)(params)
    params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
print("loss", float(loss))
