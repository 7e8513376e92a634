"""Trains the network of this request with PyTorch and writes parameters to be submitted.

    python3 examples/digits/train/train.py --output trained.safetensors

It learns from images that the evaluation program does not have, distorted anew in each epoch by
that program's own function, and prints its mean score on samples that the program would draw.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

EXAMPLE = Path(__file__).parents[1]
PYTHON = EXAMPLE.parents[1] / "python"
sys.path[:0] = map(str, (EXAMPLE, PYTHON, PYTHON / "evaluator"))

from evaluator import WitWorld, framed  # noqa: E402
from make_images import FIRST  # noqa: E402
from zarathustra import from_torch  # noqa: E402

BATCH = 64
LEARNING_RATE = 0.01


def network() -> nn.Sequential:
    """The network of architecture.json."""
    channels = (1, 16, 32, 32)
    parts = OrderedDict()
    for block in (1, 2, 3):
        parts[f"conv_{block}"] = nn.Conv2d(
            channels[block - 1], channels[block], 3, padding=1, bias=False
        )
        parts[f"norm_{block}"] = nn.BatchNorm2d(channels[block])
        parts[f"relu_{block}"] = nn.ReLU()
        if block > 1:
            parts[f"pool_{block}"] = nn.MaxPool2d(2)
    parts["flat"] = nn.Flatten()
    parts["answer"] = nn.Linear(128, 10)
    parts["probabilities"] = nn.Softmax(1)
    return nn.Sequential(parts)


def learning_images(count: int) -> list[tuple[int, list[float]]]:
    """Answers and framed images, as the evaluation program keeps its own."""
    data = load_digits()
    images = zip(data.target[:count], data.data[:count], strict=True)
    return [
        (int(answer), framed([float(pixel) / 16 for pixel in pixels])) for answer, pixels in images
    ]


def rows(samples: list) -> tuple[torch.Tensor, torch.Tensor]:
    """Images as the network takes them, and their answers."""
    pixels, answers = zip(*samples, strict=True)
    shape = WitWorld.inputs["input"].shape
    return torch.tensor(pixels).reshape(-1, *shape), torch.tensor(answers)


def train(images: list, epochs: int, rng: random.Random) -> nn.Module:
    """A network that has seen each image once an epoch, distorted differently each time."""
    program = WitWorld()
    program.images = images
    model = network().train()
    steps = epochs * -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(steps):
        pixels, answers = rows([program.sample(rng) for _ in range(BATCH)])
        # Of what goes into the softmax.
        loss = nn.functional.cross_entropy(model[:-1](pixels), answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def check(model: nn.Module, rng: random.Random, samples: int) -> tuple[float, float]:
    """Mean score, and the part of the answers that is right, on samples of the program."""
    program = WitWorld()
    drawn = [program.sample(rng) for _ in range(samples)]
    pixels, answers = rows(drawn)
    probabilities = model(pixels)
    scores = map(program.score, probabilities.tolist(), answers.tolist())
    return sum(scores) / samples, float((probabilities.argmax(1) == answers).double().mean())


def save(model: nn.Module, path: Path) -> None:
    """Imports the model and writes its parameters, if they are for the request's architecture."""
    shape = WitWorld.inputs["input"].shape
    imported = from_torch.import_model(model, [torch.zeros(2, *shape)])
    wanted = json.loads((EXAMPLE / "architecture.json").read_text(encoding="utf-8"))
    if imported.architecture != wanted:
        sys.exit("the request has another architecture:\n" + imported.json())
    with tempfile.TemporaryDirectory() as folder:
        imported.save(Path(folder, "architecture.json"), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--images", type=int, default=FIRST, help=f"images to learn from, at most {FIRST}"
    )
    parser.add_argument("--epochs", type=int, default=40, help="how often each image is seen")
    parser.add_argument("--seed", type=int, default=1, help="of weights and distortions")
    given = parser.parse_args()
    if not 1 <= given.images <= FIRST:
        parser.error(f"--images is from 1 to {FIRST}: the rest is what models are judged by")
    torch.manual_seed(given.seed)
    rng = random.Random(given.seed)
    start = time.perf_counter()
    model = train(learning_images(given.images), given.epochs, rng)
    seconds = time.perf_counter() - start
    score, right = check(model, rng, 2048)
    save(model, given.output)
    print(f"trained for {seconds:.1f} s; mean score {score:.4f}, {right:.1%} right")


if __name__ == "__main__":
    main()
