"""Tensors with the two element types that models take: 32-bit floats and 32-bit integers."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from math import prod

ELEMENT_BYTES = 4
_FLOAT = struct.Struct("<f")


class Dtype(Enum):
    """Type of a tensor's elements; the value is its code in `struct`."""

    FP32 = "f"
    I32 = "i"


FP32 = Dtype.FP32
I32 = Dtype.I32


def f32(value: float) -> float:
    """The 32-bit float nearest to a number: what the model gets when it is asked about it.

    A program that judges an answer by the number itself, where the model was asked about the
    rounded one, blames the model for the rounding.
    """
    return _FLOAT.unpack(_FLOAT.pack(value))[0]


class Tensor:
    """Elements in row-major order. The first dimension counts rows."""

    __slots__ = ("data", "dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Dtype, data: bytes) -> None:
        """A tensor from the little-endian bytes of its elements."""
        self.shape = tuple(shape)
        self.dtype = dtype
        self.data = bytes(data)
        if not self.shape or any(not 0 <= size < 2**32 for size in self.shape):
            raise ValueError(f"{self.shape} is no shape of rows")
        if len(self.data) != prod(self.shape) * ELEMENT_BYTES:
            raise ValueError(f"{len(self.data)} bytes are not the elements of shape {self.shape}")

    @classmethod
    def of(cls, shape: Sequence[int], dtype: Dtype, values: Iterable[float]) -> "Tensor":
        """A tensor from its elements.

        Raises OverflowError for a float that no 32-bit float is near to, struct.error for what is
        no 32-bit integer.
        """
        values = tuple(values)
        return cls(shape, dtype, struct.pack(f"<{len(values)}{dtype.value}", *values))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Dimensions of one row."""
        return self.shape[1:]

    def rows(self) -> Iterator[tuple]:
        """The elements of one row after the other."""
        return struct.iter_unpack(f"<{prod(self.row_shape)}{self.dtype.value}", self.data)

    def values(self) -> tuple:
        """All elements."""
        return struct.unpack(f"<{prod(self.shape)}{self.dtype.value}", self.data)

    def part(self, start: int, stop: int) -> "Tensor":
        """The rows from `start` to before `stop`."""
        stop = min(stop, self.shape[0])
        row_bytes = prod(self.row_shape) * ELEMENT_BYTES
        data = self.data[start * row_bytes : stop * row_bytes]
        return Tensor((stop - start, *self.row_shape), self.dtype, data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        return (self.shape, self.dtype, self.data) == (other.shape, other.dtype, other.data)

    __hash__ = None

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.dtype.name})"
