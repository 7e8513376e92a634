"""`wasi:nn` with a model that a test sets: a function from named tensors to named tensors."""

from enum import Enum
from types import SimpleNamespace

from componentize_py_types import Err

#: What a test puts here is the model under test; None is no model at all.
under_test = SimpleNamespace(model=None, asked=[])


class _Error:
    def __init__(self, code, data):
        self._code, self._data = code, data

    def code(self):
        return self._code

    def data(self):
        return self._data


class _ErrorCode(Enum):
    INVALID_ARGUMENT = 0
    NOT_FOUND = 6


class _TensorType(Enum):
    FP16 = 0
    FP32 = 1
    FP64 = 2
    BF16 = 3
    U8 = 4
    I32 = 5
    I64 = 6


class _Tensor:
    def __init__(self, dimensions, ty, data):
        assert isinstance(dimensions, list) and isinstance(data, bytes)
        self._dimensions, self._ty, self._data = dimensions, ty, data

    def dimensions(self):
        return self._dimensions

    def ty(self):
        return self._ty

    def data(self):
        return self._data


class _Context:
    def compute(self, inputs):
        under_test.asked.append([(name, value.dimensions(), value.ty().name) for name, value in inputs])
        answer = under_test.model(dict(inputs))
        if isinstance(answer, str):
            raise Err(_Error(_ErrorCode.INVALID_ARGUMENT, answer))
        return list(answer.items())


class _Graph:
    def init_execution_context(self):
        return _Context()


def _load_by_name(name):
    if name != "model" or under_test.model is None:
        raise Err(_Error(_ErrorCode.NOT_FOUND, "there is no such model"))
    return _Graph()


errors = SimpleNamespace(Error=_Error, ErrorCode=_ErrorCode)
tensor = SimpleNamespace(Tensor=_Tensor, TensorType=_TensorType)
graph = SimpleNamespace(load_by_name=_load_by_name)
