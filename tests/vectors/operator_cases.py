"""The form of operators/*.json: a case, and the files that cases are written to."""

import json
import math
import pathlib

import numpy
import torch

FOLDER = pathlib.Path(__file__).with_name("operators")
FILES = {}


class Case:
    """One architecture with parameters and inputs, drawn from a seed that is the case's name."""

    def __init__(self, file, name, rows=2):
        self.file, self.name, self.rows = file, name, rows
        seed = [ord(letter) for letter in f"{file}/{name}"]
        self.random = numpy.random.default_rng(seed)
        self.inputs, self.parameters, self.values = [], [], []
        self.nodes = []

    def draw(self, shape, scale):
        return numpy.round(self.random.uniform(-scale, scale, shape), 2).astype("float32")

    def input(self, shape, scale=3.0, name=None, values=None):
        """A model input of 32-bit floats; answers its rows for PyTorch."""
        if values is None:
            values = self.draw([self.rows, *shape], scale)
        values = numpy.array(values, "float32").reshape([self.rows, *shape])
        return self._input(shape, name, "f32", values)

    def integers(self, shape, below, name=None):
        values = self.random.integers(0, below, [self.rows, *shape]).astype("int32")
        return self._input(shape, name, "i32", values)

    def _input(self, shape, name, dtype, values):
        name = name or ("x" if not self.inputs else f"x{len(self.inputs)}")
        self.inputs.append({"name": name, "shape": list(shape), "dtype": dtype})
        self.values.append({"name": name, "values": flat(values)})
        tensor = torch.from_numpy(values)
        return tensor.double() if dtype == "f32" else tensor

    def node(self, op, *inputs, name="node"):
        self.nodes.append({"name": name, **op, "inputs": list(inputs or ["x"])})

    def parameter(self, suffix, shape, scale=1.0, offset=0.0, node="node"):
        """Parameters are declared in the order of the schema."""
        values = (self.draw(shape, scale) + numpy.float32(offset)).astype("float32")
        values = numpy.array([float(f"{v:.2f}") for v in values.ravel()], "float32")
        self.parameters.append(
            {"name": f"{node}.{suffix}", "shape": list(shape), "values": flat(values)}
        )
        return torch.from_numpy(values.reshape(shape)).double()

    def expect(self, result):
        assert result.dtype == torch.float64 and result.shape[0] == self.rows
        case = {
            "name": self.name,
            "architecture": {
                "version": 2,
                "inputs": self.inputs,
                "nodes": self.nodes,
                "output": self.nodes[-1]["name"],
            },
            "rows": self.rows,
            "parameters": self.parameters,
            "inputs": self.values,
            "expected": flat(result.numpy().astype("float32")),
        }
        FILES.setdefault(self.file, []).append(case)


def flat(values):
    """The shortest decimals that are these 32-bit floats again, also by way of 64 bits."""
    if values.dtype == numpy.int32:
        return values.ravel().tolist()
    assert values.dtype == numpy.float32 and numpy.isfinite(values).all()
    decimals = [float(str(value)) for value in values.ravel()]
    assert (numpy.array(decimals).astype("float32") == values.ravel()).all()
    return [int(x) if x.is_integer() and (x or math.copysign(1, x) > 0) else x for x in decimals]


def write():
    FOLDER.mkdir(exist_ok=True)
    for file, cases in FILES.items():
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (FOLDER / f"{file}.json").write_text(f"[\n{lines}\n]\n")
    names = [f"{file}/{case['name']}" for file, cases in FILES.items() for case in cases]
    assert len(names) == len(set(names)), "a name stands twice"
    print(f"{len(names)} cases in {len(FILES)} files")
