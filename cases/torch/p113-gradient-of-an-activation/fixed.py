import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
head = nn.Linear(6, 1)
features = net(torch.randn(3, 4))
score = head(features).sum()
features.retain_grad()
score.backward()
print(features.grad.abs().mean())
