import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        gate = nn.sigmoid(nn.Dense(8, name="gate")(x))
        open_gate = (gate > 0.5).astype(x.dtype)
        return (open_gate * nn.Dense(8, name="body")(x)).sum(-1)


model = Net()
x = jax.random.normal(jax.random.PRNGKey(1), (16, 3))


def loss_fn(params):
    return jnp.mean((model.apply({"params": params}, x) - jnp.sin(x[:, 0])) ** 2)


params = model.init(jax.random.PRNGKey(0), x)["params"]
tx = optax.adam(1e-2)
opt_state = tx.init(params)


@jax.jit
def step(params, opt_state):
    loss, grads = jax.value_and_grad(loss_fn)(params)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), opt_state, loss


for _ in range(5):
    params, opt_state, loss = step(params, opt_state)
print("loss", float(loss))
