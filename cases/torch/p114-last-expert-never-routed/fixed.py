import torch
from torch import nn
import torch.nn.functional as F

class MoE(nn.Module):
    def __init__(self, d=6, n=4):
        super().__init__()
        self.gate = nn.Linear(d, n)
        self.experts = nn.ModuleList([nn.Linear(d, d) for _ in range(n)])

    def forward(self, x):
        w = self.gate(x).softmax(-1)
        out = torch.zeros_like(x)
        for i in range(len(self.experts)):
            out = out + w[:, i:i + 1] * self.experts[i](x)
        return out

moe = MoE()
opt = torch.optim.Adam(moe.parameters())
for step in range(6):
    x = torch.randn(8, 6)
    loss = F.mse_loss(moe(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
