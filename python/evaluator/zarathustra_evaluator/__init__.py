"""What an evaluation program in Python is written with.

    from zarathustra_evaluator import Evaluator, f32

    class WitWorld(Evaluator):
        def sample(self, rng):
            x = f32(rng.uniform(-1.0, 1.0))
            return [x], x * x

        def score(self, output, target):
            error = target - output[0]
            return 1.0 - error * error

`zarathustra evaluator build` turns such a file into a component. The class has to be named
`WitWorld`. Everything here runs within the component and stands on the standard library alone;
outside, `sample` and `score` can be called and tested as they are.
"""

from .evaluator import Evaluator, Input
from .model import Model, ModelError
from .randomness import rng
from .tensors import FP32, I32, Dtype, Tensor, f32

__all__ = ["Dtype", "Evaluator", "FP32", "I32", "Input", "Model", "ModelError", "Tensor", "f32", "rng"]
__version__ = "0.1.0"
