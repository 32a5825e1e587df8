import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.BatchNorm(use_running_average=False)(nn.Dense(8)(x))
        return nn.Dense(1)(nn.Dropout(0.2, deterministic=False)(nn.relu(x)))


model = Net()
x = jax.random.normal(jax.random.PRNGKey(1), (16, 3))
key = jax.random.PRNGKey(0)
variables = model.init({"params": key, "dropout": key}, x)


def loss_fn(params, stats):
    y, new = model.apply({"params": params, "batch_stats": stats}, x, mutable=["batch_stats"], rngs={"dropout": key})
    return jnp.mean((y - x[:, :1]) ** 2), new["batch_stats"]


(loss, stats), grads = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))(
    variables["params"], variables["batch_stats"]
)
print("loss", float(loss))
