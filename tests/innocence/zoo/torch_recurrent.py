"""A recurrent language model with dropout, clipped, on a schedule."""

import torch
from torch import nn
from witness import testify

torch.manual_seed(0)
words, rnn, head = nn.Embedding(20, 16), nn.LSTM(16, 24, 2, dropout=0.2, batch_first=True), nn.Linear(24, 20)
model = nn.ModuleList([words, rnn, head])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
text = torch.randint(0, 20, (8, 13))
for _ in range(15):
    optimizer.zero_grad()
    logits = head(rnn(words(text[:, :-1]))[0])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    schedule.step()
    print(repr(loss.item()))
testify(model.parameters())
