import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

e=nn.Embedding(30,4,sparse=True); head=nn.Linear(4,2); oe=torch.optim.SparseAdam(list(e.parameters())); oh=torch.optim.Adam(head.parameters())
for i in range(4):
    loss=F.cross_entropy(head(e(torch.randint(0,30,(6,)))),torch.randint(0,2,(6,))); oe.zero_grad(); oh.zero_grad(); loss.backward(); oe.step(); oh.step()
import torch.nn.utils.prune as prune
m=nn.Linear(4,4); prune.random_unstructured(m,'weight',amount=.3); opt=torch.optim.SGD(m.parameters(),.1)
sn=nn.utils.parametrizations.spectral_norm(nn.Linear(4,4)); wn=nn.utils.parametrizations.weight_norm(nn.Linear(4,1)); o2=torch.optim.SGD([*sn.parameters(),*wn.parameters()],.1)
for i in range(3):
    l=wn(sn(m(torch.randn(3,4)))).pow(2).mean(); opt.zero_grad(); o2.zero_grad(); l.backward(); opt.step(); o2.step()
w=torch.randn(3,3,dtype=torch.cfloat,requires_grad=True); oc=torch.optim.Adam([w])
for i in range(3):
    l=(torch.fft.fft(torch.randn(3,3).to(torch.cfloat)@w)).abs().pow(2).mean(); oc.zero_grad(); l.backward(); oc.step()
print(l.item())
