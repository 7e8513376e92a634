"""Scores a model that should answer x * x for x in [-1, 1].

Each sample score is 1 - (x * x - answer)^2 / V, so that their mean estimates R^2.
V is the variance of x^2 for x uniform on [-1, 1]: 1/5 - (1/3)^2 = 4/45, a
constant of the task and not of the sample.
"""

from zarathustra_evaluator import Evaluator, f32

VARIANCE = 4.0 / 45.0


class WitWorld(Evaluator):
    def sample(self, rng):
        # The model gets x as a 32-bit float, and is judged on that.
        x = f32(rng.uniform(-1.0, 1.0))
        return [x], x * x

    def score(self, output, target):
        error = target - output[0]
        return 1.0 - error * error / VARIANCE
