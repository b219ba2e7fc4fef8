#!/usr/bin/python3
"""Write the small balanced calibration and evaluation sets to test-models/cifar10-subset."""
import argparse
import json
from pathlib import Path

import numpy as np

from data import MEAN, STD, load
from fetch_cifar10 import default_cache, save_array

CLASSES = 10
CALIBRATION = 640
EVALUATION = 1500
TEST_MODELS = Path(__file__).resolve().parents[2] / "test-models"


def balanced(labels, count, rng):
    """Shuffled indices of `count` images with equally many of every class."""
    classes = [np.flatnonzero(labels == c) for c in range(CLASSES)]
    chosen = [rng.choice(indices, count // CLASSES, replace=False) for indices in classes]
    return rng.permutation(np.concatenate(chosen))


def write_preprocess(folder):
    """Write how pixels become the networks' input."""
    preprocess = {"mean": MEAN, "std": STD, "order": "RGB", "scale": "0..1 pixels"}
    (folder / "preprocess.json").write_text(json.dumps(preprocess) + "\n")


def write_subset(cache, split, count, folder, prefix, rng):
    """Write one folder with PREFIX_x.npy, PREFIX_y.npy and preprocess.json."""
    images, labels = load(cache, split)
    chosen = balanced(labels, count, rng)
    folder.mkdir(parents=True, exist_ok=True)
    save_array(folder / f"{prefix}_x.npy", images[chosen])
    save_array(folder / f"{prefix}_y.npy", labels[chosen])
    write_preprocess(folder)
    print(f"{folder}: {count} images of the {split} set")


def main():
    """Command line: write both subsets below --out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--out", type=Path, default=TEST_MODELS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    subset = arguments.out / "cifar10-subset"
    write_subset(arguments.cache, "train", CALIBRATION, subset / "calibrate", "calib", rng)
    write_subset(arguments.cache, "test", EVALUATION, subset / "eval", "eval", rng)
    write_preprocess(arguments.out)


if __name__ == "__main__":
    main()
