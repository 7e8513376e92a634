"""Prints the mean scores that the tests of the worked requests expect, computed with PyTorch.

    python3 examples/figures.py

For baseline and trained parameters of `digits` and `sequence`, on the samples of the seed of those
tests: 32 bytes of 7. The evaluation programs run in this Python.
"""

import importlib.util
import sys
import tomllib
from pathlib import Path

from safetensors.torch import load_file

SEED = bytes([7]) * 32


def training(example: Path):
    """The training script of an example, which shares names of modules with the others'."""
    for name in ("evaluator", "images", "make_images"):
        sys.modules.pop(name, None)
    specification = importlib.util.spec_from_file_location(
        example.name, example / "train" / "train.py"
    )
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    return script


def main() -> None:
    for name in ("digits", "sequence"):
        example = Path(__file__).with_name(name)
        script = training(example)
        from zarathustra_evaluator import rng

        samples = tomllib.loads((example / "request.toml").read_text(encoding="utf-8"))["samples"]
        for kind in ("baseline", "trained"):
            model = script.network()
            model.load_state_dict(load_file(example / f"{kind}.safetensors"))
            print(name, kind, script.check(model.eval(), rng(SEED), samples))


if __name__ == "__main__":
    main()
