import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, h):
        h = jnp.tanh(nn.Dense(4, name="hidden")(h))
        return nn.Dense(1, name="head")(h)


def train():
    model = Net()
    x = jax.random.normal(jax.random.PRNGKey(0), (6, 4))
    params = model.init(jax.random.PRNGKey(1), x)["params"]
    tx = optax.adam(0.01)
    state = tx.init(params)

    def loss_fn(p):
        out = model.apply({"params": params}, x)  #: wrong-source
        return jnp.mean(out**2)

    for _ in range(3):
        grads = jax.grad(loss_fn)(params)
        updates, state = tx.update(grads, state)
        params = optax.apply_updates(params, updates)


train()
