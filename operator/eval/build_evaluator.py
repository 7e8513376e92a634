"""Builds an evaluation program written in Python into a component that imports `wasi:nn` alone.

    PYTHONPATH=.tools/python python3 operator/eval/build_evaluator.py SOURCE.py OUTPUT.wasm

componentize-py replaces every import whose name begins with `wasi:` by one that traps when it is
told to leave the component without files, clocks, network and ambient randomness. That would take
`wasi:nn` away as well, so the component is built against the same interfaces under another name of
the same length, which is put right in the finished file.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIT = Path(__file__).with_name("wit")
NAME, STAND_IN = b"wasi:nn", b"host:nn"


def build(source: Path, output: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wit = shutil.copytree(WIT, Path(folder, "wit"))
        for file in wit.rglob("*.wit"):
            file.write_bytes(file.read_bytes().replace(NAME, STAND_IN))
        # A copy, because Python leaves compiled files beside what it loads.
        modules = Path(folder, "modules")
        modules.mkdir()
        shutil.copy(source, modules)
        built = Path(folder, "built.wasm")
        run = "from componentize_py import script; script()"
        arguments = [
            *("--wit-path", wit, "--world", "evaluator", "componentize", "--stub-wasi"),
            *("--python-path", modules, source.stem, "--output", built),
        ]
        subprocess.run([sys.executable, "-c", run, *map(str, arguments)], check=True)
        component = built.read_bytes()
    if STAND_IN not in component or NAME in component:
        sys.exit(f"{source}: the component does not import {NAME.decode()} as expected")
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_suffix(".part")
    part.write_bytes(component.replace(STAND_IN, NAME))
    os.replace(part, output)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build(Path(sys.argv[1]), Path(sys.argv[2]))
