"""What the tests of the worked requests share. They are run from anywhere:

    python3 -m unittest discover --start-directory examples/tests --pattern 'test_program*.py'
    python3 -m pytest examples/tests

The first needs nothing but Python. The second also trains, so it needs PyTorch and Keras, and the
programs of the project as `cargo build` leaves them.
"""

import importlib
import os
import sys
import tomllib
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def program(name: str) -> ModuleType:
    """The evaluation program of an example. Those of all examples have the same name."""
    folders = [str(EXAMPLES / name), str(ROOT / "python" / "evaluator")]
    sys.path[:0] = folders
    try:
        sys.modules.pop("evaluator", None)
        return importlib.import_module("evaluator")
    finally:
        sys.modules.pop("evaluator", None)
        for folder in folders:
            sys.path.remove(folder)


def request(name: str) -> dict:
    """The request file of an example."""
    return tomllib.loads((EXAMPLES / name / "request.toml").read_text(encoding="utf-8"))


def zarathustra() -> Path:
    """The program that evaluates: that of ZARATHUSTRA, or the one built last."""
    chosen = os.environ.get("ZARATHUSTRA")
    found = Path(chosen) if chosen else ROOT / "target" / "debug" / "zarathustra"
    if not found.is_file():
        raise FileNotFoundError(f"{found}: build it, or name another in ZARATHUSTRA")
    return found
