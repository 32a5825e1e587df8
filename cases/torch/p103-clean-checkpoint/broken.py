import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

from torch.utils.checkpoint import checkpoint, checkpoint_sequential
net=nn.Sequential(*[nn.Sequential(nn.Linear(6,6),nn.Tanh()) for _ in range(4)]); head=nn.Linear(6,1)
opt=torch.optim.Adam([*net.parameters(),*head.parameters()])
for i in range(4):
    x=torch.randn(8,6,requires_grad=True)
    h=checkpoint_sequential(net,2,x,use_reentrant=False) if i%2 else checkpoint(net,x,use_reentrant=True)
    loss=head(h).pow(2).mean(); opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
