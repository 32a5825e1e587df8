"""A policy and a value that learn from sampled actions."""

import torch
from torch import nn
from torch.distributions import Categorical
from witness import testify

torch.manual_seed(0)
body, policy, value = nn.Linear(4, 16), nn.Linear(16, 3), nn.Linear(16, 1)
model = nn.ModuleList([body, policy, value])
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
for _ in range(15):
    seen, said, worth, paid = torch.randn(4), [], [], []
    for _ in range(6):
        hidden = torch.tanh(body(seen))
        choice = Categorical(logits=policy(hidden))
        action = choice.sample()
        said.append(choice.log_prob(action))
        worth.append(value(hidden).squeeze())
        paid.append(float(action.item() == 1))
        seen = torch.randn(4)
    back = torch.tensor([sum(paid[i:]) for i in range(len(paid))])
    gain = back - torch.stack(worth)
    loss = -(torch.stack(said) * gain.detach()).mean() + gain.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(repr(loss.item()))
testify(model.parameters())
