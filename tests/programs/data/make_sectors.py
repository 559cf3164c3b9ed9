"""Writes sectors.pth: a network, trained in DataParallel's names, that tells in which eighth of
the plane a point lies; beside it some points and what its features are for them.

Needs torch."""

from collections import OrderedDict
from math import pi
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                lin1=nn.Linear(2, 32),
                norm1=nn.BatchNorm1d(32),
                act1=nn.ReLU(),
                lin2=nn.Linear(32, 32),
                norm2=nn.BatchNorm1d(32),
                act2=nn.ReLU(),
            )
        )
        self.classifier = nn.Linear(32, 8)

    def forward(self, x):
        return self.classifier(self.features(x))


torch.manual_seed(0)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(500):
    x = torch.randn(256, 2)
    label = (torch.atan2(x[:, 1], x[:, 0]) / (pi / 4)).floor().long() % 8
    loss = nn.functional.cross_entropy(net(x), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.4f}")

net.eval()
probe = torch.randn(5, 2)
with torch.no_grad():
    features = net.features(probe)
state = OrderedDict(("module." + name, value) for name, value in net.state_dict().items())
path = Path(__file__).with_name("sectors.pth")
torch.save({"epoch": 500, "model": state, "probe": probe, "features": features}, path)
