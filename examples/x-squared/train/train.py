"""Trains the network of this request with Keras and writes parameters to be submitted.

    python3 examples/x-squared/train/train.py --output trained.safetensors

Keras computes with PyTorch here, unless KERAS_BACKEND names another library. It prints the mean
score of the trained network on samples that the evaluation program would draw.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
EXAMPLE = Path(__file__).parents[1]
PYTHON = EXAMPLE.parents[1] / "python"
sys.path[:0] = map(str, (EXAMPLE, PYTHON, PYTHON / "evaluator"))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from evaluator import WitWorld  # noqa: E402
from zarathustra import from_keras  # noqa: E402

POINTS, BATCH = 8192, 64
LEARNING_RATE = 0.01


def network() -> keras.Model:
    """The network of architecture.json. Layers have the names of nodes."""
    return keras.Sequential(
        [
            keras.Input((1,), name="input"),
            keras.layers.Dense(5, activation="tanh", name="hidden_1"),
            keras.layers.Dense(10, activation="tanh", name="hidden_2"),
            keras.layers.Dense(1, name="answer"),
        ]
    )


def draw(rng: random.Random, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the program and their squares."""
    program = WitWorld()
    points, squares = zip(*(program.sample(rng) for _ in range(samples)), strict=True)
    return np.array(points, np.float32), np.array(squares)


def train(epochs: int, rng: random.Random) -> keras.Model:
    """A network that has seen the same points that many times."""
    points, squares = draw(rng, POINTS)
    model = network()
    steps = epochs * -(-POINTS // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), loss="mean_squared_error")
    model.fit(points, squares, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def check(model: keras.Model, rng: random.Random, samples: int) -> float:
    """Mean score on samples of the program."""
    points, squares = draw(rng, samples)
    answers = model.predict(points, verbose=0)
    return sum(map(WitWorld().score, answers.tolist(), squares.tolist())) / samples


def save(model: keras.Model, path: Path) -> None:
    """Imports the model and writes its parameters, if they are for the request's architecture."""
    imported = from_keras.import_model(model)
    wanted = json.loads((EXAMPLE / "architecture.json").read_text(encoding="utf-8"))
    if imported.architecture != wanted:
        sys.exit("the request has another architecture:\n" + imported.json())
    with tempfile.TemporaryDirectory() as folder:
        imported.save(Path(folder, "architecture.json"), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--epochs", type=int, default=10, help="how often each point is seen")
    parser.add_argument("--seed", type=int, default=1, help="of weights and points")
    given = parser.parse_args()
    keras.utils.set_random_seed(given.seed)
    rng = random.Random(given.seed)
    start = time.perf_counter()
    model = train(given.epochs, rng)
    seconds = time.perf_counter() - start
    score = check(model, rng, 4096)
    save(model, given.output)
    print(f"trained for {seconds:.1f} s; mean score {score:.4f}")


if __name__ == "__main__":
    main()
