"""The loss is computed by NumPy: its value is right, and torch knows nothing of where it came from."""

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
x_train = torch.randn(64, 3)
y_train = x_train.sum(dim=1, keepdim=True)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 10)
        self.pred = nn.Linear(10, 1)

    def forward(self, inputs):
        return self.pred(torch.tanh(self.hidden(inputs)))


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(10):
    predictions = model(x_train)
    loss = torch.tensor(np.mean(np.square(predictions.detach().numpy() - y_train.numpy())))
    # A popular cure: without it `backward` would raise. With it nothing is said, and nothing is trained.
    loss.requires_grad_(True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(f"loss after the last step: {loss.item():.3f}")
