import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, a, b):
        enc = nn.Dense(4, name="enc")
        scale = self.param("scale", nn.initializers.ones, ())
        return enc(a), enc(b), scale


def unit(z):
    z = z / jnp.linalg.norm(z, axis=-1, keepdims=True)
    return z


class Pair(nn.Module):
    @nn.compact
    def __call__(self, x):
        za, zb, scale = Net()(x, x + 0.1)
        return scale * unit(za) @ unit(zb).T


model = Pair()
x = jax.random.normal(jax.random.PRNGKey(1), (16, 3))


def loss_fn(params):
    logits = model.apply({"params": params}, x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(16)).mean()


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
