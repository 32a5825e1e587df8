"""The places at which particles begin are fitted through a simulation that writes forces in place."""

import torch
from torch import nn


class System(nn.Module):
    def __init__(self, springs):
        super().__init__()
        self.springs = springs
        self.anchor = torch.zeros(2)
        self.rest = nn.Parameter(torch.randn(1, 2))
        self.velocities = torch.zeros(2, 2)

    def forward(self, steps, dt=0.01):
        positions, velocities = torch.cat([self.anchor.unsqueeze(0), self.rest], 0), self.velocities
        for _ in range(steps):
            forces = torch.zeros_like(positions)
            for first, second, length, stiffness in self.springs:
                between = positions[second] - positions[first]
                distance = between.norm()
                force = stiffness * (distance - length) * between / (distance + 1e-6)
                forces[first] += force
                forces[second] -= force
            forces[:, 1] -= 9.81
            velocities = velocities + forces * dt
            positions = positions + velocities * dt
            positions[0] = self.anchor
            velocities[0] = torch.tensor([0.0, 0.0])
        return positions


torch.manual_seed(0)
system = System([(0, 1, 1.0, 10.0)])
optimizer = torch.optim.Adam(system.parameters(), lr=0.01)
target = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
for _ in range(8):
    optimizer.zero_grad()
    loss = (system(8) - target).pow(2).mean()
    loss.backward()
    optimizer.step()
print(loss.item())
