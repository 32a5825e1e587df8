import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, h):
        h = self.first(h)
        for _ in range(2):
            h = torch.where(h > 1000.0, torch.log(torch.zeros_like(h) * h), h)  #: nonfinite-gradient
            h = torch.sigmoid(self.norm(h)) + h
        return h


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
x = torch.randn(6, 4)
for _ in range(6):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
