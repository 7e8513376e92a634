"""``python3 -m zarathustra import keras|torch|safetensors``."""

import argparse
import importlib.util
import sys
import traceback

from .errors import Refused
from .files import read_text


def main(arguments=None):
    """Runs a command line and returns the exit status: 0 done, 1 refused, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: Python package {error.name} is missing [missing_package]", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error} [file_unwritable]", file=sys.stderr)
        return 1
    except Exception as error:
        # A fault of the importer: what is printed has to be enough to find it.
        traceback.print_exc()
        print(f"error: {type(error).__name__}: {error} [bug_importer]", file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python3 -m zarathustra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("import", help="make architecture and parameters of a model")
    kinds = command.add_subparsers(required=True, metavar="FROM")
    _keras(kinds.add_parser("keras", help="a Keras topology as JSON, with weights"))
    _torch(kinds.add_parser("torch", help="a PyTorch model or exported program of your own"))
    _safetensors(kinds.add_parser("safetensors", help="a checkpoint, renamed by a table"))
    return parser


def _outputs(parser):
    parser.add_argument("--architecture", required=True, metavar="OUT.json")
    parser.add_argument("--parameters", metavar="OUT.safetensors")


def _keras(parser):
    parser.add_argument("--topology", required=True, metavar="MODEL.json")
    parser.add_argument("--weights", metavar="FILE", help=".weights.h5, .npz or .json")
    parser.add_argument(
        "--order", choices=("layers", "trained-first"), default="layers",
        help="order of .npz and .json: of Keras's get_weights(), or of TensorFlow.js's",
    )  # fmt: skip
    parser.add_argument(
        "--shape", action="append", default=[], metavar="INPUT=N,N",
        help="shape of an input, without rows, that the topology leaves open",
    )  # fmt: skip
    _outputs(parser)
    parser.set_defaults(run=_run_keras)


def _run_keras(options):
    from . import from_keras

    if bool(options.parameters) != bool(options.weights):
        raise Refused("usage", "--parameters and --weights go together")
    shapes = dict(_shape(text) for text in options.shape)
    text = read_text(options.topology)
    imported = from_keras.import_json(text, options.weights, order=options.order, shapes=shapes)
    _finish(imported, options)


def _shape(text):
    name, _, sizes = text.partition("=")
    try:
        return name, [int(size) for size in sizes.split(",")]
    except ValueError as error:
        raise Refused("usage", f"--shape {text!r} is not INPUT=N,N") from error


def _torch(parser):
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--program", metavar="FILE.pt2", help="of torch.export.save; only your own")
    source.add_argument(
        "--script", metavar="FILE.py",
        help="a program of your own that is run, and defines model() and inputs()",
    )  # fmt: skip
    _outputs(parser)
    parser.set_defaults(run=_run_torch)


def _run_torch(options):
    from . import from_torch

    if options.program:
        _finish(from_torch.import_file(options.program), options)
        return
    spec = importlib.util.spec_from_file_location("model_to_import", options.script)
    if spec is None or spec.loader is None:
        raise Refused("usage", f"{options.script} is no Python program")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in ("model", "inputs") if not callable(getattr(module, name, None))]
    if missing:
        raise Refused("usage", f"{options.script} has to define {' and '.join(missing)}()")
    _finish(from_torch.import_model(module.model().eval(), module.inputs()), options)


def _safetensors(parser):
    parser.add_argument("--checkpoint", required=True, nargs="+", metavar="FILE.safetensors")
    parser.add_argument("--rename", required=True, metavar="TABLE.json|TABLE.toml")
    parser.add_argument("--architecture", required=True, metavar="ARCHITECTURE.json")
    parser.add_argument("--parameters", required=True, metavar="OUT.safetensors")
    parser.set_defaults(run=_run_safetensors)


def _run_safetensors(options):
    from . import from_safetensors

    architecture = from_safetensors.read_architecture(options.architecture)
    table = from_safetensors.read_table(options.rename)
    found = from_safetensors.import_checkpoint(architecture, options.checkpoint, table)
    from_safetensors.save(found, options.parameters)


def _finish(imported, options):
    imported.save(options.architecture, options.parameters)
    for note in imported.notes:
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
