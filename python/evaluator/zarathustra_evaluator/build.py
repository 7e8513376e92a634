"""Builds an evaluation program written in Python into a component that imports `wasi:nn` alone.

    python3 -m zarathustra_evaluator.build SOURCE.py OUTPUT.wasm --wit FOLDER

`FOLDER` holds the WIT package of evaluators. componentize-py has to be importable.

componentize-py replaces every import whose name begins with `wasi:` by one that traps when it is
told to leave the component without files, clocks, network and ambient randomness. That would take
`wasi:nn` away as well, so the component is built against the same interfaces under another name of
the same length, which is put right in the finished file.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAME, STAND_IN = b"wasi:nn", b"host:nn"


def build(source: Path, output: Path, interfaces: Path) -> None:
    """Builds one program. Modules in files beside it can be imported by it."""
    with tempfile.TemporaryDirectory() as folder:
        wit = shutil.copytree(interfaces, Path(folder, "wit"))
        for file in wit.rglob("*.wit"):
            file.write_bytes(file.read_bytes().replace(NAME, STAND_IN))
        # Copies, because Python leaves compiled files beside what it loads.
        modules = Path(folder, "modules")
        modules.mkdir()
        for module in source.parent.glob("*.py"):
            shutil.copy(module, modules)
        package = Path(__file__).parent
        shutil.copytree(package, modules / package.name, ignore=shutil.ignore_patterns("__pycache__", "build.py"))
        built = Path(folder, "built.wasm")
        run = "from componentize_py import script; script()"
        arguments = [
            *("--wit-path", wit, "--world", "evaluator", "componentize", "--stub-wasi"),
            *("--python-path", modules, source.stem, "--output", built),
        ]
        subprocess.run([sys.executable, "-c", run, *map(str, arguments)], check=True)
        component = built.read_bytes()
    if STAND_IN not in component:
        sys.exit(f"{source}: the component does not import {NAME.decode()} as expected")
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f"{output.name}.part")
    part.write_bytes(component.replace(STAND_IN, NAME))
    os.replace(part, output)


def main() -> None:
    """Builds what the command line names."""
    parser = argparse.ArgumentParser(description="Builds an evaluation program into a component.")
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--wit", type=Path, required=True, help="folder of the WIT package of evaluators")
    given = parser.parse_args()
    try:
        build(given.source.absolute(), given.output.absolute(), given.wit.absolute())
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{given.source}: componentize-py ended with status {failure.returncode}")


if __name__ == "__main__":
    main()
