"""A 3x3 convolution whose weight gradient is a matrix product.

On processors with AMX, oneDNN 2.6 computes the weight gradient of a bfloat16
convolution over few pixels several times slower than the product it amounts to.
"""
import torch
import torch.nn.functional as F
from torch import nn


def neighbourhoods(x):
    """Every pixel's 3x3 neighbourhood as a row: NCHW to (N*H*W) x (9*C)."""
    count, channels, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).permute(0, 1, 2, 4, 5, 3)
    return windows.reshape(count * height * width, 9 * channels)


def weight_gradient(x, gradient):
    """Gradient of the loss by the weights, in channels-last layout."""
    out, channels = gradient.shape[1], x.shape[1]
    rows = gradient.permute(0, 2, 3, 1).reshape(-1, out)
    return (rows.t() @ neighbourhoods(x)).view(out, 3, 3, channels).permute(0, 3, 1, 2)


class Convolution3x3(torch.autograd.Function):
    """Stride 1, padding 1; the other gradients are PyTorch's own."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        by_x, _, _ = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
        )
        return by_x, weight_gradient(x, gradient), gradient.sum((0, 2, 3))


class Conv3x3(nn.Conv2d):
    """nn.Conv2d, 3x3 with padding 1, that uses the above while training in bfloat16."""

    def __init__(self, channels, planes):
        super().__init__(channels, planes, 3, padding=1)

    def forward(self, x):
        if not (self.training and torch.is_autocast_cpu_enabled()):
            return super().forward(x)
        return Convolution3x3.apply(x.bfloat16(), self.weight.bfloat16(), self.bias.bfloat16())
