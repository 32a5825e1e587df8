import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

net=nn.Sequential(nn.Linear(1,16),nn.Tanh(),nn.Linear(16,1)); opt=torch.optim.LBFGS(net.parameters(),max_iter=3,line_search_fn='strong_wolfe')
x=torch.linspace(0,1,20).view(-1,1).requires_grad_()
def closure():
    opt.zero_grad(); u=net(x); du=torch.autograd.grad(u,x,torch.ones_like(u),create_graph=True)[0]
    d2=torch.autograd.grad(du,x,torch.ones_like(du),create_graph=True)[0]
    loss=(d2+u).pow(2).mean()+(net(torch.zeros(1,1))-1).pow(2).mean(); loss.backward(); return loss
for i in range(3): print(round(float(opt.step(closure)),3))
