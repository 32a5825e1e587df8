import torch
import torch.nn as nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
model[2].weight = nn.Parameter(model[2].weight.detach().clone())  #: replaced-parameter
x, y = torch.randn(6, 4), torch.rand(6, 4)
for _ in range(3):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
