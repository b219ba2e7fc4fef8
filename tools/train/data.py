"""CIFAR-10 arrays, normalisation, and augmentation of whole batches at once."""
import numpy as np
import torch
import torch.nn.functional as F

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
SIDE = 32
MARGIN = 4
CUTOUT = 8


def load(cache, split):
    """Images (uint8 NCHW) and labels (int64) of "train" or "test"."""
    return np.load(cache / f"{split}_x.npy"), np.load(cache / f"{split}_y.npy")


def normalise(images):
    """uint8 NCHW tensor to the networks' input: (pixel/255 - mean) / std."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (images.float() / 255 - mean) / std


def cut_squares(batch, rng):
    """Zero a square of up to CUTOUT pixels a side in every image, in place."""
    centres = rng.integers(0, SIDE, (2, len(batch), 1))
    pixels = np.arange(SIDE)
    rows, columns = (pixels >= centres - CUTOUT // 2) & (pixels < centres + CUTOUT // 2)
    inside = torch.from_numpy(rows[:, :, None] & columns[:, None, :])
    return batch.masked_fill_(inside.unsqueeze(1), 0)


class TrainingSet:
    """Training images, padded once, from which augmented batches are gathered."""

    def __init__(self, cache, cutout):
        images, self.labels = load(cache, "train")
        border = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
        self.padded = np.pad(images.transpose(0, 2, 3, 1), border, mode="reflect")
        self.cutout = cutout

    def batches(self, size, rng):
        """Shuffled lists of indices for one epoch; an incomplete last batch is left out."""
        order = rng.permutation(len(self.labels))
        return order[: len(order) // size * size].reshape(-1, size)

    def gather(self, indices, side, rng):
        """Randomly cropped and flipped images, scaled to `side` pixels, with their labels."""
        count = len(indices)
        pixels = np.arange(SIDE)
        flipped = rng.random((count, 1)) < 0.5
        rows = rng.integers(0, 2 * MARGIN + 1, (count, 1)) + pixels
        columns = rng.integers(0, 2 * MARGIN + 1, (count, 1)) + np.where(flipped, pixels[::-1], pixels)
        crops = self.padded[indices[:, None, None], rows[:, :, None], columns[:, None, :]]
        batch = normalise(torch.from_numpy(crops).permute(0, 3, 1, 2))
        if self.cutout:
            cut_squares(batch, rng)
        if side != SIDE:
            batch = F.interpolate(batch, size=(side, side), mode="bilinear", align_corners=False)
        labels = torch.from_numpy(self.labels[indices])
        return batch.contiguous(memory_format=torch.channels_last), labels


def accuracy(model, cache, batch_size=500):
    """Percentage of all 10,000 test images classified correctly, in float32."""
    images, labels = load(cache, "test")
    model.eval()
    correct = 0
    with torch.no_grad():
        for start in range(0, len(images), batch_size):
            batch = normalise(torch.from_numpy(images[start : start + batch_size]))
            guesses = model(batch.contiguous(memory_format=torch.channels_last)).argmax(1).numpy()
            correct += int((guesses == labels[start : start + batch_size]).sum())
    return 100 * correct / len(images)
