"""Matrix products in bfloat16, put into a model of the library as it is.

Inside `with Bf16Products():` both operands of a product are rounded to bfloat16 and its sums are float32; so are both products of
its backward, whose operands are the incoming gradient and what forward multiplied. All else stays float32: biases and their
gradients, softmax, layer norm, activations, losses, weights and optimizer.
"""

import torch
from torch.overrides import TorchFunctionMode

PRODUCTS = (torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.__matmul__)


def rounded(x):
    """To the nearest bfloat16, as float32: products of two such numbers are exact."""
    return x.to(torch.bfloat16).to(torch.float32)


class Product(torch.autograd.Function):
    """x y: [..., M, K] by [..., K, N], with the same leading axes."""

    @staticmethod
    def forward(ctx, x, y):
        x, y = rounded(x), rounded(y)
        ctx.save_for_backward(x, y)
        return torch.matmul(x, y)

    @staticmethod
    def backward(ctx, d_product):
        x, y = ctx.saved_tensors
        d_product = rounded(d_product)
        return torch.matmul(d_product, y.transpose(-1, -2)), torch.matmul(x.transpose(-1, -2), d_product)


def linear(x, weight, bias=None):
    """x Wᵀ + b over the last axis of x."""
    y = Product.apply(x.flatten(0, -2), weight.t()).unflatten(0, x.shape[:-1])
    return y if bias is None else y + bias


class Bf16Products(TorchFunctionMode):
    """Calls Product wherever the library multiplies matrices."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.linear:
            return linear(*args, **(kwargs or {}))
        if function in PRODUCTS:
            return Product.apply(*args)
        return function(*args, **(kwargs or {}))


class ReluWithBranch(torch.autograd.Function):
    """ReLU of x whose derivative is 1 where `branch` is true, whatever rounding has made of x."""

    @staticmethod
    def forward(ctx, x, branch):
        ctx.save_for_backward(branch)
        return x.relu()

    @staticmethod
    def backward(ctx, d_y):
        (branch,) = ctx.saved_tensors
        return d_y * branch, None


class StoredBranches(torch.nn.Module):
    """ReLU that takes the branches of a stored result: its derivative jumps at 0, which rounding may step over."""

    def __init__(self, stored):
        super().__init__()
        self.branch = stored > 0

    def forward(self, x):
        """ReLU of x."""
        return ReluWithBranch.apply(x, self.branch)
