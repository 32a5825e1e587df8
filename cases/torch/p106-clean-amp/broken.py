import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

m=nn.Sequential(nn.Linear(6,8),nn.ReLU(),nn.Linear(8,2)); opt=torch.optim.SGD(m.parameters(),.1); sc=torch.amp.GradScaler('cpu')
for i in range(8):
    x,y=torch.randn(8,6),torch.randint(0,2,(8,))
    with torch.autocast('cpu',dtype=torch.bfloat16): loss=F.cross_entropy(m(x),y)/2
    sc.scale(loss).backward()
    if i%2: sc.unscale_(opt); nn.utils.clip_grad_norm_(m.parameters(),1.); sc.step(opt); sc.update(); opt.zero_grad(set_to_none=True)
print(loss.item())
