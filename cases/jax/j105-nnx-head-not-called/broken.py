import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.body = nnx.Linear(3, 8, rngs=rngs)
        self.main = nnx.Linear(8, 1, rngs=rngs)
        self.aux = nnx.Linear(8, 1, rngs=rngs)

    def __call__(self, x, both=False):
        h = nnx.relu(self.body(x))
        return self.main(h) + (self.aux(h) if both else 0.0)


model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
x = jax.random.normal(jax.random.PRNGKey(1), (16, 3))


@nnx.jit
def step(model, optimizer):
    def loss_fn(model):
        return jnp.mean((model(x) - x[:, :1]) ** 2)

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, grads)
    return loss


for _ in range(3):
    loss = step(model, optimizer)
print("loss", float(loss))
