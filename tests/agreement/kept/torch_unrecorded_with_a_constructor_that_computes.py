import torch
import torch.nn as nn

torch.manual_seed(0)
model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Linear(4, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
x, y = torch.randn(6, 4), torch.rand(6, 4)
optimizer.zero_grad()
with torch.no_grad():
    out = model(x)  #: recording-off
loss = ((out - y) ** 2).mean()
loss.backward()
