import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

class SAM(torch.optim.Optimizer):
    def __init__(s,params,base,rho=.05,**k):
        super().__init__(params,dict(rho=rho,**k)); s.base=base(s.param_groups,**k); s.param_groups=s.base.param_groups
    @torch.no_grad()
    def first_step(s):
        n=torch.norm(torch.stack([p.grad.norm() for g in s.param_groups for p in g['params'] if p.grad is not None]))
        for g in s.param_groups:
            for p in g['params']:
                if p.grad is None: continue
                e=p.grad*(.05/(n+1e-12)); p.add_(e); s.state[p]['e']=e
        s.zero_grad()
    @torch.no_grad()
    def second_step(s):
        for g in s.param_groups:
            for p in g['params']:
                if p.grad is None: continue
                p.sub_(s.state[p]['e'])
        s.base.step(); s.zero_grad()
m=nn.Sequential(nn.Linear(5,8),nn.ReLU(),nn.Linear(8,1)); opt=SAM(m.parameters(),torch.optim.SGD,lr=.1)
x,y=torch.randn(16,5),torch.randn(16,1)
for i in range(5):
    F.mse_loss(m(x),y).backward(); opt.first_step(); F.mse_loss(m(x),y).backward(); opt.second_step()
print(F.mse_loss(m(x),y).item())
