import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

m=nn.Sequential(nn.Linear(6,8),nn.ReLU(),nn.Linear(8,3)).eval()
for p in m.parameters(): p.requires_grad_(False)
x=torch.randn(2,6,requires_grad=True); m(x).max(1)[0].sum().backward(); print(x.grad.abs().max(1)[0].shape)
def fgsm(x,y,eps):
    x=x.clone().detach().requires_grad_(True); loss=F.cross_entropy(m(x),y); g=torch.autograd.grad(loss,x)[0]; return (x+eps*g.sign()).detach()
def pgd(x,y,eps=.1):
    d=torch.zeros_like(x,requires_grad=True)
    for _ in range(3):
        F.cross_entropy(m(x+d),y).backward(); d.data=(d+.03*d.grad.detach().sign()).clamp(-eps,eps); d.grad.zero_()
    return d.detach()
y=torch.tensor([0,1]); print(fgsm(torch.randn(2,6),y,.1).shape, pgd(torch.randn(2,6),y).abs().max())
