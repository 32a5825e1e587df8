import torch
from torch import nn


def rest(net, h):
    if h.shape[0] > 100:
        h = net.spare(h)  #: not-called
    return torch.tanh(net.second(h))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.spare = nn.Linear(4, 4)

    def forward(self, h):
        return rest(self, self.first(h))


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
x = torch.randn(6, 4)
for _ in range(2):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
