import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
x = torch.randn(6, 4)
for _ in range(3):
    loss = model(x).square().mean()
    loss = loss.detach().requires_grad_()  #: stop-gradient
    model.zero_grad()
    loss.backward()
    optimizer.step()
