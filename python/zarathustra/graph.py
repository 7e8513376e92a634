"""An architecture while it is made: nodes, their shapes, and their parameters."""

import json
import re

import numpy as np

from .errors import Refused, Unsupported
from .parameters import implied
from .shapes import infer

VERSION = 2
"""Version of the architecture file that is written."""


MAX_NAME = 128
"""Longest name."""

MAX_NODES = 4096
"""Most nodes."""

MAX_RANK, MAX_DIMENSION = 8, 1 << 24
"""Bounds of shapes."""

MAX_BYTES = 1 << 20
"""Largest architecture file."""


def plain(name):
    """``name`` with what names may not hold replaced by ``_``, and cut."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[: MAX_NAME - 8] or "_"


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
        self._wishes = {}

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
        if len(shape) > MAX_RANK or max(shape) > MAX_DIMENSION:
            raise Unsupported(f"a result of shape {shape} is too large")
        if not attributes.get("epsilon", 1) > 0:
            raise Unsupported("epsilon has to be positive")
        wish, name = plain(name), self.free(name)
        self._wishes[name] = wish
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
        if len(nodes) > MAX_NODES:
            message = f"the model becomes {len(nodes)} nodes, and {MAX_NODES} are allowed"
            raise Refused("architecture_too_large", message)
        final = self._final_names(nodes)
        nodes = [
            {**n, "name": final[n["name"]], "inputs": [final[i] for i in n["inputs"]]}
            for n in nodes
        ]
        output = final[output]
        kept = {}
        for key, array in self.parameters.items():
            owner = self._owners[key]
            if owner in wanted:
                kept[final[owner] + key[len(owner) :]] = array
        architecture = {
            "version": VERSION, "inputs": self.inputs, "nodes": nodes, "output": output,
        }  # fmt: skip
        shapes = {k: v.shape for k, v in kept.items()}
        if kept and shapes != implied(architecture):
            raise AssertionError("the parameters are not those that the architecture implies")
        return Imported(
            architecture,
            kept,
            list(dict.fromkeys(self.notes)),
            {final[name]: self.shapes[name] for name in wanted},
        )

    def _final_names(self, nodes):
        """Names as wished, where what took them first was left out."""
        final = {i["name"]: i["name"] for i in self.inputs}
        taken = set(final)
        for node in nodes:
            wish = name = self._wishes[node["name"]]
            count = 1
            while name in taken:
                count += 1
                name = f"{wish}_{count}"
            final[node["name"]] = name
            taken.add(name)
        return final


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
        """The architecture file's text, with a line for each node."""
        lines = ",\n    ".join(json.dumps(node) for node in self.architecture["nodes"])
        text = (
            f'{{\n  "version": {VERSION},\n'
            f'  "inputs": {json.dumps(self.architecture["inputs"])},\n'
            f'  "nodes": [\n    {lines}\n  ],\n'
            f'  "output": {json.dumps(self.architecture["output"])}\n}}\n'
        )
        if len(text) > MAX_BYTES:
            message = f"the architecture has {len(text)} bytes, and {MAX_BYTES} are allowed"
            raise Refused("architecture_too_large", message)
        return text

    def save(self, architecture, parameters=None):
        """Writes the architecture file and, if asked, the parameters as safetensors."""
        from safetensors.numpy import save_file

        if parameters is not None:
            infinite = [k for k, v in self.parameters.items() if not np.isfinite(v).all()]
            if infinite:
                items = [(key, "holds a value that is not finite") for key in infinite]
                raise Refused("not_finite", "parameters have to be finite", items)
            save_file(self.parameters, parameters)
        text = self.json()
        with open(architecture, "w", encoding="utf-8") as file:
            file.write(text)
