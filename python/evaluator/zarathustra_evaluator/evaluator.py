"""From `sample` and `score` to the program that operators run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from random import Random
from typing import Any

from .model import BATCH_ROWS, INSIDE, Model
from .randomness import rng
from .tensors import FP32, Dtype, Tensor

if INSIDE:
    from componentize_py_types import Err

OUTPUT = "output"


@dataclass(frozen=True)
class Input:
    """One input of the model: the dimensions of a row, and the type of its elements."""

    shape: tuple[int, ...]
    dtype: Dtype = FP32

    @property
    def elements(self) -> int:
        """Elements of one row."""
        return prod(self.shape)


class Evaluator:
    """A program that draws samples from the seed and scores the model's answers.

    A subclass defines `sample` and `score`, and `inputs` where the model takes something other
    than one number. One that needs more than one question per sample overrides `scores`.
    """

    #: The model's inputs, named as in its architecture.
    inputs: Mapping[str, Input] = {"input": Input((1,))}
    #: Samples that are drawn, asked about and scored at a time; bounds memory.
    batch: int = BATCH_ROWS

    def sample(self, rng: Random) -> tuple[Sequence[float] | Mapping[str, Sequence[float]], Any]:
        """One sample: what the model is asked, and what `score` needs to judge the answer.

        The question is the elements of one row in row-major order; for several inputs, a mapping
        from their names to such rows. All randomness has to come from `rng`.
        """
        raise NotImplementedError

    def score(self, output: tuple[float, ...], target: Any) -> float:
        """The score of one sample, higher is better; the host clips it to the request's range.

        `output` holds the elements of the row that the model answered.
        """
        raise NotImplementedError

    def scores(self, model: Model, rng: Random, samples: int) -> list[float]:
        """The scores of `samples` samples.

        Rows have to be presented in the order of the samples, equally many for each.
        """
        found: list[float] = []
        while len(found) < samples:
            count = min(self.batch, samples - len(found))
            drawn = [self.sample(rng) for _ in range(count)]
            answers = model.run(self._questions([question for question, _ in drawn]))[OUTPUT].rows()
            found.extend(self._judged(answers, drawn))
        return found

    def _judged(self, answers: Iterator[tuple], drawn: list) -> Iterator[float]:
        for answer, (_, target) in zip(answers, drawn, strict=True):
            yield float(self.score(answer, target))

    def _questions(self, rows: list) -> dict[str, Tensor]:
        if isinstance(rows[0], Mapping):
            columns = {name: [row[name] for row in rows] for name in self.inputs}
        else:
            (name,) = self.inputs
            columns = {name: rows}
        return {name: self._tensor(name, column) for name, column in columns.items()}

    def _tensor(self, name: str, rows: list) -> Tensor:
        wanted = self.inputs[name]
        if any(len(row) != wanted.elements for row in rows):
            raise ValueError(f"a row of {name!r} has {wanted.elements} elements")
        values = chain.from_iterable(rows)
        return Tensor.of((len(rows), *wanted.shape), wanted.dtype, values)

    def evaluate(self, seed: bytes, samples: int) -> list[float]:
        """What the host calls. An exception becomes the error that operators see."""
        try:
            return self.scores(Model(), rng(seed), samples)
        except Exception as failure:
            raise Err(f"{type(failure).__name__}: {failure}") from failure
