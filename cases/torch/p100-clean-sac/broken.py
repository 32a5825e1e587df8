import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

from torch.distributions import Normal
import copy
class Actor(nn.Module):
    def __init__(s): super().__init__(); s.net=nn.Sequential(nn.Linear(3,16),nn.ReLU(),nn.Linear(16,4))
    def forward(s,x):
        mu,ls=s.net(x).chunk(2,-1); d=Normal(mu, ls.clamp(-5,2).exp()); u=d.rsample(); a=torch.tanh(u)
        return a, (d.log_prob(u)-torch.log(1-a.pow(2)+1e-6)).sum(-1)
def critic(): return nn.Sequential(nn.Linear(5,16),nn.ReLU(),nn.Linear(16,1))
actor=Actor(); q1,q2=critic(),critic(); t1,t2=copy.deepcopy(q1),copy.deepcopy(q2)
log_alpha=torch.zeros(1, requires_grad=True)
oa=torch.optim.Adam(actor.parameters(),1e-3); oq=torch.optim.Adam(list(q1.parameters())+list(q2.parameters()),1e-3); oal=torch.optim.Adam([log_alpha],1e-3)
for i in range(6):
    s,a,r,s2=torch.randn(16,3),torch.rand(16,2)*2-1,torch.randn(16),torch.randn(16,3)
    with torch.no_grad():
        a2,lp2=actor(s2); y=r+.99*(torch.min(t1(torch.cat([s2,a2],1)),t2(torch.cat([s2,a2],1))).squeeze(-1)-log_alpha.exp()*lp2)
    sa=torch.cat([s,a],1); lq=F.mse_loss(q1(sa).squeeze(-1),y)+F.mse_loss(q2(sa).squeeze(-1),y)
    oq.zero_grad(); lq.backward(); oq.step()
    for p in [*q1.parameters(),*q2.parameters()]: p.requires_grad=False
    na,lp=actor(s); sna=torch.cat([s,na],1)
    la=(log_alpha.exp().detach()*lp-torch.min(q1(sna),q2(sna)).squeeze(-1)).mean()
    oa.zero_grad(); la.backward(); oa.step()
    for p in [*q1.parameters(),*q2.parameters()]: p.requires_grad=True
    lal=-(log_alpha*(lp.detach()-2)).mean(); oal.zero_grad(); lal.backward(); oal.step()
    with torch.no_grad():
        for q,t in ((q1,t1),(q2,t2)):
            for p,tp in zip(q.parameters(),t.parameters()): tp.mul_(.995).add_(p,alpha=.005)
print(lq.item())
