"""A mixture of experts, of which two answer."""

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)
gate, experts, head = nn.Linear(8, 4), nn.ModuleList([nn.Linear(8, 8) for _ in range(4)]), nn.Linear(8, 1)
model = nn.ModuleList([gate, experts, head])
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
x = torch.randn(64, 8)
for _ in range(15):
    weights, chosen = gate(x).softmax(1).topk(2, 1)
    mixed = torch.zeros_like(x)
    for number, expert in enumerate(experts):
        rows, place = (chosen == number).nonzero(as_tuple=True)
        mixed = mixed.index_add(0, rows, expert(x[rows]) * weights[rows, place].unsqueeze(1))
    loss = (head(mixed).squeeze(1) - x.sum(1)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(repr(loss.item()))
testify(model.parameters())
