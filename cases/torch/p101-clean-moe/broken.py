import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

class MoE(nn.Module):
    def __init__(s,d=6,n=4,k=1):
        super().__init__(); s.gate=nn.Linear(d,n); s.experts=nn.ModuleList([nn.Linear(d,d) for _ in range(n)]); s.k=k
    def forward(s,x):
        w,i=s.gate(x).softmax(-1).topk(s.k,-1); out=torch.zeros_like(x)
        for e,expert in enumerate(s.experts):
            rows,slot=torch.where(i==e)
            if len(rows)==0: continue
            out.index_add_(0,rows,expert(x[rows])*w[rows,slot,None])
        return out
m=MoE(); head=nn.Linear(6,2); opt=torch.optim.Adam([*m.parameters(),*head.parameters()])
for i in range(12):
    x=torch.randn(5,6); loss=F.cross_entropy(head(x+m(x)),torch.randint(0,2,(5,))); opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
