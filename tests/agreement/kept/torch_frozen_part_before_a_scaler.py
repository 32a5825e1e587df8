import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
model[2].bias.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu")
for _ in range(2):
    loss = model(torch.randn(6, 4)).square().mean()
    loss = torch.tensor(loss.item(), requires_grad=True)  #: left-framework
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
