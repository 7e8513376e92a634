"""Import of PyTorch models through ``torch.export``.

The graph of the exported program is walked as PyTorch's core operations (ATen) before any
decomposition; nothing depends on which modules or functions of Python led to them.
"""

import logging

import torch

from ..errors import Refused
from . import elementwise, layers, moving, recurrent, windows
from .walk import Walk

HANDLERS = {
    **moving.HANDLERS,
    **windows.HANDLERS,
    **recurrent.HANDLERS,
    **elementwise.HANDLERS,
    **layers.HANDLERS,
}
"""What each operation becomes."""


def import_model(model, inputs):
    """Imports a ``torch.nn.Module`` in evaluation mode.

    ``inputs`` are examples of its positional arguments, tensors with the rows first.
    """
    if any(module.training for module in model.modules()):
        raise Refused("torch_training", "the model is in training mode; call model.eval()")
    return import_program(export(model, inputs))


def export(model, inputs):
    """Exports a model with an open number of rows."""
    inputs = tuple(inputs)
    wrong = [i for i in inputs if not isinstance(i, torch.Tensor) or i.ndim == 0]
    if wrong or not inputs:
        raise Refused("torch_inputs", "example inputs have to be tensors with the rows first")
    # One row would be taken for a constant.
    wide = tuple(x if len(x) > 1 else x.expand(2, *x.shape[1:]).clone() for x in inputs)
    rows = torch.export.Dim("rows", min=2)
    open_rows = tuple({0: rows} for _ in wide)
    log = logging.getLogger("torch")
    level = log.level
    # What it says of a failure it raises too.
    log.setLevel(logging.CRITICAL)
    try:
        return torch.export.export(model, wide, dynamic_shapes=open_rows)
    except Exception as error:  # PyTorch raises many types here.
        try:
            return torch.export.export(model, tuple(x[:1] for x in inputs))
        except Exception:
            first = str(error).strip().splitlines()
            detail = first[0] if first else type(error).__name__
            raise Refused("torch_export", f"torch.export fails: {detail}") from error
    finally:
        log.setLevel(level)


def import_file(path):
    """Imports a program of ``torch.export.save``.

    PyTorch's loader is not made for files of strangers: only load programs of your own.
    """
    try:
        program = torch.export.load(path)
    except Exception as error:  # PyTorch raises many types here.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise Refused("torch_load", f"read {path}: {lines[0]}") from error
    return import_program(program)


def import_program(program):
    """Imports a ``torch.export.ExportedProgram``."""
    walk = Walk(program, HANDLERS)
    return walk.graph.finish(walk.run())
