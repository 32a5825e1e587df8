"""A denoiser that is told the time, and an average of its weights beside it."""

import copy

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)
times, net = nn.Embedding(10, 8), nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 2))
model = nn.ModuleList([times, net])
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
kept = torch.linspace(0.99, 0.1, 10)
for _ in range(15):
    clean, when, noise = torch.randn(64, 2) * 0.3, torch.randint(0, 10, (64,)), torch.randn(64, 2)
    share = kept[when].unsqueeze(1)
    noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
    loss = nn.functional.mse_loss(net(torch.cat([noisy, times(when)], 1)), noise)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for old, new in zip(average.parameters(), model.parameters(), strict=True):
            old.lerp_(new, 0.01)
    print(repr(loss.item()))
testify([*model.parameters(), *average.parameters()])
