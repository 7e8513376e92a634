"""The model under test, by way of `wasi:nn`."""

from collections.abc import Mapping
from importlib.util import find_spec

from .tensors import Dtype, Tensor

#: Whether this runs within a component. Outside there is no host that holds a model.
INSIDE = find_spec("wit_world") is not None

if INSIDE:
    # Imported as the component is built: within it there are no files to import from later.
    from componentize_py_types import Err
    from wit_world.imports import errors, graph, tensor

#: The name under which the host holds the model; champion or challenger, the program never knows.
NAME = "model"
#: Rows that are asked about at a time.
BATCH_ROWS = 1024


class ModelError(Exception):
    """The host did not answer. `code` is the error code of `wasi:nn`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class Model:
    """The model under test."""

    def __init__(self, batch_rows: int = BATCH_ROWS) -> None:
        """Asks the host for the model."""
        if not INSIDE:
            raise RuntimeError("there is a model only within a component")
        if batch_rows < 1:
            raise ValueError("a batch has at least one row")
        self._batch_rows = batch_rows
        self._context = _answer(lambda: graph.load_by_name(NAME).init_execution_context())

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the model answers to rows of inputs, by name.

        The inputs are named as in the architecture and have equally many rows, which are asked
        about `batch_rows` at a time. The one output is named `output`.
        """
        counts = {value.shape[0] for value in inputs.values()}
        if len(counts) != 1:
            raise ValueError("the inputs have to have equally many rows")
        rows = counts.pop()
        if rows <= self._batch_rows:
            return self._compute(inputs)
        parts = []
        for start in range(0, rows, self._batch_rows):
            batch = {name: value.part(start, start + self._batch_rows) for name, value in inputs.items()}
            parts.append(self._compute(batch))
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}

    def _compute(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        named = [(name, _to_host(value)) for name, value in inputs.items()]
        answers = _answer(lambda: self._context.compute(named))
        return {name: _from_host(value) for name, value in answers}


def _joined(parts: list[Tensor]) -> Tensor:
    first = parts[0]
    shape = (sum(part.shape[0] for part in parts), *first.row_shape)
    return Tensor(shape, first.dtype, b"".join(part.data for part in parts))


def _to_host(value: Tensor) -> "tensor.Tensor":
    kind = getattr(tensor.TensorType, value.dtype.name)
    return tensor.Tensor(list(value.shape), kind, value.data)


def _from_host(value: "tensor.Tensor") -> Tensor:
    return Tensor(value.dimensions(), Dtype[value.ty().name], value.data())


def _answer(call):
    """What a call to the host answers; its errors become a ModelError."""
    try:
        return call()
    except Err as failure:
        error = failure.value
        if not isinstance(error, errors.Error):
            raise ModelError("unknown", str(error)) from failure
        code = error.code().name.lower().replace("_", "-")
        raise ModelError(code, error.data()) from failure
