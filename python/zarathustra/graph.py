"""An architecture while it is made: nodes, their shapes, and their parameters."""

import json
import re

import numpy as np

from .errors import Refused, Unsupported
from .shapes import infer

VERSION = 2
"""Version of the architecture file that is written."""


def plain(name):
    """``name`` with what names may not hold replaced by ``_``."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"


class Graph:
    """Nodes in the order in which they are computed, and parameters by ``node.suffix``.

    ``notes`` are things that a user should know, such as weights that were shared.
    """

    def __init__(self):
        self.inputs = []
        self.nodes = []
        self.parameters = {}
        self.shapes = {}
        self.notes = []
        self._owners = {}

    def input(self, name, shape, dtype):
        """Declares an input of ``shape`` without rows, of ``dtype`` f32 or i32."""
        name = self.free(name)
        self.inputs.append({"name": name, "shape": [int(n) for n in shape], "dtype": dtype})
        self.shapes[name] = [int(n) for n in shape]
        return name

    def free(self, name):
        """A name after ``name`` that is not taken."""
        name = plain(name)
        found, count = name, 1
        while found in self.shapes:
            count += 1
            found = f"{name}_{count}"
        return found

    def add(self, op, inputs, name, **attributes):
        """Appends a node and returns its name; ``name`` is a wish."""
        shape = infer(op, [self.shapes[source] for source in inputs], attributes)
        name = self.free(name)
        self.nodes.append({"name": name, "op": op, "inputs": list(inputs), **attributes})
        self.shapes[name] = shape
        return name

    def node(self, name):
        """The node called ``name``, or ``None`` for an input."""
        return next((node for node in reversed(self.nodes) if node["name"] == name), None)

    def set(self, node, **arrays):
        """Gives ``node`` its parameters; ``__`` in a keyword stands for a dot."""
        for suffix, array in arrays.items():
            key = f"{node}.{suffix.replace('__', '.')}"
            if key in self.parameters:
                raise Unsupported(f"parameter {key} is named twice")
            self.parameters[key] = np.ascontiguousarray(array, dtype=np.float32)
            self._owners[key] = node

    def transpose(self, source, order, name):
        """``source`` with its dimensions in another order; itself where nothing changes."""
        order = [int(d) for d in order]
        if order == sorted(order):
            return source
        before = self.node(source)
        if before and before["op"] == "transpose":
            # One behind the other make one, or none.
            source = before["inputs"][0]
            order = [before["order"][d] for d in order]
            if order == sorted(order):
                return source
        return self.add("transpose", [source], name, order=order)

    def reshape(self, source, shape, name):
        """``source`` under another shape; itself where nothing changes."""
        shape = [int(n) for n in shape]
        if shape == self.shapes[source]:
            return source
        return self.add("reshape", [source], name, shape=shape)

    def finish(self, output):
        """Leaves out what ``output`` does not need and returns the :class:`Imported` model."""
        wanted = {output}
        for node in reversed(self.nodes):
            if node["name"] in wanted:
                wanted.update(node["inputs"])
        idle = [i["name"] for i in self.inputs if i["name"] not in wanted]
        if idle:
            items = [(name, "is not used by the output") for name in idle]
            raise Refused("unused_input", "every input has to be used", items)
        nodes = [node for node in self.nodes if node["name"] in wanted]
        if not nodes:
            raise Refused("empty_model", "the model computes nothing")
        names = {node["name"] for node in nodes}
        kept = {k: v for k, v in self.parameters.items() if self._owners[k] in names}
        return Imported(
            {"version": VERSION, "inputs": self.inputs, "nodes": nodes, "output": output},
            kept,
            list(dict.fromkeys(self.notes)),
            {name: self.shapes[name] for name in wanted},
        )


class Imported:
    """An imported model.

    ``architecture`` is the content of the architecture file, ``parameters`` maps names to arrays
    of 32-bit floats, ``notes`` are sentences for the user, ``shapes`` the shape of each result.
    """

    def __init__(self, architecture, parameters, notes, shapes):
        self.architecture = architecture
        self.parameters = parameters
        self.notes = notes
        self.shapes = shapes

    def json(self):
        """The architecture file's text."""
        return json.dumps(self.architecture, indent=2) + "\n"

    def save(self, architecture, parameters=None):
        """Writes the architecture file and, if asked, the parameters as safetensors."""
        from safetensors.numpy import save_file

        if parameters is not None:
            infinite = [k for k, v in self.parameters.items() if not np.isfinite(v).all()]
            if infinite:
                items = [(key, "holds a value that is not finite") for key in infinite]
                raise Refused("not_finite", "parameters have to be finite", items)
            save_file(self.parameters, parameters)
        with open(architecture, "w", encoding="utf-8") as file:
            file.write(self.json())
