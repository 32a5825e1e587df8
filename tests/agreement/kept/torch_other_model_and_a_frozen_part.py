import torch
import torch.nn as nn


def make() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))


torch.manual_seed(0)
model = make()
model[2].bias.requires_grad_(False)
other = make()
optimizer = torch.optim.SGD(other.parameters(), lr=0.05)  #: wrong-source
x, y = torch.randn(6, 4), torch.rand(6, 4)
for _ in range(3):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
