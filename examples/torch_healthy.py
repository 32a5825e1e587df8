"""Nothing is wrong here: the loss is made of the predictions, and every parameter gets its gradient."""

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
    loss = (predictions - y_train).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(f"loss after the last step: {loss.item():.3f}")
