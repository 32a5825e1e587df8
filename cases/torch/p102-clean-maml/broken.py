import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

from torch.func import functional_call, vmap, grad
net=nn.Sequential(nn.Linear(1,8),nn.Tanh(),nn.Linear(8,1)); opt=torch.optim.Adam(net.parameters(),1e-2)
def inner(params,x,y):
    loss=lambda p: F.mse_loss(functional_call(net,p,(x,)),y)
    g=grad(loss)(params); return {k:v-.1*g[k] for k,v in params.items()}
for i in range(4):
    xs,ys=torch.randn(3,10,1),torch.randn(3,10,1); params=dict(net.named_parameters())
    def task(x,y): return F.mse_loss(functional_call(net,inner(params,x,y),(x,)),y)
    loss=vmap(task)(xs,ys).mean(); opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
