"""Each layer has an optimizer and a loss of its own; nothing goes back from one to the one before."""

import torch
from torch import nn


class Layer(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=0.03)

    def forward(self, x):
        return torch.relu(super().forward(x / (x.norm(2, 1, keepdim=True) + 1e-4)))

    def fit(self, positive, negative, threshold=2.0):
        for _ in range(4):
            good, bad = self(positive).pow(2).mean(1), self(negative).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([threshold - good, bad - threshold]))).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return self(positive).detach(), self(negative).detach()


torch.manual_seed(0)
layers = [Layer(12, 16), Layer(16, 16)]
x, y = torch.rand(32, 12), torch.randint(0, 4, (32,))
positive, negative = (torch.cat([nn.functional.one_hot(k, 4).float(), x[:, 4:]], 1) for k in (y, (y + 1) % 4))
for layer in layers:
    positive, negative = layer.fit(positive, negative)
print(positive.sum().item())
