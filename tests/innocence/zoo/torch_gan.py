"""A generator and a discriminator that take turns."""

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)
maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
judge = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
making, judging = torch.optim.Adam(maker.parameters(), 1e-3), torch.optim.Adam(judge.parameters(), 1e-3)
bce = nn.BCEWithLogitsLoss()
for _ in range(15):
    real, fake = torch.randn(32, 2) + 1.0, maker(torch.randn(32, 4))
    judging.zero_grad()
    loss = bce(judge(real), torch.ones(32, 1)) + bce(judge(fake.detach()), torch.zeros(32, 1))
    loss.backward()
    judging.step()
    making.zero_grad()
    fooled = bce(judge(fake), torch.ones(32, 1))
    fooled.backward()
    making.step()
    print(repr(loss.item()), repr(fooled.item()))
testify([*maker.parameters(), *judge.parameters()])
