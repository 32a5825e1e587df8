import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)

cnn=nn.Sequential(nn.Conv2d(1,4,3,padding=1),nn.ReLU(),nn.Conv2d(4,4,3,padding=1),nn.ReLU(),nn.AdaptiveAvgPool2d(1),nn.Flatten(),nn.Linear(4,3)).eval()
acts,grads={},{}
cnn[2].register_forward_hook(lambda m,i,o: acts.update(v=o)); cnn[2].register_full_backward_hook(lambda m,gi,go: grads.update(v=go[0]))
for k in range(3):
    x=torch.rand(1,1,8,8); out=cnn(x); cnn.zero_grad(); out[0,out.argmax()].backward()
    cam=F.relu((grads['v'].mean((2,3),keepdim=True)*acts['v']).sum(1)); print(cam.shape, x.grad is None)
