"""Imports models of Keras and PyTorch, and safetensors checkpoints, into Zarathustra's form.

A model here is an architecture (JSON) and parameters (safetensors); ``docs/models.md`` describes
both. From Python::

    from zarathustra import from_keras, from_torch

    imported = from_torch.import_model(model.eval(), [example])
    imported.save("architecture.json", "parameters.safetensors")
"""

from .errors import Refused

__all__ = ["Refused"]
