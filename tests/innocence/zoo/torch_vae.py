"""A variational autoencoder, in double precision."""

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)
inwards, outwards = nn.Linear(12, 8).double(), nn.Linear(4, 12).double()
optimizer = torch.optim.RMSprop([*inwards.parameters(), *outwards.parameters()], 1e-3)
data = torch.rand(32, 12, dtype=torch.float64)
for _ in range(15):
    mean, spread = inwards(data).chunk(2, 1)
    drawn = mean + torch.exp(spread / 2) * torch.randn_like(mean)
    again = torch.sigmoid(outwards(drawn))
    loss = nn.functional.binary_cross_entropy(again, data) - 0.05 * (1 + spread - mean**2 - spread.exp()).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(repr(loss.item()))
testify([*inwards.parameters(), *outwards.parameters()])
