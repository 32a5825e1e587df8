"""Samples are drawn by the gradient of the energy, while the model is frozen; then the model is trained on them."""

import torch
from torch import nn


def sampled(model, x, steps=4):
    for parameter in model.parameters():
        parameter.requires_grad = False
    x = x.clone().requires_grad_(True)
    for _ in range(steps):
        x.data.add_(0.01 * torch.randn_like(x))
        model(x).sum().backward()
        x.grad.data.clamp_(-0.03, 0.03)
        x.data.add_(-10 * x.grad.data)
        x.grad.detach_()
        x.grad.zero_()
    for parameter in model.parameters():
        parameter.requires_grad = True
    return x.detach()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.0, 0.999))
buffer = torch.rand(64, 2)
for _ in range(6):
    chosen = torch.randint(0, 64, (16,))
    fake = buffer[chosen] = sampled(model, buffer[chosen])
    real, made = model(torch.randn(16, 2) + 1), model(fake)
    loss = (real - made).mean() + 0.1 * (real**2 + made**2).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
print(loss.item())
