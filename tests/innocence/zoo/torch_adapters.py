"""Low-rank adapters on a frozen net, with hooks and warnings of the program's own."""

import warnings

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)


class Adapted(nn.Module):
    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down, self.up = nn.Linear(base.in_features, 2, bias=False), nn.Linear(2, base.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


model = nn.Sequential(Adapted(nn.Linear(8, 16)), nn.ReLU(), Adapted(nn.Linear(16, 1)))
model[0].register_forward_hook(lambda module, given, out: warnings.warn("a hook of the program", stacklevel=2))
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
x = torch.randn(32, 8)
for _ in range(15):
    optimizer.zero_grad()
    loss = (model(x).squeeze() - x[:, 0]).square().mean()
    loss.backward()
    optimizer.step()
    print(float(loss))
testify(model.parameters())
