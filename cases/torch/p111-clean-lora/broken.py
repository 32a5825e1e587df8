import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

class LoRA(nn.Module):
    def __init__(s,base,r=2):
        super().__init__(); s.base=base; base.requires_grad_(False); s.A=nn.Parameter(torch.randn(r,base.in_features)*.01); s.B=nn.Parameter(torch.zeros(base.out_features,r))
    def forward(s,x): return s.base(x)+x@s.A.T@s.B.T
m=nn.Sequential(nn.Linear(6,8),nn.GELU(),nn.Linear(8,3)); m[0]=LoRA(m[0]); m[2]=LoRA(m[2])
opt=torch.optim.AdamW([p for p in m.parameters() if p.requires_grad],1e-2)
for i in range(5):
    loss=F.cross_entropy(m(torch.randn(8,6)),torch.randint(0,3,(8,))); opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
