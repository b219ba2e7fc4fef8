"""The two networks: a half-width VGG16 and ResNet-20, both for 32x32 RGB images."""
from functools import partial

import torch.nn.functional as F
from torch import nn

from convolution import Conv3x3

VGG_STAGES = ((32, 32), (64, 64), (128, 128, 128), (256, 256, 256), (256, 256, 256))


class VGG16(nn.Module):
    """VGG16's 13 convolutions at half width with BatchNorm, average pooling, one linear layer.

    Layers are named conv1_1, bn1_1, ... conv5_3, bn5_3, fc. Stages 1-4 are
    followed by 2x2 max pooling; stage 5 by global average pooling.
    """

    def __init__(self, classes=10):
        super().__init__()
        channels = 3
        for stage, widths in enumerate(VGG_STAGES, 1):
            conv = Conv3x3 if stage >= 4 else partial(nn.Conv2d, kernel_size=3, padding=1)
            for index, width in enumerate(widths, 1):
                self.add_module(f"conv{stage}_{index}", conv(channels, width))
                self.add_module(f"bn{stage}_{index}", nn.BatchNorm2d(width))
                channels = width
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        for stage, widths in enumerate(VGG_STAGES, 1):
            if stage > 1:
                x = F.max_pool2d(x, 2)
            for index in range(1, len(widths) + 1):
                conv = getattr(self, f"conv{stage}_{index}")
                norm = getattr(self, f"bn{stage}_{index}")
                x = F.relu(norm(conv(x)))
        return self.fc(x.mean((2, 3)))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A of the ResNet paper)."""

    def __init__(self, channels, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.subsample = stride != 1 or channels != planes
        self.planes = planes

    def shortcut(self, x):
        """Identity, or every other pixel with the channels padded by zeros."""
        if not self.subsample:
            return x
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.planes // 4, self.planes // 4))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet20(nn.Module):
    """CIFAR ResNet-20: three stages of three blocks with 16, 32 and 64 channels."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.make_stage(16, 16, 1)
        self.layer2 = self.make_stage(16, 32, 2)
        self.layer3 = self.make_stage(32, 64, 2)
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def make_stage(channels, planes, stride):
        """Three blocks, of which the first changes the resolution."""
        first = BasicBlock(channels, planes, stride)
        return nn.Sequential(first, *(BasicBlock(planes, planes, 1) for _ in range(2)))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


MODELS = {"vgg16": VGG16, "resnet20": ResNet20}
