import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

enc=nn.Linear(4,4); dec=nn.Linear(4,4); oe=torch.optim.Adam(enc.parameters()); od=torch.optim.Adam(dec.parameters())
probe=nn.Linear(4,2); op=torch.optim.SGD(probe.parameters(),.1)
for i in range(5):
    x=torch.randn(8,4); z=enc(x); loss=F.mse_loss(dec(z),x)
    oe.zero_grad(); od.zero_grad(); loss.backward(retain_graph=True); oe.step(); od.step()
    lp=F.cross_entropy(probe(z.detach()),torch.randint(0,2,(8,))); op.zero_grad(); lp.backward(); op.step()
    (dec.weight.norm()+enc.weight.norm()).item()
a=nn.Linear(3,3); b=nn.Linear(3,3); o=torch.optim.Adam([{'params':a.parameters()},{'params':b.parameters(),'lr':1e-4}])
for i in range(5):
    x=torch.randn(4,3); l1=a(x).pow(2).mean(); l2=b(x).pow(2).mean(); o.zero_grad(); torch.autograd.backward([l1,l2]); o.step()
    o.zero_grad(); l1=a(x).pow(2).mean(); l1.backward(); l2=b(x).pow(2).mean(); l2.backward(); o.step()
print('ok')
