"""What all tests share: the program that runs imported models, and the published schema."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("KERAS_BACKEND", "torch")

TOLERANCE = 1e-5
"""How far answers may be from those of PyTorch and Keras, at magnitudes around 1."""


def program():
    """The `zarathustra` under test: that of `ZARATHUSTRA`, or the one built last."""
    chosen = os.environ.get("ZARATHUSTRA")
    found = Path(chosen) if chosen else ROOT / "target/debug/zarathustra"
    if not found.is_file():
        pytest.fail(f"{found} is missing: build it, or name another in ZARATHUSTRA", pytrace=False)
    return found


@functools.cache
def schema():
    """A validator of the published JSON Schema."""
    import jsonschema

    text = (ROOT / "docs/reference/architecture.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


class Engine:
    """Runs imported models in a folder of the test's own."""

    def __init__(self, folder):
        self.folder = folder

    def files(self, imported):
        """Writes architecture and parameters and returns their paths."""
        architecture = self.folder / "architecture.json"
        parameters = self.folder / "parameters.safetensors"
        imported.save(architecture, parameters)
        return architecture, parameters

    def run(self, architecture, parameters, inputs, engine):
        """What the program answers to `inputs`, arrays by name."""
        given, answer = self.folder / "inputs.safetensors", self.folder / "output.safetensors"
        save_file({name: np.ascontiguousarray(x) for name, x in inputs.items()}, given)
        command = [
            str(program()), "model", "run", "--architecture", str(architecture),
            "--parameters", str(parameters), "--inputs", str(given), "--output", str(answer),
            "--engine", engine,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return load_file(answer)["output"]

    def check(self, imported, inputs, expected):
        """Compares the answers of both engines to `inputs`, in the order of the model's, with
        those of the original."""
        schema().validate(imported.architecture)
        files = self.files(imported)
        named = {}
        for entry, x in zip(imported.architecture["inputs"], inputs):
            x = np.asarray(x)
            named[entry["name"]] = x.astype(np.int32 if entry["dtype"] == "i32" else np.float32)
        expected = np.asarray(expected)
        assert np.abs(expected).max() > 1e-3, "an answer of zeros shows nothing"
        for engine in ("libtorch", "reference"):
            answer = self.run(*files, named, engine)
            assert answer.shape == expected.shape
            distance = np.abs(answer - expected) / np.maximum(1, np.abs(expected))
            assert distance.max() <= TOLERANCE, f"{engine}: {distance.max()}"
        return answer


@pytest.fixture
def engine(tmp_path):
    """The program, in a folder that is removed."""
    return Engine(tmp_path)


@pytest.fixture
def rng():
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20260)
