#!/usr/bin/python3
"""Train one of the CIFAR-10 networks on the CPU.

The learning rate and the image size depend on the progress (0 to 1) alone. With
--epochs the progress is the share of steps done; with --minutes-budget it is
spread over the wall-clock time left, so that a run which is slowed or paused
still ends, fully annealed, on time. The same command resumes from --out.
"""
import argparse
import copy
import logging
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data import TrainingSet, accuracy
from fetch_cifar10 import default_cache
from models import MODELS

WARM_UP = 0.15
SMALL_UNTIL = 0.35
SMALL_SIDE, FULL_SIDE = 24, 32
EMA_DECAY = 0.999
LOG_EVERY = 50
EVALUATE_EVERY = 5

log = logging.getLogger("train")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write and resume")
    parser.add_argument("--init", type=Path, help="checkpoint whose weights to begin from")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--minutes-budget", type=float, help="end by time instead of by --epochs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1, help="peak learning rate")
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--cutout", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def set_up_log(arguments):
    """Log to the terminal and to a file in the cache."""
    folder = arguments.cache / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(), logging.FileHandler(folder / f"{arguments.model}.log")]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)


def learning_rate(progress, peak):
    """One cycle: linear warm-up, then a half cosine to zero."""
    if progress < WARM_UP:
        return peak * (0.05 + 0.95 * progress / WARM_UP)
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def image_side(progress):
    """Small images first, full size for the rest."""
    return SMALL_SIDE if progress < SMALL_UNTIL else FULL_SIDE


class Pace:
    """Progress of the run, by steps or by wall-clock time."""

    def __init__(self, total_steps, budget_seconds):
        self.total_steps = total_steps
        self.budget = budget_seconds
        self.progress = 0.0
        self.seconds = 0.0
        self.usual = None
        self.last = time.monotonic()

    def advance(self):
        """Count one step. A pause shortens the time left but is no progress itself."""
        now = time.monotonic()
        taken, self.last = now - self.last, now
        self.seconds += taken
        if self.budget is None:
            self.progress += 1 / self.total_steps
        else:
            self.progress += self.share_of_time_left(taken)
        if self.progress > 1 - 1e-6:
            self.progress = 1.0

    def share_of_time_left(self, taken):
        """The progress that a step of `taken` seconds makes under the budget."""
        usual = taken if self.usual is None else 0.95 * self.usual + 0.05 * min(taken, 3 * self.usual)
        self.usual = usual
        left = self.budget - self.seconds
        rest = 1 - self.progress
        return rest if left <= usual else rest * min(1.0, min(taken, 3 * usual) / left)

    def minutes_left(self):
        """Estimated minutes to the end."""
        if self.budget is not None:
            return max(0.0, self.budget - self.seconds) / 60
        return self.seconds * (1 - self.progress) / max(self.progress, 1e-9) / 60

    def state(self):
        """What a checkpoint keeps."""
        return {"progress": self.progress, "seconds": self.seconds}

    def restore(self, state):
        """Continue from a checkpoint's state."""
        self.progress, self.seconds = state["progress"], state["seconds"]
        self.last = time.monotonic()


class Run:
    """A model in training with all that its checkpoint holds."""

    def __init__(self, arguments, data):
        self.arguments = arguments
        self.data = data
        self.model = MODELS[arguments.model]()
        if arguments.init:
            self.model.load_state_dict(torch.load(arguments.init)["model"])
        self.model = self.model.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        self.optimizer = self.make_optimizer()
        budget = arguments.minutes_budget
        steps = arguments.epochs * (len(data.labels) // arguments.batch)
        self.pace = Pace(steps, budget * 60 if budget else None)
        self.epoch = 0
        self.steps = 0

    def make_optimizer(self):
        """SGD that decays weights but neither biases nor BatchNorm parameters."""
        parameters = list(self.model.parameters())
        decayed = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.arguments.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.SGD(groups, lr=self.arguments.lr, momentum=0.9, nesterov=True)

    def save(self, **extra):
        """Write the checkpoint atomically."""
        state = {
            "name": self.arguments.model,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pace": self.pace.state(),
            "epoch": self.epoch,
            "steps": self.steps,
            **extra,
        }
        temporary = self.arguments.out.with_name(self.arguments.out.name + ".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.arguments.out)

    def resume(self):
        """Load the checkpoint, if there is one."""
        if not self.arguments.out.exists():
            return
        state = torch.load(self.arguments.out)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.pace.restore(state["pace"])
        self.epoch, self.steps = state["epoch"], state["steps"]
        log.info("resumed after epoch %d, progress %.3f", self.epoch, self.pace.progress)

    def update_average(self):
        """Move the averaged weights and BatchNorm statistics towards the model's."""
        decay = min(EMA_DECAY, (1 + self.steps) / (10 + self.steps))
        model, average = self.model.state_dict(), self.average.state_dict()
        with torch.no_grad():
            for name, value in average.items():
                if value.is_floating_point():
                    value.lerp_(model[name], 1 - decay)
                else:
                    value.copy_(model[name])

    def step(self, indices, rng):
        """One step of SGD, with the convolutions in bfloat16; returns the loss."""
        rate = learning_rate(self.pace.progress, self.arguments.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        images, labels = self.data.gather(indices, image_side(self.pace.progress), rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(images)
        smoothing = self.arguments.label_smoothing
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        self.update_average()
        self.pace.advance()
        return loss.item()

    def report(self, index, count, losses):
        """Print one line of progress."""
        log.info(
            "epoch %d step %d/%d progress %.3f side %d lr %.4f loss %.4f ETA %.1f min",
            self.epoch + 1, index, count, self.pace.progress, image_side(self.pace.progress),
            self.optimizer.param_groups[0]["lr"], np.mean(losses[-LOG_EVERY:]), self.pace.minutes_left(),
        )  # fmt: skip

    def train_epoch(self):
        """One pass over the data, or less if the progress reaches 1 within."""
        rng = np.random.default_rng([self.arguments.seed, self.epoch])
        batches = self.data.batches(self.arguments.batch, rng)
        self.model.train()
        losses = []
        for index, indices in enumerate(batches, 1):
            losses.append(self.step(indices, rng))
            if index % LOG_EVERY == 0:
                self.report(index, len(batches), losses)
            if self.pace.progress >= 1:
                break
        self.epoch += 1

    def train(self):
        """Train to the end, with a checkpoint after every epoch."""
        while self.pace.progress < 1:
            self.train_epoch()
            self.save()
            if self.epoch == 1 or self.epoch % EVALUATE_EVERY == 0:
                log.info("epoch %d: average %.2f %%", self.epoch, accuracy(self.average, self.arguments.cache))

    def finish(self):
        """Measure both sets of weights and note the result in the checkpoint."""
        results = {
            "model": accuracy(self.model, self.arguments.cache),
            "average": accuracy(self.average, self.arguments.cache),
        }
        self.save(accuracy=results)
        log.info("finished, %d epochs, %.0f min: %s", self.epoch, self.pace.seconds / 60, results)


def main():
    """Train as the command line says."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    set_up_log(arguments)
    log.info("%s", vars(arguments))
    run = Run(arguments, TrainingSet(arguments.cache, arguments.cutout))
    run.resume()
    run.train()
    run.finish()


if __name__ == "__main__":
    main()
