#!/usr/bin/python3
"""Export a checkpoint's better weights to ONNX: opset 13, dynamic batch, BatchNorm kept as nodes."""
import argparse
import os
from pathlib import Path

import onnx
import torch

from data import accuracy
from fetch_cifar10 import default_cache
from models import MODELS


def load_model(state, weights):
    """The network of a checkpoint with its "model" or "average" weights."""
    model = MODELS[state["name"]]()
    model.load_state_dict(state[weights])
    return model.eval()


def better_weights(state, cache):
    """Which of the two sets of weights classifies more test images, and how many per cent."""
    results = state.get("accuracy")
    if results is None:
        results = {name: accuracy(load_model(state, name), cache) for name in ("average", "model")}
    name = max(results, key=results.get)
    return name, results[name]


def export(model, path):
    """Write the model to `path` atomically, after onnx.checker has approved it."""
    temporary = path.with_name(path.name + ".tmp")
    torch.onnx.export(
        model,
        torch.zeros(1, 3, 32, 32),
        str(temporary),
        opset_version=13,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        keep_initializers_as_inputs=False,
    )
    onnx.checker.check_model(onnx.load(temporary), full_check=True)
    os.replace(temporary, path)


def main():
    """Command line: CKPT OUT.onnx."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=default_cache())
    arguments = parser.parse_args()
    state = torch.load(arguments.checkpoint, map_location="cpu")
    weights, percent = better_weights(state, arguments.cache)
    export(load_model(state, weights), arguments.out)
    print(f"{arguments.out}: {weights} weights, epoch {state['epoch']}, {percent:.2f} % of the test images")


if __name__ == "__main__":
    main()
