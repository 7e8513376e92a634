"""Scores a model that should answer x * x for x in [-1, 1].

Each sample score is 1 - (y - answer)^2 / V, so that their mean estimates R^2.
V is the variance of x^2 for x uniform on [-1, 1]: 1/5 - (1/3)^2 = 4/45, a
constant of the task and not of the sample.
"""

import random
import struct

from componentize_py_types import Err
from wit_world.imports import errors, graph, tensor

VARIANCE = 4.0 / 45.0
BATCH = 1024


class WitWorld:
    def evaluate(self, seed: bytes, samples: int) -> list[float]:
        points = random.Random(int.from_bytes(seed, "big"))
        try:
            model = graph.load_by_name("model").init_execution_context()
            scores = []
            while len(scores) < samples:
                count = min(BATCH, samples - len(scores))
                # The model gets x as 32-bit floats, and is judged on those.
                data = struct.pack(f"<{count}f", *(points.uniform(-1.0, 1.0) for _ in range(count)))
                rows = tensor.Tensor([count, 1], tensor.TensorType.FP32, data)
                [(_, answers)] = model.compute([("input", rows)])
                for (x,), (answer,) in zip(struct.iter_unpack("<f", data), struct.iter_unpack("<f", answers.data())):
                    error = x * x - answer
                    scores.append(1.0 - error * error / VARIANCE)
            return scores
        except Err as failure:
            error = failure.value
            raise Err(error.data() if isinstance(error, errors.Error) else str(error)) from failure
