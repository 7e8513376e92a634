"""Each training script, run for a short while, beats the baseline by the terms of the request.

The scores come from the worker that operators run; the verdict is worked out here, from sections
5.4 and 5.6 of the specification, with the bound of empirical Bernstein. Requests may ask for the
betting bound; what is learnt here leaves either far behind.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from math import log, sqrt
from pathlib import Path

from example import EXAMPLES, ROOT, request, zarathustra

SEED = "07" * 32


def run(arguments: list) -> None:
    """Runs a program; what it says is part of the failure, if it fails."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")


def lower_bound(differences: list[float], span: float, alpha: float) -> float:
    """What the mean improvement is at least: Maurer and Pontil 2009, theorem 4."""
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((difference - mean) ** 2 for difference in differences) / (n - 1)
    logarithm = log(2 / alpha)
    return mean - sqrt(2 * variance * logarithm / n) - 7 * span * logarithm / (3 * (n - 1))


class Training(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def scores(self, name: str, terms: dict, parameters: Path) -> list[float]:
        """The scores of a model on the samples of the seed, as operators find them."""
        found = self.folder / "scores"
        low, high = terms["score_range"]
        limits = terms["limits"]
        run(
            [
                *(zarathustra(), "evaluator", "run", ROOT / f".tools/evaluators/{name}.wasm"),
                *("--architecture", EXAMPLES / name / "architecture.json"),
                *("--parameters", parameters, "--samples", terms["samples"]),
                *("--range", f"{low},{high}", "--fuel", limits["fuel"]),
                *("--memory-bytes", limits["memory_bytes"]),
                *("--wall-seconds", limits["wall_seconds"]),
                *("--seed", SEED, "--scores", found),
                *("--cache", ROOT / "target/tmp/evaluators"),
            ]
        )
        scores = [float(line) for line in found.read_text(encoding="ascii").splitlines()]
        self.assertEqual(len(scores), terms["samples"])
        return scores

    def check(self, name: str, *budget: object) -> None:
        """Trains, scores and judges."""
        trained = self.folder / "trained.safetensors"
        script = EXAMPLES / name / "train" / "train.py"
        run([sys.executable, script, "--output", trained, *budget])
        request_file = request(name)
        terms = request_file["terms"]
        baseline = EXAMPLES / name / "baseline.safetensors"
        champion = self.scores(name, request_file, baseline)
        challenger = self.scores(name, request_file, trained)
        differences = [new - old for old, new in zip(champion, challenger, strict=True)]
        low, high = request_file["score_range"]
        lower = lower_bound(differences, 2 * (high - low), terms["alpha_ppb"] / 1e9)
        self.assertGreaterEqual(len(differences), terms["min_samples"])
        self.assertGreaterEqual(lower - terms["tolerance"], terms["min_improvement"])

    def test_x_squared(self):
        self.check("x-squared", "--epochs", 2)

    def test_digits(self):
        self.check("digits", "--epochs", 3)

    def test_sequence(self):
        self.check("sequence", "--steps", 200)


if __name__ == "__main__":
    unittest.main()
