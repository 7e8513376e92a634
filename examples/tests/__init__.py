"""Tests of the evaluation programs, to be run from the root of the repository.

    python3 -m unittest discover --start-directory examples/tests --top-level-directory examples

They need nothing but Python.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[1]


def program(example: str) -> ModuleType:
    """The evaluation program of an example. Those of all examples have the same name."""
    folders = [str(EXAMPLES / example), str(EXAMPLES.parent / "python" / "evaluator")]
    sys.path[:0] = folders
    try:
        sys.modules.pop("evaluator", None)
        return importlib.import_module("evaluator")
    finally:
        sys.modules.pop("evaluator", None)
        for folder in folders:
            sys.path.remove(folder)
