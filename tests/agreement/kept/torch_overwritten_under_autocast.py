import torch
import torch.nn as nn

torch.manual_seed(0)
model = nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
x, y = torch.randn(6, 4), torch.rand(6, 4)
with torch.autocast("cpu"):
    s = torch.sigmoid(model(x))
    out = s * 1.5 + s.sin()
    s.add_(1.0)  #: graph-error
    loss = ((out - y) ** 2).mean()
loss.backward()
