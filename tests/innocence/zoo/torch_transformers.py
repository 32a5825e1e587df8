"""A tiny model of the transformers package with random weights, named in the argument."""

import sys

import torch
from recorders.torch.transformers_zoo import ZOO
from witness import testify

model, loss_of = ZOO[sys.argv[1]]()
model.train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
for _ in range(13):
    optimizer.zero_grad()
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    print(repr(loss.item()))
testify(model.parameters())
