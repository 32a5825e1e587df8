import torch
torch.manual_seed(0)
w = torch.randn(4, requires_grad=True).to(torch.float64)
x = torch.randn(8, 4, dtype=torch.float64)
for i in range(3):
    loss = (x @ w).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
